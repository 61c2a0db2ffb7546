//! Stream resets, partial reliability and buffers, on a simulated network.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "a failed expectation is a failed test"
)]

mod common;

use antiphon_sctp::{Config, Event, Outgoing, Reliability, ResetResult};
use antiphon_testkit::{Random, seed};
use common::{MS, SEC, connected, message, number, numbered};
use std::time::Duration;

#[test]
fn a_reset_comes_after_the_data_before_it() {
    for round in 0..30 {
        let config = common::config(|c| {
            c.initial_tsn = Some(u32::MAX - 5);
        });
        let mut pair = connected(config, 15 * MS);
        let loss = [0.0, 0.1, 0.3][round % 3];
        pair.uplink(0).loss = loss;
        pair.uplink(1).loss = loss;
        pair.uplink(0).jitter = 20 * MS;
        for generation in 0..3 {
            let now = pair.now();
            for i in 0..20 {
                pair.a.machine.sctp.send(now, message(4, numbered(i, 3000))).expect("room");
                pair.a.machine.sctp.send(now, message(5, numbered(i, 100))).expect("room");
            }
            pair.a.machine.sctp.reset_streams(now, &[4]).expect("supported");
            let events = pair.b.events.len();
            let end = pair.elapsed() + 300 * SEC;
            let reset =
                |event: &Event| matches!(event, Event::StreamReset { streams } if **streams == [4]);
            assert!(
                pair.run_while(end, |pair| !pair.b.events[events..].iter().any(|(_, e)| reset(e))),
                "round {round} generation {generation}"
            );
            let on_four = pair.b.machine.inbox.iter().filter(|m| m.stream == 4).count();
            assert_eq!(on_four, 20 * (generation + 1), "everything before the reset is there");
            let done = |event: &Event| {
                matches!(event, Event::StreamResetDone { result: ResetResult::Performed, .. })
            };
            let seen = pair.a.events.iter().filter(|(_, e)| done(e)).count();
            if seen <= generation {
                let end = pair.elapsed() + 300 * SEC;
                assert!(pair.run_while(end, |pair| {
                    pair.a.events.iter().filter(|(_, e)| done(e)).count() <= generation
                }));
            }
        }
        pair.run_for(60 * SEC);
        let numbers = |stream| -> Vec<u32> {
            let inbox = pair.b.machine.inbox.iter();
            inbox.filter(|m| m.stream == stream).map(|m| number(&m.payload)).collect()
        };
        let expected: Vec<u32> = (0..3).flat_map(|_| 0..20).collect();
        assert_eq!(numbers(4), expected);
        assert_eq!(numbers(5), expected);
    }
}

#[test]
fn both_sides_reset_the_same_stream_at_once() {
    let mut pair = connected(Config::default(), 20 * MS);
    let now = pair.now();
    for side in [&mut pair.a.machine.sctp, &mut pair.b.machine.sctp] {
        side.send(now, message(2, "last words")).expect("room");
        side.reset_streams(now, &[2]).expect("supported");
        assert!(side.send(now, message(2, "too late")).is_err());
    }
    pair.run_for(5 * SEC);
    for end in [&pair.a, &pair.b] {
        let events: Vec<_> = end.events.iter().map(|(_, event)| event.clone()).collect();
        assert!(events.contains(&Event::StreamReset { streams: [2].into() }), "{events:?}");
        assert!(events.contains(&Event::StreamResetDone {
            streams: [2].into(),
            result: ResetResult::Performed
        }));
        assert_eq!(end.machine.inbox.len(), 1);
    }
    // The stream is new again.
    let now = pair.now();
    pair.a.machine.sctp.send(now, message(2, "again")).expect("reset is over");
    pair.run_for(SEC);
    assert_eq!(pair.b.machine.inbox.last().unwrap().payload, "again");
}

/// Unreliable messages: what arrives is intact, once and in order, and nothing waits for the rest.
#[test]
fn partial_reliability_never_stalls_reorders_or_damages() {
    for round in 0..60 {
        let mut random = Random::new(seed(7000) + round);
        let config = common::config(|c| {
            c.max_retransmits = 30;
            c.initial_tsn = Some(u32::MAX - 100);
            c.max_send_message_size = 1 << 20;
        });
        let mut pair = connected(config, 20 * MS);
        pair.uplink(0).loss = [0.05, 0.2, 0.3][random.index(3)];
        pair.uplink(1).loss = [0.0, 0.2][random.index(2)];
        pair.uplink(0).jitter = [Duration::ZERO, 30 * MS][random.index(2)];
        let count = 200;
        let mut reliable = Vec::new();
        for i in 0..count {
            let reliability = match random.index(4) {
                0 => Reliability::Retransmits(0),
                1 => Reliability::Retransmits(2),
                2 => Reliability::Lifetime(60 * MS),
                _ => Reliability::Reliable,
            };
            if reliability == Reliability::Reliable {
                reliable.push(i);
            }
            let len = [4, 500, 1160, 4000, 30_000][random.index(5)];
            pair.a.machine.backlog.push_back(Outgoing {
                reliability,
                ordered: random.chance(0.7),
                ..message(random.index(3) as u16, numbered(i, len))
            });
            pair.run_for(random.duration(5 * MS));
        }
        pair.run_for(300 * SEC);
        let inbox = &pair.b.machine.inbox;
        let mut got: Vec<u32> = inbox.iter().map(|m| number(&m.payload)).collect();
        for stream in 0..3 {
            let ordered: Vec<u32> = inbox
                .iter()
                .filter(|m| m.stream == stream && m.ordered)
                .map(|m| number(&m.payload))
                .collect();
            assert!(ordered.is_sorted(), "round {round}: {ordered:?}");
        }
        got.sort_unstable();
        assert!(
            got.windows(2).all(|pair| pair[0] < pair[1]),
            "round {round}: a message came twice"
        );
        for i in reliable {
            assert!(
                got.binary_search(&i).is_ok(),
                "round {round}: reliable message {i} is missing: {:?} {:?} {:?}",
                pair.a.machine.sctp.stats(),
                pair.a.events,
                pair.b.events
            );
        }
        let stats = pair.a.machine.sctp.stats();
        assert_eq!((stats.in_flight, stats.buffered), (0, 0), "round {round}: {stats:?}");
        // Nothing of what was given up is left in the receiver's buffer.
        pair.a.machine.backlog.push_back(message(9, "end"));
        pair.run_for(10 * SEC);
        let now = pair.now();
        pair.a.machine.sctp.shutdown(now);
        pair.run_for(60 * SEC);
        assert_eq!(pair.b.machine.inbox.last().unwrap().payload, "end");
        assert!(pair.a.machine.sctp.is_closed());
    }
}

#[test]
fn the_low_threshold_and_the_full_buffer_are_told() {
    let config = common::config(|c| {
        c.send_buffer = 100_000;
    });
    let mut pair = connected(config, 20 * MS);
    let now = pair.now();
    pair.a.machine.sctp.set_buffered_low(0, 30_000);
    let mut accepted = 0;
    while pair.a.machine.sctp.send(now, message(0, numbered(0, 10_000))).is_ok() {
        accepted += 1;
    }
    assert_eq!(accepted, 10);
    assert_eq!(pair.a.machine.sctp.buffered(0), 100_000);
    pair.run_for(SEC);
    let events: Vec<_> = pair.a.events.iter().map(|(_, event)| event.clone()).collect();
    assert!(events.contains(&Event::Writable));
    assert_eq!(events.iter().filter(|e| **e == Event::BufferedLow(0)).count(), 1);
    assert_eq!(pair.a.machine.sctp.buffered(0), 0);
}
