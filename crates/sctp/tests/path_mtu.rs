//! The search for larger packets (RFC 8899 with RFC 4820).
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "a failed expectation is a failed test"
)]

mod common;

use antiphon_sctp::Config;
use common::{MS, Manual, SEC, chunk, config, connected, message, numbered};

fn searching(c: &mut Config) {
    c.packet_ceiling = 1435;
}

//= rfc8899#3
//= type=test
#[test]
fn packets_grow_to_what_the_path_takes() {
    for (mtu, least) in [(1500, 1432), (1400, 1340), (1300, 1240), (1219, 1191)] {
        let mut pair = connected(config(searching), 10 * MS);
        for host in [0, 1] {
            pair.uplink(host).mtu = mtu;
            pair.downlink(host).mtu = mtu;
        }
        pair.run_for(60 * SEC);
        let size = pair.a.machine.sctp.stats().packet_size;
        assert!(size >= least && size + 28 <= mtu, "{size} with an MTU of {mtu}");
        assert_eq!(pair.a.machine.sctp.stats().timeouts, 0);
        for i in 0..50 {
            pair.a.machine.backlog.push_back(message(0, numbered(i, 5000)));
        }
        let end = pair.elapsed() + 10 * SEC;
        assert!(pair.run_while(end, |pair| pair.b.machine.inbox.len() < 50), "MTU {mtu}");
        assert_eq!(pair.a.machine.sctp.stats().chunks_retransmitted, 0);
    }
}

//= rfc8899#4.3
//= type=test
#[test]
fn a_black_hole_makes_packets_small_again() {
    let mut pair = connected(config(searching), 10 * MS);
    pair.run_for(10 * SEC);
    assert_eq!(pair.a.machine.sctp.stats().packet_size, 1435);
    // From now on the path swallows what is large; messages have not been cut yet.
    pair.uplink(0).mtu = 1280;
    pair.a.machine.backlog.push_back(message(0, numbered(0, 900)));
    pair.run_for(SEC);
    assert_eq!(pair.b.machine.inbox.len(), 1);
    pair.uplink(0).loss = 1.0;
    pair.a.machine.backlog.push_back(message(0, numbered(1, 900)));
    pair.run_for(8 * SEC);
    assert_eq!(pair.a.machine.sctp.stats().packet_size, 1191);
    pair.uplink(0).loss = 0.0;
    pair.a.machine.backlog.push_back(message(0, numbered(2, 50_000)));
    let end = pair.elapsed() + 30 * SEC;
    assert!(pair.run_while(end, |pair| pair.b.machine.inbox.len() < 3));
}

#[test]
fn a_new_path_is_searched_from_the_base() {
    let mut pair = connected(config(searching), 10 * MS);
    pair.run_for(10 * SEC);
    assert_eq!(pair.a.machine.sctp.stats().packet_size, 1435);
    let now = pair.now();
    pair.a.machine.sctp.set_packet_ceiling(now, 1300);
    assert_eq!(pair.a.machine.sctp.stats().packet_size, 1191);
    pair.run_for(10 * SEC);
    assert_eq!(pair.a.machine.sctp.stats().packet_size, 1300);
}

//= rfc8899#4.1
//= type=test
#[test]
fn a_probe_is_a_heartbeat_padded_to_the_size_and_alone() {
    let mut manual = Manual::open(config(searching));
    let probe = manual.output().expect("a probe");
    assert_eq!(probe.len(), 1432);
    let kinds: Vec<u8> = common::chunks(&probe).iter().map(|part| part.0).collect();
    assert_eq!(kinds, [4, 132]);
    // Lost probes are repeated, and no congestion.
    let window = manual.sctp.stats().congestion_window;
    for _ in 0..2 {
        manual.wait(2 * SEC);
        assert_eq!(manual.output().expect("again").len(), 1432);
    }
    manual.wait(2 * SEC);
    let smaller = manual.output().expect("a smaller one").len();
    assert!((1191..1432).contains(&smaller), "{smaller}");
    assert_eq!(manual.sctp.stats().congestion_window, window);
    // Its answer confirms the size.
    let sent = manual.drain();
    assert!(sent.is_empty());
}

//= rfc4820#4
//= type=test
#[test]
fn padding_is_ignored_wherever_it_stands() {
    let mut manual = Manual::open(Config::default());
    let data = common::data(3, common::PEER_TSN, 0, 0, b"hello");
    manual.chunks(&[chunk(132, 0, &[0; 100]), data, chunk(132, 0, &[])]).unwrap();
    assert_eq!(manual.sctp.recv().unwrap().payload, "hello");
}

#[test]
fn without_a_ceiling_nothing_is_probed() {
    let mut manual = Manual::open(Config::default());
    manual.wait(5 * SEC);
    assert!(manual.drain().is_empty());
}
