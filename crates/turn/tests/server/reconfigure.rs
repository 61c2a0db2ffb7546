//! What changes while allocations live: limits, rates, tokens, the policy; and ports that run short.

use std::time::Duration;

use antiphon_crypto_rust::RustCrypto;
use antiphon_stun::Method;
use antiphon_turn::server::{Event, InputError, PeerPolicy, Quotas, TokenConfig, TokenKey};
use antiphon_turn::wire::attribute::{Family, Protocol};
use antiphon_turn::wire::{TurnMessage as _, TurnWriter as _, method};

use crate::common::*;

fn policy_without_peer() -> PeerPolicy {
    let mut policy = PeerPolicy::default();
    let ip = addr(PEER).ip();
    assert!(policy.deny(ip, ip));
    policy
}

#[test]
fn when_all_ports_rest_the_longest_resting_one_is_taken() {
    let mut config = config();
    config.ports = 50_000..=50_002;
    let mut world = World::with(config);
    let mut clients: Vec<Client> =
        (1..=3).map(|n| Client::new(udp(&format!("203.0.113.1:{n}")))).collect();
    let ports: Vec<u16> =
        clients.iter_mut().map(|client| client.relayed(&mut world).port()).collect();
    let mut late = Client::new(udp("203.0.113.2:1"));
    assert_eq!(late.allocate(&mut world).code(), 508, "all are taken");
    for index in [1, 0] {
        assert_eq!(clients[index].refresh(&mut world, Some(0)).code(), 200);
        world.pass(Duration::from_secs(1));
    }
    assert_eq!(late.relayed(&mut world).port(), ports[1]);
    assert_eq!(clients[1].relayed(&mut world).port(), ports[0]);
    assert_eq!(clients[0].allocate(&mut world).code(), 508);
    assert_eq!(world.stats().ports_unrested, 2);
    assert_eq!(late.refresh(&mut world, Some(0)).code(), 200);
    world.pass(Duration::from_secs(121));
    assert_eq!(late.relayed(&mut world).port(), ports[1]);
    assert_eq!(world.stats().ports_unrested, 2, "this one has rested");
}

//= rfc8656#21.1.7
//= type=test
#[test]
fn relays_of_other_machines_are_peers_like_those_of_this_one() {
    let peer = addr("198.51.100.5:50300");
    for (all, allow, code) in [
        (Some(50_000..=50_399), true, 200),
        (Some(50_000..=50_399), false, 403),
        (Some(50_000..=50_299), true, 403),
        (None, true, 403),
    ] {
        let mut config = config();
        config.ports = 50_000..=50_199;
        config.ports_of_all = all.clone();
        config.policy.allow_relay_to_relay(allow);
        let mut world = World::with(config);
        let mut client = Client::new(udp("203.0.113.1:1"));
        client.relayed(&mut world);
        assert_eq!(client.bind(&mut world, 0x4000, peer).code(), code, "{all:?} {allow}");
    }
}

#[test]
fn a_new_policy_ends_permissions_and_silences_channels() {
    let mut world = World::new();
    let mut client = Client::new(udp("203.0.113.1:1"));
    let relayed = client.relayed(&mut world);
    let (relay, peer, other) = (world.relay(relayed), addr(PEER), addr("198.41.0.5:9"));
    assert_eq!(client.bind(&mut world, 0x4000, peer).code(), 200);
    assert_eq!(client.permit(&mut world, &[other]).code(), 200);
    let now = world.now;
    world.server.set_policy(now, policy_without_peer());
    let data = channel(0x4000, b"x");
    let outcome = world.server.handle_input(now, client.at, &data);
    assert_eq!(outcome, Err(InputError::NoPermission));
    let outcome = world.server.handle_relayed(now, relay, peer, b"x", 1).outcome;
    assert_eq!(outcome, Err(InputError::NoPermission));
    assert!(world.server.handle_relayed(now, relay, other, b"x", 1).outcome.is_ok());
    assert!(world.server.handle_input(now, client.at, &send(other, b"x")).is_ok());
    assert_eq!(client.bind(&mut world, 0x4000, peer).code(), 403);
    assert_eq!((world.stats().revoked, world.sizes().permissions), (1, 1));
    // Allowed again, it has to be asked for again.
    world.server.set_policy(now, PeerPolicy::default());
    assert_eq!(world.server.handle_input(now, client.at, &data), Err(InputError::NoPermission));
    assert_eq!(client.bind(&mut world, 0x4000, peer).code(), 200);
    assert!(world.server.handle_input(now, client.at, &data).is_ok());
}

#[test]
fn a_new_policy_takes_the_relays_of_others_away() {
    let mut config = config();
    config.policy.allow_relay_to_relay(true);
    let mut world = World::with(config.clone());
    let mut client = Client::new(udp("203.0.113.1:1"));
    client.relayed(&mut world);
    let peer = addr("198.51.100.5:60000");
    assert_eq!(client.bind(&mut world, 0x4000, peer).code(), 200);
    let now = world.now;
    assert_eq!(world.server.reconfigure(now, config.clone()), Ok(()));
    let data = channel(0x4000, b"x");
    assert!(world.server.handle_input(now, client.at, &data).is_ok(), "nothing has changed");
    config.policy.allow_relay_to_relay(false);
    assert_eq!(world.server.reconfigure(now, config), Ok(()));
    assert!(world.server.handle_input(now, client.at, &data).is_err());
}

#[test]
fn a_new_policy_closes_tcp_connections() {
    let mut world = World::new();
    let mut client = Client::new(tcp("203.0.113.1:1"));
    let answer = client.ask(&mut world, Method::ALLOCATE, |w| {
        w.requested_transport(Protocol::Tcp).unwrap();
    });
    let relayed = answer.view().xor_relayed_address(Family::V4).unwrap().unwrap();
    let id = client.next_id();
    let request = client.request(method::of(method::CONNECT), id, |w| {
        w.xor_peer_address(addr(PEER)).unwrap();
    });
    world.input(client.at, &request);
    let Some(Event::Connect { connection: connecting, .. }) = world.events.last().cloned() else {
        panic!("{:?}", world.events);
    };
    let other = addr("198.41.0.5:9");
    assert_eq!(client.permit(&mut world, &[addr(PEER), other]).code(), 200);
    let (now, relay) = (world.now, world.relay(relayed));
    let waiting = world.server.accepted(now, relay, addr("198.41.0.4:77")).unwrap();
    let kept = world.server.accepted(now, relay, other).unwrap();
    world.drive();
    world.output();
    world.events.clear();
    world.server.set_policy(now, policy_without_peer());
    world.drive();
    let closed = |connection| world.events.contains(&Event::CloseConnection { connection });
    assert!(closed(connecting) && closed(waiting) && !closed(kept));
    let answer = world.output().remove(0);
    assert_eq!((answer.code(), answer.view().transaction_id()), (403, id));
    assert_eq!(world.sizes().connections, 1);
}

#[test]
fn limits_hold_from_the_next_request_and_bandwidth_at_once() {
    let quotas = Quotas::new(Some(2));
    let mut config = config();
    config.quotas = quotas.clone();
    let mut world = World::with(config.clone());
    let mut clients: Vec<Client> =
        (1..=3).map(|n| Client::new(udp(&format!("203.0.113.1:{n}")))).collect();
    clients[0].relayed(&mut world);
    clients[1].relayed(&mut world);
    clients[0].bind(&mut world, 0x4000, addr(PEER));
    assert_eq!(clients[2].allocate(&mut world).code(), 486);
    let now = world.now;
    config.quotas = Quotas::new(Some(3));
    config.max_lifetime = Duration::from_secs(900);
    config.bytes_per_second = Some(1000);
    assert_eq!(world.server.reconfigure(now, config.clone()), Ok(()));
    assert_eq!(lifetime(&clients[2].allocate(&mut world)), 600);
    assert_eq!(quotas.users(), 1, "the counts are still the shared ones");
    assert_eq!(lifetime(&clients[0].refresh(&mut world, Some(3600))), 900);
    let data = channel(0x4000, &[7; 500]);
    let passed = |world: &mut World| {
        let at = clients[0].at;
        (0..10).filter(|_| world.server.handle_input(world.now, at, &data).is_ok()).count()
    };
    assert_eq!(passed(&mut world), 2);
    config.bytes_per_second = None;
    config.quotas = Quotas::new(Some(1));
    assert_eq!(world.server.reconfigure(now, config.clone()), Ok(()));
    assert_eq!(passed(&mut world), 10);
    assert_eq!(world.sizes().allocations, 3, "who is above the limit keeps what it has");
    // A configuration that cannot work changes nothing.
    config.max_lifetime = Duration::ZERO;
    config.bytes_per_second = Some(64);
    assert!(world.server.reconfigure(now, config).is_err());
    assert_eq!(passed(&mut world), 10);
}

#[test]
fn rates_of_challenges_and_keys_of_tokens_change() {
    let mut config = config();
    config.challenge_burst = 4;
    config.challenges_per_second = 1;
    let mut world = World::with(config.clone());
    let strangers = |world: &mut World| {
        let clients = (1..=100).map(|n| Client::new(udp(&format!("203.0.113.1:{n}"))));
        let challenges: Vec<Message> = clients
            .flat_map(|mut client| {
                let id = client.next_id();
                let request = client.request(Method::REFRESH, id, |_| {});
                world.input(client.at, &request)
            })
            .collect();
        let offer = challenges.first().and_then(|challenge| {
            let view = challenge.view();
            view.find(antiphon_turn::wire::attribute::THIRD_PARTY_AUTHORIZATION).map(<[u8]>::to_vec)
        });
        (challenges.len(), offer)
    };
    assert_eq!(strangers(&mut world), (4, None));
    config.challenge_burst = 20;
    config.challenges_per_second = 20;
    config.tokens = Some(TokenConfig {
        server_name: "turn".into(),
        keys: vec![TokenKey::new("kid", &[9; 32], &RustCrypto::new()).unwrap()],
        delta: Duration::from_secs(5),
    });
    let now = world.now;
    assert_eq!(world.server.reconfigure(now, config), Ok(()));
    world.pass(Duration::from_secs(1));
    assert_eq!(strangers(&mut world), (20, Some(b"turn".to_vec())));
}
