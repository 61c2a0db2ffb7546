//! Client and server on a simulated network.
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

use antiphon_dtls::{CloseReason, Event, Role, SrtpProfile, Version};
use antiphon_testkit::netem::{Netem, Realm};
use antiphon_testkit::{Pair, seed, start};
use common::{assert_works, connect, pair, pair_with};

const SOON: Duration = Duration::from_secs(25);

#[test]
fn a_handshake_takes_two_round_trips() {
    let mut pair = pair();
    assert!(connect(&mut pair, SOON));
    assert_eq!(pair.elapsed(), Duration::from_millis(80));
    // One datagram a flight.
    assert_eq!([pair.counters(0).sent, pair.counters(1).sent], [2, 2]);
    assert_works(&mut pair, Version::Dtls12);
}

//= rfc6347#4.2.4
//= type=test
#[test]
fn each_single_datagram_of_the_handshake_may_be_lost() {
    for mtu in [256, 1200] {
        for from in [0, 1] {
            for number in 0..12 {
                let mut pair = pair_with(|config| config.mtu = mtu);
                pair.drop_when(move |datagram| datagram.from == from && datagram.number == number);
                assert!(connect(&mut pair, SOON), "mtu {mtu}, {number} of {from} lost");
                assert!(pair.elapsed() < Duration::from_secs(2), "{:?}", pair.elapsed());
                pair.clear_drop_rules();
                assert_works(&mut pair, Version::Dtls12);
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
            assert_works(&mut pair, Version::Dtls12);
        }
    }
}

// attack: fragments reordered, overlapping and doubled
#[test]
fn a_third_lost_some_doubled_and_much_reordered_still_connects() {
    for run in 0..60 {
        let mut net = Netem::new(seed(1000 + run as u64));
        for last in 1..=2 {
            net.add_host(Realm::PUBLIC, &[IpAddr::from([203, 0, 113, last])]);
        }
        let peer = |side| {
            let mut config = common::config(side);
            config.mtu = [256, 600, 1200][run % 3];
            common::Peer::new(common::connection(side, config))
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
            pair.uplink(side).loss = 0.0;
        }
        pair.a.machine.send(b"ping");
        pair.run_for(Duration::from_secs(1));
        assert!(pair.b.machine.received.contains(&b"ping".to_vec()), "run {run}");
    }
}

#[test]
fn every_datagram_size_works() {
    for mtu in [128, 256, 600, 1200] {
        let mut pair = pair_with(|config| config.mtu = mtu);
        assert!(connect(&mut pair, SOON));
        assert_eq!(pair.elapsed(), Duration::from_millis(80), "mtu {mtu}");
        assert_works(&mut pair, Version::Dtls12);
    }
}

#[test]
fn datagrams_shrink_on_a_path_that_does_not_carry_them() {
    let mut pair = pair_with(|_| {});
    pair.uplink(1).mtu = 600;
    assert!(connect(&mut pair, SOON));
    assert!(pair.b.machine.dtls.stats().flights_repeated >= 3);
    assert_works(&mut pair, Version::Dtls12);
}

//= rfc6347#4.2.4.1
//= type=test
#[test]
fn the_wait_doubles_and_every_retransmission_has_numbers_of_its_own() {
    let mut pair = pair();
    pair.drop_when(|datagram| datagram.from == 0);
    pair.a.machine.dtls.set_round_trip(Duration::from_millis(40));
    pair.run_until(Duration::from_secs(2));
    let sent: Vec<_> = pair.log().iter().map(|entry| entry.at.as_millis()).collect();
    assert_eq!(sent, [0, 60, 180, 420, 900, 1860]);
    // The record's sequence number is in the header's last byte but two.
    let numbers: Vec<_> = pair.log().iter().map(|entry| entry.head[10]).collect();
    assert_eq!(numbers, [0, 1, 2, 3, 4, 5]);
}

#[test]
fn a_peer_that_says_nothing_times_out_the_handshake() {
    let mut pair = pair();
    pair.drop_when(|datagram| datagram.from == 1);
    pair.run_until(Duration::from_secs(60));
    let timed_out = (Duration::from_secs(30), Event::Closed(CloseReason::TimedOut));
    assert_eq!(pair.a.events, [timed_out]);
    // The server's time counts from the first hello.
    assert_eq!(pair.b.events[0].1, timed_out.1);
    assert_eq!(pair.b.events[0].0, Duration::from_millis(30_020));
}

//= rfc6347#4.2.4
//= type=test
#[test]
fn the_last_flight_is_answered_again_for_four_minutes() {
    // The server's last flight, its second datagram, and all that repeat it get lost.
    let mut pair = pair_with(|config| config.handshake_timeout = Duration::from_secs(600));
    pair.drop_when(|datagram| {
        datagram.from == 1 && datagram.number >= 1 && datagram.at < Duration::from_secs(200)
    });
    pair.run_until(Duration::from_secs(199));
    assert!(pair.b.machine.dtls.is_connected() && !pair.a.machine.dtls.is_connected());
    pair.run_until(Duration::from_secs(260));
    assert!(pair.a.machine.dtls.is_connected(), "{:?}", pair.a.machine.dtls.stats());
    assert!(pair.b.machine.dtls.stats().flights_repeated > 5);
    pair.run_until(Duration::from_secs(300));
    assert_eq!(pair.b.machine.dtls.poll_timeout(), None, "the flight is forgotten");
}

#[test]
fn data_that_overtakes_the_last_flight_is_held_until_it_came() {
    let mut pair = pair();
    // The server's last flight is lost; what it sends then arrives first.
    pair.drop_when(|datagram| datagram.from == 1 && datagram.number == 1);
    pair.run_while(SOON, |pair| !pair.b.machine.dtls.is_connected());
    pair.b.machine.send(b"early");
    pair.run_for(Duration::from_millis(30));
    assert!(pair.a.machine.received.is_empty());
    assert_eq!(pair.a.machine.dtls.stats().records_held, 1);
    assert!(connect(&mut pair, SOON));
    // Held data is there without another datagram having to come.
    pair.run_for(Duration::from_millis(10));
    pair.a.machine.fetch(&[]);
    assert_eq!(pair.a.machine.received, [b"early"]);
}

#[test]
fn close_notify_ends_both_sides() {
    let mut pair = pair();
    assert!(connect(&mut pair, SOON));
    let now = pair.now();
    pair.b.machine.dtls.close(now);
    pair.run_for(Duration::from_secs(1));
    assert_eq!(pair.a.events[1].1, Event::Closed(CloseReason::PeerClosed));
    assert_eq!(pair.b.events[1].1, Event::Closed(CloseReason::Local));
    assert_eq!([pair.counters(0).sent, pair.counters(1).sent], [3, 3], "answered once");
    assert!(pair.a.machine.dtls.poll_timeout().is_none());
    assert_eq!(pair.a.machine.dtls.role(), Some(Role::Client));
}

//= rfc5764#4.1.1
//= type=test
#[test]
fn the_servers_order_of_profiles_decides_among_the_clients() {
    use SrtpProfile::{AeadAes128Gcm, AeadAes256Gcm, Aes128CmSha1_32, Aes128CmSha1_80};
    let cases: [(&[_], &[_], Option<_>); 5] = [
        (&[Aes128CmSha1_80, AeadAes128Gcm], &[AeadAes128Gcm, Aes128CmSha1_80], Some(AeadAes128Gcm)),
        (&[Aes128CmSha1_80], &[AeadAes128Gcm, Aes128CmSha1_80], Some(Aes128CmSha1_80)),
        (&[AeadAes256Gcm], &[Aes128CmSha1_32, AeadAes256Gcm], Some(AeadAes256Gcm)),
        // attack: no common profile
        (&[Aes128CmSha1_32], &[Aes128CmSha1_80], None),
        (&[], &[Aes128CmSha1_80], None),
    ];
    for (client, server, expected) in cases {
        let mut pair = pair_with(|_| {});
        for (side, profiles) in [client, server].into_iter().enumerate() {
            let mut config = common::config(side);
            config.srtp_profiles = profiles.to_vec();
            let peer = common::Peer::new(common::connection(side, config));
            if side == 0 { pair.a.machine = peer } else { pair.b.machine = peer }
        }
        assert!(connect(&mut pair, SOON));
        for peer in [&pair.a, &pair.b] {
            let [(_, Event::Connected(connected))] = peer.events[..] else { panic!() };
            assert_eq!(connected.srtp_profile, expected);
            let keys = peer.machine.dtls.srtp_keys();
            assert_eq!(keys.map(|keys| keys.profile), expected);
        }
    }
}
