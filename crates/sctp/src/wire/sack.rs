use crate::serial::Tsn;

use super::bytes_at::{Fields, len16, u16_at, u32_at};
use super::chunk::kind;
use super::packet::PacketWriter;

const FIXED: usize = 12;

/// A SACK ([RFC 9260 section 3.3.4]).
///
/// ```text
///  0                   1                   2                   3
/// +---------------+---------------+-------------------------------+
/// |   type = 3    |       0       |            length             |
/// +---------------+---------------+-------------------------------+
/// |                      cumulative TSN ack                       |
/// +---------------------------------------------------------------+
/// |              advertised receiver window credit                |
/// +-------------------------------+-------------------------------+
/// |     number of gap blocks      |     number of duplicates      |
/// +-------------------------------+-------------------------------+
/// |  gap start, from cumulative   |   gap end, from cumulative    |
/// +-------------------------------+-------------------------------+
/// | ... more blocks, then duplicate TSNs of 4 bytes each          |
/// +---------------------------------------------------------------+
/// ```
///
/// [RFC 9260 section 3.3.4]: https://www.rfc-editor.org/rfc/rfc9260#section-3.3.4
#[derive(Clone, Copy, Debug)]
pub(crate) struct SackView<'a> {
    pub(crate) cumulative: u32,
    pub(crate) window: u32,
    blocks: &'a [u8],
    duplicates: usize,
}

impl<'a> SackView<'a> {
    pub(super) fn parse(value: &'a [u8]) -> Option<Self> {
        let (fixed, rest) = value.split_at_checked(FIXED)?;
        let blocks = usize::from(u16_at(fixed, 8)).saturating_mul(4);
        let duplicates = usize::from(u16_at(fixed, 10)).saturating_mul(4);
        let (blocks, rest) = rest.split_at_checked(blocks)?;
        if rest.len() < duplicates {
            return None;
        }
        let (cumulative, window) = (u32_at(fixed, 0), u32_at(fixed, 4));
        Some(Self { cumulative, window, blocks, duplicates })
    }

    /// Whether something arrived more than once.
    pub(crate) fn has_duplicates(&self) -> bool {
        self.duplicates > 0
    }

    /// Gap ack blocks: first and last TSN as offsets from the cumulative TSN.
    pub(crate) fn blocks(&self) -> impl Iterator<Item = (u16, u16)> + use<'a> {
        self.blocks.chunks_exact(4).map(|block| (u16_at(block, 0), u16_at(block, 2)))
    }
}

/// Appends a SACK with as many gap blocks, then duplicates, as fit; `false` when not even the
/// fixed part does.
pub(crate) fn write_sack(
    packet: &mut PacketWriter<'_>,
    cumulative: Tsn,
    window: u32,
    gaps: &[(Tsn, Tsn)],
    duplicates: &[u32],
) -> bool {
    let offset = |tsn: Tsn| u16::try_from(tsn.above(cumulative)).ok();
    let reachable = gaps.partition_point(|(_, last)| offset(*last).is_some());
    let Some(room) = packet.room().checked_sub(FIXED.saturating_add(4)) else {
        return false;
    };
    //= rfc9260#6.7
    // The lowest gap blocks that fit are reported; the highest are left out.
    let blocks = reachable.min(room.wrapping_div(4));
    let left = room.wrapping_div(4).saturating_sub(blocks);
    let repeats = duplicates.len().min(left);
    let len = blocks.saturating_add(repeats).saturating_mul(4).saturating_add(FIXED);
    let Some(value) = packet.chunk(kind::SACK, 0, len) else {
        return false;
    };
    let mut fields = Fields(value);
    fields.u32(cumulative.wire()).u32(window).u16(len16(blocks)).u16(len16(repeats));
    for (first, last) in gaps.iter().take(blocks) {
        fields.u16(offset(*first).unwrap_or(0)).u16(offset(*last).unwrap_or(0));
    }
    for tsn in duplicates.iter().take(repeats) {
        fields.u32(*tsn);
    }
    true
}

#[cfg(test)]
mod tests {
    use super::super::{Chunk, Header, PacketView};
    use super::*;

    const HEADER: Header = Header { source_port: 1, destination_port: 2, tag: 3 };

    #[test]
    fn a_sack_has_the_bytes_of_the_diagram() {
        let mut buf = [0; 256];
        let mut packet = PacketWriter::new(&mut buf, HEADER);
        let cumulative = Tsn::initial(u32::MAX);
        let gaps =
            [(cumulative.plus(2), cumulative.plus(3)), (cumulative.plus(9), cumulative.plus(9))];
        assert!(write_sack(&mut packet, cumulative, 4096, &gaps, &[5]));
        let len = packet.finish();
        #[rustfmt::skip]
        assert_eq!(buf[12..len], [
            3, 0, 0, 28, 255, 255, 255, 255, 0, 0, 16, 0, 0, 2, 0, 1,
            0, 2, 0, 3, 0, 9, 0, 9, 0, 0, 0, 5,
        ]);
        let view = PacketView::parse(&buf[..len]).expect("sound");
        let Some(Chunk::Sack(read)) = view.chunks().next() else { panic!("not SACK") };
        assert_eq!((read.cumulative, read.window), (u32::MAX, 4096));
        assert_eq!(read.blocks().collect::<Vec<_>>(), [(2, 3), (9, 9)]);
    }

    #[test]
    fn what_does_not_fit_is_left_out_from_the_top() {
        let mut buf = [0; 256];
        let mut packet = PacketWriter::new(&mut buf, HEADER);
        let base = Tsn::initial(0);
        let gaps: Vec<_> = (1..200).map(|i| (base.plus(i * 2), base.plus(i * 2))).collect();
        assert!(write_sack(&mut packet, base, 0, &gaps, &[1, 2, 3]));
        let len = packet.finish();
        let view = PacketView::parse(&buf[..len]).expect("sound");
        let Some(Chunk::Sack(read)) = view.chunks().next() else { panic!("not SACK") };
        assert_eq!(read.blocks().count(), (256 - 12 - 16) / 4);
        assert_eq!(read.blocks().next(), Some((2, 2)));
    }

    // attack: counts larger than the chunk
    #[test]
    fn counts_that_lie_make_it_malformed() {
        let mut value = [0; 16];
        value[9] = 2;
        assert!(SackView::parse(&value).is_none());
        value[9] = 1;
        assert!(SackView::parse(&value).is_some());
        value[11] = 1;
        assert!(SackView::parse(&value).is_none());
    }
}
