//! Whatever clients, peers and the driver do: ports are conserved, nothing leaks, and the server
//! agrees with a model of who has what.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "a failed expectation is a failed test"
)]

#[path = "server/common.rs"]
#[allow(dead_code, reason = "this binary uses a part")]
mod common;

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use antiphon_stun::Method;
use antiphon_turn::server::{PeerPolicy, Quotas, canonical};
use antiphon_turn::wire::attribute::{Family, Protocol};
use antiphon_turn::wire::{TurnMessage as _, TurnWriter as _};
use common::*;
use proptest::prelude::*;

#[derive(Clone, Debug)]
enum Op {
    Allocate { client: u8, even: Option<bool>, dual: bool, ticket: bool, token: bool },
    Repeat { client: u8 },
    Refresh { client: u8, seconds: u16, family: Option<bool> },
    Move { client: u8, to: u8 },
    Speak { client: u8 },
    Permit { client: u8, peer: u8 },
    Bind { client: u8, channel: u8, peer: u8 },
    Close { client: u8 },
    Opens(bool),
    Settle { fails: bool },
    Wait(u16),
}

fn op() -> impl Strategy<Value = Op> {
    let client = 0..6_u8;
    prop_oneof![
        4 => (client.clone(), any::<Option<bool>>(), any::<bool>(), any::<bool>(), any::<bool>())
            .prop_map(|(client, even, dual, ticket, token)| Op::Allocate { client, even, dual, ticket, token }),
        1 => client.clone().prop_map(|client| Op::Repeat { client }),
        3 => (client.clone(), prop_oneof![Just(0), 1..2000_u16], any::<Option<bool>>())
            .prop_map(|(client, seconds, family)| Op::Refresh { client, seconds, family }),
        2 => (client.clone(), 6..9_u8).prop_map(|(client, to)| Op::Move { client, to }),
        1 => client.clone().prop_map(|client| Op::Speak { client }),
        1 => (client.clone(), 0..4_u8).prop_map(|(client, peer)| Op::Permit { client, peer }),
        1 => (client.clone(), 0..4_u8, 0..4_u8)
            .prop_map(|(client, channel, peer)| Op::Bind { client, channel, peer }),
        1 => client.prop_map(|client| Op::Close { client }),
        1 => any::<bool>().prop_map(Op::Opens),
        2 => any::<bool>().prop_map(|fails| Op::Settle { fails }),
        2 => (0..700_u16).prop_map(Op::Wait),
    ]
}

/// The world, with what the test remembers.
struct Model {
    world: World,
    clients: Vec<Client>,
    tickets: BTreeMap<u8, Vec<u8>>,
    token: Option<[u8; 8]>,
    last: BTreeMap<u8, Vec<u8>>,
}

impl Model {
    fn new() -> Self {
        let mut config = config();
        config.ports = 50_000..=50_015;
        config.port_cool_down = Duration::from_secs(60);
        config.quotas = Quotas::new(Some(3));
        config.challenge_burst = 1_000_000;
        let tuple = |n: u8| {
            let text = format!("203.0.113.{n}:1");
            if n.is_multiple_of(3) { tcp(&text) } else { udp(&text) }
        };
        let clients = (0..9_u8).map(|n| {
            let mut client = if n % 2 == 0 { Client::new(tuple(n)) } else { Client::bob(tuple(n)) };
            client.count = u32::from(n) << 16;
            client
        });
        let (tickets, last) = (BTreeMap::new(), BTreeMap::new());
        Self { world: World::with(config), clients: clients.collect(), tickets, token: None, last }
    }

    /// One exchange; the answer may be missing while sockets are opening.
    fn ask(
        &mut self,
        client: u8,
        method: Method,
        write: impl Fn(&mut antiphon_stun::MessageWriter<'_>),
    ) -> Option<Message> {
        for _ in 0..2 {
            let who = &mut self.clients[usize::from(client)];
            let id = who.next_id();
            let bytes = who.request(method, id, &write);
            self.last.insert(client, bytes.clone());
            let at = who.at;
            let answer = self.world.input(at, &bytes).into_iter().find(|answer| answer.to == at)?;
            match answer.code() {
                401 | 438 => {
                    let nonce = answer.view().nonce().unwrap().to_vec();
                    self.clients[usize::from(client)].nonce = nonce;
                }
                _ => return Some(answer),
            }
        }
        None
    }

    fn allocate(&mut self, client: u8, even: Option<bool>, dual: bool, ticket: bool, token: bool) {
        let held = self.token.filter(|_| token);
        let answer = self.ask(client, Method::ALLOCATE, |w| {
            w.requested_transport(Protocol::Udp).unwrap();
            if let Some(token) = held {
                w.reservation_token(token).unwrap();
            } else {
                if let Some(pair) = even {
                    w.even_port(pair).unwrap();
                }
                if dual {
                    w.additional_address_family().unwrap();
                }
            }
            if ticket {
                w.mobility_ticket(b"").unwrap();
            }
        });
        if let Some(answer) = answer.filter(|answer| answer.code() == 200) {
            let view = answer.view();
            self.token = view.reservation_token().unwrap().or(self.token);
            if let Some(ticket) = view.mobility_ticket() {
                self.tickets.insert(client, ticket.to_vec());
            }
        }
    }

    fn apply(&mut self, op: &Op) {
        match *op {
            Op::Allocate { client, even, dual, ticket, token } => {
                self.allocate(client, even, dual, ticket, token);
            }
            Op::Repeat { client } => {
                if let Some(bytes) = self.last.get(&client) {
                    self.world.input(self.clients[usize::from(client)].at, bytes);
                }
            }
            Op::Refresh { client, seconds, family } => {
                self.ask(client, Method::REFRESH, |w| {
                    w.lifetime(Duration::from_secs(seconds.into())).unwrap();
                    if let Some(v6) = family {
                        let family = if v6 { Family::V6 } else { Family::V4 };
                        w.requested_address_family(family).unwrap();
                    }
                });
            }
            Op::Move { client, to } => {
                let Some(ticket) = self.tickets.get(&client).cloned() else { return };
                let answer = self.ask(to, Method::REFRESH, |w| {
                    w.mobility_ticket(&ticket).unwrap();
                });
                let moved = answer.filter(|answer| answer.code() == 200);
                if let Some(ticket) =
                    moved.and_then(|m| m.view().mobility_ticket().map(<[u8]>::to_vec))
                {
                    self.tickets.insert(client, ticket);
                }
            }
            Op::Speak { client } => {
                let at = self.clients[usize::from(client)].at;
                self.world.input(at, &channel(0x4000, b"x"));
            }
            Op::Permit { client, peer } => {
                let peer = addr(&format!("198.41.0.{peer}:7"));
                self.ask(client, Method::CREATE_PERMISSION, |w| {
                    w.xor_peer_address(peer).unwrap();
                });
            }
            Op::Bind { client, channel, peer } => {
                let peer = addr(&format!("198.41.0.{peer}:7"));
                self.ask(client, Method::CHANNEL_BIND, |w| {
                    w.channel_number(0x4000 + u16::from(channel)).unwrap();
                    w.xor_peer_address(peer).unwrap();
                });
            }
            Op::Close { client } => {
                let (now, at) = (self.world.now, self.clients[usize::from(client)].at);
                self.world.server.client_closed(now, at);
            }
            Op::Opens(opens) => self.world.opens = opens,
            Op::Settle { fails } => {
                let now = self.world.now;
                for relay in std::mem::take(&mut self.world.pending) {
                    if fails {
                        self.world.server.relay_failed(now, relay);
                        self.world.open.retain(|(open, _, _)| *open != relay);
                    } else {
                        self.world.server.relay_opened(now, relay);
                    }
                }
            }
            Op::Wait(seconds) => self.world.pass(Duration::from_secs(seconds.into())),
        }
        self.world.drive();
        self.world.output();
    }

    fn check(&self) {
        let sizes = self.world.sizes();
        // Every port is free, cooling, relayed from, or reserved.
        let taken = sizes.relays + sizes.reservations;
        assert_eq!(sizes.free_ports + sizes.cooling_ports + taken, sizes.ports, "{sizes:?}");
        assert_eq!(sizes.ports, 64);
        // No user has more than its quota, and no allocation more than two names.
        assert!(sizes.allocations <= 6, "{sizes:?}");
        assert!((sizes.allocations..=2 * sizes.allocations).contains(&sizes.tuples));
        assert!(sizes.timers <= sizes.relays + sizes.reservations);
        // Relayed addresses are never shared.
        let mut relayed: Vec<SocketAddr> =
            self.world.allocations().flat_map(|info| info.relayed).flatten().collect();
        let count = relayed.len();
        relayed.sort_unstable();
        relayed.dedup();
        assert_eq!((relayed.len(), count), (count, sizes.relays));
        let now = self.world.now;
        assert!(self.world.poll_timeout().is_none_or(|at| at > now), "no busy loop");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    //= rfc8656#6
    //= type=test
    // attack: ports, quotas and moves that leak
    #[test]
    fn ports_and_memory_are_conserved(ops in prop::collection::vec(op(), 1..120)) {
        let mut model = Model::new();
        for op in &ops {
            model.apply(op);
            model.check();
        }
        // Two hours later everything that was opened is gone, but for what never opened.
        model.world.opens = true;
        model.apply(&Op::Settle { fails: false });
        model.world.pass(Duration::from_secs(3600));
        model.world.pass(Duration::from_secs(3600));
        model.check();
        let sizes = model.world.sizes();
        let rest = (sizes.allocations, sizes.tuples, sizes.relays, sizes.reservations, sizes.timers);
        prop_assert_eq!(rest, (0, 0, 0, 0, 0));
        prop_assert_eq!(model.world.open.len(), 0);
    }

    // attack: ranges of IPv6 addresses compared piece by piece
    #[test]
    fn ranges_are_compared_as_numbers(a in any::<u128>(), b in any::<u128>(), c in any::<u128>(), near in 0..4_u8) {
        let global = |bits: u128| (bits >> 3) | (0b001 << 125); // 2000::/3
        let (first, last) = (global(a.min(b)), global(a.max(b)));
        let bits = match near {
            0 => first.wrapping_sub(1),
            1 => first,
            2 => last,
            _ => global(c),
        };
        let mut policy = PeerPolicy::default();
        let (first_ip, last_ip) = (IpAddr::V6(first.into()), IpAddr::V6(last.into()));
        prop_assert!(policy.deny(first_ip, last_ip));
        let ip = IpAddr::V6(bits.into());
        let free = PeerPolicy::default().permits(ip);
        prop_assert_eq!(policy.permits(ip), free && !(first..=last).contains(&bits));
        let mut policy = PeerPolicy::default();
        prop_assert!(policy.allow(first_ip, last_ip));
        if (first..=last).contains(&bits) && bits >> 112 != 0x2002 && bits >> 96 != 0x2001_0000 && (bits >> 32) & 0xfdff_ffff != 0x5efe {
            prop_assert!(policy.permits(ip));
        } else if !(first..=last).contains(&bits) {
            prop_assert_eq!(policy.permits(ip), free);
        }
        prop_assert_eq!(policy.allow(last_ip, first_ip), first == last);
    }

    // attack: IPv4 hidden in IPv6
    #[test]
    fn a_wrapped_address_is_judged_by_what_it_wraps(bits in any::<u32>()) {
        let policy = PeerPolicy::default();
        let v4 = std::net::Ipv4Addr::from_bits(bits);
        let plain = policy.permits(IpAddr::V4(v4));
        prop_assert_eq!(policy.permits(IpAddr::V6(v4.to_ipv6_mapped())), plain);
        prop_assert_eq!(canonical(IpAddr::V6(v4.to_ipv6_mapped())), IpAddr::V4(v4));
        let wide = u128::from(bits);
        let nat64 = 0x0064_ff9b << 96 | wide;
        prop_assert_eq!(policy.permits(IpAddr::V6(Ipv6Addr::from_bits(nat64))), plain);
        let tunnel = 0x2002 << 112 | wide << 80 | 1;
        prop_assert!(!policy.permits(IpAddr::V6(Ipv6Addr::from_bits(tunnel))));
        let isatap = 0x2600 << 112 | 0x5efe << 32 | wide;
        prop_assert_eq!(policy.permits(IpAddr::V6(Ipv6Addr::from_bits(isatap))), plain);
    }
}
