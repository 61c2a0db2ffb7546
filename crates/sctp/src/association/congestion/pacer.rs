use std::time::Duration;

/// Spreads packets over time: a bucket that fills at the pacing rate and holds one burst.
#[derive(Debug)]
pub(crate) struct Pacer {
    /// Bytes that may go out now; below zero after the last of a burst.
    credit: i64,
    updated: Duration,
}

/// A burst holds at least so many packets.
const SMALLEST: usize = 10;

impl Pacer {
    pub(crate) fn new(burst: usize) -> Self {
        Self { credit: i64::try_from(burst).unwrap_or(i64::MAX), updated: Duration::ZERO }
    }

    /// Whether a packet may go out now; otherwise when.
    pub(crate) fn check(
        &mut self,
        now: Duration,
        rate: Option<u64>,
        (packet, burst): (usize, usize),
    ) -> Result<(), Duration> {
        let Some(rate) = rate.map(|rate| rate.max(1)) else {
            self.credit = i64::try_from(burst).unwrap_or(i64::MAX);
            self.updated = now;
            return Ok(());
        };
        let capacity = capacity(rate, packet, burst);
        let elapsed = now.saturating_sub(self.updated);
        let earned = u128::from(rate).saturating_mul(elapsed.as_nanos()) / 1_000_000_000;
        // The fraction of a byte stays with the clock until it is a byte.
        if earned > 0 {
            let earned = i64::try_from(earned).unwrap_or(i64::MAX);
            self.credit = self.credit.saturating_add(earned).min(capacity);
            self.updated = now;
        }
        if self.credit > 0 {
            return Ok(());
        }
        // Waking up for half a burst gives drivers batches.
        let wanted = (capacity / 2).saturating_sub(self.credit).max(1);
        let wanted = u128::from(wanted.unsigned_abs()).saturating_mul(1_000_000_000);
        let nanos = wanted.div_ceil(u128::from(rate));
        let wait = Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
        Err(self.updated.saturating_add(wait).max(now.saturating_add(Duration::from_micros(1))))
    }

    pub(crate) fn sent(&mut self, bytes: usize) {
        self.credit = self.credit.saturating_sub(i64::try_from(bytes).unwrap_or(i64::MAX));
    }
}

/// A millisecond's worth, at least ten packets and at most the configured burst.
fn capacity(rate: u64, packet: usize, burst: usize) -> i64 {
    let millisecond = usize::try_from(rate / 1000).unwrap_or(usize::MAX);
    let least = packet.saturating_mul(SMALLEST).min(burst);
    i64::try_from(millisecond.clamp(least, burst.max(least))).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACKET: usize = 1000;
    const BURST: usize = 64_000;

    #[test]
    fn a_burst_goes_out_at_once_and_the_rest_at_the_rate() {
        let mut pacer = Pacer::new(0);
        let mut now = Duration::from_secs(1);
        let (mut sent, mut longest, mut burst) = (0_u64, 0, 0);
        let end = now + Duration::from_secs(1);
        while now < end {
            match pacer.check(now, Some(10_000_000), (PACKET, BURST)) {
                Ok(()) => {
                    pacer.sent(PACKET);
                    sent += 1000;
                    burst += 1;
                    longest = longest.max(burst);
                }
                Err(at) => {
                    assert!(at > now);
                    now = at;
                    burst = 0;
                }
            }
        }
        assert!((9_900_000..=10_100_000).contains(&sent), "{sent}");
        assert!(longest <= 11, "{longest} packets at once");
    }

    #[test]
    fn without_a_rate_there_is_no_wait() {
        let mut pacer = Pacer::new(0);
        for _ in 0..100 {
            assert_eq!(pacer.check(Duration::ZERO, None, (PACKET, BURST)), Ok(()));
            pacer.sent(PACKET);
        }
    }
}
