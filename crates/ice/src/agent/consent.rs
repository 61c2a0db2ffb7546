//! Consent freshness: RFC 7675.

use std::time::Duration;

use crate::config::MIN_CONSENT_PAUSE;
use crate::diagnosis::{Trace, TraceEntry};
use crate::path::Path;

use super::Agent;
use super::pair::{Pair, State, Valid};
use super::transactions::Purpose;

impl Agent {
    /// The generations that data may go over: the current one, and until that is ready the one
    /// before.
    fn in_use(&self) -> impl Iterator<Item = u32> + use<> {
        let previous = self.previous.as_ref().filter(|previous| previous.until.is_none());
        let previous = previous.map(|previous| previous.generation.number);
        std::iter::once(self.current.number).chain(previous)
    }

    /// Starts and stops the consent timers.
    //= rfc7675#5.1
    // Consent is kept fresh on the pair that data goes over, during a restart on the old one too.
    pub(super) fn update_consent(&mut self) {
        let lite = self.config.lite;
        for number in self.in_use() {
            let Some(generation) = self.generation_mut(number) else { continue };
            // A spare that stands in has a timer of its own.
            let own = generation.selected().and_then(Pair::valid).map(|valid| valid.next_consent);
            let selected = own == Some(Duration::MAX);
            if !selected || lite {
                generation.next_consent = Duration::MAX;
            } else if generation.next_consent == Duration::MAX {
                self.schedule_consent(number);
            }
        }
        self.update_spares();
    }

    /// Chooses the spare pairs that are kept alive: the best of those that work.
    fn update_spares(&mut self) {
        while let Some((path, keep)) = self.misplaced_spare() {
            let next = if keep {
                let pause = self.consent_pause();
                self.clock.after(pause)
            } else {
                Duration::MAX
            };
            if let Some(valid) = self.current.checklist.get_mut(path).and_then(Pair::valid_mut) {
                valid.next_consent = next;
            }
        }
    }

    /// A pair that should be kept alive as a spare and is not, or the other way round.
    fn misplaced_spare(&self) -> Option<(Path, bool)> {
        let wanted =
            if self.keeps_spares() && !self.config.lite { self.config.max_spare_pairs } else { 0 };
        let checklist = &self.current.checklist;
        if wanted == 0 && checklist.next_spare_consent() == Duration::MAX {
            return None;
        }
        // A spare that stands in for a dead pair stays a spare.
        let selected = match self.current.concluded() {
            Some(path) => Some(path),
            None => checklist.best_valid().map(|pair| pair.path),
        };
        let spares = || {
            let others = checklist.iter().filter(move |pair| Some(pair.path) != selected);
            others.filter_map(|pair| Some((pair, pair.valid()?)))
        };
        let mut all = checklist.iter().filter_map(|pair| Some((pair, pair.valid()?)));
        all.find_map(|(pair, valid)| {
            let better = spares()
                .filter(|(other, _)| (other.priority, other.path) > (pair.priority, pair.path));
            let keep = Some(pair.path) != selected && better.count() < wanted;
            let kept = valid.next_consent != Duration::MAX;
            (keep != kept).then_some((pair.path, keep))
        })
    }

    //= rfc7675#5.1
    // The pause is random, so that endpoints do not fall into step, and never below 4 s.
    fn consent_pause(&mut self) -> Duration {
        let percent = self.random.percent(80, 120);
        (self.config.consent_interval.saturating_mul(percent) / 100).max(MIN_CONSENT_PAUSE)
    }

    fn schedule_consent(&mut self, number: u32) {
        let next = self.consent_pause();
        let next = self.clock.after(next);
        if let Some(generation) = self.generation_mut(number) {
            generation.next_consent = next;
        }
    }

    /// When the next consent request is due.
    pub(super) fn next_consent(&self) -> Duration {
        self.in_use()
            .filter_map(|number| self.generation(number))
            .map(|generation| generation.next_consent)
            .min()
            .unwrap_or(Duration::MAX)
            .min(self.current.checklist.next_spare_consent())
    }

    /// Sends a consent request, if one is due.
    pub(super) fn send_consent(&mut self, buf: &mut [u8]) -> Option<(Path, usize)> {
        let now = self.clock.now();
        let due = self.in_use().find(|number| {
            self.generation(*number).is_some_and(|generation| generation.next_consent <= now)
        });
        let Some(number) = due else { return self.send_spare_consent(buf) };
        self.schedule_consent(number);
        let path = self.generation(number)?.selected()?.path;
        self.counters.consent_requests_sent = self.counters.consent_requests_sent.saturating_add(1);
        //= rfc7675#5.1
        // Each request is a transaction of its own.
        self.send_consent_along(number, path, buf)
    }

    fn send_spare_consent(&mut self, buf: &mut [u8]) -> Option<(Path, usize)> {
        let now = self.clock.now();
        let due = |pair: &&Pair| pair.valid().is_some_and(|valid| valid.next_consent <= now);
        let path = self.current.checklist.iter().find(due)?.path;
        let next = self.consent_pause();
        let next = self.clock.after(next);
        self.current.checklist.get_mut(path)?.valid_mut()?.next_consent = next;
        self.counters.consent_requests_sent = self.counters.consent_requests_sent.saturating_add(1);
        self.send_consent_along(self.current.number, path, buf)
    }

    fn send_consent_along(
        &mut self,
        generation: u32,
        path: Path,
        buf: &mut [u8],
    ) -> Option<(Path, usize)> {
        let purpose = Purpose::Consent { generation, check: self.check(path, None) };
        self.send(path, purpose, buf)
    }

    /// Takes away consent that nobody renewed.
    //= rfc7675#5.1
    // Without an answer for 30 seconds nothing more is sent on the path, and its outstanding
    // requests are forgotten.
    pub(super) fn expire_consent(&mut self) {
        let now = self.clock.now();
        let lifetime = self.config.consent_lifetime();
        let selected = self.current.selected().map(|pair| pair.path);
        let previous = self.previous.as_mut().map(|previous| &mut previous.generation);
        for generation in std::iter::once(&mut self.current).chain(previous) {
            for pair in generation.checklist.iter_mut() {
                if pair.valid().is_none_or(|valid| valid.consent_until > now) {
                    continue;
                }
                pair.state = State::Revoked;
                let path = pair.path;
                self.transactions.forget_pair(generation.number, path);
                if Some(path) == selected {
                    self.evidence.consent_lost = Some(lifetime);
                }
                let what = Trace::ConsentLost { path };
                self.trace_log.push(TraceEntry { at: now, what }, self.config.max_trace);
                generation.nomination.abandon(path);
            }
        }
    }

    /// When a selected pair counts as disconnected, unless the peer is heard again.
    pub(super) fn disconnected_at(&self, valid: &Valid) -> Duration {
        let half = self.config.consent_lifetime() / 2;
        let unanswered = valid.consent_until.saturating_sub(half);
        if self.config.lite && self.remote_lite {
            // Nobody ever asks.
            return Duration::MAX;
        }
        if self.config.lite {
            // Only the peer asks; it may be silent as long as consent lasts, but should not.
            return valid.last_sign.saturating_add(self.config.disconnected_timeout);
        }
        if self.remote_lite {
            // A lite agent says nothing unasked, so one lost answer is no sign of trouble.
            return unanswered;
        }
        valid.last_sign.saturating_add(self.config.disconnected_timeout).min(unanswered)
    }
}
