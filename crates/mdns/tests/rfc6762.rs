//! What RFC 6762 asks of a responder and a querier, one test a rule. Packets of the other side are made
//! by simple-dns.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "a failed expectation is a failed test"
)]

mod common;

use antiphon_mdns::{Config, Event, InputError, Mdns, Scope, Subnet, Unresolved};
use antiphon_testkit::start;
use common::{
    ETH, MS, PEER, SECOND, a, aaaa, addresses, announced, bytes, drain, ip, machine, multicast,
    query, record, response, run, unicast,
};
use simple_dns::rdata::RData;
use simple_dns::{Packet, PacketFlag, QTYPE, TYPE};

const OTHER: &str = "1f4712db-ea17-4bcf-a596-105139dfd8bf.local";

//= rfc6762#8.3
//= type=test
#[test]
fn a_record_is_announced_twice_a_second_apart() {
    let mut mdns = machine(1, Config::default());
    let name = mdns.register(start(), Scope::default(), ip("192.168.1.1")).unwrap();
    let sent = run(&mut mdns, start(), SECOND * 600);
    let times: Vec<_> = sent.iter().map(|(at, transmit, _)| (*at, transmit.destination)).collect();
    let groups = ["224.0.0.251:5353".parse().unwrap(), "[ff02::fb%2]:5353".parse().unwrap()];
    let expected: Vec<_> =
        [0, 1].iter().flat_map(|second| groups.map(|group| (SECOND * *second, group))).collect();
    assert_eq!(times, expected);
    for (_, transmit, datagram) in &sent {
        assert_eq!(transmit.interface, ETH);
        assert_eq!(addresses(datagram), [(name.to_string(), ip("192.168.1.1"), 120)]);
        let packet = Packet::parse(datagram).unwrap();
        assert!(packet.has_flags(PacketFlag::RESPONSE | PacketFlag::AUTHORITATIVE_ANSWER));
        assert!(!packet.has_flags(PacketFlag::TRUNCATION));
        assert_eq!((packet.id(), packet.questions.len()), (0, 0));
        //= rfc6762#10.2
        //= type=test
        assert!(packet.answers[0].cache_flush);
    }
}

//= rfc6762#6.1
//= type=test
#[test]
fn what_a_name_does_not_have_is_said() {
    let mut mdns = machine(1, Config::default());
    let v4 = mdns.register(start(), Scope::default(), ip("192.168.1.1")).unwrap().to_string();
    let v6 = mdns.register(start(), Scope::default(), ip("2001:db8::1")).unwrap().to_string();
    run(&mut mdns, start(), SECOND * 10);
    let now = start() + SECOND * 10;
    for (name, missing, bitmap) in [
        (&v4, QTYPE::TYPE(TYPE::AAAA), &[0x40][..]),
        (&v4, QTYPE::TYPE(TYPE::TXT), &[0x40]),
        (&v6, QTYPE::TYPE(TYPE::A), &[0, 0, 0, 0x08]),
    ] {
        mdns.handle_input(now, multicast(PEER), &bytes(&query(&[(name, missing, true)]))).unwrap();
        let sent = drain(&mut mdns, now);
        let packet = Packet::parse(&sent[0].1).unwrap();
        let RData::NSEC(nsec) = &packet.answers[0].rdata else { panic!("{packet:?}") };
        assert_eq!(nsec.next_name.to_string(), *name);
        assert_eq!(nsec.type_bit_maps.len(), 1);
        assert_eq!(nsec.type_bit_maps[0].window_block, 0);
        assert_eq!(&*nsec.type_bit_maps[0].bitmap, bitmap);
        assert_eq!(packet.additional_records.len(), 1);
    }
}

//= rfc6762#6
//= type=test
#[test]
fn a_record_goes_to_everybody_once_a_second_at_most() {
    let (mut mdns, name, now) = announced();
    let ask = bytes(&query(&[(&name.to_string(), a(), false)]));
    let mut times = Vec::new();
    for step in 0..50 {
        let now = now + MS * 100 * step;
        mdns.handle_input(now, multicast(PEER), &ask).unwrap();
        times.extend(drain(&mut mdns, now).iter().map(|_| now));
    }
    assert_eq!(times.len(), 5);
    assert!(times.windows(2).all(|pair| pair[1] - pair[0] >= SECOND), "{times:?}");
}

//= rfc6762#6
//= type=test
#[test]
fn a_probe_is_answered_within_a_quarter_of_a_second() {
    let (mut mdns, name, now) = announced();
    let mut probe = query(&[(&name.to_string(), QTYPE::ANY, false)]);
    probe.name_servers.push(record(&name.to_string(), 120, ip("192.168.1.66")));
    let mut times = Vec::new();
    for step in 0..3 {
        let now = now + MS * 250 * step;
        mdns.handle_input(now, multicast(PEER), &bytes(&probe)).unwrap();
        times.push(drain(&mut mdns, now).len());
    }
    assert_eq!(times, [1, 1, 1]);
}

//= rfc6762#5.4
//= type=test
#[test]
fn a_question_that_wants_a_unicast_response_gets_one_if_others_heard_lately() {
    let (mut mdns, name, now) = announced();
    let ask = bytes(&query(&[(&name.to_string(), a(), true)]));
    mdns.handle_input(now, multicast(PEER), &ask).unwrap();
    let sent = drain(&mut mdns, now);
    assert_eq!(sent.len(), 1);
    assert_eq!(sent[0].0.destination, PEER.parse().unwrap());
    assert!(Packet::parse(&sent[0].1).unwrap().answers[0].cache_flush);
    // After a quarter of the record's life everybody should hear it again.
    let now = now + SECOND * 31;
    mdns.handle_input(now, multicast(PEER), &ask).unwrap();
    let sent = drain(&mut mdns, now);
    assert_eq!(sent[0].0.destination, "224.0.0.251:5353".parse().unwrap());
    // A question sent to us alone is answered alone, whatever it says.
    let ask = bytes(&query(&[(&name.to_string(), a(), false)]));
    mdns.handle_input(now, unicast(PEER), &ask).unwrap();
    assert_eq!(drain(&mut mdns, now)[0].0.destination, PEER.parse().unwrap());
}

//= rfc6762#6.7
//= type=test
#[test]
fn a_legacy_resolver_gets_a_usual_reply() {
    let (mut mdns, name, now) = announced();
    let mut ask = query(&[(&name.to_string(), a(), false)]);
    ask.set_id(0x1234);
    mdns.handle_input(now, multicast("192.168.1.9:40000"), &bytes(&ask)).unwrap();
    let sent = drain(&mut mdns, now);
    assert_eq!(sent.len(), 1);
    assert_eq!(sent[0].0.destination, "192.168.1.9:40000".parse().unwrap());
    let packet = Packet::parse(&sent[0].1).unwrap();
    assert_eq!(packet.id(), 0x1234);
    assert_eq!(packet.questions.len(), 1);
    assert_eq!(packet.questions[0].qname, ask.questions[0].qname);
    assert_eq!(packet.questions[0].qtype, a());
    assert_eq!(addresses(&sent[0].1), [(name.to_string(), ip("192.168.1.1"), 10)]);
    assert!(!packet.answers[0].cache_flush);
    assert!(packet.additional_records.is_empty());
    // Nothing of what it asks for: a reply without answers.
    let ask = query(&[(&name.to_string(), aaaa(), false)]);
    mdns.handle_input(now, multicast("192.168.1.9:40000"), &bytes(&ask)).unwrap();
    let sent = drain(&mut mdns, now);
    assert!(Packet::parse(&sent[0].1).unwrap().answers.is_empty());
}

//= rfc6762#7.1
//= type=test
#[test]
fn what_the_querier_knows_is_not_repeated() {
    let (mut mdns, name, now) = announced();
    for (ttl, address, answered) in [
        (120, "192.168.1.1", false),
        (60, "192.168.1.1", false),
        (59, "192.168.1.1", true),
        (120, "192.168.1.2", true),
    ] {
        let mut ask = query(&[(&name.to_string(), a(), true)]);
        ask.answers.push(record(&name.to_string(), ttl, ip(address)).with_cache_flush(false));
        mdns.handle_input(now, multicast(PEER), &bytes(&ask)).unwrap();
        assert_eq!(!drain(&mut mdns, now).is_empty(), answered, "{ttl} {address}");
    }
}

//= rfc6762#7.2
//= type=test
#[test]
fn known_answers_may_follow_in_another_message() {
    for (wants_unicast, from, stays_silent) in
        [(false, PEER, true), (true, PEER, true), (false, "192.168.1.10:5353", false)]
    {
        let (mut mdns, name, now) = announced();
        let mut ask = query(&[(&name.to_string(), a(), wants_unicast)]);
        ask.set_flags(PacketFlag::TRUNCATION);
        mdns.handle_input(now, multicast(PEER), &bytes(&ask)).unwrap();
        assert!(drain(&mut mdns, now + MS * 399).is_empty());
        let mut more = query(&[]);
        more.answers.push(record(&name.to_string(), 120, ip("192.168.1.1")));
        mdns.handle_input(now + MS * 399, multicast(from), &bytes(&more)).unwrap();
        let sent = run(&mut mdns, now + MS * 399, SECOND);
        assert_eq!(sent.is_empty(), stays_silent, "{wants_unicast} {from}");
    }
}

//= rfc6762#6.3
//= type=test
#[test]
fn each_question_of_a_message_is_answered() {
    let mut mdns = machine(1, Config::default());
    let v4 = mdns.register(start(), Scope::default(), ip("192.168.1.1")).unwrap().to_string();
    let v6 = mdns.register(start(), Scope::default(), ip("2001:db8::1")).unwrap().to_string();
    run(&mut mdns, start(), SECOND * 10);
    let now = start() + SECOND * 10;
    // Only ours: nobody else can answer, and nobody is waited for.
    let ask = query(&[(&v4, a(), false), (&v6, aaaa(), false)]);
    mdns.handle_input(now, multicast(PEER), &bytes(&ask)).unwrap();
    let sent = drain(&mut mdns, now);
    let named: Vec<_> = addresses(&sent[0].1).into_iter().map(|(name, _, _)| name).collect();
    let mut both = [v4.clone(), v6];
    both.sort();
    assert_eq!(named, both);
    // Together with another's: later.
    let now = now + SECOND * 2;
    let ask = query(&[("printer.local", a(), false), (&v4, a(), false)]);
    mdns.handle_input(now, multicast(PEER), &bytes(&ask)).unwrap();
    let sent = run(&mut mdns, now, SECOND);
    assert!(sent[0].0 >= MS * 20 && sent[0].0 <= MS * 120, "{:?}", sent[0].0);
}

//= rfc6762#14
//= type=test
#[test]
fn an_address_is_told_only_on_its_link() {
    let mut mdns = machine(1, Config::default());
    let wlan = antiphon_mdns::InterfaceId(3);
    mdns.set_interface(start(), wlan, &[Subnet::new(ip("10.0.0.1"), 8)]);
    let name = mdns.register(start(), Scope::default(), ip("10.0.0.1")).unwrap();
    let sent = run(&mut mdns, start(), SECOND * 5);
    assert!(sent.iter().all(|(_, transmit, _)| transmit.interface == wlan));
    let ask = bytes(&query(&[(&name.to_string(), a(), true)]));
    let now = start() + SECOND * 5;
    mdns.handle_input(now, multicast(PEER), &ask).unwrap();
    assert!(drain(&mut mdns, now).is_empty());
}

//= rfc6762#11
//= type=test
// attack: mDNS queries and answers from outside the link
#[test]
fn nothing_from_outside_the_link_is_taken() {
    let (mut mdns, name, now) = announced();
    let ask = bytes(&query(&[(&name.to_string(), a(), true)]));
    for source in ["8.8.8.8:5353", "192.168.2.1:5353", "[2001:db8::1]:5353", "[fe80::1]:5353"] {
        for from in [multicast(source), unicast(source)] {
            let refused = mdns.handle_input(now, from, &ask);
            assert_eq!(refused, Err(InputError::OffLink { source_address: from.source.ip() }));
        }
    }
    let unknown = antiphon_mdns::InterfaceId(99);
    let from = antiphon_mdns::From { interface: unknown, ..multicast(PEER) };
    assert_eq!(mdns.handle_input(now, from, &ask), Err(InputError::UnknownInterface(unknown)));
    assert!(drain(&mut mdns, now).is_empty());
    assert_eq!(mdns.stats().off_link, 9);
}

//= rfc6762#5.2
//= type=test
#[test]
fn a_name_is_asked_for_at_growing_intervals() {
    let mut mdns = machine(1, Config::default());
    let name = OTHER.parse().unwrap();
    mdns.resolve(start(), name).unwrap();
    mdns.resolve(start(), name).unwrap();
    let sent = run(&mut mdns, start(), SECOND * 60);
    let v4: Vec<_> = sent.iter().filter(|(_, to, _)| to.destination.is_ipv4()).collect();
    let first = v4[0].0;
    assert!(first >= MS * 20 && first <= MS * 120, "{first:?}");
    let times: Vec<_> = v4.iter().map(|(at, _, _)| *at - first).collect();
    assert_eq!(times, [SECOND - SECOND, SECOND, SECOND * 3, SECOND * 7]);
    assert_eq!(sent.len(), 8, "and as often on IPv6");
    for (index, (_, _, datagram)) in v4.iter().enumerate() {
        let packet = Packet::parse(datagram).unwrap();
        assert_eq!((packet.id(), packet.has_flags(PacketFlag::RESPONSE)), (0, false));
        let asked: Vec<_> =
            packet.questions.iter().map(|q| (q.qname.to_string(), q.qtype)).collect();
        assert_eq!(asked, [(OTHER.to_owned(), a()), (OTHER.to_owned(), aaaa())]);
        // Only the first wants a unicast response.
        assert!(packet.questions.iter().all(|q| q.unicast_response == (index == 0)));
    }
    let reason = Unresolved::TimedOut;
    assert_eq!(mdns.poll_event(), Some(Event::Unresolved { name, reason }));
    assert_eq!(mdns.poll_event(), None);
}

/// A machine that asked for [`OTHER`] at once, and when.
fn asking() -> (Mdns, std::time::Instant) {
    let mut mdns = machine(1, Config::default());
    mdns.resolve(start(), OTHER.parse().unwrap()).unwrap();
    let now = start() + MS * 120;
    assert_eq!(drain(&mut mdns, now).len(), 2);
    (mdns, now)
}

//= rfc6762#6
//= type=test
#[test]
fn unicast_responses_are_taken_for_two_seconds() {
    let answer = response(vec![record(OTHER, 120, ip("192.168.1.9"))]);
    for (later, taken) in [(MS, true), (MS * 1990, true), (MS * 2110, false)] {
        let (mut mdns, now) = asking();
        let verdict = mdns.handle_input(now + later, unicast(PEER), &answer);
        assert_eq!(verdict.is_ok(), taken, "{later:?}");
        assert_eq!(mdns.poll_event().is_some(), taken);
    }
    // Nobody asked for this one.
    let (mut mdns, now) = asking();
    let answer = response(vec![record("printer.local", 120, ip("192.168.1.9"))]);
    assert_eq!(mdns.handle_input(now, unicast(PEER), &answer), Err(InputError::Unsolicited));
}

//= rfc6762#6
//= type=test
// attack: mDNS answers from a program without the right to the port
#[test]
fn responses_from_other_ports_are_ignored() {
    let (mut mdns, now) = asking();
    let answer = response(vec![record(OTHER, 120, ip("192.168.1.9"))]);
    let verdict = mdns.handle_input(now, multicast("192.168.1.9:5354"), &answer);
    assert_eq!(verdict, Err(InputError::ResponsePort { port: 5354 }));
    assert_eq!(mdns.poll_event(), None);
}

#[test]
fn an_answer_with_several_addresses_is_none() {
    let (mut mdns, now) = asking();
    let v4 = record(OTHER, 120, ip("192.168.1.9"));
    let v6 = record(OTHER, 120, ip("2001:db8::9"));
    mdns.handle_input(now, multicast(PEER), &response(vec![v4, v6])).unwrap();
    let name = OTHER.parse().unwrap();
    let reason = Unresolved::Ambiguous;
    assert_eq!(mdns.poll_event(), Some(Event::Unresolved { name, reason }));
    // The same address twice is one.
    let (mut mdns, now) = asking();
    let v4 = record(OTHER, 120, ip("192.168.1.9"));
    mdns.handle_input(now, multicast(PEER), &response(vec![v4.clone(), v4])).unwrap();
    let resolved = Event::Resolved { name, address: ip("192.168.1.9"), interface: Some(ETH) };
    assert_eq!(mdns.poll_event(), Some(resolved));
    assert_eq!(mdns.poll_timeout(), None);
}

// attack: mDNS answers that point at this host or at nobody
#[test]
fn addresses_that_are_no_other_hosts_are_not_taken() {
    for address in [
        "127.0.0.1",
        "0.0.0.0",
        "255.255.255.255",
        "224.0.0.1",
        "::",
        "::1",
        "ff02::1",
        "::ffff:192.168.1.9",
    ] {
        let (mut mdns, now) = asking();
        let answer = response(vec![record(OTHER, 120, ip(address))]);
        mdns.handle_input(now, multicast(PEER), &answer).unwrap();
        assert_eq!(mdns.poll_event(), None, "{address}");
        assert_eq!(mdns.stats().addresses_refused, 1);
    }
    // Nor is what is being taken back.
    let (mut mdns, now) = asking();
    let answer = response(vec![record(OTHER, 0, ip("192.168.1.9"))]);
    mdns.handle_input(now, multicast(PEER), &answer).unwrap();
    assert_eq!(mdns.poll_event(), None);
}

//= rfc6762#7.1
//= type=test
// attack: addresses smuggled in as known answers of a query
#[test]
fn what_others_say_to_know_is_not_believed() {
    let (mut mdns, now) = asking();
    let mut known = query(&[(OTHER, a(), false)]);
    known.answers.push(record(OTHER, 120, ip("192.168.1.66")));
    mdns.handle_input(now, multicast(PEER), &bytes(&known)).unwrap();
    assert_eq!(mdns.poll_event(), None);
}

//= rfc6762#6.6
//= type=test
// attack: forged records and goodbyes for our names
#[test]
fn records_of_others_with_our_names_are_answered_with_the_truth() {
    for (ttl, address, conflicts) in
        [(120, "192.168.1.66", 1), (0, "192.168.1.1", 0), (59, "192.168.1.1", 0)]
    {
        let (mut mdns, name, now) = announced();
        let forged = response(vec![record(&name.to_string(), ttl, ip(address))]);
        for step in 0..50 {
            let _ = mdns.handle_input(now + MS * step, multicast(PEER), &forged);
        }
        let sent = run(&mut mdns, now + MS * 50, SECOND * 5);
        assert_eq!(mdns.stats().conflicts, conflicts * 50);
        // Once now and once a second later, however often it is said.
        assert!((1..=2).contains(&sent.len()), "{}", sent.len());
        assert_eq!(addresses(&sent[0].2), [(name.to_string(), ip("192.168.1.1"), 120)]);
    }
}

//= rfc6762#18.3
//= type=test
//= rfc6762#18.11
//= type=test
#[test]
fn other_operations_and_failures_are_ignored() {
    let (mut mdns, name, now) = announced();
    let ask = bytes(&query(&[(&name.to_string(), a(), true)]));
    for (byte, bits, opcode, rcode) in [(2, 0x28, 5, 0), (3, 0x03, 0, 3)] {
        let mut changed = ask.clone();
        changed[byte] |= bits;
        let verdict = mdns.handle_input(now, multicast(PEER), &changed);
        assert_eq!(verdict, Err(InputError::Operation { opcode, rcode }));
    }
    assert!(drain(&mut mdns, now).is_empty());
}

//= rfc6762#10.1
//= type=test
#[test]
fn a_name_that_ends_is_taken_back() {
    let (mut mdns, name, now) = announced();
    mdns.unregister(now, name);
    let sent = run(&mut mdns, now, SECOND * 5);
    assert_eq!(sent.len(), 1);
    assert_eq!(addresses(&sent[0].2), [(name.to_string(), ip("192.168.1.1"), 0)]);
    // One that nobody heard of ends in silence.
    let mut mdns = Mdns::new(Config::default(), [1; 32], start());
    let name = mdns.register(start(), Scope::default(), ip("192.168.1.1")).unwrap();
    mdns.unregister(start(), name);
    assert!(run(&mut mdns, start(), SECOND * 5).is_empty());
}

//= rfc6762#8.4
//= type=test
#[test]
fn a_changed_link_hears_the_names_anew() {
    let (mut mdns, name, now) = announced();
    let same = [Subnet::new(ip("192.168.1.1"), 24)];
    mdns.set_interface(now, ETH, &same);
    assert_eq!(run(&mut mdns, now, SECOND * 9).len(), 2);
    let now = now + SECOND * 10;
    mdns.remove_interface(now, ETH);
    let wlan = antiphon_mdns::InterfaceId(3);
    mdns.set_interface(now, wlan, &same);
    let sent = run(&mut mdns, now, SECOND * 9);
    assert_eq!(sent.len(), 2);
    assert!(sent.iter().all(|(_, transmit, _)| transmit.interface == wlan));
    assert_eq!(mdns.address_of(name), Some(ip("192.168.1.1")));
}

#[test]
fn each_address_of_each_session_has_its_name() {
    let mut mdns = machine(1, Config::default());
    let mut names = std::collections::BTreeSet::new();
    for scope in [1, 2] {
        for address in ["192.168.1.1", "2001:db8::1"] {
            let name = mdns.register(start(), Scope(scope), ip(address)).unwrap();
            assert_eq!(mdns.register(start(), Scope(scope), ip(address)), Ok(name));
            names.insert(name);
        }
    }
    assert_eq!(names.len(), 4);
    mdns.unregister_scope(start(), Scope(1));
    assert_eq!(names.iter().filter(|name| mdns.address_of(**name).is_some()).count(), 2);
}

#[test]
fn a_name_of_ours_is_resolved_without_a_word() {
    let (mut mdns, name, now) = announced();
    mdns.resolve(now, name).unwrap();
    let address = ip("192.168.1.1");
    assert_eq!(mdns.poll_event(), Some(Event::Resolved { name, address, interface: None }));
    assert!(drain(&mut mdns, now).is_empty());
}

#[test]
fn a_name_that_is_no_longer_wanted_is_no_longer_asked_for() {
    let (mut mdns, now) = asking();
    mdns.cancel(now, OTHER.parse().unwrap());
    assert!(run(&mut mdns, now, SECOND * 60).is_empty());
    assert_eq!(mdns.poll_event(), None);
}
