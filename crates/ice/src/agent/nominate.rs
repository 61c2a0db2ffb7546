//! Nomination and what follows from it: RFC 8445 section 8.

use std::time::Instant;

use crate::candidate::CandidateKind;
use crate::config::{Renomination, Role};
use crate::diagnosis::Trace;
use crate::error::NominateError;
use crate::path::Path;
use crate::policy::TransportPolicy;

use super::Agent;
use super::generation::Nomination;
use super::pair::State;

impl Agent {
    /// Nominates when it is time: the best valid pair, once nothing better is being checked, or
    /// after a short wait.
    pub(super) fn consider_nomination(&mut self) {
        let now = self.clock.now();
        let settling = match self.current.nomination {
            Nomination::Open => None,
            Nomination::Settling { until } => Some(until),
            Nomination::Asked { .. } => return,
            Nomination::Concluded { path } => return self.reconsider_nomination(path),
        };
        //= rfc8445#2.5
        // A lite agent never nominates.
        let may_nominate =
            self.role == Role::Controlling && !self.current.failed && !self.config.lite;
        let Some(best) = self.current.checklist.best_valid().filter(|_| may_nominate) else {
            self.current.nomination = Nomination::Open;
            return;
        };
        let (path, priority) = (best.path, best.priority);
        // A reflexive address of the peer may turn out to be a relay's, when it is signalled.
        let relayed = match (best.local_kind, best.remote_kind) {
            (CandidateKind::Relayed, _) | (_, CandidateKind::Relayed) => true,
            (_, CandidateKind::PeerReflexive) => !self.current.remote_complete,
            _ => false,
        };
        let wait =
            if relayed { self.config.relayed_nomination_wait } else { self.config.nomination_wait };
        // A direct way through NATs may be one that no candidate names: the peer's check finds it.
        let may_come = relayed && self.config.transport_policy == TransportPolicy::All;
        let better = may_come || self.current.checklist.better_is_pending(priority);
        let until =
            settling.map_or(self.clock.after(wait), |until| until.min(self.clock.after(wait)));
        //= rfc8445#8.1.1
        // The controlling agent picks one pair and repeats its check with USE-CANDIDATE.
        self.current.nomination = if better && until > now {
            Nomination::Settling { until }
        } else {
            Nomination::Asked { path, sent: false, from: None }
        };
    }

    /// Nominates once more, where that is allowed: a spare pair when the nominated one is dead; a
    /// better one as soon as there is one, with renomination.
    fn reconsider_nomination(&mut self, nominated: Path) {
        if self.role != Role::Controlling || !self.keeps_spares() || self.config.lite {
            return;
        }
        let checklist = &self.current.checklist;
        let Some(best) = checklist.best_valid().filter(|best| best.path != nominated) else {
            return;
        };
        let known = checklist.get(nominated).filter(|pair| pair.valid().is_some());
        let from = match known {
            None => None,
            Some(known) if self.renomination().is_some() && best.priority > known.priority => {
                Some(nominated)
            }
            Some(_) => return,
        };
        self.current.nomination = Nomination::Asked { path: best.path, sent: false, from };
    }

    /// The form of renomination in use; `None` where the two sides did not agree on one.
    pub(super) fn renomination(&self) -> Option<Renomination> {
        self.remote_renomination.filter(|_| self.config.renomination)
    }

    /// Whether pairs that work are kept beside the nominated one.
    pub(super) fn keeps_spares(&self) -> bool {
        self.config.continual_gathering || self.renomination().is_some() || self.is_reconnecting()
    }

    /// Nominates this pair, whatever the agent itself would choose.
    ///
    /// # Errors
    ///
    /// [`NominateError`]: the other side decides, the pair does not work, or another one is
    /// nominated and works and that is final.
    pub fn nominate(&mut self, now: Instant, path: Path) -> Result<(), NominateError> {
        self.handle_timeout(now);
        let path = path.canonical();
        if self.role != Role::Controlling || self.config.lite {
            return Err(NominateError::NotControlling);
        }
        if self.current.checklist.get(path).and_then(super::pair::Pair::valid).is_none() {
            return Err(NominateError::NotValid);
        }
        //= rfc8445#8.1.1
        // Without an extension a nomination is final as long as its pair works.
        let from = self.current.concluded();
        let works = |path| self.current.checklist.get(path).is_some_and(|p| p.valid().is_some());
        if from.is_some_and(|from| from != path && works(from)) && self.renomination().is_none() {
            return Err(NominateError::Final);
        }
        if from != Some(path) {
            self.reopen_nomination();
            self.current.nomination = Nomination::Asked { path, sent: false, from };
        }
        self.settle();
        Ok(())
    }

    /// Forgets a nomination that was not answered yet.
    pub(super) fn reopen_nomination(&mut self) {
        match self.current.nomination {
            Nomination::Asked { path, from, .. } => {
                self.transactions.forget_checks_of(self.current.number, path);
                self.current.nomination =
                    from.map_or(Nomination::Open, |path| Nomination::Concluded { path });
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
            // Where addresses come and go a nomination that comes late means what it says.
            let late = self.config.continual_gathering && self.current.linger_until.is_none();
            let latest_wins = self.renomination().is_some() || late;
            let keeps = !latest_wins
                && self.current.concluded().is_some_and(|selected| {
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
        self.current.reconnect_until = None;
        self.trace(Trace::Nominated { path });
        self.current.linger_until = Some(self.clock.after(self.config.linger));
        if self.keeps_spares() {
            return;
        }
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
    }

    /// Forgets, some time after the nomination, the pairs that were not nominated.
    pub(super) fn expire_linger(&mut self) {
        let now = self.clock.now();
        if self.current.linger_until.is_none_or(|until| until > now) {
            return;
        }
        self.current.linger_until = None;
        self.trace_log.compact();
        self.current.local_candidates.shrink_to_fit();
        self.current.remote_candidates.shrink_to_fit();
        self.bases.shrink_to_fit();
        let spares = self.keeps_spares();
        if let Some(path) = self.current.concluded() {
            self.current.checklist.retain(|pair| {
                pair.path == path
                    || pair.is_pending()
                    || (spares && pair.valid().is_some())
                    || matches!(pair.state, State::Revoked)
            });
        }
    }
}
