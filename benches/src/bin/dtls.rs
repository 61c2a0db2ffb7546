//! DTLS: a record of application data sent and received, and a whole handshake of both ends.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use antiphon_benches::{Peer, Row, Table, Unit, interleaved, report};
use antiphon_crypto::{Certificate, CertificateParams, CryptoProvider, HashAlgorithm, NamedGroup};
use antiphon_crypto_aws_lc::AwsLc;
use antiphon_crypto_rust::RustCrypto;
use antiphon_dtls::{Config, Connection, OVERHEAD, Role, Version};
use antiphon_testkit::alloc;

antiphon_testkit::install_counting_allocator!();

/// What SCTP puts into one record on a path of 1,200 bytes, less nine.
const PAYLOAD: usize = 1191;
/// The bar for a record sent and received, in nanoseconds.
const RECORD: f64 = 500.0;
/// The bars for a handshake of both ends, in microseconds, with AWS-LC and with RustCrypto.
const HANDSHAKE: [f64; 2] = [350.0, 850.0];

type Failure = Box<dyn std::error::Error>;

struct Setup {
    provider: Arc<dyn CryptoProvider>,
    certificate: Certificate,
    version: Version,
    group: NamedGroup,
    now: Instant,
}

impl Setup {
    fn new(
        provider: Arc<dyn CryptoProvider>,
        version: Version,
        group: NamedGroup,
    ) -> Result<Self, Failure> {
        let params = CertificateParams::new(Duration::from_secs(1_790_000_000));
        let certificate = provider.generate_certificate(&params)?;
        Ok(Self { provider, certificate, version, group, now: antiphon_testkit::start() })
    }

    fn end(&self, role: Role) -> Result<Connection, Failure> {
        let mut config = Config::new(Arc::clone(&self.provider), self.certificate.clone());
        config.versions = vec![self.version];
        config.groups = vec![self.group];
        let fingerprint = self.certificate.fingerprint(&*self.provider, HashAlgorithm::Sha256)?;
        let mut end = Connection::new(config, [7; 32], self.now);
        end.set_remote_fingerprints(self.now, &[fingerprint]);
        end.start(self.now, role)?;
        Ok(end)
    }

    /// A client and a server that have shaken hands.
    fn connect(&self) -> Result<[Connection; 2], Failure> {
        let (mut client, mut server) = (self.end(Role::Client)?, self.end(Role::Server)?);
        let mut buf = [0; 1500];
        while !(client.is_connected() && server.is_connected()) {
            while let Some(sent) = client.poll_output(self.now, &mut buf)? {
                server.handle_input(self.now, buf.get_mut(..sent.len).unwrap_or_default())?;
            }
            while let Some(sent) = server.poll_output(self.now, &mut buf)? {
                client.handle_input(self.now, buf.get_mut(..sent.len).unwrap_or_default())?;
            }
        }
        Ok([client, server])
    }
}

/// A connected pair and a buffer for a record.
struct Records {
    client: Connection,
    server: Connection,
    buf: Vec<u8>,
    now: Instant,
}

impl Records {
    fn new(setup: &Setup) -> Result<Self, Failure> {
        let [client, server] = setup.connect()?;
        let len = OVERHEAD.before.saturating_add(PAYLOAD).saturating_add(OVERHEAD.after);
        Ok(Self { client, server, buf: vec![7; len], now: setup.now })
    }

    /// Sends one record and receives it.
    fn run(&mut self) {
        let payload = OVERHEAD.before..OVERHEAD.before.saturating_add(PAYLOAD);
        let record = self.client.protect(&mut self.buf, payload).unwrap_or_default();
        let record = self.buf.get_mut(record).unwrap_or_default();
        let handled = self.server.handle_input(self.now, record);
        assert!(handled.is_ok() && self.server.poll_data().is_some(), "{handled:?}");
    }
}

fn records(table: &mut Table) -> Result<(), Failure> {
    for version in [Version::Dtls13, Version::Dtls12] {
        for (name, provider) in providers() {
            let setup = Setup::new(provider, version, NamedGroup::X25519)?;
            let mut records = Records::new(&setup)?;
            records.run();
            let allocations = alloc::count(|| (0..1000).for_each(|_| records.run()));
            let (ours, theirs) = measure_records(&mut records, version)?;
            let what = format!("{version:?} record {PAYLOAD} B, {name}");
            let fast = name == "aws-lc";
            table.push(if fast {
                Row::within(&what, ours, Unit::Nanoseconds, RECORD)
            } else {
                Row::alone(&what, ours, Unit::Nanoseconds)
            });
            if let Some(theirs) = theirs.filter(|_| fast) {
                table.push(Row::against(&what, ours, Unit::Nanoseconds, theirs, 2.0));
            }
            let name = format!("{what}, per 1,000");
            let count = f64::from(u32::try_from(allocations).unwrap_or(u32::MAX));
            table.push(Row::within(&name, count, Unit::Allocations, 0.0));
        }
    }
    Ok(())
}

fn providers() -> [(&'static str, Arc<dyn CryptoProvider>); 2] {
    [("aws-lc", Arc::new(AwsLc::new())), ("RustCrypto", Arc::new(RustCrypto::new()))]
}

fn handshakes(table: &mut Table) -> Result<(), Failure> {
    for ((name, provider), bar) in providers().into_iter().zip(HANDSHAKE) {
        for version in [Version::Dtls13, Version::Dtls12] {
            for group in [NamedGroup::X25519, NamedGroup::Secp256r1, NamedGroup::X25519MlKem768] {
                if version == Version::Dtls12 && group == NamedGroup::X25519MlKem768 {
                    continue;
                }
                let setup = Setup::new(Arc::clone(&provider), version, group)?;
                let mut run = || assert!(setup.connect().is_ok(), "they connect");
                let times = interleaved(&mut [&mut run]);
                let micros = times.first().copied().unwrap_or_default() / 1000.0;
                let what = format!("{version:?} handshake, {group:?}, {name}");
                table.push(if group == NamedGroup::X25519 {
                    Row::within(&what, micros, Unit::Microseconds, bar)
                } else {
                    Row::alone(&what, micros, Unit::Microseconds)
                });
            }
        }
    }
    peer_handshakes(table)
}

#[cfg(not(feature = "peers"))]
fn measure_records(
    records: &mut Records,
    _version: Version,
) -> Result<(f64, Option<Peer>), Failure> {
    let times = interleaved(&mut [&mut || records.run()]);
    Ok((times.first().copied().unwrap_or_default(), None))
}

#[cfg(not(feature = "peers"))]
fn peer_handshakes(_table: &mut Table) -> Result<(), Failure> {
    Ok(())
}

#[cfg(feature = "peers")]
fn measure_records(
    records: &mut Records,
    version: Version,
) -> Result<(f64, Option<Peer>), Failure> {
    let mut pair = peer::Pair::connect(version)?;
    let times = interleaved(&mut [&mut || records.run(), &mut || pair.run()]);
    let [ours, theirs] = times[..] else { return Err("two were measured".into()) };
    Ok((ours, Some(Peer::new("dimpl", "0.9", theirs))))
}

#[cfg(feature = "peers")]
fn peer_handshakes(table: &mut Table) -> Result<(), Failure> {
    for version in [Version::Dtls13, Version::Dtls12] {
        let setup = Setup::new(Arc::new(AwsLc::new()), version, NamedGroup::X25519)?;
        let certificate = dimpl::certificate::generate_self_signed_certificate()?;
        let times = interleaved(&mut [
            &mut || assert!(setup.connect().is_ok(), "they connect"),
            &mut || assert!(peer::Pair::with(&certificate, version).is_ok(), "they connect"),
        ]);
        if let [ours, theirs] = times[..] {
            let peer = Peer::new("dimpl", "0.9", theirs / 1000.0);
            let what = format!("{version:?} handshake, X25519, aws-lc");
            table.push(Row::against(&what, ours / 1000.0, Unit::Microseconds, peer, 1.0));
        }
    }
    Ok(())
}

/// The same with another implementation, on AWS-LC too.
#[cfg(feature = "peers")]
mod peer {
    use std::sync::Arc;
    use std::time::Instant;

    use antiphon_dtls::Version;
    use dimpl::{Config, Dtls, DtlsCertificate, Output};

    use super::{Failure, PAYLOAD};

    pub(super) struct Pair {
        ends: [Dtls; 2],
        buf: Vec<u8>,
        payload: Vec<u8>,
    }

    /// What an end said until it waits.
    #[derive(Default)]
    struct Said {
        packets: Vec<Vec<u8>>,
        connected: bool,
        data: usize,
    }

    fn drain(end: &mut Dtls, buf: &mut [u8]) -> Said {
        let mut said = Said::default();
        loop {
            match end.poll_output(buf) {
                Output::Packet(packet) => said.packets.push(packet.to_vec()),
                Output::Connected => said.connected = true,
                Output::ApplicationData(data) => said.data = said.data.saturating_add(data.len()),
                Output::Timeout(_) => return said,
                _ => {}
            }
        }
    }

    impl Pair {
        pub(super) fn connect(version: Version) -> Result<Self, Failure> {
            Self::with(&dimpl::certificate::generate_self_signed_certificate()?, version)
        }

        pub(super) fn with(
            certificate: &DtlsCertificate,
            version: Version,
        ) -> Result<Self, Failure> {
            let groups = [dimpl::crypto::NamedGroup::X25519];
            let config = Config::builder().use_server_cookie(false).kx_groups(&groups).build()?;
            let (config, now) = (Arc::new(config), antiphon_testkit::start());
            let make = |active| {
                let (config, certificate) = (Arc::clone(&config), certificate.clone());
                let mut end = if version == Version::Dtls13 {
                    Dtls::new_13(config, certificate, now)
                } else {
                    Dtls::new_12(config, certificate, now)
                };
                end.set_active(active);
                end
            };
            let mut pair = Self {
                ends: [make(true), make(false)],
                buf: vec![0; 4096],
                payload: vec![7; PAYLOAD],
            };
            pair.shake_hands(now)?;
            Ok(pair)
        }

        fn shake_hands(&mut self, now: Instant) -> Result<(), Failure> {
            let mut connected = [false; 2];
            for end in &mut self.ends {
                end.handle_timeout(now)?;
            }
            for round in 0..100 {
                let from = round % 2;
                let [client, server] = &mut self.ends;
                let (sender, receiver) =
                    if from == 0 { (client, server) } else { (server, client) };
                let said = drain(sender, &mut self.buf);
                for packet in &said.packets {
                    receiver.handle_packet(packet)?;
                }
                if let Some(flag) = connected.get_mut(from) {
                    *flag |= said.connected;
                }
                if connected == [true; 2] && said.packets.is_empty() {
                    return Ok(());
                }
            }
            Err("the peer does not connect".into())
        }

        /// Sends one record and receives it.
        pub(super) fn run(&mut self) {
            let [client, server] = &mut self.ends;
            assert!(client.send_application_data(&self.payload).is_ok(), "it is connected");
            let mut received = 0;
            loop {
                match client.poll_output(&mut self.buf) {
                    Output::Packet(packet) => {
                        assert!(server.handle_packet(packet).is_ok(), "it takes the record");
                    }
                    Output::Timeout(_) => break,
                    _ => {}
                }
            }
            loop {
                match server.poll_output(&mut self.buf) {
                    Output::ApplicationData(data) => received += data.len(),
                    Output::Timeout(_) => break,
                    _ => {}
                }
            }
            assert_eq!(received, PAYLOAD, "what was sent is received");
        }
    }
}

fn main() -> ExitCode {
    let mut table = Table::new("dtls");
    if let Err(error) = records(&mut table).and_then(|()| handshakes(&mut table)) {
        report(&error.to_string());
        return ExitCode::FAILURE;
    }
    table.finish()
}
