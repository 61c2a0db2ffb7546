//! DTLS: a whole handshake of both ends, and one record of application data there.
#![allow(missing_docs, reason = "criterion's macros make public items")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a benchmark may panic")]

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use antiphon_crypto::{Certificate, CertificateParams, CryptoProvider, HashAlgorithm, NamedGroup};
use antiphon_crypto_aws_lc::AwsLc;
use antiphon_crypto_rust::RustCrypto;
use antiphon_dtls::{Config, Connection, OVERHEAD, Role, Version};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

/// What SCTP puts into one record on a path of 1,200 bytes, less nine.
const PAYLOAD: usize = 1191;

struct Setup {
    provider: Arc<dyn CryptoProvider>,
    certificate: Certificate,
    version: Version,
    now: Instant,
}

impl Setup {
    fn new(provider: Arc<dyn CryptoProvider>, version: Version) -> Self {
        let params = CertificateParams::new(Duration::from_secs(1_790_000_000));
        let certificate = provider.generate_certificate(&params).unwrap();
        Self { provider, certificate, version, now: Instant::now() }
    }

    /// A client and a server that have shaken hands.
    fn connect(&self) -> [Connection; 2] {
        let fingerprint = self.certificate.fingerprint(&*self.provider, HashAlgorithm::Sha256);
        let mut ends = [Role::Client, Role::Server].map(|role| {
            let mut config = Config::new(Arc::clone(&self.provider), self.certificate.clone());
            config.versions = vec![self.version];
            config.groups = vec![NamedGroup::X25519];
            let mut end = Connection::new(config, [7; 32], self.now);
            end.set_remote_fingerprints(self.now, &[fingerprint.unwrap()]);
            end.start(self.now, role).unwrap();
            end
        });
        let mut buf = [0; 1500];
        while !ends.iter().all(Connection::is_connected) {
            let [client, server] = &mut ends;
            while let Some(sent) = client.poll_output(self.now, &mut buf).unwrap() {
                server.handle_input(self.now, &mut buf[..sent.len]).unwrap();
            }
            while let Some(sent) = server.poll_output(self.now, &mut buf).unwrap() {
                client.handle_input(self.now, &mut buf[..sent.len]).unwrap();
            }
        }
        ends
    }
}

/// Each provider with each version, and what to call it.
fn setups() -> Vec<(String, Setup)> {
    let mut setups = Vec::new();
    for version in [Version::Dtls13, Version::Dtls12] {
        let providers: [(_, Arc<dyn CryptoProvider>); 2] =
            [("RustCrypto", Arc::new(RustCrypto::new())), ("AWS-LC", Arc::new(AwsLc::new()))];
        for (name, provider) in providers {
            setups.push((format!("{version:?}, {name}"), Setup::new(provider, version)));
        }
    }
    setups
}

fn handshake(criterion: &mut Criterion) {
    for (name, setup) in setups() {
        let name = format!("dtls/handshake of both ends, X25519, {name}");
        criterion.bench_function(&name, |b| b.iter(|| setup.connect()));
    }
}

fn records(criterion: &mut Criterion) {
    for (name, setup) in setups() {
        let [mut client, mut server] = setup.connect();
        let payload = OVERHEAD.before..OVERHEAD.before + PAYLOAD;
        let mut buf = vec![7; payload.end + OVERHEAD.after];
        let mut group = criterion.benchmark_group(format!("dtls/1,191 bytes, {name}"));
        group.throughput(Throughput::Bytes(PAYLOAD as u64));
        group.bench_function("protect and handle_input", |b| {
            b.iter(|| {
                let record = client.protect(black_box(&mut buf), payload.clone()).unwrap();
                server.handle_input(setup.now, &mut buf[record]).unwrap();
                server.poll_data()
            });
        });
        group.finish();
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1));
    targets = handshake, records
}
criterion_main!(benches);
