//! How long it takes to connect, and in which order things are tried.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::wildcard_enum_match_arm,
    clippy::cast_possible_truncation,
    reason = "a failed expectation is a failed test, and the figures are for people"
)]

mod common;

use std::net::IpAddr;
use std::time::Duration;

use antiphon_ice::{ConnectionState, LocalAddress, Path, Role};
use antiphon_testkit::netem::{NatConfig, Netem, Realm};
use antiphon_testkit::{Pair, Random, seed, start};

use common::{Alone, Peer, StunServer, Trickle, addr, config, when};

const MS: Duration = Duration::from_millis(1);
const S: Duration = Duration::from_secs(1);
const TA: Duration = Duration::from_millis(50);

/// One side: addresses that lead somewhere and addresses that do not, perhaps behind a NAT.
struct Side {
    good: Vec<IpAddr>,
    dead: Vec<IpAddr>,
    nat: Option<NatConfig>,
}

fn side(random: &mut Random, index: u8) -> Side {
    let v4 = |subnet: u8| IpAddr::from([10, index, subnet, 5]);
    let v6 = |subnet: u16| IpAddr::from([0x2001, 0xdb8, u16::from(index), subnet, 0, 0, 0, 5]);
    let nat = [
        None,
        Some(NatConfig::full_cone()),
        Some(NatConfig::address_restricted()),
        Some(NatConfig::port_restricted()),
    ][random.below(4) as usize];
    let mut dead = Vec::new();
    for subnet in 0..random.below(3) as u8 {
        dead.push(v4(100 + subnet));
    }
    for subnet in 0..random.below(3) as u16 {
        dead.push(v6(100 + subnet));
    }
    let good = match nat {
        None => vec![IpAddr::from([203, 0, 113, index + 1])],
        Some(_) => vec![v4(0)],
    };
    Side { good, dead, nat }
}

/// Builds the network and the two agents; returns them with the number of pairs there may be.
fn topology(number: u64) -> (Pair<Peer>, Duration, u32) {
    let mut random = Random::new(seed(number));
    let mut net = Netem::new(seed(number));
    let delay = Duration::from_millis(5 + u64::from(random.below(95) as u32));
    let sides = [0, 1].map(|index| side(&mut random, index));
    let mut peers = Vec::new();
    for (index, side) in sides.iter().enumerate() {
        let realm = match side.nat {
            None => Realm::PUBLIC,
            Some(nat) => net.add_nat(Realm::PUBLIC, nat, [198, 51, 100, index as u8 + 1].into()),
        };
        let all: Vec<IpAddr> = side.dead.iter().chain(&side.good).copied().collect();
        net.add_host(realm, &all);
        let role = if index == 0 { Role::Controlling } else { Role::Controlled };
        let mut config = config(role, index as u8 + 1);
        config.stun_servers = vec![addr("192.0.2.99:3478")];
        let mut peer = Peer::new(config, index as u8 + 1, start());
        for ip in all {
            peer.0.add_local_address(start(), std::net::SocketAddr::new(ip, 5000)).unwrap();
        }
        peers.push(peer);
    }
    let server = net.add_host(Realm::PUBLIC, &["192.0.2.99".parse().unwrap()]);
    let b = peers.pop().unwrap();
    let a = peers.pop().unwrap();
    let mut pair = Pair::on(net, start(), a, b).with_delay(delay);
    pair.attach(server, Box::new(StunServer::default()));
    // What the dead addresses send is lost: the NAT would let it through.
    let dead: Vec<IpAddr> = sides.iter().flat_map(|side| side.dead.clone()).collect();
    let gone = move |ip: IpAddr| dead.contains(&ip);
    pair.drop_when(move |datagram| {
        gone(datagram.path.local.ip()) || gone(datagram.path.remote.ip())
    });
    let count = |side: &Side| (side.good.len() + side.dead.len() + 1) as u32;
    let pairs = count(&sides[0]) * count(&sides[1]);
    (pair, 2 * delay, pairs)
}

//= rfc8445#6.1.4.2
//= type=test
#[test]
fn two_round_trips_and_the_pacing_of_the_pairs_are_enough() {
    let mut worst = 0.0f64;
    let mut total = Duration::ZERO;
    for number in 0..200 {
        let (mut pair, rtt, pairs) = topology(number);
        // Everybody gathers first: how long servers take is not the question here.
        let mut trickle = Trickle::new();
        trickle.run_for(&mut pair, S);
        let began = pair.elapsed();
        common::exchange_credentials(&mut pair);
        pair.run_for(10 * S);
        let done = [&pair.a, &pair.b].map(|side| {
            let at = when(&side.events, ConnectionState::Connected);
            at.unwrap_or_else(|| panic!("topology {number} did not connect")) - began
        });
        // Each side begins a check every Ta; those of the other side arrive in between.
        let allowed = 2 * rtt + TA * pairs;
        let took = done.into_iter().max().unwrap();
        assert!(took <= allowed, "topology {number}: {took:?} of {allowed:?}, {pairs} pairs");
        worst = worst.max(took.as_secs_f64() / allowed.as_secs_f64());
        total += took;
    }
    println!("mean {:?}, at worst {:.0} % of the bound", total / 200, worst * 100.0);
}

//= rfc8421#5
//= type=test
#[test]
fn a_broken_family_does_not_delay_the_other() {
    let mut alone = Alone::unsignalled(Role::Controlled);
    let mut agent =
        antiphon_ice::Agent::new(config(Role::Controlled, 1), [1; 32], start()).unwrap();
    for n in 1..=4u16 {
        let v6 = std::net::SocketAddr::from(([0x2001, 0xdb8, n, 0, 0, 0, 0, 1], 5000));
        agent.add_local_address(start(), v6).unwrap();
    }
    for n in 1..=2u8 {
        agent
            .add_local_address(start(), std::net::SocketAddr::from(([10, 0, n, 1], 5000)))
            .unwrap();
    }
    let mut known: Vec<_> = agent.local_candidates().cloned().collect();
    known.sort_by_key(|candidate| std::cmp::Reverse(candidate.priority));
    let families: String = known
        .iter()
        .map(|candidate| if candidate.addr.socket_addr().unwrap().is_ipv6() { '6' } else { '4' })
        .collect();
    assert_eq!(families, "646466");
    // The first IPv4 check follows the first IPv6 check by one Ta.
    agent.set_remote_credentials(start(), alone.theirs.clone()).unwrap();
    alone.agent = agent;
    alone.signal("candidate:1 1 udp 2130706431 2001:db8::2 5000 typ host");
    alone.signal("candidate:2 1 udp 2130706175 203.0.113.2 5000 typ host");
    assert!(alone.request().0.local.is_ipv6());
    alone.wait(TA);
    assert!(alone.request().0.local.is_ipv4());
}

//= rfc8421#3
//= type=test
#[test]
fn what_is_not_reliable_comes_last() {
    let mut agent =
        antiphon_ice::Agent::new(config(Role::Controlled, 1), [1; 32], start()).unwrap();
    agent.add_local_address(start(), LocalAddress::new(addr("10.64.0.1:1")).unreliable()).unwrap();
    agent.add_local_address(start(), addr("10.0.0.1:2")).unwrap();
    agent.add_local_address(start(), addr("10.0.1.1:3")).unwrap();
    let mut known: Vec<_> = agent.local_candidates().cloned().collect();
    known.sort_by_key(|candidate| std::cmp::Reverse(candidate.priority));
    let ports: Vec<u16> =
        known.iter().map(|candidate| candidate.addr.socket_addr().unwrap().port()).collect();
    assert_eq!(ports, [2, 3, 1]);
}

#[test]
fn ipv6_alone_is_enough() {
    let mut net = Netem::new(seed(1));
    let mut peers = Vec::new();
    for n in 1..=2u8 {
        let ip = IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, u16::from(n)]);
        net.add_host(Realm::PUBLIC, &[ip]);
        let role = if n == 1 { Role::Controlling } else { Role::Controlled };
        let address = format!("[{ip}]:5000");
        peers.push(Peer::with_address(config(role, n), n, start(), &[&address]));
    }
    let (b, a) = (peers.pop().unwrap(), peers.pop().unwrap());
    let mut pair = Pair::on(net, start(), a, b).with_delay(20 * MS);
    common::signal(&mut pair);
    pair.run_for(S);
    assert_eq!(common::state(&pair), [ConnectionState::Completed; 2]);
    let expected = Path::new(addr("[2001:db8::1]:5000"), addr("[2001:db8::2]:5000"));
    assert_eq!(pair.a.machine.0.selected_path(), Some(expected));
}

#[test]
fn the_round_trip_of_each_pair_is_measured_and_smoothed() {
    let mut pair = common::connected(start());
    let stats = |pair: &Pair<Peer>| pair.a.machine.0.pair_stats().next().unwrap();
    assert_eq!(stats(&pair).round_trip, Some(40 * MS));
    pair.uplink(0).delay = 100 * MS;
    pair.run_for(7 * S);
    let one = stats(&pair);
    assert_eq!(one.round_trip, Some(120 * MS));
    assert_eq!(one.smoothed_round_trip, Some((40 * 7 + 120) * MS / 8));
    pair.run_for(600 * S);
    let many = stats(&pair);
    assert!(many.smoothed_round_trip.unwrap() > 119 * MS);
    assert!(many.consent_requests_sent > 100);
    assert_eq!(many.requests_sent, many.responses_received);
    assert!(many.requests_received >= 100 && many.responses_sent == many.requests_received);
    assert!(many.nominated);
    let total = many.total_round_trip;
    assert!(total > 100 * 120 * MS && total < 140 * 120 * MS, "{total:?}");
}
