use std::time::Duration;

use crate::Config;

/// What one SACK acknowledged, for congestion control.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Acked {
    /// Bytes acknowledged for the first time; abandoned chunks do not count.
    pub(crate) bytes: usize,
    /// Bytes in flight before the SACK.
    pub(crate) flight_before: usize,
    pub(crate) cumulative_advanced: bool,
    pub(crate) in_recovery: bool,
    /// Nothing is outstanding any more.
    pub(crate) all: bool,
}

/// The congestion window of RFC 9260 section 7.2. Everything another algorithm would
/// replace is behind these methods.
///
/// Deviations: the first window is [`Config::initial_window`] packets; slow start grows by up
/// to [`SLOW_START_LIMIT`] packets per SACK, because acknowledgements come for batches.
#[derive(Debug)]
pub(crate) struct NewReno {
    window: usize,
    threshold: usize,
    partial_bytes_acked: usize,
    /// Bytes of chunks in a full packet: the PMDCS.
    packet: usize,
    initial: usize,
    max: usize,
}

/// Packets one SACK may add in slow start: the L of RFC 9260 section 7.2.1.
const SLOW_START_LIMIT: usize = 8;

impl NewReno {
    pub(crate) fn new(config: &Config) -> Self {
        let packet = config.chunk_room();
        let max = config.max_window.max(packet.saturating_mul(4));
        let initial = packet.saturating_mul(usize::from(config.initial_window)).min(max);
        Self { window: initial, threshold: max, partial_bytes_acked: 0, packet, initial, max }
    }

    /// Bytes that may be in flight.
    pub(crate) fn window(&self) -> usize {
        self.window
    }

    pub(crate) fn acked(&mut self, acked: Acked) {
        //= rfc9260#7.2.1
        // The window grows only while it is fully used; a packet that no longer fitted counts
        // as use.
        let used = acked.flight_before.saturating_add(self.packet) > self.window;
        if self.window <= self.threshold {
            //= rfc9260#7.2.1
            // Slow start: not in fast recovery, and only when the cumulative point moves.
            if used && acked.cumulative_advanced && !acked.in_recovery {
                let step = acked.bytes.min(self.packet.saturating_mul(SLOW_START_LIMIT));
                self.window = self.window.saturating_add(step).min(self.max);
            }
        } else {
            //= rfc9260#7.2.2
            // Congestion avoidance: one packet more for each window acknowledged.
            self.partial_bytes_acked = self.partial_bytes_acked.saturating_add(acked.bytes);
            if self.partial_bytes_acked >= self.window {
                if used && !acked.in_recovery {
                    self.partial_bytes_acked = self.partial_bytes_acked.saturating_sub(self.window);
                    self.window = self.window.saturating_add(self.packet).min(self.max);
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
    // A loss seen through SACKs halves the window.
    pub(crate) fn lost(&mut self) {
        self.threshold = (self.window / 2).max(self.packet.saturating_mul(4));
        self.window = self.threshold;
        self.partial_bytes_acked = 0;
    }

    //= rfc9260#7.2.3
    // After T3 one packet may be in flight, and slow start begins again.
    pub(crate) fn timed_out(&mut self) {
        self.threshold = (self.window / 2).max(self.packet.saturating_mul(4));
        self.window = self.packet;
        self.partial_bytes_acked = 0;
    }

    //= rfc9260#7.2.1
    // An idle path is probed anew: the window halves per RTO without data, down to the first.
    pub(crate) fn idle(&mut self, since: Duration, rto: Duration) {
        let mut left = since;
        while left >= rto && self.window > self.initial {
            if left == since {
                self.threshold = self.threshold.max(self.window);
            }
            self.window = (self.window / 2).max(self.initial);
            left = left.saturating_sub(rto.max(Duration::from_millis(1)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn acked(reno: &NewReno, bytes: usize) -> Acked {
        Acked {
            bytes,
            flight_before: reno.window(),
            cumulative_advanced: true,
            in_recovery: false,
            all: false,
        }
    }

    #[test]
    fn slow_start_then_avoidance() {
        let config = Config::default();
        let packet = config.chunk_room();
        let mut reno = NewReno::new(&config);
        assert_eq!(reno.window(), 10 * packet);
        reno.acked(acked(&reno, 2 * packet));
        assert_eq!(reno.window(), 12 * packet);
        reno.lost();
        assert_eq!(reno.window(), 6 * packet);
        // At the threshold it is still slow start.
        reno.acked(acked(&reno, packet));
        assert_eq!(reno.window(), 7 * packet);
        for _ in 0..7 {
            reno.acked(acked(&reno, packet));
        }
        assert_eq!(reno.window(), 8 * packet);
    }

    #[test]
    fn an_unused_window_does_not_grow() {
        let mut reno = NewReno::new(&Config::default());
        let before = reno.window();
        reno.acked(Acked { flight_before: 0, ..acked(&reno, 10_000) });
        reno.acked(Acked { in_recovery: true, ..acked(&reno, 10_000) });
        assert_eq!(reno.window(), before);
    }

    #[test]
    fn a_timeout_leaves_one_packet() {
        let config = Config::default();
        let mut reno = NewReno::new(&config);
        reno.timed_out();
        assert_eq!(reno.window(), config.chunk_room());
    }

    #[test]
    fn idleness_decays_to_the_first_window() {
        let mut reno = NewReno::new(&Config::default());
        let first = reno.window();
        for _ in 0..10 {
            reno.acked(acked(&reno, 100_000));
        }
        let grown = reno.window();
        reno.idle(Duration::from_millis(250), Duration::from_millis(200));
        assert_eq!(reno.window(), (grown / 2).max(first));
        reno.idle(Duration::from_secs(3600), Duration::from_millis(200));
        assert_eq!(reno.window(), first);
    }
}
