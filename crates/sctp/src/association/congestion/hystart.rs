use std::time::Duration;

/// HyStart++: leaves slow start when the round trip grows, before the queue overflows ([RFC 9406]).
///
/// [RFC 9406]: https://www.rfc-editor.org/rfc/rfc9406
#[derive(Debug, Default)]
pub(super) struct HyStart {
    /// The round ends when so much has been delivered.
    round_end: u64,
    last_min: Option<Duration>,
    current_min: Option<Duration>,
    samples: u32,
    css: Option<Conservative>,
    done: bool,
}

/// Conservative slow start: growth at a quarter, to see whether the delay was real.
#[derive(Clone, Copy, Debug)]
struct Conservative {
    baseline: Duration,
    rounds: u32,
}

const MIN_RTT_THRESH: Duration = Duration::from_millis(4);
const MAX_RTT_THRESH: Duration = Duration::from_millis(16);
const MIN_RTT_DIVISOR: u32 = 8;
const N_RTT_SAMPLE: u32 = 8;
const CSS_GROWTH_DIVISOR: usize = 4;
const CSS_ROUNDS: u32 = 5;

impl HyStart {
    /// Takes an acknowledgement in slow start; returns by how much `bytes` may raise the window.
    pub(super) fn growth(
        &mut self,
        bytes: usize,
        round_trip: Option<Duration>,
        (total, flight): (u64, usize),
    ) -> usize {
        if total >= self.round_end {
            //= rfc9406#4.3
            // The divisor is 4; L is unlimited, because everything is paced.
            //= rfc9406#4.2
            // A round lasts until what was in flight at its start is acknowledged.
            self.round_end = total.saturating_add(u64::try_from(flight).unwrap_or(u64::MAX)).max(1);
            self.last_min = self.current_min.take();
            self.samples = 0;
            self.count_round();
        }
        if let Some(sample) = round_trip {
            self.current_min = Some(self.current_min.map_or(sample, |min| min.min(sample)));
            self.samples = self.samples.saturating_add(1);
            self.compare();
        }
        if self.css.is_some() {
            //= rfc9406#4.2
            // In conservative slow start the window grows by a quarter.
            bytes.checked_div(CSS_GROWTH_DIVISOR).unwrap_or(bytes)
        } else {
            bytes
        }
    }

    fn count_round(&mut self) {
        if let Some(css) = &mut self.css {
            css.rounds = css.rounds.saturating_add(1);
            //= rfc9406#4.2
            // The delay was there for five rounds: slow start is over.
            self.done |= css.rounds >= CSS_ROUNDS;
        }
    }

    //= rfc9406#4.2
    // Eight samples of a round against the round before, with a threshold between 4 and 16 ms.
    fn compare(&mut self) {
        let (Some(last), Some(current)) = (self.last_min, self.current_min) else { return };
        if self.samples < N_RTT_SAMPLE {
            return;
        }
        match self.css {
            None => {
                let threshold = (last / MIN_RTT_DIVISOR).clamp(MIN_RTT_THRESH, MAX_RTT_THRESH);
                if current >= last.saturating_add(threshold) {
                    self.css = Some(Conservative { baseline: current, rounds: 0 });
                }
            }
            //= rfc9406#4.2
            // The delay has gone again: it was no queue.
            Some(css) if current < css.baseline => self.css = None,
            Some(_) => {}
        }
    }

    /// Slow start ends here.
    pub(super) fn is_done(&self) -> bool {
        self.done
    }

    /// Slow start begins again.
    pub(super) fn restart(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    /// A round of ten acknowledgements with this round trip; returns the growth of the last.
    fn round(hystart: &mut HyStart, total: &mut u64, round_trip: Duration) -> usize {
        let mut growth = 0;
        for _ in 0..10 {
            growth = hystart.growth(1000, Some(round_trip), (*total, 10_000));
            *total += 1000;
        }
        growth
    }

    #[test]
    fn a_growing_round_trip_slows_down_and_then_ends_slow_start() {
        let (mut hystart, mut total) = (HyStart::default(), 0);
        assert_eq!(round(&mut hystart, &mut total, 50 * MS), 1000);
        assert_eq!(round(&mut hystart, &mut total, 51 * MS), 1000);
        assert_eq!(round(&mut hystart, &mut total, 60 * MS), 250);
        for _ in 0..5 {
            assert!(!hystart.is_done());
            round(&mut hystart, &mut total, 62 * MS);
        }
        assert!(hystart.is_done());
    }

    #[test]
    fn a_passing_delay_is_forgiven() {
        let (mut hystart, mut total) = (HyStart::default(), 0);
        round(&mut hystart, &mut total, 50 * MS);
        assert_eq!(round(&mut hystart, &mut total, 60 * MS), 250);
        assert_eq!(round(&mut hystart, &mut total, 50 * MS), 1000);
        for _ in 0..10 {
            round(&mut hystart, &mut total, 50 * MS);
        }
        assert!(!hystart.is_done());
    }
}
