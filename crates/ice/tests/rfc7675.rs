//! Who may send, and for how long: RFC 7675, RFC 8863.
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

use antiphon_ice::{ConnectionState, InputError, Path, Role};
use antiphon_stun::Class;

use common::{A, Alone, addr, class, nominated, view};

const MS: Duration = Duration::from_millis(1);
const S: Duration = Duration::from_secs(1);
const C: &str = "203.0.113.3:7000";

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
    let mut alone = nominated(Role::Controlling);
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
    let mut alone = nominated(Role::Controlled);
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
