//! The choice of a version, and what both versions agree on by extensions.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "a failed expectation is a failed test"
)]

mod common;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use antiphon_crypto::{CertificateParams, HashAlgorithm, NamedGroup, PublicKeyKind, Secret};
use antiphon_dtls::{
    CipherSuite, ClientCertificate, CloseReason, Config, Connected, Connection, CookieGate, Event,
    GateError, Incompatibility, KeyLog, PeerIdentity, Role, Verdict, Version,
};
use antiphon_testkit::start;
use common::{carry, config_both, connection, drain, provider};

fn shake_hands(ends: &mut [Connection; 2]) {
    let [client, server] = ends;
    for _ in 0..5 {
        carry(start(), client, server);
        carry(start(), server, client);
    }
}

/// What both ends of a handshake say.
fn outcome(client: Config, server: Config) -> [Event; 2] {
    let mut ends = [connection(0, client), connection(1, server)];
    shake_hands(&mut ends);
    for end in &mut ends {
        end.handle_timeout(start() + Duration::from_secs(31));
    }
    let [client, server] = &mut ends;
    [client, server].map(|end| end.poll_event().expect("it ends somehow"))
}

fn connected(client: Config, server: Config) -> Connected {
    match outcome(client, server) {
        [Event::Connected(one), Event::Connected(two)] => {
            assert_eq!(
                (one.version, one.cipher_suite, one.group),
                (two.version, two.cipher_suite, two.group)
            );
            assert_eq!(one.srtp_profile, two.srtp_profile);
            assert_eq!(one.hello_retried, two.hello_retried);
            one
        }
        other => panic!("{other:?}"),
    }
}

fn with(side: usize, configure: impl FnOnce(&mut Config)) -> Config {
    let mut config = config_both(side);
    config.groups = vec![NamedGroup::X25519, NamedGroup::Secp256r1];
    configure(&mut config);
    config
}

fn speaking(side: usize, versions: &[Version]) -> Config {
    with(side, |config| config.versions = versions.to_vec())
}

#[test]
fn the_newest_common_version_is_spoken() {
    use Version::{Dtls12, Dtls13};
    let both = [Dtls13, Dtls12];
    for (client, server, expected) in [
        (&both[..], &both[..], Dtls13),
        (&[Dtls12, Dtls13], &both, Dtls13),
        (&both, &[Dtls12], Dtls12),
        (&[Dtls12], &both, Dtls12),
        (&[Dtls13], &both, Dtls13),
        (&both, &[Dtls13], Dtls13),
    ] {
        let agreed = connected(speaking(0, client), speaking(1, server));
        assert_eq!(agreed.version, expected);
    }
    for (client, server) in [(Dtls12, Dtls13), (Dtls13, Dtls12)] {
        for event in outcome(speaking(0, &[client]), speaking(1, &[server])) {
            let Event::Closed(reason) = event else { panic!("{event:?}") };
            // Whoever sees it says so; the other one hears it, or nothing.
            assert!(matches!(
                reason,
                CloseReason::PeerIncompatible(Incompatibility::Version(_))
                    | CloseReason::PeerAlert(_)
                    | CloseReason::TimedOut
            ));
        }
    }
}

//= rfc8446#4.1.3
//= type=test
// attack: somebody takes 1.3 out of the client's offer
#[test]
fn a_downgrade_is_noticed_by_the_servers_random() {
    let mut client = connection(0, with(0, |_| {}));
    let mut old = connection(0, speaking(0, &[Version::Dtls12]));
    let mut server = connection(1, with(1, |_| {}));
    drain(start(), &mut client);
    // The server sees a hello without 1.3, the client the server's answer to it.
    carry(start(), &mut old, &mut server);
    carry(start(), &mut server, &mut client);
    client.handle_timeout(start() + Duration::from_secs(6));
    let Some(Event::Closed(reason)) = client.poll_event() else { panic!() };
    assert_eq!(reason.sent_alert().map(|alert| alert.0), Some(47), "{reason:?}");
}

#[test]
fn every_suite_of_1_2_works_with_the_key_it_is_for() {
    for kind in [PublicKeyKind::EcdsaP256, PublicKeyKind::Rsa { bits: 2048 }] {
        let mut params = CertificateParams::new(Duration::from_secs(1_790_000_000));
        params.kind = kind;
        let certificate = provider(7).generate_certificate(&params).unwrap();
        let print = certificate.fingerprint(&*provider(0), HashAlgorithm::Sha256).unwrap();
        for suite in CipherSuite::ALL.into_iter().filter(|suite| suite.version() == Version::Dtls12)
        {
            let rsa = suite.name().contains("_RSA_");
            if rsa != matches!(kind, PublicKeyKind::Rsa { .. }) {
                continue;
            }
            let client = with(0, |config| config.cipher_suites = vec![suite]);
            let server = with(1, |config| config.certificate = Some(certificate.clone()));
            let mut client = Connection::new(client, [1; 32], start());
            client.set_remote_fingerprints(start(), &[print]);
            client.start(start(), Role::Client).unwrap();
            let mut ends = [client, connection(1, server)];
            shake_hands(&mut ends);
            let Some(Event::Connected(connected)) = ends[0].poll_event() else {
                panic!("{suite:?}")
            };
            assert_eq!((connected.cipher_suite, connected.version), (suite, Version::Dtls12));
        }
    }
}

#[test]
fn certificates_of_every_kind_are_taken_in_both_versions() {
    for kind in [
        PublicKeyKind::EcdsaP256,
        PublicKeyKind::EcdsaP384,
        PublicKeyKind::Ed25519,
        PublicKeyKind::Rsa { bits: 2048 },
    ] {
        let mut params = CertificateParams::new(Duration::from_secs(1_790_000_000));
        params.kind = kind;
        let certificate = provider(7).generate_certificate(&params).unwrap();
        let print = certificate.fingerprint(&*provider(0), HashAlgorithm::Sha256).unwrap();
        for version in [Version::Dtls12, Version::Dtls13] {
            let make = |side: usize| {
                let config = with(side, |config| {
                    config.versions = vec![version];
                    config.certificate = Some(certificate.clone());
                });
                let mut end = Connection::new(config, [side as u8; 32], start());
                end.set_remote_fingerprints(start(), &[print]);
                end.start(start(), common::role(side)).unwrap();
                end
            };
            let mut ends = [make(0), make(1)];
            shake_hands(&mut ends);
            assert!(ends.iter().all(Connection::is_connected), "{kind:?} {version:?}");
        }
    }
}

//= rfc7301#3.2
//= type=test
#[test]
fn protocols_are_agreed_on_or_the_handshake_ends() {
    let protocols = |side, list: &[&str], version| {
        with(side, |config| {
            config.versions = vec![version];
            config.alpn_protocols = list.iter().map(|name| name.as_bytes().to_vec()).collect();
        })
    };
    for version in [Version::Dtls12, Version::Dtls13] {
        for (client, server, expected) in [
            (&["webrtc", "c-webrtc"][..], &["c-webrtc", "webrtc"][..], Some("c-webrtc")),
            (&["webrtc"], &[], None),
            (&[], &["webrtc"], None),
        ] {
            let (client, server) = (protocols(0, client, version), protocols(1, server, version));
            let mut ends = [connection(0, client), connection(1, server)];
            shake_hands(&mut ends);
            for end in &ends {
                assert!(end.is_connected());
                assert_eq!(end.alpn_protocol(), expected.map(str::as_bytes));
            }
        }
        let [_, server] = outcome(protocols(0, &["x"], version), protocols(1, &["y"], version));
        let none = CloseReason::PeerIncompatible(Incompatibility::ApplicationProtocol);
        assert_eq!(server, Event::Closed(none));
    }
}

#[test]
fn clients_without_a_certificate_are_served_where_that_is_allowed() {
    for version in [Version::Dtls12, Version::Dtls13] {
        for (wanted, works) in [
            (ClientCertificate::Required, false),
            (ClientCertificate::Requested, true),
            (ClientCertificate::NotRequested, true),
        ] {
            let client = with(0, |config| {
                config.versions = vec![version];
                config.certificate = None;
                config.client_certificate = ClientCertificate::Requested;
            });
            let server = with(1, |config| {
                config.client_certificate = wanted;
                config.peer_identity = PeerIdentity::Unverified;
            });
            let [_, server] = outcome(client, server);
            let none = Incompatibility::NoCertificate(version);
            let refused = Event::Closed(CloseReason::PeerIncompatible(none));
            assert_eq!(server == refused, !works, "{version:?} {wanted:?} {server:?}");
            assert_eq!(matches!(server, Event::Connected(_)), works);
        }
        // WebRTC's clients want to be asked.
        let client = with(0, |config| config.versions = vec![version]);
        let server = with(1, |config| {
            config.client_certificate = ClientCertificate::NotRequested;
            config.peer_identity = PeerIdentity::Unverified;
        });
        let [client, _] = outcome(client, server);
        let none = CloseReason::PeerIncompatible(Incompatibility::NoCertificateRequest);
        assert_eq!(client, Event::Closed(none));
    }
}

//= rfc9147#5.1
//= type=test
// attack: hellos from addresses that are not the sender's
#[test]
fn a_gate_spends_nothing_before_the_cookie_came_back() {
    for (versions, hybrid) in [
        (vec![Version::Dtls12], false),
        (vec![Version::Dtls13], false),
        (vec![Version::Dtls13, Version::Dtls12], true),
    ] {
        let offer = |side| {
            with(side, |config| {
                config.versions.clone_from(&versions);
                if hybrid {
                    config.groups.insert(0, NamedGroup::X25519MlKem768);
                }
            })
        };
        let mut client = connection(0, offer(0));
        let mut gate = CookieGate::new(offer(1), Secret::from(&[9; 32][..]));
        let mut answers = 0;
        let (cookie, datagrams) = 'admitted: loop {
            for datagram in drain(start(), &mut client) {
                match gate.handle(b"client", &datagram).unwrap() {
                    Verdict::Wait => {}
                    Verdict::Answer(mut answer) => {
                        assert!(answer.len() < 3 * datagram.len(), "no amplification");
                        answers += 1;
                        // The secret may change in between, once.
                        gate.rotate(Secret::from(&[10; 32][..]));
                        client.handle_input(start(), &mut answer).unwrap();
                    }
                    Verdict::Admit { cookie, datagrams } => break 'admitted (cookie, datagrams),
                    other => panic!("{other:?}"),
                }
            }
        };
        assert_eq!(answers, 1);
        // From elsewhere the same datagrams are not admitted.
        for datagram in &datagrams {
            assert!(!matches!(gate.handle(b"elsewhere", datagram), Ok(Verdict::Admit { .. })));
        }
        let mut config = offer(1);
        config.cookie = Some(cookie);
        let mut server = connection(1, config);
        for mut datagram in datagrams {
            server.handle_input(start(), &mut datagram).unwrap();
        }
        let mut ends = [client, server];
        let [client, server] = &mut ends;
        carry(start(), server, client);
        shake_hands(&mut ends);
        assert!(ends.iter().all(Connection::is_connected), "{versions:?}");
    }
    let mut gate = CookieGate::new(with(1, |_| {}), Secret::from(&[9; 32][..]));
    assert!(matches!(gate.handle(b"client", &[23; 30]), Err(GateError::Input(_))));
}

// attack: hellos in parts, without end, from many addresses
#[test]
fn a_gate_remembers_few_hellos() {
    let mut client =
        connection(0, with(0, |config| config.groups.insert(0, NamedGroup::X25519MlKem768)));
    let hello = drain(start(), &mut client);
    assert!(hello.len() > 1);
    let mut gate = CookieGate::new(with(1, |_| {}), Secret::from(&[9; 32][..]));
    for address in 0..1000u32 {
        let verdict = gate.handle(&address.to_be_bytes(), &hello[0]);
        assert!(matches!(verdict, Ok(Verdict::Wait)));
    }
    // The first are forgotten, the last not.
    let last = gate.handle(&999u32.to_be_bytes(), &hello[1]);
    assert!(matches!(last, Ok(Verdict::Answer(_))), "{last:?}");
    let first = gate.handle(&0u32.to_be_bytes(), &hello[1]);
    assert!(matches!(first, Ok(Verdict::Wait)), "{first:?}");
}

#[test]
fn a_connection_may_ask_for_the_cookie_itself() {
    for version in [Version::Dtls12, Version::Dtls13] {
        let cookie = antiphon_dtls::Cookie {
            secret: Secret::from(&[3; 32][..]),
            previous: None,
            address: b"client".to_vec(),
        };
        let server = with(1, |config| config.cookie = Some(cookie));
        let client = speaking(0, &[version]);
        let agreed = connected(client, server);
        assert_eq!(agreed.version, version);
        assert!(agreed.hello_retried, "{version:?}");
    }
}

#[derive(Debug, Default)]
struct Log(Mutex<Vec<(&'static str, Vec<u8>)>>);

impl KeyLog for Log {
    fn log(&self, label: &'static str, client_random: &[u8; 32], secret: &[u8]) {
        assert_ne!(*client_random, [0; 32]);
        self.0.lock().unwrap().push((label, secret.to_vec()));
    }
}

#[test]
fn a_key_log_is_told_the_same_by_both_ends() {
    for (version, labels) in [(Version::Dtls12, 1), (Version::Dtls13, 5)] {
        let logs = [Arc::new(Log::default()), Arc::new(Log::default())];
        let end = |side: usize| {
            let log: Arc<dyn KeyLog> = Arc::<Log>::clone(&logs[side]);
            with(side, |config| {
                config.versions = vec![version];
                config.key_log = Some(log);
            })
        };
        connected(end(0), end(1));
        let [mut client, mut server] = logs.map(|log| log.0.lock().unwrap().clone());
        client.sort();
        server.sort();
        assert_eq!(client.len(), labels);
        assert_eq!(client, server);
    }
}
