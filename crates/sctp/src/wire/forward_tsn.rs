use crate::serial::{Ssn, Tsn};

use super::bytes_at::{Fields, u16_at, u32_at};
use super::chunk::kind;
use super::packet::PacketWriter;

/// Bytes of a FORWARD TSN chunk that lists no stream.
pub(crate) const MAX_FORWARD_HEADER: usize = 8;

/// A FORWARD TSN ([RFC 3758 section 3.2]).
///
/// ```text
///  0                   1                   2                   3
/// +---------------+---------------+-------------------------------+
/// |  type = 192   |       0       |            length             |
/// +---------------+---------------+-------------------------------+
/// |                      new cumulative TSN                       |
/// +-------------------------------+-------------------------------+
/// |           stream id           |    stream sequence number     |
/// +-------------------------------+-------------------------------+
/// | ... one pair for each stream with skipped ordered messages    |
/// +---------------------------------------------------------------+
/// ```
///
/// [RFC 3758 section 3.2]: https://www.rfc-editor.org/rfc/rfc3758#section-3.2
#[derive(Clone, Copy, Debug)]
pub(crate) struct ForwardTsnView<'a> {
    pub(crate) cumulative: u32,
    /// I-FORWARD-TSN ([RFC 8260 section 2.3.1]): entries of 8 bytes with a flag for unordered
    /// messages and a message identifier.
    ///
    /// [RFC 8260 section 2.3.1]: https://www.rfc-editor.org/rfc/rfc8260#section-2.3.1
    pub(crate) interleaved: bool,
    streams: &'a [u8],
}

/// One entry, as it came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SkippedView {
    pub(crate) stream: u16,
    pub(crate) unordered: bool,
    /// Stream sequence number or message identifier.
    pub(crate) number: u32,
}

impl<'a> ForwardTsnView<'a> {
    pub(super) fn parse(value: &'a [u8]) -> Option<Self> {
        let (_, streams) = value.split_at_checked(4)?;
        Some(Self { cumulative: u32_at(value, 0), interleaved: false, streams })
    }

    pub(super) fn parse_interleaved(value: &'a [u8]) -> Option<Self> {
        Some(Self { interleaved: true, ..Self::parse(value)? })
    }

    /// Streams with the highest number skipped in each.
    pub(crate) fn skipped(&self) -> impl Iterator<Item = SkippedView> + use<'a> {
        let interleaved = self.interleaved;
        let size = if interleaved { I_ENTRY } else { ENTRY };
        self.streams.chunks_exact(size).map(move |entry| {
            let stream = u16_at(entry, 0);
            if interleaved {
                let unordered = u16_at(entry, 2) & 1 == 1;
                SkippedView { stream, unordered, number: u32_at(entry, 4) }
            } else {
                let number = u32::from(u16_at(entry, 2));
                SkippedView { stream, unordered: false, number }
            }
        })
    }
}

const ENTRY: usize = 4;
const I_ENTRY: usize = 8;

/// A stream and the highest number abandoned in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Skipped {
    pub(crate) stream: u16,
    /// Only in an I-FORWARD-TSN.
    pub(crate) unordered: bool,
    pub(crate) ssn: Ssn,
}

/// Entries that fit into a chunk of `room` bytes.
pub(crate) fn forward_capacity(room: usize, interleaved: bool) -> usize {
    let entry = if interleaved { I_ENTRY } else { ENTRY };
    room.saturating_sub(MAX_FORWARD_HEADER).checked_div(entry).unwrap_or(0)
}

/// Appends a FORWARD TSN, or an I-FORWARD-TSN when `interleaved`; `false` when it does not fit.
pub(crate) fn write_forward_tsn(
    packet: &mut PacketWriter<'_>,
    cumulative: Tsn,
    skipped: &[Skipped],
    interleaved: bool,
) -> bool {
    let (kind, entry) =
        if interleaved { (kind::I_FORWARD_TSN, I_ENTRY) } else { (kind::FORWARD_TSN, ENTRY) };
    let len = skipped.len().saturating_mul(entry).saturating_add(4);
    let Some(value) = packet.chunk(kind, 0, len) else {
        return false;
    };
    let mut fields = Fields(value);
    fields.u32(cumulative.wire());
    for skip in skipped {
        fields.u16(skip.stream);
        if interleaved {
            fields.u16(u16::from(skip.unordered)).u32(skip.ssn.wire_mid());
        } else {
            fields.u16(skip.ssn.wire());
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::super::{Chunk, Header, PacketView};
    use super::*;

    #[test]
    fn a_forward_tsn_has_the_bytes_of_the_diagram() {
        let mut buf = [0; 256];
        let header = Header { source_port: 1, destination_port: 2, tag: 3 };
        let mut packet = PacketWriter::new(&mut buf, header);
        let skipped = [Skipped { stream: 7, unordered: false, ssn: Ssn::MIN.next() }];
        assert!(write_forward_tsn(&mut packet, Tsn::initial(0x0a0b_0c0d), &skipped, false));
        let len = packet.finish();
        assert_eq!(buf[12..len], [192, 0, 0, 12, 10, 11, 12, 13, 0, 7, 0, 1]);
        let view = PacketView::parse(&buf[..len]).expect("sound");
        let Some(Chunk::ForwardTsn(read)) = view.chunks().next() else { panic!("wrong type") };
        assert_eq!(read.cumulative, 0x0a0b_0c0d);
        let entry = SkippedView { stream: 7, unordered: false, number: 1 };
        assert_eq!(read.skipped().collect::<Vec<_>>(), [entry]);
    }

    #[test]
    fn an_i_forward_tsn_has_the_bytes_of_the_diagram() {
        let mut buf = [0; 256];
        let header = Header { source_port: 1, destination_port: 2, tag: 3 };
        let mut packet = PacketWriter::new(&mut buf, header);
        let skipped = [Skipped { stream: 7, unordered: true, ssn: Ssn::MIN.next() }];
        assert!(write_forward_tsn(&mut packet, Tsn::initial(0x0a0b_0c0d), &skipped, true));
        let len = packet.finish();
        assert_eq!(buf[12..len], [194, 0, 0, 16, 10, 11, 12, 13, 0, 7, 0, 1, 0, 0, 0, 1]);
        let view = PacketView::parse(&buf[..len]).expect("sound");
        let Some(Chunk::ForwardTsn(read)) = view.chunks().next() else { panic!("wrong type") };
        assert!(read.interleaved);
        let entry = SkippedView { stream: 7, unordered: true, number: 1 };
        assert_eq!(read.skipped().collect::<Vec<_>>(), [entry]);
    }
}
