use std::hash::BuildHasher as _;
use std::net::IpAddr;
use std::time::Duration;

use super::hash::Keyed;

/// How many answers a source gets without proof of who it is.
///
/// A table of fixed size, keyed by the IPv4 address or the IPv6 /64; sources that fall into one
/// place share it. So no flood makes it grow, and nobody can choose whom to share with.
#[derive(Debug)]
pub(crate) struct SourceLimiter {
    hash: Keyed,
    places: Box<[Place]>,
    per_second: u32,
    burst: u32,
}

#[derive(Clone, Copy, Debug)]
struct Place {
    /// Milliseconds since birth of the last change.
    at: u32,
    /// Thousandths of an answer that are left.
    left: u32,
}

/// Sources that are told apart.
const PLACES: usize = 4096;

impl SourceLimiter {
    pub(crate) fn new(hash: Keyed, per_second: u32, burst: u32) -> Self {
        let burst = burst.clamp(1, 1_000_000);
        let full = Place { at: 0, left: burst.saturating_mul(1000) };
        Self { hash, places: vec![full; PLACES].into(), per_second, burst }
    }

    /// Other rates; what a source has saved above the new burst is lost at its next answer.
    pub(crate) fn set_rate(&mut self, per_second: u32, burst: u32) {
        (self.per_second, self.burst) = (per_second, burst.clamp(1, 1_000_000));
    }

    /// Whether `ip` may have one more answer now.
    pub(crate) fn allow(&mut self, ip: IpAddr, now: Duration) -> bool {
        let word = match ip {
            IpAddr::V4(ip) => u128::from(ip.to_bits()),
            IpAddr::V6(ip) => ip.to_bits() >> 64 | 1 << 64,
        };
        let index = usize::try_from(self.hash.hash_one(word) % 4096).unwrap_or(0);
        let Some(place) = self.places.get_mut(index) else { return false };
        let millis = u32::try_from(now.as_millis() & u128::from(u32::MAX)).unwrap_or(0);
        let passed = millis.wrapping_sub(place.at);
        let full = self.burst.saturating_mul(1000);
        place.left = place.left.saturating_add(passed.saturating_mul(self.per_second)).min(full);
        place.at = millis;
        match place.left.checked_sub(1000) {
            Some(left) => {
                place.left = left;
                true
            }
            None => false,
        }
    }
}

/// A token bucket over bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bandwidth {
    per_second: u64,
    left: u64,
    at: Duration,
}

impl Bandwidth {
    /// A full bucket that holds what passes in a second; `None` is no limit.
    pub(crate) fn new(per_second: Option<u64>, now: Duration) -> Self {
        let per_second = per_second.unwrap_or(u64::MAX);
        Self { per_second, left: per_second, at: now }
    }

    /// Another limit; what was saved above it is lost.
    pub(crate) fn set_limit(&mut self, per_second: Option<u64>, now: Duration) {
        let per_second = per_second.unwrap_or(u64::MAX);
        *self = Self { per_second, left: self.left.min(per_second), at: now };
    }

    /// How many of `count` datagrams of `len` bytes may pass now.
    #[inline]
    pub(crate) fn take(&mut self, now: Duration, count: usize, len: usize) -> usize {
        if self.per_second == u64::MAX || len == 0 {
            return count;
        }
        let micros = u64::try_from(now.saturating_sub(self.at).as_micros()).unwrap_or(u64::MAX);
        let earned = micros.saturating_mul(self.per_second) / 1_000_000;
        if earned > 0 {
            self.left = self.left.saturating_add(earned).min(self.per_second);
            self.at = now;
        }
        let len = u64::try_from(len).unwrap_or(u64::MAX);
        let fit = self.left.checked_div(len).unwrap_or(0);
        let taken = fit.min(u64::try_from(count).unwrap_or(u64::MAX));
        self.left = self.left.saturating_sub(taken.saturating_mul(len));
        usize::try_from(taken).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_earns_answers_and_saves_a_burst() {
        let mut limiter = SourceLimiter::new(Keyed::new([5; 8]), 10, 20);
        let ip = "192.0.2.1".parse().unwrap();
        let allowed = |limiter: &mut SourceLimiter, at| {
            (0..100).filter(|_| limiter.allow(ip, Duration::from_millis(at))).count()
        };
        assert_eq!(allowed(&mut limiter, 0), 20);
        assert_eq!(allowed(&mut limiter, 500), 5);
        assert_eq!(allowed(&mut limiter, 100_000), 20);
    }

    #[test]
    fn bandwidth_is_what_passes_in_a_second() {
        let mut bandwidth = Bandwidth::new(Some(10_000), Duration::ZERO);
        assert_eq!(bandwidth.take(Duration::ZERO, 64, 1000), 10);
        assert_eq!(bandwidth.take(Duration::ZERO, 1, 1000), 0);
        assert_eq!(bandwidth.take(Duration::from_millis(500), 64, 1000), 5);
        let mut unlimited = Bandwidth::new(None, Duration::ZERO);
        assert_eq!(unlimited.take(Duration::ZERO, 64, 65_535), 64);
    }
}
