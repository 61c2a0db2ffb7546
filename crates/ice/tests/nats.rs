//! Every kind of NAT against every other, with a relay for those pairs that cannot meet.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::wildcard_enum_match_arm,
    clippy::cast_possible_truncation,
    reason = "a failed expectation is a failed test, and the matrix is for people"
)]

mod common;

use std::net::IpAddr;
use std::time::Duration;

use antiphon_ice::{
    AddressError, Agent, CandidateKind, Config, ConnectionState, Credentials, Event, IceFailure,
    LocalAddress, PairState, Path, Permissions, RelayProtocol, Role, TransportPolicy,
};
use antiphon_testkit::netem::{Dependence, NatConfig, Netem, Realm};
use antiphon_testkit::{Pair, seed, start};

use common::relay::{RELAY, Relay, RelayedPeer};
use common::{StunServer, Trickle, addr, config};

const MS: Duration = Duration::from_millis(1);
const S: Duration = Duration::from_secs(1);
const DEPENDENCE: [(Dependence, &str); 3] = [
    (Dependence::EndpointIndependent, "E"),
    (Dependence::AddressDependent, "A"),
    (Dependence::AddressAndPortDependent, "P"),
];

/// How two hosts are placed in the network.
#[derive(Clone, Copy)]
enum Place {
    Public,
    Behind(NatConfig),
}

fn nats() -> Vec<(String, NatConfig)> {
    let mut all = Vec::new();
    for (mapping, m) in DEPENDENCE {
        for (filtering, f) in DEPENDENCE {
            for hairpin in [false, true] {
                let nat = NatConfig { mapping, filtering, hairpin, ..NatConfig::full_cone() };
                all.push((format!("{m}{f}{}", if hairpin { "h" } else { " " }), nat));
            }
        }
    }
    all
}

fn agent(number: u8, socket: &str, change: impl FnOnce(&mut Config)) -> RelayedPeer {
    let role = if number == 1 { Role::Controlling } else { Role::Controlled };
    let mut config = config(role, number);
    config.stun_servers = vec![addr("192.0.2.99:3478")];
    change(&mut config);
    let only_relay = config.transport_policy == TransportPolicy::Relay;
    let mut agent = Agent::new(config, [number; 32], start()).unwrap();
    if !only_relay {
        agent.add_local_address(start(), addr(socket)).unwrap();
    }
    RelayedPeer::new(agent, socket, 50_000 + u16::from(number))
}

/// Two agents in their places, a STUN server and a relay.
fn lab(
    places: [Place; 2],
    same_nat: bool,
    with_relay: bool,
    change: fn(&mut Config),
) -> Pair<RelayedPeer> {
    let mut net = Netem::new(seed(7));
    let mut sockets = Vec::new();
    let mut shared = None;
    for (index, place) in places.into_iter().enumerate() {
        let outer: IpAddr = format!("198.51.100.{}", index + 1).parse().unwrap();
        let (realm, ip) = match (place, shared) {
            (Place::Public, _) => (Realm::PUBLIC, format!("203.0.113.{}", index + 1)),
            // Two subnets behind one NAT that reach each other from outside only.
            (Place::Behind(_), Some(realm)) if same_nat => (realm, "10.0.0.6".to_owned()),
            (Place::Behind(nat), _) => {
                let realm = net.add_nat(Realm::PUBLIC, nat, outer);
                shared = Some(realm);
                (realm, format!("10.0.{index}.5"))
            }
        };
        net.add_host(realm, &[ip.parse().unwrap()]);
        sockets.push(format!("{ip}:5000"));
    }
    let server = net.add_host(Realm::PUBLIC, &["192.0.2.99".parse().unwrap()]);
    let relay = net.add_host(Realm::PUBLIC, &[addr(RELAY).ip()]);
    let a = agent(1, &sockets[0], change);
    let b = agent(2, &sockets[1], change);
    let mut pair = Pair::on(net, start(), a, b).with_delay(15 * MS);
    pair.attach(server, Box::new(StunServer::default()));
    pair.attach(relay, Box::new(Relay::default()));
    if with_relay {
        pair.a.machine.allocate(start());
        pair.b.machine.allocate(start());
    }
    let now = pair.now();
    let of_a = pair.a.machine.agent.local_credentials().clone();
    let of_b = pair.b.machine.agent.local_credentials().clone();
    pair.a.machine.agent.set_remote_credentials(now, of_b).unwrap();
    pair.b.machine.agent.set_remote_credentials(now, of_a).unwrap();
    pair
}

/// Whether holes can be punched, by reasoning: there has to be an address on each side from which
/// that side writes to the other's, and a first datagram that gets in uninvited.
fn can_meet(a: NatConfig, b: NatConfig) -> bool {
    use Dependence::{AddressAndPortDependent, EndpointIndependent};
    let is_fixed = |nat: NatConfig| nat.mapping == EndpointIndependent;
    let is_strict = |nat: NatConfig| nat.filtering == AddressAndPortDependent;
    match (is_fixed(a), is_fixed(b)) {
        // Both are where they said: each opens its door to the other.
        (true, true) => true,
        // One comes from a port that nobody knows, which the other one must not care about.
        (true, false) => !is_strict(a),
        (false, true) => !is_strict(b),
        // One has to let strangers in, the other one strange ports; and one of them must stay where
        // it is when it answers.
        (false, false) => {
            let open = |nat: NatConfig| nat.filtering == EndpointIndependent;
            let moves = |nat: NatConfig| nat.mapping == AddressAndPortDependent;
            ((open(a) && !is_strict(b)) || (open(b) && !is_strict(a))) && !(moves(a) && moves(b))
        }
    }
}

fn kinds(pair: &Pair<RelayedPeer>) -> Option<(CandidateKind, CandidateKind)> {
    let selected = pair.a.machine.agent.stats().selected?;
    Some((selected.local_kind, selected.remote_kind))
}

fn is_relayed(pair: &Pair<RelayedPeer>) -> bool {
    [&pair.a.machine, &pair.b.machine].iter().any(|peer| {
        peer.agent.selected_path().is_some_and(|path| {
            path.local.ip() == addr(RELAY).ip() || path.remote.ip() == addr(RELAY).ip()
        })
    })
}

#[test]
fn every_pair_of_nats_meets_directly_or_through_the_relay() {
    let nats = nats();
    let mut direct = 0;
    let names: Vec<&str> = nats.iter().map(|(name, _)| name.as_str()).collect();
    println!("mapping and filtering by E(ndpoint-independent), A(ddress), P(ort); h(airpin)");
    println!("      {}", names.join("  "));
    for (left, left_nat) in &nats {
        let mut row = String::new();
        for (right, right_nat) in &nats {
            let places = [Place::Behind(*left_nat), Place::Behind(*right_nat)];
            let mut pair = lab(places, false, true, |_| {});
            Trickle::new().run_for(&mut pair, 3 * S);
            let states = [&pair.a.machine, &pair.b.machine].map(|peer| peer.agent.state());
            assert_eq!(states, [ConnectionState::Connected; 2], "{left} and {right}");
            let met = !is_relayed(&pair);
            assert_eq!(
                met,
                can_meet(*left_nat, *right_nat),
                "{left} and {right}: {:?}",
                kinds(&pair)
            );
            assert_eq!(pair.a.machine.too_early + pair.b.machine.too_early, 0, "{left}, {right}");
            assert!(pair.a.machine.agent.stats().selected.unwrap().nominated);
            direct += usize::from(met);
            row.push_str(if met { "direct " } else { "relay  " });
        }
        println!("{left}   {row}");
    }
    println!("{direct} of {} directly", nats.len() * nats.len());
}

#[test]
fn two_hosts_behind_one_nat_meet_without_leaving_it() {
    for (name, nat) in nats() {
        let mut pair = lab([Place::Behind(nat); 2], true, true, |_| {});
        Trickle::new().run_for(&mut pair, 3 * S);
        assert_eq!(kinds(&pair), Some((CandidateKind::Host, CandidateKind::Host)), "{name}");
    }
}

#[test]
fn a_host_in_public_meets_all_nats_without_a_relay() {
    for (name, nat) in nats() {
        for places in [[Place::Public, Place::Behind(nat)], [Place::Behind(nat), Place::Public]] {
            let mut pair = lab(places, false, true, |_| {});
            Trickle::new().run_for(&mut pair, 3 * S);
            assert!(!is_relayed(&pair), "{name}");
            let states = [&pair.a.machine, &pair.b.machine].map(|peer| peer.agent.state());
            assert_eq!(states, [ConnectionState::Connected; 2], "{name}");
        }
    }
}

// attack: addresses leak where only relays may be seen
#[test]
fn relay_only_shows_and_uses_nothing_but_the_relay() {
    let nat = NatConfig::symmetric();
    let mut pair = lab([Place::Behind(nat); 2], false, true, |config| {
        config.transport_policy = TransportPolicy::Relay;
    });
    Trickle::new().run_for(&mut pair, 3 * S);
    assert_eq!(kinds(&pair), Some((CandidateKind::Relayed, CandidateKind::Relayed)));
    for side in [&pair.a, &pair.b] {
        let mut shown = 0;
        for (_, event) in &side.events {
            if let Event::LocalCandidate(candidate) = event {
                assert_eq!(candidate.kind, CandidateKind::Relayed);
                assert!(candidate.to_string().contains("raddr 0.0.0.0 rport 9"), "{candidate}");
                shown += 1;
            }
        }
        assert_eq!(shown, 1);
    }
    // What is not a relay is refused, wherever it comes from.
    let now = pair.now();
    let agent = &mut pair.a.machine.agent;
    let socket = addr("10.0.0.5:5000");
    assert_eq!(agent.add_local_address(now, socket), Err(AddressError::Excluded));
}

#[test]
fn loss_up_to_a_third_slows_relays_down_but_does_not_stop_them() {
    for percent in [5, 15, 30] {
        let nat = NatConfig::symmetric();
        let mut pair = lab([Place::Behind(nat); 2], false, true, |_| {});
        // Requests for permissions are not repeated by the owners of these tests, so they pass.
        Trickle::new().run_for(&mut pair, 30 * MS);
        for host in [0, 1] {
            pair.uplink(host).loss = f64::from(percent) / 100.0;
            pair.downlink(host).loss = f64::from(percent) / 100.0;
        }
        Trickle::new().run_for(&mut pair, 20 * S);
        for peer in [&pair.a.machine, &pair.b.machine] {
            assert!(peer.agent.selected_path().is_some(), "{percent} %");
        }
    }
}

#[test]
fn a_relay_that_refuses_fails_its_pairs_and_is_named_as_the_cause() {
    let nat = NatConfig::symmetric();
    let mut pair = lab([Place::Behind(nat); 2], false, true, |_| {});
    let now = pair.now();
    for (relay, peer) in [("192.0.2.50:50001", "198.51.100.2"), ("192.0.2.50:50001", "192.0.2.50")]
    {
        let a = &mut pair.a.machine.agent;
        let candidate = format!("candidate:7 1 udp 9 {peer} 4000 typ relay");
        a.add_remote_candidate(now, candidate.parse().unwrap()).unwrap();
        a.permission_refused(now, addr(relay), peer.parse().unwrap());
    }
    let refused = pair.a.machine.agent.pair_stats().filter(|pair| {
        pair.path.local == addr("192.0.2.50:50001") && pair.state == PairState::Failed
    });
    assert_eq!(refused.count(), 2);
    let causes = pair.a.machine.agent.diagnose(now).causes;
    assert!(causes.contains(&IceFailure::PermissionRefused { count: 2 }), "{causes:?}");
}

#[test]
fn an_owner_that_never_answers_for_a_permission_has_refused() {
    let mut config = config(Role::Controlling, 1);
    config.permission_timeout = 2 * S;
    let mut agent = Agent::new(config, [1; 32], start()).unwrap();
    let relayed = LocalAddress::relayed(addr("192.0.2.50:50001"), addr(RELAY), RelayProtocol::Tls);
    agent.add_local_address(start(), relayed).unwrap();
    agent
        .set_remote_credentials(start(), Credentials::new("peer", &"p".repeat(22)).unwrap())
        .unwrap();
    let text = "candidate:1 1 udp 2130706431 203.0.113.2 5000 typ host";
    agent.add_remote_candidate(start(), text.parse().unwrap()).unwrap();
    let mut buf = [0; antiphon_ice::MAX_OUTPUT];
    assert_eq!(agent.poll_output(start(), &mut buf).unwrap(), None, "not before the permission");
    agent.handle_timeout(start() + 2 * S);
    assert_eq!(agent.poll_output(start() + 3 * S, &mut buf).unwrap(), None);
    assert_eq!(agent.pair_stats().next().unwrap().state, PairState::Failed);
    let asked = std::iter::from_fn(|| agent.poll_event())
        .filter(|event| matches!(event, Event::PermissionNeeded { .. }));
    assert_eq!(asked.count(), 1);
}

#[test]
fn where_the_owner_sees_to_permissions_checks_go_at_once() {
    let mut config = config(Role::Controlling, 1);
    config.permissions = Permissions::Owner;
    let mut agent = Agent::new(config, [1; 32], start()).unwrap();
    let relayed = LocalAddress::relayed(addr("192.0.2.50:50001"), addr(RELAY), RelayProtocol::Udp);
    agent.add_local_address(start(), relayed).unwrap();
    agent
        .set_remote_credentials(start(), Credentials::new("peer", &"p".repeat(22)).unwrap())
        .unwrap();
    let text = "candidate:1 1 udp 2130706431 203.0.113.2 5000 typ host";
    agent.add_remote_candidate(start(), text.parse().unwrap()).unwrap();
    let mut buf = [0; antiphon_ice::MAX_OUTPUT];
    let sent = agent.poll_output(start(), &mut buf).unwrap().expect("a check");
    assert_eq!(sent.path.local, addr("192.0.2.50:50001"));
}

#[test]
fn relays_are_ranked_by_how_they_are_reached_and_after_everything_else() {
    let mut agent = Agent::new(config(Role::Controlling, 1), [1; 32], start()).unwrap();
    agent.add_local_address(start(), addr("203.0.113.1:1")).unwrap();
    let protocols =
        [RelayProtocol::Tls, RelayProtocol::Udp, RelayProtocol::Tcp, RelayProtocol::Dtls];
    for (port, protocol) in (50_001u16..).zip(protocols) {
        let address = std::net::SocketAddr::new(addr(RELAY).ip(), port);
        let relayed = LocalAddress::relayed(address, addr(RELAY), protocol)
            .with_related(addr("198.51.100.1:7"));
        agent.add_local_address(start(), relayed).unwrap();
    }
    agent
        .add_reflexive_address(
            start(),
            Path::new(addr("203.0.113.1:1"), addr(RELAY)),
            addr("198.51.100.1:7"),
        )
        .unwrap();
    let mut known: Vec<_> = agent.local_candidates().cloned().collect();
    known.sort_by_key(|candidate| std::cmp::Reverse(candidate.priority));
    let ports: Vec<u16> =
        known.iter().map(|candidate| candidate.addr.socket_addr().unwrap().port()).collect();
    assert_eq!(ports, [1, 7, 50_002, 50_004, 50_003, 50_001]);
    let mut foundations: Vec<_> = known.iter().map(|candidate| candidate.foundation).collect();
    foundations.dedup();
    assert_eq!(foundations.len(), 6, "each server and protocol has a foundation of its own");
    assert!(known[2].to_string().contains("raddr 198.51.100.1 rport 7"));
    let unknown = Path::new(addr("203.0.113.9:1"), addr(RELAY));
    assert_eq!(
        agent.add_reflexive_address(start(), unknown, addr("198.51.100.1:8")),
        Err(AddressError::UnknownBase)
    );
}
