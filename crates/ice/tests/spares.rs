//! Addresses that come and go while the connection is up, spare pairs, and renomination.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::wildcard_enum_match_arm,
    clippy::cast_possible_truncation,
    reason = "a failed expectation is a failed test"
)]

mod common;

use std::net::IpAddr;
use std::time::Duration;

use antiphon_ice::{
    AddressError, Config, ConnectionState, Event, GatheringState, NominateError, PairState, Path,
    Renomination, RestartReason, Role,
};
use antiphon_stun::Class;
use antiphon_testkit::netem::{Netem, Realm};
use antiphon_testkit::{Pair, seed, start};

use common::{A, Alone, B, Peer, Trickle, addr, config, state};

const MS: Duration = Duration::from_millis(1);
const S: Duration = Duration::from_secs(1);
const SECOND: &str = "203.0.113.11:5000";

/// `a` has two addresses in the network, the agent knows the first; `b` has one.
fn roaming(change: impl Fn(&mut Config)) -> Pair<Peer> {
    let mut net = Netem::new(seed(3));
    let ips =
        ["203.0.113.1", "203.0.113.11", "203.0.113.2"].map(|ip| ip.parse::<IpAddr>().unwrap());
    net.add_host(Realm::PUBLIC, &ips[..2]);
    net.add_host(Realm::PUBLIC, &ips[2..]);
    let peer = |role, number: u8, address: &str| {
        let mut config = config(role, number);
        change(&mut config);
        let mut peer = Peer::new(config, number, start());
        peer.0.add_local_address(start(), addr(address)).unwrap();
        peer
    };
    let (a, b) = (peer(Role::Controlling, 1, A), peer(Role::Controlled, 2, B));
    let mut pair = Pair::on(net, start(), a, b).with_delay(20 * MS);
    common::exchange_credentials(&mut pair);
    pair
}

fn continual(config: &mut Config) {
    config.continual_gathering = true;
}

fn renominating(config: &mut Config) {
    config.continual_gathering = true;
    config.renomination = true;
}

fn agree(pair: &mut Pair<Peer>, form: Renomination) {
    let now = pair.now();
    pair.a.machine.0.set_remote_renomination(now, Some(form));
    pair.b.machine.0.set_remote_renomination(now, Some(form));
}

fn local_of(pair: &Pair<Peer>) -> String {
    pair.a.machine.0.selected_path().unwrap().local.to_string()
}

/// The first pair is up, the second address has come and its pair works.
fn with_a_spare(change: impl Fn(&mut Config)) -> (Pair<Peer>, Trickle) {
    let mut pair = roaming(change);
    let mut trickle = Trickle::new();
    trickle.run_for(&mut pair, S);
    assert_eq!(local_of(&pair), A);
    let now = pair.now();
    pair.a.machine.0.add_local_address(now, addr(SECOND)).unwrap();
    trickle.run_for(&mut pair, S);
    let works = pair.a.machine.0.pair_stats().filter(|pair| pair.state == PairState::Succeeded);
    assert_eq!(works.count(), 2);
    assert_eq!(local_of(&pair), A);
    (pair, trickle)
}

#[test]
fn a_spare_pair_takes_over_when_the_address_in_use_goes_away() {
    let (mut pair, mut trickle) = with_a_spare(continual);
    trickle.run_for(&mut pair, 120 * S); // spares are kept alive
    let (before, now) = (pair.a.events.len(), pair.now());
    pair.a.machine.0.remove_local_address(now, addr(A));
    assert_eq!(local_of(&pair), SECOND, "at once");
    trickle.run_for(&mut pair, 10 * S);
    assert_eq!(pair.b.machine.0.selected_path().unwrap().remote, addr(SECOND));
    assert!(pair.a.machine.0.stats().selected.unwrap().nominated);
    assert!(pair.b.machine.0.stats().selected.unwrap().nominated);
    let bad = pair.a.events[before..].iter().find(|(_, event)| {
        matches!(event, Event::State(ConnectionState::Failed) | Event::RestartAdvised(_))
    });
    assert_eq!(bad, None);
}

#[test]
fn a_spare_pair_takes_over_when_the_pair_in_use_dies_silently() {
    let (mut pair, mut trickle) = with_a_spare(continual);
    pair.drop_when(|datagram| {
        let first = "203.0.113.1".parse::<IpAddr>().unwrap();
        datagram.path.local.ip() == first || datagram.path.remote.ip() == first
    });
    trickle.run_for(&mut pair, 40 * S);
    assert_eq!(local_of(&pair), SECOND);
    assert_eq!(pair.b.machine.0.selected_path().unwrap().remote, addr(SECOND));
    trickle.run_for(&mut pair, 60 * S);
    assert_eq!(state(&pair), [ConnectionState::Connected; 2]);
}

#[test]
fn without_a_spare_a_restart_is_advised() {
    let mut pair = common::connected(start());
    let now = pair.now();
    assert_eq!(pair.a.machine.0.add_local_address(now, addr(SECOND)), Err(AddressError::AfterEnd));
    pair.a.machine.0.remove_local_address(now, addr(A));
    pair.run_for(S);
    let advice = pair.a.events.iter().filter_map(|(_, event)| match event {
        Event::RestartAdvised(reason) => Some(*reason),
        _ => None,
    });
    assert_eq!(advice.collect::<Vec<_>>(), [RestartReason::NewAddress, RestartReason::PathLost]);
}

#[test]
fn gathering_goes_on_for_addresses_that_come_late() {
    let mut pair = roaming(continual);
    let now = pair.now();
    pair.a.machine.0.end_of_local_addresses(now);
    assert_eq!(pair.a.machine.0.gathering_state(), GatheringState::Complete);
    let before = pair.a.machine.0.local_candidates().count();
    pair.a.machine.0.add_local_address(now, addr(SECOND)).unwrap();
    assert_eq!(pair.a.machine.0.local_candidates().count(), before + 1);
}

#[test]
fn spares_are_few() {
    let mut config = config(Role::Controlling, 1);
    config.continual_gathering = true;
    config.max_spare_pairs = 2;
    let mut alone = Alone::configured(config);
    alone.agent.set_remote_credentials(alone.now, alone.theirs.clone()).unwrap();
    for port in 1..=6 {
        alone.signal(&format!("candidate:{port} 1 udp {port} 203.0.113.2 {port} typ host"));
    }
    let mut consents = std::collections::BTreeMap::new();
    for step in 0..12_000 {
        for (path, bytes) in alone.drain() {
            if step > 1000 {
                *consents.entry(path.remote.port()).or_insert(0) += 1;
            }
            alone.answer(path, &bytes).unwrap();
        }
        alone.wait(5 * MS);
    }
    assert_eq!(consents.keys().copied().collect::<Vec<u16>>(), [4, 5, 6], "{consents:?}");
    assert!(consents.values().all(|count| (9..=15).contains(count)), "{consents:?}");
}

#[test]
fn the_nomination_changes_without_a_restart_where_both_agreed() {
    for form in [Renomination::Legacy, Renomination::Draft] {
        let (mut pair, mut trickle) = with_a_spare(renominating);
        let now = pair.now();
        let spare = Path::new(addr(SECOND), addr(B));
        assert_eq!(pair.a.machine.0.nominate(now, spare), Err(NominateError::Final));
        agree(&mut pair, form);
        pair.a.machine.0.nominate(now, spare).unwrap();
        assert_eq!(local_of(&pair), A, "until the peer has answered");
        trickle.run_for(&mut pair, S);
        assert_eq!(local_of(&pair), A, "the better pair is nominated again: {form:?}");
        let changes = pair.b.machine.0.stats().selected_changes;
        assert!(changes >= 3, "{changes}");
    }
}

#[test]
fn a_better_pair_that_comes_late_is_nominated() {
    let mut pair = roaming(renominating);
    agree(&mut pair, Renomination::Draft);
    let now = pair.now();
    let better = antiphon_ice::LocalAddress::new(addr(SECOND)).with_preference(65535);
    pair.a.machine.0.remove_local_address(now, addr(A));
    let worse = antiphon_ice::LocalAddress::new(addr(A)).with_preference(100);
    pair.a.machine.0.add_local_address(now, worse).unwrap();
    let mut trickle = Trickle::new();
    trickle.run_for(&mut pair, S);
    assert_eq!(local_of(&pair), A);
    let now = pair.now();
    pair.a.machine.0.add_local_address(now, better).unwrap();
    trickle.run_for(&mut pair, S);
    assert_eq!(local_of(&pair), SECOND);
    assert_eq!(pair.b.machine.0.selected_path().unwrap().remote, addr(SECOND));
}

/// A controlled agent with two pairs that work, and a peer that numbers its nominations.
fn numbered() -> (Alone, [Path; 2]) {
    let mut config = config(Role::Controlled, 1);
    config.renomination = true;
    let mut alone = Alone::configured(config);
    alone.agent.set_remote_renomination(alone.now, Some(Renomination::Draft));
    alone.agent.set_remote_credentials(alone.now, alone.theirs.clone()).unwrap();
    alone.signal("candidate:1 1 udp 300 203.0.113.2 5000 typ host");
    alone.signal("candidate:2 1 udp 200 203.0.113.2 6000 typ host");
    for _ in 0..10 {
        for (path, bytes) in alone.drain() {
            alone.answer(path, &bytes).unwrap();
        }
        alone.wait(50 * MS);
    }
    (alone, [Path::new(addr(A), addr(B)), Path::new(addr(A), addr("203.0.113.2:6000"))])
}

fn nominate(alone: &mut Alone, path: Path, number: Option<&[u8]>) {
    let check = alone.check();
    let bytes = common::numbered_nomination(&check, number);
    alone.receive(path, &bytes).unwrap();
    alone.drain();
}

#[test]
fn the_highest_number_wins_whatever_the_priority_and_the_order_of_arrival() {
    let (mut alone, [first, second]) = numbered();
    let one = 1u32.to_be_bytes();
    for (path, number, selected) in [
        (first, 0u32, first),
        (second, 5, second),
        (first, 5, second), // late or twice
        (first, 4, second),
        (first, 6, first),
        (second, u32::MAX, second),
        (first, 7, second),
    ] {
        nominate(&mut alone, path, Some(&number.to_be_bytes()));
        let stats = alone.agent.stats().selected.unwrap();
        assert_eq!((stats.path, stats.nominated), (selected, true), "{number}");
    }
    // A new generation counts anew.
    alone.agent.restart(alone.now).unwrap();
    alone.agent.set_remote_credentials(alone.now, alone.theirs.clone()).unwrap();
    let check = alone.check();
    alone.receive(first, &common::numbered_nomination(&check, Some(&one))).unwrap();
    for _ in 0..3 {
        for (path, bytes) in alone.drain() {
            if common::class(&bytes) == Class::Request {
                alone.answer(path, &bytes).unwrap();
            }
        }
        alone.wait(10 * MS);
    }
    assert_eq!(alone.agent.stats().selected.unwrap().path, first);
}

// attack: malformed numbers of nominations
#[test]
fn a_nomination_without_a_proper_number_is_ignored_where_numbers_were_agreed_on() {
    let (mut alone, [first, second]) = numbered();
    nominate(&mut alone, second, Some(&1u32.to_be_bytes()));
    for number in [None, Some(&b""[..]), Some(b"abc"), Some(b"12345678"), Some(&[0xff; 64])] {
        nominate(&mut alone, first, number);
        assert_eq!(alone.agent.stats().selected.unwrap().path, second);
    }
}

#[test]
fn where_it_was_not_offered_the_number_is_not_understood() {
    let mut alone = Alone::new(Role::Controlled);
    alone.drain();
    let check = alone.check();
    let bytes = common::numbered_nomination(&check, Some(&1u32.to_be_bytes()));
    alone.receive(alone.path, &bytes).unwrap();
    assert_eq!(common::code(&alone.sent().unwrap().1), Some(420));
}

#[test]
fn only_the_controlling_agent_nominates_and_only_what_works() {
    let mut alone = Alone::new(Role::Controlled);
    let (path, now) = (alone.path, alone.now);
    assert_eq!(alone.agent.nominate(now, path), Err(NominateError::NotControlling));
    let mut alone = Alone::new(Role::Controlling);
    assert_eq!(alone.agent.nominate(now, path), Err(NominateError::NotValid));
    let mut alone = common::nominated(Role::Controlling);
    assert_eq!(alone.agent.nominate(now, path), Ok(()), "nominated already");
    assert_eq!(alone.sent(), None);
}
