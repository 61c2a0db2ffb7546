//! RFC 8445 and its companions, one test per rule, against a peer made by hand.
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

use antiphon_ice::{
    CandidateError, CandidateKind, ConnectionState, Credentials, CredentialsError, Event,
    GatheringState, InputError, Path, Role,
};
use antiphon_stun::{Class, ErrorCode, MessageView, TransactionId};

use common::{A, Alone, B, Request, addr, config, error, success, tag};

const MS: Duration = Duration::from_millis(1);
const S: Duration = Duration::from_secs(1);
const C: &str = "203.0.113.3:7000";

fn view(bytes: &[u8]) -> MessageView<'_> {
    MessageView::parse(bytes).unwrap()
}

fn class(bytes: &[u8]) -> Class {
    view(bytes).class()
}

fn code(bytes: &[u8]) -> Option<u16> {
    view(bytes).error_code().map(|error| error.code())
}

fn is_authentic(bytes: &[u8], pwd: &str) -> bool {
    view(bytes).verify_message_integrity(|parts| tag(pwd, parts)).is_ok()
}

/// An agent with a valid pair, and a nominated one if it controls.
fn connected(role: Role) -> Alone {
    let mut alone = Alone::new(role);
    let (path, check) = alone.request();
    alone.answer(path, &check).unwrap();
    if role == Role::Controlling {
        let (path, nomination) = alone.request();
        assert!(view(&nomination).use_candidate());
        alone.answer(path, &nomination).unwrap();
    } else {
        let mut check = alone.check();
        check.use_candidate = true;
        alone.receive(alone.path, &check.bytes()).unwrap();
    }
    alone.drain();
    assert!(alone.agent.stats().selected.unwrap().nominated);
    alone.agent.end_of_remote_candidates(alone.now);
    assert_eq!(alone.agent.state(), ConnectionState::Completed);
    alone
}

//= rfc8445#5.3
//= type=test
#[test]
fn credentials_are_long_and_new_with_each_restart() {
    let mut alone = Alone::unsignalled(Role::Controlling);
    let first = alone.agent.local_credentials().clone();
    let second = alone.agent.restart(alone.now).unwrap().clone();
    for credentials in [&first, &second] {
        assert!(credentials.ufrag().len() * 6 >= 24 && credentials.ufrag().len() <= 32);
        assert!(credentials.pwd().len() * 6 >= 128);
        assert!(Credentials::new(credentials.ufrag(), credentials.pwd()).is_ok());
    }
    assert_ne!(first.ufrag(), second.ufrag());
    assert_ne!(first.pwd(), second.pwd());
}

//= rfc8445#7.1
//= type=test
#[test]
fn a_check_carries_all_that_it_must() {
    for role in [Role::Controlling, Role::Controlled] {
        let mut alone = Alone::new(role);
        let (path, bytes) = alone.request();
        let check = view(&bytes);
        assert_eq!(path, alone.path);
        let username = format!("peer:{}", alone.agent.local_credentials().ufrag());
        assert_eq!(check.username(), Some(username.as_bytes()));
        // What a host candidate with local preference 65535 is worth as peer-reflexive one.
        assert_eq!(check.priority(), Some(110 << 24 | 65535 << 8 | 255));
        assert_eq!(check.ice_controlling().is_some(), role == Role::Controlling);
        assert_eq!(check.ice_controlled().is_some(), role == Role::Controlled);
        assert!(!check.use_candidate());
        assert!(check.verify_fingerprint());
        assert!(is_authentic(&bytes, alone.theirs.pwd()));
    }
}

//= rfc8445#7.3
//= type=test
#[test]
fn an_answer_is_authentic_and_names_the_source() {
    let mut alone = Alone::new(Role::Controlled);
    let request = alone.check();
    let from = Path::new(addr(A), addr(C));
    alone.receive(from, &request.bytes()).unwrap();
    let (path, bytes) = alone.sent().unwrap();
    assert_eq!(path, from);
    assert_eq!(class(&bytes), Class::Success);
    assert_eq!(view(&bytes).transaction_id(), TransactionId(request.id));
    assert_eq!(view(&bytes).xor_mapped_address(), Some(addr(C)));
    assert!(view(&bytes).verify_fingerprint());
    assert!(view(&bytes).username().is_none());
    let pwd = alone.agent.local_credentials().pwd().to_owned();
    assert!(is_authentic(&bytes, &pwd));
}

//= rfc8489#9.1.3
//= type=test
#[test]
fn what_is_not_authentic_is_refused_and_leaves_nothing() {
    let mut alone = Alone::new(Role::Controlled);
    alone.drain();
    let good = alone.check();
    let cases: [(&str, Request, u16); 6] = [
        ("no integrity", Request { pwd: None, ..good.clone() }, 400),
        ("no user name", Request { username: None, ..good.clone() }, 400),
        ("no colon", Request { username: Some("whoever".into()), ..good.clone() }, 401),
        ("other ufrag", Request { username: Some("whoever:peer".into()), ..good.clone() }, 401),
        ("other password", Request { pwd: Some("x".repeat(22)), ..good.clone() }, 401),
        ("empty ufrag", Request { username: Some(":peer".into()), ..good.clone() }, 401),
    ];
    for (what, request, expected) in cases {
        let from = Path::new(addr(A), addr(C));
        alone.receive(from, &request.bytes()).unwrap();
        let (_, bytes) = alone.sent().unwrap();
        assert_eq!(code(&bytes), Some(expected), "{what}");
        assert!(!view(&bytes).has_message_integrity(), "{what}");
        assert!(bytes.len() <= request.bytes().len(), "{what}");
        assert_eq!(alone.sent(), None, "{what}: no check is triggered");
        assert!(!alone.agent.may_receive_from(from), "{what}");
        assert_eq!(alone.agent.stats().pairs, 1, "{what}");
    }
}

//= rfc8445#7.3
//= type=test
#[test]
fn a_request_without_fingerprint_is_none_of_ours() {
    let mut alone = Alone::new(Role::Controlled);
    alone.drain();
    let request = Request { fingerprint: false, ..alone.check() };
    let mut damaged = alone.check().bytes();
    *damaged.last_mut().unwrap() ^= 1;
    assert_eq!(alone.receive(alone.path, &request.bytes()), Err(InputError::Fingerprint));
    assert_eq!(alone.receive(alone.path, &damaged), Err(InputError::Fingerprint));
    assert_eq!(alone.sent(), None);
}

//= rfc8489#6.3.1
//= type=test
#[test]
fn an_unknown_attribute_that_must_be_understood_is_named_after_authentication() {
    let mut alone = Alone::new(Role::Controlled);
    alone.drain();
    let request = Request { unknown: Some(0x7abc), ..alone.check() };
    alone.receive(alone.path, &request.bytes()).unwrap();
    let (_, bytes) = alone.sent().unwrap();
    assert_eq!(code(&bytes), Some(ErrorCode::UNKNOWN_ATTRIBUTE));
    assert_eq!(view(&bytes).unknown_attributes().collect::<Vec<_>>(), [0x7abc]);
    let pwd = alone.agent.local_credentials().pwd().to_owned();
    assert!(is_authentic(&bytes, &pwd));
    let forged = Request { pwd: Some("x".repeat(22)), ..request.clone() };
    alone.receive(alone.path, &forged.bytes()).unwrap();
    assert_eq!(code(&alone.sent().unwrap().1), Some(401));
    // What need not be understood is skipped.
    let optional = Request { unknown: Some(0xc057), ..alone.check() };
    alone.receive(alone.path, &optional.bytes()).unwrap();
    assert_eq!(class(&alone.sent().unwrap().1), Class::Success);
}

#[test]
fn a_check_without_priority_is_bad() {
    let mut alone = Alone::new(Role::Controlled);
    alone.drain();
    let request = Request { priority: None, ..alone.check() };
    alone.receive(alone.path, &request.bytes()).unwrap();
    assert_eq!(code(&alone.sent().unwrap().1), Some(400));
    let both = Request { controlled: Some(1), ..alone.check() };
    alone.receive(alone.path, &both.bytes()).unwrap();
    assert_eq!(code(&alone.sent().unwrap().1), Some(400));
}

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

//= rfc8489#9.1.4
//= type=test
#[test]
fn a_response_that_is_not_authentic_does_not_end_the_check() {
    let mut alone = Alone::new(Role::Controlled);
    let (path, check) = alone.request();
    let wrong = "w".repeat(22);
    for forged in [
        success(&check, addr(A), &wrong),
        error(&check, 487, Some(&wrong)),
        error(&check, 400, None),
        error(&check, 401, None),
    ] {
        assert_eq!(alone.receive(path, &forged), Err(InputError::Unauthenticated));
    }
    assert_eq!(alone.agent.role(), Role::Controlled);
    alone.answer(path, &check).unwrap();
    assert_eq!(alone.agent.selected_path(), Some(path));
    assert_eq!(alone.answer(path, &check), Err(InputError::UnknownTransaction));
}

//= rfc8445#7.2.5.2.1
//= type=test
#[test]
fn an_answer_from_elsewhere_fails_the_pair() {
    let mut alone = Alone::new(Role::Controlled);
    let (path, check) = alone.request();
    let response = success(&check, addr(A), alone.theirs.pwd());
    alone.receive(Path::new(path.local, addr(C)), &response).unwrap();
    assert_eq!(alone.agent.selected_path(), None);
    alone.wait(100 * S);
    assert_eq!(alone.sent(), None, "a failed pair is not checked again");
}

//= rfc8445#7.2.5.3.1
//= type=test
#[test]
fn a_mapped_address_that_is_new_is_a_peer_reflexive_candidate() {
    let mut alone = Alone::new(Role::Controlled);
    let (path, check) = alone.request();
    let response = success(&check, addr("198.51.100.7:1234"), alone.theirs.pwd());
    alone.receive(path, &response).unwrap();
    let selected = alone.agent.stats().selected.unwrap();
    assert_eq!(selected.local_kind, CandidateKind::PeerReflexive);
    assert_eq!(selected.path, path, "data goes from the base");
}

//= rfc8445#7.3.1.3
//= type=test
#[test]
fn an_unknown_source_becomes_a_peer_reflexive_candidate_until_it_is_signalled() {
    let mut alone = Alone::without_candidate(Role::Controlled);
    alone.receive(alone.path, &alone.check().bytes()).unwrap();
    let datagrams = alone.drain();
    assert_eq!(class(&datagrams[0].1), Class::Success);
    assert_eq!(class(&datagrams[1].1), Class::Request);
    alone.answer(alone.path, &datagrams[1].1).unwrap();
    let found = alone.agent.stats().selected.unwrap();
    assert_eq!(found.remote_kind, CandidateKind::PeerReflexive);
    // The signalled candidate with that address goes on where the other one was.
    alone.signal("candidate:7 1 udp 2130706431 203.0.113.2 5000 typ host");
    let known = alone.agent.stats().selected.unwrap();
    assert_eq!(known.remote_kind, CandidateKind::Host);
    assert!(known.priority > found.priority);
    assert_eq!(alone.agent.stats().pairs, 1);
}

//= rfc8445#7.3.1.4
//= type=test
#[test]
fn a_check_of_the_peer_triggers_ours() {
    let mut alone = Alone::new(Role::Controlled);
    let (path, first) = alone.request();
    // In progress: a new check, and the old one is not sent again, but its answer still counts.
    alone.receive(path, &alone.check().bytes()).unwrap();
    alone.wait(5 * MS);
    let datagrams = alone.drain();
    let second = &datagrams[1].1;
    assert_ne!(view(second).transaction_id(), view(&first).transaction_id());
    alone.wait(500 * MS);
    let again = alone.drain();
    assert_eq!(again.len(), 1);
    assert_eq!(&again[0].1, second);
    alone.answer(path, &first).unwrap();
    assert!(alone.agent.selected_path().is_some());
    // Succeeded: nothing but the answer.
    alone.receive(path, &alone.check().bytes()).unwrap();
    assert_eq!(alone.drain().len(), 1);
}

//= rfc8445#7.3.1.4
//= type=test
#[test]
fn a_failed_pair_is_checked_again_when_the_peer_checks_it() {
    let mut alone = Alone::new(Role::Controlled);
    let (path, check) = alone.request();
    let pwd = alone.theirs.pwd().to_owned();
    alone.receive(path, &error(&check, 500, Some(&pwd))).unwrap();
    alone.wait(S);
    assert_eq!(alone.sent(), None);
    alone.receive(path, &alone.check().bytes()).unwrap();
    let datagrams = alone.drain();
    assert_eq!(datagrams.len(), 2);
    alone.answer(path, &datagrams[1].1).unwrap();
    assert!(alone.agent.selected_path().is_some());
}

//= rfc8489#6.2.1
//= type=test
#[test]
fn a_check_is_sent_seven_times_and_then_fails() {
    let mut alone = Alone::new(Role::Controlled);
    let start = alone.now;
    let mut sent = Vec::new();
    for _ in 0..50_000 {
        for (_, bytes) in alone.drain() {
            sent.push(((alone.now - start).as_millis(), bytes));
        }
        alone.wait(MS);
    }
    let times: Vec<u128> = sent.iter().map(|(at, _)| *at).collect();
    assert_eq!(times, [0, 500, 1500, 3500, 7500, 15500, 31500]);
    assert!(sent.iter().all(|(_, bytes)| *bytes == sent[0].1));
}

//= rfc8445#14.2
//= type=test
#[test]
fn checks_begin_ta_apart_and_best_first() {
    let mut alone = Alone::unsignalled(Role::Controlled);
    for (port, priority) in [(1, 100), (2, 400), (3, 300), (4, 200)] {
        alone.signal(&format!("candidate:{port} 1 udp {priority} 203.0.113.2 {port} typ host"));
    }
    alone.agent.set_remote_credentials(alone.now, alone.theirs.clone()).unwrap();
    let mut ports = Vec::new();
    for expected in 1..=4 {
        ports.extend(alone.drain().iter().map(|(path, _)| path.remote.port()));
        assert_eq!(ports.len(), expected, "one at once, then one each 50 ms");
        alone.wait(49 * MS);
        assert_eq!(alone.sent(), None);
        alone.wait(MS);
    }
    assert_eq!(ports, [2, 3, 4, 1]);
}

//= rfc8445#14.2
//= type=test
#[test]
fn both_sides_use_the_slower_pacing_that_either_proposes() {
    for (ours, theirs, expected) in
        [(20, None, 50), (20, Some(10), 20), (20, Some(80), 80), (200, None, 200), (1, Some(1), 5)]
    {
        let mut config = config(Role::Controlled, 1);
        config.ta = ours * MS;
        let mut alone = Alone::configured(config);
        if let Some(theirs) = theirs {
            alone.agent.set_remote_pacing(alone.now, theirs * MS);
        }
        alone.signal("candidate:1 1 udp 100 203.0.113.2 1 typ host");
        alone.signal("candidate:2 1 udp 200 203.0.113.2 2 typ host");
        alone.agent.set_remote_credentials(alone.now, alone.theirs.clone()).unwrap();
        alone.request();
        let next = alone.agent.poll_timeout().unwrap() - alone.now;
        assert_eq!(next, expected * MS, "{ours} {theirs:?}");
    }
}

//= rfc8445#6.1.2.6
//= type=test
#[test]
fn pairs_of_one_foundation_wait_for_the_first_of_them() {
    let mut alone = Alone::without_candidate(Role::Controlled);
    for (foundation, port) in [("f", 1), ("f", 2), ("g", 3)] {
        let priority = 1000 - port;
        alone.signal(&format!(
            "candidate:{foundation} 1 udp {priority} 203.0.113.2 {port} typ host"
        ));
    }
    let mut next = || {
        let (path, bytes) = alone.request();
        alone.wait(50 * MS);
        (path, bytes, alone.agent.poll_timeout().unwrap() > alone.now)
    };
    let (first, check, _) = next();
    let (other, _, nothing_more) = next();
    assert_eq!((first.remote.port(), other.remote.port()), (1, 3));
    assert!(nothing_more, "port 2 is frozen");
    //= rfc8445#7.2.5.3.3
    //= type=test
    alone.answer(first, &check).unwrap();
    assert_eq!(alone.request().0.remote.port(), 2);
}

//= rfc8445#7.1.2
//= type=test
#[test]
fn the_controlling_agent_repeats_the_check_with_use_candidate_and_never_nominates_again() {
    let mut alone = connected(Role::Controlling);
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

//= rfc8445#12.1
//= type=test
#[test]
fn data_may_come_and_go_before_nomination() {
    let mut alone = Alone::new(Role::Controlled);
    let (path, check) = alone.request();
    assert!(!alone.agent.may_receive_from(path));
    // The peer proved itself before our own check was answered.
    alone.receive(path, &alone.check().bytes()).unwrap();
    assert!(alone.agent.may_receive_from(path));
    assert_eq!(alone.agent.selected_path(), None);
    alone.answer(path, &check).unwrap();
    assert_eq!(alone.agent.selected_path(), Some(path));
    assert!(!alone.agent.may_receive_from(Path::new(addr(A), addr(C))));
}

//= rfc7675#5.1
//= type=test
#[test]
fn consent_requests_are_sent_once_at_random_distances() {
    let mut alone = connected(Role::Controlling);
    let mut last = None;
    let mut pauses = Vec::new();
    let mut ids = Vec::new();
    for _ in 0..200 {
        alone.now = alone.agent.poll_timeout().unwrap();
        for (path, bytes) in alone.drain() {
            assert!(!view(&bytes).use_candidate());
            ids.push(view(&bytes).transaction_id());
            if let Some(last) = last {
                pauses.push(alone.now - last);
            }
            last = Some(alone.now);
            alone.answer(path, &bytes).unwrap();
        }
    }
    assert!(pauses.len() > 50);
    assert!(pauses.iter().all(|pause| (4 * S..=6 * S).contains(pause)), "{pauses:?}");
    assert!(pauses.iter().any(|pause| *pause != pauses[0]));
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), pauses.len() + 1);
}

//= rfc7675#5.1
//= type=test
#[test]
fn an_answer_after_thirty_seconds_does_not_bring_consent_back() {
    let mut alone = connected(Role::Controlled);
    let mut requests = Vec::new();
    for _ in 0..30 {
        alone.wait(S);
        requests.extend(alone.drain());
        // The peer's own requests are no consent.
        alone.receive(alone.path, &alone.check().bytes()).unwrap();
    }
    assert_eq!(alone.agent.selected_path(), None);
    assert_eq!(alone.agent.state(), ConnectionState::Failed);
    for (path, bytes) in requests {
        if class(&bytes) == Class::Request {
            assert_eq!(alone.answer(path, &bytes), Err(InputError::UnknownTransaction));
        }
    }
    // Not even a check of the peer opens this path with these credentials again.
    alone.drain();
    alone.receive(alone.path, &alone.check().bytes()).unwrap();
    assert_eq!(alone.drain().len(), 1);
    assert_eq!(alone.agent.selected_path(), None);
    alone.wait(60 * S);
    assert_eq!(alone.sent(), None);
}

//= rfc8863#4
//= type=test
#[test]
fn nothing_fails_before_the_pac_timer_even_without_any_candidate() {
    let mut alone = Alone::without_candidate(Role::Controlled);
    alone.agent.end_of_remote_candidates(alone.now);
    alone.wait(39 * S + 499 * MS);
    assert_eq!(alone.agent.state(), ConnectionState::Checking);
    alone.wait(MS);
    assert_eq!(alone.agent.state(), ConnectionState::Failed);
}

//= rfc8838#8
//= type=test
#[test]
fn without_an_end_of_candidates_patience_is_longer_but_not_endless() {
    let mut alone = Alone::without_candidate(Role::Controlled);
    alone.wait(59 * S);
    assert_eq!(alone.agent.state(), ConnectionState::Checking);
    alone.wait(S);
    assert_eq!(alone.agent.state(), ConnectionState::Failed);
    assert_eq!(alone.agent.poll_timeout(), None);
    // The peer is alive after all.
    alone.receive(alone.path, &alone.check().bytes()).unwrap();
    let datagrams = alone.drain();
    alone.answer(alone.path, &datagrams[1].1).unwrap();
    assert_eq!(alone.agent.state(), ConnectionState::Connected);
}

//= rfc8838#14
//= type=test
#[test]
fn candidates_of_the_wrong_time_are_ignored() {
    let mut alone = Alone::without_candidate(Role::Controlled);
    let add = |alone: &mut Alone, text: &str| {
        alone.agent.add_remote_candidate(alone.now, text.parse().unwrap())
    };
    let base = "candidate:1 1 udp 2130706431 203.0.113.2 5000 typ host";
    assert_eq!(
        add(&mut alone, &format!("{base} ufrag oldie")),
        Err(CandidateError::OtherGeneration)
    );
    assert_eq!(add(&mut alone, &format!("{base} ufrag peer")), Ok(()));
    assert_eq!(add(&mut alone, base), Err(CandidateError::Redundant));
    alone.agent.end_of_remote_candidates(alone.now);
    let late = "candidate:1 1 udp 2130706431 203.0.113.2 5001 typ host";
    assert_eq!(add(&mut alone, late), Err(CandidateError::AfterEnd));
}

//= rfc8838#11
//= type=test
#[test]
fn candidates_that_came_before_the_credentials_are_sorted_by_ufrag() {
    let mut alone = Alone::unsignalled(Role::Controlled);
    alone.signal("candidate:1 1 udp 300 203.0.113.2 1 typ host ufrag someoneelse");
    alone.signal("candidate:2 1 udp 200 203.0.113.2 2 typ host ufrag peer");
    alone.signal("candidate:3 1 udp 100 203.0.113.2 3 typ host");
    assert_eq!(alone.sent(), None);
    alone.agent.set_remote_credentials(alone.now, alone.theirs.clone()).unwrap();
    assert_eq!(alone.agent.stats().pairs, 2);
}

//= rfc8445#9
//= type=test
#[test]
fn a_restart_answers_the_old_credentials_until_the_new_pair_is_selected() {
    let mut alone = connected(Role::Controlled);
    let old = alone.check();
    let path = alone.path;
    alone.agent.restart(alone.now).unwrap();
    alone.receive(path, &old.bytes()).unwrap();
    assert_eq!(class(&alone.sent().unwrap().1), Class::Success);
    assert_eq!(alone.sent(), None);
    assert_eq!(alone.agent.selected_path(), Some(path));
    // Consent goes on over the old pair with the old credentials.
    alone.wait(6 * S);
    let (_, consent) = alone.request();
    assert!(is_authentic(&consent, alone.theirs.pwd()));
    alone.answer(path, &consent).unwrap();
    // The new generation takes over, and a little later the old one is forgotten.
    alone.theirs = Credentials::new("newpeer", &"n".repeat(24)).unwrap();
    alone.agent.set_remote_credentials(alone.now, alone.theirs.clone()).unwrap();
    let nomination = Request { use_candidate: true, ..alone.check() };
    alone.receive(path, &nomination.bytes()).unwrap();
    let check = alone.drain().pop().unwrap().1;
    assert!(is_authentic(&check, alone.theirs.pwd()));
    alone.answer(path, &check).unwrap();
    assert!(alone.agent.stats().selected.unwrap().nominated);
    alone.receive(path, &old.bytes()).unwrap();
    assert_eq!(class(&alone.sent().unwrap().1), Class::Success);
    alone.wait(3 * S);
    alone.receive(path, &old.bytes()).unwrap();
    assert_eq!(code(&alone.sent().unwrap().1), Some(401));
}

#[test]
fn other_remote_credentials_need_a_restart() {
    let mut alone = Alone::new(Role::Controlled);
    assert_eq!(alone.agent.set_remote_credentials(alone.now, alone.theirs.clone()), Ok(()));
    let other = Credentials::new("other", &"o".repeat(22)).unwrap();
    assert_eq!(
        alone.agent.set_remote_credentials(alone.now, other.clone()),
        Err(CredentialsError::RestartFirst)
    );
    alone.agent.restart(alone.now).unwrap();
    assert_eq!(alone.agent.set_remote_credentials(alone.now, other), Ok(()));
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

//= rfc8445#5.1.1.1
//= type=test
#[test]
fn loopback_is_for_those_who_ask_for_it() {
    let mut alone = Alone::without_candidate(Role::Controlled);
    let local = addr("127.0.0.1:4000");
    assert!(alone.agent.add_local_address(alone.now, local).is_err());
    let text = "candidate:1 1 udp 2130706431 127.0.0.1 5000 typ host";
    let candidate = || text.parse().unwrap();
    assert_eq!(
        alone.agent.add_remote_candidate(alone.now, candidate()),
        Err(CandidateError::Loopback)
    );
    let mut config = config(Role::Controlled, 1);
    config.include_loopback = true;
    let mut alone = Alone::configured(config);
    alone.agent.set_remote_credentials(alone.now, alone.theirs.clone()).unwrap();
    alone.agent.add_remote_candidate(alone.now, candidate()).unwrap();
    assert_eq!(alone.sent(), None, "a loopback address pairs with its like only");
}

//= rfc8445#5.1.1.4
//= type=test
#[test]
fn reflexive_addresses_are_refreshed_until_a_pair_is_nominated() {
    let mut config = config(Role::Controlled, 1);
    config.stun_servers = vec![addr("192.0.2.9:3478")];
    let mut alone = Alone::configured(config);
    let mut queries = 0;
    for second in 0..60 {
        for (path, query) in alone.drain() {
            assert_eq!(path.remote, addr("192.0.2.9:3478"));
            assert!(view(&query).username().is_none());
            queries += 1;
            let response = success(&query, addr("198.51.100.1:9"), &"p".repeat(22));
            alone.receive(path, &response).unwrap();
        }
        if second == 0 {
            assert_eq!(alone.agent.gathering_state(), GatheringState::Complete);
        }
        alone.wait(S);
    }
    assert_eq!(queries, 4);
    let candidates: Vec<_> = std::iter::from_fn(|| alone.agent.poll_event())
        .filter(|event| matches!(event, Event::LocalCandidate(_)))
        .collect();
    assert_eq!(candidates.len(), 2);
}

//= rfc8445#5.1.3
//= type=test
#[test]
fn a_reflexive_address_that_is_the_host_address_is_redundant() {
    let mut config = config(Role::Controlled, 1);
    config.stun_servers = vec![addr("192.0.2.9:3478"), addr("192.0.2.8:3478")];
    let mut alone = Alone::configured(config);
    for _ in 0..2 {
        let (path, query) = alone.request();
        alone.receive(path, &success(&query, addr(A), &"p".repeat(22))).unwrap();
        alone.wait(50 * MS);
    }
    assert_eq!(alone.agent.local_candidates().count(), 1);
    assert_eq!(alone.agent.gathering_state(), GatheringState::Complete);
}

//= rfc8445#11
//= type=test
#[test]
fn an_indication_is_taken_in_silence() {
    let mut alone = connected(Role::Controlled);
    let mut buf = [0; 100];
    let mut writer = antiphon_stun::MessageWriter::new(
        &mut buf,
        Class::Indication,
        antiphon_stun::Method::BINDING,
        TransactionId([3; 12]),
    )
    .unwrap();
    writer.fingerprint().unwrap();
    let len = writer.finish();
    alone.receive(alone.path, &buf[..len]).unwrap();
    assert_eq!(alone.sent(), None);
}

#[test]
fn a_closed_agent_is_silent() {
    let mut alone = connected(Role::Controlled);
    alone.states();
    let request = alone.check().bytes();
    alone.agent.close(alone.now);
    assert_eq!(alone.states(), [ConnectionState::Closed]);
    assert_eq!(alone.agent.poll_timeout(), None);
    assert_eq!(alone.sent(), None);
    assert_eq!(alone.agent.selected_path(), None);
    assert_eq!(alone.receive(alone.path, &request), Err(InputError::Closed));
    assert!(!alone.agent.may_receive_from(Path::new(addr(A), addr(B))));
}
