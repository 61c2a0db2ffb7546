use std::collections::VecDeque;
use std::net::SocketAddr;

use crate::candidate::Candidate;
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

/// Events on their way to the application. Bounded: states replace each other when nobody looks.
#[derive(Debug, Default)]
pub(crate) struct Events(VecDeque<Event>);

impl Events {
    pub(crate) fn push(&mut self, event: Event) {
        if self.0.len() >= MANY {
            let stale = self.0.iter().position(|old| match (old, &event) {
                (Event::State(_), Event::State(_))
                | (Event::SelectedPath(_), Event::SelectedPath(_))
                | (Event::GatheringState(_), Event::GatheringState(_))
                | (Event::StunServerError { .. }, Event::StunServerError { .. }) => true,
                (Event::LocalCandidate(old), Event::LocalCandidate(new)) => old.ufrag != new.ufrag,
                _ => false,
            });
            if let Some(stale) = stale {
                self.0.remove(stale);
            }
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
