//! The original header block: what a media distributor changed, at the end of the payload
//! ([RFC 8723] section 4).
//!
//! ```text
//! | [ payload type ] | [ sequence number, 2 bytes ] | 0 0 0 0 B M P Q |
//! ```
//!
//! [RFC 8723]: https://www.rfc-editor.org/rfc/rfc8723#section-4

#![warn(clippy::arithmetic_side_effects)]

use crate::HeaderError;
use crate::header::RtpHeader;

/// Bit B: the marker's original value.
const MARKER: u8 = 0x08;
/// Bit M: the marker was changed.
const HAS_MARKER: u8 = 0x04;
/// Bit P: the payload type was changed.
const HAS_PAYLOAD_TYPE: u8 = 0x02;
/// Bit Q: the sequence number was changed.
const HAS_SEQUENCE_NUMBER: u8 = 0x01;

/// Bytes of the longest block.
const MAX_LEN: usize = 4;

/// Original values of the fields that were changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct HeaderBlock {
    pub(super) payload_type: Option<u8>,
    pub(super) sequence_number: Option<u16>,
    pub(super) marker: Option<bool>,
}

impl HeaderBlock {
    /// Reads the block at the end of `payload`, and says how many bytes it takes.
    pub(super) fn parse(payload: &[u8]) -> Option<(Self, usize)> {
        let (&config, rest) = payload.split_last()?;
        let mut block = Self::default();
        //= rfc8723#4
        // Reserved bits are zero, and so is the marker's value where there is none.
        if config & 0xf0 != 0 || config & (MARKER | HAS_MARKER) == MARKER {
            return None;
        }
        if config & HAS_MARKER != 0 {
            block.marker = Some(config & MARKER != 0);
        }
        let rest = if config & HAS_SEQUENCE_NUMBER == 0 {
            rest
        } else {
            let (rest, sequence_number) = rest.split_last_chunk()?;
            block.sequence_number = Some(u16::from_be_bytes(*sequence_number));
            rest
        };
        let rest = if config & HAS_PAYLOAD_TYPE == 0 {
            rest
        } else {
            let (&payload_type, rest) = rest.split_last()?;
            if payload_type > 0x7f {
                return None;
            }
            block.payload_type = Some(payload_type);
            rest
        };
        Some((block, payload.len().saturating_sub(rest.len())))
    }

    /// The block's bytes, and how many they are.
    fn write(&self) -> ([u8; MAX_LEN], usize) {
        let (mut bytes, mut config, mut len) = ([0; MAX_LEN], 0, 0usize);
        let mut put = |more: &[u8]| {
            for (to, from) in bytes.iter_mut().skip(len).zip(more) {
                *to = *from;
            }
            len = len.saturating_add(more.len());
        };
        if let Some(payload_type) = self.payload_type {
            put(&[payload_type]);
            config |= HAS_PAYLOAD_TYPE;
        }
        if let Some(sequence_number) = self.sequence_number {
            put(&sequence_number.to_be_bytes());
            config |= HAS_SEQUENCE_NUMBER;
        }
        if let Some(marker) = self.marker {
            config |= if marker { HAS_MARKER | MARKER } else { HAS_MARKER };
        }
        put(&[config]);
        (bytes, len)
    }
}

/// What a media distributor changes in a packet's header; `None` leaves a field as it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// The payload type, 0 to 127.
    pub payload_type: Option<u8>,
    /// The sequence number.
    pub sequence_number: Option<u16>,
    /// The marker.
    pub marker: Option<bool>,
}

/// Why a packet was not rewritten. It is unchanged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RewriteError {
    /// This is not RTP.
    #[error("malformed header: {0}")]
    Header(#[from] HeaderError),
    /// There is no original header block at the packet's end.
    #[error("no original header block")]
    NoHeaderBlock,
    /// A payload type of more than 7 bits.
    #[error("payload type {0} has more than 7 bits")]
    PayloadType(u8),
    /// The buffer has no room for the block; it grows by 3 bytes at most.
    #[error("buffer of {len} bytes, {need} are needed")]
    BufferTooSmall {
        /// Bytes of the packet with its block.
        need: usize,
        /// Bytes of the buffer.
        len: usize,
    },
}

/// Changes the header of `packet[..len]`, a packet of which the outer encryption has been taken
/// off, and keeps the original values in its block. Returns the new length.
///
/// The header's extension may be changed at will besides. The packet must be encrypted again with
/// a key of its own for each receiver, never with the key that it came with ([RFC 8723] section
/// 5.2). Packets in repair mode have no block: they are not for this function.
///
/// # Errors
///
/// See [`RewriteError`].
///
/// [RFC 8723]: https://www.rfc-editor.org/rfc/rfc8723#section-5.2
pub fn rewrite(packet: &mut [u8], len: usize, changes: Changes) -> Result<usize, RewriteError> {
    let have = packet.len();
    let body = packet.get(..len).ok_or(RewriteError::BufferTooSmall { need: len, len: have })?;
    let header = RtpHeader::parse(body)?;
    let payload = body.get(header.len..).unwrap_or_default();
    let (mut block, block_len) = HeaderBlock::parse(payload).ok_or(RewriteError::NoHeaderBlock)?;
    if let Some(wide) = changes.payload_type.filter(|payload_type| *payload_type > 0x7f) {
        return Err(RewriteError::PayloadType(wide));
    }
    let second = body.get(1).copied().unwrap_or(0);
    let (old_marker, old_type) = (second & 0x80 != 0, second & 0x7f);
    let (marker, payload_type) =
        (changes.marker.unwrap_or(old_marker), changes.payload_type.unwrap_or(old_type));
    let sequence_number = changes.sequence_number.unwrap_or(header.sequence_number);
    //= rfc8723#5.2
    // The first to change a field keeps its value; who changes it back takes that away again.
    block.marker = original(block.marker, old_marker, marker);
    block.payload_type = original(block.payload_type, old_type, payload_type);
    block.sequence_number =
        original(block.sequence_number, header.sequence_number, sequence_number);
    let (bytes, new_len) = block.write();
    let at = len.saturating_sub(block_len);
    let need = at.saturating_add(new_len);
    let too_small = RewriteError::BufferTooSmall { need, len: have };
    let to = packet.get_mut(at..need).ok_or(too_small)?;
    to.copy_from_slice(bytes.get(..new_len).unwrap_or_default());
    if let Some([second, high, low]) = packet.get_mut(1..4) {
        *second = payload_type | if marker { 0x80 } else { 0 };
        [*high, *low] = sequence_number.to_be_bytes();
    }
    Ok(need)
}

/// The value that the block keeps for a field that had `kept` there, was `old` and becomes `new`.
fn original<T: PartialEq + Copy>(kept: Option<T>, old: T, new: T) -> Option<T> {
    let first = kept.unwrap_or(old);
    (first != new).then_some(first)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn packet(payload: &[u8]) -> Vec<u8> {
        [&[0x80, 0x60, 0, 7, 0, 0, 0, 2, 0, 0, 0, 3][..], payload].concat()
    }

    //= rfc8723#4
    //= type=test
    #[test]
    fn blocks_that_break_the_rules_are_none() {
        for (bytes, block) in [
            (&[][..], None),
            (&[0x10], None),
            (&[0x80], None),
            (&[MARKER], None),
            (&[1, HAS_SEQUENCE_NUMBER], None),
            (&[HAS_PAYLOAD_TYPE], None),
            (&[0x80, HAS_PAYLOAD_TYPE], None),
            (&[9, 9, 0], Some((HeaderBlock::default(), 1))),
            (
                &[0, 96, 1, 2, 0x0f],
                Some((
                    HeaderBlock {
                        payload_type: Some(96),
                        sequence_number: Some(0x0102),
                        marker: Some(true),
                    },
                    4,
                )),
            ),
        ] {
            assert_eq!(HeaderBlock::parse(bytes), block, "{bytes:?}");
        }
    }

    //= rfc8723#5.2
    //= type=test
    #[test]
    fn the_first_to_change_a_field_keeps_its_value() {
        let mut buf = [&packet(b"text\0")[..], &[0; 4]].concat();
        let change = |payload_type, sequence_number, marker| Changes {
            payload_type,
            sequence_number,
            marker,
        };
        let len = rewrite(&mut buf, 17, change(None, Some(500), None)).unwrap();
        assert_eq!(buf[12..len], *b"text\x00\x07\x01");
        let len = rewrite(&mut buf, len, change(Some(97), Some(501), Some(true))).unwrap();
        assert_eq!(buf[12..len], *b"text\x60\x00\x07\x07");
        assert_eq!(buf[1..4], [0x80 | 97, 1, 0xf5]);
        // Changed back, it needs no place any more.
        let len = rewrite(&mut buf, len, change(Some(96), Some(7), Some(false))).unwrap();
        assert_eq!(buf[..len], packet(b"text\0"));
    }

    #[test]
    fn what_cannot_be_rewritten_is_unchanged() {
        let change = Changes { sequence_number: Some(9), ..Changes::default() };
        let mut buf = packet(b"text\0");
        let before = buf.clone();
        let too_small = RewriteError::BufferTooSmall { need: 19, len: 17 };
        assert_eq!(rewrite(&mut buf, 17, change), Err(too_small));
        assert!(rewrite(&mut buf, 99, change).is_err());
        assert_eq!(rewrite(&mut buf, 12, change), Err(RewriteError::NoHeaderBlock));
        let wide = Changes { payload_type: Some(200), ..change };
        assert_eq!(rewrite(&mut buf, 17, wide), Err(RewriteError::PayloadType(200)));
        assert_eq!(buf, before);
        assert!(matches!(rewrite(&mut [0; 20], 20, change), Err(RewriteError::Header(_))));
    }

    proptest! {
        #[test]
        fn a_block_reads_back_as_it_was_written(
            payload_type in prop::option::of(0u8..128),
            sequence_number in prop::option::of(any::<u16>()),
            marker in prop::option::of(any::<bool>()),
            before in prop::collection::vec(any::<u8>(), 0..5),
        ) {
            let block = HeaderBlock { payload_type, sequence_number, marker };
            let (bytes, len) = block.write();
            let payload = [&before[..], &bytes[..len]].concat();
            prop_assert_eq!(HeaderBlock::parse(&payload), Some((block, len)));
        }

        #[test]
        fn any_bytes_are_a_block_or_none(bytes in prop::collection::vec(any::<u8>(), 0..6)) {
            if let Some((_, len)) = HeaderBlock::parse(&bytes) {
                prop_assert!((1..=4).contains(&len) && len <= bytes.len());
            }
        }
    }
}
