use crate::record::RecordLayer;
use crate::wire::handshake::{FragmentHeader, HEADER_LEN, HandshakeType};
use crate::wire::record::ContentType;
use crate::wire::{DTLS_1_0, DTLS_1_2};

/// A fragment shorter than this is not worth a record of its own; it goes into the next datagram.
const MIN_FRAGMENT: usize = 32;

/// A piece of a flight.
#[derive(Debug)]
pub(crate) enum Item {
    Message { kind: HandshakeType, seq: u16, epoch: u16, body: Vec<u8> },
    ChangeCipherSpec,
}

/// Messages that are sent together, and sent again together, until the peer's next flight comes.
#[derive(Debug, Default)]
pub(crate) struct Flight {
    items: Vec<Item>,
    /// What is sent next: an item, and an offset in its body.
    item: usize,
    offset: usize,
}

impl Flight {
    pub(crate) fn new(items: Vec<Item>) -> Self {
        Self { items, item: 0, offset: 0 }
    }

    /// Whether there is something left to send.
    pub(crate) fn is_pending(&self) -> bool {
        self.item < self.items.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Everything is to be sent again.
    pub(crate) fn rewind(&mut self) {
        (self.item, self.offset) = (0, 0);
    }

    /// Fills `buf` with as many records as fit and returns their length in bytes.
    pub(crate) fn write_datagram(&mut self, records: &mut RecordLayer, buf: &mut [u8]) -> usize {
        let mut filled = 0;
        while let Some(item) = self.items.get(self.item) {
            let rest = buf.get_mut(filled..).unwrap_or_default();
            let Some(piece) = write_item(item, self.offset, filled == 0, records, rest) else {
                break;
            };
            filled = filled.saturating_add(piece.len);
            if piece.is_last {
                (self.item, self.offset) = (self.item.saturating_add(1), 0);
            } else {
                self.offset = self.offset.saturating_add(piece.carried);
            }
        }
        filled
    }
}

/// A record that was written.
struct Piece {
    /// Bytes of the record.
    len: usize,
    /// Bytes of the message in it.
    carried: usize,
    /// Whether it ends the item.
    is_last: bool,
}

fn write_item(
    item: &Item,
    offset: usize,
    is_first: bool,
    records: &mut RecordLayer,
    buf: &mut [u8],
) -> Option<Piece> {
    match item {
        Item::ChangeCipherSpec => {
            let len = RecordLayer::overhead(0).saturating_add(1);
            let record = buf.get_mut(..len)?;
            *record.last_mut()? = 1;
            records.write(ContentType::ChangeCipherSpec, DTLS_1_2, 0, record)?;
            Some(Piece { len, carried: 0, is_last: true })
        }
        Item::Message { kind, seq, epoch, body } => {
            let overhead = RecordLayer::overhead(*epoch).saturating_add(HEADER_LEN);
            let left = body.get(offset..)?;
            let room = buf.len().checked_sub(overhead)?;
            if left.len() > room && (room == 0 || (room < MIN_FRAGMENT && !is_first)) {
                return None;
            }
            let fragment = left.get(..left.len().min(room))?;
            let header = FragmentHeader {
                kind: *kind,
                len: body.len(),
                message_seq: *seq,
                offset,
                fragment_len: fragment.len(),
            };
            let len = overhead.saturating_add(fragment.len());
            let record = buf.get_mut(..len)?;
            let payload = record.get_mut(RecordLayer::before(*epoch)..)?;
            let (front, rest) = payload.split_first_chunk_mut::<HEADER_LEN>()?;
            *front = header.to_bytes();
            rest.get_mut(..fragment.len())?.copy_from_slice(fragment);
            records.write(ContentType::Handshake, record_version(*kind), *epoch, record)?;
            Some(Piece { len, carried: fragment.len(), is_last: fragment.len() == left.len() })
        }
    }
}

/// A hello that precedes the choice of a version goes out under the oldest one, as every client
/// does it, so that no box on the way takes offence.
fn record_version(kind: HandshakeType) -> u16 {
    if kind == HandshakeType::ClientHello { DTLS_1_0 } else { DTLS_1_2 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::handshake::reassembly::Reassembly;
    use crate::wire::cursor::Reader;

    fn flight() -> Flight {
        let message = |seq, len| Item::Message {
            kind: HandshakeType::Certificate,
            seq,
            epoch: 0,
            body: (0..=250).cycle().take(len).collect(),
        };
        Flight::new(vec![message(0, 700), Item::ChangeCipherSpec, message(1, 0), message(2, 90)])
    }

    #[test]
    fn every_datagram_size_carries_the_whole_flight() {
        for mtu in [64, 65, 100, 128, 256, 600, 1200] {
            let (mut flight, mut records) = (flight(), RecordLayer::new());
            let mut reassembly = Reassembly::new(10_000);
            let mut sequence = 0;
            let mut buf = vec![0; mtu];
            while flight.is_pending() {
                let len = flight.write_datagram(&mut records, &mut buf);
                assert!((1..=mtu).contains(&len));
                let mut rest = &buf[..len];
                while let (Ok(record), Some(len)) = RecordLayer::frame(rest) {
                    assert_eq!(record.header.sequence, sequence);
                    sequence += 1;
                    if record.kind == ContentType::Handshake {
                        let mut reader = Reader::new(&rest[13..len]);
                        let header = FragmentHeader::read(&mut reader).unwrap();
                        assert!(reassembly.insert(header, reader.remaining()));
                    }
                    rest = &rest[len..];
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
}
