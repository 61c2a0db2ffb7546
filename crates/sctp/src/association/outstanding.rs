use std::collections::VecDeque;
use std::time::Duration;

use super::delivery::{Delivery, Sample};
use super::rack::Rack;
use super::ranges::{self, Range};
use super::send_queue::{MessageKey, SendQueue};
use crate::serial::Tsn;
use crate::wire::Skipped;

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
    pub(crate) offset: u32,
    /// The number of the fragment in its message.
    pub(crate) fsn: u32,
    /// How many TSNs before this one the chunk before it of its message lies; 0: it is the first.
    before: u32,
    pub(crate) len: u16,
    pub(crate) transmissions: u16,
    pub(crate) fate: Fate,
    /// The sender had nothing more to send.
    app_limited: bool,
    /// When it was sent last, in nanoseconds.
    pub(super) sent_at: u64,
    /// The how-manieth transmission of the association the last one was.
    pub(super) order: u64,
    /// What had been delivered when it was sent, see [`Delivery`].
    pub(super) delivered: u64,
    delivered_at: u64,
    first_sent: u64,
}

impl Sent {
    pub(crate) fn is_acked(&self) -> bool {
        self.fate == Fate::Acked
    }

    /// The payload's place in the message.
    pub(crate) fn range(&self) -> std::ops::Range<usize> {
        let offset = usize::try_from(self.offset).unwrap_or(usize::MAX);
        offset..offset.saturating_add(usize::from(self.len))
    }
}

/// Everything sent and not cumulatively acknowledged: a ring indexed by TSN.
///
/// A SACK costs what it changes: ranges acknowledged earlier are remembered and only the
/// difference is looked at; what may be lost is found at the front of a list in the order of
/// sending.
#[derive(Debug)]
pub(crate) struct Outstanding {
    /// The TSN of the first chunk in the ring: one above the cumulative ack point.
    pub(super) first: Tsn,
    pub(super) chunks: VecDeque<Sent>,
    /// Bytes of a chunk before its payload.
    header: usize,
    /// Chunk bytes in flight.
    pub(super) flight: usize,
    /// Payload bytes in flight, which is what the peer's window counts.
    pub(super) flight_payload: usize,
    pub(super) in_flight: usize,
    /// Gap ack blocks of the last SACK.
    acked: Vec<Range>,
    /// Working space for those of the next one.
    scratch: Vec<Range>,
    /// Below this every first transmission has been judged.
    pub(super) scanned: Tsn,
    /// What was sent more than once, in the order of sending: TSN and order.
    pub(super) again: VecDeque<(Tsn, u64)>,
    pub(super) rack: Rack,
    delivery: Delivery,
    /// To be sent again, ascending. May hold chunks acknowledged since.
    pub(super) lost: VecDeque<Tsn>,
    /// Declared lost since the last look at the limits of reliability.
    pub(super) fresh: Vec<Tsn>,
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
    /// About the latest transmission among what was newly acknowledged.
    pub(crate) newest: Option<Sample>,
    /// Something acknowledged before no longer is.
    pub(crate) reneged: bool,
}

impl Outstanding {
    pub(crate) fn new(initial: Tsn, header: usize) -> Self {
        Self {
            first: initial,
            chunks: VecDeque::new(),
            header,
            flight: 0,
            flight_payload: 0,
            in_flight: 0,
            acked: Vec::new(),
            scratch: Vec::new(),
            scanned: initial,
            again: VecDeque::new(),
            rack: Rack::new(initial),
            delivery: Delivery::default(),
            lost: VecDeque::new(),
            fresh: Vec::new(),
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

    pub(crate) fn delivery(&mut self) -> &mut Delivery {
        &mut self.delivery
    }

    /// The peer got something twice: it had been sent again too early.
    pub(crate) fn duplicate_reported(&mut self) {
        self.rack.duplicate(self.order);
    }

    pub(crate) fn rack(&mut self) -> &mut Rack {
        &mut self.rack
    }

    pub(crate) fn get(&self, tsn: Tsn) -> Option<&Sent> {
        self.chunks.get(tsn.index(self.first)?)
    }

    pub(super) fn get_mut(&mut self, tsn: Tsn) -> Option<&mut Sent> {
        self.chunks.get_mut(tsn.index(self.first)?)
    }

    /// The chunk of the same message before this one, if it is still in the ring.
    pub(super) fn before(&self, tsn: Tsn) -> Option<Tsn> {
        let before = u64::from(self.get(tsn)?.before);
        let tsn = (before > 0).then(|| tsn.minus(before))?;
        (tsn >= self.first).then_some(tsn)
    }

    /// Bytes a chunk with `len` bytes of payload takes in a packet.
    pub(crate) fn size(&self, len: u16) -> usize {
        usize::from(len).saturating_add(self.header).next_multiple_of(4)
    }

    /// Appends a chunk that is being sent now; `before` is the one before it of its message.
    pub(crate) fn push(
        &mut self,
        key: MessageKey,
        offset: usize,
        len: usize,
        (fsn, before): (u32, Option<Tsn>),
        now: Duration,
    ) -> Sent {
        let len = u16::try_from(len).unwrap_or(u16::MAX);
        let distance = before.map_or(0, |before| self.next_tsn().above(before));
        let mut sent = Sent {
            key,
            offset: u32::try_from(offset).unwrap_or(u32::MAX),
            fsn,
            before: u32::try_from(distance).unwrap_or(0),
            len,
            transmissions: 0,
            fate: Fate::InFlight,
            app_limited: false,
            sent_at: 0,
            order: 0,
            delivered: 0,
            delivered_at: 0,
            first_sent: 0,
        };
        self.stamp(&mut sent, now);
        if self.chunks.is_empty() {
            self.chunks.reserve_exact(1);
        }
        self.chunks.push_back(sent);
        self.enter_flight(len);
        sent
    }

    /// Appends a TSN that stands for the end of a message cut short.
    pub(super) fn push_abandoned(&mut self, key: MessageKey, before: Option<Tsn>) {
        let distance = before.map_or(0, |before| self.next_tsn().above(before));
        self.chunks.push_back(Sent {
            key,
            offset: 0,
            fsn: 0,
            before: u32::try_from(distance).unwrap_or(0),
            len: 0,
            transmissions: 0,
            fate: Fate::Abandoned,
            app_limited: false,
            sent_at: 0,
            order: self.order,
            delivered: 0,
            delivered_at: 0,
            first_sent: 0,
        });
    }

    //= rfc8985#4
    // Each transmission notes its time and its place in the order of sending.
    /// Notes what a later acknowledgement wants to know about this transmission.
    pub(super) fn stamp(&mut self, sent: &mut Sent, now: Duration) {
        let now = nanos(now);
        self.order = self.order.saturating_add(1);
        self.delivery.sending(now, self.flight == 0);
        sent.transmissions = sent.transmissions.saturating_add(1);
        sent.sent_at = now;
        sent.order = self.order;
        sent.app_limited = self.delivery.is_app_limited();
        sent.delivered = self.delivery.total;
        sent.delivered_at = self.delivery.at;
        sent.first_sent = self.delivery.first_sent;
    }

    fn enter_flight(&mut self, len: u16) {
        self.flight = self.flight.saturating_add(self.size(len));
        self.flight_payload = self.flight_payload.saturating_add(usize::from(len));
        self.in_flight = self.in_flight.saturating_add(1);
    }

    fn leave_flight(&mut self, len: u16) {
        self.flight = self.flight.saturating_sub(self.size(len));
        self.flight_payload = self.flight_payload.saturating_sub(usize::from(len));
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

    fn delivered(&mut self, tsn: Tsn, sent: &Sent, now: u64, progress: &mut Progress) {
        let bytes = self.size(sent.len);
        progress.bytes = progress.bytes.saturating_add(bytes);
        self.delivery.delivered(bytes, now);
        let elapsed = now.saturating_sub(sent.sent_at);
        self.rack.delivered(tsn, sent.order, elapsed, sent.transmissions > 1);
        if progress.newest.is_none_or(|newest| newest.order < sent.order) {
            progress.newest = Some(Sample {
                order: sent.order,
                sent_at: sent.sent_at,
                delivered: sent.delivered,
                delivered_at: sent.delivered_at,
                first_sent: sent.first_sent,
                app_limited: sent.app_limited,
                repeated: sent.transmissions > 1,
            });
        }
    }

    /// Processes the cumulative TSN of a SACK, which the caller has checked to be in range.
    pub(crate) fn acknowledge(
        &mut self,
        cumulative: Tsn,
        now: Duration,
        queue: &mut SendQueue,
    ) -> Progress {
        let now = nanos(now);
        let mut progress = Progress::default();
        while self.first <= cumulative {
            let tsn = self.first;
            if let Some((before, sent)) = self.settle(tsn, Fate::Acked)
                && before != Fate::Acked
            {
                self.delivered(tsn, &sent, now, &mut progress);
            }
            let Some(sent) = self.chunks.pop_front() else { break };
            self.first = tsn.next();
            progress.cumulative_advanced = true;
            queue.release_chunk(sent.key);
        }
        if progress.cumulative_advanced {
            ranges::trim(&mut self.acked, cumulative);
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
        now: Duration,
        progress: &mut Progress,
    ) {
        let now = nanos(now);
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
        ranges::difference(&new, &old, |first, last| self.newly_acked(first, last, now, progress));
        ranges::difference(&old, &new, |first, last| self.renege(first, last, now, progress));
        self.delivery.gaps_reported(new.len());
        self.acked = new;
        self.scratch = old;
    }

    fn newly_acked(&mut self, first: Tsn, last: Tsn, now: u64, progress: &mut Progress) {
        let mut tsn = first;
        while tsn <= last {
            if let Some((before, sent)) = self.settle(tsn, Fate::Acked)
                && before != Fate::Acked
            {
                self.delivered(tsn, &sent, now, progress);
            }
            tsn = tsn.next();
        }
    }

    //= rfc9260#6.2.1
    // What was acknowledged in a gap and no longer is, is outstanding again, as if sent now.
    fn renege(&mut self, first: Tsn, last: Tsn, now: u64, progress: &mut Progress) {
        let mut tsn = first.max(self.first);
        while tsn <= last {
            if self.get(tsn).is_some_and(|sent| sent.fate == Fate::Acked) {
                self.settle(tsn, Fate::InFlight);
                self.order = self.order.saturating_add(1);
                let order = self.order;
                if let Some(sent) = self.get_mut(tsn) {
                    sent.sent_at = now;
                    sent.order = order;
                    // Not a first transmission any more.
                    sent.transmissions = sent.transmissions.max(2);
                }
                self.again.push_back((tsn, order));
                progress.reneged = true;
                self.walked = self.walked.min(tsn);
            }
            tsn = tsn.next();
        }
    }

    /// The highest TSN in a gap ack block, and how many chunks such blocks hold, up to `most`.
    pub(crate) fn gap_acked(&self, most: u64) -> u64 {
        let mut count = 0_u64;
        for (first, last) in &self.acked {
            count = count.saturating_add(last.above(*first)).saturating_add(1);
            if count >= most {
                break;
            }
        }
        count
    }
}

/// Nanoseconds since birth: good for five centuries.
pub(super) fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
