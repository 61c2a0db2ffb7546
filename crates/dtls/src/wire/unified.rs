//! The record header of DTLS 1.3 ([RFC 9147 section 4]).
//!
//! [RFC 9147 section 4]: https://www.rfc-editor.org/rfc/rfc9147#section-4

use crate::wire::cursor::{ParseError, Reader};

/// What the first three bits of the header are.
const FIXED: u8 = 0b0010_0000;

/// A connection id is there.
const CID: u8 = 0b0001_0000;

/// The sequence number has 16 bits.
const LONG: u8 = 0b0000_1000;

/// The length is there.
const LENGTH: u8 = 0b0000_0100;

/// The epoch's low bits.
const EPOCH: u8 = 0b0000_0011;

/// Bytes of the header that we write, without a connection id.
pub(crate) const WRITTEN_LEN: usize = 5;

/// A header that was found.
///
/// ```text
///  0 1 2 3 4 5 6 7
/// +-+-+-+-+-+-+-+-+-------------------+-----------------------+----------------+
/// |0|0|1|C|S|L|E E| connection id if C | sequence, 2 if S or 1 | length, 2 if L |
/// +-+-+-+-+-+-+-+-+-------------------+-----------------------+----------------+
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct UnifiedHeader {
    /// The two low bits of the epoch.
    pub(crate) epoch_bits: u8,
    /// Where the sequence number lies, still hidden.
    pub(crate) sequence_at: usize,
    /// Bytes of the sequence number: 1 or 2.
    pub(crate) sequence_len: usize,
    /// Bytes of the header.
    pub(crate) len: usize,
    /// Bytes of the payload that follows.
    pub(crate) payload_len: usize,
}

impl UnifiedHeader {
    /// Whether a datagram with this first byte starts with such a header.
    pub(crate) const fn starts(first: u8) -> bool {
        first & 0b1110_0000 == FIXED
    }

    /// Reads the header. Records with a connection id carry `cid`, ours; without one of ours
    /// there is none.
    pub(crate) fn parse(bytes: &[u8], cid: &[u8]) -> Result<Self, ParseError> {
        let mut reader = Reader::new(bytes);
        let first = reader.u8()?;
        let mut sequence_at = 1;
        //= rfc9147#4
        // A record must name the id that was agreed on, and only that.
        let named = first & CID != 0;
        if named == cid.is_empty() || (named && reader.take(cid.len())? != cid) {
            return Err(ParseError::ConnectionId);
        }
        if named {
            sequence_at = cid.len().saturating_add(1);
        }
        let sequence_len = if first & LONG != 0 { 2 } else { 1 };
        reader.take(sequence_len)?;
        let mut len = sequence_at.saturating_add(sequence_len);
        let payload_len = if first & LENGTH != 0 {
            len = len.saturating_add(2);
            usize::from(reader.u16()?)
        } else {
            reader.remaining().len()
        };
        Ok(Self { epoch_bits: first & EPOCH, sequence_at, sequence_len, len, payload_len })
    }
}

/// Writes a header with 16 bits of `sequence` and a length to the front of `record`; says how long
/// it is. `None` when it does not fit.
pub(crate) fn write(
    record: &mut [u8],
    epoch: u64,
    cid: &[u8],
    sequence: u64,
    payload_len: usize,
) -> Option<usize> {
    let [.., epoch_low] = epoch.to_be_bytes();
    let [.., high, low] = sequence.to_be_bytes();
    let [len_high, len_low] = u16::try_from(payload_len).ok()?.to_be_bytes();
    let named = if cid.is_empty() { 0 } else { CID };
    let first = FIXED | named | LONG | LENGTH | (epoch_low & EPOCH);
    let len = WRITTEN_LEN.checked_add(cid.len())?;
    let header = record.get_mut(..len)?;
    let (start, rest) = header.split_first_mut()?;
    *start = first;
    let (id, numbers) = rest.split_at_mut_checked(cid.len())?;
    id.copy_from_slice(cid);
    *numbers.first_chunk_mut::<4>()? = [high, low, len_high, len_low];
    Some(len)
}

/// The sequence number whose low `bits` are `low`, closest to `expected`, the next one to come.
pub(crate) fn reconstruct(expected: u64, low: u64, bits: u32) -> u64 {
    //= rfc9147#4.2.2
    // Of all numbers with these low bits the one closest to the next number.
    let span = 1u64 << bits;
    let candidate = (expected & !(span.wrapping_sub(1))) | low;
    let half = span / 2;
    if candidate > expected.saturating_add(half) && candidate >= span {
        candidate.wrapping_sub(span)
    } else if candidate.saturating_add(half) < expected {
        candidate.saturating_add(span)
    } else {
        candidate
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_the_header_is_read() {
        let minimal = UnifiedHeader::parse(&[0x23, 9, 1, 2, 3], &[]).unwrap();
        assert_eq!((minimal.epoch_bits, minimal.len, minimal.payload_len), (3, 2, 3));
        let full = UnifiedHeader::parse(&[0x3e, 7, 7, 0, 9, 0, 1, 0xaa], &[7, 7]).unwrap();
        assert_eq!(
            full,
            UnifiedHeader {
                epoch_bits: 2,
                sequence_at: 3,
                sequence_len: 2,
                len: 7,
                payload_len: 1
            }
        );
        assert_eq!(UnifiedHeader::parse(&[0x33, 7, 9], &[8]), Err(ParseError::ConnectionId));
        assert_eq!(UnifiedHeader::parse(&[0x33, 7, 9], &[]), Err(ParseError::ConnectionId));
        assert_eq!(UnifiedHeader::parse(&[0x23, 7, 9], &[8]), Err(ParseError::ConnectionId));
        assert!(UnifiedHeader::parse(&[0x2c, 1], &[]).is_err());
    }

    #[test]
    fn what_is_written_is_read_back() {
        let mut record = [0; 20];
        for cid in [&[][..], &[1, 2, 3]] {
            let len = write(&mut record, 6, cid, 0x1_2345, 9).unwrap();
            let header = UnifiedHeader::parse(&record, cid).unwrap();
            assert_eq!((header.len, header.payload_len, header.epoch_bits), (len, 9, 2));
            assert_eq!(record[header.sequence_at..][..2], [0x23, 0x45]);
        }
    }

    #[test]
    fn sequence_numbers_are_the_closest_to_the_next() {
        for (expected, low, bits, number) in [
            (0, 0, 8, 0),
            (0, 255, 8, 255),
            (300, 43, 8, 299),
            (300, 45, 8, 301),
            (255, 0, 8, 256),
            (256, 255, 8, 255),
            (0x1_0000, 0xffff, 16, 0xffff),
            (0x1_7fff, 0, 16, 0x1_0000),
            (0x1_8001, 0, 16, 0x2_0000),
            ((1 << 48) - 1, 0xff, 8, (1 << 48) - 1),
        ] {
            assert_eq!(reconstruct(expected, low, bits), number, "{expected} {low} {bits}");
        }
    }
}
