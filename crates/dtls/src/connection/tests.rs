//! What only the inside can show: hand-made hellos, and counters near their end.

use std::sync::Arc;
use std::time::{Duration, Instant};

use antiphon_crypto::{Certificate, CertificateParams, CryptoProvider, Fingerprint, HashAlgorithm};
use antiphon_crypto_rust::RustCrypto;
use antiphon_testkit::start;

use crate::connection::Connection;
use crate::record::{Incoming, RecordLayer};
use crate::wire::cursor::Reader;
use crate::wire::extension::{Builder, kind, supported_groups, use_srtp};
use crate::wire::fixture::{self, Capture};
use crate::wire::handshake::{FragmentHeader, HandshakeType};
use crate::wire::record::{ContentType, HEADER_LEN, MAX_SEQUENCE, RecordHeader};
use crate::wire::{ClientHello, DTLS_1_0, DTLS_1_2, HelloVerifyRequest, ServerHello};
use crate::{
    CloseReason, Config, Data, Event, Incompatibility, InputError, ProtectError, Role, SrtpProfile,
    Version, Violation,
};

fn certificate() -> (Arc<dyn CryptoProvider>, Certificate, Fingerprint) {
    let provider: Arc<dyn CryptoProvider> = Arc::new(RustCrypto::new());
    let params = CertificateParams::new(Duration::from_secs(1_790_000_000));
    let certificate = provider.generate_certificate(&params).unwrap();
    let fingerprint = certificate.fingerprint(&*provider, HashAlgorithm::Sha256).unwrap();
    (provider, certificate, fingerprint)
}

/// A connection that trusts its own certificate: both ends show the same one.
fn connection(role: Role) -> Connection {
    let (provider, certificate, fingerprint) = certificate();
    let mut config = Config::new(provider, certificate);
    config.versions = vec![Version::Dtls12];
    let mut connection = Connection::new(config, [9; 32], start());
    connection.set_remote_fingerprints(start(), &[fingerprint]);
    connection.start(start(), role).unwrap();
    connection
}

fn drain(now: Instant, from: &mut Connection) -> Vec<Vec<u8>> {
    let mut buf = [0; 1500];
    std::iter::from_fn(|| from.poll_output(now, &mut buf).unwrap())
        .map(|transmit| transmit.len)
        .collect::<Vec<_>>()
        .into_iter()
        .map(|len| buf[..len].to_vec())
        .collect()
}

fn connected() -> (Connection, Connection) {
    let (provider, certificate, fingerprint) = certificate();
    let [mut client, mut server] = [Role::Client, Role::Server].map(|role| {
        let mut config = Config::new(Arc::clone(&provider), certificate.clone());
        config.versions = vec![Version::Dtls12];
        let mut connection = Connection::new(config, [9; 32], start());
        connection.set_remote_fingerprints(start(), &[fingerprint]);
        connection.start(start(), role).unwrap();
        connection
    });
    let mut buf = [0; 1500];
    for _ in 0..3 {
        for (from, to) in [(&mut client, &mut server)] {
            while let Some(sent) = from.poll_output(start(), &mut buf).unwrap() {
                to.handle_input(start(), &mut buf[..sent.len]).unwrap();
            }
            while let Some(sent) = to.poll_output(start(), &mut buf).unwrap() {
                from.handle_input(start(), &mut buf[..sent.len]).unwrap();
            }
        }
    }
    for side in [&mut client, &mut server] {
        assert!(matches!(side.poll_event(), Some(Event::Connected(_))));
    }
    (client, server)
}

/// A datagram with one unprotected handshake message.
fn message(kind: HandshakeType, seq: u16, body: &[u8]) -> Vec<u8> {
    let mut payload = FragmentHeader::whole(kind, seq, body.len()).to_bytes().to_vec();
    payload.extend_from_slice(body);
    let (version, len) = (DTLS_1_2, payload.len());
    let header = RecordHeader { kind: 22, version, epoch: 0, sequence: 0, len };
    [&header.to_bytes()[..], &payload].concat()
}

/// The bodies of the unprotected handshake messages in `datagrams`, each in one fragment.
fn bodies(datagrams: &[Vec<u8>]) -> Vec<(HandshakeType, u16, Vec<u8>)> {
    let mut all = Vec::new();
    for datagram in datagrams {
        let mut rest = &datagram[..];
        let framed = |rest| RecordLayer::new().frame(rest);
        while let (Ok(Incoming::Classic { header: record, .. }), Some(len)) =
            (framed(rest).incoming, framed(rest).len)
        {
            if record.kind == 22 && record.epoch == 0 {
                let mut reader = Reader::new(&rest[HEADER_LEN..len]);
                let header = FragmentHeader::read(&mut reader).unwrap();
                assert_eq!(header.fragment_len, header.len);
                all.push((header.kind, header.message_seq, reader.remaining().to_vec()));
            }
            rest = &rest[len..];
        }
    }
    all
}

// attack: a fragmented, reordered, doubled ClientHello of today's browsers; what it says of 1.3
// must not leak into the answer
#[test]
fn a_browsers_hello_in_two_datagrams_is_answered_in_any_order() {
    for capture in [Capture::CHROMIUM, Capture::FIREFOX] {
        let hello: Vec<Vec<u8>> = fixture::datagrams(capture)
            .into_iter()
            .take(2)
            .map(|(from_client, datagram)| {
                assert!(from_client);
                datagram.to_vec()
            })
            .collect();
        for order in [&[0, 1][..], &[1, 0], &[1, 1, 0, 0], &[0, 0, 1, 0]] {
            let mut server = connection(Role::Server);
            for index in order {
                let _ = server.handle_input(start(), &mut hello[*index].clone());
            }
            let answer = bodies(&drain(start(), &mut server));
            let kinds: Vec<_> = answer.iter().map(|(kind, seq, _)| (*kind, *seq)).collect();
            assert_eq!(
                kinds,
                [
                    (HandshakeType::ServerHello, 0),
                    (HandshakeType::Certificate, 1),
                    (HandshakeType::ServerKeyExchange, 2),
                    (HandshakeType::CertificateRequest, 3),
                    (HandshakeType::ServerHelloDone, 4),
                ]
            );
            let answer = ServerHello::parse(&answer[0].2).unwrap();
            assert_eq!(answer.version, DTLS_1_2);
            let kinds: Vec<_> = answer
                .extensions
                .iter()
                .map(|(kind, _)| kind)
                .filter(|kind| *kind != kind::RECORD_SIZE_LIMIT)
                .collect();
            assert_eq!(
                kinds,
                [
                    kind::EXTENDED_MASTER_SECRET,
                    kind::RENEGOTIATION_INFO,
                    kind::EC_POINT_FORMATS,
                    kind::USE_SRTP
                ]
            );
            // A server that knows nothing newer leaves no mark against downgrades.
            assert!(!answer.random.ends_with(b"DOWNGRD\x01"));
            assert_eq!(server.stats().hellos_refused, 0);
        }
    }
}

#[test]
fn hellos_of_1_2_clients_are_answered_with_their_best_profile() {
    for (capture, expected) in [(Capture::FIREFOX_12, 7), (Capture::AIORTC, 7)] {
        let mut server = connection(Role::Server);
        let (_, datagram) = fixture::datagrams(capture)[0];
        server.handle_input(start(), &mut datagram.to_vec()).unwrap();
        let answer = bodies(&drain(start(), &mut server));
        let hello = ServerHello::parse(&answer[0].2).unwrap();
        let data = hello.extensions.find(kind::USE_SRTP).unwrap();
        assert_eq!(
            use_srtp::UseSrtp::parse(data).unwrap().profiles().collect::<Vec<_>>(),
            [expected]
        );
    }
}

/// A hello like ours, with changes.
fn client_hello(version: u16, suite: u16, change: impl FnOnce(&mut Builder)) -> Vec<u8> {
    let mut builder = Builder::default();
    change(&mut builder);
    let suite = suite.to_be_bytes();
    let mut body = Vec::new();
    ClientHello::offering(version, [1; 32], &suite, &[], builder.extensions()).write(&mut body);
    body
}

fn usual(builder: &mut Builder) {
    builder.push(kind::EXTENDED_MASTER_SECRET, |_| {});
    builder.push(kind::SUPPORTED_GROUPS, |data| supported_groups::write([0x17], data));
    builder.push(kind::SIGNATURE_ALGORITHMS, |data| supported_groups::write([0x0403], data));
}

/// The reasons for which hellos are refused, each with such a hello.
fn unsuitable_hellos() -> Vec<(CloseReason, Vec<u8>)> {
    let incompatible = CloseReason::PeerIncompatible;
    vec![
        (incompatible(Incompatibility::CipherSuite), client_hello(DTLS_1_2, 0xc009, usual)),
        (incompatible(Incompatibility::Version(DTLS_1_0)), client_hello(DTLS_1_0, 0xc02b, usual)),
        (
            incompatible(Incompatibility::Version(DTLS_1_2)),
            client_hello(DTLS_1_2, 0xc02b, |builder| {
                usual(builder);
                builder.push(kind::SUPPORTED_VERSIONS, |data| data.extend([2, 0xfe, 0xfc]));
            }),
        ),
        (
            incompatible(Incompatibility::ExtendedMasterSecret),
            client_hello(DTLS_1_2, 0xc02b, |_| {}),
        ),
        (
            incompatible(Incompatibility::Group),
            client_hello(DTLS_1_2, 0xc02b, |builder| {
                builder.push(kind::EXTENDED_MASTER_SECRET, |_| {});
                builder.push(kind::SUPPORTED_GROUPS, |data| supported_groups::write([0x19], data));
            }),
        ),
        (
            incompatible(Incompatibility::SignatureScheme),
            client_hello(DTLS_1_2, 0xc02b, |builder| {
                builder.push(kind::EXTENDED_MASTER_SECRET, |_| {});
            }),
        ),
        (
            CloseReason::PeerMisbehaved(Violation::Renegotiation),
            client_hello(DTLS_1_2, 0xc02b, |builder| {
                usual(builder);
                builder.push(kind::RENEGOTIATION_INFO, |data| data.extend([1, 7]));
            }),
        ),
        (
            CloseReason::PeerMisbehaved(Violation::IllegalParameter(HandshakeType::ClientHello)),
            client_hello(DTLS_1_2, 0xc02b, |builder| {
                usual(builder);
                builder.push(kind::EC_POINT_FORMATS, |data| data.extend([1, 1]));
            }),
        ),
    ]
}

// attack: a spoofed ClientHello with a bad cipher suite (CVE-2023-49786)
#[test]
fn a_hello_that_does_not_suit_waits_for_a_better_one() {
    for (reason, body) in unsuitable_hellos() {
        let mut server = connection(Role::Server);
        server.handle_input(start(), &mut message(HandshakeType::ClientHello, 0, &body)).unwrap();
        assert_eq!(drain(start(), &mut server), [] as [Vec<u8>; 0], "no alert for {reason:?}");
        assert_eq!(server.stats().hellos_refused, 1, "{reason:?}");
        // The right one comes a little later.
        let (_, datagram) = fixture::datagrams(Capture::FIREFOX_12)[0];
        let later = start() + Duration::from_secs(4);
        server.handle_input(later, &mut datagram.to_vec()).unwrap();
        assert!(!drain(later, &mut server).is_empty(), "{reason:?}");
        server.handle_timeout(start() + Duration::from_secs(8));
        assert_eq!(server.poll_event(), None, "{reason:?}");
    }
}

#[test]
fn a_hello_that_does_not_suit_ends_the_wait_when_no_better_one_comes() {
    for (reason, body) in unsuitable_hellos() {
        let mut server = connection(Role::Server);
        server.handle_input(start(), &mut message(HandshakeType::ClientHello, 0, &body)).unwrap();
        let grace = start() + Duration::from_secs(5);
        assert_eq!(server.poll_timeout(), Some(grace));
        server.handle_timeout(grace);
        assert_eq!(server.poll_event(), Some(Event::Closed(reason)));
        let alert = reason.sent_alert().unwrap().0;
        assert_eq!(
            drain(grace, &mut server),
            [[21, 254, 253, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 2, alert]]
        );
    }
}

fn server_hello(version: u16, suite: u16, change: impl FnOnce(&mut Builder)) -> Vec<u8> {
    let mut builder = Builder::default();
    builder.push(kind::EXTENDED_MASTER_SECRET, |_| {});
    change(&mut builder);
    let mut body = Vec::new();
    ServerHello {
        version,
        random: [2; 32],
        session_id: &[],
        cipher_suite: suite,
        compression_method: 0,
        extensions: builder.extensions(),
    }
    .write(&mut body);
    body
}

// attack: extensions that were not offered, a version or suite that was not offered
#[test]
fn a_client_takes_only_what_it_offered() {
    let illegal =
        CloseReason::PeerMisbehaved(Violation::IllegalParameter(HandshakeType::ServerHello));
    let srtp = |profiles: &'static [u16], mki: u8| {
        move |builder: &mut Builder| {
            builder.push(kind::USE_SRTP, |data| {
                use_srtp::write(profiles.iter().copied(), data);
                if mki > 0 {
                    *data.last_mut().unwrap() = mki;
                    data.extend(vec![0; usize::from(mki)]);
                }
            });
        }
    };
    let cases: Vec<(CloseReason, Vec<u8>)> = vec![
        (
            CloseReason::PeerMisbehaved(Violation::UnsolicitedExtension(16)),
            server_hello(DTLS_1_2, 0xc02b, |builder| builder.push(16, |_| {})),
        ),
        (
            CloseReason::PeerIncompatible(Incompatibility::Version(DTLS_1_0)),
            server_hello(DTLS_1_0, 0xc02b, |_| {}),
        ),
        (illegal, server_hello(DTLS_1_2, 0xc009, |_| {})),
        (illegal, server_hello(DTLS_1_2, 0xc02b, srtp(&[2], 0))),
        (illegal, server_hello(DTLS_1_2, 0xc02b, srtp(&[7, 8], 0))),
        (illegal, server_hello(DTLS_1_2, 0xc02b, srtp(&[7], 3))),
    ];
    for (reason, body) in cases {
        let mut client = connection(Role::Client);
        drain(start(), &mut client);
        client.handle_input(start(), &mut message(HandshakeType::ServerHello, 0, &body)).unwrap();
        assert_eq!(client.poll_event(), None);
        client.handle_timeout(start() + Duration::from_secs(5));
        assert_eq!(client.poll_event(), Some(Event::Closed(reason)));
    }
}

//= rfc6347#4.2.1
//= type=test
#[test]
fn a_client_says_the_same_hello_again_with_each_new_cookie() {
    let mut client = connection(Role::Client);
    let hellos = |client: &mut Connection| bodies(&drain(start(), client));
    let first = hellos(&mut client);
    let (_, 0, first) = &first[0] else { panic!() };
    let mut request = |cookie: &[u8], seq| {
        let mut body = Vec::new();
        HelloVerifyRequest { version: DTLS_1_0, cookie }.write(&mut body);
        let mut datagram = message(HandshakeType::HelloVerifyRequest, seq, &body);
        client.handle_input(start(), &mut datagram).unwrap();
        bodies(&drain(start(), &mut client))
    };
    let second = request(b"first cookie", 0);
    let (HandshakeType::ClientHello, 1, body) = &second[0] else { panic!() };
    let (before, after) = (ClientHello::parse(first).unwrap(), ClientHello::parse(body).unwrap());
    assert_eq!(after.cookie, b"first cookie");
    let mut without = after;
    without.cookie = &[];
    assert_eq!(without, before);
    // The same request again, as the network may double it: nothing new to say.
    assert!(request(b"first cookie", 0).is_empty());
    // A server without memory numbers each request alike.
    assert!(matches!(request(b"second cookie", 0)[..], [(HandshakeType::ClientHello, 2, _)]));
    assert!(matches!(request(b"third cookie", 1)[..], [(HandshakeType::ClientHello, 3, _)]));
    // attack: cookies without end
    assert!(matches!(request(b"fourth cookie", 2)[..], [(HandshakeType::ClientHello, 4, _)]));
    assert!(request(b"fifth cookie", 2).is_empty());
}

// attack: nonces that repeat (CVE-2026-26014)
#[test]
fn a_connection_ends_before_a_number_repeats() {
    let (mut client, mut server) = connected();
    let last = MAX_SEQUENCE - 64;
    client.records.skip_to(last);
    let mut buf = [0; 40];
    let record = client.protect(&mut buf, 21..24).unwrap();
    // Both the header's number and the explicit nonce are epoch and sequence number.
    let expected = ((1 << 48) | last).to_be_bytes();
    assert_eq!((&buf[3..11], &buf[13..21]), (&expected[..], &expected[..]));
    server.handle_input(start(), &mut buf[record]).unwrap();
    assert_eq!(server.poll_data(), Some(Data::InPlace(21..24)));

    assert_eq!(client.protect(&mut buf, 21..24), Err(ProtectError::Exhausted));
    assert_eq!(client.poll_event(), Some(Event::Closed(CloseReason::KeysExhausted)));
    assert_eq!(client.protect(&mut buf, 21..24), Err(ProtectError::NotConnected));
    let [close] = &mut drain(start(), &mut client)[..] else { panic!() };
    server.handle_input(start(), close).unwrap();
    assert_eq!(server.poll_event(), Some(Event::Closed(CloseReason::PeerClosed)));
}

#[test]
fn a_key_that_refused_too_many_records_is_given_up() {
    let (mut client, mut server) = connected();
    server.records.set_forgeries((1 << 36) - 2);
    let mut buf = [0; 40];
    client.protect(&mut buf, 21..24).unwrap();
    buf[30] ^= 1;
    assert_eq!(server.handle_input(start(), &mut buf.clone()), Err(InputError::NotAuthentic));
    assert!(server.is_connected());
    assert!(server.handle_input(start(), &mut buf).is_err());
    assert_eq!(server.poll_event(), Some(Event::Closed(CloseReason::KeysExhausted)));
}

#[test]
fn what_a_handshake_needs_is_gone_after_it() {
    let (client, server) = connected();
    assert!(matches!(
        &client.state,
        crate::connection::State::Established(state) if state.delivery.flight.is_empty()
    ));
    // The server keeps its last flight, a ChangeCipherSpec and a Finished.
    assert!(matches!(
        &server.state,
        crate::connection::State::Established(state)
            if !state.delivery.flight.is_empty() && !state.delivery.flight.is_pending()
    ));
    assert_eq!(client.srtp_keys().unwrap().profile, SrtpProfile::AeadAes128Gcm);
}

//= rfc8827#6.5
//= type=test
#[test]
fn renegotiation_is_refused_and_not_too_often() {
    let (mut client, mut server) = connected();
    let ask = |now: Instant, from: &mut Connection, to: &mut Connection, kind| {
        let mut record = [0; 21 + 12 + 16];
        record[21..33].copy_from_slice(&FragmentHeader::whole(kind, 0, 0).to_bytes());
        from.records.write(ContentType::Handshake, DTLS_1_2, 1, &mut record).unwrap();
        to.handle_input(now, &mut record).unwrap();
        let answer = drain(now, to);
        for mut datagram in answer.clone() {
            from.handle_input(now, &mut datagram).unwrap();
        }
        answer.len()
    };
    let second = start() + Duration::from_secs(1);
    assert_eq!(ask(start(), &mut server, &mut client, HandshakeType::HelloRequest), 1);
    assert_eq!(ask(start(), &mut server, &mut client, HandshakeType::HelloRequest), 0);
    assert_eq!(ask(second, &mut server, &mut client, HandshakeType::HelloRequest), 1);
    assert_eq!(ask(start(), &mut client, &mut server, HandshakeType::ClientHello), 1);
    assert!(client.is_connected() && server.is_connected());
    // A Finished again is no renegotiation: the server repeats its last flight.
    let later = start() + Duration::from_secs(2);
    assert_eq!(ask(later, &mut client, &mut server, HandshakeType::Finished), 1);
    assert_eq!(server.stats().flights_repeated, 1);
}
