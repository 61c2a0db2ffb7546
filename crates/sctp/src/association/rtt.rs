use std::time::Duration;

use crate::Config;

/// Round-trip time and retransmission timeout ([RFC 9260 section 6.3.1]).
///
/// [RFC 9260 section 6.3.1]: https://www.rfc-editor.org/rfc/rfc9260#section-6.3.1
#[derive(Debug)]
pub(crate) struct Rtt {
    smoothed: Option<Duration>,
    variation: Duration,
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
            }
            //= rfc9260#6.3.1
            // RTTVAR with beta 1/4 uses the old SRTT, then SRTT moves with alpha 1/8.
            Some(smoothed) => {
                self.variation = (self.variation * 3 + smoothed.abs_diff(sample)) / 4;
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

    pub(crate) fn smoothed(&self) -> Option<Duration> {
        self.smoothed
    }
}

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
