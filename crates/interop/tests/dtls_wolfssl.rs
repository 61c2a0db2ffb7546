//! DTLS 1.3 and 1.2 against wolfSSL 5.9, on loopback, in both roles. A small program of ours in C
//! (`dtls/wolfssl.c`) is the peer; `dtls/wolfssl.rs` says where the library comes from.
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

use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use antiphon_crypto::{NamedGroup, Secret};
use antiphon_dtls::{CipherSuite, Config, Cookie, Role, SrtpProfile, Version};

use crate::dtls::{Key, Ours, Peer, close, converse, is_missing, meet, speak, wolfssl};

const NEEDED: [(&str, &str); 2] = [("openssl", "openssl"), ("cc", "gcc")];
const ROLES: [Role; 2] = [Role::Client, Role::Server];

/// Suites, with the peer's names and a kind of key.
const SUITES: [(CipherSuite, &str, Key); 10] = [
    (CipherSuite::Aes128GcmSha256, "TLS13-AES128-GCM-SHA256", Key::P256),
    (CipherSuite::Aes256GcmSha384, "TLS13-AES256-GCM-SHA384", Key::P384),
    (CipherSuite::ChaCha20Poly1305Sha256, "TLS13-CHACHA20-POLY1305-SHA256", Key::Ed25519),
    (CipherSuite::Aes128GcmSha256, "TLS13-AES128-GCM-SHA256", Key::Rsa),
    (CipherSuite::EcdheEcdsaAes128GcmSha256, "ECDHE-ECDSA-AES128-GCM-SHA256", Key::P256),
    (CipherSuite::EcdheEcdsaAes256GcmSha384, "ECDHE-ECDSA-AES256-GCM-SHA384", Key::P384),
    (CipherSuite::EcdheEcdsaChaCha20Poly1305Sha256, "ECDHE-ECDSA-CHACHA20-POLY1305", Key::P256),
    (CipherSuite::EcdheRsaAes128GcmSha256, "ECDHE-RSA-AES128-GCM-SHA256", Key::Rsa),
    (CipherSuite::EcdheRsaAes256GcmSha384, "ECDHE-RSA-AES256-GCM-SHA384", Key::Rsa),
    (CipherSuite::EcdheRsaChaCha20Poly1305Sha256, "ECDHE-RSA-CHACHA20-POLY1305", Key::Rsa),
];

const GROUPS: [(NamedGroup, &str); 4] = [
    (NamedGroup::X25519, "x25519"),
    (NamedGroup::Secp256r1, "p256"),
    (NamedGroup::Secp384r1, "p384"),
    (NamedGroup::X25519MlKem768, "mlkem"),
];

const PROFILES: [(SrtpProfile, &str); 3] = [
    (SrtpProfile::Aes128CmSha1_80, "SRTP_AES128_CM_SHA1_80"),
    (SrtpProfile::AeadAes128Gcm, "SRTP_AEAD_AES_128_GCM"),
    (SrtpProfile::AeadAes256Gcm, "SRTP_AEAD_AES_256_GCM"),
];

/// The peer's server wants the first hello in one piece, because it remembers nothing before its
/// cookie comes back; on loopback a hello with a share of the hybrid group can be one.
fn whole(config: &mut Config) {
    config.mtu = 1472;
}

/// What the peer is started with; by default it leaves everything to the library.
struct Theirs {
    version: &'static str,
    suite: &'static str,
    groups: &'static str,
    srtp: &'static str,
    option: &'static str,
    key: Key,
}

impl Theirs {
    const fn new(version: &'static str) -> Self {
        let srtp = "SRTP_AEAD_AES_128_GCM";
        Self { version, suite: "-", groups: "-", srtp, option: "-", key: Key::P256 }
    }

    /// Meets it, in the role that is ours.
    fn meet(&self, role: Role, ours: Ours) -> (Ours, Peer) {
        let arguments = [self.version, self.suite, self.groups, self.srtp, self.option];
        meet(program().unwrap(), role, ours, self.key, &arguments)
    }
}

/// The program, built once; `None` where something is missing.
fn program() -> Option<&'static Path> {
    static PROGRAM: OnceLock<Option<PathBuf>> = OnceLock::new();
    PROGRAM.get_or_init(|| (!is_missing(&NEEDED)).then(wolfssl::program)).as_deref()
}

const fn number(version: Version) -> &'static str {
    match version {
        Version::Dtls13 => "1.3",
        _ => "1.2",
    }
}

#[test]
fn every_suite_and_every_kind_of_key_works_with_wolfssl_in_both_roles() {
    if program().is_none() {
        return;
    }
    for (suite, name, key) in SUITES {
        for role in ROLES {
            let version = suite.version();
            let theirs = Theirs { suite: name, key, ..Theirs::new(number(version)) };
            let (mut ours, mut peer) = theirs.meet(role, Ours::with(key, whole));
            let connected = ours.connected(&peer);
            assert_eq!((connected.version, connected.cipher_suite), (version, suite));
            assert_eq!(connected.srtp_profile, Some(SrtpProfile::AeadAes128Gcm));
            let signature = connected.peer_signature.unwrap();
            assert!(key.made(signature, connected.version), "{key:?} {signature:?}");
            converse(&mut ours, &mut peer);
            close(&mut ours, &mut peer, role == Role::Client);
        }
    }
}

//= rfc9147#5.3
//= type=test
#[test]
fn every_group_works_with_wolfssl_in_both_roles() {
    if program().is_none() {
        return;
    }
    for (group, name) in GROUPS {
        for role in ROLES {
            let theirs = Theirs { groups: name, ..Theirs::new("1.3") };
            let (mut ours, mut peer) = theirs.meet(role, Ours::new(whole));
            let connected = ours.connected(&peer);
            assert_eq!((connected.version, connected.group), (Version::Dtls13, group));
            converse(&mut ours, &mut peer);
        }
    }
}

//= rfc5764#4.1.1
//= type=test
#[test]
fn every_profile_for_srtp_works_with_wolfssl_in_both_versions_and_roles() {
    if program().is_none() {
        return;
    }
    for (profile, name) in PROFILES {
        for version in ["1.2", "1.3"] {
            for role in ROLES {
                let theirs = Theirs { srtp: name, ..Theirs::new(version) };
                let (mut ours, mut peer) = theirs.meet(role, Ours::new(whole));
                assert_eq!(ours.connected(&peer).srtp_profile, Some(profile));
                converse(&mut ours, &mut peer);
            }
        }
    }
}

//= rfc9147#5.1
//= type=test
#[test]
fn our_client_brings_the_cookie_back_that_a_wolfssl_server_asks_for() {
    if program().is_none() {
        return;
    }
    for (option, retried) in [("-", true), ("no-cookie", false)] {
        // A group of which we send a share: otherwise it takes a second hello anyway.
        let theirs = Theirs { groups: "x25519", option, ..Theirs::new("1.3") };
        let (mut ours, mut peer) = theirs.meet(Role::Client, Ours::new(whole));
        assert_eq!(ours.connected(&peer).hello_retried, retried, "{option}");
        converse(&mut ours, &mut peer);
    }
}

//= rfc9147#5.1
//= type=test
#[test]
fn a_wolfssl_client_brings_our_cookie_back_in_both_versions() {
    if program().is_none() {
        return;
    }
    for version in ["1.2", "1.3"] {
        let ours = Ours::new(|config| {
            let secret = Secret::new(vec![7; 32]);
            config.cookie = Some(Cookie { secret, previous: None, address: vec![1] });
        });
        let (mut ours, mut peer) = Theirs::new(version).meet(Role::Server, ours);
        assert!(ours.connected(&peer).hello_retried, "{version}");
        converse(&mut ours, &mut peer);
    }
}

//= rfc8446#4.1.4
//= type=test
#[test]
fn a_wolfssl_client_with_a_share_of_another_group_is_asked_for_ours() {
    if program().is_none() {
        return;
    }
    let ours = Ours::new(|config| config.groups = vec![NamedGroup::Secp384r1]);
    let theirs = Theirs { groups: "x25519,p384", ..Theirs::new("1.3") };
    let (mut ours, mut peer) = theirs.meet(Role::Server, ours);
    let connected = ours.connected(&peer);
    assert!(connected.hello_retried);
    assert_eq!(connected.group, NamedGroup::Secp384r1);
    converse(&mut ours, &mut peer);
}

//= rfc8446#4.1.3
//= type=test
#[test]
fn the_newest_common_version_is_spoken_with_wolfssl() {
    if program().is_none() {
        return;
    }
    for (theirs, versions, spoken) in [
        ("any", vec![Version::Dtls13, Version::Dtls12], Version::Dtls13),
        ("any", vec![Version::Dtls12], Version::Dtls12),
        ("1.2", vec![Version::Dtls13, Version::Dtls12], Version::Dtls12),
        ("1.3", vec![Version::Dtls13, Version::Dtls12], Version::Dtls13),
    ] {
        for role in ROLES {
            let ours = Ours::new(|config| {
                whole(config);
                config.versions.clone_from(&versions);
            });
            let (mut ours, mut peer) = Theirs::new(theirs).meet(role, ours);
            assert_eq!(ours.connected(&peer).version, spoken, "{theirs} {role:?}");
            converse(&mut ours, &mut peer);
        }
    }
}

//= rfc9147#8
//= type=test
#[test]
fn keys_change_both_ways_with_wolfssl() {
    if program().is_none() {
        return;
    }
    for role in ROLES {
        let (mut ours, mut peer) = Theirs::new("1.3").meet(role, Ours::new(whole));
        ours.connected(&peer);
        converse(&mut ours, &mut peer);
        let stats = |ours: &Ours| {
            let stats = ours.dtls.stats();
            (stats.keys_updated, stats.peer_keys_updated)
        };
        for round in 0..3 {
            let (before, word) = (3 * round, format!("round {round}"));
            ours.dtls.update_keys(Instant::now(), false).unwrap();
            ours.run(&peer, |ours| stats(ours) == (before + 1, 2 * round));
            speak(&mut ours, &mut peer, &format!("{word}, new from us"));
            // It wants ours changed, too, and so do we.
            peer.write("update\n");
            ours.run(&peer, |ours| stats(ours) == (before + 2, 2 * round + 1));
            speak(&mut ours, &mut peer, &format!("{word}, new from it"));
            ours.dtls.update_keys(Instant::now(), true).unwrap();
            ours.run(&peer, |ours| stats(ours) == (before + 3, 2 * round + 2));
            speak(&mut ours, &mut peer, &format!("{word}, new because we asked"));
        }
        close(&mut ours, &mut peer, true);
    }
}

/// Small datagrams, so that flights take several of them.
fn small(config: &mut Config) {
    config.groups = vec![NamedGroup::X25519];
    config.mtu = 500;
    config.initial_timeout = Some(Duration::from_millis(150));
}

//= rfc9147#5.8.1
//= type=test
#[test]
fn lost_datagrams_are_made_up_for_with_wolfssl_in_both_versions_and_roles() {
    if program().is_none() {
        return;
    }
    for version in ["1.2", "1.3"] {
        for role in ROLES {
            for lost in [[vec![1], vec![1]], [vec![2, 3], vec![2]]] {
                let mut ours = Ours::new(small);
                ours.lost = lost;
                let theirs = Theirs { groups: "x25519", option: "quick", ..Theirs::new(version) };
                let (mut ours, mut peer) = theirs.meet(role, ours);
                ours.connected(&peer);
                converse(&mut ours, &mut peer);
            }
        }
    }
}
