use std::time::Duration;

/// What a receiver counts about one source, for its reports. [RFC 3550 appendix A].
///
/// [RFC 3550 appendix A]: https://www.rfc-editor.org/rfc/rfc3550#appendix-A
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reception {
    clock_rate: u32,
    base: u16,
    greatest: u16,
    cycles: u32,
    /// The number that would confirm a jump.
    after_jump: Option<u16>,
    /// Packets in sequence still missing until the source counts as valid.
    probation: u8,
    received: u64,
    expected_reported: u64,
    received_reported: u64,
    transit: Option<u32>,
    /// In timestamp units, times 16.
    jitter: u64,
}

/// What a packet's sequence number tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// The greatest so far; `skipped` packets before it have not come (yet).
    New {
        /// Packets missing between it and the greatest before it.
        skipped: u16,
    },
    /// One of the last numbers: it came late, or again.
    Late,
    /// A great jump, which the next packet has to confirm. It is not counted.
    Jump,
    /// The jump before was confirmed, and counting started anew with this packet.
    Restarted,
}

/// The numbers of a report block. [RFC 3550 section 6.4.1].
///
/// [RFC 3550 section 6.4.1]: https://www.rfc-editor.org/rfc/rfc3550#section-6.4.1
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReceptionReport {
    /// Lost since the report before, of 256.
    pub fraction_lost: u8,
    /// Lost altogether, 24 bits; negative when duplicates came.
    pub cumulative_lost: i32,
    /// The greatest sequence number, with the count of its cycles in the upper half.
    pub extended_sequence_number: u32,
    /// In timestamp units.
    pub jitter: u32,
}

/// A step over so many numbers is a jump.
const MAX_DROPOUT: u16 = 3000;
/// So far behind, a packet is late and not a jump.
const MAX_MISORDER: u16 = 100;
/// Packets in sequence that make a source valid.
const MIN_SEQUENTIAL: u8 = 2;
/// Differences in transit over this are a new timestamp base and no jitter.
const MAX_TRANSIT_STEP: Duration = Duration::from_secs(5);

impl Reception {
    /// Starts with the first packet, which is still to be given to
    /// [`receive`](Self::receive). `clock_rate` is that of the timestamps, in Hz.
    #[must_use]
    pub fn new(clock_rate: u32, first: u16) -> Self {
        Self {
            clock_rate,
            base: first,
            greatest: first.wrapping_sub(1),
            cycles: 0,
            after_jump: None,
            probation: MIN_SEQUENTIAL,
            received: 0,
            expected_reported: 0,
            received_reported: 0,
            transit: None,
            jitter: 0,
        }
    }

    /// Counts one packet.
    pub fn receive(&mut self, number: u16) -> Arrival {
        let ahead = number.wrapping_sub(self.greatest);
        if self.received == 0 {
            self.start(number);
            return Arrival::New { skipped: 0 };
        }
        let arrival = if (1..MAX_DROPOUT).contains(&ahead) {
            if number < self.greatest {
                self.cycles = self.cycles.wrapping_add(0x1_0000);
            }
            self.greatest = number;
            self.probation =
                if ahead == 1 { self.probation.saturating_sub(1) } else { self.probation };
            Arrival::New { skipped: ahead.wrapping_sub(1) }
        } else if ahead == 0 || ahead > 0_u16.wrapping_sub(MAX_MISORDER) {
            Arrival::Late
        } else if self.after_jump == Some(number) {
            //= rfc3550#A.1
            // Two packets in sequence after a jump: the source started anew.
            self.start(number);
            return Arrival::Restarted;
        } else {
            self.after_jump = Some(number.wrapping_add(1));
            return Arrival::Jump;
        };
        self.after_jump = None;
        self.received = self.received.saturating_add(1);
        arrival
    }

    /// Measures the jitter with a packet that was sent once (not a retransmission): its timestamp,
    /// and when it came, since any fixed moment.
    pub fn measure(&mut self, timestamp: u32, arrival: Duration) {
        let transit = self.units(arrival).wrapping_sub(timestamp);
        if let Some(before) = self.transit.replace(transit) {
            let step = transit.wrapping_sub(before).cast_signed().unsigned_abs();
            if u64::from(step) <= MAX_TRANSIT_STEP.as_secs() * u64::from(self.clock_rate) {
                //= rfc3550#A.8
                // The sixteenth part of the difference, rounded, kept times 16.
                let decay = (self.jitter + 8) >> 4;
                self.jitter = (self.jitter + u64::from(step)).saturating_sub(decay);
            }
        }
    }

    /// Goes on with timestamps of another rate, in Hz; the jitter keeps its duration.
    pub fn set_clock_rate(&mut self, clock_rate: u32) {
        if clock_rate != self.clock_rate {
            let jitter = u128::from(self.jitter) * u128::from(clock_rate);
            let jitter = jitter.checked_div(u128::from(self.clock_rate)).unwrap_or(0);
            self.jitter = u64::try_from(jitter).unwrap_or(0);
            self.clock_rate = clock_rate;
            self.transit = None;
        }
    }

    /// The numbers for a report, the fraction being that since the report before.
    pub fn report(&mut self) -> ReceptionReport {
        let expected = self.expected();
        let expected_since = expected.saturating_sub(self.expected_reported);
        let received_since = self.received.saturating_sub(self.received_reported);
        self.expected_reported = expected;
        self.received_reported = self.received;
        let lost_since = expected_since.saturating_sub(received_since);
        let fraction = (lost_since << 8).checked_div(expected_since).unwrap_or(0);
        ReceptionReport {
            fraction_lost: u8::try_from(fraction).unwrap_or(u8::MAX),
            ..self.snapshot()
        }
    }

    /// The numbers without a fraction, and without starting a new interval.
    #[must_use]
    pub fn snapshot(&self) -> ReceptionReport {
        let lost = self.expected().cast_signed().saturating_sub(self.received.cast_signed());
        //= rfc3550#A.3
        // The count is clamped to what 24 bits can say.
        let lost = lost.clamp(-0x80_0000, 0x7f_ffff);
        ReceptionReport {
            fraction_lost: 0,
            cumulative_lost: i32::try_from(lost).unwrap_or(0),
            extended_sequence_number: self.extended(),
            jitter: u32::try_from(self.jitter >> 4).unwrap_or(u32::MAX),
        }
    }

    /// Whether two packets in sequence have come since the start.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        self.probation == 0
    }

    /// Packets received, with duplicates, since the start or the restart.
    #[must_use]
    pub fn received(&self) -> u64 {
        self.received
    }

    /// The greatest sequence number, with the count of its cycles in the upper half.
    #[must_use]
    pub fn extended(&self) -> u32 {
        self.cycles.wrapping_add(u32::from(self.greatest))
    }

    /// The interarrival jitter as a time.
    #[must_use]
    pub fn jitter(&self) -> Duration {
        let nanos = u128::from(self.jitter >> 4) * 1_000_000_000;
        let nanos = nanos.checked_div(u128::from(self.clock_rate)).unwrap_or(0);
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }

    /// The rate of the timestamps in Hz.
    #[must_use]
    pub fn clock_rate(&self) -> u32 {
        self.clock_rate
    }

    fn start(&mut self, number: u16) {
        *self = Self {
            base: number,
            greatest: number,
            received: 1,
            probation: MIN_SEQUENTIAL - 1,
            jitter: self.jitter,
            ..Self::new(self.clock_rate, number)
        };
    }

    fn expected(&self) -> u64 {
        if self.received == 0 {
            return 0;
        }
        u64::from(self.extended().wrapping_sub(u32::from(self.base))) + 1
    }

    /// A moment in timestamp units, modulo 2^32.
    fn units(&self, moment: Duration) -> u32 {
        let units = moment.as_nanos() * u128::from(self.clock_rate) / 1_000_000_000;
        u32::try_from(units & 0xffff_ffff).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn received(numbers: impl IntoIterator<Item = u16>) -> Reception {
        let mut numbers = numbers.into_iter().peekable();
        let mut reception = Reception::new(8000, *numbers.peek().unwrap());
        for number in numbers {
            reception.receive(number);
        }
        reception
    }

    #[test]
    fn losses_are_counted_per_report_and_altogether() {
        let mut reception = received((0..100).filter(|n| n % 4 != 1));
        let report = reception.report();
        assert_eq!((report.fraction_lost, report.cumulative_lost), (64, 25));
        assert_eq!(report.extended_sequence_number, 99);
        assert_eq!(reception.receive(100), Arrival::New { skipped: 0 });
        let report = reception.report();
        assert_eq!((report.fraction_lost, report.cumulative_lost), (0, 25));
    }

    #[test]
    fn duplicates_make_the_loss_negative_and_the_fraction_zero() {
        let mut reception = received([5, 6, 6, 6, 7]);
        let report = reception.report();
        assert_eq!((report.fraction_lost, report.cumulative_lost), (0, -2));
    }

    #[test]
    fn the_extended_number_counts_cycles() {
        let reception = received([65_534, 65_535, 0, 1]);
        assert_eq!(reception.extended(), 0x1_0001);
        assert_eq!(reception.snapshot().cumulative_lost, 0);
        assert!(reception.is_valid());
    }

    #[test]
    fn a_late_packet_is_late_and_a_gap_is_seen() {
        let mut reception = received([10]);
        assert!(!reception.is_valid());
        assert_eq!(reception.receive(13), Arrival::New { skipped: 2 });
        assert_eq!(reception.receive(12), Arrival::Late);
        assert_eq!(reception.snapshot().cumulative_lost, 1);
    }

    //= rfc3550#A.1
    //= type=test
    #[test]
    fn a_great_jump_needs_a_second_packet() {
        let mut reception = received([10, 11]);
        assert_eq!(reception.receive(40_000), Arrival::Jump);
        assert_eq!(reception.receive(12), Arrival::New { skipped: 0 });
        assert_eq!(reception.receive(40_000), Arrival::Jump);
        assert_eq!(reception.receive(40_001), Arrival::Restarted);
        assert_eq!((reception.received(), reception.extended()), (1, 40_001));
    }

    //= rfc3550#A.8
    //= type=test
    #[test]
    fn jitter_follows_the_differences_in_transit() {
        let mut reception = Reception::new(8000, 0);
        for n in 0..1000_u32 {
            // Every second packet is 10 ms late: the difference is 80 units each time.
            let late = if n % 2 == 0 { 0 } else { 10 };
            reception.measure(n * 160, Duration::from_millis(u64::from(n) * 20 + late));
        }
        let jitter = reception.snapshot().jitter;
        assert!((78..=80).contains(&jitter), "{jitter}");
        assert!(reception.jitter() <= Duration::from_millis(10));
    }

    #[test]
    fn another_clock_rate_keeps_the_jitter_as_a_time() {
        let mut reception = Reception::new(8000, 0);
        for n in 0..100_u32 {
            reception.measure(n * 160, Duration::from_millis(u64::from(n * 20 + n % 2 * 10)));
        }
        let before = reception.jitter();
        reception.set_clock_rate(48_000);
        reception.measure(0, Duration::from_secs(3));
        assert!(reception.jitter().abs_diff(before) < Duration::from_millis(1));
        assert_eq!(reception.clock_rate(), 48_000);
    }

    #[test]
    fn a_new_timestamp_base_is_no_jitter() {
        let mut reception = Reception::new(90_000, 0);
        reception.measure(0, Duration::ZERO);
        reception.measure(0x8000_0000, Duration::from_millis(20));
        assert_eq!(reception.snapshot().jitter, 0);
    }
}
