//! Two associations on a simulated network.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "a failed expectation is a failed test"
)]

mod common;

use antiphon_sctp::{CloseReason, Config, Event, Outgoing};
use antiphon_testkit::{Pair, Random, seed};
use common::{MS, Peer, SEC, connected, fresh, message, number, numbered};
use std::time::Duration;

/// Runs until `b` has this many messages.
fn run_until_received(pair: &mut Pair<Peer>, count: usize, limit: Duration) {
    let end = pair.elapsed() + limit;
    let done = pair.run_while(end, |pair| pair.b.machine.inbox.len() < count);
    assert!(
        done,
        "{} of {count} messages: {:?}, {:?}, {:?}",
        pair.b.machine.inbox.len(),
        pair.a.machine.sctp.stats(),
        pair.a.events.last(),
        pair.b.events.last()
    );
}

#[test]
fn one_side_connects_and_a_message_arrives() {
    let mut pair = fresh(Config::default()).with_delay(20 * MS);
    let now = pair.now();
    pair.a.machine.sctp.connect(now);
    pair.run_for(SEC);
    assert_eq!(pair.a.events, [(80 * MS, Event::Connected)]);
    assert_eq!(pair.b.events, [(60 * MS, Event::Connected)]);
    pair.a.machine.backlog.push_back(message(3, "hello"));
    pair.run_for(SEC);
    assert_eq!(pair.b.machine.inbox.len(), 1);
    assert_eq!(pair.b.machine.inbox[0].payload, "hello");
    assert_eq!(pair.b.machine.inbox[0].stream, 3);
    assert_eq!(pair.a.machine.sctp.outgoing_streams(), Some(65_535));
}

#[test]
fn both_sides_connect_at_once() {
    let mut pair = fresh(Config::default()).with_delay(20 * MS);
    let now = pair.now();
    pair.a.machine.sctp.connect(now);
    pair.b.machine.sctp.connect(now);
    pair.run_for(SEC);
    for events in [&pair.a.events, &pair.b.events] {
        assert_eq!(events.iter().filter(|(_, e)| *e == Event::Connected).count(), 1);
    }
    pair.a.machine.backlog.push_back(message(0, "there"));
    pair.b.machine.backlog.push_back(message(0, "back"));
    pair.run_for(SEC);
    assert_eq!(pair.a.machine.inbox.len() + pair.b.machine.inbox.len(), 2);
    assert!(pair.a.errors.is_empty() && pair.b.errors.is_empty());
}

#[test]
fn both_sides_connect_at_once_whatever_is_lost() {
    for seed in 0..200 {
        let mut pair = fresh(Config::default()).with_delay(30 * MS);
        let mut random = Random::new(seed);
        pair.uplink(0).loss = 0.3;
        pair.uplink(1).loss = 0.3;
        pair.uplink(0).jitter = 40 * MS;
        pair.run_for(random.duration(50 * MS));
        let now = pair.now();
        pair.a.machine.sctp.connect(now);
        pair.run_for(random.duration(100 * MS));
        let now = pair.now();
        pair.b.machine.sctp.connect(now);
        let end = pair.elapsed() + 120 * SEC;
        let up = pair.run_while(end, |pair| {
            !(pair.a.machine.sctp.is_connected() && pair.b.machine.sctp.is_connected())
        });
        assert!(up, "seed {seed}: {:?} {:?}", pair.a.events, pair.b.events);
        pair.a.machine.backlog.push_back(message(0, "x"));
        pair.b.machine.backlog.push_back(message(0, "y"));
        let end = pair.elapsed() + 60 * SEC;
        pair.run_while(end, |pair| {
            pair.a.machine.inbox.is_empty() || pair.b.machine.inbox.is_empty()
        });
        assert_eq!((pair.a.machine.inbox.len(), pair.b.machine.inbox.len()), (1, 1), "seed {seed}");
        for events in [&pair.a.events, &pair.b.events] {
            assert!(!events.iter().any(|(_, e)| matches!(e, Event::Restarted | Event::Closed(_))));
        }
    }
}

/// Loss, reordering, duplication, many sizes and streams: each message once, in order.
#[test]
fn exactly_once_and_in_order_over_many_seeds() {
    for round in 0..60 {
        let mut random = Random::new(seed(1000) + round);
        let config = common::config(|c| {
            // At 30 % loss both ways half of all round trips fail, and the default of ten repetitions
            // in a row is exceeded now and then, as it should.
            c.max_retransmits = 30;
            c.initial_tsn =
                Some(if round % 2 == 0 { u32::MAX - 1 } else { random.next_u64() as u32 });
        });
        let mut pair = connected(config, random.duration(50 * MS));
        for host in 0..2 {
            let link = pair.uplink(host);
            link.loss = [0.0, 0.02, 0.1, 0.3][random.index(4)];
            link.duplicate = [0.0, 0.1][random.index(2)];
            link.reorder = [0.0, 0.2][random.index(2)];
            link.reorder_delay = 30 * MS;
            link.jitter = [Duration::ZERO, 10 * MS][random.index(2)];
        }
        let count = 150;
        let mut sent = vec![Vec::new(); 5];
        for i in 0..count {
            let stream = random.index(4) as u16;
            let len = [4, 4, 100, 1160, 1161, 5000, 60_000][random.index(7)];
            let ordered = random.chance(0.8);
            sent[if ordered { usize::from(stream) } else { 4 }].push(i);
            let payload = numbered(i, len);
            pair.a
                .machine
                .backlog
                .push_back(Outgoing { ordered, ..message(stream, payload.clone()) });
            pair.b.machine.backlog.push_back(Outgoing { ordered, ..message(stream, payload) });
        }
        run_until_received(&mut pair, count as usize, 600 * SEC);
        let end = pair.elapsed() + 600 * SEC;
        pair.run_while(end, |pair| pair.a.machine.inbox.len() < count as usize);
        pair.run_for(SEC);
        for inbox in [&pair.a.machine.inbox, &pair.b.machine.inbox] {
            let mut got = vec![Vec::new(); 5];
            for message in inbox {
                let lane = if message.ordered { usize::from(message.stream) } else { 4 };
                got[lane].push(number(&message.payload));
            }
            got[4].sort_unstable();
            assert_eq!(got, sent, "round {round}");
        }
        assert!(pair.a.errors.is_empty() && pair.b.errors.is_empty());
    }
}

#[test]
fn large_messages_cross_a_lossy_path() {
    for (len, loss) in [(262_144, 0.0), (262_144, 0.1), (10_000_000, 0.0), (10_000_000, 0.01)] {
        let config = common::config(|c| {
            c.max_send_message_size = 16 << 20;
            c.max_receive_message_size = 16 << 20;
        });
        let mut pair = connected(config, 10 * MS);
        pair.uplink(0).loss = loss;
        pair.uplink(1).loss = loss;
        pair.a.machine.backlog.push_back(message(0, numbered(1, len)));
        run_until_received(&mut pair, 1, 600 * SEC);
        assert_eq!(number(&pair.b.machine.inbox[0].payload), 1);
    }
}

#[test]
fn a_long_path_is_filled() {
    // 100 Mbit/s, 200 ms round trip: 2.5 MB in flight.
    let config = common::config(|c| {
        c.receive_buffer = 8 << 20;
    });
    let mut pair = connected(config, 100 * MS);
    pair.uplink(0).rate_bps = Some(100_000_000);
    pair.uplink(0).queue_bytes = 16 << 20;
    let began = pair.elapsed();
    for i in 0..1000 {
        pair.a.machine.backlog.push_back(message(0, numbered(i, 60_000)));
    }
    run_until_received(&mut pair, 1000, 60 * SEC);
    let took = pair.elapsed() - began;
    // 60 MB take 4.9 s at line rate.
    assert!(took < 8 * SEC, "{took:?} {:?}", pair.a.machine.sctp.stats());
}

#[test]
fn a_flood_of_single_bytes_arrives() {
    let mut pair = connected(Config::default(), 20 * MS);
    pair.uplink(0).loss = 0.02;
    // More than 65,536 messages: the stream's sequence number wraps.
    let count = 70_000;
    for i in 0..count {
        pair.a.machine.backlog.push_back(message(1, vec![i as u8]));
    }
    run_until_received(&mut pair, count, 600 * SEC);
    for (i, message) in pair.b.machine.inbox.iter().enumerate() {
        assert_eq!(message.payload[..], [i as u8]);
    }
}

#[test]
fn a_slow_reader_stops_the_sender_and_loses_nothing() {
    let config = common::config(|c| {
        c.receive_buffer = 400_000;
        c.max_receive_message_size = 65_536;
    });
    let mut pair = connected(config, 10 * MS);
    pair.b.machine.slow = true;
    for i in 0..200 {
        pair.a.machine.backlog.push_back(message(0, numbered(i, 10_000)));
    }
    pair.run_for(60 * SEC);
    assert!(pair.a.machine.sctp.is_connected(), "{:?}", pair.a.events);
    assert_eq!(pair.b.machine.inbox.len(), 0);
    let waiting = pair.a.machine.sctp.stats();
    assert!(waiting.buffered > 1_000_000, "{waiting:?}");
    // One message at a time.
    for _ in 0..200 {
        if let Some(message) = pair.b.machine.sctp.recv() {
            pair.b.machine.inbox.push(message);
        }
        pair.run_for(100 * MS);
    }
    pair.b.machine.slow = false;
    pair.b.machine.read();
    run_until_received(&mut pair, 200, 60 * SEC);
    let numbers: Vec<_> = pair.b.machine.inbox.iter().map(|m| number(&m.payload)).collect();
    assert_eq!(numbers, (0..200).collect::<Vec<_>>());
}

#[test]
fn a_lost_window_update_is_asked_for() {
    let config = common::config(|c| {
        c.receive_buffer = 200_000;
        c.max_receive_message_size = 65_536;
    });
    let mut pair = connected(config, 10 * MS);
    pair.b.machine.slow = true;
    for i in 0..40 {
        pair.a.machine.backlog.push_back(message(0, numbered(i, 10_000)));
    }
    pair.run_for(5 * SEC);
    // The reader wakes up while nothing it says comes through.
    let asleep = pair.elapsed();
    pair.uplink(1).blackouts = vec![asleep..asleep + SEC];
    pair.b.machine.slow = false;
    pair.b.machine.read();
    run_until_received(&mut pair, 40, 30 * SEC);
}

#[test]
fn an_unread_window_is_probed_for_an_hour() {
    let config = common::config(|c| {
        c.receive_buffer = 200_000;
    });
    let mut pair = connected(config, 10 * MS);
    pair.b.machine.slow = true;
    for i in 0..60 {
        pair.a.machine.backlog.push_back(message(0, numbered(i, 10_000)));
    }
    pair.run_for(3600 * SEC);
    assert!(pair.a.machine.sctp.is_connected());
    assert!(pair.counters(0).sent < 5000, "{:?}", pair.counters(0));
}

#[test]
fn a_lost_tail_is_found_before_the_timeout() {
    let config = common::config(|c| {
        c.rto_min = SEC;
        c.rto_initial = SEC;
    });
    let mut pair = connected(config, 20 * MS);
    for i in 0..20 {
        pair.a.machine.backlog.push_back(message(0, numbered(i, 1000)));
    }
    run_until_received(&mut pair, 20, SEC);
    pair.run_for(SEC);
    // The last three of the next five packets are lost.
    let base = pair.counters(0).sent;
    pair.drop_when(move |d| d.from == 0 && (base + 2..base + 5).contains(&d.number));
    for i in 20..25 {
        pair.a.machine.backlog.push_back(message(0, numbered(i, 1000)));
    }
    let began = pair.elapsed();
    run_until_received(&mut pair, 25, 10 * SEC);
    let took = pair.elapsed() - began;
    assert!(took < 400 * MS, "{took:?}");
    assert_eq!(pair.a.machine.sctp.stats().timeouts, 0);
}

#[test]
fn everything_queued_arrives_before_a_shutdown_ends() {
    for loss in [0.0, 0.2] {
        let mut pair = connected(Config::default(), 20 * MS);
        pair.uplink(0).loss = loss;
        pair.uplink(1).loss = loss;
        for i in 0..50 {
            let now = pair.now();
            pair.a.machine.sctp.send(now, message(0, numbered(i, 10_000))).expect("room");
            pair.b.machine.sctp.send(now, message(0, numbered(i, 100))).expect("room");
        }
        let now = pair.now();
        pair.a.machine.sctp.shutdown(now);
        pair.run_for(60 * SEC);
        assert_eq!(pair.b.machine.inbox.len(), 50);
        assert_eq!(pair.a.machine.inbox.len(), 50);
        assert_eq!(pair.a.events.last().unwrap().1, Event::Closed(CloseReason::LocalShutdown));
        let end = &pair.b.events.last().unwrap().1;
        assert!(
            matches!(end, Event::Closed(CloseReason::PeerShutdown | CloseReason::Timeout)),
            "{end:?}"
        );
    }
}

#[test]
fn both_sides_shut_down_at_once() {
    let mut pair = connected(Config::default(), 20 * MS);
    let now = pair.now();
    pair.a.machine.sctp.shutdown(now);
    pair.b.machine.sctp.shutdown(now);
    pair.run_for(5 * SEC);
    for events in [&pair.a.events, &pair.b.events] {
        assert_eq!(events.last().unwrap().1, Event::Closed(CloseReason::LocalShutdown));
    }
}

#[test]
fn abort_with_data_in_flight_ends_both_sides() {
    let mut pair = connected(Config::default(), 20 * MS);
    for i in 0..50 {
        pair.a.machine.backlog.push_back(message(0, numbered(i, 10_000)));
    }
    pair.run_for(25 * MS);
    let now = pair.now();
    pair.a.machine.backlog.clear();
    pair.a.machine.sctp.abort(now);
    pair.run_for(SEC);
    assert_eq!(pair.a.events.last().unwrap().1, Event::Closed(CloseReason::LocalAbort));
    assert_eq!(
        pair.b.events.last().unwrap().1,
        Event::Closed(CloseReason::PeerAborted { cause: Some(12) })
    );
}

#[test]
fn a_peer_that_missed_the_abort_is_told_again() {
    let mut pair = connected(Config::default(), 20 * MS);
    let base = pair.counters(0).sent;
    pair.drop_when(move |d| d.from == 0 && d.number == base);
    let now = pair.now();
    pair.a.machine.sctp.abort(now);
    pair.run_for(SEC);
    assert!(pair.b.machine.sctp.is_connected());
    pair.b.machine.backlog.push_back(message(0, "still there?"));
    pair.run_for(SEC);
    assert!(pair.b.machine.sctp.is_closed());
}

#[test]
fn a_silent_peer_is_given_up() {
    let mut pair = connected(Config::default(), 20 * MS);
    let now = pair.elapsed();
    pair.uplink(0).blackouts = vec![now..now + 10_000 * SEC];
    pair.a.machine.backlog.push_back(message(0, "anybody?"));
    pair.run_for(200 * SEC);
    assert_eq!(pair.a.events.last().unwrap().1, Event::Closed(CloseReason::Timeout));
    // The other side has nothing to send; its heartbeats find out, too.
    pair.run_for(300 * SEC);
    assert_eq!(pair.b.events.last().unwrap().1, Event::Closed(CloseReason::Timeout));
}

#[test]
fn an_idle_association_stays_up_for_a_day() {
    let mut pair = connected(Config::default(), 20 * MS);
    pair.run_for(86_400 * SEC);
    assert!(pair.a.machine.sctp.is_connected() && pair.b.machine.sctp.is_connected());
    // A heartbeat and its answer every 30 s from each side.
    assert!((5000..7000).contains(&pair.counters(0).sent), "{:?}", pair.counters(0));
}
