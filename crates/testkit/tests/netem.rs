//! The simulated network does what its settings say.
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
use antiphon_testkit::netem::{Fate, Netem, Realm};

const MS: Duration = Duration::from_millis(1);

/// Two hosts in the public network.
fn two(seed: u64) -> (Netem, Path) {
    let mut net = Netem::new(seed);
    net.add_host(Realm::PUBLIC, &["203.0.113.1".parse().unwrap()]);
    net.add_host(Realm::PUBLIC, &["203.0.113.2".parse().unwrap()]);
    (net, Path::new(addr("203.0.113.1:1000"), addr("203.0.113.2:2000")))
}

fn addr(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

/// Everything that arrives, with its time.
fn arrivals(net: &mut Netem) -> Vec<(Duration, Vec<u8>)> {
    let mut all = Vec::new();
    while let Some(at) = net.poll_timeout() {
        while let Some(arrived) = net.receive(at) {
            all.push((at, arrived.bytes));
        }
    }
    all
}

fn send_numbered(net: &mut Netem, path: Path, count: u32, spacing: Duration) {
    for number in 0..count {
        net.send(spacing * number, 0, path, &number.to_be_bytes());
    }
}

fn numbers(arrived: &[(Duration, Vec<u8>)]) -> Vec<u32> {
    arrived
        .iter()
        .map(|(_, bytes)| u32::from_be_bytes(bytes.as_slice().try_into().unwrap()))
        .collect()
}

#[test]
fn the_delay_of_both_links_adds_up_exactly() {
    let (mut net, path) = two(1);
    net.uplink(0).delay = 30 * MS;
    net.downlink(1).delay = 12 * MS;
    net.send(5 * MS, 0, path, b"x");
    assert!(net.receive(34 * MS).is_none());
    assert!(net.receive(46 * MS).is_none());
    let arrived = net.receive(47 * MS).unwrap();
    assert_eq!((arrived.host, arrived.path), (1, path.reversed()));
}

#[test]
fn loss_comes_close_to_its_probability() {
    let (mut net, path) = two(2);
    net.uplink(0).loss = 0.25;
    send_numbered(&mut net, path, 10_000, MS);
    let arrived = arrivals(&mut net).len();
    assert!((7_300..7_700).contains(&arrived), "{arrived}");
    assert_eq!(net.counters(0).dropped[&Fate::Lost], 10_000 - arrived as u64);
    assert_eq!(net.counters(1).received, arrived as u64);
}

#[test]
fn jitter_keeps_the_order_and_its_bounds() {
    let (mut net, path) = two(3);
    net.uplink(0).delay = 20 * MS;
    net.uplink(0).jitter = 15 * MS;
    send_numbered(&mut net, path, 1_000, MS);
    let arrived = arrivals(&mut net);
    assert!(numbers(&arrived).is_sorted());
    for (number, (at, _)) in (0_u32..).zip(&arrived) {
        let way = *at - MS * number;
        assert!((20 * MS..=35 * MS).contains(&way), "{way:?}");
    }
    assert!(
        arrived.iter().any(|(at, _)| at.subsec_nanos() % 1_000_000 != 0),
        "jitter is not whole"
    );
}

#[test]
fn reordering_lets_later_datagrams_overtake() {
    let (mut net, path) = two(4);
    net.uplink(0).reorder = 0.1;
    net.uplink(0).reorder_delay = 10 * MS;
    send_numbered(&mut net, path, 1_000, MS);
    let order = numbers(&arrivals(&mut net));
    assert_eq!(order.len(), 1_000);
    let overtaken = order.windows(2).filter(|pair| pair[0] > pair[1]).count();
    assert!((50..150).contains(&overtaken), "{overtaken}");
}

#[test]
fn duplicates_arrive_twice() {
    let (mut net, path) = two(5);
    net.uplink(0).duplicate = 1.0;
    send_numbered(&mut net, path, 10, MS);
    assert_eq!(numbers(&arrivals(&mut net)), (0..10).flat_map(|n| [n, n]).collect::<Vec<_>>());
}

#[test]
fn a_link_of_limited_rate_spaces_datagrams_and_drops_what_does_not_fit_its_queue() {
    let (mut net, path) = two(6);
    // 972 + 28 bytes at 1 Mbit/s take 8 ms each.
    net.uplink(0).rate_bps = Some(1_000_000);
    net.uplink(0).queue_bytes = 5_000;
    for _ in 0..20 {
        net.send(Duration::ZERO, 0, path, &[0; 972]);
    }
    let times: Vec<Duration> = arrivals(&mut net).into_iter().map(|(at, _)| at).collect();
    assert_eq!(times, (1..=5).map(|n| n * 8 * MS).collect::<Vec<_>>());
    assert_eq!(net.counters(0).dropped[&Fate::QueueFull], 15);
    // The queue has drained meanwhile.
    net.send(40 * MS, 0, path, &[0; 972]);
    assert_eq!(arrivals(&mut net).len(), 1);
}

#[test]
fn a_packet_larger_than_the_mtu_vanishes() {
    let (mut net, path) = two(7);
    net.uplink(0).mtu = 1_280;
    net.send(Duration::ZERO, 0, path, &[0; 1_252]);
    net.send(Duration::ZERO, 0, path, &[0; 1_253]);
    assert_eq!(arrivals(&mut net).len(), 1);
    assert_eq!(net.counters(0).dropped[&Fate::TooBig], 1);
}

#[test]
fn nothing_passes_during_a_blackout() {
    let (mut net, path) = two(8);
    net.uplink(0).blackouts = vec![3 * MS..6 * MS];
    send_numbered(&mut net, path, 10, MS);
    assert_eq!(numbers(&arrivals(&mut net)), [0, 1, 2, 6, 7, 8, 9]);
}

#[test]
fn corruption_flips_one_bit() {
    let (mut net, path) = two(9);
    net.uplink(0).corrupt = 1.0;
    net.send(Duration::ZERO, 0, path, &[0; 100]);
    let ones: u32 = arrivals(&mut net)[0].1.iter().map(|byte| byte.count_ones()).sum();
    assert_eq!(ones, 1);
}

#[test]
fn rules_see_side_number_and_bytes() {
    let (mut net, path) = two(10);
    net.drop_when(|datagram| datagram.from == 0 && datagram.number == 1);
    net.drop_when(|datagram| datagram.bytes.ends_with(&[3]));
    net.tamper_with(|datagram| (datagram.number == 2).then(|| vec![0, 0, 0, 9]));
    send_numbered(&mut net, path, 5, MS);
    assert_eq!(numbers(&arrivals(&mut net)), [0, 9, 4]);
    net.clear_drop_rules();
    net.send(10 * MS, 0, path, &3_u32.to_be_bytes());
    assert_eq!(numbers(&arrivals(&mut net)), [3]);
}

#[test]
fn an_injected_datagram_arrives_with_its_forged_source() {
    let (mut net, path) = two(11);
    net.inject(MS, addr("198.51.100.66:6"), path.remote, b"evil");
    let arrived = net.receive(MS).unwrap();
    assert_eq!(arrived.path.remote, addr("198.51.100.66:6"));
}

#[test]
fn a_host_that_moved_is_not_reached_at_its_old_address() {
    let (mut net, path) = two(12);
    net.move_host(1, Realm::PUBLIC, &["203.0.113.7".parse().unwrap()]);
    net.send(Duration::ZERO, 0, path, b"x");
    assert!(arrivals(&mut net).is_empty());
    let path = Path::new(path.local, addr("203.0.113.7:2000"));
    net.send(Duration::ZERO, 0, path, b"x");
    assert_eq!(arrivals(&mut net).len(), 1);
}

#[test]
fn the_same_seed_gives_the_same_run_and_another_seed_another() {
    let run = |seed| {
        let (mut net, path) = two(seed);
        *net.uplink(0) = antiphon_testkit::netem::Link {
            delay: 10 * MS,
            jitter: 10 * MS,
            loss: 0.1,
            duplicate: 0.1,
            reorder: 0.1,
            corrupt: 0.1,
            ..Default::default()
        };
        send_numbered(&mut net, path, 500, MS);
        arrivals(&mut net)
    };
    assert_eq!(run(13), run(13));
    assert_ne!(run(13), run(14));
}
