//! A TURN server under arbitrary calls by clients that know their password, strangers, peers and
//! the driver: no panic, no port lost, no memory beyond the limits.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use antiphon_crypto::{CryptoProvider, Digest, HashAlgorithm, Hmac};
use antiphon_crypto_rust::RustCrypto;
use antiphon_stun::{Class, MessageView, MessageWriter, Method, TransactionId};
use antiphon_testkit::start;
use antiphon_turn::server::{
    Config, ConnectionId, Event, FiveTuple, IcmpError, Quotas, RelayAddress, RelayId, Server,
    StaticUsers, Transport,
};
use arbitrary::{Arbitrary, Unstructured};

/// One call. Attributes come as they are: the fuzzer writes them, the target signs them.
#[derive(Arbitrary, Debug)]
enum Call {
    Signed { client: u8, method: u8, attributes: Vec<(Kind, Vec<u8>)>, repeat: bool },
    Raw { client: u8, bytes: Vec<u8>, stride: u8 },
    Peer { relay: u8, peer: u8, bytes: Vec<u8>, stride: u8 },
    Icmp { relay: u8, peer: u8, kind: u8, code: u8, data: u32 },
    Opened { relay: u8, fails: bool },
    Accepted { relay: u8, peer: u8 },
    Connected { connection: u8, how: u8 },
    Closed { client: u8 },
    Wait(u16),
    Drain,
}

/// Mostly attributes that mean something.
#[derive(Arbitrary, Debug, Clone, Copy)]
enum Kind {
    Channel,
    Lifetime,
    Peer,
    Data,
    Family,
    Even,
    Transport,
    DontFragment,
    Reservation,
    Connection,
    Additional,
    Ticket,
    Any(u16),
}

impl Kind {
    const fn number(self) -> u16 {
        match self {
            Self::Channel => 0x000c,
            Self::Lifetime => 0x000d,
            Self::Peer => 0x0012,
            Self::Data => 0x0013,
            Self::Family => 0x0017,
            Self::Even => 0x0018,
            Self::Transport => 0x0019,
            Self::DontFragment => 0x001a,
            Self::Reservation => 0x0022,
            Self::Connection => 0x002a,
            Self::Additional => 0x8000,
            Self::Ticket => 0x8030,
            Self::Any(number) => number,
        }
    }
}

struct World {
    server: Server,
    now: Instant,
    relays: Vec<RelayId>,
    connections: Vec<ConnectionId>,
    nonces: Vec<Vec<u8>>,
    count: u32,
    key: Box<dyn Hmac>,
}

/// Bytes become calls.
pub fn run(data: &[u8]) {
    let mut input = Unstructured::new(data);
    let Ok(calls) = Vec::<Call>::arbitrary(&mut input) else { return };
    let mut world = World::new();
    for call in calls.iter().take(200) {
        world.apply(call);
        world.check();
    }
}

fn tuple(client: u8) -> FiveTuple {
    let transport = if client & 1 == 0 { Transport::Udp } else { Transport::Tcp };
    let client = SocketAddr::from(([203, 0, 113, client & 3], 1000));
    FiveTuple { client, server: SocketAddr::from(([192, 0, 2, 1], 3478)), transport }
}

fn peer(number: u8) -> SocketAddr {
    SocketAddr::from(([198, 41, 0, number & 7], 9000))
}

impl World {
    fn new() -> Self {
        let provider = Arc::new(RustCrypto::new());
        let mut users = StaticUsers::new();
        users.add(&*provider, "r", "u", "p").unwrap();
        let relays = vec![
            RelayAddress::new([198, 51, 100, 5].into()),
            RelayAddress::new("2001:db8::5".parse().unwrap()),
        ];
        let mut config = Config::new("r", relays, [1; 32]);
        config.ports = 50_000..=50_007;
        config.quotas = Quotas::new(Some(3));
        config.max_permissions = 8;
        config.max_channels = 8;
        config.max_connections = 3;
        config.max_output = 16;
        config.password_algorithms = false;
        let digest: Digest = provider.hash(HashAlgorithm::Md5, b"u:r:p").unwrap();
        let key = provider.hmac(HashAlgorithm::Sha1, digest.as_bytes()).unwrap();
        let unix = Duration::from_secs(1_800_000_000);
        let server =
            Server::new(config, Box::new(users), provider, [2; 32], start(), unix).unwrap();
        let (relays, connections, nonces) = (Vec::new(), Vec::new(), vec![Vec::new(); 4]);
        Self { server, now: start(), relays, connections, nonces, count: 0, key }
    }

    fn apply(&mut self, call: &Call) {
        let now = self.now;
        match call {
            Call::Signed { client, method, attributes, repeat } => {
                self.signed(*client, *method, attributes, *repeat);
            }
            Call::Raw { client, bytes, stride } => {
                let mut rest = &bytes[..];
                while !rest.is_empty() {
                    let step =
                        self.server.handle_batch(now, tuple(*client), rest, usize::from(*stride));
                    assert!(step.consumed > 0 && step.consumed <= rest.len());
                    rest = &rest[step.consumed..];
                }
            }
            Call::Peer { relay, peer: number, bytes, stride } => {
                let Some(relay) = self.pick(*relay) else { return };
                let stride = usize::from(*stride);
                let step = self.server.handle_relayed(now, relay, peer(*number), bytes, stride);
                assert!(step.consumed <= bytes.len());
                if let Ok(deliver) = step.outcome {
                    let mut out = vec![0; deliver.total()];
                    assert_eq!(deliver.write(bytes, &mut out).unwrap(), deliver.total());
                }
            }
            Call::Icmp { relay, peer: number, kind, code, data } => {
                let Some(relay) = self.pick(*relay) else { return };
                let (peer, kind, code, data) = (peer(*number), *kind, *code, *data);
                let _ = self.server.handle_icmp(now, relay, IcmpError { peer, kind, code, data });
            }
            Call::Opened { relay, fails } => {
                let Some(relay) = self.pick(*relay) else { return };
                if *fails {
                    self.server.relay_failed(now, relay);
                } else {
                    self.server.relay_opened(now, relay);
                }
            }
            Call::Accepted { relay, peer: number } => {
                let Some(relay) = self.pick(*relay) else { return };
                if let Ok(connection) = self.server.accepted(now, relay, peer(*number)) {
                    self.connections.push(connection);
                }
            }
            Call::Connected { connection, how } => {
                let len = self.connections.len().max(1);
                let Some(at) = self.connections.get(usize::from(*connection) % len) else { return };
                match how % 3 {
                    0 => self.server.connected(now, *at),
                    1 => self.server.connect_failed(now, *at),
                    _ => self.server.peer_closed(now, *at),
                }
            }
            Call::Closed { client } => self.server.client_closed(now, tuple(*client)),
            Call::Wait(seconds) => {
                self.now += Duration::from_secs(u64::from(*seconds));
                self.server.handle_timeout(self.now);
            }
            Call::Drain => self.server.drain(),
        }
    }

    fn pick(&self, number: u8) -> Option<RelayId> {
        self.relays.get(usize::from(number) % self.relays.len().max(1)).copied()
    }

    fn signed(&mut self, client: u8, method: u8, attributes: &[(Kind, Vec<u8>)], repeat: bool) {
        self.count += u32::from(!repeat);
        let mut id = [client; 12];
        id[..4].copy_from_slice(&self.count.to_be_bytes());
        let number = [3, 4, 8, 9, 10, 11][usize::from(method) % 6];
        let mut buf = vec![0; 4096];
        let method = Method::new(number).unwrap();
        let mut writer =
            MessageWriter::new(&mut buf, Class::Request, method, TransactionId(id)).unwrap();
        for (kind, value) in attributes.iter().take(16) {
            let value = &value[..value.len().min(64)];
            let _ = writer.attribute(kind.number(), value);
        }
        let nonce = &self.nonces[usize::from(client & 3)];
        writer.username(b"u").unwrap().realm(b"r").unwrap().nonce(nonce).unwrap();
        let sign = |parts: &[&[u8]]| self.key.sign(parts).prefix().unwrap();
        writer.message_integrity(sign).unwrap();
        let len = writer.finish();
        let _ = self.server.handle_input(self.now, tuple(client), &buf[..len]);
    }

    /// Fetches everything and counts.
    fn check(&mut self) {
        while let Some(event) = self.server.poll_event() {
            match event {
                Event::OpenRelay { relay, .. } => self.relays.push(relay),
                Event::Connect { connection, .. } => self.connections.push(connection),
                _ => {}
            }
        }
        let mut buf = [0; 1500];
        while let Some(sent) = self.server.poll_output(self.now, &mut buf).unwrap() {
            let view = MessageView::parse(&buf[..sent.len]).unwrap();
            if let (Some(nonce), SocketAddr::V4(at)) = (view.nonce(), sent.to.client) {
                self.nonces[usize::from(at.ip().octets()[3] & 3)] = nonce.to_vec();
            }
        }
        let sizes = self.server.sizes();
        let taken = sizes.relays + sizes.reservations;
        assert_eq!(sizes.free_ports + sizes.cooling_ports + taken, sizes.ports, "{sizes:?}");
        assert!(sizes.allocations <= 3 && sizes.tuples <= 6, "{sizes:?}");
        assert!(sizes.permissions <= 24 && sizes.channels <= 24 && sizes.connections <= 9);
        assert!(self.server.poll_timeout().is_none_or(|at| at > self.now));
    }
}
