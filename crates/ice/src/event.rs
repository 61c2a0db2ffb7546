use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};

use crate::candidate::Candidate;
use crate::diagnosis::IceFailure;
use crate::path::Path;

/// Something the application should know about.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A candidate for the peer. It carries the ufrag of its generation.
    LocalCandidate(Candidate),
    /// Gathering went on.
    GatheringState(GatheringState),
    /// The connection went on.
    State(ConnectionState),
    /// [`selected_path`](crate::Agent::selected_path) is now this one.
    SelectedPath(Path),
    /// A STUN server gave no address. Gathering goes on without it.
    StunServerError {
        /// The server.
        server: SocketAddr,
        /// The socket that asked.
        local: SocketAddr,
        /// What went wrong.
        reason: StunServerFailure,
    },
    /// Why the connection failed, as far as one can tell; it follows
    /// [`State`](Self::State)`(`[`Failed`](ConnectionState::Failed)`)`.
    Failed(IceFailure),
    /// The relay at `relay` must let `peer` through before a pair can be checked: answer with
    /// [`permission_granted`](crate::Agent::permission_granted) or
    /// [`permission_refused`](crate::Agent::permission_refused). Asked once; keep it alive yourself.
    PermissionNeeded {
        /// The relayed address, as it was added.
        relay: SocketAddr,
        /// The peer's address, for all its ports.
        peer: IpAddr,
    },
    /// Open a TCP connection from `path.local` (any port, where that is an active candidate) to
    /// `path.remote`; answer with
    /// [`connection_established`](crate::Agent::connection_established) or
    /// [`connection_failed`](crate::Agent::connection_failed). Use this path for all that the
    /// connection carries.
    Connect {
        /// The path.
        path: Path,
        /// Both ends open at once: bind the very port of `path.local`.
        simultaneous: bool,
    },
    /// Close this TCP connection, or stop opening it.
    Disconnect(Path),
    /// Find the address of this name by mDNS and answer with
    /// [`name_resolved`](crate::Agent::name_resolved).
    ResolveName(String),
    /// The connection would be better, or go on at all, after a restart.
    RestartAdvised(RestartReason),
}

/// Why a restart is advisable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RestartReason {
    /// The pair that was in use is gone and no spare one works.
    PathLost,
    /// There is an address that this generation can no longer use.
    NewAddress,
}

/// What went wrong with a STUN server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StunServerFailure {
    /// No answer within the time of a STUN transaction.
    TimedOut,
    /// An error response with this code.
    Refused(u16),
    /// A success response without an address in it.
    NoAddress,
}

impl StunServerFailure {
    /// The `errorCode` of W3C's `icecandidateerror`: STUN's own, or 701 when there was no answer
    /// that could be used.
    #[must_use]
    pub const fn code(self) -> u16 {
        match self {
            Self::Refused(code) => code,
            Self::TimedOut | Self::NoAddress => 701,
        }
    }
}

/// `RTCIceGathererState` of W3C webrtc-pc section 5.6.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[doc(alias = "RTCIceGathererState")]
pub enum GatheringState {
    /// No local address yet.
    New,
    /// Collecting candidates.
    Gathering,
    /// All candidates of this generation are known.
    Complete,
}

/// `RTCIceTransportState` of W3C webrtc-pc section 5.6.3.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[doc(alias = "RTCIceTransportState")]
pub enum ConnectionState {
    /// The peer's credentials are unknown.
    New,
    /// Checking pairs; none is valid yet.
    Checking,
    /// Data can flow; pairs may still be checked, or candidates come.
    Connected,
    /// A pair is nominated, and both sides have named all their candidates.
    Completed,
    /// The peer was not heard lately. This may pass.
    Disconnected,
    /// No pair works, or consent is lost. It takes a restart (or the peer's own checks) to go on.
    Failed,
    /// [`close`](crate::Agent::close) was called.
    Closed,
}

/// Beyond this many, a newer event of a kind replaces the older one of the same kind.
const MANY: usize = 64;
/// Beyond this many the oldest event is forgotten: nobody is listening.
const TOO_MANY: usize = 512;

/// Events on their way to the application. Bounded: states replace each other when nobody looks.
#[derive(Debug, Default)]
pub(crate) struct Events(VecDeque<Event>);

impl Events {
    pub(crate) fn push(&mut self, event: Event) {
        if self.0.len() >= MANY {
            let stale = self.0.iter().position(|old| replaces(&event, old));
            if let Some(stale) = stale {
                self.0.remove(stale);
            }
        }
        if self.0.len() >= TOO_MANY {
            self.0.pop_front();
        }
        self.0.push_back(event);
    }

    pub(crate) fn pop(&mut self) -> Option<Event> {
        let event = self.0.pop_front();
        if self.0.is_empty() && self.0.capacity() > MANY {
            self.0 = VecDeque::new();
        }
        event
    }
}

/// Whether `old` says nothing any more once `new` is known.
fn replaces(new: &Event, old: &Event) -> bool {
    match (old, new) {
        (Event::State(_), Event::State(_))
        | (Event::Failed(_), Event::Failed(_))
        | (Event::SelectedPath(_), Event::SelectedPath(_))
        | (Event::GatheringState(_), Event::GatheringState(_))
        | (Event::RestartAdvised(_), Event::RestartAdvised(_))
        | (Event::StunServerError { .. }, Event::StunServerError { .. }) => true,
        (Event::LocalCandidate(old), Event::LocalCandidate(new)) => old.ufrag != new.ufrag,
        (Event::Connect { path: old, .. }, Event::Disconnect(new)) => old == new,
        (Event::Disconnect(old), Event::Connect { path: new, .. }) => old == new,
        _ => false,
    }
}
