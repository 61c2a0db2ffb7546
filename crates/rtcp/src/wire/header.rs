use crate::error::ParseError;

pub(crate) const HEADER_LEN: usize = 4;
const VERSION: u8 = 2;

/// Packet types, and formats of feedback.
pub(crate) mod kind {
    pub(crate) const SR: u8 = 200;
    pub(crate) const RR: u8 = 201;
    pub(crate) const SDES: u8 = 202;
    pub(crate) const BYE: u8 = 203;
    pub(crate) const RTPFB: u8 = 205;
    pub(crate) const PSFB: u8 = 206;
    pub(crate) const NACK: u8 = 1;
    pub(crate) const PLI: u8 = 1;
    pub(crate) const FIR: u8 = 4;
}

/// The four bytes that all packets start with.
///
/// ```text
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |V=2|P|  count  |  packet type  |   length in words, minus one  |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) padded: bool,
    /// Of blocks, chunks or sources; or the format of feedback.
    pub(crate) count: u8,
    pub(crate) packet_type: u8,
    words: u16,
}

impl Header {
    fn read([first, packet_type, high, low]: [u8; HEADER_LEN]) -> Result<Self, ParseError> {
        //= rfc3550#A.2
        // Each packet says version 2.
        if first >> 6 != VERSION {
            return Err(ParseError::Version(first >> 6));
        }
        let words = u16::from_be_bytes([high, low]);
        Ok(Self { padded: first & 0x20 != 0, count: first & 0x1f, packet_type, words })
    }

    /// Reads the first header of a datagram; the packet is all there.
    pub(crate) fn first(bytes: &[u8]) -> Result<Self, ParseError> {
        let have = bytes.len();
        let Some(head) = bytes.first_chunk() else {
            return Err(ParseError::Truncated { need: HEADER_LEN, have });
        };
        let header = Self::read(*head)?;
        if have < header.len() {
            return Err(ParseError::Truncated { need: header.len(), have });
        }
        Ok(header)
    }

    /// Reads the next header, if its packet is all there.
    pub(crate) fn next(bytes: &[u8]) -> Option<Self> {
        Self::first(bytes).ok()
    }

    /// Of the whole packet in bytes.
    pub(crate) fn len(&self) -> usize {
        usize::from(self.words).saturating_add(1).saturating_mul(4)
    }

    /// What is left of the body without padding; `None` if the padding is impossible.
    pub(crate) fn without_padding<'a>(&self, body: &'a [u8]) -> Option<&'a [u8]> {
        if !self.padded {
            return Some(body);
        }
        //= rfc3550#6.4.1
        // The padding counts itself and is a multiple of four.
        let count = usize::from(*body.last()?);
        if count == 0 || !count.is_multiple_of(4) {
            return None;
        }
        body.get(..body.len().checked_sub(count)?)
    }
}

/// A packet that this crate does not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Other<'a> {
    /// Its packet type.
    pub packet_type: u8,
    /// The five bits of count or format.
    pub format: u8,
    /// What follows the first four bytes, without padding.
    pub body: &'a [u8],
}

/// A packet that contradicts itself; it is passed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed {
    /// Its packet type.
    pub packet_type: u8,
    /// Its length in bytes.
    pub len: usize,
}

/// Takes a big-endian number from the front.
pub(super) fn split_u32(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let (number, rest) = bytes.split_first_chunk::<4>()?;
    Some((u32::from_be_bytes(*number), rest))
}
