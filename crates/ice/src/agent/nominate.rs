//! Nomination and what follows from it: RFC 8445 section 8.

use crate::config::Role;
use crate::path::Path;

use super::Agent;
use super::generation::Nomination;
use super::pair::State;

impl Agent {
    /// Nominates when it is time: the best valid pair, once nothing better is being checked, or
    /// after a short wait.
    pub(super) fn consider_nomination(&mut self) {
        let now = self.clock.now();
        let settled = match self.current.nomination {
            Nomination::Open => None,
            Nomination::Settling { until } => Some(until <= now),
            Nomination::Asked { .. } | Nomination::Concluded { .. } => return,
        };
        let may_nominate = self.role == Role::Controlling && !self.current.failed;
        let Some(best) = self.current.checklist.best_valid().filter(|_| may_nominate) else {
            self.current.nomination = Nomination::Open;
            return;
        };
        let (path, priority) = (best.path, best.priority);
        let better = self.current.checklist.better_is_pending(priority);
        //= rfc8445#8.1.1
        // The controlling agent picks one pair and repeats its check with USE-CANDIDATE.
        self.current.nomination = match (better, settled) {
            (false, _) | (true, Some(true)) => Nomination::Asked { path, sent: false },
            (true, Some(false)) => return,
            (true, None) => {
                Nomination::Settling { until: self.clock.after(self.config.nomination_wait) }
            }
        };
    }

    /// Forgets a nomination that was not answered yet.
    pub(super) fn reopen_nomination(&mut self) {
        match self.current.nomination {
            Nomination::Asked { path, .. } => {
                self.transactions.forget_checks_of(self.current.number, path);
                self.current.nomination = Nomination::Open;
            }
            Nomination::Settling { .. } => self.current.nomination = Nomination::Open,
            Nomination::Open | Nomination::Concluded { .. } => {}
        }
    }

    /// The controlling peer nominated a pair that our own check found to work.
    pub(super) fn nominated_by_peer(&mut self, path: Path) {
        if self.role != Role::Controlled {
            return;
        }
        if let Some(pair) = self.current.checklist.get_mut(path) {
            pair.nominated_by_peer = false;
            let priority = pair.priority;
            //= rfc8445#8.1.1
            // A peer that nominates several pairs gets the best of them, unless that is silent.
            let keeps = self.current.concluded().is_some_and(|selected| {
                selected != path && !self.is_worse_or_silent(selected, priority)
            });
            if keeps {
                self.current.linger_until = Some(self.clock.after(self.config.linger));
            } else {
                self.conclude(path);
            }
        }
    }

    fn is_worse_or_silent(&self, selected: Path, priority: u64) -> bool {
        let Some(pair) = self.current.checklist.get(selected) else { return true };
        let now = self.clock.now();
        pair.priority < priority
            || pair.valid().is_none_or(|valid| {
                valid.last_sign.saturating_add(self.config.disconnected_timeout) <= now
            })
    }

    /// Ends the checks: this pair it is.
    //= rfc8445#8.1.2
    // All pairs but the nominated one leave the checklist; checks under way are not sent again.
    pub(super) fn conclude(&mut self, path: Path) {
        self.current.nomination = Nomination::Concluded { path };
        self.transactions.stop_checks_except(&self.clock, self.current.number, path);
        // Where the peer was heard its data may still arrive for a little while.
        for pair in self.current.checklist.iter_mut() {
            if pair.path != path && pair.is_pending() {
                pair.state = State::Failed;
            }
        }
        self.current
            .checklist
            .retain(|pair| pair.path == path || pair.heard || matches!(pair.state, State::Revoked));
        self.current.linger_until = Some(self.clock.after(self.config.linger));
    }

    /// Forgets, some time after the nomination, the pairs that were not nominated.
    pub(super) fn expire_linger(&mut self) {
        let now = self.clock.now();
        if self.current.linger_until.is_some_and(|until| until <= now) {
            self.current.linger_until = None;
            if let Nomination::Concluded { path } = self.current.nomination {
                self.current.checklist.retain(|pair| {
                    pair.path == path || pair.is_pending() || matches!(pair.state, State::Revoked)
                });
            }
        }
    }
}
