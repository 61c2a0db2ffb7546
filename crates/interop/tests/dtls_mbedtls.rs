//! DTLS 1.2 against Mbed TLS 2.28, on loopback, in both roles. A small program of ours in C
//! (`dtls/mbedtls.c`) is the peer; `cc` builds it here.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "a failed expectation is a failed test"
)]

mod dtls;

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use antiphon_crypto::NamedGroup;
use antiphon_dtls::{CipherSuite, Config, Role, SrtpProfile, Version};

use crate::dtls::{Key, Ours, Peer, close, compile, converse, is_missing, meet};

const NEEDED: [(&str, &str); 3] =
    [("openssl", "openssl"), ("cc", "gcc"), ("/usr/include/mbedtls/ssl.h", "libmbedtls-dev")];

/// Suites, with the peer's names and the kind of key they take.
const SUITES: [(CipherSuite, &str, Key); 6] = [
    (CipherSuite::EcdheEcdsaAes128GcmSha256, "TLS-ECDHE-ECDSA-WITH-AES-128-GCM-SHA256", Key::P256),
    (CipherSuite::EcdheEcdsaAes256GcmSha384, "TLS-ECDHE-ECDSA-WITH-AES-256-GCM-SHA384", Key::P384),
    (
        CipherSuite::EcdheEcdsaChaCha20Poly1305Sha256,
        "TLS-ECDHE-ECDSA-WITH-CHACHA20-POLY1305-SHA256",
        Key::P256,
    ),
    (CipherSuite::EcdheRsaAes128GcmSha256, "TLS-ECDHE-RSA-WITH-AES-128-GCM-SHA256", Key::Rsa),
    (CipherSuite::EcdheRsaAes256GcmSha384, "TLS-ECDHE-RSA-WITH-AES-256-GCM-SHA384", Key::Rsa),
    (
        CipherSuite::EcdheRsaChaCha20Poly1305Sha256,
        "TLS-ECDHE-RSA-WITH-CHACHA20-POLY1305-SHA256",
        Key::Rsa,
    ),
];

/// The program, built once; `None` where something is missing.
fn program() -> Option<&'static Path> {
    static PROGRAM: OnceLock<Option<PathBuf>> = OnceLock::new();
    let libraries = || ["-lmbedtls", "-lmbedx509", "-lmbedcrypto"].map(Into::into).to_vec();
    let build = || (!is_missing(&NEEDED)).then(|| compile("mbedtls", libraries));
    PROGRAM.get_or_init(build).as_deref()
}

/// The library wants a hello in one piece, and one with a share of a hybrid group takes two.
fn modest(config: &mut Config) {
    config.groups = vec![NamedGroup::X25519, NamedGroup::Secp256r1, NamedGroup::Secp384r1];
}

const ROLES: [Role; 2] = [Role::Client, Role::Server];

/// Meets the peer with a suite, a group and a cookie of its choice.
fn meet_with(role: Role, ours: Ours, key: Key, arguments: [&str; 3]) -> Option<(Ours, Peer)> {
    Some(meet(program()?, role, ours, key, &arguments))
}

//= rfc5289#3.2
//= type=test
#[test]
fn every_suite_of_1_2_works_with_mbedtls_in_both_roles() {
    for (suite, name, key) in SUITES {
        for role in ROLES {
            // The suite follows from the server's key; ours is of the same kind.
            let ours = Ours::with(key, modest);
            let Some((mut ours, mut peer)) = meet_with(role, ours, key, [name, "-", "-"]) else {
                return;
            };
            let connected = ours.connected(&peer);
            assert_eq!((connected.version, connected.cipher_suite), (Version::Dtls12, suite));
            assert_eq!(connected.srtp_profile, Some(SrtpProfile::Aes128CmSha1_80));
            let signature = connected.peer_signature.unwrap();
            assert!(key.made(signature, connected.version), "{key:?} {signature:?}");
            converse(&mut ours, &mut peer);
            assert_eq!(peer.line("connected ").unwrap(), format!("DTLSv1.2 {name} -"));
            close(&mut ours, &mut peer, role == Role::Client);
        }
    }
}

//= rfc8422#5.1
//= type=test
#[test]
fn every_group_of_1_2_works_with_mbedtls_in_both_roles() {
    for (group, name) in [
        (NamedGroup::X25519, "x25519"),
        (NamedGroup::Secp256r1, "secp256r1"),
        (NamedGroup::Secp384r1, "secp384r1"),
    ] {
        for role in ROLES {
            // The peer takes keys of its groups only; RSA has none.
            let ours = Ours::with(Key::Rsa, modest);
            let Some((mut ours, mut peer)) = meet_with(role, ours, Key::Rsa, ["-", name, "-"])
            else {
                return;
            };
            let connected = ours.connected(&peer);
            assert_eq!(connected.group, group);
            converse(&mut ours, &mut peer);
        }
    }
}

//= rfc6347#4.2.1
//= type=test
#[test]
fn our_client_brings_the_cookie_back_that_an_mbedtls_server_asks_for() {
    let Some((mut ours, mut peer)) =
        meet_with(Role::Client, Ours::new(modest), Key::P256, ["-", "-", "cookie"])
    else {
        return;
    };
    let connected = ours.connected(&peer);
    assert!(connected.hello_retried);
    assert!(peer.says("cookie\n"), "{}", peer.output());
    converse(&mut ours, &mut peer);
}

//= rfc6347#4.2.4
//= type=test
#[test]
fn lost_datagrams_are_made_up_for_with_mbedtls_in_both_roles() {
    // Small ones, so that flights take several, of which a few are lost both ways, the last
    // flight too.
    let small = |config: &mut Config| {
        modest(config);
        config.mtu = 400;
        config.initial_timeout = Some(std::time::Duration::from_millis(150));
    };
    for role in ROLES {
        for lost in [[vec![0], vec![]], [vec![1], vec![0]], [vec![2, 3], vec![1, 2]]] {
            let mut ours = Ours::new(small);
            ours.lost = lost;
            let Some((mut ours, mut peer)) = meet_with(role, ours, Key::P256, ["-", "-", "-"])
            else {
                return;
            };
            ours.connected(&peer);
            assert!(ours.dtls.stats().datagrams_sent > 2);
            converse(&mut ours, &mut peer);
        }
    }
}
