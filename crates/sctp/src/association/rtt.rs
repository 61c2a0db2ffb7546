use std::time::Duration;

use crate::Config;

/// Round-trip time and retransmission timeout ([RFC 9260 section 6.3.1]).
///
/// [RFC 9260 section 6.3.1]: https://www.rfc-editor.org/rfc/rfc9260#section-6.3.1
#[derive(Debug)]
pub(crate) struct Rtt {
    smoothed: Option<Duration>,
    variation: Duration,
    /// The same without a floor.
    jitter: Duration,
    /// Without back-off.
    rto: Duration,
    /// Doublings in force.
    backoff: u32,
    min: Duration,
    max: Duration,
}

impl Rtt {
    pub(crate) fn new(config: &Config) -> Self {
        Self {
            smoothed: None,
            variation: Duration::ZERO,
            jitter: Duration::ZERO,
            rto: config.rto_initial,
            backoff: 0,
            min: config.rto_min,
            max: config.rto_max,
        }
    }

    /// Takes a measurement; ends the back-off.
    pub(crate) fn measured(&mut self, sample: Duration) {
        match self.smoothed {
            //= rfc9260#6.3.1
            // The first measurement: SRTT = R, RTTVAR = R / 2.
            None => {
                self.smoothed = Some(sample);
                self.variation = sample / 2;
                self.jitter = sample / 4;
            }
            //= rfc9260#6.3.1
            // RTTVAR with beta 1/4 uses the old SRTT, then SRTT moves with alpha 1/8.
            Some(smoothed) => {
                self.variation = (self.variation * 3 + smoothed.abs_diff(sample)) / 4;
                self.jitter = (self.jitter * 3 + smoothed.abs_diff(sample)) / 4;
                self.smoothed = Some((smoothed * 7 + sample) / 8);
            }
        }
        //= rfc9260#6.3.1
        // G1: the variation has a floor, here a quarter of the smallest RTO. On a steady path
        // the RTO would otherwise come down to the round trip itself, and the first queue that
        // builds up or acknowledgement that is delayed would look like a loss.
        self.variation = self.variation.max(self.min / 4);
        let smoothed = self.smoothed.unwrap_or(sample);
        self.rto = smoothed.saturating_add(self.variation * 4).clamp(self.min, self.max);
        self.backoff = 0;
    }

    //= rfc9260#6.3.3
    // Each expiry doubles the timeout, up to the maximum.
    pub(crate) fn back_off(&mut self) {
        self.backoff = self.backoff.saturating_add(1).min(16);
    }

    /// The peer acknowledges new data: the path is alive, and waiting longer serves nobody.
    ///
    /// RFC 9260 waits for a measurement, which under heavy loss Karn's rule keeps away for long;
    /// TCP ends its back-off here, too.
    pub(crate) fn progress(&mut self) {
        self.backoff = 0;
    }

    /// The retransmission timeout, back-off included.
    pub(crate) fn rto(&self) -> Duration {
        self.rto.saturating_mul(1_u32 << self.backoff).min(self.max)
    }

    /// How long to wait before asking after the tail of what was sent, once the round trip is
    /// known: a round trip and what it is seen to vary by.
    ///
    /// RFC 8985 section 7.2 waits two round trips. The last chunk asks for its acknowledgement at
    /// once, so that there is no delay to allow for, and a quarter more than the round trip is
    /// enough on a steady path: a request that was lost is answered within 2.5 round trips.
    pub(crate) fn probe_timeout(&self) -> Option<Duration> {
        let smoothed = self.smoothed?;
        let margin = (self.jitter * 4).max(smoothed / 5).min(smoothed);
        Some(smoothed.saturating_add(margin).max(MIN_PROBE))
    }

    pub(crate) fn smoothed(&self) -> Option<Duration> {
        self.smoothed
    }

    /// Smoothed round trip and its variation, for a handover.
    pub(crate) fn parts(&self) -> Option<(Duration, Duration)> {
        Some((self.smoothed?, self.jitter))
    }

    /// What [`parts`](Self::parts) returned.
    pub(crate) fn set_parts(&mut self, smoothed: Duration, jitter: Duration) {
        self.measured(smoothed);
        self.jitter = jitter;
        self.variation = jitter.max(self.min / 4);
        self.rto = smoothed.saturating_add(self.variation * 4).clamp(self.min, self.max);
    }
}

/// A tail probe waits at least this long.
const MIN_PROBE: Duration = Duration::from_millis(10);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn measurements_follow_the_formulas() {
        let config = Config { rto_min: Duration::from_millis(1), ..Config::default() };
        let mut rtt = Rtt::new(&config);
        assert_eq!(rtt.rto(), config.rto_initial);
        rtt.measured(Duration::from_millis(100));
        assert_eq!(rtt.rto(), Duration::from_millis(300));
        rtt.measured(Duration::from_millis(200));
        // RTTVAR = (3 * 50 + 100) / 4 = 62.5; SRTT = (700 + 200) / 8 = 112.5
        assert_eq!(rtt.smoothed(), Some(Duration::from_micros(112_500)));
        assert_eq!(rtt.rto(), Duration::from_micros(362_500));
    }

    #[test]
    fn back_off_doubles_to_the_maximum_and_ends_with_a_measurement() {
        let mut rtt = Rtt::new(&Config::default());
        rtt.back_off();
        assert_eq!(rtt.rto(), Duration::from_secs(1));
        for _ in 0..40 {
            rtt.back_off();
        }
        assert_eq!(rtt.rto(), Duration::from_secs(10));
        rtt.measured(Duration::from_millis(10));
        // 10 ms and four times the floor of the variation.
        assert_eq!(rtt.rto(), Duration::from_millis(210));
    }
}
