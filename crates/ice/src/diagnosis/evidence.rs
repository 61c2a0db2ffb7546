use std::net::SocketAddr;
use std::time::Duration;

/// So many errors of servers are remembered.
const MAX_SERVER_ERRORS: usize = 8;

/// An error of a server that the owner talks to, such as a TURN server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServerError {
    /// The server; `None` when its name was not found.
    pub server: Option<SocketAddr>,
    /// What went wrong.
    pub kind: ServerErrorKind,
}

/// What went wrong with a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ServerErrorKind {
    /// User name or password were refused (401, 438, 441).
    Unauthorized {
        /// STUN's error code.
        code: u16,
    },
    /// The server does not do this for us (403).
    Forbidden,
    /// The user has as many allocations as it may (486), or the server has no room (508).
    QuotaReached,
    /// Nobody answers at the address, or the connection was refused.
    Unreachable,
    /// No answer in time.
    TimedOut,
    /// The TLS or DTLS handshake failed.
    TlsFailed,
    /// The name was not found.
    DnsFailed,
    /// Another error code of STUN.
    Other {
        /// The code.
        code: u16,
    },
}

/// What points to the causes. Counted since birth, a new generation begins most of it anew.
#[derive(Debug, Default)]
pub(crate) struct Evidence {
    /// Checks sent, retransmissions included, and answered, in this generation.
    pub(crate) checks_sent: u64,
    pub(crate) checks_answered: u64,
    pub(crate) checks_timed_out: u64,
    /// Authentic requests of the peer.
    pub(crate) peer_checks: u64,
    /// Requests with another ufrag than ours before the colon.
    pub(crate) wrong_ufrag: u64,
    /// Requests with our ufrag and a wrong tag.
    pub(crate) wrong_tag: u64,
    /// Answers to our checks whose tag is wrong.
    pub(crate) unauthentic_answers: u64,
    /// 401 or 400 to our checks, not authentic, from where we sent them.
    pub(crate) refusals: u64,
    pub(crate) role_conflicts: u64,
    /// Nominations of ours that failed.
    pub(crate) nominations_failed: u64,
    pub(crate) stun_failures: u64,
    pub(crate) stun_answers: u64,
    pub(crate) names_asked: u64,
    pub(crate) names_failed: u64,
    pub(crate) permissions_refused: u64,
    pub(crate) connections_failed: u64,
    pub(crate) unreachable: u64,
    /// Candidates of the peer that a filter kept out.
    pub(crate) filtered: u64,
    /// Candidates of the peer that were signalled and taken.
    pub(crate) signalled: u64,
    /// The time between the last answer and the end of consent, the latest.
    pub(crate) consent_lost: Option<Duration>,
    /// The latest address of ours that pairs died with was taken away while in use.
    pub(crate) address_lost: bool,
    pub(crate) server_errors: Vec<ServerError>,
}

impl Evidence {
    pub(crate) fn note_server(&mut self, error: ServerError) {
        if self.server_errors.contains(&error) {
            return;
        }
        if self.server_errors.len() >= MAX_SERVER_ERRORS {
            self.server_errors.remove(0);
        }
        self.server_errors.push(error);
    }

    /// A new generation: what servers and addresses did still counts.
    pub(crate) fn begin_again(&mut self) {
        *self = Self {
            stun_failures: self.stun_failures,
            stun_answers: self.stun_answers,
            server_errors: std::mem::take(&mut self.server_errors),
            ..Self::default()
        };
    }
}
