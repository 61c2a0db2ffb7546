//! What comes after a handshake of DTLS 1.3: new keys, acknowledgements, connection ids.
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

use antiphon_crypto::NamedGroup;
use antiphon_dtls::{
    Config, Connection, Data, Event, InputError, KeyUpdateError, OVERHEAD, ProtectError, Version,
};
use antiphon_testkit::{Pair, alloc, start};
use common::{Peer, carry, config, config_13, connect, connected, connection, drain};

antiphon_testkit::install_counting_allocator!();

const SOON: Duration = Duration::from_secs(25);

fn pair_with(configure: impl Fn(&mut Config)) -> (Connection, Connection) {
    let [mut client, mut server] = [0, 1].map(|side| {
        let mut config = config_13(side);
        config.groups = vec![NamedGroup::Secp256r1];
        configure(&mut config);
        connection(side, config)
    });
    for _ in 0..4 {
        carry(start(), &mut client, &mut server);
        carry(start(), &mut server, &mut client);
    }
    assert!(client.is_connected() && server.is_connected());
    (client, server)
}

fn seal(dtls: &mut Connection, payload: &[u8]) -> Vec<u8> {
    let overhead = dtls.overhead();
    let range = overhead.before..overhead.before + payload.len();
    let mut buf = vec![0; range.end + overhead.after];
    buf[range.clone()].copy_from_slice(payload);
    let record = dtls.protect(&mut buf, range).unwrap();
    assert_eq!((record.start, record.end), (0, buf.len()), "the overhead is exact");
    buf
}

fn open(dtls: &mut Connection, mut datagram: Vec<u8>) -> Option<Vec<u8>> {
    dtls.handle_input(start(), &mut datagram).ok()?;
    match dtls.poll_data()? {
        Data::InPlace(range) => Some(datagram[range].to_vec()),
        Data::Held(bytes) => Some(bytes.to_vec()),
    }
}

#[test]
fn ten_thousand_records_each_way_without_an_allocation() {
    let (mut client, mut server) = pair_with(|_| {});
    let payload = OVERHEAD.before..OVERHEAD.before + 1191;
    let mut buf = vec![7; payload.end + OVERHEAD.after];
    for (from, to) in [(0, 1), (1, 0)] {
        let _ = (from, to);
        let record = client.protect(&mut buf, payload.clone()).unwrap();
        server.handle_input(start(), &mut buf[record]).unwrap();
        let record = server.protect(&mut buf, payload.clone()).unwrap();
        client.handle_input(start(), &mut buf[record]).unwrap();
    }
    let allocations = alloc::count(|| {
        for _ in 0..10_000 {
            let record = client.protect(&mut buf, payload.clone()).unwrap();
            server.handle_input(start(), &mut buf[record]).unwrap();
            assert!(matches!(server.poll_data(), Some(Data::InPlace(_))));
            let record = server.protect(&mut buf, payload.clone()).unwrap();
            client.handle_input(start(), &mut buf[record]).unwrap();
            assert!(matches!(client.poll_data(), Some(Data::InPlace(_))));
            assert_eq!(client.poll_output(start(), &mut []), Ok(None));
        }
    });
    assert_eq!(allocations, 0);
    assert!(buf[payload].iter().all(|byte| *byte == 7), "it is the payload again");
}

//= rfc9147#8
//= type=test
#[test]
fn new_keys_are_used_only_when_the_peer_has_agreed() {
    let peer = |side| Peer::new(connection(side, config_13(side)));
    for request in [false, true] {
        let mut pair = Pair::new(start(), peer(0), peer(1)).with_delay(Duration::from_millis(20));
        assert!(connect(&mut pair, SOON));
        pair.run_for(Duration::from_secs(2));
        for round in 1..=9 {
            let now = pair.now();
            pair.a.machine.dtls.update_keys(now, request).unwrap();
            pair.a.machine.dtls.update_keys(now, request).unwrap();
            assert_eq!(pair.a.machine.dtls.stats().keys_updated, round - 1);
            pair.a.machine.send(&[1]);
            pair.b.machine.send(&[2]);
            pair.run_for(Duration::from_secs(1));
            let stats = [&pair.a, &pair.b].map(|peer| peer.machine.dtls.stats());
            assert_eq!([stats[0].keys_updated, stats[1].peer_keys_updated], [round; 2]);
            let answered = if request { round } else { 0 };
            assert_eq!([stats[1].keys_updated, stats[0].peer_keys_updated], [answered; 2]);
            assert_eq!([stats[0].data_unread, stats[1].data_unread], [0, 0]);
            assert_eq!(pair.b.machine.received.len() as u64, round);
            assert_eq!(pair.a.machine.received.len() as u64, round);
        }
    }
}

//= rfc9147#7.1
//= type=test
#[test]
fn new_keys_are_acknowledged_at_once_and_in_use_after_a_round_trip() {
    let peer = |side| Peer::new(connection(side, config_13(side)));
    let mut pair = Pair::new(start(), peer(0), peer(1)).with_delay(Duration::from_millis(20));
    assert!(connect(&mut pair, SOON));
    pair.run_for(Duration::from_secs(2));
    let now = pair.now();
    pair.a.machine.dtls.update_keys(now, true).unwrap();
    pair.run_for(Duration::from_millis(40));
    assert_eq!(pair.a.machine.dtls.stats().keys_updated, 1);
    pair.run_for(Duration::from_millis(20));
    assert_eq!(pair.b.machine.dtls.stats().keys_updated, 1, "what was asked for, too");
}

//= rfc9147#5.8.4
//= type=test
#[test]
fn a_change_of_keys_that_gets_lost_is_said_again() {
    let peer = |side| Peer::new(connection(side, config_13(side)));
    for lost in [0, 1] {
        let mut pair = Pair::new(start(), peer(0), peer(1)).with_delay(Duration::from_millis(20));
        assert!(connect(&mut pair, SOON));
        pair.run_for(Duration::from_secs(2));
        let begin = pair.elapsed();
        let now = pair.now();
        pair.a.machine.dtls.update_keys(now, false).unwrap();
        pair.drop_when(move |datagram| {
            datagram.from == lost && datagram.at < begin + Duration::from_millis(300)
        });
        pair.run_for(Duration::from_secs(3));
        assert_eq!(pair.a.machine.dtls.stats().keys_updated, 1, "{lost}");
        pair.clear_drop_rules();
        pair.a.machine.send(b"new keys");
        pair.run_for(Duration::from_secs(1));
        assert_eq!(pair.b.machine.received, [b"new keys"]);
    }
}

// attack: epoch confusion after KeyUpdate
#[test]
fn late_records_of_the_epoch_before_are_opened_for_a_while() {
    let (mut client, mut server) = pair_with(|_| {});
    let late = [seal(&mut client, b"one"), seal(&mut client, b"two")];
    client.update_keys(start(), false).unwrap();
    carry(start(), &mut client, &mut server);
    let soon = start() + Duration::from_millis(200);
    server.handle_timeout(soon);
    carry(soon, &mut server, &mut client);
    assert_eq!(client.stats().keys_updated, 1);
    let new = seal(&mut client, b"new");
    assert_eq!(new[0] & 3, 0, "epoch 4");
    assert_eq!(open(&mut server, new), Some(b"new".to_vec()));
    assert_eq!(open(&mut server, late[0].clone()), Some(b"one".to_vec()));
    let mut again = late[0].clone();
    assert_eq!(server.handle_input(soon, &mut again), Err(InputError::Replayed(0)));
    // Twice the lifetime of a segment later the old keys are gone.
    let after = soon + Duration::from_secs(241);
    server.handle_timeout(after);
    assert!(matches!(server.handle_input(after, &mut late[1].clone()), Err(InputError::Epoch(_))));
    assert_eq!(server.poll_timeout(), None);
}

#[test]
fn keys_change_only_where_that_exists() {
    let (mut client, _) = connected();
    assert_eq!(client.update_keys(start(), false), Err(KeyUpdateError::Version));
    let mut new = connection(0, config_13(0));
    assert_eq!(new.update_keys(start(), false), Err(KeyUpdateError::NotConnected));
}

//= rfc9146#3
//= type=test
#[test]
fn connection_ids_name_every_protected_record() {
    for version in [Version::Dtls12, Version::Dtls13] {
        for (ours, theirs) in [(&b"abc"[..], &b"xy"[..]), (b"", b"xy"), (b"abc", b"")] {
            let [mut client, mut server] = [0, 1].map(|side| {
                let mut config = config(side);
                config.versions = vec![version];
                config.connection_id = Some([ours, theirs][side].to_vec());
                connection(side, config)
            });
            for _ in 0..4 {
                carry(start(), &mut client, &mut server);
                carry(start(), &mut server, &mut client);
            }
            assert!(client.is_connected() && server.is_connected(), "{version:?}");
            let record = seal(&mut client, b"to the server");
            let at = if version == Version::Dtls13 { 1 } else { 11 };
            assert_eq!(&record[at..at + theirs.len()], theirs);
            if !theirs.is_empty() {
                let mut other = record.clone();
                other[at] ^= 1;
                let refused = server.handle_input(start(), &mut other);
                assert_eq!(refused, Err(InputError::ConnectionId));
            }
            assert_eq!(open(&mut server, record), Some(b"to the server".to_vec()));
            let record = seal(&mut server, b"to the client");
            assert_eq!(&record[at..at + ours.len()], ours);
            assert_eq!(open(&mut client, record), Some(b"to the client".to_vec()));
        }
    }
}

#[test]
fn connection_ids_take_two() {
    let (mut client, _) = pair_with(|config| {
        if config.certificate.as_ref().unwrap().der() == common::certificate(0).der() {
            config.connection_id = Some(b"abc".to_vec());
        }
    });
    assert_eq!(client.overhead().before, 5, "the server has none");
    assert_eq!(seal(&mut client, b"x")[0] & 0x10, 0);
}

//= rfc8449#4
//= type=test
#[test]
fn records_are_no_longer_than_the_peer_takes() {
    for version in [Version::Dtls12, Version::Dtls13] {
        let [mut client, mut server] = [0, 1].map(|side| {
            let mut config = config(side);
            config.versions = vec![version];
            config.record_size_limit = Some([100, 200][side]);
            config.max_burst_records = 100;
            connection(side, config)
        });
        for _ in 0..4 {
            carry(start(), &mut client, &mut server);
            carry(start(), &mut server, &mut client);
        }
        assert!(client.is_connected() && server.is_connected(), "{version:?}");
        let hidden = usize::from(version == Version::Dtls13);
        let too_long = server.protect(&mut [0; 300], 50..151 - hidden);
        let limit = 100 - hidden;
        assert_eq!(too_long, Err(ProtectError::TooLong { len: limit + 1, limit }));
        let longest = vec![7; limit];
        let record = seal(&mut server, &longest);
        assert_eq!(open(&mut client, record), Some(longest));
        let record = seal(&mut client, &[7; 150]);
        assert_eq!(open(&mut server, record), Some(vec![7; 150]));
    }
}

// attack: garbage, truncation, forgeries of the hidden record numbers
#[test]
fn garbage_is_counted_and_changes_nothing() {
    let (mut client, mut server) = pair_with(|_| {});
    let good = seal(&mut client, b"good");
    for at in 0..good.len() {
        for bit in 0..8 {
            let mut junk = good.clone();
            junk[at] ^= 1 << bit;
            // A shorter length leaves a rest that is looked at as well.
            assert!(server.handle_input(start(), &mut junk).is_err(), "{at} {bit}");
            assert!(server.is_connected() && server.poll_data().is_none());
        }
        assert!(server.handle_input(start(), &mut good[..at].to_vec()).is_err());
    }
    assert_eq!(open(&mut server, good), Some(b"good".to_vec()));
    assert!(drain(start(), &mut server).is_empty());
}

#[test]
fn several_records_of_a_datagram_are_opened() {
    let (mut client, mut server) = pair_with(|_| {});
    let records = [b"one", b"two", b"six"].map(|payload| seal(&mut client, payload));
    let mut datagram = records.concat();
    datagram[records[0].len() + 7] ^= 1;
    server.handle_input(start(), &mut datagram).unwrap();
    let received: Vec<_> = std::iter::from_fn(|| server.poll_data())
        .map(|data| match data {
            Data::InPlace(range) => datagram[range].to_vec(),
            Data::Held(_) => panic!("nothing was early"),
        })
        .collect();
    assert_eq!(received, [b"one", b"six"]);
}

#[test]
fn a_connected_pair_is_small() {
    drop(pair_with(|_| {}));
    let (pair, usage) = alloc::measure(|| pair_with(|_| {}));
    let size = 2 * size_of::<Connection>();
    let each = (usize::try_from(usage.retained_bytes).unwrap() + size) / 2;
    assert!(each < 8 * 1024, "{each} bytes");
    drop(pair);
}

// attack: unauthenticated alerts, acknowledgements and hellos in every state
#[test]
fn what_is_not_protected_does_nothing_afterwards() {
    let (mut client, mut server) = pair_with(|_| {});
    let forged = |kind: u8, payload: &[u8]| {
        let mut record = vec![kind, 254, 253, 0, 0, 0, 0, 0, 0, 9, 9];
        record.extend((payload.len() as u16).to_be_bytes());
        record.extend(payload);
        record
    };
    for side in [&mut client, &mut server] {
        for mut record in [forged(21, &[2, 40]), forged(26, &[0, 0]), forged(22, &[1; 20])] {
            assert_eq!(side.handle_input(start(), &mut record), Err(InputError::Epoch(0)));
        }
        assert!(drain(start(), side).is_empty());
        assert!(matches!(side.poll_event(), Some(Event::Connected(_))));
        assert_eq!(side.poll_event(), None);
    }
}
