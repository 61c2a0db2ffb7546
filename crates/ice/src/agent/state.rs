//! What follows from everything else: the selected path, the states, the deadlines.

use std::time::Duration;

use crate::diagnosis::Trace;
use crate::event::{ConnectionState, Event, GatheringState, RestartReason};

use super::Agent;
use super::generation::{Generation, Nomination};
use super::pair::Pair;

impl Agent {
    /// Draws all conclusions after something has happened. Each verb ends with it.
    pub(super) fn settle(&mut self) {
        if self.state != ConnectionState::Closed {
            self.settle_lite();
            self.consider_nomination();
            self.retire_previous();
            self.update_gathering();
            self.update_consent();
            self.give_up();
            self.update_selected();
            self.update_state();
            self.close_unused_connections();
        }
        self.update_deadlines();
    }

    /// The pair that data goes over, and its generation.
    pub(super) fn selected_pair(&self) -> Option<(&Generation, &Pair)> {
        let previous = self.previous.as_ref().filter(|previous| previous.until.is_none());
        let previous = previous.map(|previous| &previous.generation);
        let mut in_order = previous.into_iter().chain(std::iter::once(&self.current));
        in_order.find_map(|generation| Some((generation, generation.selected()?)))
    }

    fn update_selected(&mut self) {
        let selected = self.selected_pair().map(|(_, pair)| self.driver_path(pair.path));
        if selected == self.selected {
            return;
        }
        let lost = self.selected.take();
        self.selected = selected;
        if let Some(path) = selected {
            self.selected_changes = self.selected_changes.saturating_add(1);
            self.evidence.address_lost = false;
            self.evidence.consent_lost = None;
            self.events.push(Event::SelectedPath(path));
        } else if let Some(lost) = lost {
            self.evidence.address_lost = self.base(lost.canonical().base()).is_none();
            self.events.push(Event::RestartAdvised(RestartReason::PathLost));
        }
    }

    /// When the checklist fails, as things stand.
    fn failure_at(&self) -> Duration {
        let Some(remote) = &self.current.remote else { return Duration::MAX };
        let hopeful = self.current.failed
            || self.current.concluded().is_some()
            || self.current.selected().is_some()
            || (self.current.checklist.is_pending() && !self.config.lite)
            || !self.current.names.is_empty();
        if hopeful {
            return Duration::MAX;
        }
        //= rfc8863#4
        // Before the PAC timer ends the checklist does not fail, whatever becomes of its pairs.
        let patience = remote.since.saturating_add(self.config.failure_patience);
        //= rfc8838#8
        // While candidates may still come the checklist does not fail either; but nobody waits for
        // ever.
        let complete =
            self.current.remote_complete && self.gathering_state == GatheringState::Complete;
        if complete {
            return patience;
        }
        patience.max(remote.since.saturating_add(self.config.trickle_patience))
    }

    fn give_up(&mut self) {
        if self.failure_at() <= self.clock.now() {
            self.current.failed = true;
        }
    }

    fn update_state(&mut self) {
        let now = self.clock.now();
        let was_connected = matches!(
            self.state,
            ConnectionState::Connected | ConnectionState::Completed | ConnectionState::Disconnected
        );
        let state = match self.selected_pair() {
            Some((generation, pair)) => {
                let silent = pair.valid().is_none_or(|valid| self.disconnected_at(valid) <= now);
                let is_final = generation.number == self.current.number
                    && generation.concluded().is_some()
                    && generation.remote_complete
                    && self.gathering_state == GatheringState::Complete;
                match (silent, is_final) {
                    (true, _) => ConnectionState::Disconnected,
                    (false, true) => ConnectionState::Completed,
                    (false, false) => ConnectionState::Connected,
                }
            }
            None if self.current.failed || self.is_hopeless() => ConnectionState::Failed,
            None if was_connected => ConnectionState::Disconnected,
            None if self.current.remote.is_some() || self.current.number > 0 => {
                ConnectionState::Checking
            }
            None => ConnectionState::New,
        };
        self.set_state(state);
    }

    /// Whether the nominated pair is dead and no other can take its place.
    fn is_hopeless(&self) -> bool {
        let spare = self.keeps_spares() && self.current.checklist.is_pending();
        self.current.concluded().is_some() && !spare && !self.is_reconnecting()
    }

    pub(super) fn set_state(&mut self, state: ConnectionState) {
        if state == self.state {
            return;
        }
        self.state = state;
        self.state_since = self.clock.now();
        self.trace(Trace::State(state));
        self.events.push(Event::State(state));
        self.failure = (state == ConnectionState::Failed).then(|| self.main_cause());
        if let Some(failure) = self.failure {
            self.events.push(Event::Failed(failure));
        }
    }

    /// Computes once, after each change, what polling an idle agent then only compares.
    fn update_deadlines(&mut self) {
        if self.state == ConnectionState::Closed {
            self.send_at = Duration::MAX;
            self.wake_at = Duration::MAX;
            return;
        }
        self.send_at = if !self.outbox.is_empty() {
            self.clock.now()
        } else {
            self.next_resend().min(self.next_consent()).min(self.next_paced())
        };
        let settling = match self.current.nomination {
            Nomination::Settling { until } => until,
            Nomination::Open | Nomination::Asked { .. } | Nomination::Concluded { .. } => {
                Duration::MAX
            }
        };
        let connected =
            matches!(self.state, ConnectionState::Connected | ConnectionState::Completed);
        let disconnected_at = self
            .selected_pair()
            .and_then(|(_, pair)| pair.valid())
            .filter(|_| connected)
            .map_or(Duration::MAX, |valid| self.disconnected_at(valid));
        let previous = self.previous.as_ref();
        let never = Duration::MAX;
        self.wake_at = [
            self.transactions.next_timeout(&self.clock),
            self.current.checklist.next_expiry(),
            previous.map_or(never, |previous| previous.generation.checklist.next_expiry()),
            previous.and_then(|previous| previous.until).unwrap_or(never),
            settling,
            disconnected_at,
            self.failure_at(),
            self.current.linger_until.unwrap_or(never),
            self.current.reconnect_until.filter(|_| self.is_reconnecting()).unwrap_or(never),
            self.gathering.next_keepalive.unwrap_or(never),
            self.current.names.next_expiry(),
            self.permissions.next_expiry(),
            self.connections.next_expiry(),
        ]
        .into_iter()
        .min()
        .unwrap_or(never);
    }
}
