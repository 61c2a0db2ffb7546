//! The versions of DTLS that a connection speaks, and what it tells about them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::cast_possible_truncation,
    clippy::wildcard_enum_match_arm,
    reason = "a failed expectation is a failed test"
)]

mod common;

use antiphon_peerconnection::crypto::NamedGroup;
use antiphon_peerconnection::{DataChannelInit, DtlsConnected, DtlsVersion, PeerConnection};
use antiphon_testkit::start;
use common::{Call, MS, config};

/// Connects two that speak these versions; what both say that they agreed on.
fn agreed(versions: [&[DtlsVersion]; 2]) -> DtlsConnected {
    let [a, b] = [0, 1].map(|side| {
        let mut config = config(side, 1);
        config.dtls_versions = versions[side].to_vec();
        PeerConnection::new(config, [side as u8; 32], start()).unwrap()
    });
    let mut call = Call::with(a, b).with_delay(20 * MS);
    assert_eq!(call.pc(0).stats().transport.dtls, None);
    call.connect_with_channel(DataChannelInit::default());
    let [a, b] = [0, 1].map(|side| call.pc(side).stats().transport.dtls.unwrap());
    assert_eq!((a.version, a.cipher_suite, a.group), (b.version, b.cipher_suite, b.group));
    assert_eq!(a.srtp_profile, b.srtp_profile);
    a
}

#[test]
fn the_newest_common_version_is_spoken_and_told() {
    use DtlsVersion::{Dtls12, Dtls13};
    let both = [Dtls13, Dtls12];
    let newest = agreed([&both, &both]);
    assert_eq!((newest.version, newest.group), (Dtls13, NamedGroup::X25519MlKem768));
    for versions in [[&both[..], &[Dtls12]], [&[Dtls12], &both], [&[Dtls12], &[Dtls12]]] {
        assert_eq!(agreed(versions).version, Dtls12);
    }
}
