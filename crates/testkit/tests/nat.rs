//! NATs behave as RFC 4787 words it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "a failed expectation is a failed test"
)]

use std::net::SocketAddr;
use std::time::Duration;

use antiphon_testkit::Path;
use antiphon_testkit::netem::{Fate, NatConfig, Netem, Realm};

const INSIDE: &str = "192.168.0.2:5000";
const SERVER: &str = "203.0.113.1:3478";
const SERVER_OTHER_PORT: &str = "203.0.113.1:3479";
const SERVER_OTHER_ADDRESS: &str = "203.0.113.2:3478";

fn addr(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

/// Host 0 is behind a NAT (198.51.100.1), host 1 is a server with two addresses.
fn home(config: NatConfig) -> (Netem, Realm) {
    let mut net = Netem::new(1);
    let realm = net.add_nat(Realm::PUBLIC, config, "198.51.100.1".parse().unwrap());
    net.add_host(realm, &[addr(INSIDE).ip()]);
    net.add_host(Realm::PUBLIC, &[addr(SERVER).ip(), addr(SERVER_OTHER_ADDRESS).ip()]);
    (net, realm)
}

/// Sends and returns the source address that the receiver sees, if it arrives.
fn seen(
    net: &mut Netem,
    at: u64,
    from: usize,
    local: &str,
    remote: SocketAddr,
) -> Option<SocketAddr> {
    let at = Duration::from_secs(at);
    net.send(at, from, Path::new(addr(local), remote), b"x");
    net.receive(at).map(|arrived| arrived.path.remote)
}

#[test]
fn a_cone_maps_one_port_for_all_and_a_symmetric_nat_one_for_each() {
    let (mut cone, _) = home(NatConfig::full_cone());
    let first = seen(&mut cone, 0, 0, INSIDE, addr(SERVER)).unwrap();
    assert_eq!(first.ip(), "198.51.100.1".parse::<std::net::IpAddr>().unwrap());
    assert_eq!(seen(&mut cone, 0, 0, INSIDE, addr(SERVER_OTHER_PORT)), Some(first));
    assert_eq!(seen(&mut cone, 0, 0, INSIDE, addr(SERVER_OTHER_ADDRESS)), Some(first));
    assert_ne!(seen(&mut cone, 0, 0, "192.168.0.2:5001", addr(SERVER)), Some(first));

    let (mut symmetric, _) = home(NatConfig::symmetric());
    let first = seen(&mut symmetric, 0, 0, INSIDE, addr(SERVER)).unwrap();
    assert_ne!(seen(&mut symmetric, 0, 0, INSIDE, addr(SERVER_OTHER_PORT)), Some(first));
    assert_ne!(seen(&mut symmetric, 0, 0, INSIDE, addr(SERVER_OTHER_ADDRESS)), Some(first));
    assert_eq!(seen(&mut symmetric, 0, 0, INSIDE, addr(SERVER)), Some(first));
}

#[test]
fn filtering_lets_in_as_much_as_its_kind_allows() {
    // (kind, from another port of the same address, from another address)
    let kinds = [
        (NatConfig::full_cone(), true, true),
        (NatConfig::address_restricted(), true, false),
        (NatConfig::port_restricted(), false, false),
        (NatConfig::symmetric(), false, false),
    ];
    for (config, other_port, other_address) in kinds {
        let (mut net, _) = home(config);
        assert_eq!(seen(&mut net, 0, 1, SERVER, addr("198.51.100.1:40000")), None, "{config:?}");
        let outside = seen(&mut net, 0, 0, INSIDE, addr(SERVER)).unwrap();
        assert!(seen(&mut net, 0, 1, SERVER, outside).is_some(), "{config:?}");
        assert_eq!(
            seen(&mut net, 0, 1, SERVER_OTHER_PORT, outside).is_some(),
            other_port,
            "{config:?}"
        );
        assert_eq!(
            seen(&mut net, 0, 1, SERVER_OTHER_ADDRESS, outside).is_some(),
            other_address,
            "{config:?}"
        );
    }
}

#[test]
fn a_mapping_ends_after_silence_and_what_goes_out_refreshes_it() {
    let (mut net, _) =
        home(NatConfig { mapping_lifetime: Duration::from_secs(30), ..NatConfig::full_cone() });
    let outside = seen(&mut net, 0, 0, INSIDE, addr(SERVER)).unwrap();
    assert!(seen(&mut net, 29, 1, SERVER, outside).is_some());
    assert_eq!(seen(&mut net, 29, 0, INSIDE, addr(SERVER)), Some(outside));
    assert!(seen(&mut net, 58, 1, SERVER, outside).is_some());
    assert!(seen(&mut net, 59, 1, SERVER, outside).is_none());
    assert_ne!(seen(&mut net, 60, 0, INSIDE, addr(SERVER)), Some(outside));
}

#[test]
fn a_restarted_nat_knows_no_mapping_and_takes_other_ports() {
    let (mut net, realm) = home(NatConfig::full_cone());
    let before = seen(&mut net, 0, 0, INSIDE, addr(SERVER)).unwrap();
    net.reboot_nat(realm);
    assert!(seen(&mut net, 1, 1, SERVER, before).is_none());
    assert_ne!(seen(&mut net, 1, 0, INSIDE, addr(SERVER)), Some(before));
}

#[test]
fn port_preservation_keeps_the_port_while_it_is_free() {
    let (mut net, realm) =
        home(NatConfig { port_preservation: true, ..NatConfig::port_restricted() });
    let neighbour = net.add_host(realm, &["192.168.0.3".parse().unwrap()]);
    assert_eq!(seen(&mut net, 0, 0, INSIDE, addr(SERVER)).unwrap().port(), 5000);
    assert_ne!(
        seen(&mut net, 0, neighbour, "192.168.0.3:5000", addr(SERVER)).unwrap().port(),
        5000
    );
}

#[test]
fn hosts_behind_one_nat_reach_each_other_directly_and_by_hairpin_where_it_exists() {
    for hairpin in [true, false] {
        let (mut net, realm) = home(NatConfig { hairpin, ..NatConfig::full_cone() });
        let neighbour = net.add_host(realm, &["192.168.0.3".parse().unwrap()]);
        assert_eq!(
            seen(&mut net, 0, neighbour, "192.168.0.3:7000", addr(INSIDE)),
            Some(addr("192.168.0.3:7000"))
        );
        let outside = seen(&mut net, 0, 0, INSIDE, addr(SERVER)).unwrap();
        let source = seen(&mut net, 0, neighbour, "192.168.0.3:7000", outside);
        //= rfc4787#6
        //= type=test
        // A hairpinned packet carries the external address of its sender.
        assert_eq!(source.map(|source| source.ip()), hairpin.then(|| outside.ip()));
        assert_eq!(net.counters(neighbour).dropped.contains_key(&Fate::NoHairpin), !hairpin);
    }
}

#[test]
fn nats_stack_and_private_addresses_are_out_of_reach() {
    let mut net = Netem::new(1);
    let carrier =
        net.add_nat(Realm::PUBLIC, NatConfig::full_cone(), "198.51.100.1".parse().unwrap());
    let home = net.add_nat(carrier, NatConfig::symmetric(), "100.64.0.9".parse().unwrap());
    net.add_host(home, &[addr(INSIDE).ip()]);
    net.add_host(Realm::PUBLIC, &[addr(SERVER).ip()]);
    let outside = seen(&mut net, 0, 0, INSIDE, addr(SERVER)).unwrap();
    assert_eq!(outside.ip(), "198.51.100.1".parse::<std::net::IpAddr>().unwrap());
    assert!(seen(&mut net, 0, 1, SERVER, outside).is_some());
    assert_eq!(seen(&mut net, 0, 1, SERVER, addr(INSIDE)), None);
    assert_eq!(net.counters(1).dropped[&Fate::NoRoute], 1);
}

#[test]
fn the_time_of_arrival_decides_whether_a_hole_is_open() {
    let (mut net, _) = home(NatConfig::port_restricted());
    net.uplink(1).delay = Duration::from_secs(2);
    // The server's datagram is under way while the host inside opens the hole.
    net.send(Duration::ZERO, 1, Path::new(addr(SERVER), addr("198.51.100.1:40000")), b"x");
    assert!(seen(&mut net, 1, 0, INSIDE, addr(SERVER)).is_some());
    assert_eq!(net.receive(Duration::from_secs(2)).map(|arrived| arrived.host), Some(0));
}
