use std::collections::BTreeMap;

use bytes::{Bytes, BytesMut};

use super::inbox::Inbox;
use super::interleaved::Interleaved;
use super::reassembly::{Assembled, Reassembly};
use super::stream_table::StreamTable;
use crate::Message;
use crate::config::MESSAGE_OVERHEAD;
use crate::event::Violation;
use crate::serial::{Ssn, Tsn};
use crate::wire::{DataView, Number, SkippedView};

/// Puts messages together and in order, stream by stream ([RFC 9260 section 6.6]).
///
/// [RFC 9260 section 6.6]: https://www.rfc-editor.org/rfc/rfc9260#section-6.6
#[derive(Debug)]
pub(crate) struct Inbound {
    reassembly: Reassembly,
    interleaved: Interleaved,
    next: StreamTable<Ssn>,
    /// Whole messages that wait for an earlier one of their stream.
    waiting: BTreeMap<(u16, Ssn), Waiting>,
    waiting_bytes: usize,
    deferred: Option<Deferred>,
    arena: BytesMut,
    /// The block before, whose messages may have been taken by now.
    spare: BytesMut,
    /// Size of the next block.
    block: usize,
}

#[derive(Debug)]
struct Waiting {
    ppid: u32,
    payload: Bytes,
}

/// A reset by the peer that waits for data sent before it (RFC 6525 section 5.2.2, E2).
#[derive(Debug)]
struct Deferred {
    last_tsn: Tsn,
    streams: Box<[u16]>,
    /// Messages of these streams from after the reset.
    held: Vec<Assembled>,
    bytes: usize,
}

/// Small messages are cut from blocks of this size; the first one is smaller, for associations that
/// carry hardly anything.
const ARENA: usize = 32 << 10;
const FIRST_BLOCK: usize = 256;
/// Larger messages get an allocation of their own.
const ARENA_MESSAGE: usize = 4 << 10;

impl Inbound {
    pub(crate) fn new(max_message: usize) -> Self {
        Self {
            reassembly: Reassembly::new(max_message),
            interleaved: Interleaved::new(max_message),
            next: StreamTable::new(),
            waiting: BTreeMap::new(),
            waiting_bytes: 0,
            deferred: None,
            arena: BytesMut::new(),
            spare: BytesMut::new(),
            block: FIRST_BLOCK,
        }
    }

    /// Bytes held, with a surcharge for each message.
    pub(crate) fn held(&self) -> usize {
        let waiting = self.waiting.len().saturating_mul(MESSAGE_OVERHEAD);
        let deferred = self.deferred.as_ref().map_or(0, |deferred| deferred.bytes);
        self.reassembly
            .held()
            .saturating_add(self.interleaved.held())
            .saturating_add(self.waiting_bytes)
            .saturating_add(waiting)
            .saturating_add(deferred)
    }

    /// Takes a new DATA chunk; messages that become deliverable go to the inbox.
    pub(crate) fn insert(
        &mut self,
        tsn: Tsn,
        data: &DataView<'_>,
        in_order: bool,
        inbox: &mut Inbox,
    ) -> Result<(), Violation> {
        let assembled = if data.begins && data.ends {
            let payload = self.store(data.payload, in_order);
            Some(Assembled {
                tsn,
                stream: data.stream,
                number: data.number,
                ppid: data.ppid,
                ordered: !data.unordered,
                payload,
            })
        } else if data.is_interleaved() {
            self.interleaved.insert(tsn, data)?
        } else {
            self.reassembly.insert(tsn, data, in_order)?
        };
        if let Some(assembled) = assembled {
            self.arrange(assembled, inbox);
        }
        Ok(())
    }

    /// Copies a payload out of the packet: into a shared block when it is about to be
    /// delivered, so that nothing small can pin a block for long.
    fn store(&mut self, payload: &[u8], soon: bool) -> Bytes {
        if !soon || payload.len() > ARENA_MESSAGE {
            return Bytes::copy_from_slice(payload);
        }
        if self.arena.capacity() < payload.len() {
            // Takes a block back when all that was cut from it is gone: this one, or the one before.
            let wanted = self.block.max(payload.len());
            if !self.arena.try_reclaim(wanted) {
                std::mem::swap(&mut self.arena, &mut self.spare);
                if !self.arena.try_reclaim(wanted) {
                    self.arena.reserve(wanted);
                    self.block = ARENA;
                }
            }
        }
        self.arena.extend_from_slice(payload);
        self.arena.split().freeze()
    }

    fn arrange(&mut self, mut message: Assembled, inbox: &mut Inbox) {
        if let Some(deferred) = &mut self.deferred
            && message.tsn > deferred.last_tsn
            && (deferred.streams.is_empty() || deferred.streams.contains(&message.stream))
        {
            let cost = message.payload.len().saturating_add(MESSAGE_OVERHEAD);
            message.payload = unpin(message.payload);
            deferred.bytes = deferred.bytes.saturating_add(cost);
            deferred.held.push(message);
            return;
        }
        let Assembled { stream, number, ppid, ordered, payload, .. } = message;
        //= rfc9260#6.6
        // Unordered messages bypass ordering.
        if !ordered {
            inbox.put(Message { stream, ppid, payload, ordered });
            return;
        }
        let next = self.next.get(stream).copied().unwrap_or_default();
        // A number before the next one was delivered, or skipped by FORWARD TSN.
        let Some(ssn) = widen(next, number) else { return };
        if ssn == next {
            inbox.put(Message { stream, ppid, payload, ordered });
            self.next.with(stream, |next| *next = ssn.next());
            self.release(stream, inbox);
        } else {
            let len = payload.len();
            let payload = unpin(payload);
            if let Some(old) = self.waiting.insert((stream, ssn), Waiting { ppid, payload }) {
                self.waiting_bytes = self.waiting_bytes.saturating_sub(old.payload.len());
            }
            self.waiting_bytes = self.waiting_bytes.saturating_add(len);
        }
    }

    /// Delivers what waits for nothing any more.
    fn release(&mut self, stream: u16, inbox: &mut Inbox) {
        if self.waiting.is_empty() {
            return;
        }
        let mut next = self.next.get(stream).copied().unwrap_or_default();
        while let Some(Waiting { ppid, payload }) = self.waiting.remove(&(stream, next)) {
            self.waiting_bytes = self.waiting_bytes.saturating_sub(payload.len());
            inbox.put(Message { stream, ppid, payload, ordered: true });
            next = next.next();
        }
        self.next.with(stream, |state| *state = next);
    }

    /// Drops fragments that a FORWARD TSN made useless.
    pub(crate) fn forward(&mut self, cumulative: Tsn) {
        self.reassembly.forward(cumulative);
    }

    //= rfc3758#3.6
    // What waited for a skipped message is delivered, in order.
    pub(crate) fn skip(&mut self, skipped: SkippedView, interleaved: bool, inbox: &mut Inbox) {
        let SkippedView { stream, unordered, number } = skipped;
        if interleaved {
            self.interleaved.skip(stream, unordered, number);
        }
        if unordered {
            return;
        }
        let number = if interleaved {
            Number::Mid { mid: number, fsn: 0 }
        } else {
            let [_, _, high, low] = number.to_be_bytes();
            Number::Ssn(u16::from_be_bytes([high, low]))
        };
        let next = self.next.get(stream).copied().unwrap_or_default();
        let Some(skipped) = widen(next, number) else { return };
        loop {
            let range = (stream, Ssn::MIN)..=(stream, skipped);
            let Some((&key, _)) = self.waiting.range(range).next() else { break };
            if let Some(Waiting { ppid, payload }) = self.waiting.remove(&key) {
                self.waiting_bytes = self.waiting_bytes.saturating_sub(payload.len());
                inbox.put(Message { stream, ppid, payload, ordered: true });
            }
        }
        self.next.with(stream, |next| *next = skipped.next());
        self.release(stream, inbox);
    }

    /// Whether an I-DATA chunk belongs after a reset that waits for older data. Its message may
    /// have the same identifier as one from before.
    pub(crate) fn is_held_back(&self, tsn: Tsn, stream: u16) -> bool {
        self.deferred.as_ref().is_some_and(|deferred| {
            tsn > deferred.last_tsn
                && (deferred.streams.is_empty() || deferred.streams.contains(&stream))
        })
    }

    /// Nothing is kept for later.
    pub(crate) fn is_empty(&self) -> bool {
        self.held() == 0 && self.interleaved.is_empty() && self.deferred.is_none()
    }

    /// The next numbers of the streams that have been used.
    pub(crate) fn numbers(&self) -> impl Iterator<Item = (u16, Ssn)> + '_ {
        self.next.iter().map(|(stream, next)| (stream, *next))
    }

    pub(crate) fn set_number(&mut self, stream: u16, next: Ssn) {
        self.next.with(stream, |number| *number = next);
    }

    pub(crate) fn is_deferring(&self) -> bool {
        self.deferred.is_some()
    }

    //= rfc6525#5.2.2
    // E2: data from after the reset is held until everything before it has arrived.
    pub(crate) fn defer_reset(&mut self, last_tsn: Tsn, streams: Box<[u16]>) {
        self.deferred.get_or_insert(Deferred { last_tsn, streams, held: Vec::new(), bytes: 0 });
    }

    /// Performs a deferred reset once everything before it has arrived.
    pub(crate) fn finish_reset(&mut self, cumulative: Tsn, inbox: &mut Inbox) -> bool {
        if self.deferred.as_ref().is_none_or(|deferred| deferred.last_tsn > cumulative) {
            return false;
        }
        let Some(Deferred { streams, held, .. }) = self.deferred.take() else { return false };
        self.reset(streams, inbox);
        //= rfc6525#5.2.2
        // E4: what was held is processed as if it came now.
        for message in held {
            self.arrange(message, inbox);
        }
        true
    }

    //= rfc6525#5.2.2
    // E3: the streams listed, or all, expect sequence number 0.
    pub(crate) fn reset(&mut self, streams: Box<[u16]>, inbox: &mut Inbox) {
        if streams.is_empty() {
            self.next = StreamTable::new();
            self.waiting.clear();
            self.waiting_bytes = 0;
            self.interleaved.reset_all();
        }
        for stream in &streams {
            self.interleaved.reset(*stream);
            if let Some(next) = self.next.get_mut(*stream) {
                *next = Ssn::MIN;
            }
            // Nothing can wait here from a sender that keeps the rules.
            let stuck = self.waiting.range((*stream, Ssn::MIN)..=(*stream, Ssn::MAX));
            let stuck: Vec<_> = stuck.map(|(key, _)| *key).collect();
            for key in stuck {
                if let Some(message) = self.waiting.remove(&key) {
                    self.waiting_bytes = self.waiting_bytes.saturating_sub(message.payload.len());
                }
            }
        }
        inbox.reset(streams);
    }
}

/// The message's number near the next one; `None` when it was delivered or skipped before.
fn widen(next: Ssn, number: Number) -> Option<Ssn> {
    let number = match number {
        Number::Ssn(ssn) => next.near(ssn),
        Number::Mid { mid, .. } => next.near_mid(mid),
    };
    number.filter(|number| *number >= next)
}

/// What stays for long must not keep a whole block of the arena with it.
fn unpin(payload: Bytes) -> Bytes {
    if payload.len() > ARENA_MESSAGE { payload } else { Bytes::copy_from_slice(&payload) }
}
