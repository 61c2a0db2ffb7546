//! Two agents on a simulated network.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "a failed expectation is a failed test"
)]

mod common;

use std::net::IpAddr;
use std::time::Duration;

use antiphon_ice::{CandidateKind, ConnectionState, Event, Path, Role};
use antiphon_testkit::netem::{NatConfig, Netem, Realm};
use antiphon_testkit::{Pair, seed, start};

use common::{A, B, Peer, StunServer, Trickle, addr, config, connected, state, when};

const MS: Duration = Duration::from_millis(1);
const S: Duration = Duration::from_secs(1);

fn roles(pair: &Pair<Peer>) -> [Role; 2] {
    [pair.a.machine.0.role(), pair.b.machine.0.role()]
}

//= rfc8445#14.2
//= type=test
#[test]
fn without_delay_data_can_flow_at_once_and_the_nomination_keeps_the_floor() {
    let mut pair = common::strangers(start());
    common::signal(&mut pair);
    pair.exchange();
    assert_eq!(state(&pair), [ConnectionState::Connected; 2]);
    assert_eq!(pair.elapsed(), Duration::ZERO);
    pair.run_for(5 * MS);
    assert_eq!(state(&pair), [ConnectionState::Completed; 2]);
    assert!(pair.a.machine.0.stats().selected.unwrap().nominated);
    assert!(pair.b.machine.0.stats().selected.unwrap().nominated);
    assert_eq!(pair.a.errors, []);
    assert_eq!(pair.b.errors, []);
}

#[test]
fn data_can_flow_after_one_round_trip_and_the_pair_is_nominated_after_two() {
    let mut pair = common::strangers(start()).with_delay(50 * MS);
    common::signal(&mut pair);
    pair.run_for(S);
    for events in [&pair.a.events, &pair.b.events] {
        assert_eq!(when(events, ConnectionState::Connected), Some(100 * MS));
    }
    assert_eq!(when(&pair.a.events, ConnectionState::Completed), Some(200 * MS));
    assert_eq!(when(&pair.b.events, ConnectionState::Completed), Some(150 * MS));
    assert_eq!(pair.a.machine.0.selected_path(), Some(Path::new(addr(A), addr(B))));
    assert_eq!(pair.a.machine.0.round_trip(), Some(100 * MS));
}

#[test]
fn loss_and_reordering_delay_but_do_not_prevent_a_connection() {
    for percent in [0, 5, 10, 20, 30] {
        for run in 0..6 {
            let net = {
                let mut net = Netem::new(seed(run));
                net.add_host(Realm::PUBLIC, &["203.0.113.1".parse().unwrap()]);
                net.add_host(Realm::PUBLIC, &["203.0.113.2".parse().unwrap()]);
                net
            };
            let a = Peer::with_address(config(Role::Controlling, 1), 1, start(), &[A]);
            let b = Peer::with_address(config(Role::Controlled, 2), 2, start(), &[B]);
            let mut pair = Pair::on(net, start(), a, b).with_delay(30 * MS);
            for host in [0, 1] {
                let link = pair.uplink(host);
                link.loss = f64::from(percent) / 100.0;
                link.reorder = 0.1;
                link.duplicate = 0.05;
                link.jitter = 20 * MS;
            }
            common::signal(&mut pair);
            let done =
                pair.run_while(40 * S, |pair| state(pair) != [ConnectionState::Completed; 2]);
            assert!(done, "{percent} % loss, run {run}: {:?}", state(&pair));
            if percent > 10 {
                continue; // six answers in a row may be lost, and consent with them
            }
            pair.run_for(300 * S);
            assert!(pair.a.machine.0.selected_path().is_some(), "{percent} % loss, run {run}");
            assert!(pair.b.machine.0.selected_path().is_some(), "{percent} % loss, run {run}");
        }
    }
}

#[test]
fn a_lost_packet_now_and_then_is_no_disconnection() {
    let mut pair = connected(start());
    pair.uplink(0).loss = 0.01;
    pair.uplink(1).loss = 0.01;
    let before = [pair.a.events.len(), pair.b.events.len()];
    pair.run_for(1800 * S);
    assert_eq!([pair.a.events.len(), pair.b.events.len()], before);
}

//= rfc8445#7.3.1.1
//= type=test
#[test]
fn both_claiming_one_role_end_up_with_different_ones() {
    for role in [Role::Controlling, Role::Controlled] {
        for delay in [Duration::ZERO, 10 * MS, 200 * MS] {
            let mut pair =
                common::strangers_with(start(), config(role, 1), config(role, 2)).with_delay(delay);
            common::signal(&mut pair);
            pair.run_for(5 * S);
            assert_eq!(state(&pair), [ConnectionState::Completed; 2], "{role:?} {delay:?}");
            let [a, b] = roles(&pair);
            assert_eq!(a, b.opposite(), "{role:?} {delay:?}");
        }
    }
}

#[test]
fn a_role_conflict_is_settled_under_loss_too() {
    for run in 0..20 {
        let a = config(Role::Controlling, run + 10);
        let b = config(Role::Controlling, run + 50);
        let mut pair = common::strangers_with(start(), a, b).with_delay(40 * MS);
        pair.uplink(0).loss = 0.2;
        pair.uplink(1).loss = 0.2;
        common::signal(&mut pair);
        pair.run_while(40 * S, |pair| state(pair) != [ConnectionState::Completed; 2]);
        let [a, b] = roles(&pair);
        assert_eq!(a, b.opposite(), "run {run}");
        assert_eq!(state(&pair), [ConnectionState::Completed; 2], "run {run}");
    }
}

/// Two agents behind NATs, and a STUN server.
fn behind(nats: [Option<NatConfig>; 2]) -> Pair<Peer> {
    let mut net = Netem::new(seed(7));
    let mut inside = Vec::new();
    for (index, nat) in nats.into_iter().enumerate() {
        let outer: IpAddr = format!("198.51.100.{}", index + 1).parse().unwrap();
        let (realm, ip) = match nat {
            Some(nat) => (net.add_nat(Realm::PUBLIC, nat, outer), format!("10.0.{index}.5")),
            None => (Realm::PUBLIC, format!("203.0.113.{}", index + 1)),
        };
        net.add_host(realm, &[ip.parse().unwrap()]);
        inside.push(format!("{ip}:5000"));
    }
    let server = net.add_host(Realm::PUBLIC, &["192.0.2.99".parse().unwrap()]);
    let peer = |role, number: u8| {
        let mut config = config(role, number);
        config.stun_servers = vec![addr("192.0.2.99:3478")];
        Peer::with_address(config, number, start(), &[&inside[usize::from(number) - 1]])
    };
    let (a, b) = (peer(Role::Controlling, 1), peer(Role::Controlled, 2));
    let mut pair = Pair::on(net, start(), a, b).with_delay(15 * MS);
    pair.attach(server, Box::new(StunServer::default()));
    common::exchange_credentials(&mut pair);
    pair
}

#[test]
fn all_nats_but_two_symmetric_ones_let_the_agents_meet() {
    let kinds = [
        ("none", None),
        ("full cone", Some(NatConfig::full_cone())),
        ("address restricted", Some(NatConfig::address_restricted())),
        ("port restricted", Some(NatConfig::port_restricted())),
        ("symmetric", Some(NatConfig::symmetric())),
    ];
    for (left, left_nat) in kinds {
        for (right, right_nat) in kinds {
            let hopeless = [(left, right), (right, left)].iter().any(|(one, other)| {
                *one == "symmetric" && ["symmetric", "port restricted"].contains(other)
            });
            let mut pair = behind([left_nat, right_nat]);
            let mut trickle = Trickle::new();
            trickle.run_for(&mut pair, 4 * S);
            let expected =
                if hopeless { ConnectionState::Checking } else { ConnectionState::Connected };
            assert_eq!(state(&pair), [expected; 2], "{left} and {right}");
            if hopeless {
                continue;
            }
            let selected = pair.a.machine.0.stats().selected.unwrap();
            assert!(selected.nominated, "{left} and {right}");
            if left != "none" {
                assert_ne!(selected.local_kind, CandidateKind::Host, "{left} and {right}");
            }
        }
    }
}

//= rfc8863#4
//= type=test
#[test]
fn without_a_path_the_agents_give_up_but_not_before_the_pac_timer() {
    let mut pair = behind([Some(NatConfig::symmetric()), Some(NatConfig::symmetric())]);
    let mut trickle = Trickle::new();
    trickle.run_for(&mut pair, 2 * S);
    let now = pair.now();
    pair.a.machine.0.end_of_remote_candidates(now);
    pair.b.machine.0.end_of_remote_candidates(now);
    pair.run_for(100 * S);
    assert_eq!(state(&pair), [ConnectionState::Failed; 2]);
    for events in [&pair.a.events, &pair.b.events] {
        let failed = when(events, ConnectionState::Failed).unwrap();
        assert!(failed >= 39 * S + 500 * MS, "{failed:?}");
        assert!(failed < 45 * S, "{failed:?}");
    }
}

#[test]
fn reflexive_candidates_name_their_base_and_outlive_the_nats_patience() {
    let nat = NatConfig { mapping_lifetime: 30 * S, ..NatConfig::full_cone() };
    let mut pair = behind([Some(nat), None]);
    pair.run_for(200 * S); // nobody signals for a long time
    let reflexive: Vec<_> = pair
        .a
        .machine
        .0
        .local_candidates()
        .filter(|candidate| candidate.kind == CandidateKind::ServerReflexive)
        .collect();
    assert_eq!(reflexive.len(), 1);
    assert_eq!(reflexive[0].related, Some(addr("10.0.0.5:5000")));
    let outside = reflexive[0].addr.socket_addr().unwrap();
    assert_eq!(outside.ip(), "198.51.100.1".parse::<IpAddr>().unwrap());
    // The binding is the same one still.
    common::exchange_candidates(&mut pair);
    pair.run_for(2 * S);
    assert_eq!(pair.b.machine.0.selected_path().unwrap().remote, outside);
}

#[test]
fn any_order_of_signalling_leads_to_a_connection() {
    let orders: [&[usize]; 6] =
        [&[0, 1, 2, 3], &[3, 2, 1, 0], &[2, 3, 0, 1], &[0, 2, 1, 3], &[1, 3, 0, 2], &[2, 0, 3, 1]];
    for order in orders {
        let mut pair = common::strangers(start()).with_delay(20 * MS);
        for step in order {
            let now = pair.now();
            let (a, b) = (&mut pair.a.machine, &mut pair.b.machine);
            let (of_a, of_b) = (common::credentials(a), common::credentials(b));
            match step {
                0 => a.0.set_remote_credentials(now, of_b).unwrap(),
                1 => b.0.set_remote_credentials(now, of_a).unwrap(),
                2 => common::candidates(b).iter().for_each(|text| common::add(a, now, text)),
                _ => common::candidates(a).iter().for_each(|text| common::add(b, now, text)),
            }
            pair.run_for(30 * MS);
        }
        pair.run_for(S);
        assert_eq!(state(&pair), [ConnectionState::Connected; 2], "{order:?}");
        assert!(pair.a.machine.0.stats().selected.unwrap().nominated, "{order:?}");
    }
}

//= rfc8445#7.3
//= type=test
#[test]
fn checks_that_overtake_the_answer_are_answered_and_used() {
    let mut pair = common::strangers(start()).with_delay(20 * MS);
    let now = pair.now();
    let of_a = common::credentials(&pair.a.machine);
    pair.b.machine.0.set_remote_credentials(now, of_a).unwrap();
    for text in common::candidates(&pair.a.machine) {
        common::add(&mut pair.b.machine, now, &text);
    }
    pair.run_for(300 * MS);
    // The answerer is connected before the offerer has its answer.
    assert_eq!(state(&pair), [ConnectionState::New, ConnectionState::Connected]);
    assert!(pair.a.machine.0.may_receive_from(Path::new(addr(A), addr(B))));
    assert_eq!(pair.a.machine.0.selected_path(), None);
    // The answer has no candidates; the checks that came early are enough.
    let (now, of_b) = (pair.now(), common::credentials(&pair.b.machine));
    pair.a.machine.0.set_remote_credentials(now, of_b).unwrap();
    pair.run_for(300 * MS);
    assert_eq!(state(&pair), [ConnectionState::Connected; 2]);
    assert_eq!(
        pair.a.machine.0.stats().selected.unwrap().remote_kind,
        CandidateKind::PeerReflexive
    );
}

#[test]
fn a_second_address_is_used_when_the_first_leads_nowhere() {
    let mut net = Netem::new(seed(3));
    let ips = ["203.0.113.1", "192.168.7.1", "203.0.113.2", "192.168.9.1"]
        .map(|ip| ip.parse::<IpAddr>().unwrap());
    net.add_host(Realm::PUBLIC, &ips[..1]);
    net.add_host(Realm::PUBLIC, &ips[2..3]);
    let a = Peer::with_address(config(Role::Controlling, 1), 1, start(), &["203.0.113.1:5000"]);
    let mut pair = Pair::on(
        net,
        start(),
        a,
        Peer::with_address(config(Role::Controlled, 2), 2, start(), &["203.0.113.2:5000"]),
    )
    .with_delay(10 * MS);
    let now = pair.now();
    // The best candidate of each side does not exist.
    let ghost = "candidate:9 1 udp 2130706431 203.0.113.77 9000 typ host";
    common::add(&mut pair.a.machine, now, ghost);
    common::add(&mut pair.b.machine, now, ghost);
    common::exchange_credentials(&mut pair);
    common::add(&mut pair.a.machine, now, "candidate:8 1 udp 2130706175 203.0.113.2 5000 typ host");
    common::add(&mut pair.b.machine, now, "candidate:8 1 udp 2130706175 203.0.113.1 5000 typ host");
    pair.run_for(S);
    assert_eq!(state(&pair), [ConnectionState::Connected; 2]);
    // Better pairs were still being checked, so nomination took its short wait.
    let selected = pair.a.machine.0.stats().selected.unwrap();
    assert!(selected.nominated);
    assert_eq!(selected.path.remote, addr(B));
}

#[test]
fn data_keeps_its_path_during_a_restart_until_the_new_one_is_nominated() {
    let mut pair = connected(start());
    let old = [common::credentials(&pair.a.machine), common::credentials(&pair.b.machine)];
    let path = pair.a.machine.0.selected_path();
    let check = |pair: &Pair<Peer>| {
        assert_eq!(pair.a.machine.0.selected_path(), path);
        assert!(pair.b.machine.0.selected_path().is_some());
        assert_ne!(pair.a.machine.0.state(), ConnectionState::Checking);
    };
    let now = pair.now();
    pair.a.machine.0.restart(now).unwrap();
    pair.a.machine.0.end_of_local_addresses(now);
    // The offer takes 40 seconds; consent goes on.
    for _ in 0..400 {
        pair.run_for(100 * MS);
        check(&pair);
    }
    let now = pair.now();
    pair.b.machine.0.restart(now).unwrap();
    pair.b.machine.0.end_of_local_addresses(now);
    common::signal(&mut pair);
    for _ in 0..100 {
        pair.run_for(10 * MS);
        check(&pair);
    }
    assert_eq!(state(&pair), [ConnectionState::Completed; 2]);
    let new = [common::credentials(&pair.a.machine), common::credentials(&pair.b.machine)];
    assert!(
        old.iter().zip(&new).all(|(old, new)| old.ufrag() != new.ufrag() && old.pwd() != new.pwd())
    );
    // Nothing of the old generation remains, and consent goes on with the new one.
    pair.run_for(300 * S);
    assert_eq!(state(&pair), [ConnectionState::Completed; 2]);
    assert_eq!(pair.a.errors, []);
    assert_eq!(pair.b.errors, []);
}

#[test]
fn a_restart_that_is_taken_back_leaves_the_agreed_generation() {
    let mut pair = connected(start());
    assert!(!pair.a.machine.0.take_back_restart(start()), "there was none");
    let path = pair.a.machine.0.selected_path();
    let old = common::credentials(&pair.a.machine);
    let now = pair.now();
    // Twice in one offer is one step back.
    for _ in 0..2 {
        pair.a.machine.0.restart(now).unwrap();
        pair.a.machine.0.end_of_local_addresses(now);
        pair.run_for(100 * MS);
    }
    let now = pair.now();
    assert!(pair.a.machine.0.take_back_restart(now));
    assert!(!pair.a.machine.0.take_back_restart(now));
    assert_eq!(common::credentials(&pair.a.machine), old);
    pair.run_for(300 * S);
    assert_eq!(pair.a.machine.0.selected_path(), path);
    assert_eq!(state(&pair), [ConnectionState::Completed; 2]);
}

#[test]
fn a_restart_finds_a_new_way_after_the_network_has_changed() {
    let mut pair = connected(start());
    let elsewhere = "203.0.113.9";
    pair.net().move_host(0, Realm::PUBLIC, &[elsewhere.parse().unwrap()]);
    let now = pair.now();
    let (a, b) = (&mut pair.a.machine.0, &mut pair.b.machine.0);
    a.remove_local_address(now, addr(A));
    assert_eq!(a.selected_path(), None);
    assert_eq!(a.state(), ConnectionState::Failed);
    a.restart(now).unwrap();
    a.add_local_address(now, addr("203.0.113.9:6000")).unwrap();
    a.end_of_local_addresses(now);
    b.restart(now).unwrap();
    b.end_of_local_addresses(now);
    common::signal(&mut pair);
    pair.run_for(S);
    assert_eq!(state(&pair), [ConnectionState::Completed; 2]);
    assert_eq!(pair.b.machine.0.selected_path().unwrap().remote, addr("203.0.113.9:6000"));
}

//= rfc7675#5.1
//= type=test
#[test]
fn consent_ends_thirty_seconds_after_the_last_answer() {
    let mut pair = connected(start());
    let silence = pair.elapsed();
    pair.drop_when(|datagram| datagram.from == 1);
    pair.run_for(120 * S);
    let a = &pair.a.machine.0;
    assert_eq!((a.state(), a.selected_path()), (ConnectionState::Failed, None));
    let disconnected = when(&pair.a.events, ConnectionState::Disconnected).unwrap() - silence;
    let failed = when(&pair.a.events, ConnectionState::Failed).unwrap() - silence;
    assert!((4 * S..8 * S).contains(&disconnected), "{disconnected:?}");
    assert!((24 * S..=30 * S).contains(&failed), "{failed:?}");
    // b hears a all the time, but no answers: that is no consent.
    assert_eq!(pair.b.machine.0.selected_path(), None);
    // Nobody comes back without a restart.
    pair.clear_drop_rules();
    pair.run_for(120 * S);
    assert_eq!(state(&pair), [ConnectionState::Failed; 2]);
}

#[test]
fn a_pause_of_twenty_seconds_is_a_disconnection_that_passes() {
    let mut pair = connected(start());
    let from = pair.elapsed();
    for host in [0, 1] {
        pair.uplink(host).blackouts.push(from..from + 20 * S);
    }
    pair.run_for(60 * S);
    assert_eq!(state(&pair), [ConnectionState::Completed; 2]);
    for events in [&pair.a.events, &pair.b.events] {
        assert!(when(events, ConnectionState::Disconnected).is_some());
        assert!(when(events, ConnectionState::Failed).is_none());
    }
}

//= rfc7675#5.1
//= type=test
#[test]
fn half_an_hour_of_consent_takes_a_request_every_five_seconds() {
    let mut pair = connected(start());
    let before = pair.a.machine.0.stats().counters.consent_requests_sent;
    pair.run_for(1800 * S);
    let sent = pair.a.machine.0.stats().counters.consent_requests_sent - before;
    assert!((330..=390).contains(&sent), "{sent}");
    assert_eq!(state(&pair), [ConnectionState::Completed; 2]);
}

#[test]
fn an_answerer_that_waited_too_long_comes_back_when_the_offerer_checks() {
    // Signalling by hand: the answer takes five minutes.
    let mut pair = common::strangers(start()).with_delay(20 * MS);
    let now = pair.now();
    let of_a = common::credentials(&pair.a.machine);
    pair.uplink(1).blackouts.push(Duration::ZERO..299 * S); // a's NAT drops what is unasked for
    pair.b.machine.0.set_remote_credentials(now, of_a).unwrap();
    for text in common::candidates(&pair.a.machine) {
        common::add(&mut pair.b.machine, now, &text);
    }
    pair.b.machine.0.end_of_remote_candidates(now);
    pair.run_for(300 * S);
    assert_eq!(pair.b.machine.0.state(), ConnectionState::Failed);
    let (now, of_b) = (pair.now(), common::credentials(&pair.b.machine));
    pair.a.machine.0.set_remote_credentials(now, of_b).unwrap();
    for text in common::candidates(&pair.b.machine) {
        common::add(&mut pair.a.machine, now, &text);
    }
    pair.run_for(2 * S);
    assert!(pair.a.machine.0.selected_path().is_some());
    assert_eq!(pair.b.machine.0.state(), ConnectionState::Completed);
}

#[test]
fn the_same_seed_gives_the_same_run() {
    let run = || {
        let mut pair = common::strangers(start()).with_delay(20 * MS);
        pair.uplink(0).loss = 0.3;
        common::signal(&mut pair);
        pair.run_for(60 * S);
        (pair.a.events, pair.b.events)
    };
    assert_eq!(run(), run());
}

#[test]
fn gathering_reports_a_dead_server_and_completes_without_it() {
    let mut config = config(Role::Controlling, 1);
    config.stun_servers = vec![addr("192.0.2.200:3478")];
    let a = Peer::with_address(config, 1, start(), &[A]);
    let b = Peer::with_address(common::config(Role::Controlled, 2), 2, start(), &[B]);
    let mut pair = Pair::new(start(), a, b);
    pair.run_for(60 * S);
    let failed = pair.a.events.iter().find(|(_, e)| matches!(e, Event::StunServerError { .. }));
    assert_eq!(failed.unwrap().0, 39 * S + 500 * MS);
    assert_eq!(pair.a.machine.0.gathering_state(), antiphon_ice::GatheringState::Complete);
}
