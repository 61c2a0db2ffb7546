//! What comes after the handshake: repetitions, acknowledgements, new keys, new connection ids.

use std::time::Instant;

use crate::connection::{Connection, State};
use crate::handshake::{Message, Received, Taken, fragments};
use crate::wire::Alert;
use crate::wire::ack::{Ack, RecordNumber};
use crate::wire::alert::{AlertMessage, WARNING};
use crate::wire::connection_ids::{NewConnectionId, parse_request};
use crate::wire::handshake::HandshakeType;
use crate::wire::key_update;
use crate::{CloseReason, InputError, KeyUpdateError, Violation};

/// The highest epoch that we use. Nobody gets there: it is what RFC 9147's revision allows.
const MAX_EPOCH: u64 = 0xffff;

impl Connection {
    /// Goes on with new keys as soon as the peer has agreed, and with `request_peer` has the peer do
    /// the same. Happens by itself when a key has protected half of what it may. A change that is
    /// under way already is not followed by another.
    ///
    /// # Errors
    ///
    /// [`KeyUpdateError::NotConnected`], [`KeyUpdateError::Version`] with DTLS 1.2, and
    /// [`KeyUpdateError::TooManyEpochs`] or [`KeyUpdateError::TooManyMessages`] when numbers have
    /// run out.
    pub fn update_keys(&mut self, now: Instant, request_peer: bool) -> Result<(), KeyUpdateError> {
        self.handle_timeout(now);
        let epoch = self.records.newest_write();
        let State::Established(established) = &mut self.state else {
            return Err(KeyUpdateError::NotConnected);
        };
        if !established.verified {
            return Err(KeyUpdateError::NotConnected);
        }
        if !established.is_13() {
            return Err(KeyUpdateError::Version);
        }
        //= rfc9147#8
        // Epochs never start again.
        if epoch >= MAX_EPOCH {
            return Err(KeyUpdateError::TooManyEpochs(epoch));
        }
        if established.next_seq > u32::from(u16::MAX) {
            return Err(KeyUpdateError::TooManyMessages(u32::from(u16::MAX)));
        }
        established.want_update(request_peer);
        established.say_update(epoch, &self.config);
        Ok(())
    }

    /// New keys before the old ones are worn out.
    pub(super) fn renew_keys(&mut self) {
        if !self.records.wants_new_keys() {
            return;
        }
        let epoch = self.records.newest_write();
        if let State::Established(established) = &mut self.state
            && established.is_13()
            && epoch < MAX_EPOCH
        {
            //= rfc9147#4.5.3
            // Keys change before they have protected too much.
            established.want_update(false);
            established.say_update(epoch, &self.config);
        }
    }

    /// A handshake record after a handshake of DTLS 1.2.
    pub(super) fn handle_late_handshake(&mut self, payload: &[u8]) -> Result<(), InputError> {
        let State::Established(established) = &mut self.state else {
            return Err(InputError::Closed);
        };
        for fragment in fragments(payload) {
            let Ok((header, _)) = fragment else { return Err(InputError::Fragment) };
            if header.kind == HandshakeType::Finished {
                if header.is_last() {
                    established.repeat(&self.clock, &mut self.stats);
                }
            } else if established.refuses(&self.clock) {
                //= rfc8827#6.5
                // Renegotiation is refused.
                let alert = AlertMessage { level: WARNING, alert: Alert::NO_RENEGOTIATION };
                self.alert.get_or_insert(alert);
            }
        }
        Ok(())
    }

    /// A handshake record after a handshake of DTLS 1.3.
    pub(super) fn handle_post_handshake(
        &mut self,
        payload: &[u8],
        number: RecordNumber,
    ) -> Result<(), InputError> {
        let newest = self.records.newest_read();
        let State::Established(established) = &mut self.state else {
            return Err(InputError::Closed);
        };
        let delivery = &mut established.delivery;
        let mut received = Received::nothing_yet();
        for fragment in fragments(payload) {
            let taken = match fragment {
                Err(_) => Taken::Wrong(Violation::HandshakeRecord),
                Ok((header, _))
                    if u32::from(header.message_seq) < delivery.reassembly.next_seq() =>
                {
                    Taken::Old
                }
                //= rfc9147#8
                // Nothing new comes in an epoch that ended.
                Ok((header, _)) if number.epoch < newest => {
                    Taken::Wrong(Violation::ExcessData(header.kind))
                }
                Ok((header, bytes)) => delivery.insert(header, bytes),
            };
            received.add(taken, &mut self.stats);
        }
        if received.complete {
            delivery.acknowledge(number);
        }
        if let Some(violation) = received.wrong {
            self.finish(CloseReason::PeerMisbehaved(violation));
            return Ok(());
        }
        self.handle_post_messages();
        if received.used { Ok(()) } else { Err(InputError::Fragment) }
    }

    fn handle_post_messages(&mut self) {
        while let State::Established(established) = &mut self.state {
            let Some(message) = established.delivery.reassembly.pop() else { return };
            if let Err(reason) = self.handle_post_message(&message) {
                self.finish(reason);
            }
        }
    }

    fn handle_post_message(&mut self, message: &Message) -> Result<(), CloseReason> {
        let kind = message.kind;
        let malformed =
            |error| CloseReason::PeerMisbehaved(Violation::Malformed { message: kind, error });
        let unexpected = CloseReason::PeerMisbehaved(Violation::UnexpectedMessage(kind));
        match kind {
            // Sessions are not resumed: the ticket is dropped.
            HandshakeType::NewSessionTicket => Ok(()),
            HandshakeType::KeyUpdate => {
                let requested = key_update::parse(&message.body).map_err(malformed)?;
                self.handle_key_update(requested)
            }
            HandshakeType::NewConnectionId => {
                let ids = NewConnectionId::parse(&message.body).map_err(malformed)?;
                //= rfc9147#9
                // New ids are for peers that use ids.
                if self.records.peer_connection_id().is_empty() {
                    return Err(unexpected);
                }
                if let ([first, ..], true) = (&ids.ids[..], ids.immediate) {
                    self.records.set_peer_connection_id(first);
                }
                Ok(())
            }
            HandshakeType::RequestConnectionId => {
                parse_request(&message.body).map_err(malformed)?;
                if self.records.own_connection_id().is_empty() {
                    return Err(unexpected);
                }
                // One id is all we have; the peer knows it.
                Ok(())
            }
            HandshakeType::HelloRequest
            | HandshakeType::ClientHello
            | HandshakeType::ServerHello
            | HandshakeType::HelloVerifyRequest
            | HandshakeType::EncryptedExtensions
            | HandshakeType::Certificate
            | HandshakeType::ServerKeyExchange
            | HandshakeType::CertificateRequest
            | HandshakeType::ServerHelloDone
            | HandshakeType::CertificateVerify
            | HandshakeType::ClientKeyExchange
            | HandshakeType::Finished
            | HandshakeType::MessageHash
            | HandshakeType::Unknown(_) => Err(unexpected),
        }
    }

    /// The peer goes on with new keys.
    fn handle_key_update(&mut self, requested: bool) -> Result<(), CloseReason> {
        let (newest, writing) = (self.records.newest_read(), self.records.newest_write());
        let State::Established(established) = &mut self.state else { return Ok(()) };
        if newest >= MAX_EPOCH {
            return Err(CloseReason::PeerMisbehaved(Violation::TooManyKeyUpdates));
        }
        if !established.delivery.reassembly.is_empty() {
            let violation = Violation::ExcessData(HandshakeType::KeyUpdate);
            return Err(CloseReason::PeerMisbehaved(violation));
        }
        let provider = &*self.config.provider;
        let peer = established.role.opposite();
        let keys = established.secrets.advance(provider, peer).map_err(CloseReason::Crypto)?;
        if let Some(keys) = keys {
            //= rfc9147#8
            // The old keys still open what is late.
            let installed = self.records.install_read(provider, newest.saturating_add(1), &keys);
            installed.map_err(CloseReason::Crypto)?;
        }
        self.stats.peer_keys_updated = self.stats.peer_keys_updated.saturating_add(1);
        if requested && writing < MAX_EPOCH {
            established.want_update(false);
            established.say_update(writing, &self.config);
        }
        Ok(())
    }

    /// An acknowledgement of the peer's.
    pub(super) fn handle_ack(&mut self, body: &[u8], epoch: u64) -> Result<(), CloseReason> {
        let (config, clock, stats) = (&self.config, &self.clock, &mut self.stats);
        let Ok(ack) = Ack::parse(body) else {
            return Err(CloseReason::PeerMisbehaved(Violation::Ack));
        };
        match &mut self.state {
            State::Handshake(handshake) => handshake
                .handle_ack(ack, epoch, config, clock, stats)
                .map_err(crate::handshake::Failure::reason),
            State::Established(established) => {
                let flight =
                    (established.delivery.flight.only(), established.delivery.flight.epoch());
                let done = established.delivery.handle_ack(ack, epoch, config, stats);
                if done.map_err(CloseReason::PeerMisbehaved)? {
                    self.conclude_flight(flight.0, flight.1)?;
                }
                Ok(())
            }
            State::Idle { .. } | State::Closed(_) => Ok(()),
        }
    }

    /// The peer has all of our flight, whose only message was `only` and whose epoch `epoch`.
    fn conclude_flight(
        &mut self,
        only: Option<HandshakeType>,
        epoch: u64,
    ) -> Result<(), CloseReason> {
        let State::Established(established) = &mut self.state else { return Ok(()) };
        let provider = &*self.config.provider;
        if only == Some(HandshakeType::KeyUpdate) {
            let role = established.role;
            let keys = established.secrets.advance(provider, role).map_err(CloseReason::Crypto)?;
            let next = epoch.saturating_add(1);
            if let Some(keys) = keys {
                //= rfc9147#8
                // Only now are the new keys used.
                let installed = self.records.install_write(provider, next, &keys);
                installed.map_err(CloseReason::Crypto)?;
                self.records.write_epoch = next;
            }
            self.stats.keys_updated = self.stats.keys_updated.saturating_add(1);
        }
        let newest = self.records.newest_write();
        self.records.forget_writing_before(newest);
        established.say_update(newest, &self.config);
        Ok(())
    }
}
