//! What follows from a response to Allocate.

use std::net::SocketAddr;
use std::time::Duration;

use antiphon_stun::{Attempt, ErrorCode, MessageView};

use super::config::{Families, Redirects};
use super::error::AllocateError;
use super::event::{Allocation, Event, Via};
use super::request::{Purpose, Request};
use super::{Client, Lease, State, Wanted};
use crate::wire::TurnMessage as _;
use crate::wire::attribute::{self, Family, code};

/// So many local ports are tried after 437 (RFC 8656 section 7.4).
const MAX_PORTS: u8 = 3;

/// After that the server is left alone (RFC 8656 section 7.4).
const MISMATCH_PAUSE: Duration = Duration::from_secs(120);

/// After 486 and 508 (RFC 8656 section 7.4).
const FULL_PAUSE: Duration = Duration::from_secs(60);

/// Within that time a server is not asked twice because of redirections (RFC 8489 section 10).
const REDIRECT_MEMORY: Duration = Duration::from_secs(300);

impl Client {
    pub(super) fn allocate_succeeded(&mut self, view: &MessageView<'_>) {
        let Some(allocation) = read(view) else {
            return self.allocate_failed(AllocateError::Malformed);
        };
        //= rfc8656#7.3
        // An address of a family that we did not ask for is of no use: give it back.
        let wanted = match self.config.families {
            _ if self.config.reservation_token.is_some() => true,
            Families::One(family) => allocation.relayed(family).is_some(),
            Families::Both => true,
        };
        if !wanted {
            self.end();
            self.ask(Purpose::Release, Via::Control, Attempt::default());
            self.tell(Event::AllocateFailed(AllocateError::AddressFamily));
            return;
        }
        let refresh = self.refresh_delay(allocation.lifetime);
        let now = self.clock.now();
        let ticket = view.mobility_ticket().filter(|_| allocation.mobile).map(Into::into);
        self.state = State::Allocated(Lease {
            allocation,
            //= rfc8656#7.3
            // The server's lifetime counts.
            expires: now.saturating_add(allocation.lifetime),
            refresh: Some(now.saturating_add(refresh)),
            ticket,
        });
        self.tell(Event::Allocated(allocation));
    }

    /// An error response that was believed, or that nobody could sign.
    pub(super) fn allocate_refused(
        &mut self,
        request: Request,
        view: &MessageView<'_>,
        number: u16,
        signed: bool,
    ) {
        match number {
            ErrorCode::UNAUTHENTICATED if self.auth.is_none() => self.want_credentials(view),
            ErrorCode::TRY_ALTERNATE => self.redirected(view, signed),
            ErrorCode::UNKNOWN_ATTRIBUTE => self.not_understood(request, view),
            code::ALLOCATION_MISMATCH => self.mismatch(),
            _ => {
                let retry_after = FULL_PAUSE;
                self.allocate_failed(match number {
                    ErrorCode::BAD_REQUEST => AllocateError::BadRequest,
                    code::FORBIDDEN => AllocateError::Forbidden,
                    code::MOBILITY_FORBIDDEN => AllocateError::MobilityForbidden,
                    code::ADDRESS_FAMILY_NOT_SUPPORTED => AllocateError::AddressFamily,
                    code::WRONG_CREDENTIALS => AllocateError::WrongCredentials,
                    code::UNSUPPORTED_TRANSPORT => AllocateError::UnsupportedTransport,
                    code::QUOTA_REACHED => AllocateError::Quota { retry_after },
                    code::INSUFFICIENT_CAPACITY => AllocateError::Capacity { retry_after },
                    code => AllocateError::Other { code },
                });
            }
        }
    }

    pub(super) fn allocate_failed(&mut self, error: AllocateError) {
        //= rfc8656#7.4
        // A full server gets a minute, one that took us for somebody else two.
        if let AllocateError::Quota { retry_after }
        | AllocateError::Capacity { retry_after }
        | AllocateError::Mismatch { retry_after, .. } = error
        {
            self.leave_alone(retry_after);
        }
        self.end();
        self.tell(Event::AllocateFailed(error));
    }

    /// 401, and we have nothing to say yet.
    fn want_credentials(&mut self, view: &MessageView<'_>) {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let realm = text(view.realm().unwrap_or_default());
        let third_party = view.third_party_authorization().map(text);
        self.state = State::Waiting(Wanted::Credentials);
        self.tell(Event::CredentialsWanted { realm, third_party });
    }

    /// 437: somebody else had our address.
    fn mismatch(&mut self) {
        //= rfc8656#7.4
        // Three local ports, then the server is left alone for two minutes.
        let tried = self.ports_tried;
        if tried >= MAX_PORTS {
            let retry_after = MISMATCH_PAUSE;
            return self.allocate_failed(AllocateError::Mismatch { ports: tried, retry_after });
        }
        self.ports_tried = tried.saturating_add(1);
        self.state = State::Waiting(Wanted::Connection);
        self.tell(Event::NewLocalPortWanted { tried });
    }

    /// 420.
    fn not_understood(&mut self, request: Request, view: &MessageView<'_>) {
        //= rfc8656#7.4
        // A server that does not know DONT-FRAGMENT is asked once more without.
        if self.dont_fragment
            && view.unknown_attributes().any(|kind| kind == attribute::DONT_FRAGMENT)
        {
            self.dont_fragment = false;
            return self.ask(Purpose::Allocate, request.via, Attempt::default());
        }
        let first = view.unknown_attributes().next().unwrap_or(0);
        self.allocate_failed(AllocateError::UnknownAttribute { first });
    }

    /// 300.
    fn redirected(&mut self, view: &MessageView<'_>, signed: bool) {
        //= rfc8489#10
        // An address of the family that we reach this server with.
        let family = self.server.is_ipv4();
        let server = view.alternate_servers().find(|server| server.is_ipv4() == family);
        let Some(server) = server else {
            return self.allocate_failed(AllocateError::RedirectLoop);
        };
        let follow = match self.config.redirects {
            Redirects::Signed => signed,
            Redirects::Any => true,
            Redirects::Never => false,
        };
        if !follow {
            return self.allocate_failed(AllocateError::Redirected { server });
        }
        //= rfc8489#10
        // Whom we asked within five minutes is not asked again.
        let now = self.clock.now();
        self.visited.retain(|(_, at)| now.saturating_sub(*at) < REDIRECT_MEMORY);
        if self.visited.iter().any(|(known, _)| *known == server) {
            return self.allocate_failed(AllocateError::RedirectLoop);
        }
        let domain = view.alternate_domain().map(str::to_owned);
        self.state = State::Waiting(Wanted::Connection);
        self.tell(Event::Redirected { server, domain });
    }
}

/// The allocation that a success describes, if it is complete.
fn read(view: &MessageView<'_>) -> Option<Allocation> {
    let relayed_v4 = view.xor_relayed_address(Family::V4).ok()?;
    let relayed_v6 = view.xor_relayed_address(Family::V6).ok()?;
    let lifetime = view.lifetime().ok()??;
    let usable = |address: Option<SocketAddr>| {
        address.is_some_and(|a| a.port() != 0 && !a.ip().is_unspecified())
    };
    let complete = usable(relayed_v4.or(relayed_v6)) && !lifetime.is_zero();
    complete.then_some(Allocation {
        relayed_v4,
        relayed_v6,
        mapped: view.xor_mapped_address()?,
        lifetime,
        reservation_token: view.reservation_token().ok()?,
        refused: view.address_error_code().ok()?,
        mobile: view.mobility_ticket().is_some_and(|ticket| !ticket.is_empty()),
    })
}
