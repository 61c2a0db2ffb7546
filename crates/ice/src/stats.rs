use std::time::Duration;

use crate::candidate::CandidateKind;
use crate::config::Role;
use crate::path::Path;

/// Numbers for people and for `getStats`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Our role.
    pub role: Role,
    /// What data goes over now.
    pub selected: Option<SelectedPair>,
    /// How often the selected path changed.
    pub selected_changes: u64,
    /// Pairs in the checklist.
    pub pairs: usize,
    /// What was counted since birth.
    pub counters: Counters,
}

/// The pair that data goes over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SelectedPair {
    /// The path.
    pub path: Path,
    /// The pair's priority.
    pub priority: u64,
    /// What our candidate is, as the peer sees it.
    pub local_kind: CandidateKind,
    /// What the peer's candidate is.
    pub remote_kind: CandidateKind,
    /// Whether the pair is nominated.
    pub nominated: bool,
    /// The latest round trip.
    pub round_trip: Option<Duration>,
    /// The round trip, averaged over about eight.
    pub smoothed_round_trip: Option<Duration>,
}

/// What W3C's `RTCIceCandidatePairStats` has, as far as ICE knows it: not the packets of data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[doc(alias = "RTCIceCandidatePairStats")]
#[non_exhaustive]
pub struct PairStats {
    /// The pair: our address and the peer's.
    pub path: Path,
    /// How far its check is.
    pub state: PairState,
    /// The pair's priority.
    pub priority: u64,
    /// What our candidate is, as the peer sees it.
    pub local_kind: CandidateKind,
    /// What the peer's candidate is.
    pub remote_kind: CandidateKind,
    /// The peer hides its address behind a name; statistics must not show it to a page.
    pub remote_hidden: bool,
    /// Whether the pair is nominated.
    pub nominated: bool,
    /// Requests sent, retransmissions and consent requests included.
    pub requests_sent: u64,
    /// Among them, consent requests.
    pub consent_requests_sent: u64,
    /// Responses that were accepted.
    pub responses_received: u64,
    /// Requests of the peer that were authentic.
    pub requests_received: u64,
    /// Answers to them.
    pub responses_sent: u64,
    /// The sum of all round trips measured.
    pub total_round_trip: Duration,
    /// The latest round trip.
    pub round_trip: Option<Duration>,
    /// The round trip, averaged over about eight.
    pub smoothed_round_trip: Option<Duration>,
}

/// `RTCStatsIceCandidatePairState` of W3C webrtc-stats section 8.19.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[doc(alias = "RTCStatsIceCandidatePairState")]
pub enum PairState {
    /// Its check waits for that of a pair with the same foundation.
    Frozen,
    /// Its check is to come.
    Waiting,
    /// Its check is under way.
    InProgress,
    /// A check failed, or consent is gone.
    Failed,
    /// A check succeeded.
    Succeeded,
}

/// What was counted since birth.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counters {
    /// Requests sent: checks with their retransmissions, consent, and to STUN servers.
    pub requests_sent: u64,
    /// Among them, consent requests.
    pub consent_requests_sent: u64,
    /// Responses that were accepted.
    pub responses_received: u64,
    /// Requests that were authentic.
    pub requests_received: u64,
    /// Answers sent to authentic requests.
    pub responses_sent: u64,
    /// Requests refused with an error because they were not authentic.
    pub refusals_sent: u64,
    /// The sum of all round trips measured.
    pub total_round_trip: Duration,
}
