//! RTCP compound packets: what parses can be walked to its end, and reports and feedback that are
//! written again read the same.

use antiphon_rtcp::{CompoundView, CompoundWriter, NtpTime, Packet, ReportBlock, Rules};

/// Runs the target over `data`.
pub fn run(data: &[u8]) {
    let strict = CompoundView::parse(data, Rules::default());
    let Ok(compound) = CompoundView::parse(data, Rules { reduced_size: true }) else {
        assert!(strict.is_err());
        return;
    };
    assert!(strict.is_err() || strict == Ok(compound));
    for packet in compound {
        walk(packet);
    }
}

fn walk(packet: Packet<'_>) {
    match packet {
        Packet::SenderReport(report) => {
            let blocks: Vec<ReportBlock> = report.blocks().collect();
            let bytes = written(|writer| {
                writer.sender_report(&report.info(), &blocks).expect("room");
            });
            let Some(Packet::SenderReport(again)) = first(&bytes) else {
                unreachable!("a sender report was written");
            };
            assert_eq!(again.info(), report.info());
            assert!(again.blocks().eq(blocks));
        }
        Packet::ReceiverReport(report) => {
            for block in report.blocks() {
                let _ = block.round_trip(NtpTime(u64::from(report.ssrc()) << 16));
            }
        }
        Packet::SourceDescription(description) => {
            for chunk in description.chunks() {
                assert!(chunk.items().all(|item| item.value.len() < 256));
            }
        }
        Packet::Goodbye(goodbye) => {
            let _ = (goodbye.sources().count(), goodbye.reason());
        }
        Packet::Nack(nack) => {
            let numbers: Vec<u16> = nack.sequence_numbers().take(4000).collect();
            if !numbers.is_empty() {
                let bytes = written(|writer| {
                    writer.nack(nack.sender, nack.media, numbers.iter().copied()).expect("room");
                });
                let Some(Packet::Nack(again)) = first(&bytes) else {
                    unreachable!("a nack was written");
                };
                for number in &numbers {
                    assert!(again.sequence_numbers().any(|other| other == *number));
                }
            }
        }
        Packet::Fir(fir) => {
            let _ = fir.entries().count();
        }
        _ => {}
    }
}

fn written(write: impl FnOnce(&mut CompoundWriter<'_>)) -> Vec<u8> {
    let mut buf = vec![0; 20_000];
    let mut writer = CompoundWriter::new(&mut buf);
    write(&mut writer);
    let len = writer.finish();
    buf.truncate(len);
    buf
}

fn first(bytes: &[u8]) -> Option<Packet<'_>> {
    CompoundView::parse(bytes, Rules { reduced_size: true }).ok()?.packets().next()
}
