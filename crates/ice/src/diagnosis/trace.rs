use std::collections::VecDeque;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use crate::candidate::CandidateKind;
use crate::config::Role;
use crate::event::ConnectionState;
use crate::path::Path;

use super::ServerErrorKind;

/// So many entries are kept once a pair is nominated.
const KEPT: usize = 8;

/// One thing that happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceEntry {
    /// When, counted from the birth of the agent.
    pub at: Duration,
    /// What.
    pub what: Trace,
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Trace {
    /// An address of ours was added.
    LocalAddress {
        /// The address.
        addr: SocketAddr,
        /// What its candidate is.
        kind: CandidateKind,
    },
    /// An address of ours was taken away.
    LocalAddressGone {
        /// The address.
        addr: SocketAddr,
    },
    /// A candidate of the peer was added.
    RemoteCandidate {
        /// Its address; `None` for one that hides behind a name.
        addr: Option<SocketAddr>,
        /// What it is.
        kind: CandidateKind,
    },
    /// A candidate of the peer was ignored.
    RemoteCandidateIgnored,
    /// A name of the peer was not found.
    NameUnresolved,
    /// A pair was checked for the first time, or for the peer again.
    CheckSent {
        /// The pair.
        path: Path,
    },
    /// A check succeeded.
    CheckSucceeded {
        /// The pair.
        path: Path,
        /// The round trip, where it is known which transmission was answered.
        round_trip: Option<Duration>,
    },
    /// A check failed.
    CheckFailed {
        /// The pair.
        path: Path,
        /// The error code of the peer; `None` for no answer, or one that came another way.
        code: Option<u16>,
    },
    /// The first authentic request of the peer on this pair.
    PeerChecked {
        /// The pair.
        path: Path,
    },
    /// A request of somebody who does not know our ufrag, or not our password.
    Refused {
        /// Where it came from.
        from: SocketAddr,
        /// Whether the ufrag was right, so that only the password was not.
        ufrag_known: bool,
    },
    /// The pair was nominated.
    Nominated {
        /// The pair.
        path: Path,
    },
    /// The role changed.
    RoleChanged {
        /// The role now.
        role: Role,
    },
    /// Consent for a pair ended.
    ConsentLost {
        /// The pair.
        path: Path,
    },
    /// A STUN server gave no address.
    StunServerFailed {
        /// The server.
        server: SocketAddr,
        /// What it said; 701 for nothing that could be used.
        code: u16,
    },
    /// The owner told of an error of a server.
    ServerFailed {
        /// The server.
        server: Option<SocketAddr>,
        /// What went wrong.
        kind: ServerErrorKind,
    },
    /// A relay does not let the peer through.
    PermissionRefused {
        /// The relayed address.
        relay: SocketAddr,
        /// The peer.
        peer: IpAddr,
    },
    /// A TCP connection is being opened.
    Connecting {
        /// The pair.
        path: Path,
    },
    /// A TCP connection was not opened, or was closed.
    ConnectionFailed {
        /// The pair.
        path: Path,
    },
    /// The network said that the path leads nowhere.
    Unreachable {
        /// The pair.
        path: Path,
    },
    /// A new generation began.
    Restarted,
    /// The state changed.
    State(ConnectionState),
}

impl fmt::Display for TraceEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:10.3} ms  {:?}", self.at.as_secs_f64() * 1000.0, self.what)
    }
}

/// The latest things that happened.
#[derive(Debug, Default)]
pub(crate) struct TraceLog(VecDeque<TraceEntry>);

impl TraceLog {
    pub(crate) fn push(&mut self, entry: TraceEntry, limit: usize) {
        while !self.0.is_empty() && self.0.len() >= limit {
            self.0.pop_front();
        }
        if limit > 0 {
            self.0.push_back(entry);
        }
    }

    /// Keeps the latest few: nobody asks what worked.
    pub(crate) fn compact(&mut self) {
        let surplus = self.0.len().saturating_sub(KEPT);
        self.0.drain(..surplus);
        self.0.shrink_to_fit();
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &TraceEntry> {
        self.0.iter()
    }
}
