//! Each cause of failure, provoked, and what `diagnose` says about it.
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
    AddressFilter, Agent, CandidateError, Config, ConnectionState, Credentials, Event, IceFailure,
    LocalAddress, RestartReason, Role, ServerError, ServerErrorKind, TcpType, Trace,
};
use antiphon_testkit::{Pair, start};

use common::{A, Alone, B, Peer, Request, addr, config, connected};

const S: Duration = Duration::from_secs(1);

fn fails_with(pair: &mut Pair<Peer>, time: Duration) -> IceFailure {
    pair.run_for(time);
    let a = &pair.a.machine.0;
    assert_eq!(a.state(), ConnectionState::Failed, "{}", a.diagnose(pair.now()));
    let failure = a.failure().expect("a failed agent says why");
    let told = pair.a.events.iter().rev().find_map(|(_, event)| match event {
        Event::Failed(failure) => Some(*failure),
        _ => None,
    });
    assert_eq!(told, Some(failure), "the event says the same");
    assert_eq!(a.diagnose(pair.now()).causes.first(), Some(&failure));
    assert!(failure.to_string().len() > 10);
    failure
}

fn alone_fails_with(alone: &mut Alone, time: Duration) -> IceFailure {
    for _ in 0..time.as_secs() {
        alone.drain();
        alone.wait(S);
    }
    assert_eq!(alone.agent.state(), ConnectionState::Failed);
    alone.agent.failure().unwrap()
}

fn complete(mut alone: Alone) -> Alone {
    alone.agent.end_of_remote_candidates(alone.now);
    alone
}

#[test]
fn without_addresses_of_ours() {
    let peer = |role, n| Peer::with_address(config(role, n), n, start(), &[]);
    let mut pair = Pair::new(start(), peer(Role::Controlling, 1), peer(Role::Controlled, 2));
    common::signal(&mut pair);
    assert_eq!(fails_with(&mut pair, 45 * S), IceFailure::NoLocalCandidates);
}

#[test]
fn without_candidates_of_the_peer() {
    let mut alone = complete(Alone::without_candidate(Role::Controlled));
    let failure = alone_fails_with(&mut alone, 45 * S);
    assert_eq!(failure, IceFailure::NoRemoteCandidates { ignored: 0 });
    let mut alone = Alone::without_candidate(Role::Controlled);
    let text = "candidate:1 1 udp 2130706431 printer.local 5000 typ host";
    let refused = alone.agent.add_remote_candidate(alone.now, text.parse().unwrap());
    assert_eq!(refused, Err(CandidateError::Name));
    let mut alone = complete(alone);
    let failure = alone_fails_with(&mut alone, 45 * S);
    assert_eq!(failure, IceFailure::NoRemoteCandidates { ignored: 1 });
}

#[test]
fn before_the_description_of_the_peer() {
    let alone = Alone::unsignalled(Role::Controlled);
    let causes = alone.agent.diagnose(alone.now).causes;
    assert_eq!(causes, [IceFailure::NoRemoteDescription]);
}

// attack: a hostile description names addresses inside the network
#[test]
fn with_candidates_that_the_filter_keeps_out() {
    let mut config = config(Role::Controlled, 1);
    config.remote_filter = Some(AddressFilter::new(|addr| addr.ip() != common::addr(B).ip()));
    let mut alone = Alone::configured(config);
    alone.agent.set_remote_credentials(alone.now, alone.theirs.clone()).unwrap();
    let text = "candidate:1 1 udp 2130706431 203.0.113.2 5000 typ host";
    let refused = alone.agent.add_remote_candidate(alone.now, text.parse().unwrap());
    assert_eq!(refused, Err(CandidateError::Filtered));
    // What the peer sends from there gets no answer either, authentic or not.
    let check = alone.check().bytes();
    assert!(alone.receive(alone.path, &check).is_err());
    assert_eq!(alone.sent(), None);
    let failure = alone_fails_with(&mut complete(alone), 45 * S);
    assert_eq!(failure, IceFailure::AllFiltered { filtered: 1 });
}

#[test]
fn without_a_common_address_family() {
    let mut alone = Alone::without_candidate(Role::Controlled);
    alone.signal("candidate:1 1 udp 2130706431 2001:db8::1 5000 typ host");
    let failure = alone_fails_with(&mut complete(alone), 45 * S);
    assert_eq!(failure, IceFailure::NoCommonFamily { local: (1, 0), remote: (0, 1) });
}

#[test]
fn without_a_candidate_that_fits() {
    let mut config = config(Role::Controlled, 1);
    config.tcp = true;
    let mut alone = Alone::configured(config);
    alone.agent.set_remote_credentials(alone.now, alone.theirs.clone()).unwrap();
    alone.signal("candidate:1 1 tcp 2105524479 203.0.113.2 9 typ host tcptype active");
    let failure = alone_fails_with(&mut complete(alone), 45 * S);
    assert_eq!(failure, IceFailure::NothingPairable { local: 1, remote: 1 });
}

#[test]
fn with_names_that_nobody_knows() {
    let mut alone = Alone::without_candidate(Role::Controlled);
    let name = "1f4712db-ea17-4bcf-a596-105139dfd8bf.local";
    alone.signal(&format!("candidate:1 1 udp 2130706431 {name} 5000 typ host"));
    alone.agent.name_resolved(alone.now, name, None);
    let failure = alone_fails_with(&mut complete(alone), 45 * S);
    assert_eq!(failure, IceFailure::MdnsUnresolved { names: 1, failed: 1 });
}

#[test]
fn when_no_check_is_answered() {
    let mut pair = common::strangers(start());
    common::signal(&mut pair);
    pair.drop_when(|_| true);
    let failure = fails_with(&mut pair, 60 * S);
    assert_eq!(failure, IceFailure::AllChecksTimedOut { pairs: 1, requests: 7 });
    let causes = pair.a.machine.0.diagnose(pair.now()).causes;
    assert!(causes.contains(&IceFailure::RemoteNeverChecked { requests: 7 }), "{causes:?}");
}

#[test]
fn when_the_network_drops_udp() {
    let server = |role, n| {
        let mut config = config(role, n);
        config.stun_servers = vec![addr("192.0.2.99:3478")];
        config
    };
    let (a, b) = (server(Role::Controlling, 1), server(Role::Controlled, 2));
    let mut pair = common::strangers_with(start(), a, b);
    common::signal(&mut pair);
    pair.drop_when(|_| true);
    let failure = fails_with(&mut pair, 60 * S);
    assert_eq!(failure, IceFailure::UdpBlocked { queries: 1, requests: 7 });
    let causes = pair.a.machine.0.diagnose(pair.now()).causes;
    assert!(causes.contains(&IceFailure::StunServerUnreachable { queries: 1 }), "{causes:?}");
}

#[test]
fn when_only_one_direction_works() {
    let mut pair = common::strangers(start());
    common::signal(&mut pair);
    pair.drop_when(|datagram| datagram.from == 0);
    let failure = fails_with(&mut pair, 90 * S);
    assert!(
        matches!(failure, IceFailure::OneWay { received, unanswered } if received >= 7 && unanswered >= 7),
        "{failure:?}"
    );
}

#[test]
fn when_the_peer_reaches_us_but_named_no_candidates() {
    let mut pair = common::strangers(start());
    common::exchange_credentials(&mut pair);
    let now = pair.now();
    let of_a = common::candidates(&pair.a.machine);
    of_a.iter().for_each(|text| common::add(&mut pair.b.machine, now, text));
    pair.a.machine.0.end_of_remote_candidates(now);
    pair.drop_when(|datagram| datagram.from == 0);
    let failure = fails_with(&mut pair, 90 * S);
    assert!(matches!(failure, IceFailure::OnlyOneSideTrickled { .. }), "{failure:?}");
}

#[test]
fn when_descriptions_do_not_belong_together() {
    // Each has a description of the other that was replaced since.
    let mut pair = common::strangers(start());
    let now = pair.now();
    let stale = || Credentials::new("stale", &"s".repeat(24)).unwrap();
    pair.a.machine.0.set_remote_credentials(now, stale()).unwrap();
    pair.b.machine.0.set_remote_credentials(now, stale()).unwrap();
    let host = |ip: u8| format!("candidate:1 1 udp 2130706431 203.0.113.{ip} 5000 typ host");
    common::add(&mut pair.a.machine, now, &host(2));
    common::add(&mut pair.b.machine, now, &host(1));
    pair.a.machine.0.end_of_remote_candidates(now);
    pair.b.machine.0.end_of_remote_candidates(now);
    let failure = fails_with(&mut pair, 60 * S);
    assert!(
        matches!(failure, IceFailure::UfragMismatch { received: 1.., refused: 1.. }),
        "{failure:?}"
    );
}

#[test]
fn when_only_the_answerer_has_the_old_description() {
    let mut pair = common::strangers(start());
    let now = pair.now();
    let of_b = common::credentials(&pair.b.machine);
    pair.a.machine.0.set_remote_credentials(now, of_b).unwrap();
    let stale = Credentials::new("stale", &"s".repeat(24)).unwrap();
    pair.b.machine.0.set_remote_credentials(now, stale).unwrap();
    common::add(&mut pair.a.machine, now, &common::candidates(&pair.b.machine)[0]);
    pair.run_for(6 * S);
    let causes = pair.b.machine.0.diagnose(pair.now()).causes;
    let mismatch =
        |cause: &IceFailure| matches!(cause, IceFailure::UfragMismatch { received: 1.., .. });
    assert!(causes.iter().any(mismatch), "{causes:?}");
}

#[test]
fn when_the_passwords_differ() {
    let mut pair = common::strangers(start());
    let now = pair.now();
    let wrong =
        |credentials: Credentials| Credentials::new(credentials.ufrag(), &"w".repeat(24)).unwrap();
    let (of_a, of_b) = (common::credentials(&pair.a.machine), common::credentials(&pair.b.machine));
    pair.a.machine.0.set_remote_credentials(now, wrong(of_b)).unwrap();
    pair.b.machine.0.set_remote_credentials(now, wrong(of_a)).unwrap();
    common::exchange_candidates(&mut pair);
    let failure = fails_with(&mut pair, 60 * S);
    assert!(matches!(failure, IceFailure::IntegrityMismatch { requests: 1.., .. }), "{failure:?}");
    let refusals = pair
        .a
        .machine
        .0
        .trace_entries()
        .filter(|entry| matches!(entry.what, Trace::Refused { ufrag_known: true, .. }));
    assert_eq!(refusals.count(), 2, "the trace has the first two of them");
}

// attack: a peer that never agrees on the roles
#[test]
fn when_the_roles_are_never_settled() {
    let mut alone = Alone::new(Role::Controlling);
    for _ in 0..400 {
        for (path, bytes) in alone.drain() {
            let conflict = common::error(&bytes, 487, Some(alone.theirs.pwd()));
            let _ = alone.receive(path, &conflict);
        }
        alone.wait(Duration::from_millis(50));
    }
    let causes = alone.agent.diagnose(alone.now).causes;
    assert!(
        matches!(causes.first(), Some(IceFailure::RoleConflictLoop { conflicts: 8.. })),
        "{causes:?}"
    );
}

#[test]
fn when_consent_is_lost() {
    let mut pair = connected(start());
    pair.drop_when(|_| true);
    pair.run_for(10 * S);
    let now = pair.now();
    let early = pair.a.machine.0.diagnose(now);
    assert_eq!(early.state, ConnectionState::Disconnected);
    assert!(matches!(early.causes[0], IceFailure::ConsentLost { silent } if silent >= 7 * S));
    assert_eq!(fails_with(&mut pair, 30 * S), IceFailure::ConsentLost { silent: 30 * S });
    let advised = pair
        .a
        .events
        .iter()
        .any(|(_, event)| *event == Event::RestartAdvised(RestartReason::PathLost));
    assert!(advised);
}

#[test]
fn when_the_address_in_use_goes_away() {
    let mut pair = connected(start());
    let now = pair.now();
    pair.a.machine.0.remove_local_address(now, addr(A));
    assert_eq!(fails_with(&mut pair, S), IceFailure::LocalAddressLost);
}

#[test]
fn when_a_nomination_is_refused() {
    let mut alone = Alone::new(Role::Controlling);
    let (path, check) = alone.request();
    alone.answer(path, &check).unwrap();
    let (path, nomination) = alone.request();
    let refused = common::error(&nomination, 400, Some(alone.theirs.pwd()));
    alone.receive(path, &refused).unwrap();
    assert_eq!(alone.agent.failure(), Some(IceFailure::NominationFailed { count: 1 }));
}

#[test]
fn when_nobody_nominates() {
    let mut alone = Alone::new(Role::Controlled);
    for _ in 0..10 {
        for (path, bytes) in alone.drain() {
            alone.answer(path, &bytes).unwrap();
        }
        alone.wait(S);
    }
    let causes = alone.agent.diagnose(alone.now).causes;
    assert_eq!(causes, [IceFailure::NeverNominated { waiting: 10 * S }]);
}

#[test]
fn when_the_network_says_that_nobody_is_there() {
    let mut alone = complete(Alone::new(Role::Controlled));
    let (path, _) = alone.request();
    alone.agent.path_unreachable(alone.now, path);
    let failure = alone_fails_with(&mut alone, 45 * S);
    assert_eq!(failure, IceFailure::Unreachable { count: 1 });
}

// attack: forged network errors end a connection that works
#[test]
fn network_errors_end_no_pair_that_works() {
    let mut alone = common::nominated(Role::Controlling);
    alone.agent.path_unreachable(alone.now, alone.path);
    assert_eq!(alone.agent.selected_path(), Some(alone.path));
}

#[test]
fn when_no_tcp_connection_opens() {
    let mut config = config(Role::Controlling, 1);
    config.tcp = true;
    let now = start();
    let mut agent = Agent::new(config, [1; 32], now).unwrap();
    agent
        .add_local_address(now, LocalAddress::tcp(addr("203.0.113.1:9"), TcpType::Active))
        .unwrap();
    agent.end_of_local_addresses(now);
    agent.set_remote_credentials(now, Credentials::new("peer", &"p".repeat(22)).unwrap()).unwrap();
    let text = "candidate:1 1 tcp 2105458943 203.0.113.2 5000 typ host tcptype passive";
    agent.add_remote_candidate(now, text.parse().unwrap()).unwrap();
    agent.end_of_remote_candidates(now);
    let mut buf = [0; antiphon_ice::MAX_OUTPUT];
    assert_eq!(agent.poll_output(now, &mut buf).unwrap(), None);
    let connect = std::iter::from_fn(|| agent.poll_event()).find_map(|event| match event {
        Event::Connect { path, simultaneous: false } => Some(path),
        _ => None,
    });
    agent.connection_failed(now, connect.expect("a connection is wanted"));
    agent.handle_timeout(now + 45 * S);
    assert_eq!(agent.failure(), Some(IceFailure::TcpConnectFailed { count: 1 }));
}

#[test]
fn errors_of_turn_servers_are_the_cause_when_nothing_else_works() {
    let server = Some(addr("192.0.2.50:3478"));
    let kinds = [
        (
            ServerErrorKind::Unauthorized { code: 401 },
            IceFailure::TurnUnauthorized { server, code: 401 },
        ),
        (ServerErrorKind::Forbidden, IceFailure::TurnForbidden { server }),
        (ServerErrorKind::QuotaReached, IceFailure::TurnQuota { server }),
        (ServerErrorKind::Unreachable, IceFailure::TurnUnreachable { server }),
        (ServerErrorKind::TimedOut, IceFailure::TurnUnreachable { server }),
        (ServerErrorKind::TlsFailed, IceFailure::TlsFailed { server }),
        (ServerErrorKind::DnsFailed, IceFailure::DnsFailed),
        (ServerErrorKind::Other { code: 442 }, IceFailure::TurnError { server, code: 442 }),
    ];
    for (kind, expected) in kinds {
        let mut pair = common::strangers(start());
        common::signal(&mut pair);
        pair.drop_when(|_| true);
        let now = pair.now();
        pair.a.machine.0.report_server_error(now, ServerError { server, kind });
        assert_eq!(fails_with(&mut pair, 60 * S), expected);
        // Where it works all the same it is no cause of anything.
        let mut pair = connected(start());
        let now = pair.now();
        pair.a.machine.0.report_server_error(now, ServerError { server, kind });
        assert_eq!(pair.a.machine.0.diagnose(now).causes, []);
        assert_eq!(pair.a.machine.0.failure(), None);
    }
}

#[test]
fn what_takes_long_is_said_before_it_fails() {
    let mut pair = common::strangers(start());
    common::signal(&mut pair);
    pair.drop_when(|_| true);
    pair.run_for(6 * S);
    let diagnosis = pair.a.machine.0.diagnose(pair.now());
    assert_eq!(diagnosis.state, ConnectionState::Checking);
    let told: Vec<_> = diagnosis.causes.iter().map(ToString::to_string).collect();
    assert!(diagnosis.causes.contains(&IceFailure::TakesLong { since: 6 * S, pending: 1 }));
    assert!(told.iter().any(|cause| cause.contains("4 requests on 1 pairs")), "{told:?}");
    assert!(diagnosis.to_string().contains("1 being checked"), "{diagnosis}");
}

// attack: strangers fill the trace, or make us believe that descriptions do not match
#[test]
fn strangers_leave_two_lines_and_are_no_cause_once_the_peer_answers() {
    let mut alone = Alone::new(Role::Controlled);
    let forged = Request { pwd: Some("x".repeat(22)), ..alone.check() }.bytes();
    for _ in 0..1000 {
        let _ = alone.receive(alone.path, &forged);
    }
    assert!(alone.agent.trace_entries().count() < 10);
    for (path, bytes) in alone.drain() {
        if common::class(&bytes) == antiphon_stun::Class::Request {
            alone.answer(path, &bytes).unwrap();
        }
    }
    assert_eq!(alone.agent.diagnose(alone.now).causes, []);
}

#[test]
fn the_trace_is_bounded_and_tells_the_story_in_order() {
    let mut config = config(Role::Controlling, 1);
    config.max_trace = 20;
    let other = Config::new(common::provider(2), Role::Controlled);
    let mut pair = common::strangers_with(start(), config, other);
    common::signal(&mut pair);
    pair.run_for(S);
    let trace: Vec<_> = pair.a.machine.0.trace_entries().map(|entry| entry.what).collect();
    let place = |wanted: fn(&Trace) -> bool| trace.iter().position(wanted).unwrap();
    let sent = place(|what| matches!(what, Trace::CheckSent { .. }));
    let succeeded = place(|what| matches!(what, Trace::CheckSucceeded { .. }));
    let nominated = place(|what| matches!(what, Trace::Nominated { .. }));
    assert!(sent < succeeded && succeeded < nominated, "{trace:#?}");
    for _ in 0..100 {
        let now = pair.now();
        pair.a.machine.0.restart(now).unwrap();
    }
    assert_eq!(pair.a.machine.0.trace_entries().count(), 20);
}
