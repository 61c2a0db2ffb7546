//! What losses cost: time-based detection, tail probes, paths that lose a lot (RFC 8985).
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

use antiphon_sctp::{Config, Event};
use common::{MS, Manual, SEC, be32, config, connected, message, numbered, sack};

/// A hundred requests and answers at a round trip of 50 ms, of which `lose` drops one datagram each
/// time: the longest.
fn worst(lose_from: usize) -> Duration {
    let mut pair = connected(Config::default(), 25 * MS);
    let mut worst = Duration::ZERO;
    for round in 0..120_usize {
        pair.clear_drop_rules();
        // Measuring needs a few rounds without loss.
        if round >= 20 {
            let mut left = 1;
            pair.drop_when(move |datagram| {
                let data =
                    datagram.bytes[12] == 64 || datagram.bytes.windows(4).any(|w| w == b"ping");
                let hit = datagram.from == lose_from && data && left > 0;
                left -= i32::from(hit);
                hit
            });
        }
        let begin = pair.elapsed();
        let now = pair.now();
        pair.a.machine.sctp.send(now, message(0, "ping")).unwrap();
        assert!(pair.run_while(begin + 5 * SEC, |pair| pair.b.machine.inbox.is_empty()));
        pair.b.machine.inbox.clear();
        let now = pair.now();
        pair.b.machine.sctp.send(now, message(0, "ping")).unwrap();
        assert!(pair.run_while(begin + 5 * SEC, |pair| pair.a.machine.inbox.is_empty()));
        pair.a.machine.inbox.clear();
        worst = worst.max(pair.elapsed() - begin);
        pair.run_for(200 * MS);
    }
    worst
}

#[test]
fn a_lost_request_or_answer_costs_less_than_two_and_a_half_round_trips() {
    for lose_from in [0, 1] {
        let worst = worst(lose_from);
        assert!(worst > 60 * MS, "something was lost: {worst:?}");
        assert!(worst < 125 * MS, "{worst:?} for a round trip of 50 ms");
    }
}

//= rfc8985#6.2
//= type=test
#[test]
fn a_lost_retransmission_is_noticed_without_a_timeout() {
    let mut pair = connected(config(|c| c.initial_tsn = Some(0xffff_fffe)), 25 * MS);
    let mut seen = 0;
    pair.drop_when(move |datagram| {
        // The first data chunk, three times.
        let hit = datagram.from == 0
            && datagram.bytes[12] == 64
            && be32(datagram.bytes, 16) == 0xffff_fffe;
        seen += i32::from(hit);
        hit && seen <= 3
    });
    for i in 0..400 {
        pair.a.machine.backlog.push_back(message(0, numbered(i, 1000)));
    }
    let end = pair.elapsed() + 5 * SEC;
    assert!(pair.run_while(end, |pair| pair.b.machine.inbox.len() < 400));
    assert_eq!(pair.a.machine.sctp.stats().timeouts, 0);
}

//= rfc8985#6.2
//= type=test
#[test]
fn mild_reordering_brings_hardly_any_retransmission() {
    let mut pair = connected(Config::default(), 25 * MS);
    pair.uplink(0).reorder = 0.05;
    pair.uplink(0).reorder_delay = 5 * MS;
    pair.uplink(0).rate_bps = Some(20_000_000);
    for i in 0..3000 {
        pair.a.machine.backlog.push_back(message(0, numbered(i, 1000)));
    }
    let end = pair.elapsed() + 30 * SEC;
    assert!(pair.run_while(end, |pair| pair.b.machine.inbox.len() < 3000));
    let stats = pair.a.machine.sctp.stats();
    assert!(stats.chunks_retransmitted < 90, "{stats:?}");
}

//= rfc8985#7.3
//= type=test
#[test]
fn a_tail_probe_finds_out_what_else_is_missing() {
    let mut manual = Manual::open(Config::default());
    manual.send(message(0, "warm up"));
    manual.drain();
    manual.wait(50 * MS);
    let tsn = manual.tsn;
    manual.chunks(&[sack(tsn, 100_000, &[])]).unwrap();
    for i in 0..4 {
        manual.send(message(0, numbered(i, 1000)));
    }
    assert_eq!(manual.drain_kind(0).len(), 4);
    manual.wait(100 * MS);
    let probe = manual.drain_kind(0);
    assert_eq!(probe.len(), 1);
    assert_eq!(be32(&probe[0].1, 0), tsn.wrapping_add(4));
    assert_eq!(probe[0].0 & 8, 8, "an answer at once");
    // Only the probe has arrived: the other three are lost, without a timeout.
    manual.wait(50 * MS);
    manual.chunks(&[sack(tsn, 100_000, &[(4, 4)])]).unwrap();
    assert_eq!(manual.drain_kind(0).len(), 3);
    assert_eq!(manual.sctp.stats().timeouts, 0);
}

#[test]
fn a_path_that_loses_thirty_percent_keeps_its_association() {
    for seed in 0..3 {
        let mut pair = connected(config(|c| c.initial_tsn = Some(seed)), 50 * MS);
        pair.uplink(0).loss = 0.3;
        pair.uplink(1).loss = 0.3;
        let mut next = 0;
        // Half an hour with a message every second.
        for _ in 0..1800 {
            pair.a.machine.backlog.push_back(message(0, numbered(next, 500)));
            next += 1;
            pair.run_for(SEC);
        }
        pair.run_for(60 * SEC);
        assert_eq!(pair.b.machine.inbox.len(), next as usize);
        assert!(!pair.a.events.iter().any(|(_, event)| matches!(event, Event::Closed(_))));
    }
}

#[test]
fn a_dead_path_still_ends_the_association() {
    let mut pair = connected(Config::default(), 50 * MS);
    pair.uplink(0).loss = 1.0;
    pair.a.machine.backlog.push_back(message(0, "anybody?"));
    let end = pair.elapsed() + 200 * SEC;
    assert!(pair.run_while(end, |pair| !pair.a.machine.sctp.is_closed()));
}
