//! Reading and writing RTCP compound packets.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a benchmark may fail loudly")]

use std::hint::black_box;
use std::time::Duration;

use antiphon_rtcp::{
    CompoundView, CompoundWriter, ReportBlock, Rules, SdesItem, SdesKind, SenderInfo,
};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

fn write(buf: &mut [u8]) -> usize {
    let mut writer = CompoundWriter::new(buf);
    writer.sender_report(&SenderInfo::default(), &[ReportBlock::default(); 4]).unwrap();
    let items = [
        SdesItem { kind: SdesKind::CNAME, value: b"hQZYbaFtpAsKq0hQ" },
        SdesItem { kind: SdesKind::MID, value: b"0" },
    ];
    writer.source_description(1, &items).unwrap();
    writer.nack(1, 2, (0..40).map(|n| n * 3)).unwrap();
    writer.pli(1, 2).unwrap();
    writer.finish()
}

fn rtcp(criterion: &mut Criterion) {
    let mut buf = [0; 1200];
    let len = write(&mut buf);
    let compound = buf[..len].to_vec();
    let mut group = criterion.benchmark_group("rtcp");
    group.measurement_time(Duration::from_secs(1)).warm_up_time(Duration::from_millis(300));
    group.throughput(Throughput::Elements(1));
    group.bench_function("write SR, SDES, NACK and PLI", |b| b.iter(|| write(black_box(&mut buf))));
    group.bench_function("read SR, SDES, NACK and PLI", |b| {
        b.iter(|| {
            let compound = CompoundView::parse(black_box(&compound), Rules::default()).unwrap();
            compound.packets().count()
        })
    });
    group.finish();
}

criterion_group!(benches, rtcp);
criterion_main!(benches);
