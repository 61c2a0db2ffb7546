use std::time::Duration;

use super::outstanding::nanos;

/// How fast the network delivers, chunk by chunk, without a walk over what is in flight.
///
/// Each transmission notes what had been delivered by then and when; its acknowledgement tells how
/// much was delivered in between. The slower of sending and acknowledging counts, so that
/// acknowledgements that come in heaps do not look like bandwidth. Times are nanoseconds since
/// birth.
#[derive(Debug, Default)]
pub(crate) struct Delivery {
    /// Chunk bytes delivered so far.
    pub(super) total: u64,
    /// When the last of them was acknowledged.
    pub(super) at: u64,
    /// When the chunk acknowledged last was sent.
    pub(super) first_sent: u64,
    /// Samples of chunks sent before so much is delivered are limited by the application.
    app_limited: u64,
    /// SACKs have no room for all gaps: much has been delivered that is not known of.
    blind: bool,
    /// Samples of chunks sent before so much was delivered would count what became known late.
    blind_until: u64,
}

/// What an acknowledged chunk noted when it was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sample {
    pub(super) order: u64,
    pub(super) sent_at: u64,
    pub(super) delivered: u64,
    pub(super) delivered_at: u64,
    pub(super) first_sent: u64,
    pub(super) app_limited: bool,
    /// It was sent more than once: the round trip is in doubt.
    pub(super) repeated: bool,
}

/// A measurement of the delivery rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rate {
    /// Chunk bytes per second; 0 when the interval is too short to say.
    pub(crate) bytes_per_second: u64,
    /// Delivered since the chunk was sent.
    pub(crate) delivered: u64,
    /// Delivered when it was sent.
    pub(crate) prior: u64,
    pub(crate) app_limited: bool,
}

/// A SACK with more gaps than this may have left some out; 290 fit a packet.
const MANY_GAPS: usize = 100;

impl Sample {
    /// The round trip, where it is beyond doubt.
    pub(crate) fn round_trip(&self, now: Duration) -> Option<Duration> {
        (!self.repeated).then(|| Duration::from_nanos(nanos(now).saturating_sub(self.sent_at)))
    }
}

impl Delivery {
    /// A chunk is about to be sent; after a pause measuring starts anew.
    pub(super) fn sending(&mut self, now: u64, idle: bool) {
        if idle {
            self.first_sent = now;
            self.at = now;
        }
    }

    pub(super) fn delivered(&mut self, bytes: usize, now: u64) {
        self.total = self.total.saturating_add(u64::try_from(bytes).unwrap_or(u64::MAX));
        self.at = now;
        if self.total > self.app_limited {
            self.app_limited = 0;
        }
    }

    pub(super) fn is_app_limited(&self) -> bool {
        self.app_limited > 0
    }

    pub(crate) fn total(&self) -> u64 {
        self.total
    }

    /// There is nothing to send though the window would allow it, with so much in flight.
    pub(crate) fn idle_application(&mut self, flight: usize) {
        let flight = u64::try_from(flight).unwrap_or(u64::MAX);
        self.app_limited = self.total.saturating_add(flight).max(1);
    }

    /// A SACK with so many gaps came.
    pub(crate) fn gaps_reported(&mut self, gaps: usize) {
        let blind = gaps >= MANY_GAPS;
        if self.blind && !blind {
            self.blind_until = self.total;
        }
        self.blind = blind;
    }

    /// The rate that the newest chunk acknowledged stands for.
    pub(crate) fn rate(&mut self, sample: &Sample, min_round_trip: Option<Duration>) -> Rate {
        self.first_sent = sample.sent_at;
        let sending = sample.sent_at.saturating_sub(sample.first_sent);
        let acknowledging = self.at.saturating_sub(sample.delivered_at);
        let interval = sending.max(acknowledging);
        let delivered = self.total.saturating_sub(sample.delivered);
        // An interval below the shortest round trip says more about the clock than the network.
        let known = !self.blind && sample.delivered >= self.blind_until;
        let enough =
            known && interval > 0 && min_round_trip.is_none_or(|least| interval >= nanos(least));
        let rate = u128::from(delivered).saturating_mul(1_000_000_000);
        let rate = rate.checked_div(u128::from(interval)).filter(|_| enough).unwrap_or(0);
        Rate {
            bytes_per_second: u64::try_from(rate).unwrap_or(u64::MAX),
            delivered,
            prior: sample.delivered,
            app_limited: sample.app_limited,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(delivery: &Delivery, sent_at: u64) -> Sample {
        Sample {
            order: 1,
            sent_at,
            delivered: delivery.total,
            delivered_at: delivery.at,
            first_sent: delivery.first_sent,
            app_limited: false,
            repeated: false,
        }
    }

    #[test]
    fn the_rate_is_what_was_delivered_over_the_slower_of_sending_and_acknowledging() {
        let mut delivery = Delivery::default();
        delivery.sending(1_000_000_000, true);
        let sent = sample(&delivery, 1_000_000_000);
        delivery.delivered(5000, 1_100_000_000);
        delivery.delivered(5000, 1_200_000_000);
        let rate = delivery.rate(&sent, None);
        assert_eq!((rate.bytes_per_second, rate.delivered, rate.prior), (50_000, 10_000, 0));
    }

    #[test]
    fn what_the_application_limits_is_marked_until_it_is_delivered() {
        let mut delivery = Delivery::default();
        delivery.idle_application(1000);
        assert!(delivery.is_app_limited());
        delivery.delivered(1000, 1);
        assert!(delivery.is_app_limited());
        delivery.delivered(1, 2);
        assert!(!delivery.is_app_limited());
    }
}
