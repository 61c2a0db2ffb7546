use std::time::Duration;

/// What a BBR-like algorithm believes about the path: the largest delivery rate and the smallest
/// round trip of late, and how much acknowledgements come in heaps.
#[derive(Debug)]
pub(super) struct Model {
    /// The largest rate of this probing cycle and of the one before, bytes per second.
    rates: [u64; 2],
    min: Option<Duration>,
    min_at: Duration,
    /// Acknowledged beyond the rate: the epoch's start and bytes, and the largest of two windows.
    epoch: Duration,
    epoch_bytes: u64,
    extra: [u64; 2],
    extra_rounds: u32,
    /// The round ends when what was sent by now is delivered.
    round_end: u64,
    pub(super) rounds: u64,
}

/// How long the smallest round trip is believed without being seen again.
const MIN_LIFE: Duration = Duration::from_secs(10);
/// Rounds that the largest heap is remembered.
const EXTRA_ROUNDS: u32 = 5;

impl Model {
    pub(super) fn new() -> Self {
        Self {
            rates: [0; 2],
            min: None,
            min_at: Duration::ZERO,
            epoch: Duration::ZERO,
            epoch_bytes: 0,
            extra: [0; 2],
            extra_rounds: 0,
            round_end: 0,
            rounds: 0,
        }
    }

    pub(super) fn rate(&self) -> u64 {
        let [now, before] = self.rates;
        now.max(before)
    }

    pub(super) fn min_round_trip(&self) -> Option<Duration> {
        self.min
    }

    /// How long the smallest round trip has not been seen again.
    pub(super) fn min_age(&self, now: Duration) -> Duration {
        now.saturating_sub(self.min_at)
    }

    /// Takes a rate; one that the application limits counts only when it is larger.
    pub(super) fn take_rate(&mut self, rate: u64, app_limited: bool) {
        if !app_limited || rate >= self.rate() {
            let [now, _] = &mut self.rates;
            *now = (*now).max(rate);
        }
    }

    /// A probing cycle has ended.
    pub(super) fn next_cycle(&mut self) {
        let [now, _] = self.rates;
        if now > 0 {
            self.rates = [0, now];
        }
    }

    pub(super) fn take_round_trip(&mut self, sample: Duration, now: Duration) {
        if self.min.is_none_or(|min| sample <= min) || self.min_age(now) > MIN_LIFE {
            self.min = Some(sample);
            self.min_at = now;
        }
    }

    /// The path has been kept empty: what was measured lately is the truth.
    pub(super) fn refreshed(&mut self, now: Duration) {
        self.min_at = now;
    }

    /// Whether what was delivered begins a new round trip; `prior` is what had been delivered when
    /// the newest chunk was sent.
    pub(super) fn round(&mut self, prior: u64, total: u64) -> bool {
        if prior < self.round_end {
            return false;
        }
        self.round_end = total;
        self.rounds = self.rounds.saturating_add(1);
        self.extra_rounds = self.extra_rounds.saturating_add(1);
        if self.extra_rounds >= EXTRA_ROUNDS {
            self.extra_rounds = 0;
            let [now, _] = self.extra;
            self.extra = [0, now];
        }
        true
    }

    /// Starts counting a round from here.
    pub(super) fn begin_round(&mut self, total: u64) {
        self.round_end = total;
    }

    /// Takes what came at once beyond the rate.
    pub(super) fn take_extra(&mut self, bytes: usize, window: usize, now: Duration) {
        let elapsed = now.saturating_sub(self.epoch);
        let expected = bytes_in(self.rate(), elapsed);
        if self.epoch_bytes <= expected {
            self.epoch = now;
            self.epoch_bytes = 0;
        }
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        self.epoch_bytes = self.epoch_bytes.saturating_add(bytes);
        let expected = if self.epoch == now { 0 } else { expected };
        let window = u64::try_from(window).unwrap_or(u64::MAX);
        let extra = self.epoch_bytes.saturating_sub(expected).min(window);
        let [largest, _] = &mut self.extra;
        *largest = (*largest).max(extra);
    }

    pub(super) fn extra(&self) -> usize {
        let [now, before] = self.extra;
        usize::try_from(now.max(before)).unwrap_or(usize::MAX)
    }

    /// The bandwidth-delay product at this rate.
    pub(super) fn product(&self, rate: u64) -> usize {
        let bytes = bytes_in(rate, self.min.unwrap_or_default());
        usize::try_from(bytes).unwrap_or(usize::MAX)
    }
}

/// What a rate delivers in this time.
fn bytes_in(rate: u64, time: Duration) -> u64 {
    let bytes = u128::from(rate).saturating_mul(time.as_nanos()) / 1_000_000_000;
    u64::try_from(bytes).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_the_largest_of_two_cycles() {
        let mut model = Model::new();
        model.take_rate(100, false);
        model.take_rate(50, false);
        model.next_cycle();
        model.take_rate(60, false);
        model.take_rate(10, true);
        assert_eq!(model.rate(), 100);
        model.next_cycle();
        assert_eq!(model.rate(), 60);
        // A cycle without a measurement forgets nothing.
        model.next_cycle();
        model.next_cycle();
        assert_eq!(model.rate(), 60);
    }

    #[test]
    fn the_round_trip_is_the_smallest_of_ten_seconds() {
        let mut model = Model::new();
        let ms = Duration::from_millis;
        model.take_round_trip(ms(50), ms(0));
        model.take_round_trip(ms(80), ms(9000));
        assert_eq!(model.min_round_trip(), Some(ms(50)));
        model.take_round_trip(ms(80), ms(10_001));
        assert_eq!(model.min_round_trip(), Some(ms(80)));
        assert_eq!(model.product(1_000_000), 80_000);
    }

    #[test]
    fn heaps_are_what_exceeds_the_rate() {
        let mut model = Model::new();
        let ms = Duration::from_millis;
        model.take_rate(1_000_000, false);
        model.take_extra(5000, 100_000, ms(100));
        assert_eq!(model.extra(), 5000);
        model.take_extra(5000, 100_000, ms(101));
        assert_eq!(model.extra(), 9000);
    }
}
