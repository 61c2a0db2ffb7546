//! Answers that wait for `poll_output`, and the limit on answers to strangers.

use std::collections::VecDeque;
use std::net::{IpAddr, Ipv6Addr};
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

    /// Whether an answer waits to go along this path.
    pub(crate) fn has(&self, path: Path) -> bool {
        self.0.iter().any(|reply| reply.path == path)
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

/// So many sources have a bucket of their own.
const MAX_SOURCES: usize = 32;
/// All sources together get so many times what one of them gets.
const ALL_SOURCES: u32 = 8;

/// Buckets of answers to strangers, one per source and one for all of them: as many answers as a
/// second allows at once, then one at a time.
#[derive(Debug, Default)]
pub(crate) struct Limiter {
    all: Bucket,
    /// Sources that were answered lately. Bounded, and empty while nobody knocks.
    sources: Vec<(IpAddr, Bucket)>,
}

impl Limiter {
    /// Whether one more answer to `source` may go out now; if so, it is counted.
    // attack: one stranger uses up the answers that the others would get
    pub(crate) fn allow(&mut self, now: Duration, source: IpAddr, per_second: u32) -> bool {
        let source = network(source);
        self.sources.retain(|(_, bucket)| bucket.paid_until > now);
        if self.sources.is_empty() && self.sources.capacity() > 0 {
            self.sources = Vec::new();
        }
        let all = per_second.saturating_mul(ALL_SOURCES);
        let known = self.sources.iter().position(|(known, _)| *known == source);
        let index = match known {
            Some(index) => index,
            // With so many sources at once only the bucket for all of them counts.
            None if self.sources.len() >= MAX_SOURCES => return self.all.take(now, all),
            None => {
                self.sources.push((source, Bucket::default()));
                self.sources.len().saturating_sub(1)
            }
        };
        let own = self.sources.get_mut(index);
        own.is_some_and(|(_, bucket)| {
            bucket.has_room(now, per_second) && {
                self.all.take(now, all) && bucket.take(now, per_second)
            }
        })
    }
}

/// What counts as one source: an IPv4 address, or the 64 bits that a network gets in IPv6.
fn network(source: IpAddr) -> IpAddr {
    match source.to_canonical() {
        IpAddr::V4(ip) => IpAddr::V4(ip),
        IpAddr::V6(ip) => {
            let [a, b, c, d, ..] = ip.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct Bucket {
    /// When all answers given so far are paid for.
    paid_until: Duration,
}

impl Bucket {
    fn after_one_more(self, now: Duration, per_second: u32) -> Option<Duration> {
        let second = Duration::from_secs(1);
        let cost = second.checked_div(per_second)?;
        let paid_until = self.paid_until.max(now).saturating_add(cost);
        (paid_until <= now.saturating_add(second)).then_some(paid_until)
    }

    fn has_room(self, now: Duration, per_second: u32) -> bool {
        self.after_one_more(now, per_second).is_some()
    }

    fn take(&mut self, now: Duration, per_second: u32) -> bool {
        let after = self.after_one_more(now, per_second);
        self.paid_until = after.unwrap_or(self.paid_until);
        after.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));

    // attack: requests that are not authentic cost an answer each
    #[test]
    fn a_burst_is_answered_up_to_the_limit_and_then_at_its_rate() {
        let mut limiter = Limiter::default();
        let mut allowed = |millis| limiter.allow(Duration::from_millis(millis), ONE, 10);
        assert_eq!((0..50).filter(|_| allowed(5_000)).count(), 10);
        assert!(!allowed(5_099));
        assert!(allowed(5_100));
        assert!(!allowed(5_100));
        assert_eq!((0..50).filter(|_| allowed(9_000)).count(), 10);
        assert!(!Limiter::default().allow(Duration::ZERO, ONE, 0));
    }

    // attack: one stranger uses up the answers that the others would get
    #[test]
    fn each_source_has_its_own_limit_and_all_together_have_one_too() {
        let mut limiter = Limiter::default();
        let now = Duration::from_secs(5);
        assert_eq!((0..50).filter(|_| limiter.allow(now, ONE, 10)).count(), 10);
        let other = IpAddr::from([192, 0, 2, 2]);
        assert!(limiter.allow(now, other, 10), "the first one does not count for the second");
        // The hosts of one IPv6 network are one source.
        let v6 = |host: u16| IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, host]);
        assert_eq!((0..50).filter(|host| limiter.allow(now, v6(*host), 10)).count(), 10);
        // A thousand sources do not get a thousand answers, and leave no thousand buckets.
        let many = (0..1000u16).filter(|n| {
            let [high, low] = n.to_be_bytes();
            limiter.allow(now, IpAddr::from([10, 0, high, low]), 10)
        });
        assert_eq!(many.count(), 80 - 21);
        assert!(limiter.sources.len() <= MAX_SOURCES);
        assert!(limiter.allow(Duration::from_secs(60), ONE, 10));
        assert_eq!(limiter.sources.len(), 1);
    }
}
