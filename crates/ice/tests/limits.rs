//! A hostile peer, and strangers.
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

use antiphon_ice::{AddressError, CandidateError, InputError, Path, Role};
use antiphon_stun::{Class, MessageView};

use common::{A, Alone, B, Request, addr, config};

const MS: Duration = Duration::from_millis(1);
const S: Duration = Duration::from_secs(1);

fn from(port: u16) -> Path {
    Path::new(addr(A), addr(&format!("203.0.113.66:{port}")))
}

// attack: unauthenticated requests from ever new ports; reflection of errors to a victim
#[test]
fn strangers_get_ten_errors_a_second_and_leave_no_state() {
    let mut alone = Alone::new(Role::Controlled);
    let (path, check) = alone.request();
    let request = Request { pwd: Some("x".repeat(22)), ..alone.check() }.bytes();
    let mut answers = 0;
    let mut bytes = 0;
    for second in 0..20u16 {
        for n in 0..500 {
            match alone.receive(from(1 + second * 500 + n), &request) {
                Ok(()) | Err(InputError::Unauthenticated) => {}
                Err(error) => panic!("{error}"),
            }
            for (_, answer) in alone.drain() {
                if MessageView::parse(&answer).unwrap().class() == Class::Error {
                    answers += 1;
                    bytes += answer.len();
                    assert!(answer.len() < request.len());
                }
            }
        }
        alone.wait(S);
    }
    assert!((190..=220).contains(&answers), "{answers}");
    assert!(bytes < answers * 60);
    assert_eq!(alone.agent.stats().pairs, 1);
    assert!(!alone.agent.may_receive_from(from(1)));
    // The connection was not disturbed.
    alone.answer(path, &check).unwrap();
    assert!(alone.agent.selected_path().is_some());
}

// attack: a forged flood of peer-reflexive candidates, by somebody who knows the password
#[test]
fn peer_reflexive_candidates_are_few_and_checks_are_paced() {
    let mut alone = Alone::new(Role::Controlled);
    alone.drain();
    let request = alone.check().bytes();
    let mut checks = 0;
    for port in 1..2000 {
        alone.receive(from(port), &request).unwrap();
        let sent = alone.drain();
        checks += sent
            .iter()
            .filter(|(_, bytes)| MessageView::parse(bytes).unwrap().class() == Class::Request)
            .count();
        alone.wait(MS);
    }
    let limit = alone.agent.stats().pairs;
    assert!(limit <= 17, "{limit} pairs");
    // In two seconds: one check of each new pair, and a few retransmissions.
    assert!(checks <= 70, "{checks}");
}

// attack: checks before the description, from ever new ports
#[test]
fn early_checks_are_bounded() {
    let mut alone = Alone::unsignalled(Role::Controlled);
    let request = alone.check().bytes();
    for port in 1..1000 {
        alone.receive(from(port), &request).unwrap();
        assert_eq!(alone.drain().len(), 1);
    }
    alone.agent.set_remote_credentials(alone.now, alone.theirs.clone()).unwrap();
    assert_eq!(alone.agent.stats().pairs, 16);
}

// attack: early checks of somebody else than the peer whose description comes
#[test]
fn early_checks_of_another_peer_are_forgotten() {
    let mut alone = Alone::unsignalled(Role::Controlled);
    let mut request = alone.check();
    let ours = alone.agent.local_credentials().ufrag().to_owned();
    request.username = Some(format!("{ours}:somebodyelse"));
    alone.receive(alone.path, &request.bytes()).unwrap();
    alone.drain();
    alone.agent.set_remote_credentials(alone.now, alone.theirs.clone()).unwrap();
    assert_eq!(alone.agent.stats().pairs, 0);
    assert_eq!(alone.sent(), None);
}

// attack: a description with thousands of candidates
#[test]
fn remote_candidates_and_pairs_are_bounded() {
    let mut config = config(Role::Controlled, 1);
    config.max_pairs = 100;
    let mut alone = Alone::configured(config);
    alone.agent.restart(alone.now).unwrap();
    for n in 2..=5 {
        let local = addr(&format!("203.0.113.{}:5000", 100 + n));
        alone.agent.add_local_address(alone.now, local).unwrap();
    }
    alone.agent.set_remote_credentials(alone.now, alone.theirs.clone()).unwrap();
    let mut refused = 0;
    for port in 1..3000u16 {
        let text = format!("candidate:1 1 udp {port} 203.0.113.2 {port} typ host");
        match alone.agent.add_remote_candidate(alone.now, text.parse().unwrap()) {
            Ok(()) => {}
            Err(CandidateError::LimitReached { limit: 64 }) => refused += 1,
            Err(error) => panic!("{error}"),
        }
    }
    assert_eq!(refused, 2999 - 64);
    assert_eq!(alone.agent.stats().pairs, 100);
    // The best are kept: of 5 x 64 pairs those with the highest priorities.
    let mut ports = Vec::new();
    for _ in 0..50 {
        ports.extend(alone.drain().into_iter().map(|(path, _)| path.remote.port()));
        alone.wait(50 * MS);
    }
    assert!(ports.iter().take(10).all(|port| *port >= 44), "{ports:?}");
}

// attack: voice hammer, a description that names a victim
#[test]
fn a_victim_gets_checks_only_and_few() {
    let mut alone = Alone::new(Role::Controlling);
    let mut bytes = 0;
    for _ in 0..120_000 {
        for (_, datagram) in alone.drain() {
            assert_eq!(MessageView::parse(&datagram).unwrap().class(), Class::Request);
            bytes += datagram.len();
        }
        assert_eq!(alone.agent.selected_path(), None, "no data without consent");
        alone.wait(MS);
    }
    assert!(bytes < 1000, "{bytes}");
}

// attack: a role conflict that never ends
#[test]
fn a_peer_that_always_refuses_our_role_costs_no_more_than_pacing_allows() {
    let mut alone = Alone::new(Role::Controlled);
    let mut requests = 0;
    let end = alone.now + 2 * S;
    while alone.now < end {
        for (path, bytes) in alone.drain() {
            requests += 1;
            let pwd = alone.theirs.pwd().to_owned();
            alone.receive(path, &common::error(&bytes, 487, Some(&pwd))).unwrap();
        }
        alone.wait(MS);
    }
    assert!(requests <= 401, "{requests}");
}

// attack: checks that are never answered, answered by triggered checks without end
#[test]
fn a_peer_that_checks_without_pause_does_not_pile_up_transactions() {
    let mut alone = Alone::new(Role::Controlled);
    let request = alone.check().bytes();
    let mut checks = 0;
    for _ in 0..30_000 {
        alone.receive(alone.path, &request).unwrap();
        checks += alone.drain().len() - 1;
        alone.wait(MS);
    }
    // Eight at most at a time, each of which lasts 39.5 s.
    assert!(checks < 20, "{checks}");
}

// attack: answers pile up because nobody sends
#[test]
fn answers_that_nobody_fetches_are_bounded() {
    let mut alone = Alone::new(Role::Controlled);
    let request = alone.check().bytes();
    let refused = (0..1000).filter(|_| alone.receive(alone.path, &request).is_err()).count();
    assert_eq!(refused, 1000 - 64);
    assert_eq!(alone.receive(alone.path, &request), Err(InputError::TooManyReplies { limit: 64 }));
}

// attack: hostile candidates that point into the machine or the link
#[test]
fn addresses_of_no_single_host_are_no_candidates() {
    let mut alone = Alone::without_candidate(Role::Controlled);
    for (address, expected) in [
        ("127.0.0.1 80", CandidateError::Loopback),
        ("::1 80", CandidateError::Loopback),
        ("::ffff:127.0.0.1 80", CandidateError::Loopback),
        ("0.0.0.0 80", CandidateError::Unusable),
        ("255.255.255.255 80", CandidateError::Unusable),
        ("224.0.0.251 5353", CandidateError::Unusable),
        ("ff02::fb 5353", CandidateError::Unusable),
        ("printer.local 631", CandidateError::Name),
        ("metadata.google.internal 80", CandidateError::Name),
    ] {
        let text = format!("candidate:1 1 udp 100 {address} typ host");
        let added = alone.agent.add_remote_candidate(alone.now, text.parse().unwrap());
        assert_eq!(added, Err(expected), "{address}");
    }
    // Link-local metadata services are on no link that we have a candidate for.
    alone.signal("candidate:1 1 udp 100 169.254.169.254 80 typ host");
    assert_eq!(alone.sent(), None);
    let spoofed = Path::new(addr(A), addr("224.0.0.1:9"));
    let request = alone.check().bytes();
    assert_eq!(alone.receive(spoofed, &request), Err(InputError::UnusableRemoteAddress));
}

#[test]
fn local_addresses_and_servers_are_bounded_and_checked() {
    let mut alone = Alone::unsignalled(Role::Controlled);
    let now = alone.now;
    assert_eq!(alone.agent.add_local_address(now, addr(B)), Err(AddressError::AfterEnd));
    alone.agent.restart(now).unwrap();
    assert_eq!(alone.agent.add_local_address(now, addr(A)), Err(AddressError::Duplicate));
    for bad in ["0.0.0.0:5000", "203.0.113.9:0", "224.0.0.1:5000", "[::]:5000"] {
        let added = alone.agent.add_local_address(now, addr(bad));
        assert_eq!(added, Err(AddressError::Unusable), "{bad}");
    }
    for port in 1..32 {
        alone.agent.add_local_address(now, addr(&format!("203.0.113.5:{port}"))).unwrap();
    }
    assert_eq!(
        alone.agent.add_local_address(now, addr("203.0.113.5:99")),
        Err(AddressError::LimitReached { limit: 32 })
    );
    for host in 1..=8 {
        alone.agent.add_stun_server(now, addr(&format!("192.0.2.{host}:3478"))).unwrap();
    }
    assert_eq!(
        alone.agent.add_stun_server(now, addr("192.0.2.99:3478")),
        Err(AddressError::LimitReached { limit: 8 })
    );
}

#[test]
fn events_that_nobody_fetches_are_bounded() {
    let mut alone = Alone::new(Role::Controlled);
    for _ in 0..500 {
        alone.agent.restart(alone.now).unwrap();
        alone.agent.end_of_local_addresses(alone.now);
        alone.wait(S);
    }
    let events = std::iter::from_fn(|| alone.agent.poll_event()).count();
    assert!(events <= 70, "{events}");
}

#[test]
fn junk_is_refused_without_a_trace() {
    let mut alone = Alone::new(Role::Controlled);
    alone.drain();
    let good = alone.check().bytes();
    for len in 0..good.len() {
        let refused = alone.receive(alone.path, &good[..len]);
        assert_eq!(refused, Err(InputError::Malformed { len }));
    }
    let elsewhere = Path::new(addr(B), addr(A));
    assert_eq!(alone.receive(elsewhere, &good), Err(InputError::UnknownLocalAddress));
    for byte in 0..good.len() {
        let mut damaged = good.clone();
        damaged[byte] ^= 0x41;
        alone.receive(alone.path, &damaged).unwrap_err();
    }
    assert_eq!(alone.sent(), None);
}

#[test]
fn a_buffer_that_is_too_small_loses_nothing() {
    let mut alone = Alone::new(Role::Controlled);
    let mut small = [0; 100];
    let error = alone.agent.poll_output(alone.now, &mut small).unwrap_err();
    assert_eq!(error.need, antiphon_ice::MAX_OUTPUT);
    alone.request();
    assert_eq!(alone.agent.poll_output(alone.now, &mut small), Ok(None));
}
