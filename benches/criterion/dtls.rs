//! DTLS: a whole handshake of both ends, and one record of application data there.
#![allow(missing_docs, reason = "criterion's macros make public items")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a benchmark may panic")]

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use antiphon_crypto::{Certificate, CertificateParams, CryptoProvider, HashAlgorithm};
use antiphon_crypto_rust::RustCrypto;
use antiphon_dtls::{Config, Connection, OVERHEAD, Role};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

/// What SCTP puts into one record on a path of 1,200 bytes, less nine.
const PAYLOAD: usize = 1191;

struct Setup {
    provider: Arc<dyn CryptoProvider>,
    certificate: Certificate,
    now: Instant,
}

impl Setup {
    fn new() -> Self {
        let provider: Arc<dyn CryptoProvider> = Arc::new(RustCrypto::new());
        let params = CertificateParams::new(Duration::from_secs(1_790_000_000));
        let certificate = provider.generate_certificate(&params).unwrap();
        Self { provider, certificate, now: Instant::now() }
    }

    /// A client and a server that have shaken hands.
    fn connect(&self) -> [Connection; 2] {
        let fingerprint = self.certificate.fingerprint(&*self.provider, HashAlgorithm::Sha256);
        let mut ends = [Role::Client, Role::Server].map(|role| {
            let config = Config::new(Arc::clone(&self.provider), self.certificate.clone());
            let mut end = Connection::new(config, [7; 32], self.now);
            end.set_remote_fingerprints(self.now, &[fingerprint.unwrap()]);
            end.start(self.now, role).unwrap();
            end
        });
        let mut buf = [0; 1500];
        while !ends[0].is_connected() {
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

fn handshake(criterion: &mut Criterion) {
    let setup = Setup::new();
    criterion.bench_function("dtls/handshake, both ends", |b| b.iter(|| setup.connect()));
}

fn records(criterion: &mut Criterion) {
    let setup = Setup::new();
    let [mut client, mut server] = setup.connect();
    let payload = OVERHEAD.before..OVERHEAD.before + PAYLOAD;
    let mut buf = vec![7; payload.end + OVERHEAD.after];
    let mut group = criterion.benchmark_group("dtls/1,191 bytes");
    group.throughput(Throughput::Bytes(PAYLOAD as u64));
    group.bench_function("protect", |b| {
        b.iter(|| client.protect(black_box(&mut buf), payload.clone()).unwrap());
    });
    group.bench_function("protect and handle_input", |b| {
        b.iter(|| {
            let record = client.protect(black_box(&mut buf), payload.clone()).unwrap();
            server.handle_input(setup.now, &mut buf[record]).unwrap();
            server.poll_data()
        });
    });
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1));
    targets = handshake, records
}
criterion_main!(benches);
