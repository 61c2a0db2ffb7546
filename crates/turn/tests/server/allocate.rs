//! Allocate and Refresh: every check in its order, every error code, every lifetime.
use std::time::Duration;

use crate::common::*;
use antiphon_stun::{MessageWriter, Method, attribute as stun};
use antiphon_turn::server::{Event, Quotas, Redirect, RelayAddress};
use antiphon_turn::wire::attribute::{self, AddressError, Family, Protocol};
use antiphon_turn::wire::{TurnMessage as _, TurnWriter as _};

fn code_of(world: &mut World, write: impl Fn(&mut MessageWriter<'_>)) -> u16 {
    Client::new(udp("203.0.113.1:1000")).ask(world, Method::ALLOCATE, write).code()
}

fn with_udp<'w, 'b>(w: &'w mut MessageWriter<'b>) -> &'w mut MessageWriter<'b> {
    w.requested_transport(Protocol::Udp).unwrap()
}

//= rfc8656#7.2
//= type=test
#[test]
fn an_allocation_tells_relayed_and_mapped_address_and_lifetime() {
    let mut world = World::new();
    let mut client = Client::new(udp("203.0.113.1:1000"));
    let answer = client.allocate(&mut world);
    let view = answer.view();
    assert_eq!(answer.code(), 200);
    let relayed = view.xor_relayed_address(Family::V4).unwrap().unwrap();
    assert_eq!(relayed.ip(), addr("198.51.100.5:0").ip());
    assert!((49_152..=65_535).contains(&relayed.port()));
    assert_eq!(view.xor_mapped_address(), Some(client.at.client));
    assert_eq!(lifetime(&answer), 600);
    assert!(view.has_message_integrity() && !view.has_message_integrity_sha256());
    assert!(matches!(world.events.last(), Some(Event::Created(info)) if &*info.user == b"ann"));
}

//= rfc8489#9.2.4
//= type=test
#[test]
fn a_client_that_chooses_sha_256_gets_it_back() {
    let mut world = World::new();
    let mut client = Client::new(udp("203.0.113.1:1000"));
    client.sha256 = true;
    let answer = client.allocate(&mut world);
    assert_eq!(answer.code(), 200);
    assert!(answer.view().has_message_integrity_sha256());
    assert_eq!(client.refresh(&mut world, None).code(), 200);
}

//= rfc8656#7.2
//= type=test
#[test]
fn a_retransmission_gets_the_same_success_and_anything_else_437() {
    let mut world = World::new();
    let mut client = Client::new(udp("203.0.113.1:1000"));
    client.allocate(&mut world);
    let id = client.next_id();
    client.count -= 1;
    let again = client.request(Method::ALLOCATE, id, |w| {
        let _ = with_udp(w);
    });
    assert_eq!(world.input(client.at, &again)[0].code(), 437, "another transaction");
    // The transaction of the success itself.
    let mut last = id;
    last.0[..4].copy_from_slice(&client.count.to_be_bytes());
    let again = client.request(Method::ALLOCATE, last, |w| {
        let _ = with_udp(w);
    });
    world.now += Duration::from_secs(5);
    let answers = world.input(client.at, &again);
    assert_eq!((answers[0].code(), lifetime(&answers[0])), (200, 595));
    assert_eq!(world.sizes().relays, 1);
}

//= rfc8656#18.8
//= type=test
#[test]
fn requested_transport_must_be_there_whole_and_known() {
    let mut world = World::new();
    assert_eq!(code_of(&mut world, |_| {}), 400);
    let odd = |w: &mut MessageWriter<'_>| {
        w.attribute(attribute::REQUESTED_TRANSPORT, &[17]).unwrap();
    };
    assert_eq!(code_of(&mut world, odd), 400);
    let sctp = |w: &mut MessageWriter<'_>| {
        w.attribute(attribute::REQUESTED_TRANSPORT, &[132, 0, 0, 0]).unwrap();
    };
    assert_eq!(code_of(&mut world, sctp), 442);
}

//= rfc8656#3.7
//= type=test
//= rfc8656#7.2
//= type=test
#[test]
fn dont_fragment_is_unknown_to_a_server_that_cannot() {
    let mut config = config();
    config.dont_fragment = false;
    let mut world = World::with(config);
    let mut client = Client::new(udp("203.0.113.1:1000"));
    let answer = client.ask(&mut world, Method::ALLOCATE, |w| {
        with_udp(w).dont_fragment().unwrap();
    });
    assert_eq!(answer.code(), 420);
    let unknown: Vec<u16> = answer.view().unknown_attributes().collect();
    assert_eq!(unknown, [attribute::DONT_FRAGMENT]);
    let asks = |w: &mut MessageWriter<'_>| {
        with_udp(w).dont_fragment().unwrap();
    };
    assert_eq!(code_of(&mut World::new(), asks), 200);
}

// attack: unknown comprehension-required attributes
#[test]
fn unknown_required_attributes_are_listed() {
    let mut world = World::new();
    let mut client = Client::new(udp("203.0.113.1:1000"));
    let answer = client.ask(&mut world, Method::ALLOCATE, |w| {
        with_udp(w).attribute(0x7abc, &[]).unwrap().attribute(0xfabc, &[]).unwrap();
    });
    assert_eq!(answer.code(), 420);
    assert_eq!(answer.view().unknown_attributes().collect::<Vec<_>>(), [0x7abc]);
}

//= rfc8656#7.2
//= type=test
#[test]
fn a_reservation_token_goes_alone() {
    let mut world = World::new();
    let token = |w: &mut MessageWriter<'_>| {
        with_udp(w).reservation_token([1; 8]).unwrap();
    };
    assert_eq!(code_of(&mut world, token), 508);
    let even = |w: &mut MessageWriter<'_>| {
        token(w);
        w.even_port(false).unwrap();
    };
    assert_eq!(code_of(&mut world, even), 400);
    let family = |w: &mut MessageWriter<'_>| {
        token(w);
        w.requested_address_family(Family::V4).unwrap();
    };
    assert_eq!(code_of(&mut world, family), 400);
    let more = |w: &mut MessageWriter<'_>| {
        token(w);
        w.additional_address_family().unwrap();
    };
    assert_eq!(code_of(&mut world, more), 400);
    let short = |w: &mut MessageWriter<'_>| {
        with_udp(w).attribute(attribute::RESERVATION_TOKEN, &[1; 7]).unwrap();
    };
    assert_eq!(code_of(&mut world, short), 400);
}

//= rfc8656#7.2
//= type=test
//= rfc8656#18.11
//= type=test
#[test]
fn families_are_requested_one_way_or_the_other() {
    let mut world = World::new();
    let both = |w: &mut MessageWriter<'_>| {
        with_udp(w).requested_address_family(Family::V6).unwrap();
        w.additional_address_family().unwrap();
    };
    assert_eq!(code_of(&mut world, both), 400);
    let unknown = |w: &mut MessageWriter<'_>| {
        with_udp(w).attribute(attribute::REQUESTED_ADDRESS_FAMILY, &[3, 0, 0, 0]).unwrap();
    };
    assert_eq!(code_of(&mut world, unknown), 440);
    let v4_too = |w: &mut MessageWriter<'_>| {
        with_udp(w).attribute(attribute::ADDITIONAL_ADDRESS_FAMILY, &[1, 0, 0, 0]).unwrap();
    };
    assert_eq!(code_of(&mut world, v4_too), 400);
    let even_pair = |w: &mut MessageWriter<'_>| {
        with_udp(w).even_port(true).unwrap().additional_address_family().unwrap();
    };
    assert_eq!(code_of(&mut world, even_pair), 400);
    assert_eq!(world.sizes().allocations, 0);
}

//= rfc8656#7.2
//= type=test
#[test]
fn a_server_without_ipv4_says_440_and_grants_half_a_dual_allocation() {
    let mut config = config();
    config.relays = vec![RelayAddress::new(addr("[2001:db8::5]:0").ip())];
    let mut world = World::with(config);
    assert_eq!(
        code_of(&mut world, |w| {
            let _ = with_udp(w);
        }),
        440
    );
    let mut client = Client::new(udp("203.0.113.1:1000"));
    let answer = client.ask(&mut world, Method::ALLOCATE, |w| {
        with_udp(w).additional_address_family().unwrap();
    });
    assert_eq!(answer.code(), 200);
    let view = answer.view();
    assert_eq!(view.xor_relayed_address(Family::V4), Ok(None));
    assert!(view.xor_relayed_address(Family::V6).unwrap().is_some());
    let error = AddressError { family: Family::V4, code: 440 };
    assert_eq!(view.address_error_code(), Ok(Some(error)));
}

//= rfc8656#8.1
//= type=test
//= rfc8656#8.2
//= type=test
#[test]
fn a_dual_allocation_is_refreshed_and_deleted_by_family() {
    let mut world = World::new();
    let mut client = Client::new(udp("203.0.113.1:1000"));
    let answer = client.ask(&mut world, Method::ALLOCATE, |w| {
        with_udp(w).additional_address_family().unwrap();
    });
    assert_eq!((answer.code(), world.sizes().relays), (200, 2));
    let peers = [addr(PEER), addr(PEER6)];
    assert_eq!(client.permit(&mut world, &peers).code(), 200);
    let delete = |w: &mut MessageWriter<'_>| {
        w.requested_address_family(Family::V4).unwrap().lifetime(Duration::ZERO).unwrap();
    };
    let answer = client.ask(&mut world, Method::REFRESH, delete);
    assert_eq!((answer.code(), lifetime(&answer)), (200, 0));
    assert_eq!((world.sizes().relays, world.sizes().permissions), (1, 1));
    assert_eq!(client.ask(&mut world, Method::REFRESH, delete).code(), 443);
    assert_eq!(client.permit(&mut world, &peers[..1]).code(), 443);
    assert_eq!(client.permit(&mut world, &peers[1..]).code(), 200);
    assert_eq!(client.refresh(&mut world, Some(0)).code(), 200);
    assert_eq!(world.sizes().allocations, 0);
}

//= rfc8656#7.2
//= type=test
#[test]
fn an_even_port_and_its_neighbour_are_held_for_thirty_seconds() {
    let mut world = World::new();
    let mut client = Client::new(udp("203.0.113.1:1000"));
    let answer = client.ask(&mut world, Method::ALLOCATE, |w| {
        with_udp(w).even_port(true).unwrap();
    });
    let first = answer.view().xor_relayed_address(Family::V4).unwrap().unwrap();
    let token = answer.view().reservation_token().unwrap().unwrap();
    assert_eq!(first.port() % 2, 0);
    world.pass(Duration::from_millis(29_999));
    let mut other = Client::bob(udp("203.0.113.2:1000"));
    let answer = other.ask(&mut world, Method::ALLOCATE, |w| {
        with_udp(w).reservation_token(token).unwrap();
    });
    let second = answer.view().xor_relayed_address(Family::V4).unwrap().unwrap();
    assert_eq!((second.ip(), second.port()), (first.ip(), first.port() + 1));
    assert_eq!(world.sizes().reservations, 0);

    // A token that nobody comes with is worth nothing after its time, and its port comes back.
    let mut third = Client::new(udp("203.0.113.3:1000"));
    let answer = third.ask(&mut world, Method::ALLOCATE, |w| {
        with_udp(w).even_port(true).unwrap();
    });
    let token = answer.view().reservation_token().unwrap().unwrap();
    world.pass(Duration::from_secs(30));
    let mut fourth = Client::new(udp("203.0.113.4:1000"));
    let answer = fourth.ask(&mut world, Method::ALLOCATE, |w| {
        with_udp(w).reservation_token(token).unwrap();
    });
    assert_eq!(answer.code(), 508);
    assert_eq!((world.sizes().reservations, world.sizes().cooling_ports), (0, 1));
}

#[test]
fn an_even_port_without_a_reservation_holds_one_port() {
    let mut world = World::new();
    let all = world.sizes().free_ports;
    let answer = Client::new(udp("203.0.113.1:1000")).ask(&mut world, Method::ALLOCATE, |w| {
        with_udp(w).even_port(false).unwrap();
    });
    let relayed = answer.view().xor_relayed_address(Family::V4).unwrap().unwrap();
    assert_eq!(relayed.port() % 2, 0);
    assert_eq!(answer.view().reservation_token(), Ok(None));
    assert_eq!(world.sizes().free_ports, all - 1);
}

//= rfc8656#7.2
//= type=test
#[test]
fn the_quota_counts_users_not_addresses() {
    let mut config = config();
    config.quotas = Quotas::new(Some(2));
    let mut world = World::with(config);
    for port in 1..=2 {
        let mut client = Client::new(udp(&format!("203.0.113.1:{port}")));
        assert_eq!(client.allocate(&mut world).code(), 200);
    }
    let mut third = Client::new(udp("203.0.113.9:1"));
    assert_eq!(third.allocate(&mut world).code(), 486);
    assert_eq!(Client::bob(udp("203.0.113.9:2")).allocate(&mut world).code(), 200);
    let mut first = Client::new(udp("203.0.113.1:1"));
    assert_eq!(first.refresh(&mut world, Some(0)).code(), 200);
    assert_eq!(third.allocate(&mut world).code(), 200);
}

//= rfc8656#7.2
//= type=test
#[test]
fn clients_are_sent_to_another_server() {
    let mut config = config();
    let alternate = addr("192.0.2.99:3478");
    config.redirect = Some(Redirect { v4: Some(alternate), v6: None, above: 1 });
    let mut world = World::with(config);
    assert_eq!(Client::new(udp("203.0.113.1:1")).allocate(&mut world).code(), 200);
    let answer = Client::new(udp("203.0.113.1:2")).allocate(&mut world);
    assert_eq!(answer.code(), 300);
    let value = answer.view().find(stun::ALTERNATE_SERVER).unwrap().to_vec();
    assert_eq!(value, [0, 1, 0x0d, 0x96, 192, 0, 2, 99]);
}

#[test]
fn a_server_that_drains_refuses_new_clients_and_keeps_the_old() {
    let mut world = World::new();
    let mut old = Client::new(udp("203.0.113.1:1"));
    old.relayed(&mut world);
    world.server.drain();
    assert_eq!(Client::new(udp("203.0.113.1:2")).allocate(&mut world).code(), 508);
    assert_eq!(old.refresh(&mut world, None).code(), 200);
    assert!(!world.is_drained());
    assert_eq!(old.refresh(&mut world, Some(0)).code(), 200);
    assert!(world.is_drained());
}

//= rfc8656#7.2
//= type=test
#[test]
fn lifetimes_lie_between_the_default_and_the_maximum() {
    for (wish, granted) in [(None, 600), (Some(0), 600), (Some(601), 601), (Some(9999), 3600)] {
        let mut world = World::new();
        let mut client = Client::new(udp("203.0.113.1:1"));
        let answer = client.ask(&mut world, Method::ALLOCATE, |w| {
            with_udp(w);
            if let Some(wish) = wish {
                w.lifetime(Duration::from_secs(wish)).unwrap();
            }
        });
        assert_eq!(lifetime(&answer), granted);
        world.pass(Duration::from_secs(granted) - Duration::from_nanos(1));
        assert_eq!(world.sizes().allocations, 1);
        assert_eq!(world.poll_timeout(), Some(world.now + Duration::from_nanos(1)));
        world.pass(Duration::from_nanos(1));
        assert_eq!(world.sizes().allocations, 0);
        assert_eq!(world.poll_timeout(), None);
        assert!(world.open.is_empty());
    }
}

//= rfc8656#8.2
//= type=test
#[test]
fn a_deleted_allocation_is_a_mismatch_for_whoever_asks_again() {
    let mut world = World::new();
    let mut client = Client::new(udp("203.0.113.1:1"));
    client.relayed(&mut world);
    assert_eq!(lifetime(&client.refresh(&mut world, Some(1))), 600);
    assert_eq!(lifetime(&client.refresh(&mut world, Some(1800))), 1800);
    assert_eq!(lifetime(&client.refresh(&mut world, Some(0))), 0);
    assert_eq!(client.refresh(&mut world, Some(0)).code(), 437);
}

#[test]
fn a_five_tuple_is_free_again_after_its_allocation() {
    let mut world = World::new();
    let mut client = Client::new(udp("203.0.113.1:1"));
    let first = client.relayed(&mut world);
    let relay = world.relay(first);
    client.refresh(&mut world, Some(0));
    let second = client.relayed(&mut world);
    assert_ne!(first, second, "the port cools down");
    let peer = addr(PEER);
    client.permit(&mut world, &[peer]);
    let (now, stale) = (world.now, world.server.handle_relayed(world.now, relay, peer, b"x", 1));
    assert!(stale.outcome.is_err(), "the old socket speaks for nobody");
    let relay = world.relay(second);
    assert!(world.server.handle_relayed(now, relay, peer, b"x", 1).outcome.is_ok());
}

//= rfc8656#5
//= type=test
#[test]
fn without_an_allocation_437_and_of_another_user_441() {
    let mut world = World::new();
    let at = udp("203.0.113.1:1");
    let mut ann = Client::new(at);
    let peer = addr(PEER);
    assert_eq!(ann.refresh(&mut world, None).code(), 437);
    assert_eq!(ann.permit(&mut world, &[peer]).code(), 437);
    assert_eq!(ann.bind(&mut world, 0x4000, peer).code(), 437);
    ann.relayed(&mut world);
    let mut bob = Client::bob(at);
    bob.count = 100;
    assert_eq!(bob.refresh(&mut world, Some(0)).code(), 441);
    assert_eq!(bob.permit(&mut world, &[peer]).code(), 441);
    assert_eq!(bob.bind(&mut world, 0x4000, peer).code(), 441);
    assert_eq!(world.sizes().allocations, 1);
}

#[test]
fn a_port_that_cannot_be_opened_is_replaced_and_none_at_all_is_508() {
    let mut world = World::new();
    world.opens = false;
    let mut client = Client::new(udp("203.0.113.1:1"));
    let id = client.next_id();
    let challenge = client.request(Method::ALLOCATE, id, |w| {
        let _ = with_udp(w);
    });
    let answer = world.input(client.at, &challenge);
    client.nonce = answer[0].view().nonce().unwrap().to_vec();
    let request = client.request(Method::ALLOCATE, id, |w| {
        with_udp(w).even_port(true).unwrap();
    });
    assert!(world.input(client.at, &request).is_empty(), "no socket, no answer");
    assert!(world.input(client.at, &request).is_empty(), "nor to a retransmission");
    let mut tried = Vec::new();
    for _ in 0..8 {
        let (relay, address, _) = *world.open.last().unwrap();
        assert!(!tried.contains(&address));
        tried.push(address);
        let now = world.now;
        world.server.relay_failed(now, relay);
        world.server.relay_failed(now, relay); // says nothing new
        world.drive();
    }
    assert_eq!(world.open.len(), 8);
    assert_eq!(world.output()[0].code(), 508);
    let sizes = world.sizes();
    assert_eq!((sizes.allocations, sizes.reservations, sizes.cooling_ports), (0, 0, 16));
    assert_eq!(sizes.free_ports + sizes.cooling_ports, sizes.ports);
}

//= rfc8656#5
//= type=test
#[test]
fn software_is_named_to_users_in_allocate_and_refresh_only() {
    let mut config = config();
    config.software = Some("antiphon".into());
    let mut world = World::with(config);
    let mut client = Client::new(udp("203.0.113.1:1"));
    assert_eq!(client.allocate(&mut world).view().software(), Some(&b"antiphon"[..]));
    assert_eq!(client.refresh(&mut world, None).view().software(), Some(&b"antiphon"[..]));
    assert_eq!(client.permit(&mut world, &[addr(PEER)]).view().software(), None);
    let mut stranger = Client::new(udp("203.0.113.1:2"));
    let id = stranger.next_id();
    let request = stranger.request(Method::ALLOCATE, id, |_| {});
    assert_eq!(world.input(stranger.at, &request)[0].view().software(), None);
}

#[test]
fn binding_is_answered_with_where_it_came_from() {
    let mut world = World::new();
    let mut client = Client::new(udp("203.0.113.1:1"));
    let answer = client.ask(&mut world, Method::BINDING, |_| {});
    assert_eq!(answer.view().xor_mapped_address(), Some(client.at.client));
    let unknown = client.ask(&mut world, Method::BINDING, |w| {
        w.attribute(0x7abc, b"").unwrap();
    });
    assert_eq!(unknown.code(), 420);
}
