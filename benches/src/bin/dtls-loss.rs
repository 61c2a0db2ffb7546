//! How long a DTLS handshake takes on a path that loses datagrams, in simulated time: the median
//! and the 99th percentile over 1,000 seeds, by version and loss, with a round trip of 50 ms.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use antiphon_benches::{Row, Table, Unit, report};
use antiphon_crypto::{Certificate, CertificateParams, CryptoProvider, HashAlgorithm, NamedGroup};
use antiphon_crypto_aws_lc::AwsLc;
use antiphon_dtls::{Config, Connection, Role, Version};
use antiphon_testkit::Random;

const SEEDS: u64 = 1000;
const ONE_WAY: Duration = Duration::from_millis(25);
const ROUND_TRIP: Duration = Duration::from_millis(50);
/// A handshake that takes longer has failed.
const LIMIT: Duration = Duration::from_secs(30);

type Failure = Box<dyn std::error::Error>;

struct Setup {
    provider: Arc<dyn CryptoProvider>,
    certificate: Certificate,
}

/// A datagram on its way: when it arrives, at which end, and what it is.
type Flying = (Instant, usize, Vec<u8>);

impl Setup {
    fn end(&self, role: Role, version: Version, seed: u64) -> Result<Connection, Failure> {
        let now = antiphon_testkit::start();
        let mut config = Config::new(Arc::clone(&self.provider), self.certificate.clone());
        config.versions = vec![version];
        config.groups = vec![NamedGroup::X25519];
        config.handshake_timeout = LIMIT;
        let fingerprint = self.certificate.fingerprint(&*self.provider, HashAlgorithm::Sha256)?;
        let [low, ..] = seed.to_le_bytes();
        let mut end = Connection::new(config, [low; 32], now);
        end.set_remote_fingerprints(now, &[fingerprint]);
        // ICE has measured the path.
        end.set_round_trip(ROUND_TRIP);
        end.start(now, role)?;
        Ok(end)
    }

    /// When the client may send, and when both ends are connected; `None` when they never are.
    fn run(
        &self,
        version: Version,
        loss: f64,
        seed: u64,
    ) -> Result<Option<[Duration; 2]>, Failure> {
        let start = antiphon_testkit::start();
        let mut ends =
            [self.end(Role::Client, version, seed)?, self.end(Role::Server, version, seed)?];
        let mut random = Random::new(seed);
        let (mut now, mut flying, mut first) = (start, Vec::<Flying>::new(), None);
        let mut buf = [0; 1500];
        loop {
            for (side, end) in ends.iter_mut().enumerate() {
                while let Some(sent) = end.poll_output(now, &mut buf)? {
                    if !random.chance(loss) {
                        let datagram = buf.get(..sent.len).unwrap_or_default().to_vec();
                        flying.push((now + ONE_WAY, 1 - side, datagram));
                    }
                }
            }
            let [client, server] = &ends;
            if client.is_connected() {
                first.get_or_insert(now);
            }
            if let Some(first) = first.filter(|_| server.is_connected()) {
                return Ok(Some([first.duration_since(start), now.duration_since(start)]));
            }
            let timers = ends.iter().filter_map(Connection::poll_timeout);
            let next = flying.iter().map(|(at, ..)| *at).chain(timers).min();
            let Some(next) = next.filter(|next| next.duration_since(start) < LIMIT) else {
                return Ok(None);
            };
            now = next;
            let (arrived, rest): (Vec<_>, Vec<_>) =
                flying.into_iter().partition(|(at, ..)| *at <= now);
            flying = rest;
            for (_, side, mut datagram) in arrived {
                if let Some(end) = ends.get_mut(side) {
                    // A repetition may be of no use.
                    let _ = end.handle_input(now, &mut datagram);
                }
            }
            for end in &mut ends {
                end.handle_timeout(now);
            }
        }
    }
}

fn percentile(sorted: &[Duration], percent: usize) -> f64 {
    let at = sorted.len().saturating_mul(percent) / 100;
    let value = sorted.get(at.min(sorted.len().saturating_sub(1)));
    value.map_or(f64::INFINITY, |value| value.as_secs_f64() * 1000.0)
}

fn measure(table: &mut Table, setup: &Setup, version: Version) -> Result<(), Failure> {
    // The client may send after one round trip with DTLS 1.3, after two with DTLS 1.2.
    let ideal = if version == Version::Dtls13 { 50.0 } else { 100.0 };
    let mut median = [f64::INFINITY; 2];
    for (percent, loss) in [(0, 0.0), (10, 0.1), (30, 0.3)] {
        let mut times = [Vec::new(), Vec::new()];
        for seed in 0..SEEDS {
            let measured = setup.run(version, loss, seed)?;
            for (times, time) in times.iter_mut().zip(measured.into_iter().flatten()) {
                times.push(time);
            }
        }
        for (what, times) in ["client", "both ends"].into_iter().zip(&mut times) {
            times.sort_unstable();
            let name = format!("{version:?}, {percent} % lost each way, {what}");
            let (p50, mut p99) = (percentile(times, 50), percentile(times, 99));
            if u64::try_from(times.len())? < SEEDS {
                report(&format!("{name}: {} of {SEEDS} completed", times.len()));
                p99 = f64::INFINITY;
            }
            let slot = usize::from(what != "client");
            let bar = match percent {
                0 => Some(ideal + if slot == 0 { 0.0 } else { 25.0 }),
                10 => median.get(slot).map(|unlost| unlost * 3.0),
                _ => None,
            };
            if let (0, Some(unlost)) = (percent, median.get_mut(slot)) {
                *unlost = p50;
            }
            table.push(match bar {
                Some(bar) => Row::within(&format!("{name}, median"), p50, Unit::Milliseconds, bar),
                None => Row::alone(&format!("{name}, median"), p50, Unit::Milliseconds),
            });
            let limit = LIMIT.as_secs_f64() * 1000.0;
            table.push(Row::within(&format!("{name}, p99"), p99, Unit::Milliseconds, limit));
        }
    }
    Ok(())
}

fn main() -> ExitCode {
    let provider: Arc<dyn CryptoProvider> = Arc::new(AwsLc::new());
    let params = CertificateParams::new(Duration::from_secs(1_790_000_000));
    let mut table = Table::new("dtls-loss");
    let mut run = || -> Result<(), Failure> {
        let certificate = provider.generate_certificate(&params)?;
        let setup = Setup { provider: Arc::clone(&provider), certificate };
        measure(&mut table, &setup, Version::Dtls12)?;
        measure(&mut table, &setup, Version::Dtls13)
    };
    match run() {
        Ok(()) => table.finish(),
        Err(error) => {
            report(&error.to_string());
            ExitCode::FAILURE
        }
    }
}
