//! Reading and writing the offer of a browser.

use std::hint::black_box;
use std::time::Duration;

use antiphon_sdp::SessionDescription;
use criterion::{Criterion, Throughput};

const OFFER: &str = include_str!("../../crates/testkit/fixtures/sdp/chromium-offer-av-data.sdp");

fn main() {
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
        .configure_from_args();
    let mut group = criterion.benchmark_group("sdp");
    let len = u64::try_from(OFFER.len()).unwrap_or(u64::MAX);
    group.throughput(Throughput::Bytes(len));
    group.bench_function("parse a Chromium offer", |bencher| {
        bencher.iter(|| SessionDescription::parse(black_box(OFFER)));
    });
    if let Ok(offer) = SessionDescription::parse(OFFER) {
        group.bench_function("write a Chromium offer", |bencher| {
            bencher.iter(|| black_box(&offer).to_string());
        });
    }
    group.finish();
    criterion.final_summary();
}
