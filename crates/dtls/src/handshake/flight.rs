use std::collections::VecDeque;
use std::ops::Range;

use crate::handshake::ranges::Ranges;
use crate::record::{PLAIN, RecordLayer};
use crate::wire::ack::RecordNumber;
use crate::wire::handshake::{FragmentHeader, HEADER_LEN, HandshakeType};
use crate::wire::record::ContentType;
use crate::wire::{DTLS_1_0, DTLS_1_2};

/// How many sent records are remembered, to know what an acknowledgement speaks of.
const MAX_SENT: usize = 64;

/// A message of a flight, and what of it is known to have arrived.
#[derive(Debug)]
pub(crate) struct Outgoing {
    pub(crate) kind: HandshakeType,
    pub(crate) seq: u16,
    pub(crate) epoch: u64,
    pub(crate) body: Vec<u8>,
    /// What a plain record says in its header.
    pub(crate) record_version: u16,
    acked: Ranges,
    /// All of it has arrived.
    done: bool,
}

/// A piece of a flight.
#[derive(Debug)]
pub(crate) enum Item {
    Message(Outgoing),
    ChangeCipherSpec,
}

impl Item {
    pub(crate) fn message(kind: HandshakeType, seq: u16, epoch: u64, body: Vec<u8>) -> Self {
        let (record_version, acked) = (DTLS_1_2, Ranges::default());
        Self::Message(Outgoing { kind, seq, epoch, body, record_version, acked, done: false })
    }

    /// A hello that precedes the choice of a version. It goes out under the oldest one, as every
    /// client does it, so that no box on the way takes offence.
    pub(crate) fn first_hello(seq: u16, body: Vec<u8>) -> Self {
        let mut item = Self::message(HandshakeType::ClientHello, seq, PLAIN, body);
        if let Self::Message(message) = &mut item {
            message.record_version = DTLS_1_0;
        }
        item
    }

    fn epoch(&self) -> u64 {
        match self {
            Self::Message(message) => message.epoch,
            Self::ChangeCipherSpec => PLAIN,
        }
    }
}

/// A place in a flight: an item, and an offset in its body.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    item: usize,
    offset: usize,
}

/// A record that was sent, and which part of the flight it carried. Gaps in it were acknowledged
/// before.
#[derive(Debug)]
struct Sent {
    number: RecordNumber,
    carried: Range<Place>,
}

/// Messages that are sent together, and sent again together, as far as the peer has not
/// acknowledged them, until its next flight comes.
#[derive(Debug, Default)]
pub(crate) struct Flight {
    items: Vec<Item>,
    /// What is sent next.
    next: Place,
    sent: VecDeque<Sent>,
    /// How many records may still go out now.
    allowance: usize,
    burst: usize,
}

impl Flight {
    /// At most `burst` records go out at once.
    pub(crate) fn new(items: Vec<Item>, burst: usize) -> Self {
        Self { items, allowance: burst, burst, ..Self::default() }
    }

    /// Whether there is something left to send now.
    pub(crate) fn is_pending(&self) -> bool {
        self.allowance > 0 && self.piece(self.next).is_some()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Everything that did not arrive is to be sent again.
    pub(crate) fn rewind(&mut self) {
        (self.next, self.allowance) = (Place::default(), self.burst);
    }

    /// Nothing is left to be sent.
    pub(crate) fn clear(&mut self) {
        *self = Self { burst: self.burst, ..Self::default() };
    }

    /// Whether every message was acknowledged.
    pub(crate) fn is_done(&self) -> bool {
        self.piece(Place::default()).is_none()
    }

    /// The highest epoch of its messages.
    pub(crate) fn epoch(&self) -> u64 {
        self.items.iter().map(Item::epoch).max().unwrap_or(PLAIN)
    }

    /// The kind of its only message, if there is only one.
    pub(crate) fn only(&self) -> Option<HandshakeType> {
        match &self.items[..] {
            [Item::Message(message)] => Some(message.kind),
            [..] => None,
        }
    }

    /// The first piece from `place` on that did not arrive: its item, and the range of its body.
    fn piece(&self, place: Place) -> Option<(usize, Range<usize>)> {
        let mut offset = place.offset;
        for (index, item) in self.items.iter().enumerate().skip(place.item) {
            match item {
                Item::ChangeCipherSpec => return Some((index, 0..0)),
                Item::Message(message) if message.done => {}
                Item::Message(message) if message.body.is_empty() => return Some((index, 0..0)),
                Item::Message(message) => {
                    if let Some(gap) = message.acked.gap(offset, message.body.len()) {
                        return Some((index, gap));
                    }
                }
            }
            offset = 0;
        }
        None
    }

    /// Takes note of a record that arrived. Says whether that is news.
    pub(crate) fn acknowledge(&mut self, number: RecordNumber) -> bool {
        let Some(at) = self.sent.iter().position(|sent| sent.number == number) else {
            return false;
        };
        let Some(Sent { carried, .. }) = self.sent.remove(at) else { return false };
        for (index, item) in self.items.iter_mut().enumerate() {
            let Item::Message(message) = item else { continue };
            let len = message.body.len();
            let start = if index == carried.start.item { carried.start.offset } else { 0 };
            let end = if index == carried.end.item { carried.end.offset } else { len };
            if index < carried.start.item || index > carried.end.item {
                continue;
            }
            if start < end {
                message.acked.add(start..end);
            }
            message.done |= if len == 0 {
                index < carried.end.item
            } else {
                message.acked.gap(0, len).is_none()
            };
        }
        true
    }

    /// More may go out: something arrived.
    pub(crate) fn refill(&mut self) {
        self.allowance = self.burst;
    }

    /// Fills `buf` with as many records as fit and returns their length in bytes.
    pub(crate) fn write_datagram(&mut self, records: &mut RecordLayer, buf: &mut [u8]) -> usize {
        let mut filled = 0;
        while self.allowance > 0
            && let Some((item, range)) = self.piece(self.next)
        {
            let rest = buf.get_mut(filled..).unwrap_or_default();
            let start = Place { item, offset: range.start };
            let written = match self.items.get(item).map(Item::epoch) {
                Some(PLAIN) => self.write_plain(start, range, records, rest),
                Some(epoch) => self.write_protected(start, epoch, records, rest),
                None => None,
            };
            let Some(written) = written else { break };
            filled = filled.saturating_add(written.len);
            self.next = written.end;
            self.allowance = self.allowance.saturating_sub(1);
            self.remember(written.number, start..written.end);
        }
        filled
    }

    fn remember(&mut self, number: RecordNumber, carried: Range<Place>) {
        if self.sent.len() >= MAX_SENT {
            self.sent.pop_front();
        }
        self.sent.push_back(Sent { number, carried });
    }

    /// One record with one fragment: some peers take no more in epoch 0.
    fn write_plain(
        &self,
        start: Place,
        range: Range<usize>,
        records: &mut RecordLayer,
        buf: &mut [u8],
    ) -> Option<Written> {
        let room = records.room(PLAIN);
        let item = self.items.get(start.item)?;
        let Item::Message(message) = item else {
            let len = room.before.saturating_add(1);
            let record = buf.get_mut(..len)?;
            *record.last_mut()? = 1;
            let kind = ContentType::ChangeCipherSpec;
            let sequence = records.write(kind, DTLS_1_2, PLAIN, record)?;
            let end = Place { item: start.item.saturating_add(1), offset: 0 };
            return Some(Written { len, end, number: RecordNumber { epoch: PLAIN, sequence } });
        };
        let space = buf.get_mut(room.before..)?;
        let limit = space.len().min(records.send_limit);
        let (used, end) = put_fragment(message, start, range, space.get_mut(..limit)?)?;
        let len = room.before.saturating_add(used);
        let record = buf.get_mut(..len)?;
        let version = message.record_version;
        let sequence = records.write(ContentType::Handshake, version, PLAIN, record)?;
        Some(Written { len, end, number: RecordNumber { epoch: PLAIN, sequence } })
    }

    /// One record with as many fragments of the same epoch as fit.
    fn write_protected(
        &self,
        start: Place,
        epoch: u64,
        records: &mut RecordLayer,
        buf: &mut [u8],
    ) -> Option<Written> {
        let room = records.room(epoch);
        let around = room.before.saturating_add(room.after);
        let limit = buf.len().checked_sub(around)?.min(records.send_limit);
        let (mut used, mut place) = (0, start);
        while let Some((index, range)) = self.piece(place) {
            let Some(Item::Message(message)) = self.items.get(index) else { break };
            let from = room.before.saturating_add(used);
            let space = buf.get_mut(from..room.before.saturating_add(limit)).unwrap_or_default();
            let at = Place { item: index, offset: range.start };
            let fits = message.epoch == epoch;
            let put = fits.then(|| put_fragment(message, at, range, space)).flatten();
            let Some((len, end)) = put else { break };
            (used, place) = (used.saturating_add(len), end);
        }
        if used == 0 {
            return None;
        }
        let len = around.saturating_add(used);
        let record = buf.get_mut(..len)?;
        let sequence = records.write(ContentType::Handshake, DTLS_1_2, epoch, record)?;
        Some(Written { len, end: place, number: RecordNumber { epoch, sequence } })
    }
}

/// A record that was written.
struct Written {
    /// Bytes of the record.
    len: usize,
    end: Place,
    number: RecordNumber,
}

/// Puts a fragment with as much of `range` as fits to the front of `space`. Says how long it is
/// and where the next one starts; `None` when nothing fits.
fn put_fragment(
    message: &Outgoing,
    start: Place,
    range: Range<usize>,
    space: &mut [u8],
) -> Option<(usize, Place)> {
    let (front, rest) = space.split_first_chunk_mut::<HEADER_LEN>()?;
    let fragment_len = range.len().min(rest.len());
    if fragment_len == 0 && !range.is_empty() {
        return None;
    }
    let end = range.start.saturating_add(fragment_len);
    let header = FragmentHeader {
        kind: message.kind,
        len: message.body.len(),
        message_seq: message.seq,
        offset: range.start,
        fragment_len,
    };
    *front = header.to_bytes();
    rest.get_mut(..fragment_len)?.copy_from_slice(message.body.get(range.start..end)?);
    let next = if end == message.body.len() {
        Place { item: start.item.saturating_add(1), offset: 0 }
    } else {
        Place { item: start.item, offset: end }
    };
    Some((HEADER_LEN.saturating_add(fragment_len), next))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::handshake::reassembly::{Inserted, Reassembly};
    use crate::record::Incoming;
    use crate::wire::cursor::Reader;

    fn flight() -> Flight {
        let message = |seq, len| {
            let body = (0..=250).cycle().take(len).collect();
            Item::message(HandshakeType::Certificate, seq, 0, body)
        };
        let items = vec![message(0, 700), Item::ChangeCipherSpec, message(1, 0), message(2, 90)];
        Flight::new(items, usize::MAX)
    }

    /// A record's number, and its fragment if it has one.
    type Found = (u64, Option<(FragmentHeader, Vec<u8>)>);

    /// Sends everything that is pending; returns each record's number and its fragment.
    fn send(flight: &mut Flight, records: &mut RecordLayer, mtu: usize) -> Vec<Found> {
        let (mut all, mut buf) = (Vec::new(), vec![0; mtu]);
        while flight.is_pending() {
            let len = flight.write_datagram(records, &mut buf);
            assert!((1..=mtu).contains(&len));
            let mut rest = &buf[..len];
            while !rest.is_empty() {
                let framed = records.frame(rest);
                let Ok(Incoming::Classic { header, kind }) = framed.incoming else { panic!() };
                let fragment = (kind == ContentType::Handshake).then(|| {
                    let mut reader = Reader::new(&rest[13..framed.len.unwrap()]);
                    let header = FragmentHeader::read(&mut reader).unwrap();
                    (header, reader.remaining().to_vec())
                });
                all.push((header.sequence, fragment));
                rest = &rest[framed.len.unwrap()..];
            }
        }
        all
    }

    #[test]
    fn every_datagram_size_carries_the_whole_flight() {
        for mtu in [64, 65, 100, 128, 256, 600, 1200] {
            let (mut flight, mut records) = (flight(), RecordLayer::new());
            let mut reassembly = Reassembly::new(10_000);
            let sent = send(&mut flight, &mut records, mtu);
            for (index, (sequence, fragment)) in sent.into_iter().enumerate() {
                assert_eq!(sequence, index as u64);
                if let Some((header, bytes)) = fragment {
                    assert_eq!(reassembly.insert(header, &bytes), Inserted::Kept);
                }
            }
            let lengths: Vec<_> =
                std::iter::from_fn(|| reassembly.pop()).map(|message| message.body.len()).collect();
            assert_eq!(lengths, [700, 0, 90]);
        }
    }

    #[test]
    fn small_messages_share_a_datagram() {
        let (mut flight, mut records) = (flight(), RecordLayer::new());
        let mut buf = [0; 1200];
        let len = flight.write_datagram(&mut records, &mut buf);
        assert_eq!(len, (25 + 700) + 14 + 25 + (25 + 90));
        assert!(!flight.is_pending());
    }

    //= rfc9147#7.2
    //= type=test
    #[test]
    fn only_what_was_not_acknowledged_is_sent_again() {
        let message = |seq, len| Item::message(HandshakeType::Certificate, seq, 0, vec![7; len]);
        let mut flight = Flight::new(vec![message(0, 300), message(1, 50)], usize::MAX);
        let mut records = RecordLayer::new();
        let offsets = |sent: &[Found]| -> Vec<_> {
            let fragments = sent.iter().filter_map(|(_, fragment)| fragment.as_ref());
            fragments
                .map(|(header, bytes)| (header.message_seq, header.offset, bytes.len()))
                .collect()
        };
        let sent = send(&mut flight, &mut records, 125);
        assert_eq!(offsets(&sent), [(0, 0, 100), (0, 100, 100), (0, 200, 100), (1, 0, 50)]);
        let number = |sequence| RecordNumber { epoch: 0, sequence };
        assert!(flight.acknowledge(number(1)));
        assert!(!flight.acknowledge(number(1)), "it is known");
        assert!(!flight.acknowledge(number(99)), "it was never sent");
        flight.rewind();
        // A longer datagram is possible now; what arrived stays out all the same.
        let again = send(&mut flight, &mut records, 1200);
        assert_eq!(offsets(&again), [(0, 0, 100), (0, 200, 100), (1, 0, 50)]);
        // Records of the first transmission count as well as those of the second.
        assert!(flight.acknowledge(number(0)) && flight.acknowledge(number(5)));
        assert!(!flight.is_done());
        assert!(flight.acknowledge(number(3)));
        assert!(flight.is_done());
        flight.rewind();
        assert!(!flight.is_pending());
    }

    //= rfc9147#5.8.3
    //= type=test
    #[test]
    fn a_long_flight_goes_out_in_parts() {
        let message = Item::message(HandshakeType::Certificate, 0, 0, vec![7; 2000]);
        let mut flight = Flight::new(vec![message], 10);
        let mut records = RecordLayer::new();
        assert_eq!(send(&mut flight, &mut records, 125).len(), 10);
        assert!(flight.acknowledge(RecordNumber { epoch: 0, sequence: 9 }));
        flight.refill();
        let rest = send(&mut flight, &mut records, 125);
        assert_eq!(rest[0].1.as_ref().unwrap().0.offset, 1000);
        assert_eq!(rest.len(), 10);
    }

    // attack: transmissions without end
    #[test]
    fn records_are_remembered_within_bounds() {
        let (mut flight, mut records) = (flight(), RecordLayer::new());
        for _ in 0..100 {
            flight.rewind();
            send(&mut flight, &mut records, 200);
        }
        assert_eq!(flight.sent.len(), MAX_SENT);
        assert!(!flight.acknowledge(RecordNumber { epoch: 0, sequence: 0 }), "forgotten");
    }
}
