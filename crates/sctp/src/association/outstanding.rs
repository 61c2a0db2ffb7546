use std::collections::VecDeque;
use std::time::Duration;

use super::ranges::{self, Range};
use super::send_queue::{MessageKey, SendQueue};
use crate::serial::Tsn;
use crate::wire::{DATA_HEADER, Skipped};

/// Where a chunk with a TSN stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// Sent, no news.
    InFlight,
    /// To be sent again.
    Lost,
    /// In a gap ack block.
    Acked,
    /// Given up; FORWARD TSN tells the peer.
    Abandoned,
}

/// One DATA chunk that has a TSN. Its payload stays in its message.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sent {
    pub(crate) key: MessageKey,
    pub(crate) offset: usize,
    pub(crate) len: usize,
    pub(crate) fate: Fate,
    misses: u8,
    /// Fast retransmit has had its one chance.
    fast: bool,
    pub(crate) transmissions: u16,
    sent_at: Duration,
    /// The how-manieth transmission of the association the last one was.
    order: u64,
}

impl Sent {
    /// Bytes in a packet, header and padding included.
    pub(crate) fn size(&self) -> usize {
        chunk_size(self.len)
    }

    pub(crate) fn is_acked(&self) -> bool {
        self.fate == Fate::Acked
    }
}

/// Bytes a DATA chunk with `len` bytes of payload takes in a packet.
pub(crate) fn chunk_size(len: usize) -> usize {
    len.saturating_add(DATA_HEADER).next_multiple_of(4)
}

/// Everything sent and not cumulatively acknowledged: a ring indexed by TSN.
///
/// A SACK costs what it changes: ranges acknowledged earlier are remembered and only the
/// difference is looked at; chunks that may be lost are in a list of their own.
#[derive(Debug)]
pub(crate) struct Outstanding {
    /// The TSN of the first chunk in the ring: one above the cumulative ack point.
    pub(super) first: Tsn,
    chunks: VecDeque<Sent>,
    /// Chunk bytes in flight.
    flight: usize,
    /// Payload bytes in flight, which is what the peer's window counts.
    flight_payload: usize,
    in_flight: usize,
    /// Gap ack blocks of the last SACK.
    acked: Vec<Range>,
    /// Working space for those of the next one.
    scratch: Vec<Range>,
    /// Reported missing fewer than three times, ascending.
    missing: Vec<Tsn>,
    /// Below this everything missing is in `missing`, lost or has had its chance.
    scanned: Tsn,
    /// To be sent again, ascending. May hold chunks acknowledged since.
    pub(super) lost: VecDeque<Tsn>,
    /// Sent again and not heard of, in the order of sending. May hold chunks settled since.
    again: VecDeque<(Tsn, u64)>,
    /// Transmissions so far.
    order: u64,
    /// The Advanced.Peer.Ack.Point of RFC 3758.
    pub(super) advanced: Tsn,
    /// Everything between the advanced point and this may be passed by it.
    pub(super) walked: Tsn,
    /// Working space for the streams of a FORWARD TSN.
    pub(super) skipped: Vec<Skipped>,
}

/// What a SACK changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Progress {
    pub(crate) cumulative_advanced: bool,
    /// Chunk bytes acknowledged for the first time, abandoned ones left out.
    pub(crate) bytes: usize,
    /// The highest TSN newly acknowledged (HTNA).
    pub(crate) highest: Option<Tsn>,
    /// The latest transmission among those newly acknowledged.
    newest: u64,
    /// Something acknowledged before no longer is.
    pub(crate) reneged: bool,
}

/// A chunk needs so many reports of being missing.
const MISSES: u8 = 3;

impl Outstanding {
    pub(crate) fn new(initial: Tsn) -> Self {
        Self {
            first: initial,
            chunks: VecDeque::new(),
            flight: 0,
            flight_payload: 0,
            in_flight: 0,
            acked: Vec::new(),
            scratch: Vec::new(),
            missing: Vec::new(),
            scanned: initial,
            lost: VecDeque::new(),
            again: VecDeque::new(),
            order: 0,
            advanced: initial.previous(),
            walked: initial,
            skipped: Vec::new(),
        }
    }

    /// The highest TSN acknowledged cumulatively.
    pub(crate) fn cumulative(&self) -> Tsn {
        self.first.previous()
    }

    /// The next TSN to assign.
    pub(crate) fn next_tsn(&self) -> Tsn {
        self.first.plus(u64::try_from(self.chunks.len()).unwrap_or(u64::MAX))
    }

    pub(crate) fn len(&self) -> usize {
        self.chunks.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.chunks.is_empty()
    }

    pub(crate) fn flight(&self) -> usize {
        self.flight
    }

    pub(crate) fn flight_payload(&self) -> usize {
        self.flight_payload
    }

    /// Chunks in flight.
    pub(crate) fn in_flight(&self) -> usize {
        self.in_flight
    }

    pub(crate) fn get(&self, tsn: Tsn) -> Option<&Sent> {
        self.chunks.get(tsn.index(self.first)?)
    }

    fn get_mut(&mut self, tsn: Tsn) -> Option<&mut Sent> {
        self.chunks.get_mut(tsn.index(self.first)?)
    }

    /// Appends a chunk that is being sent now.
    pub(crate) fn push(&mut self, key: MessageKey, offset: usize, len: usize, now: Duration) {
        self.enter_flight(len);
        self.order = self.order.saturating_add(1);
        self.chunks.push_back(Sent {
            key,
            offset,
            len,
            fate: Fate::InFlight,
            misses: 0,
            fast: false,
            transmissions: 1,
            sent_at: now,
            order: self.order,
        });
    }

    /// Appends a TSN that stands for the end of a message cut short.
    pub(super) fn push_abandoned(&mut self, key: MessageKey, now: Duration) {
        self.chunks.push_back(Sent {
            key,
            offset: 0,
            len: 0,
            fate: Fate::Abandoned,
            misses: 0,
            fast: false,
            transmissions: 0,
            sent_at: now,
            order: self.order,
        });
    }

    fn enter_flight(&mut self, len: usize) {
        self.flight = self.flight.saturating_add(chunk_size(len));
        self.flight_payload = self.flight_payload.saturating_add(len);
        self.in_flight = self.in_flight.saturating_add(1);
    }

    fn leave_flight(&mut self, len: usize) {
        self.flight = self.flight.saturating_sub(chunk_size(len));
        self.flight_payload = self.flight_payload.saturating_sub(len);
        self.in_flight = self.in_flight.saturating_sub(1);
    }

    /// Changes where a chunk stands and keeps the accounts; returns what it was.
    pub(super) fn settle(&mut self, tsn: Tsn, fate: Fate) -> Option<(Fate, Sent)> {
        let sent = self.get_mut(tsn)?;
        let before = sent.fate;
        if before == Fate::Abandoned {
            return None;
        }
        sent.fate = fate;
        let sent = *sent;
        match (before == Fate::InFlight, fate == Fate::InFlight) {
            (true, false) => self.leave_flight(sent.len),
            (false, true) => self.enter_flight(sent.len),
            (true, true) | (false, false) => {}
        }
        Some((before, sent))
    }

    /// Processes the cumulative TSN of a SACK, which the caller has checked to be in range.
    pub(crate) fn acknowledge(&mut self, cumulative: Tsn, queue: &mut SendQueue) -> Progress {
        let mut progress = Progress::default();
        while self.first <= cumulative {
            let tsn = self.first;
            if let Some((before, sent)) = self.settle(tsn, Fate::Acked)
                && before != Fate::Acked
            {
                progress.bytes = progress.bytes.saturating_add(sent.size());
                progress.highest = Some(tsn);
                progress.newest = progress.newest.max(sent.order);
            }
            let Some(sent) = self.chunks.pop_front() else { break };
            self.first = tsn.next();
            progress.cumulative_advanced = true;
            queue.release_chunk(sent.key);
        }
        if progress.cumulative_advanced {
            ranges::trim(&mut self.acked, cumulative);
            self.scanned = self.scanned.max(self.first);
            //= rfc3758#3.5
            // C1: the advanced point never lies behind the cumulative one.
            self.advanced = self.advanced.max(cumulative);
        }
        progress
    }

    /// Processes gap ack blocks, offsets from the cumulative TSN which the caller has checked to
    /// be ascending and in range.
    pub(crate) fn acknowledge_gaps(
        &mut self,
        blocks: impl Iterator<Item = (u16, u16)>,
        progress: &mut Progress,
    ) {
        let mut new = std::mem::take(&mut self.scratch);
        new.clear();
        let base = self.cumulative();
        for (first, last) in blocks {
            let range = (base.plus(u64::from(first)), base.plus(u64::from(last)));
            match new.last_mut() {
                // Adjacent and overlapping blocks become one.
                Some((start, end)) if *start <= range.0 && range.0 <= end.next() => {
                    *end = (*end).max(range.1);
                }
                Some(_) | None => new.push(range),
            }
        }
        let old = std::mem::take(&mut self.acked);
        ranges::difference(&new, &old, |first, last| self.newly_acked(first, last, progress));
        ranges::difference(&old, &new, |first, last| self.renege(first, last, progress));
        self.acked = new;
        self.scratch = old;
    }

    fn newly_acked(&mut self, first: Tsn, last: Tsn, progress: &mut Progress) {
        let mut tsn = first;
        while tsn <= last {
            if let Some((before, sent)) = self.settle(tsn, Fate::Acked)
                && before != Fate::Acked
            {
                progress.bytes = progress.bytes.saturating_add(sent.size());
                progress.highest = Some(progress.highest.map_or(tsn, |highest| highest.max(tsn)));
                progress.newest = progress.newest.max(sent.order);
            }
            tsn = tsn.next();
        }
    }

    //= rfc9260#6.2.1
    // What was acknowledged in a gap and no longer is, is outstanding again and has one miss.
    fn renege(&mut self, first: Tsn, last: Tsn, progress: &mut Progress) {
        let mut tsn = first.max(self.first);
        while tsn <= last {
            if self.get(tsn).is_some_and(|sent| sent.fate == Fate::Acked) {
                self.settle(tsn, Fate::InFlight);
                if let Some(sent) = self.get_mut(tsn) {
                    sent.misses = 1;
                }
                if let Err(at) = self.missing.binary_search(&tsn) {
                    self.missing.insert(at, tsn);
                }
                progress.reneged = true;
                self.walked = self.walked.min(tsn);
            }
            tsn = tsn.next();
        }
    }

    /// The highest TSN in a gap ack block.
    pub(crate) fn highest_gap(&self) -> Option<Tsn> {
        self.acked.last().map(|(_, last)| *last)
    }

    /// Counts one report for everything missing below `below`, or enough of them when
    /// `certain`; returns whether something was declared lost.
    //= rfc9260#7.2.4
    // Three reports make a chunk lost, once.
    pub(crate) fn count_misses(&mut self, below: Tsn, certain: bool) -> bool {
        self.scan(below);
        let mut missing = std::mem::take(&mut self.missing);
        let mut found = false;
        missing.retain(|&tsn| {
            let Some(sent) = self.get_mut(tsn) else { return false };
            if sent.fate != Fate::InFlight || sent.fast {
                return false;
            }
            if tsn >= below {
                return true;
            }
            sent.misses = if certain { MISSES } else { sent.misses.saturating_add(1) };
            if sent.misses < MISSES {
                return true;
            }
            sent.fast = true;
            self.settle(tsn, Fate::Lost);
            self.queue_lost(tsn);
            found = true;
            false
        });
        self.missing = missing;
        found
    }

    /// Declares lost once more what was sent again at least `age` ago and before something that
    /// has been acknowledged now; returns whether there was any.
    ///
    /// RFC 9260 leaves a lost retransmission to T3. Order and time of sending tell it apart
    /// without counting, as in RFC 8985.
    pub(crate) fn lose_repetitions(
        &mut self,
        progress: Progress,
        now: Duration,
        age: Duration,
    ) -> bool {
        let mut found = false;
        while let Some(&(tsn, order)) = self.again.front() {
            let in_flight = self
                .get(tsn)
                .filter(|sent| sent.fate == Fate::InFlight && sent.order == order)
                .map(|sent| sent.sent_at);
            if let Some(sent_at) = in_flight {
                if order >= progress.newest || sent_at.saturating_add(age) > now {
                    break;
                }
                self.settle(tsn, Fate::Lost);
                self.queue_lost(tsn);
                found = true;
            }
            self.again.pop_front();
        }
        found
    }

    /// Lists what is in flight below `below` and was not looked at yet.
    fn scan(&mut self, below: Tsn) {
        let mut tsn = self.scanned.max(self.first);
        while tsn < below {
            if self.get(tsn).is_some_and(|sent| sent.fate == Fate::InFlight && !sent.fast) {
                match self.missing.last() {
                    Some(last) if *last >= tsn => {
                        if let Err(at) = self.missing.binary_search(&tsn) {
                            self.missing.insert(at, tsn);
                        }
                    }
                    Some(_) | None => self.missing.push(tsn),
                }
            }
            tsn = tsn.next();
        }
        self.scanned = self.scanned.max(below);
    }

    fn queue_lost(&mut self, tsn: Tsn) {
        match self.lost.back() {
            Some(last) if *last >= tsn => {
                let at = self.lost.partition_point(|queued| *queued < tsn);
                if self.lost.get(at) != Some(&tsn) {
                    self.lost.insert(at, tsn);
                }
            }
            Some(_) | None => self.lost.push_back(tsn),
        }
    }

    /// T3 has expired: everything in flight counts as lost.
    pub(crate) fn lose_everything(&mut self) {
        self.lost.clear();
        self.again.clear();
        self.missing.clear();
        self.scanned = self.first;
        self.flight = 0;
        self.flight_payload = 0;
        self.in_flight = 0;
        let mut tsn = self.first;
        for sent in &mut self.chunks {
            if matches!(sent.fate, Fate::InFlight | Fate::Lost) {
                sent.fate = Fate::Lost;
                sent.misses = 0;
                sent.fast = false;
                self.lost.push_back(tsn);
            }
            tsn = tsn.next();
        }
    }

    /// The first chunk to send again.
    pub(crate) fn first_lost(&mut self) -> Option<(Tsn, Sent)> {
        loop {
            let tsn = *self.lost.front()?;
            match self.get(tsn) {
                Some(sent) if sent.fate == Fate::Lost => return Some((tsn, *sent)),
                Some(_) | None => self.lost.pop_front(),
            };
        }
    }

    pub(crate) fn has_lost(&mut self) -> bool {
        self.first_lost().is_some()
    }

    /// The highest chunk in flight, for a tail probe.
    pub(crate) fn last_in_flight(&self) -> Option<(Tsn, Sent)> {
        let last = self.chunks.back()?;
        let tsn = self.next_tsn().previous();
        (last.fate == Fate::InFlight).then_some((tsn, *last))
    }

    /// A chunk goes out once more.
    pub(crate) fn sent_again(&mut self, tsn: Tsn, now: Duration) {
        self.settle(tsn, Fate::InFlight);
        self.order = self.order.saturating_add(1);
        let order = self.order;
        if let Some(sent) = self.get_mut(tsn) {
            sent.transmissions = sent.transmissions.saturating_add(1);
            sent.sent_at = now;
            sent.order = order;
            self.again.push_back((tsn, order));
        }
        if self.lost.front() == Some(&tsn) {
            self.lost.pop_front();
        }
    }
}
