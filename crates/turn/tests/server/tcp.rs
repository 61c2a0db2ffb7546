//! TCP between relay and peer (RFC 6062).

use std::net::SocketAddr;
use std::time::Duration;

use antiphon_stun::{Class, MessageWriter, Method};
use antiphon_turn::server::{ConnectionId, Direction, Event, FiveTuple, InputError};
use antiphon_turn::wire::attribute::{Family, Protocol};
use antiphon_turn::wire::{TurnMessage as _, TurnWriter as _, method};

use crate::common::*;

fn wants_tcp(w: &mut MessageWriter<'_>) {
    w.requested_transport(Protocol::Tcp).unwrap();
}

fn start() -> (World, Client, SocketAddr) {
    let mut world = World::new();
    let mut client = Client::new(tcp("203.0.113.1:1"));
    let answer = client.ask(&mut world, Method::ALLOCATE, wants_tcp);
    assert_eq!(answer.code(), 200);
    let relayed = answer.view().xor_relayed_address(Family::V4).unwrap().unwrap();
    assert!(world.open.iter().any(|(_, at, p)| (*at, *p) == (relayed, Protocol::Tcp)));
    (world, client, relayed)
}

/// Asks to connect: no answer yet, but an order to the driver.
fn connect(world: &mut World, client: &mut Client, peer: SocketAddr) -> ConnectionId {
    let id = client.next_id();
    let request = client.request(method::of(method::CONNECT), id, |w| {
        w.xor_peer_address(peer).unwrap();
    });
    assert!(world.input(client.at, &request).is_empty());
    match world.events.last() {
        Some(Event::Connect { connection, to, .. }) => {
            assert_eq!(*to, peer);
            *connection
        }
        other => panic!("{other:?}"),
    }
}

fn ask_connect(world: &mut World, client: &mut Client, peer: SocketAddr) -> u16 {
    let write = |w: &mut MessageWriter<'_>| {
        w.xor_peer_address(peer).unwrap();
    };
    client.ask(world, method::of(method::CONNECT), write).code()
}

fn bind(world: &mut World, at: FiveTuple, user: &Client, connection: u32) -> u16 {
    let mut data = Client { at, count: user.count + 1000, nonce: Vec::new(), ..user.clone() };
    let write = |w: &mut MessageWriter<'_>| {
        w.connection_id(connection).unwrap();
    };
    data.ask(world, method::of(method::CONNECTION_BIND), write).code()
}

//= rfc6062#5.1
//= type=test
#[test]
fn tcp_relays_are_for_streams_without_ports_and_fragments() {
    let mut world = World::new();
    let code = |world: &mut World, at, write: &dyn Fn(&mut MessageWriter<'_>)| {
        Client::new(at).ask(world, Method::ALLOCATE, write).code()
    };
    assert_eq!(code(&mut world, udp("203.0.113.1:1"), &wants_tcp), 400);
    let at = tcp("203.0.113.1:1");
    let odd = |more: fn(&mut MessageWriter<'_>)| {
        move |w: &mut MessageWriter<'_>| {
            wants_tcp(w);
            more(w);
        }
    };
    assert_eq!(code(&mut world, at, &odd(|w| assert!(w.dont_fragment().is_ok()))), 400);
    assert_eq!(code(&mut world, at, &odd(|w| assert!(w.even_port(true).is_ok()))), 400);
    assert_eq!(code(&mut world, at, &odd(|w| assert!(w.reservation_token([1; 8]).is_ok()))), 400);
    let mut config = config();
    config.tcp_relays = false;
    assert_eq!(code(&mut World::with(config), at, &wants_tcp), 442);
}

//= rfc6062#5.2
//= type=test
//= rfc6062#5.4
//= type=test
#[test]
fn a_connection_to_a_peer_is_made_and_bound_once() {
    let (mut world, mut client, _) = start();
    let peer = addr(PEER);
    let connection = connect(&mut world, &mut client, peer);
    assert_eq!(ask_connect(&mut world, &mut client, peer), 446, "while it is connecting");
    let now = world.now;
    world.server.connected(now, connection);
    let answer = world.output().remove(0);
    assert_eq!((answer.code(), answer.to), (200, client.at));
    assert_eq!(answer.view().connection_id(), Ok(Some(connection.number())));
    assert_eq!(ask_connect(&mut world, &mut client, peer), 446, "while it waits");
    assert_eq!(bind(&mut world, udp("203.0.113.1:2"), &client, connection.number()), 400);
    assert_eq!(bind(&mut world, tcp("203.0.113.1:2"), &client, connection.number() ^ 1), 400);
    let data = tcp("203.0.113.1:2");
    assert_eq!(bind(&mut world, data, &client, connection.number()), 200);
    assert_eq!(world.events.last(), Some(&Event::Splice { connection, client: data }));
    assert_eq!(bind(&mut world, tcp("203.0.113.1:3"), &client, connection.number()), 400);
    assert_eq!(ask_connect(&mut world, &mut client, peer), 446, "while it is in use");
    let request = client.request(Method::REFRESH, antiphon_stun::TransactionId([8; 12]), |_| {});
    assert_eq!(world.server.handle_input(now, data, &request), Err(InputError::Spliced));
    assert_eq!(world.server.transfer(now, connection, Direction::ToPeer, 5000), 5000);
    assert_eq!(world.server.transfer(now, connection, Direction::ToClient, 7), 7);
    let traffic = world.allocations().next().unwrap().traffic;
    assert_eq!((traffic.bytes_to_peer, traffic.bytes_to_client), (5000, 7));
}

//= rfc6062#5.5
//= type=test
#[test]
fn when_one_side_closes_so_does_the_other() {
    let (mut world, mut client, _) = start();
    let (peer, data, now) = (addr(PEER), tcp("203.0.113.1:2"), world.now);
    for client_ends in [false, true] {
        let connection = connect(&mut world, &mut client, peer);
        world.server.connected(now, connection);
        world.output();
        assert_eq!(bind(&mut world, data, &client, connection.number()), 200);
        let expected = if client_ends {
            world.server.client_closed(now, data);
            Event::CloseConnection { connection }
        } else {
            world.server.peer_closed(now, connection);
            Event::CloseClient { client: data }
        };
        world.drive();
        assert_eq!(world.events.last(), Some(&expected));
        assert_eq!(world.server.transfer(now, connection, Direction::ToPeer, 1), 0);
        assert_eq!((world.sizes().connections, world.sizes().timers), (0, 1));
    }
}

//= rfc6062#5.2
//= type=test
#[test]
fn connect_fails_with_447_at_once_or_after_thirty_seconds() {
    let (mut world, mut client, _) = start();
    let connection = connect(&mut world, &mut client, addr(PEER));
    let now = world.now;
    world.server.connect_failed(now, connection);
    assert_eq!(world.output()[0].code(), 447);
    let connection = connect(&mut world, &mut client, addr(PEER));
    world.pass(Duration::from_secs(30) - Duration::from_nanos(1));
    assert!(world.output().is_empty());
    world.pass(Duration::from_nanos(1));
    assert_eq!(world.output()[0].code(), 447);
    assert_eq!(world.events.last(), Some(&Event::CloseConnection { connection }));
    let now = world.now;
    world.server.connected(now, connection); // too late
    assert!(world.output().is_empty());
    assert_eq!(world.sizes().connections, 0);
}

//= rfc6062#5.2
//= type=test
// attack: authentication and policy left out of Connect
#[test]
fn connect_passes_the_same_gate_as_everything_else() {
    let (mut world, mut client, _) = start();
    for ip in ["127.0.0.1:80", "[::ffff:127.0.0.1]:80", "169.254.169.254:80", "10.0.0.1:80"] {
        assert_eq!(ask_connect(&mut world, &mut client, addr(ip)), 403, "{ip}");
    }
    assert_eq!(ask_connect(&mut world, &mut client, addr(PEER6)), 443);
    let nothing = client.ask(&mut world, method::of(method::CONNECT), |_| {});
    assert_eq!(nothing.code(), 400);
    let mut eve = Client::bob(client.at);
    eve.count = 500;
    assert_eq!(ask_connect(&mut world, &mut eve, addr(PEER)), 441);
    let mut stranger = Client::new(tcp("203.0.113.9:1"));
    assert_eq!(ask_connect(&mut world, &mut stranger, addr(PEER)), 437);
    stranger.password = "wrong".into();
    stranger.nonce.clear();
    assert_eq!(ask_connect(&mut world, &mut stranger, addr(PEER)), 401);
    let mut over_udp = Client::new(tcp("203.0.113.8:1"));
    over_udp.relayed(&mut world);
    assert_eq!(ask_connect(&mut world, &mut over_udp, addr(PEER)), 437, "a relay of UDP");
    assert_eq!(world.sizes().connections, 0);
}

//= rfc6062#5.3
//= type=test
// attack: permissions not asked on the TCP path
#[test]
fn a_peer_that_connects_needs_a_permission_and_waits_thirty_seconds() {
    let (mut world, mut client, relayed) = start();
    let (relay, peer) = (world.relay(relayed), addr(PEER));
    let now = world.now;
    assert_eq!(world.server.accepted(now, relay, peer), Err(InputError::NoPermission));
    assert_eq!(client.permit(&mut world, &[peer]).code(), 200);
    let connection = world.server.accepted(now, relay, peer).unwrap();
    let attempt = world.output().remove(0);
    let view = attempt.view();
    assert_eq!(attempt.to, client.at);
    assert_eq!((view.class(), view.method().number()), (Class::Indication, 0x00c));
    assert_eq!(view.xor_peer_address(), Ok(Some(peer)));
    assert_eq!(view.connection_id(), Ok(Some(connection.number())));
    let mut eve = Client::bob(tcp("203.0.113.1:5"));
    eve.count = 70;
    assert_eq!(bind(&mut world, eve.at, &eve, connection.number()), 441);
    assert_eq!(bind(&mut world, tcp("203.0.113.2:5"), &client, connection.number()), 400);
    world.pass(Duration::from_secs(30));
    assert_eq!(world.events.last(), Some(&Event::CloseConnection { connection }));
    assert_eq!(bind(&mut world, tcp("203.0.113.1:2"), &client, connection.number()), 400);
}

// attack: connections as memory
#[test]
fn connections_are_bounded_and_end_with_the_allocation() {
    let (mut world, mut client, relayed) = start();
    let relay = world.relay(relayed);
    client.permit(&mut world, &[addr(PEER)]);
    let now = world.now;
    let peer = |n: u16| addr(&format!("198.41.0.4:{n}"));
    for n in 0..16 {
        assert!(world.server.accepted(now, relay, peer(n + 1)).is_ok());
    }
    assert_eq!(world.server.accepted(now, relay, peer(99)), Err(InputError::Full { limit: 16 }));
    assert_eq!(ask_connect(&mut world, &mut client, peer(99)), 508);
    world.events.clear();
    world.server.client_closed(now, client.at);
    world.drive();
    let closed = |event: &&Event| matches!(event, Event::CloseConnection { .. });
    assert_eq!(world.events.iter().filter(closed).count(), 16);
    assert!(matches!(world.events.last(), Some(Event::Ended(_))));
    let sizes = world.sizes();
    assert_eq!((sizes.connections, sizes.timers, sizes.allocations), (0, 0, 0));
    assert!(world.open.is_empty());
}
