//! Reading and writing allocate nothing.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failed expectation is a failed test"
)]

use antiphon_rtcp::{
    CompoundView, CompoundWriter, Packet, ReportBlock, Rules, SdesItem, SdesKind, SenderInfo,
};
use antiphon_testkit::alloc;

antiphon_testkit::install_counting_allocator!();

#[test]
fn a_thousand_compounds_without_an_allocation() {
    let mut buf = [0; 1200];
    let allocations = alloc::count(|| {
        for n in 0..1000 {
            let mut writer = CompoundWriter::new(&mut buf);
            let info = SenderInfo { ssrc: n, ..SenderInfo::default() };
            writer.sender_report(&info, &[ReportBlock::default(); 3]).unwrap();
            let cname = [SdesItem { kind: SdesKind::CNAME, value: b"antiphon" }];
            writer.source_description(n, &cname).unwrap();
            writer.nack(n, 1, [1, 5, 70, 300]).unwrap();
            let len = writer.finish();
            let compound = CompoundView::parse(&buf[..len], Rules::default()).unwrap();
            for packet in compound {
                if let Packet::SenderReport(report) = packet {
                    assert_eq!(report.blocks().len(), 3);
                } else if let Packet::SourceDescription(description) = packet {
                    let chunk = description.chunks().next().unwrap();
                    assert!(chunk.item(SdesKind::CNAME).is_some());
                } else if let Packet::Nack(nack) = packet {
                    assert_eq!(nack.sequence_numbers().count(), 4);
                } else {
                    unreachable!("three packets were written");
                }
            }
        }
    });
    assert_eq!(allocations, 0);
}
