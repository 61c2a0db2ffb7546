use std::collections::BTreeMap;

use bytes::BytesMut;

use super::reassembly::Assembled;
use crate::config::MESSAGE_OVERHEAD;
use crate::event::Violation;
use crate::serial::Tsn;
use crate::wire::{DataView, Number};

/// Fragments of messages that come interleaved ([RFC 8260 section 2.2.3]): stream, order and
/// message identifier say which message, the fragment's number says where in it.
///
/// [RFC 8260 section 2.2.3]: https://www.rfc-editor.org/rfc/rfc8260#section-2.2.3
#[derive(Debug)]
pub(crate) struct Interleaved {
    partial: BTreeMap<Key, Partial>,
    bytes: usize,
    /// Fragments that wait for an earlier one.
    ahead: usize,
    limit: usize,
    /// Length of the last message of several fragments: a guess at the next.
    guess: usize,
}

/// Stream, whether unordered, message identifier.
type Key = (u16, bool, u32);

/// One message: what has come from its beginning on, and what is further ahead.
#[derive(Debug, Default)]
struct Partial {
    ppid: u32,
    head: BytesMut,
    /// The number of the fragment that `head` waits for.
    next: u32,
    /// The number of the last fragment, once it has come.
    end: Option<u32>,
    ahead: BTreeMap<u32, BytesMut>,
    bytes: usize,
}

/// Most bytes set aside by guessing.
const MAX_GUESS: usize = 256 << 10;

impl Interleaved {
    pub(crate) fn new(limit: usize) -> Self {
        Self { partial: BTreeMap::new(), bytes: 0, ahead: 0, limit, guess: 0 }
    }

    /// Payload bytes waiting, with a surcharge for each message and each fragment ahead.
    pub(crate) fn held(&self) -> usize {
        let parts = self.partial.len().saturating_mul(2).saturating_add(self.ahead);
        self.bytes.saturating_add(parts.saturating_mul(MESSAGE_OVERHEAD))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.partial.is_empty()
    }

    /// Takes a fragment; returns the message if that completes one.
    pub(crate) fn insert(
        &mut self,
        tsn: Tsn,
        data: &DataView<'_>,
    ) -> Result<Option<Assembled>, Violation> {
        let Number::Mid { mid, fsn } = data.number else { return Err(Violation::BadFragments) };
        let key = (data.stream, data.unordered, mid);
        let guess = if data.begins { self.guess.min(MAX_GUESS) } else { 0 };
        let partial = self.partial.entry(key).or_default();
        //= rfc8260#2.1
        // One beginning, one end, each number once: anything else belongs to no message.
        let beyond = partial.end.is_some_and(|end| fsn > end || data.ends);
        if fsn < partial.next || beyond || partial.ahead.contains_key(&fsn) {
            return Err(Violation::BadFragments);
        }
        if data.ends {
            partial.end = Some(fsn);
            let last_ahead = partial.ahead.last_key_value().map(|(last, _)| *last);
            if last_ahead.is_some_and(|last| last > fsn) {
                return Err(Violation::BadFragments);
            }
        }
        if data.begins {
            partial.ppid = data.ppid;
            partial.head.reserve(guess.max(data.payload.len()));
        }
        partial.bytes = partial.bytes.saturating_add(data.payload.len());
        self.bytes = self.bytes.saturating_add(data.payload.len());
        if partial.bytes > self.limit {
            return Err(Violation::MessageTooLarge { len: partial.bytes, limit: self.limit });
        }
        if fsn == partial.next {
            partial.head.extend_from_slice(data.payload);
            partial.next = fsn.saturating_add(1);
            while let Some(piece) = partial.ahead.remove(&partial.next) {
                partial.head.extend_from_slice(&piece);
                partial.next = partial.next.saturating_add(1);
                self.ahead = self.ahead.saturating_sub(1);
            }
        } else {
            partial.ahead.insert(fsn, BytesMut::from(data.payload));
            self.ahead = self.ahead.saturating_add(1);
        }
        if partial.end.is_none_or(|end| partial.next <= end) {
            return Ok(None);
        }
        Ok(self.take(key).map(|partial| self.complete(tsn, data, partial)))
    }

    fn take(&mut self, key: Key) -> Option<Partial> {
        let partial = self.partial.remove(&key)?;
        self.bytes = self.bytes.saturating_sub(partial.bytes);
        self.ahead = self.ahead.saturating_sub(partial.ahead.len());
        Some(partial)
    }

    fn complete(&mut self, tsn: Tsn, data: &DataView<'_>, partial: Partial) -> Assembled {
        self.guess = partial.bytes;
        let Partial { head, ppid, .. } = partial;
        // A guess far too high is not kept.
        let fits = head.capacity() / 2 <= head.len();
        let payload = if fits { head.freeze() } else { bytes::Bytes::copy_from_slice(&head) };
        Assembled {
            tsn,
            stream: data.stream,
            number: data.number,
            ppid,
            ordered: !data.unordered,
            payload,
        }
    }

    //= rfc8260#2.3.1
    // Messages up to the identifier given will never be complete.
    pub(crate) fn skip(&mut self, stream: u16, unordered: bool, mid: u32) {
        let range = (stream, unordered, 0)..=(stream, unordered, u32::MAX);
        let gone = |found: u32| mid.wrapping_sub(found).cast_signed() >= 0;
        // Usually one, at most what fits the receive buffer.
        while let Some(key) =
            self.partial.range(range.clone()).map(|(key, _)| *key).find(|key| gone(key.2))
        {
            self.take(key);
        }
    }

    /// A stream was reset: what it has begun will not be finished.
    pub(crate) fn reset(&mut self, stream: u16) {
        let range = (stream, false, 0)..=(stream, true, u32::MAX);
        while let Some((key, _)) = self.partial.range(range.clone()).next() {
            let key = *key;
            self.take(key);
        }
    }

    pub(crate) fn reset_all(&mut self) {
        self.partial.clear();
        self.bytes = 0;
        self.ahead = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fragment(mid: u32, fsn: u32, ends: bool, payload: &'static [u8]) -> DataView<'static> {
        DataView {
            immediate: false,
            unordered: false,
            begins: fsn == 0,
            ends,
            tsn: 0,
            stream: 1,
            number: Number::Mid { mid, fsn },
            ppid: if fsn == 0 { 51 } else { 0 },
            payload,
        }
    }

    fn insert(to: &mut Interleaved, data: &DataView<'_>) -> Result<Option<Assembled>, Violation> {
        to.insert(Tsn::initial(1), data)
    }

    #[test]
    fn fragments_of_two_messages_in_any_order_make_two_messages() {
        let mut reassembly = Interleaved::new(1000);
        for data in
            [fragment(7, 2, true, b"c"), fragment(8, 0, false, b"x"), fragment(7, 0, false, b"a")]
        {
            assert_eq!(insert(&mut reassembly, &data).map(|done| done.is_some()), Ok(false));
        }
        let done = insert(&mut reassembly, &fragment(7, 1, false, b"b")).expect("fits");
        let done = done.expect("complete");
        assert_eq!((&done.payload[..], done.ppid), (&b"abc"[..], 51));
        let done = insert(&mut reassembly, &fragment(8, 1, true, b"y")).expect("fits");
        assert_eq!(&done.expect("complete").payload[..], b"xy");
        assert_eq!(reassembly.held(), 0);
    }

    // attack: fragment numbers twice, beyond the end, two ends
    #[test]
    fn fragments_that_contradict_each_other_are_a_violation() {
        let wrong = |first: DataView<'_>, second: DataView<'_>| {
            let mut reassembly = Interleaved::new(1000);
            insert(&mut reassembly, &first).expect("fits");
            assert_eq!(insert(&mut reassembly, &second), Err(Violation::BadFragments));
        };
        wrong(fragment(1, 0, false, b"a"), fragment(1, 0, false, b"a"));
        wrong(fragment(1, 2, false, b"a"), fragment(1, 2, false, b"a"));
        wrong(fragment(1, 2, true, b"a"), fragment(1, 3, false, b"a"));
        wrong(fragment(1, 2, true, b"a"), fragment(1, 1, true, b"a"));
        wrong(fragment(1, 3, false, b"a"), fragment(1, 2, true, b"a"));
    }

    #[test]
    fn what_is_skipped_gives_its_memory_back() {
        let mut reassembly = Interleaved::new(1000);
        for mid in [u32::MAX, 0, 1] {
            insert(&mut reassembly, &fragment(mid, 1, false, b"half")).expect("fits");
        }
        reassembly.skip(1, false, 0);
        assert_eq!(reassembly.partial.keys().map(|key| key.2).collect::<Vec<_>>(), [1]);
        reassembly.reset(1);
        assert_eq!(reassembly.held(), 0);
    }
}
