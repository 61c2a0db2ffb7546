use super::ranges::{self, Range};
use crate::serial::Tsn;

/// Which TSNs have arrived, and when to say so ([RFC 9260 section 6.2]).
///
/// [RFC 9260 section 6.2]: https://www.rfc-editor.org/rfc/rfc9260#section-6.2
#[derive(Debug)]
pub(crate) struct Received {
    cumulative: Tsn,
    /// Arrived above the cumulative TSN.
    gaps: Vec<Range>,
    duplicates: Vec<u32>,
    due: Due,
    /// Packets with data since the last SACK.
    packets: u32,
    first_done: bool,
    /// There was a gap when the last packet was done.
    had_gap: bool,
}

/// Whether an acknowledgement is owed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Due {
    No,
    /// Data has arrived; an acknowledgement goes with the next packet or when the delay ends.
    Later,
    Now,
}

/// How a TSN relates to what has arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Novelty {
    New,
    Duplicate,
    /// Farther ahead than a gap ack block can say.
    TooFar,
}

/// What the data in one packet asks of the acknowledgement.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Arrival {
    pub(crate) any: bool,
    pub(crate) at_once: bool,
}

/// Gaps beyond this are not recorded: what would open one more counts as lost.
const MAX_GAPS: usize = 16_384;
/// Duplicates remembered for one SACK.
const MAX_DUPLICATES: usize = 64;

impl Received {
    pub(crate) fn new(initial: Tsn) -> Self {
        Self {
            cumulative: initial.previous(),
            gaps: Vec::new(),
            duplicates: Vec::new(),
            due: Due::No,
            packets: 0,
            first_done: false,
            had_gap: false,
        }
    }

    pub(crate) fn cumulative(&self) -> Tsn {
        self.cumulative
    }

    pub(crate) fn gaps(&self) -> &[Range] {
        &self.gaps
    }

    pub(crate) fn duplicates(&self) -> &[u32] {
        &self.duplicates
    }

    /// The highest TSN that has arrived.
    pub(crate) fn highest(&self) -> Tsn {
        self.gaps.last().map_or(self.cumulative, |(_, last)| *last)
    }

    pub(crate) fn novelty(&self, tsn: Tsn) -> Novelty {
        if tsn <= self.cumulative || ranges::contains(&self.gaps, tsn) {
            Novelty::Duplicate
        } else if tsn.above(self.cumulative) > u64::from(u16::MAX) {
            Novelty::TooFar
        } else {
            Novelty::New
        }
    }

    pub(crate) fn duplicate(&mut self, tsn: u32) {
        if self.duplicates.len() < MAX_DUPLICATES {
            self.duplicates.push(tsn);
        }
    }

    /// Whether a new TSN can be recorded without opening a gap too many.
    pub(crate) fn has_room(&self, tsn: Tsn) -> bool {
        self.gaps.len() < MAX_GAPS || tsn == self.cumulative.next()
    }

    /// Records a new TSN.
    pub(crate) fn record(&mut self, tsn: Tsn) {
        if tsn == self.cumulative.next() {
            self.cumulative = tsn;
            self.absorb();
        } else {
            ranges::insert(&mut self.gaps, tsn, MAX_GAPS);
        }
    }

    /// Moves the cumulative TSN over what has arrived already.
    fn absorb(&mut self) {
        if let Some((first, last)) = self.gaps.first().copied()
            && first == self.cumulative.next()
        {
            self.cumulative = last;
            self.gaps.remove(0);
        }
    }

    //= rfc3758#3.6
    // The cumulative TSN moves to the one given, then over what has arrived beyond.
    pub(crate) fn forward(&mut self, cumulative: Tsn) {
        self.cumulative = self.cumulative.max(cumulative);
        ranges::trim(&mut self.gaps, self.cumulative);
        self.absorb();
    }

    /// Decides about the acknowledgement after a packet.
    pub(crate) fn packet_done(&mut self, arrival: Arrival) {
        if !arrival.any {
            return;
        }
        self.packets = self.packets.saturating_add(1);
        //= rfc9260#6.2
        // At once for every second packet, out of order data and what the sender asks for.
        //= rfc9260#5.1
        // The first data of an association is acknowledged at once.
        // So is what fills the last gap: the sender is in recovery until it hears of it.
        let at_once = arrival.at_once
            || self.had_gap
            || !self.gaps.is_empty()
            || self.packets >= 2
            || !self.first_done;
        self.had_gap = !self.gaps.is_empty();
        self.first_done = true;
        if at_once {
            self.due = Due::Now;
        } else if self.due == Due::No {
            self.due = Due::Later;
        }
    }

    pub(crate) fn due(&self) -> Due {
        self.due
    }

    pub(crate) fn acknowledge_now(&mut self) {
        self.due = Due::Now;
    }

    /// A SACK has been written.
    pub(crate) fn acknowledged(&mut self) {
        self.due = Due::No;
        self.packets = 0;
        self.duplicates.clear();
    }
}
