use std::time::Duration;

use super::hystart::HyStart;
use super::new_reno::{decay, is_used};
use super::{Acked, Controller, Limits, Lost, window_rate};

/// CUBIC ([RFC 9438]): the window is a cubic function of the time since the last loss, so that its
/// growth does not depend on the round trip. Slow start ends by HyStart++.
///
/// [RFC 9438]: https://www.rfc-editor.org/rfc/rfc9438
#[derive(Debug)]
pub(super) struct Cubic {
    limits: Limits,
    window: usize,
    threshold: usize,
    hystart: HyStart,
    /// The window before the last reduction.
    w_max: usize,
    epoch: Option<Epoch>,
    /// When the last acknowledgement came.
    heard: Duration,
}

/// One congestion avoidance phase.
#[derive(Clone, Copy, Debug)]
struct Epoch {
    start: Duration,
    /// Seconds until the window is `origin`.
    k: f64,
    /// Where the cubic is flat, in packets.
    origin: f64,
    /// What Reno would have.
    estimate: f64,
    /// Growth too small for a byte.
    fraction: f64,
}

/// The multiplicative decrease, in tenths.
const BETA_TENTHS: usize = 7;
const C: f64 = 0.4;
/// 3 * (1 - beta) / (1 + beta).
const ALPHA: f64 = 0.9 / 1.7;

impl Cubic {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            limits,
            window: limits.initial,
            threshold: limits.max,
            hystart: HyStart::default(),
            w_max: 0,
            epoch: None,
            heard: Duration::ZERO,
        }
    }

    fn packets(&self, bytes: usize) -> f64 {
        float(bytes) / float(self.limits.packet.max(1))
    }

    fn begin(&self, now: Duration) -> Epoch {
        //= rfc9438#4.2
        // K is the time the cubic needs to come back to where the loss was.
        let missing = self.packets(self.w_max.saturating_sub(self.window));
        Epoch {
            start: now,
            k: (missing / C).cbrt(),
            origin: self.packets(self.w_max.max(self.window)),
            estimate: self.packets(self.window),
            fraction: 0.0,
        }
    }

    fn avoid(&mut self, acked: &Acked) {
        let window = self.packets(self.window);
        let mut epoch = self.epoch.unwrap_or_else(|| self.begin(acked.now));
        let elapsed = acked.now.saturating_sub(epoch.start);
        //= rfc9438#4.4
        //= rfc9438#4.5
        // Concave below the last maximum and convex above it.
        //= rfc9438#4.2
        // The target is where the cubic will be a round trip from now, at most half more than now.
        let ahead = elapsed.saturating_add(acked.smoothed.unwrap_or_default()).as_secs_f64();
        let cubic = C.mul_add((ahead - epoch.k).powi(3), epoch.origin);
        let target = cubic.clamp(window, window * 1.5);
        let acked_packets = self.packets(acked.bytes);
        //= rfc9438#4.3
        // Where Reno would be faster, its window counts.
        let alpha = if epoch.estimate >= self.packets(self.w_max) { 1.0 } else { ALPHA };
        epoch.estimate += alpha * acked_packets / window.max(1.0);
        let mut growth = (target - window) / window.max(1.0) * acked_packets;
        if epoch.estimate > window + growth {
            growth = epoch.estimate - window;
        }
        let bytes = growth.mul_add(float(self.limits.packet), epoch.fraction);
        let whole = bytes.floor().max(0.0);
        epoch.fraction = bytes - whole;
        self.epoch = Some(epoch);
        self.window = self.window.saturating_add(integer(whole)).min(self.limits.max);
    }

    fn reduce(&mut self) {
        //= rfc9438#4.7
        // Fast convergence: a flow that did not get back to its window makes room for others.
        self.w_max = if self.window < self.w_max {
            self.window.saturating_mul(10 + BETA_TENTHS) / 20
        } else {
            self.window
        };
        //= rfc9438#4.6
        // The window shrinks to seven tenths.
        self.threshold = (self.window.saturating_mul(BETA_TENTHS) / 10).max(self.limits.packets(4));
        self.epoch = None;
    }
}

fn float(bytes: usize) -> f64 {
    f64::from(u32::try_from(bytes).unwrap_or(u32::MAX))
}

/// A number of bytes that fits: it was kept between 0 and the largest window.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the value is finite, not negative and below 2^32"
)]
fn integer(value: f64) -> usize {
    value.clamp(0.0, f64::from(u32::MAX)) as usize
}

impl Controller for Cubic {
    fn window(&self) -> usize {
        self.window
    }

    fn pacing_rate(&self, smoothed: Option<Duration>) -> Option<u64> {
        let hundredths = if self.window < self.threshold { 200 } else { 125 };
        window_rate(self.window, smoothed, hundredths)
    }

    fn acked(&mut self, acked: &Acked) {
        if acked.in_recovery || !is_used(acked, self.window, &self.limits) {
            //= rfc9438#4.2
            // While the application leaves the window unused, the cubic's clock stands still.
            let pause = acked.now.saturating_sub(self.heard);
            self.heard = acked.now;
            if let Some(epoch) = &mut self.epoch
                && !acked.in_recovery
            {
                epoch.start = epoch.start.saturating_add(pause);
            }
            return;
        }
        self.heard = acked.now;
        //= rfc9438#4.10
        // Up to the threshold there is slow start, with HyStart++.
        if self.window < self.threshold {
            let step =
                self.hystart.growth(acked.bytes, acked.round_trip, (acked.total, acked.flight));
            self.window = self.window.saturating_add(step).min(self.limits.max);
            if self.hystart.is_done() {
                self.threshold = self.window;
                self.w_max = self.window;
            }
        } else {
            self.avoid(acked);
        }
    }

    fn lost(&mut self, lost: &Lost) {
        if lost.first {
            self.reduce();
            self.window = self.threshold;
        }
    }

    //= rfc9438#4.8
    // After a timeout the window is one packet, and slow start leads to the new threshold.
    fn timed_out(&mut self, _now: Duration) {
        self.reduce();
        self.window = self.limits.packet;
        self.hystart.restart();
    }

    fn idle(&mut self, since: Duration, rto: Duration) {
        let before = self.window;
        decay(&mut self.window, &mut self.threshold, &self.limits, (since, rto));
        if self.window != before {
            self.epoch = None;
        }
    }

    fn set_packet(&mut self, bytes: usize) {
        self.limits.packet = bytes;
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{acked, limits, loss};
    use super::*;

    /// Acknowledges full windows, one per round trip, for so long; returns the window in packets.
    fn run(cubic: &mut Cubic, from: Duration, time: Duration, round_trip: Duration) -> usize {
        let mut now = from;
        while now < from + time {
            let window = cubic.window();
            for _ in 0..10 {
                cubic.acked(&Acked {
                    now,
                    flight_before: cubic.window(),
                    smoothed: Some(round_trip),
                    ..acked(cubic, window / 10)
                });
            }
            now += round_trip;
        }
        cubic.window() / cubic.limits.packet
    }

    fn after_a_loss_at(packets: usize) -> Cubic {
        let mut cubic = Cubic::new(limits());
        cubic.window = packets * cubic.limits.packet;
        cubic.lost(&loss());
        assert_eq!(cubic.window(), cubic.limits.packet * packets * 7 / 10);
        cubic
    }

    #[test]
    fn the_window_is_back_after_k_whatever_the_round_trip() {
        // K = cbrt(1000 * 0.3 / 0.4) = 9.09 s.
        for round_trip in [20, 100, 200] {
            let round_trip = Duration::from_millis(round_trip);
            let mut cubic = after_a_loss_at(1000);
            let k =
                run(&mut cubic, Duration::from_secs(1), Duration::from_millis(9090), round_trip);
            assert!((960..=1040).contains(&k), "{k} packets after K with {round_trip:?}");
            let later = run(
                &mut cubic,
                Duration::from_millis(10_090),
                4 * Duration::from_secs(1),
                round_trip,
            );
            assert!(later > 1010, "{later} packets: convex after the plateau");
        }
    }

    #[test]
    fn on_short_paths_it_is_no_slower_than_reno() {
        let mut cubic = after_a_loss_at(20);
        let round_trip = Duration::from_millis(5);
        let grown = run(&mut cubic, Duration::from_secs(1), Duration::from_secs(1), round_trip);
        // Reno's share: 0.53 packets per round trip, 200 round trips.
        assert!(grown >= 60, "{grown}");
    }

    #[test]
    fn a_second_loss_below_the_first_gives_room() {
        let mut cubic = after_a_loss_at(1000);
        cubic.lost(&loss());
        assert_eq!(cubic.w_max, 700 * cubic.limits.packet * 17 / 20);
    }

    #[test]
    fn an_unused_window_does_not_grow() {
        let mut cubic = after_a_loss_at(100);
        let before = cubic.window();
        cubic.acked(&Acked { flight_before: 0, ..acked(&cubic, 10_000) });
        assert_eq!(cubic.window(), before);
    }
}
