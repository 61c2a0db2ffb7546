//! An allocation that moves with its client (RFC 8016).

use std::net::SocketAddr;
use std::time::Duration;

use antiphon_stun::{MessageWriter, Method, TransactionId};
use antiphon_turn::server::{Event, FiveTuple, Quotas, shard_of};
use antiphon_turn::wire::attribute::Protocol;
use antiphon_turn::wire::{TurnMessage as _, TurnWriter as _};

use crate::common::*;

fn wants_ticket(w: &mut MessageWriter<'_>) {
    w.requested_transport(Protocol::Udp).unwrap().mobility_ticket(b"").unwrap();
}

fn start() -> (World, Client, Vec<u8>, SocketAddr) {
    let mut world = World::new();
    let mut client = Client::new(udp("203.0.113.1:1"));
    let answer = client.ask(&mut world, Method::ALLOCATE, wants_ticket);
    assert_eq!(answer.code(), 200);
    let ticket = answer.view().mobility_ticket().unwrap().to_vec();
    let relayed = world.open[0].1;
    assert_eq!(client.bind(&mut world, 0x4000, addr(PEER)).code(), 200);
    (world, client, ticket, relayed)
}

fn moved(client: &Client, at: FiveTuple) -> Client {
    Client { at, nonce: Vec::new(), count: client.count + 1000, ..client.clone() }
}

fn resume(world: &mut World, client: &mut Client, ticket: &[u8]) -> Message {
    client.ask(world, Method::REFRESH, |w| assert!(w.mobility_ticket(ticket).is_ok()))
}

fn destination(world: &mut World, relayed: SocketAddr) -> FiveTuple {
    let relay = world.relay(relayed);
    world.server.handle_relayed(world.now, relay, addr(PEER), b"x", 1).outcome.unwrap().to
}

//= rfc8016#3.2.2
//= type=test
#[test]
fn data_follows_the_client_once_it_speaks_from_its_new_address() {
    let (mut world, old, ticket, relayed) = start();
    let mut new = moved(&old, udp("203.0.113.77:5"));
    let answer = resume(&mut world, &mut new, &ticket);
    assert_eq!((answer.code(), lifetime(&answer)), (200, 600));
    let second = answer.view().mobility_ticket().unwrap().to_vec();
    assert_ne!(second, ticket);
    assert_eq!(world.events.last(), Some(&Event::Moving { from: old.at, to: new.at }));
    assert_eq!(destination(&mut world, relayed), old.at, "the old way until data comes");
    let now = world.now;
    assert!(world.server.handle_input(now, old.at, &channel(0x4000, b"x")).is_ok());
    assert!(world.server.handle_input(now, new.at, &channel(0x4000, b"x")).is_ok());
    assert_eq!(destination(&mut world, relayed), new.at);
    world.drive();
    assert_eq!(world.events.last(), Some(&Event::Moved { from: old.at, to: new.at }));
    assert!(world.server.handle_input(now, old.at, &channel(0x4000, b"x")).is_err());
    // The old ticket is spent, the new one is not.
    let mut third = moved(&new, tcp("203.0.113.78:5"));
    assert_eq!(resume(&mut world, &mut third, &ticket).code(), 400);
    assert_eq!(resume(&mut world, &mut third, &second).code(), 200);
    assert_eq!((world.sizes().allocations, world.sizes().tuples), (1, 2));
    // It never comes: the allocation ends first.
    assert_eq!(new.refresh(&mut world, Some(0)).code(), 200);
    assert!(world.events.contains(&Event::NotMoved { to: third.at }));
    assert_eq!((world.sizes().allocations, world.sizes().tuples), (0, 0));
}

//= rfc8016#3.1.2
//= type=test
#[test]
fn tickets_are_asked_for_with_an_empty_one_where_they_are_given() {
    let mut world = World::new();
    let mut client = Client::new(udp("203.0.113.1:1"));
    let full = |w: &mut MessageWriter<'_>| {
        w.requested_transport(Protocol::Udp).unwrap().mobility_ticket(b"x").unwrap();
    };
    assert_eq!(client.ask(&mut world, Method::ALLOCATE, full).code(), 400);
    let mut config = config();
    config.mobility = false;
    let mut world = World::with(config);
    let mut client = Client::new(udp("203.0.113.1:1"));
    assert_eq!(client.ask(&mut world, Method::ALLOCATE, wants_ticket).code(), 405);
    assert_eq!(resume(&mut world, &mut client, &[0; 37]).code(), 405);
    assert_eq!(client.allocate(&mut world).view().mobility_ticket(), None);
}

//= rfc8016#3.2.2
//= type=test
// attack: resumption by another user, with a forged ticket, onto a taken 5-tuple
#[test]
fn only_the_same_user_with_a_good_ticket_moves_an_allocation() {
    let (mut world, mut old, ticket, relayed) = start();
    let at = udp("203.0.113.77:5");
    let mut eve = Client::bob(at);
    assert_eq!(resume(&mut world, &mut eve, &ticket).code(), 441);
    for index in 0..ticket.len() {
        let mut forged = ticket.clone();
        forged[index] ^= 1;
        let mut new = moved(&old, at);
        new.count += 100 * index as u32;
        let code = resume(&mut world, &mut new, &forged).code();
        assert_eq!(code, 400, "byte {index}");
    }
    assert_eq!(resume(&mut world, &mut moved(&old, at), &ticket[..36]).code(), 400);
    assert_eq!(resume(&mut world, &mut old, &ticket).code(), 400, "nothing has moved");
    let mut busy = moved(&old, at);
    busy.relayed(&mut world);
    assert_eq!(resume(&mut world, &mut busy, &ticket).code(), 437);
    assert_eq!(destination(&mut world, relayed), old.at);
    assert_eq!((world.sizes().allocations, world.sizes().tuples), (2, 2));
}

//= rfc8016#3.2.2
//= type=test
#[test]
fn a_retransmission_with_the_old_ticket_gets_the_same_answer_for_thirty_seconds() {
    let (mut world, old, ticket, _) = start();
    let mut new = moved(&old, udp("203.0.113.77:5"));
    let first = resume(&mut world, &mut new, &ticket);
    let id = first.view().transaction_id();
    let again = new.request(Method::REFRESH, id, |w| assert!(w.mobility_ticket(&ticket).is_ok()));
    let answer = world.input(new.at, &again).remove(0);
    assert_eq!(answer.code(), 200);
    assert_eq!(answer.view().mobility_ticket(), first.view().mobility_ticket());
    let other = TransactionId([9; 12]);
    let request =
        new.request(Method::REFRESH, other, |w| assert!(w.mobility_ticket(&ticket).is_ok()));
    assert_eq!(world.input(new.at, &request)[0].code(), 400);
    world.now += Duration::from_secs(30);
    assert_eq!(world.input(new.at, &again)[0].code(), 400);
}

//= rfc8016#3.2.2
//= type=test
#[test]
fn a_ticket_of_an_allocation_that_is_gone_is_a_mismatch() {
    let (mut world, mut old, ticket, _) = start();
    assert_eq!(old.refresh(&mut world, Some(0)).code(), 200);
    old.relayed(&mut world); // in the same slot
    let mut new = moved(&old, udp("203.0.113.77:5"));
    assert_eq!(resume(&mut world, &mut new, &ticket).code(), 437);
}

//= rfc8016#5
//= type=test
#[test]
fn tickets_tell_nothing_about_their_allocations() {
    let mut world = World::new();
    let mut tickets = Vec::new();
    for n in 1..=3 {
        let mut client = Client::new(udp(&format!("203.0.113.1:{n}")));
        let answer = client.ask(&mut world, Method::ALLOCATE, wants_ticket);
        tickets.push(answer.view().mobility_ticket().unwrap().to_vec());
    }
    for index in 1..37 {
        let column: Vec<u8> = tickets.iter().map(|ticket| ticket[index]).collect();
        let next = [column[0], column[0].wrapping_add(1), column[0].wrapping_add(2)];
        assert!(column != [column[0]; 3] && column != next, "byte {index} shows through");
    }
}

// attack: pending resumptions as memory
#[test]
fn a_second_move_replaces_the_first() {
    let (mut world, old, mut ticket, relayed) = start();
    for port in 1..=50 {
        let mut new = moved(&old, udp(&format!("203.0.113.77:{port}")));
        let answer = resume(&mut world, &mut new, &ticket);
        assert_eq!(answer.code(), 200);
        ticket = answer.view().mobility_ticket().unwrap().to_vec();
        assert_eq!(world.sizes().tuples, 2);
    }
    let now = world.now;
    let first = udp("203.0.113.77:1");
    assert!(world.server.handle_input(now, first, &channel(0x4000, b"x")).is_err());
    assert_eq!(destination(&mut world, relayed), old.at);
}

// attack: quota bypassed by closing a connection that may move
#[test]
fn an_allocation_that_waits_for_its_client_counts_until_it_ends() {
    let mut config = config();
    config.quotas = Quotas::new(Some(1));
    let mut world = World::with(config);
    let mut client = Client::new(tcp("203.0.113.1:1"));
    let answer = client.ask(&mut world, Method::ALLOCATE, wants_ticket);
    let ticket = answer.view().mobility_ticket().unwrap().to_vec();
    let now = world.now;
    world.server.client_closed(now, client.at);
    world.drive();
    assert_eq!(world.sizes().allocations, 1);
    let mut new = moved(&client, tcp("203.0.113.1:2"));
    assert_eq!(new.allocate(&mut world).code(), 486);
    assert_eq!(resume(&mut world, &mut new, &ticket).code(), 200);
    let now = world.now;
    world.server.client_closed(now, client.at);
    assert_eq!(new.refresh(&mut world, Some(0)).code(), 200);
    assert_eq!(new.allocate(&mut world).code(), 200);
    // Without a ticket the connection's end is the allocation's.
    let now = world.now;
    world.server.client_closed(now, new.at);
    world.drive();
    assert_eq!(world.sizes().allocations, 0);
}

#[test]
fn a_ticket_names_the_shard_that_made_it() {
    let mut config = config();
    config.shard = 9;
    let mut world = World::with(config);
    let mut client = Client::new(udp("203.0.113.1:1"));
    let answer = client.ask(&mut world, Method::ALLOCATE, wants_ticket);
    let ticket = answer.view().mobility_ticket().unwrap().to_vec();
    let id = client.next_id();
    let refresh =
        client.request(Method::REFRESH, id, |w| assert!(w.mobility_ticket(&ticket).is_ok()));
    assert_eq!(shard_of(&refresh), Some(9));
    let plain = client.request(Method::REFRESH, id, |_| {});
    assert_eq!(shard_of(&plain), None);
    assert_eq!(shard_of(&channel(0x4000, b"x")), None);
    let token = client.request(Method::ALLOCATE, id, |w| {
        w.requested_transport(Protocol::Udp).unwrap().reservation_token([3; 8]).unwrap();
    });
    assert_eq!(shard_of(&token), Some(3));
}
