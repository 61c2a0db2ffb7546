use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::net::SocketAddr;
use std::time::Duration;

use crate::candidate::{CandidateKind, Foundation, Protocol, TcpType, pair_priority};
use crate::config::Role;
use crate::path::Path;

/// One end of a pair, as far as a pair needs to know it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct End {
    pub(crate) addr: SocketAddr,
    pub(crate) protocol: Protocol,
    pub(crate) tcp_type: Option<TcpType>,
    pub(crate) kind: CandidateKind,
    pub(crate) foundation: Foundation,
    pub(crate) priority: u32,
    /// Its address came from a name that hides it.
    pub(crate) hidden: bool,
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
    /// The peer's address came from a name that hides it.
    pub(crate) remote_hidden: bool,
    /// The relay does not let the peer through yet.
    pub(crate) blocked: bool,
    pub(crate) counters: PairCounters,
}

/// What was counted on one pair.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct PairCounters {
    pub(crate) requests_sent: u64,
    pub(crate) consent_requests_sent: u64,
    pub(crate) responses_received: u64,
    pub(crate) requests_received: u64,
    pub(crate) responses_sent: u64,
    pub(crate) total_round_trip: Duration,
    /// The latest, and an average over about eight.
    pub(crate) round_trip: Option<Duration>,
    pub(crate) smoothed: Option<Duration>,
}

impl PairCounters {
    /// Takes a measured round trip.
    pub(crate) fn measure(&mut self, sample: Duration) {
        self.total_round_trip = self.total_round_trip.saturating_add(sample);
        self.round_trip = Some(sample);
        self.smoothed = Some(match self.smoothed {
            None => sample,
            Some(known) => known.saturating_mul(7).saturating_add(sample) / 8,
        });
    }
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
    /// When the next consent request is due on a spare pair. `Duration::MAX`: it is not kept alive.
    pub(crate) next_consent: Duration,
}

impl Pair {
    pub(crate) fn new(local: &End, remote: &End, role: Role) -> Self {
        let mut hasher = DefaultHasher::new();
        (local.foundation, remote.foundation).hash(&mut hasher);
        let mut pair = Self {
            path: Path { local: local.addr, remote: remote.addr, protocol: local.protocol },
            local_kind: local.kind,
            remote_kind: remote.kind,
            local_priority: local.priority,
            remote_priority: remote.priority,
            priority: 0,
            foundation: hasher.finish(),
            state: State::Frozen,
            heard: false,
            nominated_by_peer: false,
            remote_hidden: remote.hidden,
            blocked: false,
            counters: PairCounters::default(),
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
