use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::net::SocketAddr;
use std::time::Duration;

use crate::candidate::{CandidateKind, Foundation, pair_priority};
use crate::config::Role;
use crate::path::Path;

/// One end of a pair, as far as a pair needs to know it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct End {
    pub(crate) addr: SocketAddr,
    pub(crate) kind: CandidateKind,
    pub(crate) foundation: Foundation,
    pub(crate) priority: u32,
}

/// A candidate pair (RFC 8445 section 6.1.2).
///
/// Since local candidates are replaced by their base before pairs are compared, a pair is its
/// path: no two pairs of a checklist have the same.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pair {
    /// The base and the remote candidate, canonical.
    pub(crate) path: Path,
    pub(crate) local_kind: CandidateKind,
    pub(crate) remote_kind: CandidateKind,
    local_priority: u32,
    remote_priority: u32,
    pub(crate) priority: u64,
    /// Equal for pairs with the same two foundations.
    pub(crate) foundation: u64,
    pub(crate) state: State,
    /// The peer sent an authentic request here: it holds our password.
    pub(crate) heard: bool,
    /// The controlling peer sent USE-CANDIDATE before our own check succeeded.
    pub(crate) nominated_by_peer: bool,
}

/// The state of a pair.
///
/// ```text
///               unfreeze              check sent
///     Frozen ------------> Waiting ----------------> InProgress
///        |                  ^   ^                     |      |
///        | triggered        |   | triggered   timeout |      | success
///        +------------------+   +---- Failed <--------+      v
///                                                         Succeeded
///                                                            | no consent for 30 s
///                                                            v
///                                                         Revoked
/// ```
#[derive(Clone, Copy, Debug)]
pub(crate) enum State {
    Frozen,
    Waiting,
    InProgress,
    Succeeded(Valid),
    Failed,
    /// Consent is gone for good: these credentials never use this path again.
    Revoked,
}

/// What a pair has once a check succeeded.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Valid {
    /// When consent ends, unless it is renewed.
    pub(crate) consent_until: Duration,
    /// The latest authentic sign of the peer on this path.
    pub(crate) last_sign: Duration,
    pub(crate) round_trip: Option<Duration>,
}

impl Pair {
    pub(crate) fn new(local: &End, remote: &End, role: Role) -> Self {
        let mut hasher = DefaultHasher::new();
        (local.foundation, remote.foundation).hash(&mut hasher);
        let mut pair = Self {
            path: Path::new(local.addr, remote.addr),
            local_kind: local.kind,
            remote_kind: remote.kind,
            local_priority: local.priority,
            remote_priority: remote.priority,
            priority: 0,
            foundation: hasher.finish(),
            state: State::Frozen,
            heard: false,
            nominated_by_peer: false,
        };
        pair.rank(role);
        pair
    }

    /// Computes the priority anew, after a change of the role.
    pub(crate) fn rank(&mut self, role: Role) {
        self.priority = match role {
            Role::Controlling => pair_priority(self.local_priority, self.remote_priority),
            Role::Controlled => pair_priority(self.remote_priority, self.local_priority),
        };
    }

    /// Takes over what a signalled candidate says about the address that was peer-reflexive.
    pub(crate) fn learn_remote(&mut self, kind: CandidateKind, priority: u32, role: Role) {
        self.remote_kind = kind;
        self.remote_priority = priority;
        self.rank(role);
    }

    pub(crate) fn valid(&self) -> Option<&Valid> {
        match &self.state {
            State::Succeeded(valid) => Some(valid),
            State::Frozen | State::Waiting | State::InProgress | State::Failed | State::Revoked => {
                None
            }
        }
    }

    pub(crate) fn valid_mut(&mut self) -> Option<&mut Valid> {
        match &mut self.state {
            State::Succeeded(valid) => Some(valid),
            State::Frozen | State::Waiting | State::InProgress | State::Failed | State::Revoked => {
                None
            }
        }
    }

    /// Whether a check of it is under way or to come.
    pub(crate) fn is_pending(&self) -> bool {
        matches!(self.state, State::Frozen | State::Waiting | State::InProgress)
    }
}
