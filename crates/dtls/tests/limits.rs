//! A hostile peer, and hostile strangers: limits hold, and nothing unauthenticated ends anything.
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

use antiphon_dtls::{CloseReason, Data, Event, InputError, ProtectError};
use antiphon_testkit::{Random, seed, start};
use common::{carry, config, connected, connection, drain, pair, seal};

/// A record of epoch 0.
fn plain(kind: u8, payload: &[u8]) -> Vec<u8> {
    let len = (payload.len() as u16).to_be_bytes();
    let mut record = vec![kind, 254, 253, 0, 0, 0, 0, 0, 0, 0, 9];
    record.extend(len);
    record.extend(payload);
    record
}

/// A handshake record of epoch 0 with one fragment.
fn fragment(kind: u8, len: u32, seq: u16, offset: u32, bytes: &[u8]) -> Vec<u8> {
    let mut payload = vec![kind];
    payload.extend(&len.to_be_bytes()[1..]);
    payload.extend(seq.to_be_bytes());
    payload.extend(&offset.to_be_bytes()[1..]);
    payload.extend(&(bytes.len() as u32).to_be_bytes()[1..]);
    payload.extend(bytes);
    plain(22, &payload)
}

// attack: unauthenticated alerts, in every state
#[test]
fn a_forged_alert_ends_neither_a_connection_nor_a_handshake() {
    let alerts = [plain(21, &[2, 40]), plain(21, &[1, 0]), plain(21, &[2, 0]), plain(21, &[9])];
    let (mut client, mut server) = connected();
    for alert in &alerts {
        assert!(client.handle_input(start(), &mut alert.clone()).is_err());
        assert!(server.handle_input(start(), &mut alert.clone()).is_err());
    }
    let mut datagram = seal(&mut client, b"still here");
    server.handle_input(start(), &mut datagram).unwrap();
    assert_eq!(server.poll_data(), Some(Data::InPlace(21..31)));
    assert_eq!(server.stats().alerts_ignored, 4);

    let mut pair = pair();
    pair.tamper_with(move |datagram| {
        let mut bytes = datagram.bytes.to_vec();
        bytes.extend(&alerts[datagram.number as usize % 3]);
        Some(bytes)
    });
    assert!(common::connect(&mut pair, Duration::from_secs(3)), "each datagram brings an alert");
}

#[test]
fn an_alert_of_the_peer_ends_a_handshake_that_does_not_move_on() {
    let mut client = connection(0, config(0));
    drain(start(), &mut client);
    client.handle_input(start(), &mut plain(21, &[2, 40])).unwrap();
    assert_eq!(client.poll_event(), None);
    client.handle_timeout(start() + Duration::from_secs(5));
    let Some(Event::Closed(reason)) = client.poll_event() else { panic!() };
    assert_eq!(reason.received_alert().map(|alert| alert.0), Some(40));
}

// attack: zero-length fragments, which made a loop endless (CVE-2022-29190)
#[test]
fn an_empty_fragment_is_dropped() {
    let mut server = connection(1, config(1));
    let empty = fragment(1, 100, 0, 0, &[]);
    assert_eq!(server.handle_input(start(), &mut empty.clone()), Err(InputError::Fragment));
    let beyond = fragment(1, 100, 0, 99, &[0; 2]);
    assert_eq!(server.handle_input(start(), &mut beyond.clone()), Err(InputError::Fragment));
    assert_eq!(server.stats().fragments_dropped, 2);
    assert_eq!(server.poll_timeout(), None, "a stranger's junk starts no clock");
}

// attack: fragments and early data without end (CVE-2022-29189)
#[test]
fn early_records_are_bounded_before_the_start_and_before_the_keys() {
    let mut server = antiphon_dtls::Connection::new(config(1), [2; 32], start());
    let hello = fragment(1, 2000, 0, 0, &[0; 1000]);
    let kept = (0..100).filter(|_| server.handle_input(start(), &mut hello.clone()).is_ok());
    assert_eq!(kept.count(), 16 * 1024 / hello.len());
    assert!(server.handle_input(start(), &mut plain(23, &[0; 40])).is_err());

    let mut server = connection(1, config(1));
    let mut early = plain(23, &[0; 1000]);
    early[4] = 1;
    let kept = (0..100).filter(|_| server.handle_input(start(), &mut early.clone()).is_ok());
    assert_eq!(kept.count(), 16 * 1024 / early.len());
    let limit = 16 * 1024;
    assert_eq!(server.handle_input(start(), &mut early), Err(InputError::TooEarly { limit }));
    assert_eq!(server.stats().records_overflowed, 85);
}

// attack: repeated hellos to make a server send its long flight (amplification)
#[test]
fn repeated_hellos_are_answered_no_more_often_than_the_timer_would() {
    let (mut client, mut server) = (connection(0, config(0)), connection(1, config(1)));
    let hello = drain(start(), &mut client).remove(0);
    let mut answers = 0;
    for millis in 0..400 {
        let now = start() + Duration::from_millis(millis);
        server.handle_input(now, &mut hello.clone()).unwrap();
        answers += drain(now, &mut server).len();
    }
    assert!((1..=2).contains(&answers), "{answers}");
}

// attack: a proof that is not one (CVE-2022-29222), or any other bit changed on the way
#[test]
fn no_changed_bit_of_the_handshake_goes_unnoticed() {
    let mut random = Random::new(seed(7));
    for datagram_number in 0..2u64 {
        for from in [0, 1] {
            for _ in 0..25 {
                let mut pair = pair();
                let bit = random.next_u64();
                pair.tamper_with(move |datagram| {
                    let mut bytes = datagram.bytes.to_vec();
                    // Every transmission of the flight is changed alike.
                    if datagram.from == from && (datagram.number == 0) == (datagram_number == 0) {
                        let at = 25 + (bit / 8) as usize % (bytes.len() - 25);
                        bytes[at] ^= 1 << (bit % 8);
                    }
                    Some(bytes)
                });
                pair.run_until(Duration::from_secs(70));
                let both = [&pair.a, &pair.b]
                    .map(|peer| matches!(peer.events.first(), Some((_, Event::Connected(_)))));
                // A changed record header is a lost datagram: then a repetition connects both. In
                // no case are there two ends that disagree.
                if both == [true, true] {
                    let keys = [&pair.a, &pair.b].map(|peer| peer.machine.dtls.srtp_keys());
                    let [Some(a), Some(b)] = keys else { panic!() };
                    assert_eq!(a.client_key.expose(), b.client_key.expose());
                }
            }
        }
    }
}

// attack: garbage, truncation, every version and epoch
#[test]
fn garbage_is_counted_and_changes_nothing() {
    let (mut client, mut server) = connected();
    let good = seal(&mut client, b"good");
    let mut random = Random::new(seed(8));
    for round in 0..3000 {
        let mut junk = good.clone();
        match round % 4 {
            0 => junk.truncate(random.index(junk.len())),
            1 => junk = random.bytes(random_len(round)),
            2 => {
                let at = random.index(junk.len());
                junk[at] ^= 1 << random.below(8);
            }
            _ => {
                let at = random.index(13);
                junk[at] = random.below(256) as u8;
                if junk == good {
                    continue;
                }
            }
        }
        assert!(server.handle_input(start(), &mut junk).is_err(), "{junk:?}");
        assert!(server.is_connected() && server.poll_data().is_none());
    }
    server.handle_input(start(), &mut good.clone()).unwrap();
    assert_eq!(server.poll_data(), Some(Data::InPlace(21..25)));
    assert!(matches!(
        server.handle_input(start(), &mut good.clone()),
        Err(InputError::Replayed(1))
    ));
}

fn random_len(round: usize) -> usize {
    round % 97
}

#[test]
fn a_bad_record_does_not_spoil_the_others_of_its_datagram() {
    let (mut client, mut server) = connected();
    let records = [b"one", b"two", b"six"].map(|payload| seal(&mut client, payload));
    let mut datagram = records.concat();
    let middle = records[0].len() + 25;
    datagram[middle] ^= 1;
    server.handle_input(start(), &mut datagram).unwrap();
    let received: Vec<_> = std::iter::from_fn(|| server.poll_data())
        .map(|data| match data {
            Data::InPlace(range) => datagram[range].to_vec(),
            Data::Held(_) => panic!("nothing was early"),
        })
        .collect();
    assert_eq!(received, [b"one", b"six"]);
    assert_eq!(server.stats().records_not_authentic, 1);
    // A header of DTLS 1.3 has no length that we could skip.
    assert_eq!(server.handle_input(start(), &mut [0x2f; 40]), Err(InputError::NotARecord(0x2f)));
}

#[test]
fn data_that_nobody_fetches_is_dropped_with_the_next_datagram() {
    let (mut client, mut server) = connected();
    for _ in 0..5 {
        let mut datagram = [seal(&mut client, b"a"), seal(&mut client, b"b")].concat();
        server.handle_input(start(), &mut datagram).unwrap();
    }
    assert_eq!(std::iter::from_fn(|| server.poll_data()).count(), 2);
    assert_eq!(server.stats().data_unread, 8);
}

#[test]
fn protection_says_what_it_needs() {
    let (mut client, mut server) = connected();
    let mut buf = vec![0; 20_000];
    let no_room = Err(ProtectError::NoRoom { before: 21, after: 16 });
    assert_eq!(client.protect(&mut buf, 20..30), no_room);
    assert_eq!(
        client.protect(&mut buf, 100..19_985),
        Err(ProtectError::TooLong { len: 19_885, limit: 16_384 })
    );
    assert_eq!(client.protect(&mut buf[..50], 21..35), no_room);
    #[expect(clippy::reversed_empty_ranges, reason = "a caller may get it wrong")]
    let backwards = 50..40;
    assert_eq!(client.protect(&mut buf, backwards), no_room);
    let record = client.protect(&mut buf, 21..21 + 16_384).unwrap();
    server.handle_input(start(), &mut buf[record]).unwrap();
    assert_eq!(server.poll_data(), Some(Data::InPlace(21..21 + 16_384)));
}

//= rfc8827#6.5
//= type=test
// A hello under the keys is an attempt to renegotiate. Ours never make one, so the peer here is
// a second connection's record layer: the same hello as epoch 0 has, which is ignored as well.
#[test]
fn a_new_hello_after_the_handshake_changes_nothing() {
    let (mut client, mut server) = connected();
    let mut again = connection(0, config(0));
    for mut hello in drain(start(), &mut again) {
        assert_eq!(server.handle_input(start(), &mut hello), Err(InputError::Epoch(0)));
    }
    assert_eq!(drain(start(), &mut server), [] as [Vec<u8>; 0]);
    let mut datagram = seal(&mut client, b"x");
    server.handle_input(start(), &mut datagram).unwrap();
    assert!(server.poll_data().is_some());
}

#[test]
fn an_end_is_reported_once_and_answered_once() {
    let (mut client, mut server) = connected();
    client.close(start());
    client.close(start());
    assert!(matches!(client.poll_event(), Some(Event::Connected(_))));
    assert_eq!(client.poll_event(), Some(Event::Closed(CloseReason::Local)));
    assert_eq!(client.poll_event(), None);
    assert_eq!(carry(start(), &mut client, &mut server), 1);
    assert_eq!(carry(start(), &mut server, &mut client), 1);
    assert_eq!(server.poll_timeout(), None);
}
