//! What comes from the server.

use std::net::SocketAddr;
use std::time::Instant;

use antiphon_stun::{Class, MessageView, Method, Verdict, attribute as stun};

use super::Client;
use super::config::Framing;
use super::error::{InputError, RequestError};
use super::event::{Event, Input, Via};
use super::request::Request;
use crate::wire::attribute as turn;
use crate::wire::{CHANNEL_DATA_HEADER_LEN, ChannelData, TurnMessage as _};

/// Attributes of responses and indications that are understood.
const KNOWN: [u16; 19] = [
    stun::MAPPED_ADDRESS,
    stun::USERNAME,
    stun::ERROR_CODE,
    stun::UNKNOWN_ATTRIBUTES,
    stun::REALM,
    stun::NONCE,
    stun::PASSWORD_ALGORITHM,
    stun::USERHASH,
    stun::XOR_MAPPED_ADDRESS,
    turn::CHANNEL_NUMBER,
    turn::LIFETIME,
    turn::XOR_PEER_ADDRESS,
    turn::DATA,
    turn::XOR_RELAYED_ADDRESS,
    turn::REQUESTED_ADDRESS_FAMILY,
    turn::REQUESTED_TRANSPORT,
    turn::DONT_FRAGMENT,
    turn::RESERVATION_TOKEN,
    turn::CONNECTION_ID,
];

impl Client {
    /// Takes one datagram of the control connection, or one message of it, that came from `from`.
    /// What rises is a range of `bytes`; the way of data allocates nothing.
    ///
    /// # Errors
    ///
    /// [`InputError`] says why it was dropped; nothing has changed then.
    pub fn handle_input(
        &mut self,
        now: Instant,
        from: SocketAddr,
        bytes: &[u8],
    ) -> Result<Input, InputError> {
        self.clock.advance(now);
        //= rfc8656#11.4
        // Only the server speaks to us here.
        if from != self.server {
            return Err(InputError::Source { from });
        }
        let Some((first, _)) = bytes.split_first() else {
            return Err(InputError::Parse(antiphon_stun::ParseError::Truncated { have: 0 }));
        };
        match first {
            0x40..=0x7f => self.handle_channel_data(bytes),
            0..=3 => {
                let view = MessageView::parse(bytes)?;
                if view.has_fingerprint() && !view.verify_fingerprint() {
                    return Err(InputError::Fingerprint);
                }
                match view.class() {
                    Class::Indication => {
                        self.handle_time(now);
                        self.handle_indication(&view)
                    }
                    Class::Success | Class::Error => {
                        self.handle_time(now);
                        let input = self.handle_response(Via::Control, &view);
                        self.schedule();
                        input
                    }
                    Class::Request => {
                        Err(InputError::Unexpected { method: view.method().number() })
                    }
                }
            }
            other => Err(InputError::NotTurn { first: *other }),
        }
    }

    fn handle_channel_data(&mut self, bytes: &[u8]) -> Result<Input, InputError> {
        let ChannelData { number, data } = ChannelData::parse(bytes)?;
        //= rfc8656#12.6
        // A channel that nobody bound carries nothing.
        let peer = self
            .channels
            .peer(number)
            .ok_or(InputError::UnboundChannel { number: number.number() })?;
        self.stats.received = self.stats.received.saturating_add(1);
        let end = CHANNEL_DATA_HEADER_LEN.saturating_add(data.len());
        Ok(Input::Data { peer, payload: CHANNEL_DATA_HEADER_LEN..end })
    }

    fn handle_indication(&mut self, view: &MessageView<'_>) -> Result<Input, InputError> {
        if view.unknown_comprehension_required(&KNOWN).next().is_some() {
            return Err(InputError::NotUnderstood);
        }
        match view.method() {
            Method::DATA => self.handle_data(view),
            Method::CONNECTION_ATTEMPT => {
                let input = self.handle_attempt(view);
                self.schedule();
                input
            }
            method => Err(InputError::Unexpected { method: method.number() }),
        }
    }

    fn handle_data(&mut self, view: &MessageView<'_>) -> Result<Input, InputError> {
        if !self.is_allocated() {
            return Err(InputError::NotAllocated);
        }
        //= rfc8656#11.4
        // A Data indication names a peer, and carries data or says that data did not arrive.
        let Some(peer) = view.xor_peer_address()? else { return Err(InputError::NotUnderstood) };
        //= rfc8656#11.4
        // From a peer without permission nothing is taken.
        if !self.permissions.is_active(peer.ip()) {
            return Err(InputError::NoPermission { peer });
        }
        if let Some(icmp) = view.icmp()? {
            //= rfc8656#11.6
            // Told to the owner, who knows what was sent.
            self.tell_if_room(Event::Icmp { peer, icmp });
            return Ok(Input::Control);
        }
        let Some(data) = view.data() else { return Err(InputError::NotUnderstood) };
        let start = data.as_ptr().addr().saturating_sub(view.as_bytes().as_ptr().addr());
        self.stats.received = self.stats.received.saturating_add(1);
        Ok(Input::Data { peer, payload: start..start.saturating_add(data.len()) })
    }

    /// Pairs a response with its request, judges it, and draws the consequence.
    pub(super) fn handle_response(
        &mut self,
        via: Via,
        view: &MessageView<'_>,
    ) -> Result<Input, InputError> {
        let index = self.requests.iter().position(|request| request.is_answered_by(via, view));
        let index = index.ok_or(InputError::UnknownTransaction)?;
        let mut request = self.requests.remove(index);
        let reliable = self.config.framing == Framing::Stream;
        let auth = self.connections.auth_mut(via).or(self.auth.as_mut());
        let verdict = match auth {
            Some(auth) => auth.handle_response(view, &mut request.attempt, reliable),
            None => Verdict::Unproven,
        };
        match verdict {
            Verdict::Discard => {
                // As if it had never come: the request stays where it was.
                self.stats.unproven = self.stats.unproven.saturating_add(1);
                self.requests.insert(index, request);
            }
            Verdict::Retry => {
                self.stats.challenges = self.stats.challenges.saturating_add(1);
                self.ask(request.purpose, via, request.attempt);
            }
            Verdict::Failed(error) => {
                self.request_failed(&request, RequestError::Unauthorized(error));
            }
            Verdict::Authenticated | Verdict::Unproven => {
                self.conclude(request, view, verdict == Verdict::Authenticated);
            }
        }
        Ok(Input::Control)
    }

    fn conclude(&mut self, request: Request, view: &MessageView<'_>, signed: bool) {
        //= rfc8489#6.3.3
        // A success that cannot be understood is a failure.
        //= rfc8489#6.3.4
        // So is an error that cannot be understood.
        let understood = view.unknown_comprehension_required(&KNOWN).next().is_none();
        match view.error_code() {
            None if understood && view.class() == Class::Success => {
                self.request_succeeded(request, view);
            }
            Some(error) if understood && view.class() == Class::Error => {
                self.request_refused(request, view, error.code(), signed);
            }
            _ => self.request_failed(&request, RequestError::Malformed),
        }
    }
}
