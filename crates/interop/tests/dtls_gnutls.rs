//! DTLS 1.2 against GnuTLS's `gnutls-serv` and `gnutls-cli`, on loopback, in both roles.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "a failed expectation is a failed test"
)]

mod dtls;

use std::time::{Duration, Instant};

use antiphon_crypto::NamedGroup;
use antiphon_dtls::{CipherSuite, CloseReason, Event, Role, SrtpProfile, Version};

use crate::dtls::{Key, Ours, Peer, SRTP_LABEL, free_port, is_missing};

const NEEDED: [(&str, &str); 3] =
    [("gnutls-serv", "gnutls-bin"), ("gnutls-cli", "gnutls-bin"), ("openssl", "openssl")];

/// What both programs are told.
const COMMON: [&str; 7] = [
    "--udp",
    "--x509certfile",
    "cert.pem",
    "--x509keyfile",
    "key.pem",
    "--srtp-profiles",
    "SRTP_AES128_CM_HMAC_SHA1_80",
];
const PROFILE: SrtpProfile = SrtpProfile::Aes128CmSha1_80;

/// Suites, with GnuTLS's words for them and the kind of key.
const SUITES: [(CipherSuite, &str, Key); 6] = [
    (CipherSuite::EcdheEcdsaAes128GcmSha256, "+AES-128-GCM:+ECDHE-ECDSA", Key::P256),
    (CipherSuite::EcdheEcdsaAes256GcmSha384, "+AES-256-GCM:+ECDHE-ECDSA", Key::P384),
    (
        CipherSuite::EcdheEcdsaChaCha20Poly1305Sha256,
        "+CHACHA20-POLY1305:+ECDHE-ECDSA",
        Key::Ed25519,
    ),
    (CipherSuite::EcdheRsaAes128GcmSha256, "+AES-128-GCM:+ECDHE-RSA", Key::Rsa),
    (CipherSuite::EcdheRsaAes256GcmSha384, "+AES-256-GCM:+ECDHE-RSA", Key::Rsa),
    (CipherSuite::EcdheRsaChaCha20Poly1305Sha256, "+CHACHA20-POLY1305:+ECDHE-RSA", Key::Rsa),
];

fn priority(suite: &str, groups: &str) -> String {
    format!(
        "NONE:+VERS-DTLS1.2:{suite}:+AEAD:+SIGN-ALL:{groups}:+COMP-NULL:+CTYPE-ALL:%SAFE_RENEGOTIATION"
    )
}

/// A GnuTLS of the other role, which echoes when it is the server.
fn meet(role: Role, mut ours: Ours, key: Key, priority: &str) -> (Ours, Peer) {
    let mut arguments = COMMON.to_vec();
    arguments.extend(["--priority", priority]);
    let peer = match role {
        Role::Client => {
            let port = free_port();
            arguments.extend(["--port", &port, "--require-client-cert", "--echo"]);
            ours.peer = Some(format!("127.0.0.1:{port}").parse().unwrap());
            let peer = Peer::start("gnutls-serv", key, &arguments);
            peer.wait_for("IPv4 0.0.0.0 port");
            peer
        }
        Role::Server => {
            let port = ours.port().to_string();
            arguments.extend(["--port", &port, "--insecure", "127.0.0.1"]);
            arguments.extend(["--keymatexport", SRTP_LABEL, "--keymatexportsize", "60"]);
            Peer::start("gnutls-cli", key, &arguments)
        }
    };
    ours.dtls.set_remote_fingerprints(Instant::now(), &[peer.fingerprint()]);
    ours.dtls.start(Instant::now(), role).unwrap();
    (ours, peer)
}

/// Data both ways, and keys as far as the program shows them.
fn converse(role: Role, ours: &mut Ours, peer: &mut Peer) {
    match role {
        Role::Client => {
            ours.exported();
            ours.send(b"there and back\n");
            ours.run(peer, |ours| ours.has("there and back"));
        }
        Role::Server => {
            ours.run(peer, |_| peer.bytes("- Key material: ").is_some());
            assert_eq!(peer.bytes("- Key material: ").unwrap(), ours.exported());
            ours.send(b"from antiphon\n");
            ours.run(peer, |_| peer.says("from antiphon"));
            peer.write("from gnutls\n");
            ours.run(peer, |ours| ours.has("from gnutls"));
        }
    }
}

//= rfc5289#3.2
//= type=test
#[test]
fn every_suite_and_every_kind_of_key_works_with_gnutls_in_both_roles() {
    if is_missing(&NEEDED) {
        return;
    }
    for (suite, name, key) in SUITES {
        for role in [Role::Client, Role::Server] {
            let ours = Ours::with(key, |_| {});
            let (mut ours, mut peer) = meet(role, ours, key, &priority(name, "+GROUP-ALL"));
            let connected = ours.connected(&peer);
            assert_eq!((connected.version, connected.cipher_suite), (Version::Dtls12, suite));
            assert_eq!(connected.srtp_profile, Some(PROFILE));
            let signature = connected.peer_signature.unwrap();
            assert!(key.made(signature, connected.version), "{key:?} {signature:?}");
            converse(role, &mut ours, &mut peer);
        }
    }
}

//= rfc8422#5.1
//= type=test
#[test]
fn every_group_works_with_gnutls_in_both_roles() {
    if is_missing(&NEEDED) {
        return;
    }
    for (group, name) in [
        (NamedGroup::X25519, "+GROUP-X25519"),
        (NamedGroup::Secp256r1, "+GROUP-SECP256R1"),
        (NamedGroup::Secp384r1, "+GROUP-SECP384R1"),
    ] {
        for role in [Role::Client, Role::Server] {
            let ours = Ours::with(Key::Rsa, |_| {});
            let priority = priority("+AES-128-GCM:+ECDHE-RSA", name);
            let (mut ours, mut peer) = meet(role, ours, Key::Rsa, &priority);
            assert_eq!(ours.connected(&peer).group, group);
            converse(role, &mut ours, &mut peer);
        }
    }
}

//= rfc6347#4.2.1
//= type=test
#[test]
fn our_client_brings_the_cookie_back_that_a_gnutls_server_always_asks_for() {
    if is_missing(&NEEDED) {
        return;
    }
    let (mut ours, mut peer) = meet(Role::Client, Ours::new(|_| {}), Key::P256, "NORMAL");
    assert!(ours.connected(&peer).hello_retried);
    converse(Role::Client, &mut ours, &mut peer);
}

#[test]
fn either_end_closes_and_the_other_one_sees_it_with_gnutls() {
    if is_missing(&NEEDED) {
        return;
    }
    for by_us in [true, false] {
        let (mut ours, mut peer) = meet(Role::Server, Ours::new(|_| {}), Key::P256, "NORMAL");
        ours.connected(&peer);
        converse(Role::Server, &mut ours, &mut peer);
        if by_us {
            ours.dtls.close(Instant::now());
            ours.run(&peer, |_| peer.says("Peer has closed the GnuTLS connection"));
        } else {
            peer.close_input();
            ours.run(&peer, |ours| ours.events.len() == 2);
            assert_eq!(ours.events[1], Event::Closed(CloseReason::PeerClosed));
        }
    }
}

//= rfc6347#4.2.4
//= type=test
#[test]
fn lost_datagrams_are_made_up_for_with_gnutls_in_both_roles() {
    if is_missing(&NEEDED) {
        return;
    }
    for role in [Role::Client, Role::Server] {
        let mut ours = Ours::new(|config| {
            config.mtu = 400;
            config.initial_timeout = Some(Duration::from_millis(150));
        });
        // As a client, past the hellos: a server with a cookie does not remember those.
        ours.lost = [vec![2], vec![2]];
        let (mut ours, mut peer) = meet(role, ours, Key::P256, "NORMAL");
        ours.connected(&peer);
        converse(role, &mut ours, &mut peer);
        assert!(ours.dtls.stats().flights_repeated > 0);
    }
}
