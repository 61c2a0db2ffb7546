//! Who the peer is: fingerprints before, during and after the handshake, and what waits for them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "a failed expectation is a failed test"
)]

mod common;

use std::time::Duration;

use std::sync::Arc;

use antiphon_crypto::{
    Certificate, CryptoError, Fingerprint, HashAlgorithm, SignatureScheme, SigningKey,
};
use antiphon_dtls::{
    CloseReason, Connection, Event, ExportError, HandshakeType, InputError, ProtectError, Role,
    StartError, Violation,
};
use antiphon_testkit::start;
use common::{carry, certificate, config, connection, drain, fingerprint, provider, role, seal};

fn wrong() -> Fingerprint {
    Fingerprint::new(HashAlgorithm::Sha256, &[7; 32]).unwrap()
}

fn stranger(side: usize) -> Connection {
    let mut connection = Connection::new(config(side), [side as u8 + 1; 32], start());
    connection.start(start(), role(side)).unwrap();
    connection
}

fn shake_hands(client: &mut Connection, server: &mut Connection) {
    for _ in 0..4 {
        carry(start(), client, server);
        carry(start(), server, client);
    }
}

// attack: data or keys before the peer is verified
#[test]
fn nothing_is_delivered_and_no_key_released_before_the_fingerprints_came() {
    for late in [0, 1] {
        let mut ends = [0, 1]
            .map(|side| if side == late { stranger(side) } else { connection(side, config(side)) });
        let [client, server] = &mut ends;
        shake_hands(client, server);
        let early = seal(&mut ends[1 - late], b"early");
        let alert_free = &mut ends[late];
        alert_free.handle_input(start(), &mut early.clone()).unwrap();
        assert!(!alert_free.is_connected());
        assert_eq!(alert_free.poll_event(), None);
        assert_eq!(alert_free.poll_data(), None);
        assert!(alert_free.srtp_keys().is_none());
        let mut out = [0; 8];
        let exported = alert_free.export_keying_material(b"EXPERIMENTAL", None, &mut out);
        assert_eq!(exported, Err(ExportError::NotConnected));
        assert_eq!(alert_free.protect(&mut [0; 64], 21..30), Err(ProtectError::NotConnected));
        // What it shows is there to be looked at.
        assert_eq!(alert_free.peer_certificate(), Some(certificate(1 - late).der()));

        alert_free.set_remote_fingerprints(start(), &[fingerprint(1 - late)]);
        assert!(matches!(alert_free.poll_event(), Some(Event::Connected(_))));
        assert!(alert_free.srtp_keys().is_some());
        let Some(antiphon_dtls::Data::Held(bytes)) = alert_free.poll_data() else { panic!() };
        assert_eq!(bytes, &b"early"[..]);
        // The same datagram again is a replay.
        assert!(matches!(
            alert_free.handle_input(start(), &mut early.clone()),
            Err(InputError::Replayed(_))
        ));
    }
}

//= rfc8122#5.1
//= type=test
// attack: fingerprint mismatch
#[test]
fn a_peer_that_is_not_the_announced_one_is_told_and_left() {
    // Known before the handshake, and told only after its end.
    for late in [false, true] {
        for side in [0, 1] {
            let mut ends = [0, 1].map(stranger);
            ends[1 - side].set_remote_fingerprints(start(), &[fingerprint(side)]);
            if !late {
                ends[side].set_remote_fingerprints(start(), &[wrong()]);
            }
            let [client, server] = &mut ends;
            shake_hands(client, server);
            if late {
                ends[side].set_remote_fingerprints(start(), &[wrong()]);
            }
            let mismatch = Some(Event::Closed(CloseReason::FingerprintMismatch));
            assert_eq!(ends[side].poll_event(), mismatch);
            assert!(ends[side].srtp_keys().is_none());
            let [client, server] = &mut ends;
            shake_hands(client, server);
            if late {
                // The alert was protected, so it counts at once.
                assert!(matches!(ends[1 - side].poll_event(), Some(Event::Connected(_))));
                let Some(Event::Closed(reason)) = ends[1 - side].poll_event() else { panic!() };
                assert_eq!(reason.received_alert().map(|alert| alert.0), Some(42));
            } else {
                // It was not, so it counts when nothing better came.
                ends[1 - side].handle_timeout(start() + Duration::from_secs(5));
                let Some(Event::Closed(reason)) = ends[1 - side].poll_event() else { panic!() };
                assert_eq!(reason.received_alert().map(|alert| alert.0), Some(42));
            }
        }
    }
}

//= rfc8122#5.1
//= type=test
#[test]
fn only_the_most_preferred_hash_among_the_announced_counts() {
    let prints = |algorithm| certificate(1).fingerprint(&*provider(0), algorithm).unwrap();
    let (sha256, sha512) = (prints(HashAlgorithm::Sha256), prints(HashAlgorithm::Sha512));
    let wrong512 = Fingerprint::new(HashAlgorithm::Sha512, &[1; 64]).unwrap();
    let cases: [(&[Fingerprint], bool); 6] = [
        (&[sha256], true),
        (&[wrong(), sha256], true),
        (&[sha512, wrong()], true),
        (&[wrong512, sha512], true),
        (&[sha256, wrong512], false),
        (&[wrong()], false),
    ];
    for (fingerprints, expected) in cases {
        let (mut client, mut server) = (stranger(0), connection(1, config(1)));
        client.set_remote_fingerprints(start(), fingerprints);
        shake_hands(&mut client, &mut server);
        assert_eq!(client.is_connected(), expected, "{fingerprints:?}");
    }
}

#[test]
fn the_first_fingerprints_count_and_none_is_not_a_set() {
    let (mut client, mut server) = (stranger(0), connection(1, config(1)));
    client.set_remote_fingerprints(start(), &[]);
    client.set_remote_fingerprints(start(), &[fingerprint(1)]);
    client.set_remote_fingerprints(start(), &[wrong()]);
    shake_hands(&mut client, &mut server);
    assert!(client.is_connected());
    client.set_remote_fingerprints(start(), &[wrong()]);
    assert!(client.is_connected());
}

#[test]
fn a_hello_that_comes_before_the_answer_is_kept() {
    let mut client = connection(0, config(0));
    let mut server = Connection::new(config(1), [2; 32], start());
    for mut datagram in drain(start(), &mut client) {
        server.handle_input(start(), &mut datagram).unwrap();
    }
    assert_eq!((server.poll_output(start(), &mut [0; 1500]), server.role()), (Ok(None), None));
    // The answer says who we are and who the peer is.
    server.set_remote_fingerprints(start(), &[fingerprint(0)]);
    server.start(start(), Role::Server).unwrap();
    assert_eq!(server.start(start(), Role::Client), Err(StartError::AlreadyStarted));
    for _ in 0..3 {
        carry(start(), &mut server, &mut client);
        carry(start(), &mut client, &mut server);
    }
    assert!(client.is_connected() && server.is_connected());
}

#[test]
fn a_connection_may_be_closed_before_it_starts() {
    let mut connection = Connection::new(config(0), [1; 32], start());
    connection.close(start());
    assert_eq!(connection.poll_event(), Some(Event::Closed(CloseReason::Local)));
    assert_eq!(connection.start(start(), Role::Client), Err(StartError::Closed));
    assert_eq!(connection.poll_output(start(), &mut []), Ok(None));
    assert_eq!(connection.handle_input(start(), &mut [22; 20]), Err(InputError::Closed));
}

/// Somebody who has the announced certificate, and another key.
struct Impostor(Certificate);

impl SigningKey for Impostor {
    fn schemes(&self) -> &[SignatureScheme] {
        self.0.key().schemes()
    }

    fn sign(&self, scheme: SignatureScheme, message: &[u8]) -> Result<Vec<u8>, CryptoError> {
        self.0.key().sign(scheme, message)
    }
}

// attack: a certificate shown without proof (CVE-2022-29222)
#[test]
fn a_certificate_without_its_key_is_refused() {
    for (side, message) in
        [(0, HandshakeType::CertificateVerify), (1, HandshakeType::ServerKeyExchange)]
    {
        let shown = certificate(side);
        let key = Arc::new(Impostor(certificate(1 - side)));
        let mut config = config(side);
        let shown = Certificate::new(shown.der().to_vec(), key, shown.expires());
        config.certificate = Some(shown);
        let mut ends = if side == 0 {
            [connection(0, config), connection(1, common::config(1))]
        } else {
            [connection(0, common::config(0)), connection(1, config)]
        };
        let [client, server] = &mut ends;
        shake_hands(client, server);
        let reason = CloseReason::PeerMisbehaved(Violation::Signature(message));
        assert_eq!(ends[1 - side].poll_event(), Some(Event::Closed(reason)));
        assert!(!ends[side].is_connected());
    }
}
