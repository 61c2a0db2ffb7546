//! Two hosts on a link that loses, delays and doubles.
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

use antiphon_mdns::{Event, Scope, Unresolved};
use antiphon_testkit::{Pair, start};
use common::{ETH, MS, Peer, SECOND};

fn pair() -> Pair<Peer> {
    Pair::new(start(), Peer::new(1, start()), Peer::new(2, start()))
}

#[test]
fn a_name_is_resolved_in_the_time_of_a_round_trip() {
    let mut pair = pair();
    let address = pair.a.machine.address;
    let name = pair.a.machine.mdns.register(start(), Scope(1), address).unwrap();
    pair.run_until(SECOND * 5);
    let now = start() + SECOND * 5;
    pair.b.machine.mdns.resolve(now, name).unwrap();
    pair.run_until(SECOND * 20);
    let (at, event) = pair.b.events[0];
    assert_eq!(event, Event::Resolved { name, address, interface: Some(ETH) });
    assert!(at - SECOND * 5 <= MS * 250, "{at:?}");
    assert_eq!(pair.b.events.len(), 1);
    // Two announcements, one question with one reply to the host alone.
    let stats = pair.a.machine.mdns.stats();
    assert_eq!((stats.announcements_sent, stats.replies_sent), (2, 1));
    assert_eq!(pair.b.machine.mdns.stats().queries_sent, 1);
}

#[test]
fn a_name_is_resolved_over_a_link_that_loses_half() {
    let mut resolved = 0;
    for seed in 1..=20 {
        let mut pair = Pair::new(start(), Peer::new(seed, start()), Peer::new(seed + 100, start()));
        for side in 0..2 {
            pair.uplink(side).loss = 0.5;
            pair.uplink(side).duplicate = 0.2;
        }
        let address = pair.a.machine.address;
        let name = pair.a.machine.mdns.register(start(), Scope(1), address).unwrap();
        pair.b.machine.mdns.resolve(start(), name).unwrap();
        pair.run_until(SECOND * 30);
        assert_eq!(pair.b.events.len(), 1);
        let expected = Event::Resolved { name, address, interface: Some(ETH) };
        resolved += usize::from(pair.b.events[0].1 == expected);
    }
    // Four questions and two announcements: one in forty or so stays unheard.
    assert!(resolved >= 16, "{resolved}");
}

#[test]
fn a_name_that_nobody_has_is_given_up_after_ten_seconds() {
    let mut pair = pair();
    let name = "1f4712db-ea17-4bcf-a596-105139dfd8bf.local".parse().unwrap();
    pair.b.machine.mdns.resolve(start(), name).unwrap();
    pair.run_until(SECOND * 60);
    let reason = Unresolved::TimedOut;
    assert_eq!(pair.b.events, [(SECOND * 10, Event::Unresolved { name, reason })]);
    assert_eq!(pair.b.machine.mdns.stats().queries_sent, 4);
}

#[test]
fn a_name_that_was_taken_back_is_gone() {
    let mut pair = pair();
    let address = pair.a.machine.address;
    let name = pair.a.machine.mdns.register(start(), Scope(1), address).unwrap();
    pair.run_until(SECOND * 5);
    pair.a.machine.mdns.unregister_scope(start() + SECOND * 5, Scope(1));
    assert_eq!(pair.a.machine.mdns.address_of(name), None);
    pair.b.machine.mdns.resolve(start() + SECOND * 5, name).unwrap();
    pair.run_until(SECOND * 60);
    assert!(matches!(pair.b.events[..], [(_, Event::Unresolved { .. })]), "{:?}", pair.b.events);
    assert_eq!(pair.a.machine.mdns.poll_timeout(), None);
}

#[test]
fn weeks_go_by_in_silence() {
    let mut pair = pair();
    let address = pair.a.machine.address;
    pair.a.machine.mdns.register(start(), Scope(1), address).unwrap();
    pair.run_until(Duration::from_secs(14 * 86_400));
    assert_eq!(pair.a.machine.mdns.stats().announcements_sent, 2);
}
