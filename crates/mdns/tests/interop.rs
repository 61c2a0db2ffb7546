//! Packets of avahi-daemon, and ours read by simple-dns.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "a failed expectation is a failed test"
)]

mod common;

use antiphon_mdns::{Config, Event, InputError, Mdns, Name, Scope};
use antiphon_testkit::start;
use common::{ETH, MS, SECOND, a, bytes, drain, ip, machine, multicast, query, run, unicast};
use simple_dns::Packet;

const NAME: &str = "1f4712db-ea17-4bcf-a596-105139dfd8bf.local";
const AVAHI: &str = "192.168.1.1:5353";

const PROBE: &[u8] = include_bytes!("fixtures/avahi-probe.bin");
const ANNOUNCEMENT: &[u8] = include_bytes!("fixtures/avahi-announcement.bin");
const RESPONSE: &[u8] = include_bytes!("fixtures/avahi-response.bin");
const LEGACY_REPLY: &[u8] = include_bytes!("fixtures/avahi-legacy-reply.bin");

/// A machine that has just asked for avahi's name.
fn asking() -> Mdns {
    let mut mdns = machine(7, Config::default());
    mdns.resolve(start(), NAME.parse().unwrap()).unwrap();
    drain(&mut mdns, start() + MS * 120);
    mdns
}

#[test]
fn avahis_answers_are_understood() {
    let name: Name = NAME.parse().unwrap();
    let resolved = Event::Resolved { name, address: ip("192.168.1.1"), interface: Some(ETH) };
    for answer in [ANNOUNCEMENT, RESPONSE] {
        for from in [multicast(AVAHI), unicast(AVAHI)] {
            let mut mdns = asking();
            mdns.handle_input(start() + MS * 150, from, answer).unwrap();
            assert_eq!(mdns.poll_event(), Some(resolved));
        }
    }
    // Its reply to a usual resolver has the same record, which would do.
    let mut mdns = asking();
    mdns.handle_input(start() + MS * 150, unicast(AVAHI), LEGACY_REPLY).unwrap();
    assert_eq!(mdns.poll_event(), Some(resolved));
}

#[test]
fn avahis_probe_resolves_nothing() {
    let mut mdns = asking();
    mdns.handle_input(start() + MS * 150, multicast(AVAHI), PROBE).unwrap();
    assert_eq!(mdns.poll_event(), None);
}

/// `packet` with the first label of avahi's name replaced by that of `name`.
fn renamed(packet: &[u8], name: Name) -> Vec<u8> {
    let (from, to) = (&NAME.as_bytes()[..36], &name.to_string().into_bytes()[..36]);
    let at = packet.windows(36).position(|window| window == from).unwrap();
    let mut packet = packet.to_vec();
    packet[at..at + 36].copy_from_slice(to);
    packet
}

// Avahi's probe has two questions, one of them about a name of ours: it is answered at once, and its
// announcement of another address is answered with ours.
#[test]
fn avahi_is_told_that_a_name_is_taken() {
    let mut mdns = machine(7, Config::default());
    let name = mdns.register(start(), Scope::default(), ip("192.168.1.7")).unwrap();
    run(&mut mdns, start(), SECOND * 10);
    let now = start() + SECOND * 10;
    mdns.handle_input(now, multicast(AVAHI), &renamed(PROBE, name)).unwrap();
    let sent = drain(&mut mdns, now);
    assert_eq!(common::addresses(&sent[0].1), [(name.to_string(), ip("192.168.1.7"), 120)]);
    let now = now + SECOND * 5;
    mdns.handle_input(now, multicast(AVAHI), &renamed(ANNOUNCEMENT, name)).unwrap();
    assert_eq!(mdns.stats().conflicts, 1);
    assert!(!drain(&mut mdns, now).is_empty());
}

// What a usual resolver gets of us is what it gets of avahi.
#[test]
fn our_legacy_reply_is_avahis_byte_for_byte() {
    let mut mdns = machine(1, Config::default());
    let name = mdns.register(start(), Scope::default(), ip("192.168.1.1")).unwrap();
    run(&mut mdns, start(), SECOND * 10);
    let now = start() + SECOND * 10;
    let mut ask = query(&[(&name.to_string(), a(), false)]);
    ask.set_id(0x1234);
    mdns.handle_input(now, multicast("192.168.1.9:44041"), &bytes(&ask)).unwrap();
    assert_eq!(drain(&mut mdns, now)[0].1, renamed(LEGACY_REPLY, name));
}

#[test]
fn broken_packets_of_avahi_are_refused() {
    for packet in [PROBE, ANNOUNCEMENT, RESPONSE, LEGACY_REPLY] {
        assert!(Packet::parse(packet).is_ok());
        for len in 0..packet.len() {
            let refused = asking().handle_input(start(), multicast(AVAHI), &packet[..len]);
            assert!(matches!(refused, Err(InputError::Malformed(_))), "{len}");
        }
    }
}
