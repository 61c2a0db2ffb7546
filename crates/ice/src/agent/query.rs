//! What can be asked of an agent.

use std::time::{Duration, Instant};

use crate::candidate::Candidate;
use crate::config::Role;
use crate::credentials::Credentials;
use crate::event::{ConnectionState, GatheringState};
use crate::path::Path;
use crate::stats::{PairState, PairStats, SelectedPair, Stats};

use super::Agent;
use super::pair::{Pair, State};

impl Agent {
    /// Where data goes: the nominated pair, before that the best valid one. `None` without the
    /// peer's consent.
    #[must_use]
    pub fn selected_path(&self) -> Option<Path> {
        self.selected
    }

    /// Whether data that arrived on this path comes from the peer: a check succeeded there, or the
    /// peer sent an authentic one.
    #[must_use]
    pub fn may_receive_from(&self, path: Path) -> bool {
        if self.selected == Some(path) {
            return true;
        }
        let path = path.canonical();
        let previous = self.previous.as_ref().map(|previous| &previous.generation);
        std::iter::once(&self.current).chain(previous).any(|known| known.has_heard(path))
    }

    /// The latest round trip on the selected pair.
    #[must_use]
    pub fn round_trip(&self) -> Option<Duration> {
        self.selected_pair()?.1.counters.round_trip
    }

    /// Our credentials of this generation.
    #[must_use]
    pub fn local_credentials(&self) -> &Credentials {
        &self.current.credentials
    }

    /// The peer's credentials of this generation.
    #[must_use]
    pub fn remote_credentials(&self) -> Option<&Credentials> {
        self.current.remote.as_ref().map(|remote| &remote.credentials)
    }

    /// Our candidates of this generation so far.
    pub fn local_candidates(&self) -> impl Iterator<Item = &Candidate> {
        let known = self.current.local_candidates.iter();
        known.filter(|known| known.shown).map(|known| &known.candidate)
    }

    /// Our role.
    #[must_use]
    pub fn role(&self) -> Role {
        self.role
    }

    /// Sets our role, before checks begin: the offerer controls.
    pub fn set_role(&mut self, now: Instant, role: Role) {
        self.handle_timeout(now);
        self.change_role(role);
        self.settle();
    }

    /// How the connection stands.
    #[must_use]
    pub fn state(&self) -> ConnectionState {
        self.state
    }

    /// How gathering stands.
    #[must_use]
    pub fn gathering_state(&self) -> GatheringState {
        self.gathering_state
    }

    /// Numbers for people.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let selected = self.selected_pair().map(|(generation, pair)| SelectedPair {
            path: self.driver_path(pair.path),
            priority: pair.priority,
            local_kind: pair.local_kind,
            remote_kind: pair.remote_kind,
            nominated: generation.concluded() == Some(pair.path),
            round_trip: pair.counters.round_trip,
            smoothed_round_trip: pair.counters.smoothed,
        });
        Stats {
            role: self.role,
            selected,
            selected_changes: self.selected_changes,
            pairs: self.current.checklist.len(),
            counters: self.counters,
        }
    }

    /// Numbers of each pair in the checklist.
    pub fn pair_stats(&self) -> impl Iterator<Item = PairStats> {
        self.current.checklist.iter().map(|pair| self.stats_of(pair))
    }

    fn stats_of(&self, pair: &Pair) -> PairStats {
        let counters = &pair.counters;
        PairStats {
            path: self.driver_path(pair.path),
            state: match pair.state {
                State::Frozen => PairState::Frozen,
                State::Waiting => PairState::Waiting,
                State::InProgress => PairState::InProgress,
                State::Succeeded(_) => PairState::Succeeded,
                State::Failed | State::Revoked => PairState::Failed,
            },
            priority: pair.priority,
            local_kind: pair.local_kind,
            remote_kind: pair.remote_kind,
            remote_hidden: pair.remote_hidden,
            nominated: self.current.concluded() == Some(pair.path),
            requests_sent: counters.requests_sent,
            consent_requests_sent: counters.consent_requests_sent,
            responses_received: counters.responses_received,
            requests_received: counters.requests_received,
            responses_sent: counters.responses_sent,
            total_round_trip: counters.total_round_trip,
            round_trip: counters.round_trip,
            smoothed_round_trip: counters.smoothed,
        }
    }
}
