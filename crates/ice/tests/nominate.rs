//! Roles and nomination: RFC 8445 sections 7.3.1.1 and 8.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "a failed expectation is a failed test"
)]

mod common;

use std::time::Duration;

use antiphon_ice::{ConnectionState, Path, Role};
use antiphon_stun::{Class, ErrorCode};

use common::{A, Alone, Request, addr, class, code, error, is_authentic, nominated, view};

const MS: Duration = Duration::from_millis(1);
const S: Duration = Duration::from_secs(1);
const C: &str = "203.0.113.3:7000";

//= rfc8445#7.3.1.1
//= type=test
#[test]
fn the_larger_tiebreaker_controls() {
    for (role, theirs, stays) in [
        (Role::Controlling, 0, true),
        (Role::Controlling, u64::MAX, false),
        (Role::Controlled, u64::MAX, true),
        (Role::Controlled, 0, false),
    ] {
        let mut alone = Alone::new(role);
        alone.drain();
        let mut request = alone.check();
        (request.controlling, request.controlled) = match role {
            Role::Controlling => (Some(theirs), None),
            Role::Controlled => (None, Some(theirs)),
        };
        alone.receive(alone.path, &request.bytes()).unwrap();
        let (_, answer) = alone.sent().unwrap();
        let pwd = alone.agent.local_credentials().pwd().to_owned();
        assert!(is_authentic(&answer, &pwd));
        if stays {
            assert_eq!(code(&answer), Some(ErrorCode::ROLE_CONFLICT));
            assert_eq!(alone.agent.role(), role);
        } else {
            assert_eq!(class(&answer), Class::Success);
            assert_eq!(alone.agent.role(), role.opposite());
        }
    }
}

//= rfc8445#7.2.5.1
//= type=test
#[test]
fn a_487_changes_role_and_tiebreaker_once() {
    let mut alone = Alone::new(Role::Controlled);
    let (path, first) = alone.request();
    // The peer's check cancels ours and sends another one with the same role.
    let mut request = alone.check();
    request.priority = Some(1);
    alone.receive(alone.path, &request.bytes()).unwrap();
    alone.wait(10 * MS);
    let second = alone.drain().pop().unwrap().1;
    assert_eq!(class(&second), Class::Request);
    let old = view(&first).ice_controlled().unwrap();
    let pwd = alone.theirs.pwd().to_owned();
    alone.receive(path, &error(&second, 487, Some(&pwd))).unwrap();
    assert_eq!(alone.agent.role(), Role::Controlling);
    alone.wait(10 * MS);
    let (_, third) = alone.request();
    let new = view(&third).ice_controlling().unwrap();
    assert_ne!(old, new);
    // The refusal of the first check comes late. It was refused in the role we left already.
    alone.receive(path, &error(&first, 487, Some(&pwd))).unwrap_err();
    assert_eq!(alone.agent.role(), Role::Controlling);
    alone.answer(path, &third).unwrap();
    assert!(alone.agent.selected_path().is_some());
}

//= rfc8445#7.1.2
//= type=test
#[test]
fn the_controlling_agent_repeats_the_check_with_use_candidate_and_never_nominates_again() {
    let mut alone = nominated(Role::Controlling);
    // Another address would be better, but it is too late without a restart.
    let from = Path::new(addr(A), addr(C));
    let better = Request { priority: Some(0x7fff_ffff), ..alone.check() };
    alone.receive(from, &better.bytes()).unwrap();
    let datagrams = alone.drain();
    assert_eq!(datagrams.len(), 1, "the answer and nothing more");
    alone.wait(S);
    assert_eq!(alone.sent(), None);
    assert_eq!(alone.agent.selected_path(), Some(alone.path));
}

//= rfc8445#7.2.5.3.4
//= type=test
#[test]
fn a_nomination_that_is_refused_fails_the_checklist() {
    let mut alone = Alone::new(Role::Controlling);
    let (path, check) = alone.request();
    alone.answer(path, &check).unwrap();
    let (path, nomination) = alone.request();
    assert!(view(&nomination).use_candidate());
    let pwd = alone.theirs.pwd().to_owned();
    alone.receive(path, &error(&nomination, 400, Some(&pwd))).unwrap();
    assert_eq!(alone.agent.state(), ConnectionState::Failed);
    assert_eq!(alone.agent.selected_path(), None);
}

//= rfc8445#7.3.1.5
//= type=test
#[test]
fn the_controlled_agent_follows_once_its_own_check_succeeded() {
    let mut alone = Alone::new(Role::Controlled);
    let (path, check) = alone.request();
    let nomination = Request { use_candidate: true, ..alone.check() };
    alone.receive(path, &nomination.bytes()).unwrap();
    assert_eq!(alone.agent.selected_path(), None);
    alone.answer(path, &check).unwrap();
    assert!(alone.agent.stats().selected.unwrap().nominated);
}

//= rfc8445#8.1.1
//= type=test
#[test]
fn a_peer_that_nominates_several_pairs_gets_the_best() {
    let mut alone = Alone::without_candidate(Role::Controlled);
    for (port, priority) in [(1, 200), (2, 300), (3, 100)] {
        alone.signal(&format!("candidate:{port} 1 udp {priority} 203.0.113.2 {port} typ host"));
    }
    let mut selected = Vec::new();
    for port in [1, 2, 3] {
        let path = Path::new(addr(A), addr(&format!("203.0.113.2:{port}")));
        let nomination = Request { use_candidate: true, ..alone.check() };
        alone.receive(path, &nomination.bytes()).unwrap();
        for (path, bytes) in alone.drain() {
            if class(&bytes) == Class::Request {
                alone.answer(path, &bytes).unwrap();
            }
        }
        alone.wait(50 * MS);
        for (path, bytes) in alone.drain() {
            alone.answer(path, &bytes).unwrap();
        }
        selected.push(alone.agent.selected_path().unwrap().remote.port());
    }
    assert_eq!(selected, [1, 2, 2]);
    // When the best is silent a worse one is better than nothing.
    let path = Path::new(addr(A), addr("203.0.113.2:3"));
    for _ in 0..4 {
        alone.wait(2 * S + 100 * MS);
        let nomination = Request { use_candidate: true, ..alone.check() };
        alone.receive(path, &nomination.bytes()).unwrap();
        for (path, bytes) in alone.drain() {
            if class(&bytes) == Class::Request && path.remote.port() == 3 {
                alone.answer(path, &bytes).unwrap();
            }
        }
    }
    alone.wait(MS);
    assert_eq!(alone.agent.selected_path().unwrap().remote.port(), 3);
}

#[test]
fn a_pair_that_goes_away_while_better_ones_are_awaited_is_not_nominated() {
    let mut alone = Alone::new(Role::Controlling);
    let (path, check) = alone.request();
    alone.signal("candidate:2 1 udp 2130706432 203.0.113.2 6000 typ host");
    alone.answer(path, &check).unwrap();
    assert!(!alone.agent.stats().selected.unwrap().nominated, "a better pair is being checked");
    alone.agent.remove_local_address(alone.now, addr(A));
    alone.wait(100 * MS);
    alone.drain();
    assert_eq!(alone.agent.selected_path(), None);
    assert!(alone.agent.poll_timeout().is_none_or(|next| next > alone.now));
}

//= rfc8445#8.1.1
//= type=test
#[test]
fn nomination_waits_a_little_for_better_pairs_but_not_for_worse_ones() {
    for (priority, waits) in [(2_130_706_432u32, true), (5, false)] {
        let mut alone = Alone::new(Role::Controlling);
        let (path, check) = alone.request();
        alone.signal(&format!("candidate:2 1 udp {priority} 203.0.113.2 6000 typ host"));
        alone.answer(path, &check).unwrap();
        alone.skip_floor();
        let at_once = alone.drain().iter().any(|(_, bytes)| view(bytes).use_candidate());
        assert_eq!(at_once, !waits);
        alone.wait(100 * MS);
        let later = alone.drain().iter().any(|(_, bytes)| view(bytes).use_candidate());
        assert_eq!(later, waits);
    }
}

//= rfc8445#8.1.2
//= type=test
#[test]
fn a_nomination_ends_all_other_checks() {
    let mut alone = Alone::new(Role::Controlling);
    let (path, check) = alone.request();
    alone.signal("candidate:2 1 udp 5 203.0.113.2 6000 typ host");
    alone.wait(50 * MS);
    let (_, other) = alone.request();
    alone.answer(path, &check).unwrap();
    let (path, nomination) = alone.request();
    alone.answer(path, &nomination).unwrap();
    assert_eq!(alone.agent.stats().pairs, 1);
    // Not sent again, but its answer is no surprise.
    alone.answer(Path::new(addr(A), addr("203.0.113.2:6000")), &other).unwrap();
    alone.wait(3 * S);
    assert_eq!(alone.sent(), None);
    assert_eq!(alone.agent.selected_path(), Some(path));
}

//= rfc8445#6.1.1
//= type=test
#[test]
fn against_a_lite_peer_we_control_and_nominate() {
    let mut alone = Alone::unsignalled(Role::Controlled);
    alone.agent.set_remote_lite(alone.now, true);
    assert_eq!(alone.agent.role(), Role::Controlling);
    alone.agent.set_remote_credentials(alone.now, alone.theirs.clone()).unwrap();
    alone.signal("candidate:1 1 udp 2130706431 203.0.113.2 5000 typ host");
    alone.agent.end_of_remote_candidates(alone.now);
    // The peer only ever answers.
    for _ in 0..600 {
        for (path, bytes) in alone.drain() {
            alone.answer(path, &bytes).unwrap();
        }
        alone.wait(S);
    }
    assert_eq!(
        alone.states(),
        [ConnectionState::Checking, ConnectionState::Connected, ConnectionState::Completed]
    );
}

//= rfc8445#8.3.1
//= type=test
#[test]
fn data_may_come_over_other_pairs_for_three_seconds_after_the_nomination() {
    let mut alone = Alone::new(Role::Controlling);
    let (path, check) = alone.request();
    let other = Path::new(addr(A), addr("203.0.113.3:7000"));
    alone.receive(other, &alone.check().bytes()).unwrap();
    alone.answer(path, &check).unwrap();
    for _ in 0..3 {
        for (path, bytes) in alone.drain() {
            if view(&bytes).use_candidate() {
                alone.answer(path, &bytes).unwrap();
            }
        }
        alone.skip_floor();
    }
    assert!(alone.agent.stats().selected.unwrap().nominated);
    assert!(alone.agent.may_receive_from(other));
    alone.wait(3 * S);
    assert!(!alone.agent.may_receive_from(other));
    assert_eq!(alone.drain().len(), 0, "nothing but the nominated pair is checked");
}
