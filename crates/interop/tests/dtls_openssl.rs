//! DTLS against OpenSSL's `s_server` and `s_client`, on loopback, in both roles: handshake with
//! certificates on both sides, profiles for SRTP, exporters, data, and the end.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "a failed expectation is a failed test"
)]

mod dtls;

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use antiphon_crypto::{Fingerprint, HashAlgorithm};
use antiphon_dtls::{
    CipherSuite, CloseReason, Config, Event, Incompatibility, Role, SrtpProfile, Version,
};
use tempfile::TempDir;

use crate::dtls::{Key, LIMIT, Ours, Peer, SRTP_LABEL, free_port, is_missing, make_certificate};

const NEEDED: [(&str, &str); 1] = [("openssl", "openssl")];

/// The line with what OpenSSL exported, out of its output.
const MATERIAL: &str = "Keying material: ";

/// What both roles have in common: keys agree, data passes, the end is seen.
fn exchange(ours: &mut Ours, openssl: &mut Peer, profile: SrtpProfile, len: usize) {
    let connected = ours.connected(openssl);
    assert_eq!((connected.version, connected.srtp_profile), (Version::Dtls12, Some(profile)));
    ours.run(openssl, |_| openssl.bytes(MATERIAL).is_some());
    let exported = ours.exported();
    assert_eq!((openssl.bytes(MATERIAL).unwrap(), exported.len()), (exported, len));

    ours.send(b"from antiphon\n");
    ours.run(openssl, |_| openssl.says("from antiphon"));
    openssl.write("from openssl\n");
    ours.run(openssl, |ours| ours.has("from openssl"));
}

/// We are the client, `arguments` make the server special.
fn against_server(arguments: &[&str], key: Key, mut ours: Ours) -> (Ours, Peer) {
    let port = free_port();
    let mut all = vec!["s_server", "-4", "-port", &port, "-Verify", "1"];
    all.extend_from_slice(&IDENTITY);
    all.extend_from_slice(arguments);
    let openssl = Peer::start("openssl", key, &all);
    openssl.wait_for("ACCEPT");
    ours.peer = Some(format!("127.0.0.1:{port}").parse().unwrap());
    ours.dtls.set_remote_fingerprints(Instant::now(), &[openssl.fingerprint()]);
    ours.dtls.start(Instant::now(), Role::Client).unwrap();
    (ours, openssl)
}

/// We are the server, `arguments` make the client special.
fn against_client(arguments: &[&str], key: Key, mut ours: Ours) -> (Ours, Peer) {
    let target = format!("127.0.0.1:{}", ours.port());
    let mut all = vec!["s_client", "-connect", &target];
    all.extend_from_slice(&IDENTITY);
    all.extend_from_slice(arguments);
    let openssl = Peer::start("openssl", key, &all);
    ours.dtls.set_remote_fingerprints(Instant::now(), &[openssl.fingerprint()]);
    ours.dtls.start(Instant::now(), Role::Server).unwrap();
    (ours, openssl)
}

/// Suites by OpenSSL's names, with the kind of key; over DTLS it takes no Ed25519.
const SUITES: [(CipherSuite, &str, Key); 6] = [
    (CipherSuite::EcdheEcdsaAes128GcmSha256, "ECDHE-ECDSA-AES128-GCM-SHA256", Key::P256),
    (CipherSuite::EcdheEcdsaAes256GcmSha384, "ECDHE-ECDSA-AES256-GCM-SHA384", Key::P384),
    (CipherSuite::EcdheEcdsaChaCha20Poly1305Sha256, "ECDHE-ECDSA-CHACHA20-POLY1305", Key::P256),
    (CipherSuite::EcdheRsaAes128GcmSha256, "ECDHE-RSA-AES128-GCM-SHA256", Key::Rsa),
    (CipherSuite::EcdheRsaAes256GcmSha384, "ECDHE-RSA-AES256-GCM-SHA384", Key::Rsa),
    (CipherSuite::EcdheRsaChaCha20Poly1305Sha256, "ECDHE-RSA-CHACHA20-POLY1305", Key::Rsa),
];

const IDENTITY: [&str; 5] = ["-dtls1_2", "-cert", "cert.pem", "-key", "key.pem"];
const SHA1_80: &[&str] =
    &["-use_srtp", "SRTP_AES128_CM_SHA1_80", "-keymatexport", SRTP_LABEL, "-keymatexportlen", "60"];
const GCM_128: &[&str] =
    &["-use_srtp", "SRTP_AEAD_AES_128_GCM", "-keymatexport", SRTP_LABEL, "-keymatexportlen", "56"];
const GCM_256: &[&str] =
    &["-use_srtp", "SRTP_AEAD_AES_256_GCM", "-keymatexport", SRTP_LABEL, "-keymatexportlen", "88"];

#[test]
fn our_client_works_with_an_openssl_server() {
    if is_missing(&NEEDED) {
        return;
    }
    for (arguments, profile, len) in [
        (SHA1_80, SrtpProfile::Aes128CmSha1_80, 60),
        (GCM_128, SrtpProfile::AeadAes128Gcm, 56),
        (GCM_256, SrtpProfile::AeadAes256Gcm, 88),
    ] {
        let (mut ours, mut openssl) = against_server(arguments, Key::P256, Ours::new(|_| {}));
        exchange(&mut ours, &mut openssl, profile, len);
        ours.dtls.close(Instant::now());
        ours.turn();
        openssl.wait_for("DONE");
    }
}

#[test]
fn our_server_works_with_an_openssl_client() {
    if is_missing(&NEEDED) {
        return;
    }
    for (arguments, profile, len) in [
        (SHA1_80, SrtpProfile::Aes128CmSha1_80, 60),
        (GCM_128, SrtpProfile::AeadAes128Gcm, 56),
        (GCM_256, SrtpProfile::AeadAes256Gcm, 88),
    ] {
        let (mut ours, mut openssl) = against_client(arguments, Key::P256, Ours::new(|_| {}));
        exchange(&mut ours, &mut openssl, profile, len);
        openssl.write("Q\n");
        ours.run(&openssl, |ours| ours.events.len() == 2);
        assert_eq!(ours.events[1], Event::Closed(CloseReason::PeerClosed));
    }
}

//= rfc5289#3.2
//= type=test
#[test]
fn every_suite_and_every_kind_of_key_works_with_openssl_in_both_roles() {
    if is_missing(&NEEDED) {
        return;
    }
    for (suite, name, key) in SUITES {
        let arguments: Vec<&str> = SHA1_80.iter().copied().chain(["-cipher", name]).collect();
        for role in [Role::Client, Role::Server] {
            let ours = Ours::with(key, |_| {});
            let (mut ours, mut openssl) = match role {
                Role::Client => against_server(&arguments, key, ours),
                Role::Server => against_client(&arguments, key, ours),
            };
            let connected = ours.connected(&openssl);
            assert_eq!(connected.cipher_suite, suite);
            let signature = connected.peer_signature.unwrap();
            assert!(key.made(signature, connected.version), "{key:?} {signature:?}");
            exchange(&mut ours, &mut openssl, SrtpProfile::Aes128CmSha1_80, 60);
        }
    }
}

//= rfc6347#4.2.4
//= type=test
#[test]
fn lost_datagrams_are_made_up_for_with_openssl_in_both_roles() {
    if is_missing(&NEEDED) {
        return;
    }
    for role in [Role::Client, Role::Server] {
        let mut ours = Ours::new(|config| {
            config.mtu = 400;
            config.initial_timeout = Some(Duration::from_millis(150));
        });
        ours.lost = [vec![1], vec![0]];
        let (mut ours, mut openssl) = match role {
            Role::Client => against_server(SHA1_80, Key::P256, ours),
            Role::Server => against_client(SHA1_80, Key::P256, ours),
        };
        exchange(&mut ours, &mut openssl, SrtpProfile::Aes128CmSha1_80, 60);
        assert!(ours.dtls.stats().flights_repeated > 0);
    }
}

//= rfc6347#4.2.1
//= type=test
#[test]
fn our_client_brings_the_cookie_back_that_an_openssl_server_asks_for() {
    if is_missing(&NEEDED) {
        return;
    }
    let arguments: Vec<&str> = SHA1_80.iter().copied().chain(["-listen"]).collect();
    let (mut ours, mut openssl) = against_server(&arguments, Key::P256, Ours::new(|_| {}));
    exchange(&mut ours, &mut openssl, SrtpProfile::Aes128CmSha1_80, 60);
    assert!(ours.dtls.stats().datagrams_sent >= 3, "two hellos and a flight");
}

#[test]
fn small_datagrams_work_with_openssl_in_both_roles() {
    if is_missing(&NEEDED) {
        return;
    }
    let arguments: Vec<&str> = SHA1_80.iter().copied().chain(["-mtu", "256"]).collect();
    let small = |config: &mut Config| config.mtu = 200;
    let (mut ours, mut openssl) = against_server(&arguments, Key::P256, Ours::new(small));
    exchange(&mut ours, &mut openssl, SrtpProfile::Aes128CmSha1_80, 60);
    let (mut ours, mut openssl) = against_client(&arguments, Key::P256, Ours::new(small));
    exchange(&mut ours, &mut openssl, SrtpProfile::Aes128CmSha1_80, 60);
}

//= rfc8122#5.1
//= type=test
#[test]
fn an_openssl_peer_with_another_certificate_is_told_so_and_left() {
    if is_missing(&NEEDED) {
        return;
    }
    let wrong = Fingerprint::new(HashAlgorithm::Sha256, &[7; 32]).unwrap();
    for role in [Role::Client, Role::Server] {
        let (mut ours, openssl) = match role {
            Role::Client => against_server(SHA1_80, Key::P256, Ours::new(|_| {})),
            Role::Server => against_client(SHA1_80, Key::P256, Ours::new(|_| {})),
        };
        // Nobody may change the fingerprints of a connection, so this is a fresh one.
        ours.dtls = Ours::new(|_| {}).dtls;
        ours.dtls.set_remote_fingerprints(Instant::now(), &[wrong]);
        ours.dtls.start(Instant::now(), role).unwrap();
        ours.run(&openssl, |ours| !ours.events.is_empty());
        assert_eq!(ours.events, [Event::Closed(CloseReason::FingerprintMismatch)]);
        openssl.wait_for("bad certificate");
    }
}

// attack: a client that leaves its certificate out (CVE-2022-29222)
#[test]
fn an_openssl_client_without_a_certificate_is_refused() {
    if is_missing(&NEEDED) {
        return;
    }
    let dir = TempDir::new().unwrap();
    make_certificate(dir.path(), Key::P256);
    let mut ours = Ours::new(|_| {});
    ours.dtls.start(Instant::now(), Role::Server).unwrap();
    let target = format!("127.0.0.1:{}", ours.port());
    let mut child = Command::new("openssl")
        .args(["s_client", "-dtls1_2", "-connect", &target])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let begin = Instant::now();
    while ours.events.is_empty() && begin.elapsed() < LIMIT {
        ours.turn();
    }
    let _ = child.kill();
    let _ = child.wait();
    let [Event::Closed(CloseReason::PeerIncompatible(incompatibility))] = ours.events[..] else {
        panic!("{:?}", ours.events)
    };
    assert!(matches!(incompatibility, Incompatibility::NoCertificate(_)), "{incompatibility:?}");
}
