//! Hostile networks and hostile peers.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "a failed expectation is a failed test"
)]

mod common;

use antiphon_mdns::{
    BufferTooSmall, Config, InputError, Name, ParseError, RegisterError, ResolveError, Scope,
};
use antiphon_testkit::{alloc, start};
use common::{
    MS, PEER, SECOND, a, announced, bytes, drain, ip, machine, multicast, query, record, response,
    run,
};
use simple_dns::PacketFlag;

antiphon_testkit::install_counting_allocator!();

fn config(change: impl FnOnce(&mut Config)) -> Config {
    let mut config = Config::default();
    change(&mut config);
    config
}

fn name(number: u32) -> Name {
    format!("{number:08x}-0000-4000-8000-000000000000.local").parse().unwrap()
}

// attack: mDNS resolution without bound
#[test]
fn names_are_resolved_in_bounded_number_and_time() {
    let mut mdns = machine(1, config(|c| c.max_queries = 3));
    for number in 0..3 {
        mdns.resolve(start(), name(number)).unwrap();
    }
    assert_eq!(mdns.resolve(start(), name(3)), Err(ResolveError::TooMany { limit: 3 }));
    let sent = run(&mut mdns, start(), SECOND * 3600);
    assert_eq!(sent.len(), 3 * 4 * 2);
    // Events that nobody fetched count, too.
    assert_eq!(mdns.resolve(start(), name(3)), Err(ResolveError::TooMany { limit: 3 }));
    while mdns.poll_event().is_some() {}
    assert_eq!(mdns.resolve(start() + SECOND * 3600, name(3)), Ok(()));
}

#[test]
fn names_are_registered_in_bounded_number() {
    let mut mdns = machine(1, config(|c| c.max_names = 2));
    for scope in 0..2 {
        mdns.register(start(), Scope(scope), ip("192.168.1.1")).unwrap();
    }
    let refused = mdns.register(start(), Scope(2), ip("192.168.1.1"));
    assert_eq!(refused, Err(RegisterError::TooMany { limit: 2 }));
    for address in ["0.0.0.0", "::", "224.0.0.251", "ff02::fb"] {
        let refused = mdns.register(start(), Scope(0), ip(address));
        assert_eq!(refused, Err(RegisterError::Address { address: ip(address) }));
    }
}

// attack: mDNS queries faster than replies can leave
#[test]
fn a_flood_of_questions_costs_bounded_memory() {
    let (mut mdns, name, now) = announced();
    let mut ask = query(&[(&name.to_string(), a(), true)]);
    ask.set_flags(PacketFlag::TRUNCATION);
    let ask = bytes(&ask);
    let flood = |mdns: &mut antiphon_mdns::Mdns| {
        for number in 0..100_000_u32 {
            let from = format!("192.168.1.{}:{}", number % 200, 1024 + number % 5000);
            mdns.handle_input(now, multicast(&from), &ask).unwrap();
        }
    };
    flood(&mut mdns);
    let before = alloc::current_bytes();
    flood(&mut mdns);
    assert!(alloc::current_bytes() - before < 4096);
    assert_eq!(mdns.stats().replies_dropped, 200_000 - 64);
    assert_eq!(drain(&mut mdns, now + SECOND).len(), 64);
    // And questions that everybody hears the answer to cost one answer a second.
    let ask = bytes(&query(&[(&name.to_string(), a(), false)]));
    let now = now + SECOND * 2;
    let mut sent = 0;
    for step in 0..10_000 {
        mdns.handle_input(now + MS * step, multicast(PEER), &ask).unwrap();
        sent += drain(&mut mdns, now + MS * step).len();
    }
    assert!(sent <= 11, "{sent}");
}

// attack: known answers that come and go
#[test]
fn planned_and_dropped_replies_leave_nothing_behind() {
    let (mut mdns, name, now) = announced();
    let mut ask = query(&[(&name.to_string(), a(), true)]);
    ask.set_flags(PacketFlag::TRUNCATION);
    let ask = bytes(&ask);
    let mut known = query(&[]);
    known.answers.push(record(&name.to_string(), 120, ip("192.168.1.1")));
    let known = bytes(&known);
    let round = |mdns: &mut antiphon_mdns::Mdns| {
        mdns.handle_input(now, multicast(PEER), &ask).unwrap();
        mdns.handle_input(now, multicast(PEER), &known).unwrap();
    };
    for _ in 0..10_000 {
        round(&mut mdns);
    }
    assert_eq!(mdns.poll_timeout(), None);
    assert_eq!(mdns.stats().replies_dropped, 0);
}

#[test]
fn an_owner_that_sends_nothing_costs_bounded_memory() {
    let mut mdns = machine(1, config(|c| (c.max_names, c.max_queries) = (4, 4)));
    for scope in 0..4 {
        mdns.register(start(), Scope(scope), ip("192.168.1.1")).unwrap();
    }
    for hour in 0..1000_u32 {
        let now = start() + SECOND * 3600 * hour;
        mdns.handle_timeout(now);
        while mdns.poll_event().is_some() {}
        for number in 0..4 {
            mdns.resolve(now, name(hour * 4 + number)).unwrap();
        }
        let registered = mdns.register(now, Scope(u64::from(hour)), ip("2001:db8::1"));
        if let Ok(name) = registered {
            mdns.unregister(now, name);
        }
        mdns.handle_timeout(now + SECOND);
    }
    let before = alloc::current_bytes();
    assert!(mdns.stats().unsent > 0);
    assert!(drain(&mut mdns, start() + SECOND * 3600 * 1000).len() < 1000);
    assert!(alloc::current_bytes() <= before);
}

#[test]
fn many_names_share_a_datagram_below_1200_bytes() {
    let mut mdns = machine(1, Config::default());
    for scope in 0..30 {
        mdns.register(start(), Scope(scope), ip("2001:db8::1")).unwrap();
    }
    let sent = drain(&mut mdns, start());
    let mut names = 0;
    for (transmit, datagram) in &sent {
        assert!(transmit.len <= 1200);
        if transmit.destination.is_ipv4() {
            names += common::addresses(datagram).len();
        }
    }
    assert_eq!(names, 30);
    assert_eq!(sent.len(), 2 * 3);
}

#[test]
fn a_small_buffer_loses_nothing() {
    let mut mdns = machine(1, Config::default());
    mdns.register(start(), Scope(0), ip("192.168.1.1")).unwrap();
    let refused = mdns.poll_output(start(), &mut [0; 100]);
    let Err(BufferTooSmall { need }) = refused else { panic!("{refused:?}") };
    assert!(need <= 256, "{need}");
    assert!(mdns.poll_output(start(), &mut vec![0; need]).unwrap().is_some());
}

// attack: DNS messages that end early, loop, or count what is not there
#[test]
fn broken_messages_are_refused_and_counted() {
    let (mut mdns, name, now) = announced();
    let good = response(vec![record(&name.to_string(), 120, ip("192.168.1.1"))]);
    for len in 0..good.len() {
        let verdict = mdns.handle_input(now, multicast(PEER), &good[..len]);
        let malformed = matches!(verdict, Err(InputError::Malformed(ParseError::Truncated { .. })));
        assert!(malformed, "{len} {verdict:?}");
    }
    let mut looping = good.clone();
    looping[12..14].copy_from_slice(&[0xc0, 0x0c]);
    let mut short = response(vec![record(&name.to_string(), 120, ip("192.168.1.1"))]);
    let at = short.len() - 5;
    short[at] = 3;
    let long = vec![0; 9001];
    let mut counting = good.clone();
    counting[6..8].fill(0xff);
    for (message, error) in [
        (looping, ParseError::Pointer { at: 12 }),
        (short, ParseError::Data { kind: 1, len: 3 }),
        (long, ParseError::TooLong { len: 9001, limit: 9000 }),
        (counting, ParseError::Truncated { need: good.len() + 1, have: good.len() }),
    ] {
        let verdict = mdns.handle_input(now, multicast(PEER), &message);
        assert_eq!(verdict, Err(InputError::Malformed(error)));
    }
    assert_eq!(mdns.stats().malformed, good.len() as u64 + 4);
    assert!(drain(&mut mdns, now).is_empty());
}

// attack: DNS messages that take long to read
#[test]
fn chains_of_pointers_are_cut_off() {
    let (mut mdns, _, now) = announced();
    // Questions whose names point at each other, as many as fit.
    let mut count: u16 = 1;
    let mut packet = vec![0; 12];
    packet.extend([1, b'a', 0, 0, 1, 0, 1]);
    while packet.len() < 8990 {
        let last = if count == 1 { 12 } else { 19 + 6 * (count - 2) };
        packet.extend((0xc000 | last).to_be_bytes());
        packet.extend([0, 1, 0, 1]);
        count += 1;
    }
    packet[4..6].copy_from_slice(&count.to_be_bytes());
    // Too many pointers in a row: refused at the first name that has them.
    let verdict = mdns.handle_input(now, multicast(PEER), &packet);
    assert!(matches!(verdict, Err(InputError::Malformed(ParseError::Pointer { .. }))));
}
