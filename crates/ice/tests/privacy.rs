//! What the peer may learn and what it can make us do: names, policies, filters, mappings.
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
    AddressError, AddressFilter, AddressPolicy, Agent, Candidate, CandidateError, CandidateKind,
    Config, ConnectionState, Event, LocalAddress, NatMapping, NatMappingKind, Path, RelayProtocol,
    Role, Route, TransportPolicy,
};
use antiphon_testkit::start;

use common::{A, Alone, B, addr, config, success};

const S: Duration = Duration::from_secs(1);
const NAME: &str = "1f4712db-ea17-4bcf-a596-105139dfd8bf.local";
const RELAYED: &str = "192.0.2.50:50000";

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn named(number: u32) -> String {
    let name = format!("{number:08x}-ea17-4bcf-a596-105139dfd8bf.local");
    format!("candidate:{} 1 udp 2130706431 {name} 5000 typ host", number + 1)
}

fn asked(alone: &mut Alone) -> Vec<String> {
    std::iter::from_fn(|| alone.agent.poll_event())
        .filter_map(|event| match event {
            Event::ResolveName(name) => Some(name),
            _ => None,
        })
        .collect()
}

fn agent(change: impl FnOnce(&mut Config)) -> Agent {
    let mut config = config(Role::Controlling, 1);
    config.stun_servers = vec![addr("192.0.2.9:3478")];
    change(&mut config);
    Agent::new(config, [1; 32], start()).unwrap()
}

/// Answers the agent's queries to its STUN server.
fn map_to(agent: &mut Agent, mapped: &str) {
    let mut buf = [0; antiphon_ice::MAX_OUTPUT];
    while let Some(sent) = agent.poll_output(start(), &mut buf).unwrap() {
        let answer = success(&buf[..sent.len], addr(mapped), &"p".repeat(22));
        agent.handle_input(start(), sent.path, &answer).unwrap();
    }
}

fn shown(agent: &Agent) -> Vec<String> {
    agent
        .local_candidates()
        .map(|candidate| {
            let text = candidate.to_string();
            let (head, _) = text.split_once(" ufrag").unwrap();
            head.splitn(5, ' ').nth(4).unwrap().to_owned()
        })
        .collect()
}

#[test]
fn a_name_is_looked_up_and_its_address_checked() {
    let mut alone = Alone::without_candidate(Role::Controlled);
    alone.signal(&format!("candidate:1 1 udp 2130706431 {NAME} 5000 typ host"));
    assert_eq!(alone.sent(), None);
    assert_eq!(asked(&mut alone), [NAME]);
    alone.agent.name_resolved(alone.now, &NAME.to_uppercase(), Some(ip("203.0.113.2")));
    let (path, check) = alone.request();
    assert_eq!(path, Path::new(addr(A), addr(B)));
    alone.answer(path, &check).unwrap();
    assert!(alone.agent.selected_path().is_some());
    // Nobody asked for this one.
    alone.agent.name_resolved(alone.now, NAME, Some(ip("203.0.113.3")));
    assert_eq!(alone.agent.stats().pairs, 1);
}

// attack: a description with names without end
#[test]
fn names_are_few_and_each_is_asked_for_once() {
    let mut alone = Alone::without_candidate(Role::Controlled);
    let mut refused = 0;
    for number in 0..50 {
        let candidate: Candidate = named(number).parse().unwrap();
        match alone.agent.add_remote_candidate(alone.now, candidate) {
            Ok(()) => {}
            Err(CandidateError::LimitReached { limit: 16 }) => refused += 1,
            Err(error) => panic!("{error}"),
        }
    }
    assert_eq!(refused, 34);
    let names = asked(&mut alone);
    assert_eq!(names.len(), 16);
    // Nobody answers; after five seconds nobody waits any more.
    alone.wait(5 * S);
    alone.agent.name_resolved(alone.now, &names[0], Some(ip("203.0.113.2")));
    assert_eq!(alone.agent.stats().pairs, 0);
}

// attack: names of machines in our network are resolved for the peer
#[test]
fn only_names_that_hide_an_address_are_looked_up() {
    let mut alone = Alone::without_candidate(Role::Controlled);
    for name in ["printer.local", "example.com", "a.b.local", "localhost.localdomain"] {
        let text = format!("candidate:1 1 udp 2130706431 {name} 5000 typ host");
        let refused = alone.agent.add_remote_candidate(alone.now, text.parse().unwrap());
        assert_eq!(refused, Err(CandidateError::Name), "{name}");
    }
    assert_eq!(asked(&mut alone), Vec::<String>::new());
}

// attack: a name that resolves to an address that filters or rules exclude
#[test]
fn what_a_name_stands_for_is_checked_like_any_address() {
    let mut config = config(Role::Controlled, 1);
    config.remote_filter = Some(AddressFilter::denying(&[(ip("10.0.0.0"), 8)]));
    let mut alone = Alone::configured(config);
    alone.agent.set_remote_credentials(alone.now, alone.theirs.clone()).unwrap();
    for (number, address) in (0..).zip(["10.1.2.3", "127.0.0.1", "224.0.0.251", "0.0.0.0"]) {
        alone.signal(&named(number));
        let name = asked(&mut alone).pop().unwrap();
        alone.agent.name_resolved(alone.now, &name, Some(ip(address)));
    }
    assert_eq!(alone.agent.stats().pairs, 0);
}

// attack: a relay learns the address that hides behind a name
#[test]
fn a_relay_is_never_paired_with_a_name() {
    let mut alone = Alone::without_candidate(Role::Controlled);
    let now = alone.now;
    let mut agent = agent(|_| {});
    agent.add_local_address(now, addr(A)).unwrap();
    let relayed = LocalAddress::relayed(addr(RELAYED), addr("192.0.2.50:3478"), RelayProtocol::Udp);
    agent.add_local_address(now, relayed).unwrap();
    alone.agent = agent;
    alone.agent.set_remote_credentials(now, alone.theirs.clone()).unwrap();
    alone.signal(&format!("candidate:1 1 udp 2130706431 {NAME} 5000 typ host"));
    alone.agent.name_resolved(now, NAME, Some(ip("203.0.113.2")));
    let bases: Vec<_> = alone.agent.pair_stats().map(|pair| pair.path.local).collect();
    assert_eq!(bases, [addr(A)]);
    let permission = std::iter::from_fn(|| alone.agent.poll_event())
        .find(|event| matches!(event, Event::PermissionNeeded { .. }));
    assert_eq!(permission, None);
}

// attack: our own addresses leak although names hide them
#[test]
fn a_hidden_address_shows_in_no_candidate() {
    let mut agent = agent(|_| {});
    agent
        .add_local_address(start(), LocalAddress::new(addr("10.0.0.5:4000")).hidden_as(NAME))
        .unwrap();
    map_to(&mut agent, "198.51.100.1:7000");
    assert_eq!(
        shown(&agent),
        [
            format!("{NAME} 4000 typ host"),
            "198.51.100.1 7000 typ srflx raddr 0.0.0.0 rport 0".to_owned(),
        ]
    );
    for event in std::iter::from_fn(|| agent.poll_event()) {
        if let Event::LocalCandidate(candidate) = event {
            assert!(!candidate.to_string().contains("10.0.0.5"), "{candidate}");
        }
    }
}

#[test]
fn a_public_address_that_is_hidden_has_a_reflexive_candidate_all_the_same() {
    let mut agent = agent(|_| {});
    agent.add_local_address(start(), LocalAddress::new(addr(A)).hidden_as(NAME)).unwrap();
    map_to(&mut agent, A);
    assert_eq!(agent.local_candidates().count(), 2);
}

//= rfc8828#5.2
//= type=test
// attack: addresses of other interfaces, or of this machine, leak through candidates
#[test]
fn each_address_policy_shows_what_it_may() {
    let shown_in = |policy: AddressPolicy| {
        let mut agent = agent(|config| config.address_policy = policy);
        let add = |agent: &mut Agent, address: &str, route| {
            agent.add_local_address(start(), LocalAddress::new(addr(address)).with_route(route))
        };
        let added = [
            add(&mut agent, "10.0.0.5:1", Route::Default),
            add(&mut agent, "10.0.0.6:2", Route::Associated),
            add(&mut agent, "10.9.9.9:3", Route::Other),
        ];
        let relayed =
            LocalAddress::relayed(addr(RELAYED), addr("192.0.2.50:3478"), RelayProtocol::Udp)
                .with_related(addr("198.51.100.1:1"));
        agent.add_local_address(start(), relayed).unwrap();
        let mut buf = [0; antiphon_ice::MAX_OUTPUT];
        let mut now = start();
        while let Some(next) = agent.poll_timeout().filter(|next| *next < start() + S) {
            now = now.max(next);
            while let Some(sent) = agent.poll_output(now, &mut buf).unwrap() {
                let mapped = format!("198.51.100.1:{}", sent.path.local.port());
                let answer = success(&buf[..sent.len], addr(&mapped), &"p".repeat(22));
                agent.handle_input(now, sent.path, &answer).unwrap();
            }
        }
        (added.map(|result| result.is_ok()), shown(&agent))
    };
    let (added, candidates) = shown_in(AddressPolicy::AllInterfaces);
    assert_eq!(added, [true; 3]);
    assert_eq!(candidates.len(), 7);
    let (added, candidates) = shown_in(AddressPolicy::DefaultRouteAndPrivate);
    assert_eq!((added, candidates.len()), ([true, true, false], 5));
    let (added, candidates) = shown_in(AddressPolicy::DefaultRoute);
    assert_eq!(added, [true, false, false]);
    assert_eq!(
        candidates,
        [
            "192.0.2.50 50000 typ relay raddr 0.0.0.0 rport 9",
            "198.51.100.1 1 typ srflx raddr 0.0.0.0 rport 9",
        ]
    );
    let (added, candidates) = shown_in(AddressPolicy::ProxyOnly);
    assert_eq!(added, [false; 3]);
    assert_eq!(candidates, ["192.0.2.50 50000 typ relay raddr 0.0.0.0 rport 9"]);
}

#[test]
fn a_private_default_route_still_connects() {
    let mut alone = Alone::without_candidate(Role::Controlling);
    let mut agent = agent(|config| config.address_policy = AddressPolicy::DefaultRoute);
    agent.add_local_address(alone.now, addr(A)).unwrap();
    agent.set_remote_credentials(alone.now, alone.theirs.clone()).unwrap();
    alone.agent = agent;
    alone.signal("candidate:1 1 udp 2130706431 203.0.113.2 5000 typ host");
    let check = std::iter::from_fn(|| alone.sent()).find(|(path, _)| path.remote == addr(B));
    let (path, check) = check.expect("a check");
    alone.answer(path, &check).unwrap();
    assert_eq!(alone.agent.state(), ConnectionState::Connected);
}

#[test]
fn filters_keep_addresses_of_ours_out() {
    let mut agent = agent(|config| {
        config.local_filter = Some(AddressFilter::denying(&[(ip("10.8.0.0"), 16)]));
    });
    assert_eq!(agent.add_local_address(start(), addr("10.8.0.1:1")), Err(AddressError::Excluded));
    assert_eq!(agent.add_local_address(start(), addr("10.9.0.1:1")), Ok(()));
}

// attack: a hostile description makes us knock at hosts inside our network
#[test]
fn the_filter_for_public_addresses_keeps_the_inside_safe() {
    let mut config = config(Role::Controlled, 1);
    config.remote_filter = Some(AddressFilter::global_only());
    let mut alone = Alone::configured(config);
    alone.agent.set_remote_credentials(alone.now, alone.theirs.clone()).unwrap();
    for inside in ["10.0.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "::ffff:10.0.0.1"] {
        let text = format!("candidate:1 1 udp 2130706431 {inside} 80 typ host");
        let refused = alone.agent.add_remote_candidate(alone.now, text.parse().unwrap());
        assert_eq!(refused, Err(CandidateError::Filtered), "{inside}");
    }
    alone.signal("candidate:1 1 udp 2130706431 8.8.4.4 5000 typ host");
    assert_eq!(alone.request().0.remote, addr("8.8.4.4:5000"));
}

#[test]
fn a_static_mapping_is_shown_in_place_of_the_address_or_beside_it() {
    let with = |kind| {
        let mut agent = agent(|config| {
            config.nat_mappings =
                vec![NatMapping { internal: ip("10.0.0.5"), external: ip("198.51.100.5"), kind }];
        });
        agent.add_local_address(start(), addr("10.0.0.5:4000")).unwrap();
        map_to(&mut agent, "198.51.100.5:4000");
        shown(&agent)
    };
    assert_eq!(with(NatMappingKind::Host), ["198.51.100.5 4000 typ host"]);
    assert_eq!(
        with(NatMappingKind::ServerReflexive),
        ["10.0.0.5 4000 typ host", "198.51.100.5 4000 typ srflx raddr 10.0.0.5 rport 4000",]
    );
}

#[test]
fn behind_a_static_mapping_the_pair_is_what_the_peer_was_told() {
    let mut alone = Alone::without_candidate(Role::Controlling);
    let mut agent = agent(|config| {
        let (internal, external) = (ip("203.0.113.1"), ip("198.51.100.5"));
        config.nat_mappings = vec![NatMapping { internal, external, kind: NatMappingKind::Host }];
        config.transport_policy = TransportPolicy::All;
        config.stun_servers = Vec::new();
    });
    agent.add_local_address(alone.now, addr(A)).unwrap();
    agent.set_remote_credentials(alone.now, alone.theirs.clone()).unwrap();
    alone.agent = agent;
    alone.signal("candidate:1 1 udp 2130706431 203.0.113.2 5000 typ host");
    let (path, check) = alone.request();
    let response = success(&check, addr("198.51.100.5:5000"), alone.theirs.pwd());
    alone.receive(path, &response).unwrap();
    assert_eq!(alone.agent.stats().selected.unwrap().local_kind, CandidateKind::Host);
    // Taking the address away takes all of it away.
    alone.agent.remove_local_address(alone.now, addr(A));
    assert_eq!((alone.agent.local_candidates().count(), alone.agent.stats().pairs), (0, 0));
}
