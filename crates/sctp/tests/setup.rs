//! Ways into a live association other than the handshake, and out of it: SNAP and handover.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "a failed expectation is a failed test"
)]

mod common;

use antiphon_sctp::{Association, Config, Event, HandoverError, Outgoing, Reliability, SnapError};
use antiphon_testkit::{Pair, start};
use common::{
    MS, Peer, SEC, chunk, config, connected, fresh, init_value, message, number, numbered,
};

fn snap(pair: &mut Pair<Peer>) {
    let now = pair.now();
    let (a, b) = (pair.a.machine.sctp.snap_init(), pair.b.machine.sctp.snap_init());
    assert_eq!(a, pair.a.machine.sctp.snap_init(), "the same each time");
    pair.a.machine.sctp.connect_snap(now, &b).unwrap();
    pair.b.machine.sctp.connect_snap(now, &a).unwrap();
}

#[test]
fn with_signalled_inits_data_is_in_the_first_flight() {
    let mut pair = fresh(config(|c| c.initial_tsn = Some(0xffff_fffe))).with_delay(50 * MS);
    snap(&mut pair);
    assert!(pair.a.machine.sctp.is_connected() && pair.b.machine.sctp.is_connected());
    let now = pair.now();
    pair.a.machine.sctp.send(now, message(7, numbered(1, 3000))).unwrap();
    pair.b.machine.sctp.send(now, message(8, numbered(2, 3000))).unwrap();
    pair.run_until(50 * MS);
    assert_eq!(number(&pair.b.machine.inbox[0].payload), 1);
    assert_eq!(number(&pair.a.machine.inbox[0].payload), 2);
    pair.run_for(SEC);
    assert_eq!(pair.a.events[0].1, Event::Connected);
    assert_eq!(pair.a.machine.sctp.stats().timeouts, 0);
}

#[test]
fn a_signalled_init_still_serves_a_peer_that_shakes_hands() {
    let mut pair = fresh(Config::default()).with_delay(5 * MS);
    let _ = pair.a.machine.sctp.snap_init();
    let now = pair.now();
    pair.a.machine.sctp.connect(now);
    pair.b.machine.sctp.connect(now);
    pair.run_for(SEC);
    assert!(pair.a.machine.sctp.is_connected() && pair.b.machine.sctp.is_connected());
}

// attack: sctp-init with junk in it
#[test]
fn what_is_no_init_is_refused_and_changes_nothing() {
    let now = start();
    let mut sctp = Association::new(Config::default(), [1; 32], now);
    let good = chunk(1, 0, &init_value(7, 1 << 20, 10, 10, 1));
    assert_eq!(sctp.connect_snap(now, &good), Err(SnapError::NotExported));
    let _ = sctp.snap_init();
    for junk in [&[][..], &[1, 2, 3], &good[..12], &[good.clone(), good.clone()].concat(), &[0; 40]]
    {
        assert_eq!(sctp.connect_snap(now, junk), Err(SnapError::NotInit { len: junk.len() }));
    }
    for bad in [
        init_value(0, 1 << 20, 10, 10, 1),
        init_value(7, 1000, 10, 10, 1),
        init_value(7, 1 << 20, 0, 10, 1),
    ] {
        assert_eq!(sctp.connect_snap(now, &chunk(1, 0, &bad)), Err(SnapError::BadInit));
    }
    assert_eq!(sctp.connect_snap(now, &good), Ok(()));
    assert_eq!(sctp.connect_snap(now, &good), Err(SnapError::NotFresh));
}

/// Replaces `a` by what its bytes say.
fn hand_over(pair: &mut Pair<Peer>, seed: u8) {
    let bytes = pair.a.machine.sctp.export().expect("quiet");
    let now = pair.now();
    pair.a.machine.sctp = Association::import(Config::default(), [seed; 32], now, &bytes).unwrap();
}

#[test]
fn an_association_changes_hands_again_and_again_unnoticed() {
    for interleaving in [true, false] {
        let config = config(|c| {
            c.initial_tsn = Some(0xffff_fff0);
            c.interleaving = interleaving;
        });
        let mut pair = connected(config, 20 * MS);
        for round in 0..10_u32 {
            for i in 0..5 {
                let ordered = i % 2 == 0;
                let now = pair.now();
                let there = Outgoing { ordered, ..message(3, numbered(round * 5 + i, 2500)) };
                pair.a.machine.sctp.send(now, there).unwrap();
                pair.b.machine.sctp.send(now, message(3, numbered(i, 100))).unwrap();
            }
            pair.run_for(5 * SEC);
            while pair.a.machine.sctp.poll_event().is_some() {}
            hand_over(&mut pair, round as u8);
        }
        assert_eq!(pair.b.machine.inbox.len(), 50);
        assert_eq!(pair.a.machine.inbox.len(), 50);
        // Streams can still be reset, with the next request number.
        let now = pair.now();
        pair.a.machine.sctp.reset_streams(now, &[3]).unwrap();
        pair.run_for(SEC);
        let done = |(_, event): &(_, Event)| matches!(event, Event::StreamReset { .. });
        assert!(pair.b.events.iter().any(done));
        assert!(!pair.b.events.iter().any(|(_, event)| matches!(event, Event::Restarted)));
    }
}

#[test]
fn a_busy_association_says_why_it_cannot_go() {
    let mut pair = connected(Config::default(), 20 * MS);
    let fresh = Association::new(Config::default(), [1; 32], start());
    assert_eq!(fresh.export(), Err(HandoverError::NotConnected));
    pair.run_for(SEC);
    let now = pair.now();
    pair.a.machine.sctp.send(now, message(0, numbered(1, 3000))).unwrap();
    let sending = HandoverError::Sending { chunks: 0, buffered: 3000 };
    assert_eq!(pair.a.machine.sctp.export(), Err(sending));
    pair.b.machine.slow = true;
    pair.run_for(SEC);
    assert!(matches!(pair.b.machine.sctp.export(), Err(HandoverError::Receiving { .. })));
    let now = pair.now();
    pair.a.machine.sctp.reset_streams(now, &[0]).unwrap();
    assert_eq!(pair.a.machine.sctp.export(), Err(HandoverError::Busy));
    pair.a.machine.sctp.shutdown(now);
    assert_eq!(pair.a.machine.sctp.export(), Err(HandoverError::NotConnected));
}

// attack: handover bytes cut short or changed
#[test]
fn bytes_that_were_not_exported_are_refused_or_harmless() {
    let mut pair = connected(Config::default(), 20 * MS);
    let now = pair.now();
    pair.a.machine.sctp.send(now, message(3, "hello")).unwrap();
    pair.run_for(SEC);
    let bytes = pair.a.machine.sctp.export().unwrap();
    let import =
        |bytes: &[u8]| Association::import(Config::default(), [1; 32], start(), bytes).map(|_| ());
    for len in 0..bytes.len() {
        assert!(import(&bytes[..len]).is_err(), "{len} bytes");
    }
    let mut longer = bytes.clone();
    longer.push(0);
    assert_eq!(import(&longer), Err(HandoverError::Malformed { at: bytes.len() }));
    let mut other = bytes.clone();
    other[0] = 9;
    assert_eq!(import(&other), Err(HandoverError::Version { found: 9, known: 1 }));
    for at in 1..bytes.len() {
        let mut changed = bytes.clone();
        changed[at] ^= 0xff;
        let _ = import(&changed);
    }
    assert_eq!(import(&bytes), Ok(()));
    let _ = Reliability::Reliable;
}
