//! What follows from a response within an allocation.

use std::net::IpAddr;
use std::time::Duration;

use antiphon_stun::{Attempt, ErrorCode, MessageView};

use super::error::{LossReason, RequestError};
use super::event::{Event, Via};
use super::request::{Purpose, Request};
use super::{Client, State};
use crate::wire::attribute::code;
use crate::wire::{ChannelNumber, TurnMessage as _};

impl Client {
    pub(super) fn request_succeeded(&mut self, request: Request, view: &MessageView<'_>) {
        match request.purpose {
            Purpose::Allocate => self.allocate_succeeded(view),
            Purpose::Refresh => self.refreshed(view, false),
            Purpose::Move => self.refreshed(view, true),
            Purpose::Release => {
                self.end();
                self.tell(Event::Released);
            }
            Purpose::Permission(peers) => {
                let refresh = self.jittered(self.config.permission_refresh);
                for peer in peers {
                    if self.permissions.installed(self.clock.now(), peer, refresh) {
                        self.tell(Event::PermissionCreated { peer });
                    }
                }
            }
            Purpose::Channel(number, peer) => self.channel_bound(number, peer),
            Purpose::Connect(peer) => self.connect_succeeded(peer, view),
            Purpose::ConnectionBind(connection) => {
                if let Some(peer) = self.connections.take(connection) {
                    self.tell(Event::ConnectionBound { connection, peer });
                }
            }
        }
    }

    fn channel_bound(&mut self, number: ChannelNumber, peer: std::net::SocketAddr) {
        let now = self.clock.now();
        let refresh = self.jittered(self.config.channel_refresh);
        let is_new = self.channels.bound(now, number, refresh);
        //= rfc8656#12.1
        // A binding brings the permission along, or renews it.
        let refresh = self.jittered(self.config.permission_refresh);
        if self.permissions.installed(now, peer.ip(), refresh) {
            self.tell(Event::PermissionCreated { peer: peer.ip() });
        }
        if is_new {
            self.tell(Event::ChannelBound { peer, number });
        }
    }

    fn refreshed(&mut self, view: &MessageView<'_>, moved: bool) {
        let lifetime = match view.lifetime() {
            Ok(Some(lifetime)) if !lifetime.is_zero() => lifetime,
            Ok(_) | Err(_) => return self.lose(LossReason::Refused(RequestError::Malformed)),
        };
        let refresh = self.refresh_delay(lifetime);
        let now = self.clock.now();
        if let State::Allocated(lease) = &mut self.state {
            //= rfc8656#8.3
            // What counts is the server's lifetime, not ours.
            lease.allocation.lifetime = lifetime;
            lease.expires = now.saturating_add(lifetime);
            lease.refresh = Some(now.saturating_add(refresh));
            if let Some(ticket) = view.mobility_ticket().filter(|ticket| !ticket.is_empty()) {
                //= rfc8016#3.2.3
                // The next move needs the new ticket.
                lease.ticket = Some(ticket.into());
            }
            if let (true, Some(mapped)) = (moved, view.xor_mapped_address()) {
                lease.allocation.mapped = mapped;
            }
        }
        if moved {
            self.tell(Event::Moved { mapped: view.xor_mapped_address() });
            self.keep_peers();
        }
    }

    /// When to refresh an allocation of that lifetime: a minute before its end, or at half-time.
    pub(super) fn refresh_delay(&mut self, lifetime: Duration) -> Duration {
        let margin = self.config.refresh_margin.min(lifetime / 2);
        self.jittered(lifetime.saturating_sub(margin))
    }

    /// An error response that was believed.
    pub(super) fn request_refused(
        &mut self,
        request: Request,
        view: &MessageView<'_>,
        number: u16,
        signed: bool,
    ) {
        if request.purpose == Purpose::Allocate {
            return self.allocate_refused(request, view, number, signed);
        }
        let error = match number {
            // Without credentials of our own there is nothing to answer a challenge with.
            ErrorCode::UNAUTHENTICATED => {
                RequestError::Unauthorized(antiphon_stun::AuthError::Refused)
            }
            number => RequestError::from_code(number),
        };
        self.request_failed(&request, error);
    }

    pub(super) fn request_failed(&mut self, request: &Request, error: RequestError) {
        self.purpose_failed(&request.purpose, request.via, error);
    }

    pub(super) fn purpose_failed(&mut self, purpose: &Purpose, via: Via, error: RequestError) {
        let now = self.clock.now();
        match purpose {
            Purpose::Allocate => return self.allocate_failed(error.into()),
            //= rfc8656#8.3
            // It is gone either way: a mismatch says that a lost success had done it.
            Purpose::Release => {
                self.end();
                return self.tell(Event::Released);
            }
            Purpose::Refresh | Purpose::Move => return self.refresh_failed(error),
            Purpose::Permission(peers) => self.permissions_failed(peers, error),
            Purpose::Channel(number, peer) => {
                self.channels.failed(now, *number);
                self.tell(Event::ChannelFailed { peer: *peer, error });
            }
            Purpose::Connect(peer) => {
                self.connections.connected(*peer);
                self.connections.pause(now, *peer);
                self.tell(Event::ConnectFailed { peer: *peer, error });
            }
            Purpose::ConnectionBind(connection) => {
                if let Some(peer) = self.connections.take(*connection) {
                    self.tell(Event::ConnectionFailed { connection: *connection, peer, error });
                }
            }
        }
        // A server that knows no allocation for the control connection has lost all of it.
        if error == RequestError::Mismatch && via == Via::Control && self.is_allocated() {
            self.lose(LossReason::Refused(error));
        }
    }

    fn permissions_failed(&mut self, peers: &[IpAddr], error: RequestError) {
        let about_one = matches!(
            error,
            RequestError::Forbidden | RequestError::BadRequest | RequestError::FamilyMismatch
        );
        //= rfc8656#10.2
        // One bad peer fails the whole request: ask for each alone, so that only it fails.
        if about_one && peers.len() > 1 {
            for peer in peers {
                self.ask(Purpose::Permission(vec![*peer]), Via::Control, Attempt::default());
            }
            return;
        }
        for peer in peers {
            if self.permissions.remove(*peer) {
                self.tell(Event::PermissionFailed { peer: *peer, error });
            }
        }
    }

    /// A refresh that got no answer is tried again while there is time; one that was refused ends it.
    fn refresh_failed(&mut self, error: RequestError) {
        let now = self.clock.now();
        match (&mut self.state, error) {
            (State::Allocated(lease), RequestError::Timeout { .. }) => {
                let again = now.saturating_add(Duration::from_secs(1));
                lease.refresh = Some(again).filter(|again| *again < lease.expires);
            }
            (State::Allocated(_), _) => self.lose(LossReason::Refused(error)),
            (State::Idle | State::Allocating | State::Waiting(_) | State::Releasing, _) => {}
        }
    }
}

impl From<RequestError> for super::AllocateError {
    fn from(error: RequestError) -> Self {
        match error {
            RequestError::Unauthorized(error) => Self::Unauthorized(error),
            RequestError::BadRequest => Self::BadRequest,
            RequestError::Forbidden => Self::Forbidden,
            RequestError::MobilityForbidden => Self::MobilityForbidden,
            RequestError::UnknownAttribute => Self::UnknownAttribute { first: 0 },
            RequestError::WrongCredentials => Self::WrongCredentials,
            RequestError::Timeout { integrity_violated } => Self::Timeout { integrity_violated },
            RequestError::Malformed => Self::Malformed,
            RequestError::TransportFailed => Self::TransportFailed,
            RequestError::Unwritable => Self::Unwritable,
            RequestError::Other { code } => Self::Other { code },
            RequestError::Mismatch => Self::Other { code: code::ALLOCATION_MISMATCH },
            RequestError::FamilyMismatch => Self::Other { code: code::PEER_FAMILY_MISMATCH },
            RequestError::ConnectionExists => Self::Other { code: code::CONNECTION_EXISTS },
            RequestError::ConnectionFailed => Self::Other { code: code::CONNECTION_FAILED },
            RequestError::Quota => Self::Other { code: code::QUOTA_REACHED },
            RequestError::Capacity => Self::Other { code: code::INSUFFICIENT_CAPACITY },
        }
    }
}
