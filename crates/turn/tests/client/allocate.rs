use std::time::Duration;

use antiphon_testkit::start;
use antiphon_turn::client::{CommandError, Event, Families, LossReason};
use antiphon_turn::wire::attribute::Family;

use crate::hosts::{CLIENT, PEER, RELAY, addr, allocated, config, server_config, world};

const SECOND: Duration = Duration::from_secs(1);

//= rfc8656#7.3
//= type=test
#[test]
fn an_allocation_takes_two_round_trips_and_says_both_addresses() {
    let (mut pair, _) = world(config(), server_config());
    pair.a.machine.client.allocate(start()).unwrap();
    pair.run_until(SECOND);
    let [(at, Event::Allocated(allocation))] = &pair.a.events[..] else {
        panic!("{:?}", pair.a.events)
    };
    assert_eq!(*at, Duration::from_millis(40));
    assert_eq!(allocation.relayed_v4.unwrap().ip(), RELAY.parse::<std::net::IpAddr>().unwrap());
    assert_eq!((allocation.relayed_v6, allocation.refused), (None, None));
    assert_eq!(allocation.mapped, addr(CLIENT));
    assert_eq!(allocation.lifetime, 600 * SECOND);
    assert_eq!(pair.a.machine.client.allocation(), Some(allocation));
    assert_eq!(pair.a.machine.client.allocate(pair.now()), Err(CommandError::AlreadyAllocated));
}

#[test]
fn both_families_come_together_and_one_alone_as_well() {
    for (families, v4, v6) in [
        (Families::Both, true, true),
        (Families::One(Family::V6), false, true),
        (Families::One(Family::V4), true, false),
    ] {
        let mut config = config();
        config.families = families;
        let (mut pair, _) = world(config, server_config());
        pair.a.machine.client.allocate(start()).unwrap();
        pair.run_until(SECOND);
        let allocation = pair.a.machine.client.allocation().unwrap();
        let got = (allocation.relayed_v4.is_some(), allocation.relayed_v6.is_some());
        assert_eq!(got, (v4, v6), "{families:?}");
        let peer = "2001:db8::77".parse().unwrap();
        let permission = pair.a.machine.client.create_permission(pair.now(), peer);
        assert_eq!(permission, if v6 { Ok(()) } else { Err(CommandError::Family) });
    }
}

#[test]
fn an_even_port_reserves_the_next_for_a_second_allocation() {
    let mut first = config();
    first.even_port = Some(true);
    let (mut pair, _) = world(first, server_config());
    pair.a.machine.client.allocate(start()).unwrap();
    pair.run_until(SECOND);
    let allocation = *pair.a.machine.client.allocation().unwrap();
    let port = allocation.relayed_v4.unwrap().port();
    assert!(port.is_multiple_of(2));
    let mut second = config();
    second.reservation_token = allocation.reservation_token;
    assert!(second.reservation_token.is_some());
    pair.a.machine.client = crate::hosts::client_with(second);
    pair.a.machine.local.set_port(40_001);
    let now = pair.now();
    pair.a.machine.client.allocate(now).unwrap();
    pair.run_for(SECOND);
    let allocation = pair.a.machine.client.allocation().unwrap();
    assert_eq!(allocation.relayed_v4.unwrap().port(), port + 1);
}

//= rfc8656#8
//= type=test
//= rfc8656#9
//= type=test
#[test]
fn allocation_permissions_and_channels_outlive_their_lifetimes_for_hours() {
    let (mut pair, heard) = allocated(config(), server_config());
    let now = pair.now();
    pair.a.machine.client.bind_channel(now, addr(PEER)).unwrap();
    for minute in 1..=120u32 {
        pair.run_until(60 * minute * SECOND);
        pair.a.machine.send(addr(PEER), format!("minute {minute}").as_bytes()).unwrap();
    }
    pair.run_for(SECOND);
    assert_eq!(pair.a.machine.received.len(), 120, "each was echoed");
    assert_eq!(heard.lock().unwrap().len(), 120);
    let lost = pair.a.events.iter().find(|(_, event)| matches!(event, Event::Lost(_)));
    assert_eq!(lost, None);
    let stats = pair.a.machine.client.stats();
    assert!((48..120).contains(&stats.requests), "{stats:?}");
    assert!((1..=6).contains(&stats.challenges), "a stale nonce now and then: {stats:?}");
    assert_eq!(stats.retransmissions, 0);
}

#[test]
fn loss_and_reordering_cost_time_and_nothing_else() {
    let (mut pair, _) = allocated(config(), server_config());
    for host in 0..2 {
        pair.uplink(host).loss = 0.3;
        pair.uplink(host).duplicate = 0.2;
        pair.uplink(host).jitter = Duration::from_millis(200);
    }
    let now = pair.now();
    pair.a.machine.client.bind_channel(now, addr(PEER)).unwrap();
    pair.run_until(6 * 3600 * SECOND);
    let bad = |event: &Event| {
        matches!(
            event,
            Event::Lost(_) | Event::ChannelFailed { .. } | Event::PermissionFailed { .. }
        )
    };
    assert_eq!(pair.a.events.iter().find(|(_, event)| bad(event)), None);
    assert!(pair.a.machine.client.stats().retransmissions > 10);
    assert!(pair.a.machine.client.channel_header(addr(PEER), 1).is_some());
}

//= rfc8656#8.3
//= type=test
#[test]
fn a_released_allocation_is_gone_even_if_the_success_is_lost() {
    for lost in [false, true] {
        let (mut pair, _) = allocated(config(), server_config());
        assert_eq!(pair.b.machine.server.allocations().count(), 1);
        let now = pair.now();
        pair.a.machine.client.release(now).unwrap();
        if lost {
            let sent = pair.counters(1).sent;
            pair.drop_when(move |d| d.from == 1 && d.number == sent + 1);
        }
        pair.run_for(3 * SECOND);
        assert_eq!(pair.a.events.last().unwrap().1, Event::Released);
        assert_eq!(pair.b.machine.server.allocations().count(), 0);
        assert_eq!(pair.a.machine.client.poll_timeout(), None, "nothing is left to do");
        let now = pair.now();
        assert_eq!(pair.a.machine.client.release(now), Err(CommandError::NotAllocated));
        // And the next one works, from the same address.
        pair.a.machine.client.allocate(now).unwrap();
        pair.run_for(SECOND);
        assert!(pair.a.machine.client.allocation().is_some());
    }
}

#[test]
fn a_server_that_falls_silent_loses_the_allocation_at_its_end() {
    let (mut pair, _) = allocated(config(), server_config());
    pair.uplink(1).loss = 1.0;
    pair.run_until(700 * SECOND);
    let (at, lost) = pair.a.events.iter().find(|(_, e)| matches!(e, Event::Lost(_))).unwrap();
    assert_eq!(*lost, Event::Lost(LossReason::Expired));
    assert_eq!(at.as_secs(), 600);
    assert!(pair.a.machine.client.allocation().is_none());
    assert_eq!(pair.a.machine.client.poll_timeout(), None);
}

#[test]
fn a_server_that_forgot_everything_says_so_at_the_next_refresh() {
    let (mut pair, _) = allocated(config(), server_config());
    pair.b.machine.server = crate::hosts::server_with(server_config());
    pair.run_until(300 * SECOND);
    let lost = pair.a.events.iter().any(|(_, event)| matches!(event, Event::Lost(_)));
    assert!(lost, "{:?}", pair.a.events);
}
