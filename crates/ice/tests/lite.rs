//! Lite agents: of our own, facing full ones, and facing each other.
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

use std::time::Duration;

use antiphon_ice::{
    AddressError, Config, ConnectionState, IceFailure, LocalAddress, RelayProtocol, Role,
};
use antiphon_stun::Class;
use antiphon_testkit::{Pair, start};

use common::{A, Alone, B, Peer, addr, config, state};

const MS: Duration = Duration::from_millis(1);
const S: Duration = Duration::from_secs(1);

fn lite(role: Role, seed: u8) -> Config {
    let mut config = config(role, seed);
    config.lite = true;
    config
}

/// `a` is full and `b` is lite; each knows what the other is.
fn full_and_lite(roles: [Role; 2]) -> Pair<Peer> {
    let mut pair =
        common::strangers_with(start(), config(roles[0], 1), lite(roles[1], 2)).with_delay(20 * MS);
    let now = pair.now();
    pair.a.machine.0.set_remote_lite(now, true);
    pair.b.machine.0.set_remote_lite(now, false);
    pair
}

//= rfc8445#2.5
//= type=test
//= rfc8445#6.1.1
//= type=test
#[test]
fn a_lite_agent_only_answers_and_is_controlled_whoever_offered() {
    for roles in [[Role::Controlling, Role::Controlled], [Role::Controlled, Role::Controlling]] {
        let mut pair = full_and_lite(roles);
        common::signal(&mut pair);
        pair.run_for(300 * S);
        assert_eq!(state(&pair), [ConnectionState::Completed; 2]);
        assert_eq!(pair.a.machine.0.role(), Role::Controlling);
        assert_eq!(pair.b.machine.0.role(), Role::Controlled);
        let counters = pair.b.machine.0.stats().counters;
        assert_eq!(counters.requests_sent, 0);
        assert!(counters.responses_sent > 50);
        assert_eq!(pair.b.machine.0.selected_path().unwrap().remote, addr(A));
    }
}

//= rfc8445#12.1.1
//= type=test
#[test]
fn a_lite_agent_sends_nothing_before_a_nomination() {
    let mut alone = Alone::configured(lite(Role::Controlled, 1));
    alone.agent.set_remote_credentials(alone.now, alone.theirs.clone()).unwrap();
    alone.signal("candidate:1 1 udp 2130706431 203.0.113.2 5000 typ host");
    assert_eq!(alone.sent(), None);
    let mut check = alone.check();
    alone.receive(alone.path, &check.bytes()).unwrap();
    assert_eq!(alone.drain().len(), 1, "an answer and no check");
    assert_eq!(alone.agent.selected_path(), None);
    assert!(alone.agent.may_receive_from(alone.path), "the peer has proved itself");
    //= rfc8445#8.2
    //= type=test
    check.use_candidate = true;
    alone.receive(alone.path, &check.bytes()).unwrap();
    assert_eq!(alone.agent.selected_path(), Some(alone.path));
}

#[test]
fn a_lite_agent_follows_the_best_of_several_nominations() {
    let mut alone = Alone::configured(lite(Role::Controlled, 1));
    alone.agent.set_remote_credentials(alone.now, alone.theirs.clone()).unwrap();
    let other = antiphon_ice::Path::new(addr(A), addr("203.0.113.2:6000"));
    for (path, priority, wins) in
        [(other, 100, other), (alone.path, 300, alone.path), (other, 200, alone.path)]
    {
        let mut check = alone.check();
        check.use_candidate = true;
        check.priority = Some(priority);
        alone.receive(path, &check.bytes()).unwrap();
        assert_eq!(alone.agent.selected_path(), Some(wins));
    }
}

//= rfc7675#5.1
//= type=test
#[test]
fn a_lite_agent_stops_sending_when_the_peer_falls_silent() {
    let mut pair = full_and_lite([Role::Controlling, Role::Controlled]);
    common::signal(&mut pair);
    pair.run_for(S);
    pair.drop_when(|datagram| datagram.from == 0);
    pair.run_for(31 * S);
    assert_eq!(pair.b.machine.0.selected_path(), None);
    assert_eq!(pair.b.machine.0.state(), ConnectionState::Failed);
    assert_eq!(pair.b.machine.0.failure(), Some(IceFailure::ConsentLost { silent: 30 * S }));
}

#[test]
fn a_full_peer_that_thinks_it_is_controlled_is_corrected() {
    let mut alone = Alone::configured(lite(Role::Controlled, 1));
    alone.agent.set_remote_credentials(alone.now, alone.theirs.clone()).unwrap();
    let mut check = alone.check();
    for tie_breaker in [0, u64::MAX] {
        check.controlling = None;
        check.controlled = Some(tie_breaker);
        alone.receive(alone.path, &check.bytes()).unwrap();
        let (_, answer) = alone.sent().unwrap();
        assert_eq!(common::class(&answer), Class::Error);
        assert_eq!(common::code(&answer), Some(487));
        assert_eq!(alone.agent.role(), Role::Controlled);
    }
}

//= rfc8445#8.2
//= type=test
#[test]
fn two_lite_agents_use_the_best_pair_without_a_check() {
    let two = ["203.0.113.1:5000", "203.0.113.1:5001"];
    let a = Peer::with_address(lite(Role::Controlling, 1), 1, start(), &two);
    let b = Peer::with_address(lite(Role::Controlled, 2), 2, start(), &[B]);
    let mut pair = Pair::new(start(), a, b);
    let now = pair.now();
    pair.a.machine.0.set_remote_lite(now, true);
    pair.b.machine.0.set_remote_lite(now, true);
    common::signal(&mut pair);
    pair.run_for(3600 * S);
    assert_eq!(state(&pair), [ConnectionState::Completed; 2]);
    assert_eq!(
        [pair.a.machine.0.role(), pair.b.machine.0.role()],
        [Role::Controlling, Role::Controlled]
    );
    let (of_a, of_b) = (pair.a.machine.0.selected_path(), pair.b.machine.0.selected_path());
    assert_eq!(of_a, of_b.map(antiphon_ice::Path::reversed), "both took the same pair");
    assert_eq!(pair.net().counters(0).sent + pair.net().counters(1).sent, 0);
}

//= rfc8445#5.2
//= type=test
#[test]
fn a_lite_agent_has_host_candidates_only_and_asks_no_server() {
    let mut config = lite(Role::Controlled, 1);
    config.tcp = true;
    config.stun_servers = vec![addr("192.0.2.9:3478")];
    let mut alone = Alone::configured(config);
    assert_eq!(alone.sent(), None);
    assert_eq!(alone.agent.local_candidates().count(), 1);
    let server = addr("192.0.2.50:3478");
    let relayed = LocalAddress::relayed(addr("192.0.2.50:50000"), server, RelayProtocol::Udp);
    let mut fresh = Alone::configured(lite(Role::Controlled, 1));
    assert_eq!(fresh.agent.add_local_address(fresh.now, relayed), Err(AddressError::Kind));
}

#[test]
fn a_lite_agent_that_nobody_checks_fails_in_the_end() {
    let mut alone = Alone::configured(lite(Role::Controlled, 1));
    alone.agent.set_remote_credentials(alone.now, alone.theirs.clone()).unwrap();
    alone.signal("candidate:1 1 udp 2130706431 203.0.113.2 5000 typ host");
    alone.agent.end_of_remote_candidates(alone.now);
    alone.wait(40 * S);
    assert_eq!(alone.agent.state(), ConnectionState::Failed);
    assert_eq!(alone.agent.failure(), Some(IceFailure::RemoteNeverChecked { requests: 0 }));
    // And comes to life when somebody does.
    let mut check = alone.check();
    check.use_candidate = true;
    alone.receive(alone.path, &check.bytes()).unwrap();
    assert_eq!(alone.agent.state(), ConnectionState::Completed);
}
