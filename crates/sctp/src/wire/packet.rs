use crate::InputError;

use super::bytes_at::{Fields, len16, u16_at, u32_at};
use super::chunk::{Chunk, Chunks, kind};

/// Bytes of the common header.
pub(crate) const PACKET_HEADER: usize = 12;

/// The common header ([RFC 9260 section 3.1]).
///
/// ```text
///  0                   1                   2                   3
/// +-------------------------------+-------------------------------+
/// |          source port          |       destination port        |
/// +-------------------------------+-------------------------------+
/// |                       verification tag                        |
/// +---------------------------------------------------------------+
/// |              CRC32c, least significant byte first             |
/// +---------------------------------------------------------------+
/// ```
///
/// [RFC 9260 section 3.1]: https://www.rfc-editor.org/rfc/rfc9260#section-3.1
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) source_port: u16,
    pub(crate) destination_port: u16,
    pub(crate) tag: u32,
}

/// A packet whose checksum is right and whose first chunk header is sound.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PacketView<'a> {
    pub(crate) header: Header,
    chunks: &'a [u8],
}

impl<'a> PacketView<'a> {
    /// Checks length, checksum and the first chunk's header.
    #[cfg(test)]
    pub(crate) fn parse(packet: &'a [u8]) -> Result<Self, InputError> {
        Self::parse_with(packet, false)
    }

    /// Checks length, checksum and the first chunk's header. With `zero_checksum`, which we have
    /// announced then, a packet without a checksum is as good (RFC 9653).
    pub(crate) fn parse_with(packet: &'a [u8], zero_checksum: bool) -> Result<Self, InputError> {
        let Some((header, chunks)) = packet.split_first_chunk::<PACKET_HEADER>() else {
            return Err(InputError::Truncated { have: packet.len() });
        };
        if chunks.len() < 4 {
            return Err(InputError::Truncated { have: packet.len() });
        }
        //= rfc9260#6.8
        // A packet whose checksum does not match is dropped.
        let sum = *header.last_chunk::<4>().unwrap_or(&[0; 4]);
        //= rfc9653#5.3
        // A checksum of zero is right where we have asked for it; INIT and COOKIE ECHO never come
        // without one.
        let first = chunks.first().copied().unwrap_or(kind::INIT);
        let bare =
            zero_checksum && sum == [0; 4] && !matches!(first, kind::INIT | kind::COOKIE_ECHO);
        if !bare && checksum(header, chunks).to_le_bytes() != sum {
            return Err(InputError::Checksum);
        }
        let view = Self {
            header: Header {
                source_port: u16_at(header, 0),
                destination_port: u16_at(header, 2),
                tag: u32_at(header, 4),
            },
            chunks,
        };
        match view.chunks().next() {
            Some(_) => Ok(view),
            None => Err(InputError::MalformedChunk),
        }
    }

    /// The only chunk of `bytes`, which have no common header.
    pub(crate) fn lone_chunk(bytes: &'a [u8]) -> Option<Chunk<'a>> {
        let mut chunks = Chunks::over(bytes);
        let chunk = chunks.next().map(Chunk::parse)?;
        chunks.next().is_none().then_some(chunk)
    }

    /// The type of the first chunk.
    pub(crate) fn first_kind(&self) -> u8 {
        self.chunks.first().copied().unwrap_or(kind::DATA)
    }

    /// Whether a second chunk follows the first.
    pub(crate) fn has_more_than_one(&self) -> bool {
        self.chunks().nth(1).is_some()
    }

    /// The chunks in their order; ends early where a length lies.
    pub(crate) fn chunks(&self) -> impl Iterator<Item = Chunk<'a>> + use<'a> {
        Chunks::over(self.chunks).map(Chunk::parse)
    }
}

/// CRC32c over the packet with its checksum field taken as zero.
fn checksum(header: &[u8; PACKET_HEADER], chunks: &[u8]) -> u32 {
    let mut zeroed = *header;
    if let Some(field) = zeroed.last_chunk_mut::<4>() {
        *field = [0; 4];
    }
    let mut digest = crc_fast::Digest::new(crc_fast::CrcAlgorithm::Crc32Iscsi);
    digest.update(&zeroed);
    digest.update(chunks);
    let [_, _, _, _, a, b, c, d] = digest.finalize().to_be_bytes();
    u32::from_be_bytes([a, b, c, d])
}

/// Builds one packet in the caller's buffer, chunk after chunk.
#[derive(Debug)]
pub(crate) struct PacketWriter<'b> {
    buf: &'b mut [u8],
    len: usize,
    /// Bytes the packet may have.
    limit: usize,
    last_chunk: usize,
    zero_checksum: bool,
}

impl<'b> PacketWriter<'b> {
    /// Writes the common header. `buf` is the largest packet allowed: 256 bytes or more.
    pub(crate) fn new(buf: &'b mut [u8], header: Header) -> Self {
        Fields(buf).u16(header.source_port).u16(header.destination_port).u32(header.tag).u32(0);
        let limit = buf.len();
        Self { buf, len: PACKET_HEADER, limit, last_chunk: PACKET_HEADER, zero_checksum: false }
    }

    /// Limits the packet to less than the buffer, or to the buffer again.
    pub(crate) fn set_limit(&mut self, bytes: usize) {
        self.limit = bytes.min(self.buf.len());
    }

    /// Leaves the checksum out: the peer has said that it does not need it (RFC 9653).
    pub(crate) fn leave_out_checksum(&mut self) {
        self.zero_checksum = true;
    }

    /// Bytes a further chunk may have, its header included, padded to a multiple of 4.
    pub(crate) fn room(&self) -> usize {
        self.limit.saturating_sub(self.len) & !3
    }

    /// Bytes written so far.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len == PACKET_HEADER
    }

    /// Appends a chunk header and returns the place for its value; `None` when there is no
    /// room. The padding is zero.
    pub(crate) fn chunk(&mut self, kind: u8, flags: u8, value_len: usize) -> Option<&mut [u8]> {
        let len = value_len.checked_add(4)?;
        let padded = len.checked_next_multiple_of(4)?;
        if padded > self.room() {
            return None;
        }
        let chunk = self.buf.get_mut(self.len..)?.get_mut(..padded)?;
        self.last_chunk = self.len;
        self.len = self.len.saturating_add(padded);
        let (head, rest) = chunk.split_first_chunk_mut::<4>()?;
        let [high, low] = len16(len).to_be_bytes();
        *head = [kind, flags, high, low];
        let (value, padding) = rest.split_at_mut_checked(value_len)?;
        padding.fill(0);
        Some(value)
    }

    /// Sets bits in the flags of the chunk written last.
    pub(crate) fn add_flags(&mut self, flags: u8) {
        if let Some(byte) = self.buf.get_mut(self.last_chunk.saturating_add(1)) {
            *byte |= flags;
        }
    }

    /// Fills in the checksum and returns the packet's length.
    ///
    /// Every packet gets a CRC32c, unless it was left out on purpose.
    pub(crate) fn finish(self) -> usize {
        if !self.zero_checksum
            && let Some((header, chunks)) = self
                .buf
                .get_mut(..self.len)
                .and_then(|packet| packet.split_first_chunk_mut::<PACKET_HEADER>())
        {
            let sum = checksum(header, chunks).to_le_bytes();
            if let Some(field) = header.last_chunk_mut::<4>() {
                *field = sum;
            }
        }
        self.len
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: Header = Header { source_port: 5000, destination_port: 5001, tag: 0x0102_0304 };

    #[test]
    fn a_packet_reads_back_and_its_checksum_is_little_endian() {
        let mut buf = [0; 256];
        let mut packet = PacketWriter::new(&mut buf, HEADER);
        packet.chunk(kind::COOKIE_ACK, 0, 0).expect("room");
        let len = packet.finish();
        assert_eq!(len, 16);
        // Independently computed: bitwise, reflected polynomial 0x82F63B78.
        let mut crc = u32::MAX;
        let mut zeroed = buf[..len].to_vec();
        zeroed[8..12].fill(0);
        for byte in zeroed {
            crc ^= u32::from(byte);
            for _ in 0..8 {
                crc = if crc & 1 == 1 { (crc >> 1) ^ 0x82F6_3B78 } else { crc >> 1 };
            }
        }
        assert_eq!(buf[8..12], (!crc).to_le_bytes());
        let view = PacketView::parse(&buf[..len]).expect("sound");
        assert_eq!(view.header, HEADER);
        assert_eq!(view.first_kind(), kind::COOKIE_ACK);
        assert!(!view.has_more_than_one());
    }

    #[test]
    fn a_flipped_bit_anywhere_is_noticed() {
        let mut buf = [0; 256];
        let mut packet = PacketWriter::new(&mut buf, HEADER);
        packet.chunk(kind::COOKIE_ECHO, 0, 5).expect("room").fill(7);
        let len = packet.finish();
        for bit in 0..len * 8 {
            let mut broken = buf;
            broken[bit / 8] ^= 1 << (bit % 8);
            assert!(PacketView::parse(&broken[..len]).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn a_chunk_that_does_not_fit_is_refused() {
        let mut buf = [0; 256];
        let mut packet = PacketWriter::new(&mut buf, HEADER);
        assert!(packet.chunk(kind::COOKIE_ECHO, 0, 241).is_none());
        assert!(packet.chunk(kind::COOKIE_ECHO, 0, 240).is_some());
        assert_eq!(packet.room(), 0);
    }
}
