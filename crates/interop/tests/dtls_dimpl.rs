//! DTLS 1.3 and 1.2 against dimpl 0.9, in memory, in both roles: every suite, keys of two kinds,
//! changes of keys, the end, and networks that lose, repeat and reorder datagrams.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::cast_possible_truncation,
    clippy::wildcard_enum_match_arm,
    reason = "a failed expectation is a failed test"
)]

mod dtls;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use antiphon_crypto::{
    CertificateParams, CryptoProvider, Fingerprint, HashAlgorithm, NamedGroup, Secret,
};
use antiphon_crypto_rust::RustCrypto;
use antiphon_dtls::{
    CipherSuite, CloseReason, Config, Connection, Cookie, Data, Event, InputError, OVERHEAD, Role,
    SrtpProfile, Version,
};
use antiphon_testkit::netem::{Netem, Realm};
use antiphon_testkit::{Machine, Pair, Path, Sent, start};
use dimpl::crypto::{Dtls12CipherSuite, Dtls13CipherSuite};
use dimpl::{Dtls, DtlsCertificate, Output};
use tempfile::TempDir;

use crate::dtls::{Key, is_missing, make_certificate};

const LABEL: &str = dtls::SRTP_LABEL;
const TODAY: Duration = Duration::from_secs(1_790_000_000);
const ROLES: [Role; 2] = [Role::Client, Role::Server];
const VERSIONS: [Version; 2] = [Version::Dtls13, Version::Dtls12];

/// Our end.
struct Ours {
    dtls: Connection,
    outgoing: VecDeque<Vec<u8>>,
    received: Vec<Vec<u8>>,
}

impl Ours {
    fn new(role: Role, key: Key, theirs: Fingerprint, configure: impl FnOnce(&mut Config)) -> Self {
        let provider: Arc<dyn CryptoProvider> = Arc::new(RustCrypto::new());
        let mut params = CertificateParams::new(TODAY);
        params.kind = key.kind();
        let certificate = provider.generate_certificate(&params).unwrap();
        let mut config = Config::new(provider, certificate);
        configure(&mut config);
        let mut dtls = Connection::new(config, [7; 32], start());
        dtls.set_remote_fingerprints(start(), &[theirs]);
        dtls.start(start(), role).unwrap();
        Self { dtls, outgoing: VecDeque::new(), received: Vec::new() }
    }

    fn send(&mut self, payload: &[u8]) {
        let mut buf = vec![0; OVERHEAD.before + payload.len() + OVERHEAD.after];
        let range = OVERHEAD.before..OVERHEAD.before + payload.len();
        buf[range.clone()].copy_from_slice(payload);
        let record = self.dtls.protect(&mut buf, range).unwrap();
        self.outgoing.push_back(buf[record].to_vec());
    }
}

impl Machine for Ours {
    type Event = Event;
    type Error = InputError;

    fn handle_input(
        &mut self,
        now: Instant,
        _: Path,
        datagram: &mut [u8],
    ) -> Result<(), InputError> {
        let handled = self.dtls.handle_input(now, datagram);
        while let Some(data) = self.dtls.poll_data() {
            self.received.push(match data {
                Data::InPlace(range) => datagram[range].to_vec(),
                Data::Held(bytes) => bytes.to_vec(),
            });
        }
        handled
    }

    fn poll_output(&mut self, now: Instant, buf: &mut [u8]) -> Option<Sent> {
        if let Some(transmit) = self.dtls.poll_output(now, buf).unwrap() {
            return Some(Sent::new(transmit.len));
        }
        let datagram = self.outgoing.pop_front()?;
        buf[..datagram.len()].copy_from_slice(&datagram);
        Some(Sent::new(datagram.len()))
    }

    fn poll_event(&mut self) -> Option<Event> {
        self.dtls.poll_event()
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.dtls.handle_timeout(now);
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.dtls.poll_timeout()
    }
}

/// dimpl's end.
struct Theirs {
    dtls: Dtls,
    next: Option<Instant>,
    heard: VecDeque<Heard>,
}

/// What dimpl says.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Heard {
    Connected,
    Certificate(Vec<u8>),
    Keys(Vec<u8>, dimpl::SrtpProfile),
    Data(Vec<u8>),
    Closed,
}

impl Machine for Theirs {
    type Event = Heard;
    type Error = dimpl::Error;

    fn handle_input(
        &mut self,
        _: Instant,
        _: Path,
        datagram: &mut [u8],
    ) -> Result<(), dimpl::Error> {
        self.dtls.handle_packet(datagram)
    }

    fn poll_output(&mut self, _: Instant, buf: &mut [u8]) -> Option<Sent> {
        loop {
            let heard = match self.dtls.poll_output(buf) {
                Output::Packet(packet) => return Some(Sent::new(packet.len())),
                Output::Timeout(next) => {
                    self.next = Some(next);
                    return None;
                }
                Output::Connected => Heard::Connected,
                Output::PeerCert(der) => Heard::Certificate(der.to_vec()),
                Output::KeyingMaterial(keys, profile) => Heard::Keys(keys.to_vec(), profile),
                Output::ApplicationData(data) => Heard::Data(data.to_vec()),
                Output::CloseNotify => Heard::Closed,
                other => panic!("{other:?}"),
            };
            self.heard.push_back(heard);
        }
    }

    fn poll_event(&mut self) -> Option<Heard> {
        self.heard.pop_front()
    }

    fn handle_timeout(&mut self, now: Instant) {
        if self.next.is_some_and(|next| next <= now) {
            self.next = None;
            self.dtls.handle_timeout(now).expect("dimpl goes on");
        }
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.next
    }
}

/// A certificate for dimpl, which takes keys on P-256 and P-384.
fn identity(key: Key) -> DtlsCertificate {
    let dir = TempDir::new().unwrap();
    make_certificate(dir.path(), key);
    let mut command = std::process::Command::new("openssl");
    command.args(["pkcs8", "-topk8", "-nocrypt", "-in", "key.pem"]);
    command.args(["-outform", "der", "-out", "key.der"]).current_dir(dir.path());
    assert!(command.output().unwrap().status.success());
    let [certificate, private_key] =
        ["cert.der", "key.der"].map(|name| std::fs::read(dir.path().join(name)).unwrap());
    DtlsCertificate { certificate, private_key }
}

/// How the two ends are made.
struct Setup {
    role: Role,
    version: Version,
    key: Key,
    theirs: dimpl::ConfigBuilder,
}

impl Setup {
    fn new(role: Role, version: Version) -> Self {
        let theirs = dimpl::Config::builder().use_server_cookie(false);
        Self { role, version, key: Key::P256, theirs: theirs.dangerously_set_rng_seed(7) }
    }

    /// The two, 20 ms apart.
    fn pair(self, configure: impl FnOnce(&mut Config)) -> Pair<Ours, Theirs> {
        let identity = identity(self.key);
        let digest = RustCrypto::new().hash(HashAlgorithm::Sha256, &identity.certificate).unwrap();
        let fingerprint = Fingerprint::new(HashAlgorithm::Sha256, digest.as_bytes()).unwrap();
        let config = Arc::new(self.theirs.build().unwrap());
        let mut dtls = match self.version {
            Version::Dtls13 => Dtls::new_13(config, identity, start()),
            _ => Dtls::new_12(config, identity, start()),
        };
        dtls.set_active(self.role == Role::Server);
        let theirs = Theirs { dtls, next: Some(start()), heard: VecDeque::new() };
        let ours = Ours::new(self.role, self.key, fingerprint, configure);
        Pair::new(start(), ours, theirs).with_delay(Duration::from_millis(20))
    }
}

/// Runs until both are connected.
fn connect(pair: &mut Pair<Ours, Theirs>) -> antiphon_dtls::Connected {
    let end = pair.elapsed() + Duration::from_secs(35);
    let both = pair.run_while(end, |pair| {
        let theirs = pair.b.events.iter().any(|(_, heard)| *heard == Heard::Connected);
        !(theirs && pair.a.machine.dtls.is_connected())
    });
    assert!(both, "{:?}\n{:?}\n{:?}", pair.a.events, pair.a.machine.dtls.stats(), pair.b.events);
    let Event::Connected(connected) = pair.a.events[0].1 else { panic!("{:?}", pair.a.events) };
    connected
}

/// Keys are equal.
fn compare(pair: &Pair<Ours, Theirs>, profile: SrtpProfile) {
    let keys = pair.a.machine.dtls.srtp_keys().unwrap();
    let (client, server) = (keys.writing(Role::Client), keys.writing(Role::Server));
    let whole = [client.0, server.0, client.1, server.1].concat();
    let mut exported = vec![0; whole.len()];
    pair.a.machine.dtls.export_keying_material(LABEL.as_bytes(), None, &mut exported).unwrap();
    assert_eq!(whole, exported);
    let theirs = pair.b.events.iter().find_map(|(_, heard)| match heard {
        Heard::Keys(keys, theirs) => Some((keys, *theirs)),
        Heard::Connected | Heard::Certificate(_) | Heard::Data(_) | Heard::Closed => None,
    });
    let same = match profile {
        SrtpProfile::Aes128CmSha1_80 => dimpl::SrtpProfile::AES128_CM_SHA1_80,
        SrtpProfile::AeadAes128Gcm => dimpl::SrtpProfile::AEAD_AES_128_GCM,
        SrtpProfile::AeadAes256Gcm => dimpl::SrtpProfile::AEAD_AES_256_GCM,
        other => panic!("{other:?}"),
    };
    assert_eq!(theirs, Some((&exported, same)));
}

/// Data both ways, over a network that loses nothing meanwhile.
fn speak(pair: &mut Pair<Ours, Theirs>, word: &str) {
    let (there, back) = (format!("our {word}").into_bytes(), format!("their {word}").into_bytes());
    pair.a.machine.send(&there);
    assert!(pair.b.machine.dtls.send_application_data(&back).unwrap() > 0);
    let end = pair.elapsed() + Duration::from_secs(1);
    let both = pair.run_while(end, |pair| {
        let heard = Heard::Data(there.clone());
        !(pair.b.events.iter().any(|(_, event)| *event == heard)
            && pair.a.machine.received.contains(&back))
    });
    assert!(both, "{word}: {:?}\n{:?}", pair.a.machine.received, pair.b.events.last());
}

const MISSING: [(&str, &str); 1] = [("openssl", "openssl")];

#[test]
fn every_suite_works_with_dimpl_in_both_roles() {
    if is_missing(&MISSING) {
        return;
    }
    for (suite, key) in [
        (CipherSuite::Aes128GcmSha256, Key::P256),
        (CipherSuite::Aes256GcmSha384, Key::P384),
        (CipherSuite::ChaCha20Poly1305Sha256, Key::P256),
        (CipherSuite::EcdheEcdsaAes128GcmSha256, Key::P256),
        (CipherSuite::EcdheEcdsaAes256GcmSha384, Key::P384),
        (CipherSuite::EcdheEcdsaChaCha20Poly1305Sha256, Key::P256),
    ] {
        for role in ROLES {
            let mut setup = Setup::new(role, suite.version());
            setup.key = key;
            setup.theirs = match suite.version() {
                Version::Dtls13 => {
                    let number = Dtls13CipherSuite::from_u16(suite.to_wire());
                    setup.theirs.dtls13_cipher_suites(&[number])
                }
                _ => {
                    let number = Dtls12CipherSuite::from_u16(suite.to_wire());
                    setup.theirs.dtls12_cipher_suites(&[number])
                }
            };
            let mut pair = setup.pair(|_| {});
            let connected = connect(&mut pair);
            assert_eq!((connected.version, connected.cipher_suite), (suite.version(), suite));
            assert!(key.made(connected.peer_signature.unwrap(), connected.version));
            compare(&pair, connected.srtp_profile.unwrap());
            speak(&mut pair, "word");
        }
    }
}

#[test]
fn every_group_and_profile_works_with_dimpl_in_both_versions_and_roles() {
    if is_missing(&MISSING) {
        return;
    }
    let groups = [NamedGroup::X25519, NamedGroup::Secp256r1, NamedGroup::Secp384r1];
    let profiles =
        [SrtpProfile::Aes128CmSha1_80, SrtpProfile::AeadAes128Gcm, SrtpProfile::AeadAes256Gcm];
    for (group, profile) in groups.into_iter().zip(profiles) {
        for version in VERSIONS {
            for role in ROLES {
                let mut pair = Setup::new(role, version).pair(|config| {
                    config.groups = vec![group];
                    config.srtp_profiles = vec![profile];
                });
                let connected = connect(&mut pair);
                assert_eq!((connected.group, connected.srtp_profile), (group, Some(profile)));
                compare(&pair, profile);
                speak(&mut pair, "word");
            }
        }
    }
}

//= rfc9147#5.1
//= type=test
#[test]
fn cookies_come_back_to_dimpl_and_from_it() {
    if is_missing(&MISSING) {
        return;
    }
    for version in VERSIONS {
        for role in ROLES {
            let mut setup = Setup::new(role, version);
            setup.theirs = setup.theirs.use_server_cookie(true);
            let mut pair = setup.pair(|config| {
                let secret = Secret::new(vec![7; 32]);
                config.cookie = Some(Cookie { secret, previous: None, address: vec![1] });
            });
            assert!(connect(&mut pair).hello_retried, "{version:?} {role:?}");
            speak(&mut pair, "word");
        }
    }
}

#[test]
fn either_end_closes_and_dimpl_or_we_see_it() {
    if is_missing(&MISSING) {
        return;
    }
    for version in VERSIONS {
        for by_us in [true, false] {
            let mut pair = Setup::new(Role::Client, version).pair(|_| {});
            connect(&mut pair);
            speak(&mut pair, "word");
            if by_us {
                let now = pair.now();
                pair.a.machine.dtls.close(now);
            } else {
                pair.b.machine.dtls.close().unwrap();
            }
            pair.run_for(Duration::from_millis(100));
            if by_us {
                assert_eq!(pair.b.events.last().unwrap().1, Heard::Closed);
            } else {
                let last = pair.a.events.last().unwrap().1;
                assert_eq!(last, Event::Closed(CloseReason::PeerClosed));
            }
        }
    }
}

//= rfc9147#8
//= type=test
#[test]
fn keys_change_both_ways_with_dimpl() {
    if is_missing(&MISSING) {
        return;
    }
    for role in ROLES {
        let mut setup = Setup::new(role, Version::Dtls13);
        // It changes its keys after so many records.
        setup.theirs = setup.theirs.aead_encryption_limit(20);
        let mut pair = setup.pair(|_| {});
        connect(&mut pair);
        for round in 0..60 {
            if round % 10 == 9 {
                let now = pair.now();
                pair.a.machine.dtls.update_keys(now, round % 20 == 19).unwrap();
                pair.run_for(Duration::from_millis(200));
            }
            speak(&mut pair, &format!("round {round}"));
        }
        let stats = pair.a.machine.dtls.stats();
        assert!(stats.keys_updated >= 6 && stats.peer_keys_updated >= 2, "{stats:?}");
        assert_eq!((stats.records_not_authentic, stats.records_malformed), (0, 0));
    }
}

//= rfc9147#5.8.1
//= type=test
#[test]
fn a_network_that_loses_repeats_and_reorders_does_not_keep_dimpl_from_us() {
    if is_missing(&MISSING) {
        return;
    }
    for version in VERSIONS {
        for role in ROLES {
            for seed in 0..25 {
                let mut setup = Setup::new(role, version);
                setup.theirs = setup.theirs.flight_start_rto(Duration::from_millis(200)).mtu(500);
                setup.theirs = setup.theirs.flight_retries(12);
                let made = setup.pair(|config| config.mtu = 500);
                let mut net = Netem::new(seed);
                for host in [1, 2] {
                    net.add_host(Realm::PUBLIC, &[[203, 0, 113, host].into()]);
                }
                let mut pair = Pair::on(net, start(), made.a.machine, made.b.machine)
                    .with_delay(Duration::from_millis(20));
                for host in 0..2 {
                    let link = pair.uplink(host);
                    (link.loss, link.duplicate, link.reorder) = (0.2, 0.1, 0.1);
                }
                let connected = connect(&mut pair);
                assert_eq!(connected.version, version);
                for host in 0..2 {
                    let link = pair.uplink(host);
                    (link.loss, link.duplicate, link.reorder) = (0.0, 0.0, 0.0);
                }
                compare(&pair, connected.srtp_profile.unwrap());
                speak(&mut pair, "word");
            }
        }
    }
}
