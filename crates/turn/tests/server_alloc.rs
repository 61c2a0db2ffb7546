//! The hot paths of the server allocate nothing, and an allocation that idles is small.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "a failed expectation is a failed test"
)]

#[path = "server/common.rs"]
#[allow(dead_code, reason = "this binary uses a part")]
mod common;

use antiphon_testkit::alloc;
use antiphon_turn::server::HEADROOM;
use common::*;

antiphon_testkit::install_counting_allocator!();

#[test]
fn data_costs_no_allocation() {
    let mut world = World::new();
    let mut client = Client::new(udp("203.0.113.1:1"));
    let relayed = client.relayed(&mut world);
    let (relay, peer, unbound) = (world.relay(relayed), addr(PEER), addr("198.41.0.4:7"));
    client.bind(&mut world, 0x4000, peer);
    let now = world.now;
    let batch: Vec<u8> = (0..32).flat_map(|_| channel(0x4000, &[5; 1200])).collect();
    let (one, indication, at) = (channel(0x4000, &[5; 1200]), send(unbound, &[5; 1200]), client.at);
    let mut buf = vec![0; 2048];
    let count = alloc::count(|| {
        for _ in 0..1000 {
            assert!(world.server.handle_batch(now, at, &batch, 1204).outcome.is_ok());
            assert!(world.server.handle_input(now, at, &one).is_ok());
            assert!(world.server.handle_input(now, at, &indication).is_ok());
            for from in [peer, unbound] {
                let step = world.server.handle_relayed(now, relay, from, &batch[..1200], 1200);
                let deliver = step.outcome.unwrap();
                assert!(deliver.write_in_place(&mut buf, HEADROOM).is_some());
            }
            assert!(world.server.poll_timeout().is_some());
            world.server.handle_timeout(now);
            assert!(world.server.poll_event().is_none());
            assert_eq!(world.server.poll_output(now, &mut buf), Ok(None));
        }
    });
    assert_eq!(count, 0);
}

#[test]
fn a_thousand_idle_allocations_take_less_than_4_kib_each() {
    let mut config = config();
    config.challenge_burst = 10_000;
    let mut world = World::with(config);
    let mut clients: Vec<Client> =
        (0..1000).map(|n| Client::new(udp(&format!("203.0.113.1:{}", n + 1)))).collect();
    let mut requests = Vec::new();
    for client in &mut clients {
        client.refresh(&mut world, None); // for the nonce
    }
    for client in &mut clients {
        let at = client.at;
        let ask = |client: &mut Client, method, n: u8| {
            let id = antiphon_stun::TransactionId([n; 12]);
            client.request(method, id, |w| {
                use antiphon_turn::wire::TurnWriter as _;
                if n == 1 {
                    w.requested_transport(antiphon_turn::wire::attribute::Protocol::Udp).unwrap();
                    w.mobility_ticket(b"").unwrap();
                } else {
                    w.channel_number(0x4000).unwrap().xor_peer_address(addr(PEER)).unwrap();
                }
            })
        };
        let allocate = ask(client, antiphon_stun::Method::ALLOCATE, 1);
        requests.push((at, allocate, ask(client, antiphon_stun::Method::CHANNEL_BIND, 2)));
    }
    world.events.clear();
    let mut buf = vec![0; 2048];
    let (now, mut answers) = (world.now, 0);
    let ((), usage) = alloc::measure(|| {
        for (at, allocate, bind) in &requests {
            let _ = world.server.handle_input(now, *at, allocate);
            while let Some(event) = world.server.poll_event() {
                if let antiphon_turn::server::Event::OpenRelay { relay, .. } = event {
                    world.server.relay_opened(now, relay);
                }
            }
            let _ = world.server.handle_input(now, *at, bind);
            while world.server.poll_output(now, &mut buf).unwrap().is_some() {
                answers += 1;
            }
        }
    });
    assert_eq!((world.sizes().allocations, world.sizes().channels, answers), (1000, 1000, 2000));
    let each = usage.retained_bytes / 1000;
    // Measured: about 1,600, with a ticket and a channel.
    assert!(each <= 4096, "{each} bytes");
}

// attack: memory growth under a flood of malformed and unauthenticated datagrams
#[test]
fn a_flood_of_junk_and_of_strangers_takes_no_memory() {
    let mut world = World::new();
    let request = {
        let mut client = Client::new(udp("203.0.113.1:1"));
        let id = client.next_id();
        client.request(antiphon_stun::Method::ALLOCATE, id, |_| {})
    };
    let mut forged = Client::new(udp("203.0.113.1:1"));
    forged.nonce = b"obMatJos2gAAAabcdefghijklmnop".to_vec();
    let id = forged.next_id();
    let forged = forged.request(antiphon_stun::Method::ALLOCATE, id, |_| {});
    let mut buf = vec![0; 2048];
    let now = world.now;
    let mut flood = |rounds: u32| {
        for n in 0..rounds {
            let ip = std::net::Ipv4Addr::from_bits(0x0b00_0000 + n);
            let mut at = udp("203.0.113.1:1");
            at.client = std::net::SocketAddr::from((ip, 5));
            for bytes in [&request[..], &forged, &request[..19], &[0x40, 0, 0, 9], &[0xff; 100]] {
                let _ = world.server.handle_input(now, at, bytes);
            }
            while world.server.poll_output(now, &mut buf).unwrap().is_some() {}
        }
    };
    flood(100);
    let ((), usage) = alloc::measure(|| flood(20_000));
    assert!(usage.retained_bytes <= 0, "{usage:?}");
    assert_eq!(world.sizes().allocations, 0);
}
