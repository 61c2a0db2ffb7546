use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;

use super::stream_table::StreamTable;
use crate::message::{Outgoing, Reliability};
use crate::serial::Ssn;

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
    /// Given with the first transmission, so that what is dropped before leaves no hole.
    pub(crate) ssn: Ssn,
    pub(crate) ppid: u32,
    pub(crate) ordered: bool,
    pub(crate) limit: Limit,
    pub(crate) abandoned: bool,
    /// Payload bytes that have got a TSN.
    taken: usize,
    /// No further chunk will be made of it.
    finished: bool,
    /// Chunks in the retransmission ring.
    chunks: u32,
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
struct OutStream {
    first: Option<MessageKey>,
    last: Option<MessageKey>,
    next_ssn: Ssn,
    buffered: usize,
    low: usize,
    /// An event about `low` is waiting to be fetched.
    low_waiting: bool,
    resetting: bool,
}

/// Messages to send: one list per stream, and a ready list that gives each stream a message in
/// turn.
///
/// Fragments of one message have consecutive TSNs, so a message once begun is finished before
/// the next stream's turn.
#[derive(Debug)]
pub(crate) struct SendQueue {
    slots: Vec<Slot>,
    free: Option<MessageKey>,
    streams: StreamTable<OutStream>,
    /// Streams with messages; the first is being sent.
    ready: VecDeque<u16>,
    buffered: usize,
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
    pub(crate) fn new() -> Self {
        Self {
            slots: Vec::new(),
            free: None,
            streams: StreamTable::new(),
            ready: VecDeque::new(),
            buffered: 0,
            abandoned: 0,
            low: VecDeque::new(),
        }
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
        self.ready.is_empty()
    }

    /// Messages given up so far.
    pub(crate) fn abandoned(&self) -> u64 {
        self.abandoned
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
        let key = self.insert(OutMessage {
            payload: message.payload,
            stream,
            ssn: Ssn::MIN,
            ppid: message.ppid,
            ordered: message.ordered,
            limit,
            abandoned: false,
            taken: 0,
            finished: false,
            chunks: 0,
            next: None,
        });
        let last = self.streams.with(stream, |state| {
            state.buffered = state.buffered.saturating_add(len);
            if state.first.is_none() {
                state.first = Some(key);
            }
            state.last.replace(key)
        });
        match last.and_then(|last| self.get_mut(last)) {
            Some(last) => last.next = Some(key),
            None => self.ready.push_back(stream),
        }
        self.buffered = self.buffered.saturating_add(len);
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

    /// The message at the head, when its time has run out.
    pub(crate) fn expired(&self, now: Duration) -> Option<MessageKey> {
        let key = self.streams.get(*self.ready.front()?)?.first?;
        matches!(self.get(key)?.limit, Limit::Expires(at) if at <= now).then_some(key)
    }

    /// Looks at the next piece to send: what is left of the message at the head.
    pub(crate) fn peek(&self) -> Option<Fragment> {
        let key = self.streams.get(*self.ready.front()?)?.first?;
        let message = self.get(key)?;
        let len = message.payload.len().saturating_sub(message.taken);
        Some(Fragment { key, offset: message.taken, len })
    }

    /// Takes what [`peek`](Self::peek) returned, or the first part of it.
    pub(crate) fn take(&mut self, fragment: Fragment) {
        let Fragment { key, len, .. } = fragment;
        let Some(message) = self.get(key) else { return };
        let (stream, first, ordered) = (message.stream, message.taken == 0, message.ordered);
        let ssn = self.streams.with(stream, |state| {
            let ssn = state.next_ssn;
            if first && ordered {
                state.next_ssn = ssn.next();
            }
            ssn
        });
        let Some(message) = self.get_mut(key) else { return };
        if first {
            message.ssn = ssn;
        }
        message.taken = message.taken.saturating_add(len);
        message.chunks = message.chunks.saturating_add(1);
        let done = message.taken >= message.payload.len();
        self.unbuffer(stream, len);
        if done {
            self.unlink(key);
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

    /// Takes the message at the head of its stream out of the list. Its stream goes to the end
    /// of the ready list when it has more.
    fn unlink(&mut self, key: MessageKey) {
        let Some(message) = self.get_mut(key) else { return };
        message.finished = true;
        let (stream, next) = (message.stream, message.next);
        if let Some(state) = self.streams.get_mut(stream) {
            state.first = next;
            if next.is_none() {
                state.last = None;
            }
        }
        if self.ready.front() == Some(&stream) {
            self.ready.pop_front();
            if next.is_some() {
                self.ready.push_back(stream);
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
    pub(crate) fn reset(&mut self, stream: u16) {
        if let Some(state) = self.streams.get_mut(stream) {
            state.next_ssn = Ssn::MIN;
        }
    }
}

fn index(key: MessageKey) -> usize {
    usize::try_from(key.0).unwrap_or(usize::MAX)
}
