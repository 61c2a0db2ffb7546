//! What both providers cost: per packet, and per handshake.
#![allow(missing_docs, clippy::unwrap_used, reason = "a benchmark is not an interface")]

use std::hint::black_box;
use std::time::Duration;

use antiphon_crypto::{
    AeadAlgorithm, CertificateParams, CryptoProvider, HashAlgorithm, NamedGroup, PublicKeyKind,
    StreamAlgorithm,
};
use antiphon_crypto_aws_lc::AwsLc;
use antiphon_crypto_rust::RustCrypto;
use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main};

const SIZES: [usize; 2] = [160, 1200];

const AEADS: [(&str, AeadAlgorithm); 3] = [
    ("aes-128-gcm", AeadAlgorithm::Aes128Gcm),
    ("aes-256-gcm", AeadAlgorithm::Aes256Gcm),
    ("chacha20-poly1305", AeadAlgorithm::ChaCha20Poly1305),
];

const GROUPS: [(&str, NamedGroup); 4] = [
    ("p256", NamedGroup::Secp256r1),
    ("p384", NamedGroup::Secp384r1),
    ("x25519", NamedGroup::X25519),
    ("x25519mlkem768", NamedGroup::X25519MlKem768),
];

const KINDS: [(&str, PublicKeyKind); 4] = [
    ("p256", PublicKeyKind::EcdsaP256),
    ("p384", PublicKeyKind::EcdsaP384),
    ("ed25519", PublicKeyKind::Ed25519),
    ("rsa2048", PublicKeyKind::Rsa { bits: 2048 }),
];

fn providers() -> [(&'static str, Box<dyn CryptoProvider>); 2] {
    [("rust", Box::new(RustCrypto::new())), ("aws-lc", Box::new(AwsLc::new()))]
}

fn short<'a>(c: &'a mut Criterion, name: String) -> BenchmarkGroup<'a, WallTime> {
    let mut group = c.benchmark_group(name);
    group.warm_up_time(Duration::from_millis(100)).measurement_time(Duration::from_millis(400));
    group
}

fn per_packet(c: &mut Criterion) {
    for (name, provider) in providers() {
        let mut group = short(c, format!("crypto/packet/{name}"));
        for size in SIZES {
            group.throughput(Throughput::Bytes(size.try_into().unwrap()));
            aeads(&mut group, &*provider, size);
            let mut text = vec![7; size];
            let stream = provider.stream_cipher(StreamAlgorithm::Aes128Ctr, &[1; 16]).unwrap();
            group.bench_function(format!("aes-128-ctr/{size}"), |b| {
                b.iter(|| stream.apply(&[2; 16], black_box(&mut text)));
            });
            for (name, algorithm) in
                [("sha1", HashAlgorithm::Sha1), ("sha256", HashAlgorithm::Sha256)]
            {
                let hmac = provider.hmac(algorithm, &[1; 20]).unwrap();
                group.bench_function(format!("hmac-{name}/{size}"), |b| {
                    b.iter(|| hmac.sign(black_box(&[&text, &[0; 4]])));
                });
            }
        }
        group.finish();
    }
}

fn aeads(group: &mut BenchmarkGroup<'_, WallTime>, provider: &dyn CryptoProvider, size: usize) {
    let mut text = vec![7; size];
    for (name, algorithm) in AEADS {
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
}

fn per_record(c: &mut Criterion) {
    for (name, provider) in providers() {
        let mut group = short(c, format!("crypto/mask/{name}"));
        for (name, algorithm) in AEADS {
            let key = vec![1; algorithm.key_len()];
            let protection = provider.header_protection(algorithm, &key).unwrap();
            group.bench_function(name, |b| b.iter(|| protection.mask(black_box(&[5; 16]))));
        }
        group.finish();
    }
}

fn per_handshake(c: &mut Criterion) {
    for (name, provider) in providers() {
        let mut group = short(c, format!("crypto/handshake/{name}"));
        for (name, named) in GROUPS {
            group.bench_function(format!("client {name}"), |b| {
                let share = provider.key_exchange(named).unwrap().public_share().to_vec();
                let (answer, _) = provider.encapsulate(named, &share).unwrap();
                b.iter(|| provider.key_exchange(named)?.agree(black_box(&answer)));
            });
            group.bench_function(format!("server {name}"), |b| {
                let share = provider.key_exchange(named).unwrap().public_share().to_vec();
                b.iter(|| provider.encapsulate(named, black_box(&share)));
            });
        }
        for (name, kind) in KINDS {
            let mut params = CertificateParams::new(Duration::from_secs(1_790_000_000));
            params.kind = kind;
            let certificate = provider.generate_certificate(&params).unwrap();
            // Making an RSA key takes as long as luck has it.
            if !matches!(kind, PublicKeyKind::Rsa { .. }) {
                group.bench_function(format!("certificate {name}"), |b| {
                    b.iter(|| provider.generate_certificate(&params));
                });
            }
            let scheme = *kind.schemes().first().unwrap();
            group.bench_function(format!("sign {name}"), |b| {
                b.iter(|| certificate.key().sign(scheme, black_box(b"a handshake")));
            });
            let signature = certificate.key().sign(scheme, b"a handshake").unwrap();
            let der = certificate.der();
            group.bench_function(format!("verify {name}"), |b| {
                b.iter(|| provider.verify(scheme, der, b"a handshake", black_box(&signature)));
            });
        }
        group.finish();
    }
}

criterion_group!(benches, per_packet, per_record, per_handshake);
criterion_main!(benches);
