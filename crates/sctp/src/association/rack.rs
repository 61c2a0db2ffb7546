use std::time::Duration;

use super::outstanding::nanos;
use crate::serial::Tsn;

/// Which transmissions are lost, by time ([RFC 8985 section 6]).
///
/// What was sent a round trip and a little more before something that has arrived will not come any
/// more. That finds lost retransmissions and lost tails, which counting reports (RFC 9260 section
/// 7.2.4) leaves to a timeout.
///
/// [RFC 8985 section 6]: https://www.rfc-editor.org/rfc/rfc8985#section-6
#[derive(Debug)]
pub(crate) struct Rack {
    /// The latest transmission that has arrived.
    order: u64,
    /// Its round trip in nanoseconds.
    round_trip: u64,
    /// The shortest round trip seen.
    min: Option<u64>,
    /// The highest TSN that has arrived.
    highest: Tsn,
    /// Something arrived after what was sent later, for the first time.
    reordering: bool,
    /// Quarters of the shortest round trip that reordering may take.
    multiplier: u32,
    /// Recoveries until the multiplier is forgotten.
    persist: u32,
    /// The next round in which the multiplier may grow begins with this transmission.
    round: u64,
}

/// Recoveries without a duplicate after which the window of reordering is small again.
const PERSIST: u32 = 16;

impl Rack {
    pub(crate) fn new(initial: Tsn) -> Self {
        Self {
            order: 0,
            round_trip: 0,
            min: None,
            highest: initial.previous(),
            reordering: false,
            multiplier: 1,
            persist: PERSIST,
            round: 0,
        }
    }

    pub(super) fn order(&self) -> u64 {
        self.order
    }

    /// The highest TSN that has arrived.
    pub(super) fn highest(&self) -> Tsn {
        self.highest
    }

    pub(super) fn round_trip(&self) -> u64 {
        self.round_trip
    }

    //= rfc8985#6.2
    // Steps 1 to 3: a chunk has arrived.
    pub(super) fn delivered(&mut self, tsn: Tsn, order: u64, elapsed: u64, repeated: bool) {
        //= rfc8985#6.2
        // An answer too early for a repetition answers the original.
        if repeated && self.min.is_some_and(|min| elapsed < min) {
            return;
        }
        if !repeated {
            self.min = Some(self.min.map_or(elapsed, |min| min.min(elapsed)));
            if tsn < self.highest {
                self.reordering = true;
            }
        }
        self.highest = self.highest.max(tsn);
        if order > self.order {
            self.order = order;
            self.round_trip = elapsed;
        }
    }

    //= rfc8985#6.2
    // Step 4: a chunk that arrived twice was sent again too early; the window grows, once per
    // round trip.
    pub(crate) fn duplicate(&mut self, newest: u64) {
        if self.order >= self.round {
            self.round = newest;
            self.multiplier = self.multiplier.saturating_add(1).min(64);
            self.persist = PERSIST;
        }
    }

    /// A recovery has ended.
    pub(crate) fn recovered(&mut self) {
        self.persist = self.persist.saturating_sub(1);
        if self.persist == 0 {
            self.multiplier = 1;
        }
    }

    //= rfc8985#3.3.2
    // The window is bounded by the smoothed round trip.
    //= rfc8985#6.2
    // How much later than its successor a chunk may arrive: nothing once three have overtaken it
    // or losses are being repaired, and no reordering was ever seen.
    pub(crate) fn window(&self, smoothed: Duration, in_recovery: bool, overtaken: u64) -> Duration {
        if !self.reordering && (in_recovery || overtaken >= 3) {
            return Duration::ZERO;
        }
        let quarter = self.min.unwrap_or_else(|| nanos(smoothed)) / 4;
        let window = quarter.saturating_mul(u64::from(self.multiplier));
        Duration::from_nanos(window).min(smoothed)
    }

    /// The shortest round trip seen.
    pub(crate) fn min(&self) -> Option<Duration> {
        self.min.map(Duration::from_nanos)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    fn smoothed() -> Duration {
        Duration::from_millis(100)
    }

    #[test]
    fn without_reordering_three_later_arrivals_are_proof() {
        let first = Tsn::initial(1);
        let mut rack = Rack::new(first);
        rack.delivered(first.plus(3), 4, 100 * MS, false);
        assert_eq!(rack.window(smoothed(), false, 2), Duration::from_millis(25));
        assert_eq!(rack.window(smoothed(), false, 3), Duration::ZERO);
        assert_eq!(rack.window(smoothed(), true, 1), Duration::ZERO);
    }

    #[test]
    fn reordering_once_seen_keeps_the_window_and_duplicates_widen_it() {
        let first = Tsn::initial(1);
        let mut rack = Rack::new(first);
        rack.delivered(first.plus(3), 4, 100 * MS, false);
        rack.delivered(first, 1, 100 * MS, false);
        assert_eq!(rack.window(smoothed(), true, 9), Duration::from_millis(25));
        rack.duplicate(10);
        rack.duplicate(10);
        assert_eq!(rack.window(smoothed(), true, 9), Duration::from_millis(50));
        for _ in 0..PERSIST {
            rack.recovered();
        }
        assert_eq!(rack.window(smoothed(), true, 9), Duration::from_millis(25));
    }

    #[test]
    fn an_answer_too_early_for_a_repetition_says_nothing() {
        let first = Tsn::initial(1);
        let mut rack = Rack::new(first);
        rack.delivered(first, 1, 100 * MS, false);
        rack.delivered(first.plus(1), 9, 10 * MS, true);
        assert_eq!((rack.order(), rack.round_trip()), (1, 100 * MS));
    }
}
