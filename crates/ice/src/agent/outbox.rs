//! Answers that wait for `poll_output`, and the limit on answers to strangers.

use std::collections::VecDeque;
use std::time::Duration;

use antiphon_stun::TransactionId;

use crate::message::Answer;
use crate::path::Path;

/// Room for so many is kept; a burst takes more for a while.
const FEW: usize = 8;

/// An answer, written when it is sent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reply {
    /// Canonical; from us to the peer.
    pub(crate) path: Path,
    pub(crate) id: TransactionId,
    pub(crate) answer: Answer,
    /// The generation whose password protects it; `None` for strangers.
    pub(crate) generation: Option<u32>,
}

/// Answers that wait to be sent, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Outbox(VecDeque<Reply>);

impl Outbox {
    pub(crate) fn is_full(&self, limit: usize) -> bool {
        self.0.len() >= limit
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn push(&mut self, reply: Reply) {
        self.0.push_back(reply);
    }

    pub(crate) fn pop(&mut self) -> Option<Reply> {
        let reply = self.0.pop_front();
        if self.0.is_empty() && self.0.capacity() > FEW {
            self.0 = VecDeque::new();
        }
        reply
    }

    pub(crate) fn retain(&mut self, keep: impl FnMut(&Reply) -> bool) {
        self.0.retain(keep);
    }

    pub(crate) fn clear(&mut self) {
        self.0 = VecDeque::new();
    }
}

/// A bucket of answers to strangers: as many as a second allows at once, then one at a time.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Limiter {
    /// When all answers given so far are paid for.
    paid_until: Duration,
}

impl Limiter {
    /// Whether one more answer may go out now; if so, it is counted.
    pub(crate) fn allow(&mut self, now: Duration, per_second: u32) -> bool {
        let second = Duration::from_secs(1);
        let Some(cost) = second.checked_div(per_second) else { return false };
        let paid_until = self.paid_until.max(now).saturating_add(cost);
        if paid_until > now.saturating_add(second) {
            return false;
        }
        self.paid_until = paid_until;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // attack: requests that are not authentic cost an answer each
    #[test]
    fn a_burst_is_answered_up_to_the_limit_and_then_at_its_rate() {
        let mut limiter = Limiter::default();
        let mut allowed = |millis| limiter.allow(Duration::from_millis(millis), 10);
        assert_eq!((0..50).filter(|_| allowed(5_000)).count(), 10);
        assert!(!allowed(5_099));
        assert!(allowed(5_100));
        assert!(!allowed(5_100));
        assert_eq!((0..50).filter(|_| allowed(9_000)).count(), 10);
        assert!(!Limiter::default().allow(Duration::ZERO, 0));
    }
}
