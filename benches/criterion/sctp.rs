//! Bulk transfer in memory, both ends on one core: what a byte costs from `send` to `recv`.

use std::hint::black_box;
use std::time::{Duration, Instant};

use antiphon_sctp::{Association, Config, Outgoing, Reliability};
use bytes::Bytes;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

/// Bytes moved in one iteration.
const TOTAL: usize = 4 << 20;

struct Link {
    now: Instant,
    left: Association,
    right: Association,
}

impl Link {
    fn new() -> Self {
        let now = Instant::now();
        let mut config = Config::default();
        config.max_send_message_size = 262_144;
        let mut left = Association::new(config, [1; 32], now);
        let right = Association::new(config, [2; 32], now);
        left.connect(now);
        let mut link = Self { now, left, right };
        while !link.left.is_connected() {
            link.exchange();
        }
        link
    }

    /// A batch of packets there, then everything back. Returns bytes delivered.
    fn exchange(&mut self) -> usize {
        let mut buf = [0; 1200];
        let mut delivered = 0;
        for _ in 0..32 {
            match self.left.poll_output(self.now, &mut buf) {
                Ok(Some(sent)) => feed(&mut self.right, self.now, &buf, sent.len),
                _ => break,
            }
        }
        while let Some(message) = self.right.recv() {
            delivered += black_box(&message).payload.len();
        }
        while let Ok(Some(sent)) = self.right.poll_output(self.now, &mut buf) {
            feed(&mut self.left, self.now, &buf, sent.len);
        }
        while self.left.poll_event().is_some() || self.right.poll_event().is_some() {}
        self.now += Duration::from_micros(20);
        delivered
    }
}

fn feed(to: &mut Association, now: Instant, buf: &[u8], len: usize) {
    let Some(packet) = buf.get(..len) else { return };
    assert!(to.handle_input(now, packet).is_ok(), "a sound packet");
}

fn bulk(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("sctp/bulk");
    group.throughput(Throughput::Bytes(TOTAL as u64));
    group
        .sample_size(10)
        .measurement_time(Duration::from_secs(2))
        .warm_up_time(Duration::from_millis(500));
    for len in [1 << 10, 16 << 10, 64 << 10] {
        let payload = Bytes::from(vec![7; len]);
        let mut link = Link::new();
        group.bench_function(BenchmarkId::from_parameter(len), |bencher| {
            bencher.iter(|| {
                let (mut sent, mut delivered) = (0, 0);
                while delivered < TOTAL {
                    while sent < TOTAL {
                        let message = Outgoing {
                            stream: 0,
                            ppid: 53,
                            payload: payload.clone(),
                            ordered: true,
                            reliability: Reliability::Reliable,
                        };
                        if link.left.send(link.now, message).is_err() {
                            break;
                        }
                        sent += len;
                    }
                    delivered += link.exchange();
                }
            });
        });
    }
    group.finish();
}

criterion_group!(benches, bulk);
criterion_main!(benches);
