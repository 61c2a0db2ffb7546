//! Any order of calls, any bytes, and the rules every machine keeps.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "a failed expectation is a failed test"
)]

mod common;

use antiphon_mdns::{Config, Mdns, Name, Scope};
use antiphon_testkit::{conformance::Suite, start};
use common::{ETH, Peer, ip, multicast, unicast};
use proptest::prelude::*;

fn peer(side: usize, now: std::time::Instant) -> Peer {
    Peer::new(side as u8 + 1, now)
}

fn some_name(chance: u64) -> Name {
    format!("{:08x}-0000-4000-8000-000000000000.local", chance % 8).parse().unwrap()
}

#[test]
fn the_rules_of_every_machine_hold() {
    Suite::new(peer)
        .command(|peer, now, chance| {
            let address = if chance & 1 == 0 { peer.address } else { ip("192.168.1.77") };
            let _ = peer.mdns.register(now, Scope(chance % 5), address);
        })
        .command(|peer, now, chance| peer.mdns.unregister_scope(now, Scope(chance % 5)))
        .command(|peer, now, chance| {
            let _ = peer.mdns.resolve(now, some_name(chance));
        })
        .command(|peer, now, chance| peer.mdns.cancel(now, some_name(chance)))
        .command(|peer, now, chance| {
            if chance % 4 == 0 {
                peer.mdns.remove_interface(now, ETH);
            } else {
                let prefix = if chance % 4 == 1 { 32 } else { 24 };
                let subnet = antiphon_mdns::Subnet::new(peer.address, prefix);
                peer.mdns.set_interface(now, ETH, &[subnet]);
            }
        })
        .run();
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(
        datagrams in prop::collection::vec(
            (any::<bool>(), prop::collection::vec(any::<u8>(), 0..300)), 0..20),
    ) {
        let mut mdns = common::machine(1, Config::default());
        mdns.register(start(), Scope(0), ip("192.168.1.1")).unwrap();
        mdns.resolve(start(), some_name(0)).unwrap();
        for (group, datagram) in datagrams {
            let from = if group { multicast("192.168.1.9:5353") } else { unicast("192.168.1.9:77") };
            let _ = mdns.handle_input(start(), from, &datagram);
        }
        common::run(&mut mdns, start(), common::SECOND * 60);
    }

    #[test]
    fn names_read_back(seed in any::<[u8; 32]>()) {
        let mut mdns = Mdns::new(Config::default(), seed, start());
        let name = mdns.register(start(), Scope(0), ip("10.0.0.1")).unwrap();
        let text = name.to_string();
        prop_assert_eq!(text.len(), 42);
        prop_assert_eq!(text.parse::<Name>(), Ok(name));
        prop_assert_eq!(text.to_uppercase().parse::<Name>(), Ok(name));
    }
}

#[test]
fn a_machine_can_move_between_threads() {
    fn check<T: Send + 'static>() {}
    check::<Mdns>();
}
