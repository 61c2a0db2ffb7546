//! STUN: what a connectivity check costs besides its keyed hash, and with it.

use std::hint::black_box;
use std::time::Duration;

use antiphon_crypto::{CryptoProvider as _, HashAlgorithm, Hmac};
use antiphon_crypto_rust::RustCrypto;
use antiphon_stun::{Class, MessageView, MessageWriter, Method, TransactionId};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

/// A check as browsers send it: 104 bytes.
fn write(buf: &mut [u8], hmac: &dyn Hmac) -> Option<usize> {
    let id = TransactionId([7; 12]);
    let mut writer = MessageWriter::new(buf, Class::Request, Method::BINDING, id).ok()?;
    writer.username(b"Ax7f:Qm2zPq9LwEr4").ok()?.priority(0x6e00_1eff).ok()?;
    writer.ice_controlling(0x0123_4567_89ab_cdef).ok()?.use_candidate().ok()?;
    writer.message_integrity(|parts| hmac.sign(parts).prefix().unwrap_or_default()).ok()?;
    writer.fingerprint().ok()?;
    Some(writer.finish())
}

fn verify(message: &[u8], hmac: &dyn Hmac) -> bool {
    let Ok(view) = MessageView::parse(message) else { return false };
    view.verify_fingerprint()
        && view
            .verify_message_integrity(|parts| hmac.sign(parts).prefix().unwrap_or_default())
            .is_ok()
}

fn stun(criterion: &mut Criterion) {
    let Ok(hmac) = RustCrypto::new().hmac(HashAlgorithm::Sha1, b"VOkJxbRl1RmTxUk/WvJxBt") else {
        return;
    };
    let mut buf = [0; 256];
    let Some(len) = write(&mut buf, &*hmac) else { return };
    let message = buf;
    let Some(message) = message.get(..len) else { return };
    assert!(verify(message, &*hmac), "the message under test is a good one");

    let mut group = criterion.benchmark_group("stun");
    group.warm_up_time(Duration::from_millis(300)).measurement_time(Duration::from_millis(700));
    group.throughput(Throughput::Elements(1));
    group.bench_function("parse", |bench| {
        bench.iter(|| MessageView::parse(black_box(message)).map(|view| view.class()));
    });
    group.bench_function("parse and look up", |bench| {
        bench.iter(|| {
            let view = MessageView::parse(black_box(message)).ok()?;
            Some((view.username(), view.priority(), view.ice_controlling(), view.use_candidate()))
        });
    });
    group.bench_function("parse and check fingerprint", |bench| {
        bench.iter(|| MessageView::parse(black_box(message)).map(|view| view.verify_fingerprint()));
    });
    group.bench_function("parse and check fingerprint and integrity", |bench| {
        bench.iter(|| verify(black_box(message), &*hmac));
    });
    group.bench_function("write with integrity and fingerprint", |bench| {
        bench.iter(|| write(black_box(&mut buf), &*hmac));
    });
    group.finish();
}

criterion_group!(benches, stun);
criterion_main!(benches);
