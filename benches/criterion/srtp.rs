//! Protecting and unprotecting, beside the bare ciphers that do the work.
#![allow(missing_docs, clippy::unwrap_used, reason = "a benchmark is not an interface")]

use std::hint::black_box;
use std::time::Duration;

use antiphon_crypto::{AeadAlgorithm, CryptoProvider as _, HashAlgorithm, StreamAlgorithm};
use antiphon_crypto_rust::RustCrypto;
use antiphon_srtp::{Config, MAX_TRAILER, Profile, SrtpReceiver, SrtpSender};
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};

const HEADER: usize = 12;
const SIZES: [usize; 2] = [160, 1200];
const PROFILES: [(&str, Profile); 2] =
    [("gcm-128", Profile::AeadAes128Gcm), ("cm-128-sha1-80", Profile::AesCm128HmacSha1_80)];

/// What the profile costs without RTP: nothing can be faster.
fn bare(c: &mut Criterion) {
    let provider = RustCrypto::new();
    let mut group = c.benchmark_group("srtp/bare");
    group.warm_up_time(Duration::from_millis(200)).measurement_time(Duration::from_millis(800));
    for size in SIZES {
        group.throughput(Throughput::Bytes(size.try_into().unwrap()));
        let mut text = vec![7; size];
        let aead = provider.aead(AeadAlgorithm::Aes128Gcm, &[1; 16]).unwrap();
        group.bench_function(format!("gcm-128/{size}"), |b| {
            b.iter(|| aead.seal(&[2; 12], &[3; HEADER], black_box(&mut text)).unwrap());
        });
        let stream = provider.stream_cipher(StreamAlgorithm::Aes128Ctr, &[1; 16]).unwrap();
        let hmac = provider.hmac(HashAlgorithm::Sha1, &[1; 20]).unwrap();
        group.bench_function(format!("cm-128-sha1-80/{size}"), |b| {
            b.iter(|| {
                stream.apply(&[2; 16], black_box(&mut text));
                hmac.sign(black_box(&[&[3; HEADER], &text, &[0; 4]]))
            });
        });
    }
    group.finish();
}

fn whole(c: &mut Criterion) {
    let provider = RustCrypto::new();
    let mut group = c.benchmark_group("srtp");
    group.warm_up_time(Duration::from_millis(200)).measurement_time(Duration::from_millis(800));
    for (name, profile) in PROFILES {
        let (key, salt) = (vec![1; profile.key_len()], vec![2; profile.salt_len()]);
        let config = Config::default();
        for size in SIZES {
            group.throughput(Throughput::Bytes(size.try_into().unwrap()));
            let sender = || SrtpSender::new(&provider, profile, &key, &salt, &config).unwrap();
            let len = HEADER + size;
            let (mut protecting, mut feeding) = (sender(), sender());
            let mut receiver = SrtpReceiver::new(&provider, profile, &key, &salt, &config).unwrap();
            let mut packets = (0..=u16::MAX).cycle().map(|sequence_number| {
                let mut packet = vec![0x80, 96];
                packet.extend(sequence_number.to_be_bytes());
                packet.resize(len + MAX_TRAILER, 7);
                packet
            });
            group.bench_function(format!("{name} protect/{size}"), |b| {
                b.iter_batched_ref(
                    || packets.next().unwrap(),
                    |packet| protecting.protect(black_box(packet), len).unwrap(),
                    BatchSize::SmallInput,
                );
            });
            let mut packets = (0..=u16::MAX).cycle().map(|sequence_number| {
                let mut packet = vec![0x80, 96];
                packet.extend(sequence_number.to_be_bytes());
                packet.resize(len + MAX_TRAILER, 7);
                let protected = feeding.protect(&mut packet, len).unwrap();
                packet.truncate(protected);
                packet
            });
            group.bench_function(format!("{name} unprotect/{size}"), |b| {
                b.iter_batched_ref(
                    || packets.next().unwrap(),
                    |packet| receiver.unprotect(black_box(packet)).unwrap(),
                    BatchSize::SmallInput,
                );
            });
        }
    }
    group.finish();
}

criterion_group!(benches, bare, whole);
criterion_main!(benches);
