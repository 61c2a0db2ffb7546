//! Any order of calls, and round trips.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "a failed expectation is a failed test"
)]

mod common;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use antiphon_ice::{
    Address, Candidate, CandidateKind, Config, ConnectionState, Credentials, LocalAddress,
    ParseCandidateError, Path, Protocol, RelayProtocol, Renomination, Role, ServerError,
    ServerErrorKind, TcpType,
};
use antiphon_testkit::conformance::Suite;
use proptest::prelude::*;

use common::{Peer, addr, config};

const FIRST: [&str; 2] = ["203.0.113.1:5000", "203.0.113.2:5000"];

/// Two agents with credentials known to each other, so that each can be made without the other.
fn peer(side: usize, now: Instant) -> Peer {
    peer_with(side, now, |_| {})
}

/// The same with everything that can be turned on.
fn versatile(side: usize, now: Instant) -> Peer {
    let mut peer = peer_with(side, now, |config| {
        config.tcp = true;
        config.renomination = true;
        config.continual_gathering = true;
        config.max_spare_pairs = 2;
        config.max_connections = 3;
    });
    for tcp_type in [TcpType::Active, TcpType::Passive, TcpType::SimultaneousOpen] {
        let added = peer.0.add_local_address(now, LocalAddress::tcp(addr(FIRST[side]), tcp_type));
        // One address is one base, whoever connects.
        assert_eq!(added.is_ok(), tcp_type == TcpType::Active);
    }
    peer.0.set_remote_renomination(now, Some(Renomination::Draft));
    peer
}

fn peer_with(side: usize, now: Instant, change: fn(&mut Config)) -> Peer {
    let role = if side == 0 { Role::Controlling } else { Role::Controlled };
    let credentials = |side: usize| {
        Credentials::new(&format!("side{side}"), &format!("passwordpasswordpassword{side}"))
            .unwrap()
    };
    let mut config = config(role, side as u8);
    config.stun_servers = vec![addr("192.0.2.9:3478")];
    change(&mut config);
    let mut agent =
        antiphon_ice::Agent::with_credentials(config, credentials(side), [side as u8; 32], now)
            .unwrap();
    agent.add_local_address(now, addr(FIRST[side])).unwrap();
    agent.set_remote_credentials(now, credentials(1 - side)).unwrap();
    let text = format!("candidate:1 1 udp 2130706431 {} 5000 typ host", addr(FIRST[1 - side]).ip());
    agent.add_remote_candidate(now, text.parse().unwrap()).unwrap();
    Peer(agent)
}

fn command(peer: &mut Peer, now: Instant, chance: u64) {
    let agent = &mut peer.0;
    let port = (chance >> 8) as u16 % 64;
    match chance % 16 {
        0 => drop(agent.restart(now).map(|_| ())),
        1 => agent.end_of_local_addresses(now),
        2 => agent.end_of_remote_candidates(now),
        3 => agent.set_role(
            now,
            if port.is_multiple_of(2) { Role::Controlling } else { Role::Controlled },
        ),
        4 => agent.remove_local_address(now, addr(FIRST[usize::from(port % 2)])),
        5 => {
            let ok =
                agent.add_local_address(now, addr(&format!("203.0.113.{}:5000", 1 + port % 4)));
            let _ = ok;
        }
        6 => {
            let credentials =
                Credentials::new(&format!("again{}", port % 2), &"r".repeat(24)).unwrap();
            let ok = agent.set_remote_credentials(now, credentials);
            let _ = ok;
        }
        7 => agent.set_remote_lite(now, port == 3),
        8 if port == 1 => agent.close(now),
        9 => agent.set_remote_pacing(now, Duration::from_millis(u64::from(port))),
        10 => {
            let ok = agent.add_stun_server(now, addr(&format!("192.0.2.{}:3478", 1 + port % 20)));
            let _ = ok;
        }
        _ => {
            let text = format!(
                "candidate:{} 1 udp {} 203.0.113.{} {} typ srflx raddr 10.0.0.1 rport 9",
                port % 3 + 1,
                chance % 0x7fff_fffe + 1,
                1 + port % 5,
                4998 + port
            );
            let ok = agent.add_remote_candidate(now, text.parse().unwrap());
            let _ = ok;
        }
    }
}

const NAME: &str = "1f4712db-ea17-4bcf-a596-105139dfd8bf.local";

/// What only versatile agents know: relays, TCP, names, nominations from outside, and the events
/// that go with them.
fn versatile_command(peer: &mut Peer, now: Instant, chance: u64) {
    let agent = &mut peer.0;
    let port = (chance >> 8) as u16 % 16 + 4995;
    let relay = addr(&format!("192.0.2.50:{}", 50_000 + port % 2));
    let remote = addr(&format!("203.0.113.{}:{port}", 1 + port % 4));
    let path = if chance & 0x1000_0000 == 0 {
        Path::new(addr(FIRST[usize::from(port % 2)]), remote)
    } else {
        Path::tcp(addr(FIRST[usize::from(port % 2)]), remote)
    };
    match chance % 16 {
        0 | 1 => {
            let server = addr("192.0.2.50:3478");
            let relayed = LocalAddress::relayed(relay, server, RelayProtocol::Udp);
            let _ = agent.add_local_address(now, relayed);
        }
        2 => agent.permission_granted(now, relay, remote.ip()),
        3 => agent.permission_refused(now, relay, remote.ip()),
        4 | 5 => agent.connection_established(now, path),
        6 => agent.connection_failed(now, path),
        7 => drop(agent.nominate(now, path)),
        8 => agent.path_unreachable(now, path),
        9 => agent.name_resolved(now, NAME, port.is_multiple_of(2).then(|| remote.ip())),
        10 => agent.remove_local(now, relay, Protocol::Udp),
        11 => {
            let kind = ServerErrorKind::Unauthorized { code: 401 };
            agent.report_server_error(now, ServerError { server: Some(relay), kind });
        }
        12 => {
            let texts = [
                format!("candidate:5 1 udp 100 {NAME} {port} typ host"),
                format!("candidate:6 1 tcp 90 {} {port} typ host tcptype passive", remote.ip()),
                format!("candidate:7 1 tcp 80 {} 9 typ host tcptype active", remote.ip()),
            ];
            let text = &texts[usize::from(port % 3)];
            let _ = agent.add_remote_candidate(now, text.parse().unwrap());
        }
        13 => {
            let mapped = addr(&format!("198.51.100.1:{port}"));
            let query = Path::new(addr(FIRST[usize::from(port % 2)]), addr("192.0.2.50:3478"));
            let _ = agent.add_reflexive_address(now, query, mapped);
        }
        14 => {
            let form = (!port.is_multiple_of(3)).then_some(Renomination::Legacy);
            agent.set_remote_renomination(now, form);
        }
        _ => command(peer, now, chance >> 4),
    }
    let agent = &peer.0;
    let _ = agent.diagnose(now).to_string();
    assert!(agent.pair_stats().count() <= 100);
    assert!(agent.trace_entries().count() <= 64);
    if let Some(path) = agent.selected_path() {
        assert!(agent.may_receive_from(path));
    }
    let failed = agent.state() == ConnectionState::Failed;
    assert_eq!(agent.failure().is_some(), failed, "a failed agent says why, others do not");
}

#[test]
fn the_rules_of_all_machines_hold_with_everything_turned_on() {
    Suite::new(versatile).run();
    Suite::new(versatile).command(versatile_command).effort(60, 400).run();
}

#[test]
fn the_rules_of_all_machines_hold_for_lite_agents() {
    let lite = |side, now| {
        let mut peer = peer_with(side, now, |config| config.lite = true);
        peer.0.set_remote_lite(now, side == 1);
        peer
    };
    Suite::new(lite).command(command).effort(20, 300).run();
}

#[test]
fn the_rules_of_all_machines_hold() {
    Suite::new(peer).run();
}

#[test]
fn the_rules_of_all_machines_hold_with_any_commands() {
    Suite::new(peer).command(command).effort(40, 400).run();
}

fn ice_text(len: std::ops::RangeInclusive<usize>) -> impl Strategy<Value = String> {
    proptest::collection::vec(
        proptest::sample::select(
            b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".to_vec(),
        ),
        len,
    )
    .prop_map(|bytes| String::from_utf8(bytes).unwrap())
}

prop_compose! {
    fn ip()(v4 in any::<bool>(), bytes in any::<[u8; 16]>(), port in 1u16..) -> SocketAddr {
        let ip: std::net::IpAddr =
            if v4 { [bytes[0], bytes[1], bytes[2], bytes[3]].into() } else { bytes.into() };
        SocketAddr::new(ip, port)
    }
}

fn any_address() -> impl Strategy<Value = Address> {
    prop_oneof![
        ip().prop_map(Address::Ip),
        ("[a-z][a-z0-9-]{0,60}\\.local", 1u16..)
            .prop_map(|(host, port)| Address::Name { host, port }),
    ]
}

prop_compose! {
    fn candidate()(
        foundation in ice_text(1..=32),
        component in 1u16..=256,
        tcp in any::<bool>(),
        priority in 1u32..=0x7fff_ffff,
        addr in any_address(),
        kind in proptest::sample::select(vec![
            CandidateKind::Host, CandidateKind::ServerReflexive,
            CandidateKind::PeerReflexive, CandidateKind::Relayed,
        ]),
        related in proptest::option::of(ip()),
        tcp_type in proptest::sample::select(vec![
            TcpType::Active, TcpType::Passive, TcpType::SimultaneousOpen,
        ]),
        ufrag in proptest::option::of(ice_text(4..=64)),
    ) -> Candidate {
        Candidate {
            foundation: foundation.parse().unwrap(),
            component,
            protocol: if tcp { Protocol::Tcp } else { Protocol::Udp },
            priority,
            addr,
            kind,
            related: related.filter(|addr| !addr.ip().is_unspecified()),
            tcp_type: tcp.then_some(tcp_type),
            ufrag,
        }
    }
}

proptest! {
    //= rfc8839#5.1
    //= type=test
    #[test]
    fn candidates_read_back_as_they_were_written(candidate in candidate()) {
        let text = candidate.to_string();
        prop_assert_eq!(text.parse::<Candidate>(), Ok(candidate.clone()), "{}", text);
        let line = format!("a={text} generation 0 network-cost 50");
        prop_assert_eq!(line.parse::<Candidate>(), Ok(candidate));
    }

    #[test]
    fn any_text_is_a_candidate_or_an_error(text in "\\PC{0,120}") {
        let _ = text.parse::<Candidate>();
    }

    #[test]
    fn a_candidate_that_was_changed_reads_or_is_refused(
        candidate in candidate(), at in any::<prop::sample::Index>(), with in "\\PC{0,3}"
    ) {
        let mut text = candidate.to_string();
        let at = at.index(text.len());
        text.replace_range(at..=at, &with);
        if let Ok(candidate) = text.parse::<Candidate>() {
            prop_assert_eq!(candidate.to_string().parse::<Candidate>(), Ok(candidate));
        }
    }
}

//= rfc8839#5.1
//= type=test
#[test]
fn what_a_candidate_may_not_be() {
    use ParseCandidateError as E;
    let long = "x".repeat(2000);
    for (text, expected) in [
        ("", E::Missing { field: "foundation" }),
        ("1 1 udp 5", E::Missing { field: "address" }),
        ("1 1 udp 5 1.2.3.4 5 host", E::Missing { field: "type" }),
        ("1 1 udp 5 1.2.3.4 5 typ", E::Missing { field: "type" }),
        ("a:b 1 udp 5 1.2.3.4 5 typ host", E::Foundation { len: 3 }),
        ("1 0 udp 5 1.2.3.4 5 typ host", E::Component),
        ("1 257 udp 5 1.2.3.4 5 typ host", E::Component),
        ("1 1 sctp 5 1.2.3.4 5 typ host", E::Protocol),
        ("1 1 udp 0 1.2.3.4 5 typ host", E::Priority),
        ("1 1 udp 2147483648 1.2.3.4 5 typ host", E::Priority),
        ("1 1 udp -5 1.2.3.4 5 typ host", E::Priority),
        ("1 1 udp 5 1.2.3 5 typ host", E::Address),
        ("1 1 udp 5 1.2.3.4 65536 typ host", E::Port),
        ("1 1 udp 5 1.2.3.4 0 typ host", E::Port),
        ("1 1 tcp 5 1.2.3.4 0 typ host tcptype passive", E::Port),
        ("1 1 udp 5 1.2.3.4 5 typ hosts", E::Kind),
        ("1 1 udp 5 1.2.3.4 5 typ srflx raddr", E::Related),
        ("1 1 udp 5 1.2.3.4 5 typ srflx rport x", E::Related),
        ("1 1 tcp 5 1.2.3.4 5 typ host tcptype", E::TcpType),
        ("1 1 tcp 5 1.2.3.4 5 typ host tcptype both", E::TcpType),
        ("1 1 udp 5 1.2.3.4 5 typ host ufrag x", E::Ufrag { len: 1 }),
        (long.as_str(), E::TooLong { len: 2000, limit: 1024 }),
    ] {
        assert_eq!(text.parse::<Candidate>(), Err(expected), "{text}");
    }
    for good in [
        "1 1 UDP 5 1.2.3.4 5 typ host",
        "candidate:1 1 udp 5 fe80::1 5 typ host",
        "1 1 tcp 5 1.2.3.4 0 typ host tcptype active",
        "1 1 udp 5 4f8a1c9e-0000-4000-8000-0123456789ab.local 5 typ host",
        "1 1 udp 5 1.2.3.4 5 typ relay raddr 0.0.0.0 rport 0",
        "1 1 udp 5 1.2.3.4 5 typ host generation 0 network-id 1 whatever",
    ] {
        assert!(good.parse::<Candidate>().is_ok(), "{good}");
    }
}
