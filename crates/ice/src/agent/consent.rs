//! Consent freshness: RFC 7675.

use std::time::Duration;

use crate::config::MIN_CONSENT_PAUSE;
use crate::path::Path;

use super::Agent;
use super::generation::Nomination;
use super::pair::{State, Valid};
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
        for number in self.in_use() {
            let pause = self.config.consent_interval;
            let Some(generation) = self.generation_mut(number) else { continue };
            let selected = generation.selected().is_some();
            if !selected {
                generation.next_consent = Duration::MAX;
            } else if generation.next_consent == Duration::MAX {
                self.schedule_consent(number, pause);
            }
        }
    }

    fn schedule_consent(&mut self, number: u32, pause: Duration) {
        //= rfc7675#5.1
        // The pause is random, so that endpoints do not fall into step, and never below 4 s.
        let percent = self.random.percent(80, 120);
        let pause = (pause.saturating_mul(percent) / 100).max(MIN_CONSENT_PAUSE);
        let next = self.clock.after(pause);
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
    }

    /// Sends a consent request, if one is due.
    pub(super) fn send_consent(&mut self, buf: &mut [u8]) -> Option<(Path, usize)> {
        let now = self.clock.now();
        let number = self.in_use().find(|number| {
            self.generation(*number).is_some_and(|generation| generation.next_consent <= now)
        })?;
        self.schedule_consent(number, self.config.consent_interval);
        let path = self.generation(number)?.selected()?.path;
        self.counters.consent_requests_sent = self.counters.consent_requests_sent.saturating_add(1);
        //= rfc7675#5.1
        // Each request is a transaction of its own.
        let purpose = Purpose::Consent { generation: number, check: self.check(path, false) };
        self.send(path, purpose, buf)
    }

    /// Takes away consent that nobody renewed.
    //= rfc7675#5.1
    // Without an answer for 30 seconds nothing more is sent on the path, and its outstanding
    // requests are forgotten.
    pub(super) fn expire_consent(&mut self) {
        let now = self.clock.now();
        let previous = self.previous.as_mut().map(|previous| &mut previous.generation);
        for generation in std::iter::once(&mut self.current).chain(previous) {
            for pair in generation.checklist.iter_mut() {
                if pair.valid().is_none_or(|valid| valid.consent_until > now) {
                    continue;
                }
                pair.state = State::Revoked;
                self.transactions.forget_pair(generation.number, pair.path);
                if matches!(generation.nomination, Nomination::Asked { path, .. } if path == pair.path)
                {
                    generation.nomination = Nomination::Open;
                }
            }
        }
    }

    /// When a selected pair counts as disconnected, unless the peer is heard again.
    pub(super) fn disconnected_at(&self, valid: &Valid) -> Duration {
        let half = self.config.consent_lifetime() / 2;
        let unanswered = valid.consent_until.saturating_sub(half);
        if self.remote_lite {
            // A lite agent says nothing unasked, so one lost answer is no sign of trouble.
            return unanswered;
        }
        valid.last_sign.saturating_add(self.config.disconnected_timeout).min(unanswered)
    }
}
