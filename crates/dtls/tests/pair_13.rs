//! Client and server of DTLS 1.3 on a simulated network.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "a failed expectation is a failed test"
)]

mod common;

use std::net::IpAddr;
use std::time::Duration;

use antiphon_crypto::NamedGroup;
use antiphon_dtls::{CipherSuite, CloseReason, Config, Event, Version};
use antiphon_testkit::netem::{Netem, Realm};
use antiphon_testkit::{Pair, seed, start};
use common::{Peer, assert_works, config_13, connect, connection};

const SOON: Duration = Duration::from_secs(25);

fn pair_with(configure: impl Fn(&mut Config)) -> Pair<Peer> {
    let peer = |side| {
        let mut config = config_13(side);
        config.groups = vec![NamedGroup::Secp256r1];
        configure(&mut config);
        Peer::new(connection(side, config))
    };
    Pair::new(start(), peer(0), peer(1)).with_delay(Duration::from_millis(20))
}

#[test]
fn a_handshake_takes_one_round_trip() {
    let mut pair = pair_with(|_| {});
    assert!(pair.run_while(SOON, |pair| !pair.a.machine.dtls.is_connected()));
    assert_eq!(pair.elapsed(), Duration::from_millis(40));
    assert!(connect(&mut pair, SOON));
    assert_eq!(pair.elapsed(), Duration::from_millis(60));
    assert_works(&mut pair, Version::Dtls13);
    // One datagram a flight, one acknowledgement; and one for data.
    pair.run_for(Duration::from_secs(10));
    assert_eq!([pair.counters(0).sent, pair.counters(1).sent], [3, 3]);
    assert_eq!(pair.b.machine.dtls.stats().acks_sent, 1);
    assert_eq!(pair.a.machine.dtls.retransmission_timeout(), None);
    assert_eq!(pair.b.machine.dtls.retransmission_timeout(), None);
}

#[test]
fn every_suite_and_every_group_works() {
    for suite in CipherSuite::ALL.into_iter().filter(|suite| suite.version() == Version::Dtls13) {
        let mut pair = pair_with(|config| config.cipher_suites = vec![suite]);
        assert!(connect(&mut pair, SOON), "{suite:?}");
        assert_works(&mut pair, Version::Dtls13);
        let [(_, Event::Connected(connected))] = pair.a.events[..] else { panic!() };
        assert_eq!(connected.cipher_suite, suite);
    }
    for group in common::provider(0).groups() {
        let mut pair = pair_with(|config| config.groups = vec![*group]);
        assert!(connect(&mut pair, SOON), "{group:?}");
        assert_works(&mut pair, Version::Dtls13);
        let [(_, Event::Connected(connected))] = pair.b.events[..] else { panic!() };
        assert_eq!((connected.group, connected.hello_retried), (*group, false));
    }
}

//= rfc8446#4.1.4
//= type=test
#[test]
fn a_share_of_another_group_is_asked_for() {
    let mut pair = pair_with(|_| {});
    let mut config = config_13(0);
    config.groups = vec![NamedGroup::X25519, NamedGroup::Secp256r1];
    pair.a.machine = Peer::new(connection(0, config));
    assert!(connect(&mut pair, SOON));
    assert_eq!(pair.elapsed(), Duration::from_millis(100));
    assert_works(&mut pair, Version::Dtls13);
    let [(_, Event::Connected(connected))] = pair.a.events[..] else { panic!() };
    assert_eq!((connected.group, connected.hello_retried), (NamedGroup::Secp256r1, true));
}

//= rfc9147#5.8.1
//= type=test
#[test]
fn each_single_datagram_of_the_handshake_may_be_lost() {
    for mtu in [256, 1200] {
        for from in [0, 1] {
            for number in 0..14 {
                let mut pair = pair_with(|config| config.mtu = mtu);
                pair.drop_when(move |datagram| datagram.from == from && datagram.number == number);
                assert!(connect(&mut pair, SOON), "mtu {mtu}, {number} of {from} lost");
                assert!(pair.elapsed() < Duration::from_secs(2), "{:?}", pair.elapsed());
                pair.clear_drop_rules();
                pair.run_for(Duration::from_secs(3));
                assert_works(&mut pair, Version::Dtls13);
                assert_eq!(pair.a.machine.dtls.retransmission_timeout(), None);
            }
        }
    }
}

#[test]
fn each_single_datagram_may_be_lost_twice_in_each_direction() {
    for first in 0..6 {
        for second in 0..6 {
            let mut pair = pair_with(|config| config.mtu = 600);
            pair.drop_when(move |datagram| {
                let lost = if datagram.from == 0 { first } else { second };
                (lost..=lost + 1).contains(&datagram.number)
            });
            assert!(connect(&mut pair, SOON), "{first} and {second}");
            pair.clear_drop_rules();
            pair.run_for(Duration::from_secs(3));
            assert_works(&mut pair, Version::Dtls13);
        }
    }
}

// attack: fragments reordered, overlapping and doubled
#[test]
fn a_third_lost_some_doubled_and_much_reordered_still_connects() {
    for run in 0..60 {
        let mut net = Netem::new(seed(2000 + run as u64));
        for last in 1..=2 {
            net.add_host(Realm::PUBLIC, &[IpAddr::from([203, 0, 113, last])]);
        }
        let peer = |side| {
            let mut config = common::config_both(side);
            config.mtu = [256, 600, 1200][run % 3];
            if run % 2 == 0 {
                config.groups = vec![NamedGroup::Secp256r1];
            }
            Peer::new(connection(side, config))
        };
        let mut pair = Pair::on(net, start(), peer(0), peer(1));
        for side in 0..2 {
            let link = pair.uplink(side);
            link.delay = Duration::from_millis(20);
            link.loss = 0.3;
            link.duplicate = 0.2;
            link.reorder = 0.3;
            link.reorder_delay = Duration::from_millis(60);
        }
        assert!(connect(&mut pair, SOON), "run {run}");
        for side in 0..2 {
            let link = pair.uplink(side);
            (link.loss, link.duplicate, link.reorder) = (0.0, 0.0, 0.0);
        }
        pair.run_for(Duration::from_secs(5));
        assert_works(&mut pair, Version::Dtls13);
    }
}

#[test]
fn every_datagram_size_works() {
    for mtu in [128, 256, 600, 1200] {
        let mut pair = pair_with(|config| config.mtu = mtu);
        assert!(connect(&mut pair, SOON), "mtu {mtu}");
        assert_works(&mut pair, Version::Dtls13);
    }
}

#[test]
fn datagrams_shrink_on_a_path_that_does_not_carry_them() {
    let mut pair = pair_with(|_| {});
    pair.uplink(1).mtu = 600;
    assert!(connect(&mut pair, SOON));
    assert!(pair.b.machine.dtls.stats().flights_repeated >= 3);
    assert_works(&mut pair, Version::Dtls13);
}

#[test]
fn a_peer_that_says_nothing_times_out_the_handshake() {
    let mut pair = pair_with(|_| {});
    pair.drop_when(|datagram| datagram.from == 1);
    pair.run_until(Duration::from_secs(60));
    let timed_out = (Duration::from_secs(30), Event::Closed(CloseReason::TimedOut));
    assert_eq!(pair.a.events, [timed_out]);
}

//= rfc9147#5.8.1
//= type=test
#[test]
fn the_clients_last_flight_is_acknowledged_again_for_four_minutes() {
    let mut pair = pair_with(|_| {});
    pair.drop_when(|datagram| {
        datagram.from == 1 && datagram.number >= 1 && datagram.at < Duration::from_secs(200)
    });
    assert!(connect(&mut pair, SOON), "nobody waits for the acknowledgement");
    pair.run_until(Duration::from_secs(199));
    assert!(pair.a.machine.dtls.retransmission_timeout().is_some());
    pair.run_until(Duration::from_secs(260));
    assert_eq!(pair.a.machine.dtls.retransmission_timeout(), None);
    assert!(pair.b.machine.dtls.stats().acks_sent > 5);
    assert_works(&mut pair, Version::Dtls13);
    pair.run_until(Duration::from_secs(600));
    assert_eq!(pair.b.machine.dtls.poll_timeout(), None, "the handshake's keys are forgotten");
    assert_eq!(pair.a.machine.dtls.poll_timeout(), None);
}

#[test]
fn data_that_overtakes_the_last_flight_is_held_until_it_came() {
    let mut pair = pair_with(|_| {});
    // The client's last flight is lost; what it sends then arrives first.
    pair.drop_when(|datagram| datagram.from == 0 && datagram.number == 1);
    pair.run_while(SOON, |pair| !pair.a.machine.dtls.is_connected());
    pair.run_for(Duration::from_millis(1));
    pair.a.machine.send(b"early");
    pair.run_for(Duration::from_millis(30));
    assert!(pair.b.machine.received.is_empty());
    assert_eq!(pair.b.machine.dtls.stats().records_held, 1);
    assert!(connect(&mut pair, SOON));
    pair.run_for(Duration::from_millis(10));
    pair.b.machine.fetch(&[]);
    assert_eq!(pair.b.machine.received, [b"early"]);
}

#[test]
fn close_notify_ends_both_sides() {
    let mut pair = pair_with(|_| {});
    assert!(connect(&mut pair, SOON));
    pair.run_for(Duration::from_secs(1));
    let now = pair.now();
    pair.b.machine.dtls.close(now);
    pair.run_for(Duration::from_secs(1));
    assert_eq!(pair.a.events[1].1, Event::Closed(CloseReason::PeerClosed));
    assert_eq!(pair.b.events[1].1, Event::Closed(CloseReason::Local));
    assert!(pair.a.machine.dtls.poll_timeout().is_none());
}

//= rfc9147#4.1
//= type=test
#[test]
fn only_the_first_hello_names_an_older_version_in_its_record() {
    let mut pair = pair_with(|_| {});
    let mut config = config_13(0);
    config.groups = vec![NamedGroup::X25519, NamedGroup::Secp256r1];
    pair.a.machine = Peer::new(connection(0, config));
    assert!(connect(&mut pair, SOON));
    let plain: Vec<_> = pair
        .log()
        .iter()
        .filter(|entry| entry.head[0] == 22)
        .map(|entry| (entry.head[1], entry.head[2]))
        .collect();
    // Hello, HelloRetryRequest, hello, ServerHello; each when it is sent and when it arrives.
    let [first, later @ ..] = plain.as_chunks::<2>().0 else { panic!("{plain:?}") };
    assert_eq!(*first, [(254, 255); 2]);
    assert_eq!(later, [[(254, 253); 2]; 3]);
}
