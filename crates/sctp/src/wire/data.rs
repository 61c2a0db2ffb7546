use crate::serial::Ssn;

use super::bytes_at::{Fields, u16_at, u32_at};
use super::chunk::kind;
use super::packet::PacketWriter;

/// Bytes of a DATA chunk before its payload, chunk header included.
pub(crate) const DATA_HEADER: usize = 16;

/// Bytes of an I-DATA chunk before its payload, chunk header included.
pub(crate) const I_DATA_HEADER: usize = 20;

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
/// And an I-DATA chunk ([RFC 8260 section 2.1]), which has a longer number for the message and
/// one for each of its fragments; the first fragment carries the protocol identifier in its place.
///
/// ```text
/// +---------------+-------+-+-+-+-+-------------------------------+
/// |   type = 64   |       |I|U|B|E|            length             |
/// +---------------+-------+-+-+-+-+-------------------------------+
/// |                              TSN                              |
/// +-------------------------------+-------------------------------+
/// |           stream id           |           reserved            |
/// +-------------------------------+-------------------------------+
/// |                      message identifier                       |
/// +---------------------------------------------------------------+
/// |   payload protocol identifier, or fragment sequence number    |
/// +---------------------------------------------------------------+
/// | payload                                                       |
/// +---------------------------------------------------------------+
/// ```
///
/// [RFC 9260 section 3.3.1]: https://www.rfc-editor.org/rfc/rfc9260#section-3.3.1
/// [RFC 7053]: https://www.rfc-editor.org/rfc/rfc7053
/// [RFC 8260 section 2.1]: https://www.rfc-editor.org/rfc/rfc8260#section-2.1
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DataView<'a> {
    pub(crate) immediate: bool,
    pub(crate) unordered: bool,
    pub(crate) begins: bool,
    pub(crate) ends: bool,
    pub(crate) tsn: u32,
    pub(crate) stream: u16,
    pub(crate) number: Number,
    /// Of an I-DATA chunk only in the first fragment; 0 in the others.
    pub(crate) ppid: u32,
    pub(crate) payload: &'a [u8],
}

/// Which message of its stream a chunk belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Number {
    /// DATA: the stream sequence number.
    Ssn(u16),
    /// I-DATA: the message identifier, and the number of the fragment.
    Mid { mid: u32, fsn: u32 },
}

const IMMEDIATE: u8 = 8;
const UNORDERED: u8 = 4;
const BEGIN: u8 = 2;
const END: u8 = 1;

impl<'a> DataView<'a> {
    pub(super) fn parse(flags: u8, value: &'a [u8]) -> Option<Self> {
        let (_, payload) = value.split_at_checked(DATA_HEADER.saturating_sub(4))?;
        let number = Number::Ssn(u16_at(value, 6));
        Some(Self::with_flags(flags, value, number, u32_at(value, 8), payload))
    }

    pub(super) fn parse_interleaved(flags: u8, value: &'a [u8]) -> Option<Self> {
        let (_, payload) = value.split_at_checked(I_DATA_HEADER.saturating_sub(4))?;
        let (mid, last) = (u32_at(value, 8), u32_at(value, 12));
        //= rfc8260#2.1
        // The first fragment has the number 0 and the protocol identifier in its place.
        let (ppid, fsn) = if flags & BEGIN != 0 { (last, 0) } else { (0, last) };
        Some(Self::with_flags(flags, value, Number::Mid { mid, fsn }, ppid, payload))
    }

    fn with_flags(flags: u8, value: &[u8], number: Number, ppid: u32, payload: &'a [u8]) -> Self {
        Self {
            immediate: flags & IMMEDIATE != 0,
            unordered: flags & UNORDERED != 0,
            begins: flags & BEGIN != 0,
            ends: flags & END != 0,
            tsn: u32_at(value, 0),
            stream: u16_at(value, 4),
            number,
            ppid,
            payload,
        }
    }

    pub(crate) fn is_interleaved(&self) -> bool {
        matches!(self.number, Number::Mid { .. })
    }
}

/// Everything of a DATA or I-DATA chunk but its payload.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DataHeader {
    pub(crate) unordered: bool,
    pub(crate) begins: bool,
    pub(crate) ends: bool,
    pub(crate) tsn: u32,
    pub(crate) stream: u16,
    pub(crate) ssn: Ssn,
    /// The number of the fragment; used by I-DATA only.
    pub(crate) fsn: u32,
    pub(crate) ppid: u32,
}

impl DataHeader {
    /// The flag that asks for an acknowledgement at once, for
    /// [`PacketWriter::add_flags`].
    pub(crate) const IMMEDIATE: u8 = IMMEDIATE;

    /// Appends the chunk, as I-DATA when `interleaved`; `false` when it does not fit.
    pub(crate) fn write(
        &self,
        packet: &mut PacketWriter<'_>,
        payload: &[u8],
        interleaved: bool,
    ) -> bool {
        let flag = |set: bool, bit: u8| if set { bit } else { 0 };
        let flags =
            flag(self.unordered, UNORDERED) | flag(self.begins, BEGIN) | flag(self.ends, END);
        let (kind, header) =
            if interleaved { (kind::I_DATA, I_DATA_HEADER) } else { (kind::DATA, DATA_HEADER) };
        let len = payload.len().saturating_add(header.saturating_sub(4));
        let Some(value) = packet.chunk(kind, flags, len) else {
            return false;
        };
        let mut fields = Fields(value);
        fields.u32(self.tsn).u16(self.stream);
        if interleaved {
            let last = if self.begins { self.ppid } else { self.fsn };
            fields.u16(0).u32(self.ssn.wire_mid()).u32(last);
        } else {
            fields.u16(self.ssn.wire()).u32(self.ppid);
        }
        fields.put(payload);
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
            fsn: 0,
            ppid: 51,
        };
        assert!(data.write(&mut packet, b"hello", false));
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
        assert_eq!((read.tsn, read.stream, read.ppid), (0x0102_0304, 0x0506, 51));
        assert_eq!(read.number, Number::Ssn(1));
        assert_eq!(read.payload, b"hello");
    }

    #[test]
    fn an_i_data_chunk_has_the_bytes_of_the_diagram() {
        let header = Header { source_port: 1, destination_port: 2, tag: 3 };
        let mut data = DataHeader {
            unordered: false,
            begins: true,
            ends: false,
            tsn: 0x0102_0304,
            stream: 0x0506,
            ssn: Ssn::MIN.next(),
            fsn: 0,
            ppid: 51,
        };
        let mut buf = [0; 256];
        let mut packet = PacketWriter::new(&mut buf, header);
        assert!(data.write(&mut packet, b"hell", true));
        data.begins = false;
        data.ends = true;
        data.fsn = 7;
        assert!(data.write(&mut packet, b"o", true));
        let len = packet.finish();
        #[rustfmt::skip]
        assert_eq!(buf[12..len], [
            64, 2, 0, 24, 1, 2, 3, 4, 5, 6, 0, 0, 0, 0, 0, 1, 0, 0, 0, 51, b'h', b'e', b'l', b'l',
            64, 1, 0, 21, 1, 2, 3, 4, 5, 6, 0, 0, 0, 0, 0, 1, 0, 0, 0, 7, b'o', 0, 0, 0,
        ]);
        let view = PacketView::parse(&buf[..len]).expect("sound");
        let read: Vec<_> = view
            .chunks()
            .map(|chunk| {
                let Chunk::Data(read) = chunk else { panic!("{chunk:?}") };
                (read.number, read.ppid)
            })
            .collect();
        let mid = |fsn| Number::Mid { mid: 1, fsn };
        assert_eq!(read, [(mid(0), 51), (mid(7), 0)]);
    }
}
