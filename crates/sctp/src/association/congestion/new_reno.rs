use std::time::Duration;

use super::hystart::HyStart;
use super::{Acked, Controller, Limits, Lost, window_rate};

/// The congestion window of RFC 9260 section 7.2.
///
/// Deviations: the first window is [`Config::initial_window`](crate::Config::initial_window)
/// packets; slow start grows by all that is acknowledged, because acknowledgements come for batches
/// and what they release is paced; HyStart++ ends it.
#[derive(Debug)]
pub(super) struct NewReno {
    limits: Limits,
    window: usize,
    threshold: usize,
    partial_bytes_acked: usize,
    hystart: HyStart,
}

impl NewReno {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            limits,
            window: limits.initial,
            threshold: limits.max,
            partial_bytes_acked: 0,
            hystart: HyStart::default(),
        }
    }

    fn slow_start(&mut self, acked: &Acked, used: bool) {
        //= rfc9260#7.2.1
        // Slow start: not in fast recovery, and only when the cumulative point moves.
        if !used || !acked.cumulative_advanced || acked.in_recovery {
            return;
        }
        let step = self.hystart.growth(acked.bytes, acked.round_trip, (acked.total, acked.flight));
        self.window = self.window.saturating_add(step).min(self.limits.max);
        if self.hystart.is_done() {
            self.threshold = self.window.saturating_sub(1);
        }
    }
}

/// Whether the window was fully used; a packet that no longer fitted counts as use.
pub(super) fn is_used(acked: &Acked, window: usize, limits: &Limits) -> bool {
    let slack = limits.packet.max(window / 8);
    acked.flight_before.saturating_add(slack) > window
}

impl Controller for NewReno {
    fn window(&self) -> usize {
        self.window
    }

    fn pacing_rate(&self, smoothed: Option<Duration>) -> Option<u64> {
        let hundredths = if self.window <= self.threshold { 200 } else { 125 };
        window_rate(self.window, smoothed, hundredths)
    }

    fn acked(&mut self, acked: &Acked) {
        //= rfc9260#7.2.1
        // The window grows only while it is fully used.
        let used = is_used(acked, self.window, &self.limits);
        if self.window <= self.threshold {
            self.slow_start(acked, used);
        } else {
            //= rfc9260#7.2.2
            // Congestion avoidance: one packet more for each window acknowledged.
            self.partial_bytes_acked = self.partial_bytes_acked.saturating_add(acked.bytes);
            if self.partial_bytes_acked >= self.window {
                if used && !acked.in_recovery {
                    self.partial_bytes_acked = self.partial_bytes_acked.saturating_sub(self.window);
                    self.window =
                        self.window.saturating_add(self.limits.packet).min(self.limits.max);
                } else {
                    self.partial_bytes_acked = self.window;
                }
            }
        }
        if acked.all {
            self.partial_bytes_acked = 0;
        }
    }

    //= rfc9260#7.2.3
    // A loss seen through SACKs halves the window, once per recovery.
    fn lost(&mut self, lost: &Lost) {
        if lost.first {
            self.threshold = (self.window / 2).max(self.limits.packets(4));
            self.window = self.threshold;
            self.partial_bytes_acked = 0;
        }
    }

    //= rfc9260#7.2.3
    // After T3 one packet may be in flight, and slow start begins again.
    fn timed_out(&mut self, _now: Duration) {
        self.threshold = (self.window / 2).max(self.limits.packets(4));
        self.window = self.limits.packet;
        self.partial_bytes_acked = 0;
        self.hystart.restart();
    }

    //= rfc9260#7.2.1
    // An idle path is probed anew: the window halves per RTO without data, down to the first.
    fn idle(&mut self, since: Duration, rto: Duration) {
        decay(&mut self.window, &mut self.threshold, &self.limits, (since, rto));
    }

    fn set_packet(&mut self, bytes: usize) {
        self.limits.packet = bytes;
    }
}

/// Halves `window` for each RTO of idleness.
pub(super) fn decay(
    window: &mut usize,
    threshold: &mut usize,
    limits: &Limits,
    (since, rto): (Duration, Duration),
) {
    let mut left = since;
    while left >= rto && *window > limits.initial {
        if left == since {
            *threshold = (*threshold).max(*window);
        }
        *window = (*window / 2).max(limits.initial);
        left = left.saturating_sub(rto.max(Duration::from_millis(1)));
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{acked, limits, loss};
    use super::*;

    #[test]
    fn slow_start_then_avoidance() {
        let packet = limits().packet;
        let mut reno = NewReno::new(limits());
        assert_eq!(reno.window(), 10 * packet);
        reno.acked(&acked(&reno, 2 * packet));
        assert_eq!(reno.window(), 12 * packet);
        reno.lost(&loss());
        assert_eq!(reno.window(), 6 * packet);
        // At the threshold it is still slow start.
        reno.acked(&acked(&reno, packet));
        assert_eq!(reno.window(), 7 * packet);
        for _ in 0..7 {
            reno.acked(&acked(&reno, packet));
        }
        assert_eq!(reno.window(), 8 * packet);
    }

    #[test]
    fn an_unused_window_does_not_grow() {
        let mut reno = NewReno::new(limits());
        let before = reno.window();
        reno.acked(&Acked { flight_before: 0, ..acked(&reno, 10_000) });
        reno.acked(&Acked { in_recovery: true, ..acked(&reno, 10_000) });
        assert_eq!(reno.window(), before);
    }

    #[test]
    fn a_timeout_leaves_one_packet() {
        let mut reno = NewReno::new(limits());
        reno.timed_out(Duration::ZERO);
        assert_eq!(reno.window(), limits().packet);
    }

    #[test]
    fn idleness_decays_to_the_first_window() {
        let mut reno = NewReno::new(limits());
        let first = reno.window();
        for _ in 0..10 {
            reno.acked(&acked(&reno, 100_000));
        }
        let grown = reno.window();
        reno.idle(Duration::from_millis(250), Duration::from_millis(200));
        assert_eq!(reno.window(), (grown / 2).max(first));
        reno.idle(Duration::from_secs(3600), Duration::from_millis(200));
        assert_eq!(reno.window(), first);
    }
}
