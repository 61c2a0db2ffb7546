//! Reading, writing and repairing RTP packets.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a benchmark may fail loudly")]

use std::hint::black_box;
use std::time::Duration;

use antiphon_rtp::{
    Element, ExtensionKind, ExtensionMap, Form, Header, PacketView, PacketWriter, Ssrc, rtx,
};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

const HEADER: Header = Header {
    payload_type: 96,
    marker: true,
    sequence_number: 1,
    timestamp: 90_000,
    ssrc: Ssrc(0x1234_5678),
};

fn write(buf: &mut [u8], payload: &[u8]) -> usize {
    let elements = [
        Element { id: 2, value: &[1, 2, 3] },
        Element { id: 3, value: &[0, 1] },
        Element { id: 4, value: b"1" },
    ];
    let mut writer = PacketWriter::new(buf, &HEADER).unwrap();
    writer.extensions(Form::OneByte, &elements).unwrap();
    writer.payload(payload).unwrap();
    writer.finish()
}

fn rtp(criterion: &mut Criterion) {
    let payload = [7; 1100];
    let mut buf = [0; 1500];
    let len = write(&mut buf, &payload);
    let packet = buf[..len].to_vec();
    let mut map = ExtensionMap::new();
    map.insert(3, ExtensionKind::TransportSequenceNumber).unwrap();
    map.insert(4, ExtensionKind::Mid).unwrap();

    let mut group = criterion.benchmark_group("rtp");
    group.measurement_time(Duration::from_secs(1)).warm_up_time(Duration::from_millis(300));
    group.throughput(Throughput::Elements(1));
    group.bench_function("parse", |b| {
        b.iter(|| PacketView::parse(black_box(&packet)).unwrap().ssrc())
    });
    group.bench_function("parse and read two extensions", |b| {
        b.iter(|| PacketView::parse(black_box(&packet)).unwrap().values(&map).count())
    });
    group.bench_function("write 1100 bytes", |b| b.iter(|| write(black_box(&mut buf), &payload)));
    let view = PacketView::parse(&packet).unwrap();
    let stream = rtx::Stream { payload_type: 97, sequence_number: 1, ssrc: Ssrc(2) };
    let original = rtx::Original { payload_type: 96, ssrc: HEADER.ssrc };
    group.bench_function("wrap and unwrap a retransmission", |b| {
        b.iter(|| {
            let len = rtx::wrap(black_box(&view), &stream, None, &mut buf).unwrap();
            rtx::unwrap(&mut buf[..len], &original).unwrap()
        })
    });
    group.finish();
}

criterion_group!(benches, rtp);
criterion_main!(benches);
