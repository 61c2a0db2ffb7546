use crate::serial::Ssn;

use super::bytes_at::{Fields, u16_at, u32_at};
use super::chunk::kind;
use super::packet::PacketWriter;

/// Bytes of a DATA chunk before its payload, chunk header included.
pub(crate) const DATA_HEADER: usize = 16;

/// A DATA chunk ([RFC 9260 section 3.3.1], the I bit from [RFC 7053]).
///
/// ```text
///  0                   1                   2                   3
/// +---------------+-------+-+-+-+-+-------------------------------+
/// |   type = 0    |       |I|U|B|E|            length             |
/// +---------------+-------+-+-+-+-+-------------------------------+
/// |                              TSN                              |
/// +-------------------------------+-------------------------------+
/// |           stream id           |    stream sequence number     |
/// +-------------------------------+-------------------------------+
/// |                  payload protocol identifier                  |
/// +---------------------------------------------------------------+
/// | payload                                                       |
/// +---------------------------------------------------------------+
/// ```
///
/// [RFC 9260 section 3.3.1]: https://www.rfc-editor.org/rfc/rfc9260#section-3.3.1
/// [RFC 7053]: https://www.rfc-editor.org/rfc/rfc7053
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DataView<'a> {
    pub(crate) immediate: bool,
    pub(crate) unordered: bool,
    pub(crate) begins: bool,
    pub(crate) ends: bool,
    pub(crate) tsn: u32,
    pub(crate) stream: u16,
    pub(crate) ssn: u16,
    pub(crate) ppid: u32,
    pub(crate) payload: &'a [u8],
}

const IMMEDIATE: u8 = 8;
const UNORDERED: u8 = 4;
const BEGIN: u8 = 2;
const END: u8 = 1;

impl<'a> DataView<'a> {
    pub(super) fn parse(flags: u8, value: &'a [u8]) -> Option<Self> {
        let (_, payload) = value.split_at_checked(DATA_HEADER.saturating_sub(4))?;
        Some(Self {
            immediate: flags & IMMEDIATE != 0,
            unordered: flags & UNORDERED != 0,
            begins: flags & BEGIN != 0,
            ends: flags & END != 0,
            tsn: u32_at(value, 0),
            stream: u16_at(value, 4),
            ssn: u16_at(value, 6),
            ppid: u32_at(value, 8),
            payload,
        })
    }
}

/// Everything of a DATA chunk but its payload.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DataHeader {
    pub(crate) unordered: bool,
    pub(crate) begins: bool,
    pub(crate) ends: bool,
    pub(crate) tsn: u32,
    pub(crate) stream: u16,
    pub(crate) ssn: Ssn,
    pub(crate) ppid: u32,
}

impl DataHeader {
    /// The flag that asks for an acknowledgement at once, for
    /// [`PacketWriter::add_flags`].
    pub(crate) const IMMEDIATE: u8 = IMMEDIATE;

    /// Appends the chunk; `false` when it does not fit.
    pub(crate) fn write(&self, packet: &mut PacketWriter<'_>, payload: &[u8]) -> bool {
        let flag = |set: bool, bit: u8| if set { bit } else { 0 };
        let flags =
            flag(self.unordered, UNORDERED) | flag(self.begins, BEGIN) | flag(self.ends, END);
        let len = payload.len().saturating_add(DATA_HEADER.saturating_sub(4));
        let Some(value) = packet.chunk(kind::DATA, flags, len) else {
            return false;
        };
        Fields(value)
            .u32(self.tsn)
            .u16(self.stream)
            .u16(self.ssn.wire())
            .u32(self.ppid)
            .put(payload);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Chunk, Header, PacketView};
    use super::*;

    #[test]
    fn a_data_chunk_has_the_bytes_of_the_diagram() {
        let mut buf = [0; 256];
        let header = Header { source_port: 1, destination_port: 2, tag: 3 };
        let mut packet = PacketWriter::new(&mut buf, header);
        let data = DataHeader {
            unordered: true,
            begins: true,
            ends: false,
            tsn: 0x0102_0304,
            stream: 0x0506,
            ssn: Ssn::MIN.next(),
            ppid: 51,
        };
        assert!(data.write(&mut packet, b"hello"));
        packet.add_flags(DataHeader::IMMEDIATE);
        let len = packet.finish();
        assert_eq!(
            buf[12..len],
            [
                0, 14, 0, 21, 1, 2, 3, 4, 5, 6, 0, 1, 0, 0, 0, 51, b'h', b'e', b'l', b'l', b'o', 0,
                0, 0
            ]
        );
        let view = PacketView::parse(&buf[..len]).expect("sound");
        let Some(Chunk::Data(read)) = view.chunks().next() else { panic!("not DATA") };
        assert!(read.immediate && read.unordered && read.begins && !read.ends);
        assert_eq!((read.tsn, read.stream, read.ssn, read.ppid), (0x0102_0304, 0x0506, 1, 51));
        assert_eq!(read.payload, b"hello");
    }
}
