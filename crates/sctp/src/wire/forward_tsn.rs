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
    streams: &'a [u8],
}

impl<'a> ForwardTsnView<'a> {
    pub(super) fn parse(value: &'a [u8]) -> Option<Self> {
        let (_, streams) = value.split_at_checked(4)?;
        Some(Self { cumulative: u32_at(value, 0), streams })
    }

    /// Streams with the highest sequence number skipped in each.
    pub(crate) fn skipped(&self) -> impl Iterator<Item = (u16, u16)> + use<'a> {
        self.streams.chunks_exact(4).map(|pair| (u16_at(pair, 0), u16_at(pair, 2)))
    }
}

/// A stream and the highest sequence number abandoned in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Skipped {
    pub(crate) stream: u16,
    pub(crate) ssn: Ssn,
}

/// Appends a FORWARD TSN; `false` when it does not fit.
pub(crate) fn write_forward_tsn(
    packet: &mut PacketWriter<'_>,
    cumulative: Tsn,
    skipped: &[Skipped],
) -> bool {
    let len = skipped.len().saturating_mul(4).saturating_add(4);
    let Some(value) = packet.chunk(kind::FORWARD_TSN, 0, len) else {
        return false;
    };
    let mut fields = Fields(value);
    fields.u32(cumulative.wire());
    for skip in skipped {
        fields.u16(skip.stream).u16(skip.ssn.wire());
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
        let skipped = [Skipped { stream: 7, ssn: Ssn::MIN.next() }];
        assert!(write_forward_tsn(&mut packet, Tsn::initial(0x0a0b_0c0d), &skipped));
        let len = packet.finish();
        assert_eq!(buf[12..len], [192, 0, 0, 12, 10, 11, 12, 13, 0, 7, 0, 1]);
        let view = PacketView::parse(&buf[..len]).expect("sound");
        let Some(Chunk::ForwardTsn(read)) = view.chunks().next() else { panic!("wrong type") };
        assert_eq!(read.cumulative, 0x0a0b_0c0d);
        assert_eq!(read.skipped().collect::<Vec<_>>(), [(7, 1)]);
    }
}
