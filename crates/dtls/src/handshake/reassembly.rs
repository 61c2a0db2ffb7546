use std::collections::BTreeMap;
use std::ops::Range;

use crate::wire::handshake::{FragmentHeader, HandshakeType};

/// How many messages ahead of their turn are kept.
const MAX_AHEAD: u32 = 16;

/// How many separate pieces of one message are kept.
const MAX_PIECES: usize = 64;

/// A handshake message, complete and in turn.
#[derive(Debug)]
pub(crate) struct Message {
    pub(crate) kind: HandshakeType,
    pub(crate) seq: u16,
    pub(crate) body: Vec<u8>,
}

/// Puts handshake messages together again, whatever order, overlap and repetition their fragments
/// come in ([RFC 6347 section 4.2.3]).
///
/// A fragment that contradicts the message's type or length as known so far starts the message
/// anew: whoever is wrong, the peer sends the right fragments again, and a forged one cannot block
/// the message for good.
///
/// [RFC 6347 section 4.2.3]: https://www.rfc-editor.org/rfc/rfc6347#section-4.2.3
#[derive(Debug)]
pub(crate) struct Reassembly {
    /// One more than the highest number when all are used up: numbers never start again.
    next: u32,
    partial: BTreeMap<u16, Partial>,
    limit: usize,
}

/// What became of a fragment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Inserted {
    /// It is kept.
    Kept,
    /// It says nothing: empty, though its message is not.
    Empty,
    /// It lies too far ahead, or there is no room for it.
    Refused,
    /// It contradicts itself.
    Malformed,
    /// It contradicts what is known of its message; it is kept, and the rest forgotten.
    Contradiction,
}

#[derive(Debug)]
struct Partial {
    kind: HandshakeType,
    len: usize,
    body: Vec<u8>,
    /// Sorted, and with gaps between them.
    have: Vec<Range<usize>>,
}

impl Partial {
    fn new(header: FragmentHeader) -> Self {
        Self { kind: header.kind, len: header.len, body: Vec::new(), have: Vec::new() }
    }

    fn fits(&self, header: FragmentHeader) -> bool {
        self.kind == header.kind && self.len == header.len
    }

    fn is_complete(&self) -> bool {
        match &self.have[..] {
            [] => self.len == 0,
            [all] => *all == (0..self.len),
            [..] => false,
        }
    }

    /// `false` when the message is in too many pieces to keep another one.
    fn insert(&mut self, offset: usize, fragment: &[u8]) -> bool {
        let end = offset.saturating_add(fragment.len());
        let (touching, mut apart): (Vec<_>, Vec<_>) =
            self.have.drain(..).partition(|piece| piece.start <= end && offset <= piece.end);
        let mut merged = offset..end;
        for piece in &touching {
            merged = merged.start.min(piece.start)..merged.end.max(piece.end);
        }
        let room = apart.len() < MAX_PIECES;
        if room {
            apart.push(merged);
            if self.body.len() < end {
                self.body.resize(end, 0);
            }
            if let Some(target) = self.body.get_mut(offset..end) {
                target.copy_from_slice(fragment);
            }
        } else {
            apart.extend(touching);
        }
        apart.sort_by_key(|piece| piece.start);
        self.have = apart;
        room
    }
}

impl Reassembly {
    /// Keeps at most `limit` bytes, and half of it for one message.
    pub(crate) fn new(limit: usize) -> Self {
        Self { next: 0, partial: BTreeMap::new(), limit }
    }

    /// The number of the message whose turn is next.
    pub(crate) fn next_seq(&self) -> u32 {
        self.next
    }

    /// Whether nothing is kept.
    pub(crate) fn is_empty(&self) -> bool {
        self.partial.is_empty()
    }

    /// Takes a fragment of a message whose turn is still to come.
    pub(crate) fn insert(&mut self, header: FragmentHeader, fragment: &[u8]) -> Inserted {
        let end = header.offset.saturating_add(fragment.len());
        if end > header.len {
            return Inserted::Malformed;
        }
        // An empty fragment says something only when the message is empty.
        if fragment.is_empty() && header.len != 0 {
            return Inserted::Empty;
        }
        let ahead = u32::from(header.message_seq).checked_sub(self.next);
        if ahead.is_none_or(|ahead| ahead >= MAX_AHEAD) || header.len > self.limit / 2 {
            return Inserted::Refused;
        }
        let others: usize = self
            .partial
            .iter()
            .filter(|(seq, _)| **seq != header.message_seq)
            .map(|(_, partial)| partial.body.len())
            .sum();
        if others.saturating_add(end) > self.limit {
            return Inserted::Refused;
        }
        let partial =
            self.partial.entry(header.message_seq).or_insert_with(|| Partial::new(header));
        let contradicts = !partial.fits(header);
        if contradicts {
            *partial = Partial::new(header);
        }
        match (partial.insert(header.offset, fragment), contradicts) {
            (false, _) => Inserted::Refused,
            (true, true) => Inserted::Contradiction,
            (true, false) => Inserted::Kept,
        }
    }

    /// The next message, when it is complete.
    pub(crate) fn pop(&mut self) -> Option<Message> {
        let seq = u16::try_from(self.next).ok()?;
        if !self.partial.get(&seq)?.is_complete() {
            return None;
        }
        let partial = self.partial.remove(&seq)?;
        self.next = u32::from(seq).saturating_add(1);
        Some(Message { kind: partial.kind, seq, body: partial.body })
    }

    /// Forgets everything and expects message `seq` next.
    pub(crate) fn restart_at(&mut self, seq: u16) {
        self.next = u32::from(seq);
        self.partial.clear();
    }

    #[cfg(test)]
    fn bytes(&self) -> usize {
        self.partial.values().map(|partial| partial.body.len()).sum()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn header(seq: u16, len: usize, range: &Range<usize>) -> FragmentHeader {
        FragmentHeader {
            kind: HandshakeType::Certificate,
            len,
            message_seq: seq,
            offset: range.start,
            fragment_len: range.len(),
        }
    }

    #[test]
    fn an_empty_message_is_complete_with_its_header() {
        let mut reassembly = Reassembly::new(1000);
        assert_eq!(reassembly.insert(header(0, 0, &(0..0)), &[]), Inserted::Kept);
        assert!(reassembly.pop().unwrap().body.is_empty());
        assert_eq!(reassembly.next_seq(), 1);
    }

    // attack: empty fragments without end (CVE-2022-29190)
    #[test]
    fn an_empty_fragment_of_a_longer_message_is_of_no_use() {
        let mut reassembly = Reassembly::new(1000);
        assert_eq!(reassembly.insert(header(0, 5, &(0..0)), &[]), Inserted::Empty);
        assert_eq!(reassembly.insert(header(0, 5, &(5..5)), &[]), Inserted::Empty);
        assert_eq!(reassembly.insert(header(0, 5, &(5..6)), &[1]), Inserted::Malformed);
        assert!(reassembly.pop().is_none());
    }

    // attack: unbounded fragment buffer (CVE-2022-29189)
    #[test]
    fn memory_is_bounded_whatever_the_headers_claim() {
        let mut reassembly = Reassembly::new(1000);
        assert_eq!(reassembly.insert(header(0, 0xff_ffff, &(0..1)), &[1]), Inserted::Refused);
        assert_eq!(reassembly.insert(header(16, 1, &(0..1)), &[1]), Inserted::Refused);
        for seq in 0..16 {
            reassembly.insert(header(seq, 500, &(499..500)), &[1]);
        }
        assert!(reassembly.bytes() <= 1000);
        let mut reassembly = Reassembly::new(2000);
        let taken = (0..500).filter(|at| {
            let taken = reassembly.insert(header(0, 1000, &(at * 2..at * 2 + 1)), &[1]);
            taken == Inserted::Kept
        });
        assert_eq!(taken.count(), MAX_PIECES);
    }

    // attack: a forged fragment with another length
    #[test]
    fn a_contradiction_starts_the_message_anew() {
        let mut reassembly = Reassembly::new(1000);
        assert_eq!(reassembly.insert(header(0, 9, &(0..3)), &[9; 3]), Inserted::Kept);
        assert_eq!(reassembly.insert(header(0, 4, &(2..4)), &[3, 4]), Inserted::Contradiction);
        assert_eq!(reassembly.insert(header(0, 4, &(0..2)), &[1, 2]), Inserted::Kept);
        assert_eq!(reassembly.pop().unwrap().body, [1, 2, 3, 4]);
    }

    // attack: a message number that starts again
    #[test]
    fn numbers_that_are_used_up_stay_used_up() {
        let mut reassembly = Reassembly::new(1000);
        reassembly.restart_at(u16::MAX);
        assert_eq!(reassembly.insert(header(u16::MAX, 1, &(0..1)), &[1]), Inserted::Kept);
        assert!(reassembly.pop().is_some());
        assert_eq!(reassembly.next_seq(), 0x1_0000);
        assert_eq!(reassembly.insert(header(0, 1, &(0..1)), &[1]), Inserted::Refused);
        assert!(reassembly.pop().is_none());
    }

    // attack: fragments that overlap, repeat and come in any order
    proptest! {
        #[test]
        fn any_order_overlap_and_repetition_gives_the_message(
            len in 1usize..300,
            cuts in prop::collection::vec((0usize..300, 1usize..80), 0..40),
            order in any::<prop::sample::Index>(),
        ) {
            let body: Vec<u8> = (0..=250).cycle().take(len).collect();
            let mut ranges: Vec<Range<usize>> = (0..len).step_by(7).map(|at| at..(at + 7).min(len)).collect();
            ranges.extend(cuts.iter().map(|(at, size)| at % len..(at % len + size).min(len)));
            let turn = order.index(ranges.len());
            ranges.rotate_left(turn);
            if order.index(2) == 1 {
                ranges.reverse();
            }
            let mut reassembly = Reassembly::new(1000);
            for range in &ranges {
                let inserted = reassembly.insert(header(0, len, range), &body[range.clone()]);
                prop_assert_eq!(inserted, Inserted::Kept);
            }
            prop_assert_eq!(reassembly.pop().unwrap().body, body);
            prop_assert!(reassembly.pop().is_none());
        }
    }
}
