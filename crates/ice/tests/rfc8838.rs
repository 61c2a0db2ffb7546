//! Candidates, trickle and restart: RFC 8445 sections 5, 6 and 9, RFC 8838.
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
    CandidateError, CandidateKind, Credentials, CredentialsError, Event, GatheringState, Role,
};
use antiphon_stun::Class;

use common::{
    A, Alone, Request, addr, class, code, config, is_authentic, nominated, success, view,
};

const MS: Duration = Duration::from_millis(1);
const S: Duration = Duration::from_secs(1);

//= rfc8445#5.3
//= type=test
// attack: credentials that can be guessed
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
    let mut alone = nominated(Role::Controlled);
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

#[test]
fn both_sides_may_trickle_at_the_same_time_in_any_order() {
    // Each side hears of the other's candidates late, in bits, twice, and out of order.
    for run in 0..30u64 {
        let mut random = antiphon_testkit::Random::new(antiphon_testkit::seed(run));
        let mut pair =
            common::strangers(antiphon_testkit::start()).with_delay(Duration::from_millis(20));
        let ghosts = |side: u8| {
            (0..5u8).map(move |n| {
                format!(
                    "candidate:{n} 1 udp {} 203.0.113.{} 9000 typ host",
                    2_130_706_431 - u32::from(n),
                    100 + side * 10 + n
                )
            })
        };
        let (of_a, of_b) =
            (common::candidates(&pair.a.machine), common::candidates(&pair.b.machine));
        let mut news: Vec<(usize, String)> = Vec::new();
        news.extend(of_a.iter().cloned().chain(ghosts(1)).map(|text| (1, text)));
        news.extend(of_b.iter().cloned().chain(ghosts(2)).map(|text| (0, text)));
        news.extend(news.clone());
        for index in (1..news.len()).rev() {
            news.swap(index, random.below(index as u64 + 1) as usize);
        }
        let credentials_at = random.below(news.len() as u64) as usize;
        for (index, (side, text)) in news.into_iter().enumerate() {
            if index == credentials_at {
                common::exchange_credentials(&mut pair);
            }
            let now = pair.now();
            let peer = if side == 0 { &mut pair.a.machine } else { &mut pair.b.machine };
            let _ = peer.0.add_remote_candidate(now, text.parse().unwrap());
            pair.run_for(Duration::from_millis(random.below(15)));
        }
        pair.run_for(Duration::from_secs(2));
        assert_eq!(
            common::state(&pair),
            [antiphon_ice::ConnectionState::Connected; 2],
            "run {run}"
        );
        for side in [&pair.a, &pair.b] {
            assert!(side.machine.0.stats().selected.unwrap().nominated, "run {run}");
        }
    }
}
