//! Connectivity checks: RFC 8445 sections 7 and 14, one test per rule, against a peer made by hand.
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

use antiphon_ice::{CandidateKind, ConnectionState, InputError, Path, Role};
use antiphon_stun::{Class, ErrorCode, MessageWriter, Method, TransactionId};

use common::{
    A, Alone, B, Request, addr, class, code, config, error, is_authentic, nominated, success, view,
};

const MS: Duration = Duration::from_millis(1);
const S: Duration = Duration::from_secs(1);
const C: &str = "203.0.113.3:7000";

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

//= rfc8445#11
//= type=test
#[test]
fn an_indication_is_taken_in_silence() {
    let mut alone = nominated(Role::Controlled);
    let mut buf = [0; 100];
    let mut writer =
        MessageWriter::new(&mut buf, Class::Indication, Method::BINDING, TransactionId([3; 12]))
            .unwrap();
    writer.fingerprint().unwrap();
    let len = writer.finish();
    alone.receive(alone.path, &buf[..len]).unwrap();
    assert_eq!(alone.sent(), None);
}

#[test]
fn a_closed_agent_is_silent() {
    let mut alone = nominated(Role::Controlled);
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
