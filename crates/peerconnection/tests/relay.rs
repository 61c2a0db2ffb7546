//! Connections through relays: TURN servers made of antiphon-turn's machine, on the simulated network.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::cast_possible_truncation,
    clippy::wildcard_enum_match_arm,
    reason = "a failed expectation is a failed test"
)]

mod common;

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use antiphon_crypto_rust::RustCrypto;
use antiphon_peerconnection::{
    DataChannelInit, Event, IceFailure, PeerConnection, TransportPolicy, TurnServer, TurnTransport,
};
use antiphon_testkit::netem::{NatConfig, Netem, Realm};
use antiphon_testkit::{Machine, Pair, Path, Random, Sent, start};
use antiphon_turn::server::{
    self, FiveTuple, Input, RelayAddress, RelayId, Server, StaticUsers, Transport,
};
use bytes::Bytes;
use common::{Call, MS, Peer, SECOND, address, config};

const SERVER: &str = "192.0.2.10:3478";
const RELAYED: &str = "198.41.0.9";

/// A TURN server with its sockets.
struct Relay {
    server: Server,
    open: Vec<(RelayId, SocketAddr)>,
    outbox: VecDeque<(Path, Vec<u8>)>,
}

impl Relay {
    fn new() -> Self {
        let listener: SocketAddr = SERVER.parse().unwrap();
        let relays = vec![RelayAddress::new(RELAYED.parse().unwrap())];
        let mut config = server::Config::new("lab", relays, [7; 32]);
        config.listeners = vec![listener];
        config.policy.allow_relay_to_relay(true);
        let mut users = StaticUsers::new();
        users.add(&RustCrypto::new(), "lab", "alice", "secret").unwrap();
        let provider = Arc::new(RustCrypto::new());
        let unix = Duration::from_secs(1_790_000_000);
        let server =
            Server::new(config, Box::new(users), provider, [3; 32], start(), unix).unwrap();
        Self { server, open: Vec::new(), outbox: VecDeque::new() }
    }

    fn act(&mut self, now: Instant) {
        let mut buf = [0; 2048];
        loop {
            while let Some(sent) = self.server.poll_output(now, &mut buf).unwrap() {
                let path = Path::new(sent.to.server, sent.to.client);
                self.outbox.push_back((path, buf[..sent.len].to_vec()));
            }
            match self.server.poll_event() {
                None => return,
                Some(server::Event::OpenRelay { relay, address, .. }) => {
                    self.open.push((relay, address));
                    self.server.relay_opened(now, relay);
                }
                Some(server::Event::CloseRelay { relay }) => {
                    self.open.retain(|(open, _)| *open != relay);
                }
                Some(_) => {}
            }
        }
    }
}

impl Machine for Relay {
    type Event = ();
    type Error = server::InputError;

    fn handle_input(
        &mut self,
        now: Instant,
        path: Path,
        datagram: &mut [u8],
    ) -> Result<(), server::InputError> {
        if path.local == SERVER.parse().unwrap() {
            let transport = Transport::Udp;
            let from = FiveTuple { client: path.remote, server: path.local, transport };
            let input = self.server.handle_input(now, from, datagram);
            if let Ok(Input::Relay(relay)) = &input {
                let path = Path::new(relay.relayed, relay.to);
                self.outbox.push_back((path, datagram[relay.run.payload(0)].to_vec()));
            }
            self.act(now);
            return input.map(drop);
        }
        let open = self.open.iter().find(|(_, address)| *address == path.local);
        let Some(relay) = open.map(|(relay, _)| *relay) else { return Ok(()) };
        let step = self.server.handle_relayed(now, relay, path.remote, datagram, datagram.len());
        let deliver = step.outcome?;
        let mut out = [0; 2048];
        let len = deliver.write(datagram, &mut out).unwrap();
        self.outbox
            .push_back((Path::new(deliver.to.server, deliver.to.client), out[..len].to_vec()));
        Ok(())
    }

    fn poll_output(&mut self, now: Instant, buf: &mut [u8]) -> Option<Sent> {
        self.act(now);
        let (path, bytes) = self.outbox.pop_front()?;
        buf[..bytes.len()].copy_from_slice(&bytes);
        Some(Sent { path, len: bytes.len(), segment_size: None })
    }

    fn poll_event(&mut self) -> Option<()> {
        None
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.server.handle_timeout(now);
        self.act(now);
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.server.poll_timeout()
    }
}

/// Two peers, each behind a NAT of that kind, and a relay in public.
fn call(nat: NatConfig, policy: TransportPolicy, password: &str, seed: u64) -> Call {
    let mut net = Netem::new(seed);
    let homes = [1, 2].map(|home| net.add_nat(Realm::PUBLIC, nat, [198, 41, 0, 10 + home].into()));
    for (side, home) in homes.into_iter().enumerate() {
        let host = net.add_host(home, &[address(side).ip()]);
        net.uplink(host).delay = 15 * MS;
    }
    let relay = net.add_host(
        Realm::PUBLIC,
        &[SERVER.parse::<SocketAddr>().unwrap().ip(), RELAYED.parse().unwrap()],
    );
    let peers = [0, 1].map(|side| {
        let mut config = config(side, seed);
        config.ice_transport_policy = policy;
        let seed = Random::new(seed * 2 + side as u64).seed();
        let mut connection = PeerConnection::new(config, seed, start()).unwrap();
        connection.add_turn_server(
            start(),
            TurnServer {
                address: SERVER.parse().unwrap(),
                transport: TurnTransport::Udp,
                username: "alice".into(),
                password: password.into(),
            },
        );
        Peer::new(connection, address(side))
    });
    let [a, b] = peers;
    let mut call = Call::of(Pair::on(net, start(), a, b));
    call.pair.attach(relay, Box::new(Relay::new()));
    call
}

fn path(call: &mut Call, side: usize) -> (SocketAddr, SocketAddr) {
    call.pc(side).stats().transport.selected_path.unwrap()
}

fn is_relay(address: SocketAddr) -> bool {
    address.ip() == RELAYED.parse::<IpAddr>().unwrap()
}

#[test]
fn peers_behind_symmetric_nats_talk_through_the_relay() {
    let mut call = call(NatConfig::symmetric(), TransportPolicy::All, "secret", 1);
    let [a, _] = call.connect_with_channel(DataChannelInit::default());
    for number in 0..200_u32 {
        let now = call.now();
        call.pc(0).send_binary(now, a, Bytes::from(number.to_be_bytes().repeat(500))).unwrap();
    }
    let end = call.pair.elapsed() + 20 * SECOND;
    assert!(call.run_until(end, |call| call.peer(1).messages.len() == 200));
    for side in 0..2 {
        let (local, remote) = path(&mut call, side);
        assert!(is_relay(local) || is_relay(remote), "{local} to {remote}");
    }
}

#[test]
fn with_relays_only_the_peer_sees_nothing_else() {
    let mut call = call(NatConfig::symmetric(), TransportPolicy::Relay, "secret", 2);
    call.connect_with_channel(DataChannelInit::default());
    call.run_for(5 * SECOND);
    for side in 0..2 {
        let (local, remote) = path(&mut call, side);
        assert!(is_relay(local) && is_relay(remote), "{local} to {remote}");
        let events = call.events(side);
        let candidates = events.iter().filter_map(|event| match event {
            Event::IceCandidate(candidate) => Some(&candidate.candidate),
            _ => None,
        });
        for candidate in candidates.filter(|candidate| !candidate.is_empty()) {
            assert!(candidate.contains("typ relay"), "{candidate}");
            assert!(!candidate.contains("203.0.113"), "{candidate}");
            assert!(!candidate.contains("198.41.0.1"), "{candidate}");
        }
    }
}

#[test]
fn a_wrong_password_is_an_error_event_and_the_cause_of_the_failure() {
    let mut call = call(NatConfig::symmetric(), TransportPolicy::Relay, "wrong", 3);
    call.pc(0).create_data_channel("chat", DataChannelInit::default()).unwrap();
    call.offer(0);
    call.run_for(120 * SECOND);
    for side in 0..2 {
        let events = call.events(side);
        assert!(events.iter().any(|event| matches!(
            event,
            Event::IceCandidateError { code: 401, server } if server.to_string() == SERVER
        )));
        let failures: Vec<&IceFailure> = events
            .iter()
            .filter_map(|event| match event {
                Event::IceFailure(failure) => Some(failure),
                _ => None,
            })
            .collect();
        assert!(matches!(failures[..], [IceFailure::TurnUnauthorized { .. }]), "{failures:?}");
    }
}

#[test]
fn an_hour_through_the_relay_keeps_allocation_permission_and_channel() {
    let mut call = call(NatConfig::symmetric(), TransportPolicy::Relay, "secret", 4);
    let [a, _] = call.connect_with_channel(DataChannelInit::default());
    for minute in 0..60_u32 {
        let now = call.now();
        call.pc(0).send_binary(now, a, Bytes::from(minute.to_be_bytes().to_vec())).unwrap();
        call.run_for(60 * SECOND);
        assert_eq!(call.peer(1).messages.len(), minute as usize + 1, "minute {minute}");
    }
}

#[test]
fn closing_gives_the_relayed_addresses_back() {
    let mut call = call(NatConfig::symmetric(), TransportPolicy::Relay, "secret", 5);
    call.connect_with_channel(DataChannelInit::default());
    let now = call.now();
    call.pc(0).close(now);
    call.run_for(2 * SECOND);
    // The peer was told through the relay, before that went.
    assert!(call.events(1).contains(&Event::Closed));
    for side in 0..2 {
        assert!(call.pc(side).is_closed());
    }
}
