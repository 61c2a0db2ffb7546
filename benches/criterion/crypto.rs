//! What the default provider costs: per packet, and per handshake.
#![allow(missing_docs, clippy::unwrap_used, reason = "a benchmark is not an interface")]

use std::hint::black_box;
use std::time::Duration;

use antiphon_crypto::{
    AeadAlgorithm, CertificateParams, CryptoProvider as _, HashAlgorithm, NamedGroup,
    SignatureScheme, StreamAlgorithm,
};
use antiphon_crypto_rust::RustCrypto;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

const SIZES: [usize; 2] = [160, 1200];

fn per_packet(c: &mut Criterion) {
    let provider = RustCrypto::new();
    let mut group = c.benchmark_group("crypto/packet");
    group.warm_up_time(Duration::from_millis(200)).measurement_time(Duration::from_millis(600));
    for size in SIZES {
        group.throughput(Throughput::Bytes(size.try_into().unwrap()));
        let mut text = vec![7; size];
        for (name, algorithm) in
            [("aes-128-gcm", AeadAlgorithm::Aes128Gcm), ("aes-256-gcm", AeadAlgorithm::Aes256Gcm)]
        {
            let aead = provider.aead(algorithm, &vec![1; algorithm.key_len()]).unwrap();
            group.bench_function(format!("{name} seal/{size}"), |b| {
                b.iter(|| aead.seal(&[2; 12], &[3; 12], black_box(&mut text)).unwrap());
            });
            let tag = aead.seal(&[2; 12], &[3; 12], &mut text).unwrap();
            let sealed = text.clone();
            group.bench_function(format!("{name} open/{size}"), |b| {
                b.iter(|| {
                    text.copy_from_slice(&sealed);
                    aead.open(&[2; 12], &[3; 12], black_box(&mut text), &tag).unwrap();
                });
            });
        }
        let stream = provider.stream_cipher(StreamAlgorithm::Aes128Ctr, &[1; 16]).unwrap();
        group.bench_function(format!("aes-128-ctr/{size}"), |b| {
            b.iter(|| stream.apply(&[2; 16], black_box(&mut text)));
        });
        for (name, algorithm) in [("sha1", HashAlgorithm::Sha1), ("sha256", HashAlgorithm::Sha256)]
        {
            let hmac = provider.hmac(algorithm, &[1; 20]).unwrap();
            group.bench_function(format!("hmac-{name}/{size}"), |b| {
                b.iter(|| hmac.sign(black_box(&[&text, &[0; 4]])));
            });
        }
    }
    group.finish();
}

fn per_handshake(c: &mut Criterion) {
    let provider = RustCrypto::new();
    let mut group = c.benchmark_group("crypto/handshake");
    group.warm_up_time(Duration::from_millis(200)).measurement_time(Duration::from_millis(600));
    let params = CertificateParams::new(Duration::from_secs(1_790_000_000));
    group.bench_function("certificate", |b| b.iter(|| provider.generate_certificate(&params)));
    let certificate = provider.generate_certificate(&params).unwrap();
    let scheme = SignatureScheme::EcdsaSecp256r1Sha256;
    group.bench_function("ecdsa sign", |b| {
        b.iter(|| certificate.key().sign(scheme, black_box(b"a handshake")));
    });
    let signature = certificate.key().sign(scheme, b"a handshake").unwrap();
    group.bench_function("ecdsa verify", |b| {
        b.iter(|| {
            provider.verify(scheme, certificate.der(), b"a handshake", black_box(&signature))
        });
    });
    let share = provider.key_exchange(NamedGroup::Secp256r1).unwrap().public_share().to_vec();
    group.bench_function("ecdh p256", |b| {
        b.iter(|| provider.key_exchange(NamedGroup::Secp256r1)?.agree(black_box(&share)));
    });
    group.finish();
}

criterion_group!(benches, per_packet, per_handshake);
criterion_main!(benches);
