//! What is written reads back, and any bytes can be read.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a failed expectation is a failed test"
)]

use std::collections::BTreeSet;

use antiphon_rtcp::{
    CompoundView, CompoundWriter, FirEntry, NtpTime, Packet, ReportBlock, Rules, SdesItem,
    SdesKind, SenderInfo,
};
use proptest::prelude::*;

fn block() -> impl Strategy<Value = ReportBlock> {
    (
        any::<u32>(),
        any::<u8>(),
        -0x80_0000..0x80_0000,
        any::<u32>(),
        any::<u32>(),
        any::<u32>(),
        any::<u32>(),
    )
        .prop_map(|(ssrc, fraction_lost, cumulative_lost, highest, jitter, last, delay)| {
            ReportBlock {
                ssrc,
                fraction_lost,
                cumulative_lost,
                extended_sequence_number: highest,
                jitter,
                last_sender_report: last,
                delay_since_last: delay,
            }
        })
}

fn info() -> impl Strategy<Value = SenderInfo> {
    (any::<u32>(), any::<u64>(), any::<u32>(), any::<u32>(), any::<u32>()).prop_map(
        |(ssrc, ntp, rtp_timestamp, packets, octets)| SenderInfo {
            ssrc,
            ntp: NtpTime(ntp),
            rtp_timestamp,
            packets,
            octets,
        },
    )
}

fn text() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), 0..=255)
}

proptest! {
    #[test]
    fn reports_read_back(
        info in info(),
        blocks in prop::collection::vec(block(), 0..=31),
        others in prop::collection::vec(block(), 0..=31),
    ) {
        let mut buf = [0; 2000];
        let mut writer = CompoundWriter::new(&mut buf);
        writer.sender_report(&info, &blocks).unwrap();
        writer.receiver_report(info.ssrc, &others).unwrap();
        let len = writer.finish();
        let compound = CompoundView::parse(&buf[..len], Rules::default()).unwrap();
        let packets: Vec<_> = compound.packets().collect();
        let (Packet::SenderReport(sender), Packet::ReceiverReport(receiver)) = (packets[0], packets[1])
        else { panic!("two reports") };
        prop_assert_eq!(sender.info(), info);
        prop_assert_eq!(sender.blocks().collect::<Vec<_>>(), blocks);
        prop_assert_eq!(receiver.blocks().collect::<Vec<_>>(), others);
    }

    #[test]
    fn descriptions_read_back(
        chunks in prop::collection::vec(
            (any::<u32>(), prop::collection::vec((1_u8..=255, text()), 0..4)), 0..=31)
    ) {
        let items: Vec<(u32, Vec<SdesItem<'_>>)> = chunks
            .iter()
            .map(|(ssrc, items)| {
                let items = items.iter().map(|(kind, value)| SdesItem { kind: SdesKind(*kind), value });
                (*ssrc, items.collect())
            })
            .collect();
        let borrowed: Vec<(u32, &[SdesItem<'_>])> =
            items.iter().map(|(ssrc, items)| (*ssrc, &items[..])).collect();
        let mut buf = vec![0xff; 65_535];
        let mut writer = CompoundWriter::new(&mut buf);
        writer.source_descriptions(&borrowed).unwrap();
        let len = writer.finish();
        let compound = CompoundView::parse(&buf[..len], Rules { reduced_size: true }).unwrap();
        let Some(Packet::SourceDescription(description)) = compound.packets().next()
        else { panic!("a description") };
        let read: Vec<(u32, Vec<SdesItem<'_>>)> =
            description.chunks().map(|chunk| (chunk.ssrc, chunk.items().collect())).collect();
        prop_assert_eq!(read, items);
    }

    #[test]
    fn nacks_ask_for_each_number_once(numbers in prop::collection::btree_set(any::<u16>(), 1..100)) {
        let mut buf = [0; 2000];
        let mut writer = CompoundWriter::new(&mut buf);
        writer.nack(1, 2, numbers.iter().copied()).unwrap();
        let len = writer.finish();
        let compound = CompoundView::parse(&buf[..len], Rules { reduced_size: true }).unwrap();
        let Some(Packet::Nack(nack)) = compound.packets().next() else { panic!("a nack") };
        let read: Vec<u16> = nack.sequence_numbers().collect();
        prop_assert_eq!(read.len(), numbers.len());
        prop_assert_eq!(read.into_iter().collect::<BTreeSet<_>>(), numbers);
    }

    #[test]
    fn farewells_and_commands_read_back(
        sources in prop::collection::vec(any::<u32>(), 0..=31),
        reason in text(),
        entries in prop::collection::vec((any::<u32>(), any::<u8>()), 1..20),
    ) {
        let entries: Vec<_> =
            entries.into_iter().map(|(ssrc, number)| FirEntry { ssrc, number }).collect();
        let mut buf = [0; 2000];
        let mut writer = CompoundWriter::new(&mut buf);
        writer.goodbye(&sources, &reason).unwrap();
        writer.fir(9, &entries).unwrap();
        let len = writer.finish();
        let compound = CompoundView::parse(&buf[..len], Rules { reduced_size: true }).unwrap();
        let packets: Vec<_> = compound.packets().collect();
        let (Packet::Goodbye(goodbye), Packet::Fir(fir)) = (packets[0], packets[1])
        else { panic!("a goodbye and a fir") };
        prop_assert_eq!(goodbye.sources().collect::<Vec<_>>(), sources);
        prop_assert_eq!(goodbye.reason().unwrap_or(&[]), &reason[..]);
        prop_assert_eq!(fir.entries().collect::<Vec<_>>(), entries);
    }

    #[test]
    fn any_bytes_can_be_read(mut bytes in prop::collection::vec(any::<u8>(), 0..200), kind in 199_u8..208) {
        if let [first, second, high, ..] = &mut bytes[..] {
            *first = 0x80 | *first & 0x3f;
            (*second, *high) = (kind, 0);
        }
        if let Ok(compound) = CompoundView::parse(&bytes, Rules { reduced_size: true }) {
            for packet in compound {
                if let Packet::SourceDescription(description) = packet {
                    for chunk in description.chunks() {
                        let _ = chunk.items().count();
                    }
                }
            }
        }
    }
}
