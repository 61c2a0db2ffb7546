use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;

use super::schedule::{Line, Share};
use super::stream_table::StreamTable;
use crate::Scheduler;
use crate::message::{Outgoing, Reliability};
use crate::serial::{Ssn, Tsn};

/// Names a message in the [`SendQueue`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct MessageKey(u32);

/// When a message is given up (RFC 3758).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Limit {
    None,
    /// Repetitions of a chunk.
    Retransmits(u16),
    /// A moment.
    Expires(Duration),
}

/// A message from [`send`](crate::Association::send) until its last chunk is acknowledged.
#[derive(Debug)]
pub(crate) struct OutMessage {
    pub(crate) payload: Bytes,
    pub(crate) stream: u16,
    /// Given with the first transmission, so that what is dropped before leaves no hole. With
    /// interleaving the message identifier.
    pub(crate) ssn: Ssn,
    pub(crate) ppid: u32,
    pub(crate) ordered: bool,
    pub(crate) limit: Limit,
    pub(crate) abandoned: bool,
    /// Its latest chunk; each chunk knows the one before.
    pub(crate) last_tsn: Option<Tsn>,
    /// Fragments made of it.
    pub(crate) fragments: u32,
    /// Payload bytes that have got a TSN.
    pub(super) taken: usize,
    /// No further chunk will be made of it.
    finished: bool,
    /// Chunks in the retransmission ring.
    chunks: u32,
    /// The how-manieth message of the association it is.
    pub(super) arrival: u64,
    /// The next message of the stream.
    next: Option<MessageKey>,
}

#[derive(Debug)]
enum Slot {
    Used(OutMessage),
    Free { next: Option<MessageKey> },
}

/// One direction of one stream.
#[derive(Debug, Default)]
pub(super) struct OutStream {
    pub(super) first: Option<MessageKey>,
    last: Option<MessageKey>,
    next_ssn: Ssn,
    /// Unordered messages have identifiers of their own (RFC 8260).
    next_unordered: Ssn,
    buffered: usize,
    low: usize,
    pub(super) share: Share,
    /// Of its place in the line; 0 when it has none.
    pub(super) stamp: u32,
    /// An event about `low` is waiting to be fetched.
    low_waiting: bool,
    resetting: bool,
}

/// The numbers of a stream, for a handover.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StreamNumbers {
    pub(crate) stream: u16,
    pub(crate) next: Ssn,
    pub(crate) next_unordered: Ssn,
}

/// Messages to send: one list per stream, and a [`Line`] of the streams that have some.
///
/// Without interleaving the fragments of one message have consecutive TSNs, so a message once begun
/// is finished before the next stream's turn; with it, the turn may end after each chunk.
#[derive(Debug)]
pub(crate) struct SendQueue {
    slots: Vec<Slot>,
    free: Option<MessageKey>,
    pub(super) streams: StreamTable<OutStream>,
    pub(super) line: Line,
    /// The stream whose turn it is; it is not in the line.
    pub(super) current: Option<u16>,
    /// The stream this packet is for, where packets hold chunks of one stream only.
    pub(super) packet: Option<u16>,
    pub(super) interleaving: bool,
    /// Streams with messages.
    pub(super) active: usize,
    buffered: usize,
    arrivals: u64,
    abandoned: u64,
    /// Streams that fell to their threshold.
    low: VecDeque<u16>,
}

/// A piece of a message that is ready to get a TSN.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fragment {
    pub(crate) key: MessageKey,
    pub(crate) offset: usize,
    pub(crate) len: usize,
}

impl SendQueue {
    pub(crate) fn new(scheduler: Scheduler, interleaving: bool) -> Self {
        Self {
            slots: Vec::new(),
            free: None,
            streams: StreamTable::new(),
            line: Line::new(scheduler),
            current: None,
            packet: None,
            interleaving,
            active: 0,
            buffered: 0,
            arrivals: 0,
            abandoned: 0,
            low: VecDeque::new(),
        }
    }

    pub(crate) fn is_interleaving(&self) -> bool {
        self.interleaving
    }

    /// A stream whose buffered bytes fell to its threshold.
    pub(crate) fn poll_low(&mut self) -> Option<u16> {
        let stream = self.low.pop_front()?;
        if let Some(state) = self.streams.get_mut(stream) {
            state.low_waiting = false;
        }
        Some(stream)
    }

    /// Payload bytes without a TSN, over all streams.
    pub(crate) fn buffered(&self) -> usize {
        self.buffered
    }

    pub(crate) fn buffered_on(&self, stream: u16) -> usize {
        self.streams.get(stream).map_or(0, |state| state.buffered)
    }

    pub(crate) fn set_low(&mut self, stream: u16, bytes: usize) {
        self.streams.with(stream, |state| state.low = bytes);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.active == 0
    }

    /// Messages given up so far.
    pub(crate) fn abandoned(&self) -> u64 {
        self.abandoned
    }

    /// Whether no message is kept, acknowledged ones included.
    pub(crate) fn keeps_nothing(&self) -> bool {
        self.active == 0 && !self.slots.iter().any(|slot| matches!(slot, Slot::Used(_)))
    }

    pub(crate) fn push(&mut self, message: Outgoing, partial: bool, now: Duration) {
        let limit = match message.reliability {
            Reliability::Retransmits(count) if partial => Limit::Retransmits(count),
            Reliability::Lifetime(life) if partial => Limit::Expires(now.saturating_add(life)),
            Reliability::Reliable | Reliability::Retransmits(_) | Reliability::Lifetime(_) => {
                Limit::None
            }
        };
        let stream = message.stream;
        let len = message.payload.len();
        self.arrivals = self.arrivals.saturating_add(1);
        let key = self.insert(OutMessage {
            payload: message.payload,
            stream,
            ssn: Ssn::MIN,
            ppid: message.ppid,
            ordered: message.ordered,
            limit,
            abandoned: false,
            last_tsn: None,
            fragments: 0,
            taken: 0,
            finished: false,
            chunks: 0,
            arrival: self.arrivals,
            next: None,
        });
        let last = self.streams.with(stream, |state| {
            state.buffered = state.buffered.saturating_add(len);
            if state.first.is_none() {
                state.first = Some(key);
            }
            state.last.replace(key)
        });
        self.buffered = self.buffered.saturating_add(len);
        match last.and_then(|last| self.get_mut(last)) {
            Some(last) => last.next = Some(key),
            None => {
                self.active = self.active.saturating_add(1);
                if self.current != Some(stream) {
                    self.line_up(stream);
                }
            }
        }
    }

    fn insert(&mut self, message: OutMessage) -> MessageKey {
        if let Some(key) = self.free
            && let Some(slot) = self.slots.get_mut(index(key))
            && let Slot::Free { next } = *slot
        {
            self.free = next;
            *slot = Slot::Used(message);
            return key;
        }
        if self.slots.is_empty() {
            // Most channels carry one small message at a time.
            self.slots.reserve_exact(1);
        }
        // 2^32 messages of at least one byte each do not fit the send buffer.
        let key = MessageKey(u32::try_from(self.slots.len()).unwrap_or(u32::MAX));
        self.slots.push(Slot::Used(message));
        key
    }

    pub(crate) fn get(&self, key: MessageKey) -> Option<&OutMessage> {
        match self.slots.get(index(key))? {
            Slot::Used(message) => Some(message),
            Slot::Free { .. } => None,
        }
    }

    pub(crate) fn get_mut(&mut self, key: MessageKey) -> Option<&mut OutMessage> {
        match self.slots.get_mut(index(key))? {
            Slot::Used(message) => Some(message),
            Slot::Free { .. } => None,
        }
    }

    fn free_when_done(&mut self, key: MessageKey) {
        if let Some(slot) = self.slots.get_mut(index(key))
            && matches!(slot, Slot::Used(message) if message.finished && message.chunks == 0)
        {
            *slot = Slot::Free { next: self.free };
            self.free = Some(key);
        }
    }

    /// The message whose turn it is, when its time has run out.
    pub(crate) fn expired(&self, now: Duration) -> Option<MessageKey> {
        let key = self.next_key()?;
        matches!(self.get(key)?.limit, Limit::Expires(at) if at <= now).then_some(key)
    }

    fn next_key(&self) -> Option<MessageKey> {
        let stream = match (self.current, self.packet) {
            (Some(stream), _) => stream,
            // The stream this packet is for has nothing more.
            (None, Some(_)) => return None,
            (None, None) => self.line.first()?.stream,
        };
        self.streams.get(stream)?.first
    }

    /// Looks at the next piece to send: what is left of the message whose turn it is.
    pub(crate) fn peek(&self) -> Option<Fragment> {
        let key = self.next_key()?;
        let message = self.get(key)?;
        let len = message.payload.len().saturating_sub(message.taken);
        Some(Fragment { key, offset: message.taken, len })
    }

    /// Takes what [`peek`](Self::peek) returned, or the first part of it.
    pub(crate) fn take(&mut self, fragment: Fragment, tsn: Tsn) {
        let Fragment { key, len, .. } = fragment;
        let interleaving = self.interleaving;
        let Some(message) = self.get(key) else { return };
        let (stream, first, ordered) = (message.stream, message.taken == 0, message.ordered);
        if self.current.is_none() {
            self.current = Some(stream);
            self.line.pop();
        }
        let Some(state) = self.streams.get_mut(stream) else { return };
        state.stamp = 0;
        self.line.charge(&mut state.share, len);
        let number = if ordered { &mut state.next_ssn } else { &mut state.next_unordered };
        let ssn = *number;
        if first && (ordered || interleaving) {
            *number = ssn.next();
        }
        let Some(message) = self.get_mut(key) else { return };
        if first {
            message.ssn = ssn;
        }
        message.last_tsn = Some(tsn);
        message.fragments = message.fragments.saturating_add(1);
        message.taken = message.taken.saturating_add(len);
        message.chunks = message.chunks.saturating_add(1);
        let done = message.taken >= message.payload.len();
        self.unbuffer(stream, len);
        if done {
            self.unlink(key);
        }
        let turn_is_over = match self.line.scheduler() {
            Scheduler::RoundRobinPacket => {
                self.packet = Some(stream);
                false
            }
            Scheduler::FirstCome => done,
            Scheduler::RoundRobin
            | Scheduler::FairBytes
            | Scheduler::Weighted
            | Scheduler::Priority => done || interleaving,
        };
        if turn_is_over {
            self.end_turn();
        }
    }

    /// Subtracts sent or dropped bytes from the accounts.
    fn unbuffer(&mut self, stream: u16, len: usize) {
        self.buffered = self.buffered.saturating_sub(len);
        let Some(state) = self.streams.get_mut(stream) else { return };
        let before = state.buffered;
        state.buffered = before.saturating_sub(len);
        if before > state.low && state.buffered <= state.low && !state.low_waiting {
            state.low_waiting = true;
            self.low.push_back(stream);
        }
    }

    /// Takes the message at the head of its stream out of the list.
    fn unlink(&mut self, key: MessageKey) {
        let Some(message) = self.get_mut(key) else { return };
        message.finished = true;
        let (stream, next) = (message.stream, message.next);
        if let Some(state) = self.streams.get_mut(stream) {
            state.first = next;
            if next.is_none() {
                state.last = None;
                state.stamp = 0;
                self.active = self.active.saturating_sub(1);
            }
        }
        self.free_when_done(key);
    }

    /// Gives a message up; returns whether part of it has been sent and part not, in which case
    /// the receiver has to be told about a TSN it will never see.
    pub(crate) fn abandon(&mut self, key: MessageKey) -> bool {
        let Some(message) = self.get_mut(key) else { return false };
        if std::mem::replace(&mut message.abandoned, true) {
            return false;
        }
        let (stream, finished) = (message.stream, message.finished);
        let left = message.payload.len().saturating_sub(message.taken);
        let cut = message.taken > 0 && !finished;
        // The chunk that stands for the end keeps the message alive until it is acknowledged.
        message.chunks = message.chunks.saturating_add(u32::from(cut));
        self.abandoned = self.abandoned.saturating_add(1);
        self.unbuffer(stream, left);
        if !finished {
            self.unlink(key);
            if self.current == Some(stream) {
                self.current = None;
            }
            self.line_up(stream);
            self.clean();
        }
        cut
    }

    /// One chunk has left the retransmission ring.
    pub(crate) fn release_chunk(&mut self, key: MessageKey) {
        if let Some(message) = self.get_mut(key) {
            message.chunks = message.chunks.saturating_sub(1);
        }
        self.free_when_done(key);
    }

    pub(crate) fn is_resetting(&self, stream: u16) -> bool {
        self.streams.get(stream).is_some_and(|state| state.resetting)
    }

    pub(crate) fn set_resetting(&mut self, stream: u16, resetting: bool) {
        self.streams.with(stream, |state| state.resetting = resetting);
    }

    //= rfc6525#5.2.7
    // After a reset the next ordered message has sequence number 0.
    //= rfc8260#2.3.2
    // The identifiers of ordered and of unordered messages both begin at 0 again.
    pub(crate) fn reset(&mut self, stream: u16) {
        if let Some(state) = self.streams.get_mut(stream) {
            state.next_ssn = Ssn::MIN;
            state.next_unordered = Ssn::MIN;
        }
    }

    /// The numbers of the streams that have been used.
    pub(crate) fn numbers(&self) -> impl Iterator<Item = StreamNumbers> + '_ {
        self.streams.iter().map(|(stream, state)| StreamNumbers {
            stream,
            next: state.next_ssn,
            next_unordered: state.next_unordered,
        })
    }

    pub(crate) fn set_numbers(&mut self, numbers: StreamNumbers) {
        self.streams.with(numbers.stream, |state| {
            state.next_ssn = numbers.next;
            state.next_unordered = numbers.next_unordered;
        });
    }
}

fn index(key: MessageKey) -> usize {
    usize::try_from(key.0).unwrap_or(usize::MAX)
}
