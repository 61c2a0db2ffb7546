//! Data channels: what the table costs per message, and what it costs when nothing happens.

use std::hint::black_box;
use std::time::Duration;

use antiphon_datachannel::{ChannelConfig, ChannelId, Channels, Config, DtlsRole, Event};
use antiphon_testkit::start;
use bytes::Bytes;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

/// Two tables with so many channels, all open.
fn pair(channels: usize) -> (Channels, Channels, Vec<ChannelId>) {
    let mut config = Config::default();
    config.max_incoming_channels = channels;
    let (mut ours, mut theirs) = (Channels::new(config), Channels::new(config));
    ours.transport_connected(DtlsRole::Client, 65_535);
    theirs.transport_connected(DtlsRole::Server, 65_535);
    let ids = (0..channels).filter_map(|_| ours.open(ChannelConfig::new("x")).ok()).collect();
    carry(&mut ours, &mut theirs);
    carry(&mut theirs, &mut ours);
    (ours, theirs, ids)
}

fn carry(from: &mut Channels, to: &mut Channels) {
    while let Some(sent) = from.poll_send(start()) {
        let stream = sent.stream;
        let _ = to.handle_message(stream, sent.ppid, sent.payload);
        from.handle_buffered(stream, 0);
    }
    while let Some(event) = to.poll_event() {
        if let Event::Readable(id) = event {
            while to.recv(id).is_some() {}
        }
    }
    while from.poll_event().is_some() {}
}

fn datachannel(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("datachannel");
    group.warm_up_time(Duration::from_millis(300)).measurement_time(Duration::from_millis(700));
    group.throughput(Throughput::Elements(1));
    let payload = Bytes::from_static(&[7; 1000]);
    for channels in [1, 10_000] {
        let (mut ours, mut theirs, ids) = pair(channels);
        let Some(last) = ids.last().copied() else { return };
        group.bench_function(format!("message, one of {channels} channels"), |bench| {
            bench.iter(|| {
                let _ = ours.send_binary(start(), last, payload.clone());
                carry(&mut ours, &mut theirs);
            });
        });
        group.bench_function(format!("idle, {channels} channels"), |bench| {
            bench.iter(|| {
                let table = black_box(&mut ours);
                (table.poll_send(start()), table.poll_reset(), table.poll_event())
            });
        });
    }
    group.bench_function("open and announce", |bench| {
        bench.iter(|| pair(1));
    });
    group.finish();
}

criterion_group!(benches, datachannel);
criterion_main!(benches);
