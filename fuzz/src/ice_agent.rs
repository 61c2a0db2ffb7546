//! An ICE agent and a peer that knows its password: any calls, any messages, any time.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use antiphon_crypto::{CryptoProvider as _, HashAlgorithm, Hmac};
use antiphon_crypto_rust::RustCrypto;
use antiphon_ice::{
    Agent, Candidate, Config, Credentials, LocalAddress, MAX_OUTPUT, Path, RelayProtocol,
    Renomination, Role, ServerError, ServerErrorKind, TcpType,
};
use antiphon_stun::{Class, MessageView, MessageWriter, Method, TransactionId};

const OURS: &str = "ourpasswordourpassword";
const THEIRS: &str = "theirpasswordtheirpassword";

/// Runs the target over `data`.
///
/// Each step is a byte that names a call and the bytes it takes; see `World::step`.
pub fn run(data: &[u8]) {
    let mut input = Input(data);
    let mut world = World::new(input.byte());
    while !input.0.is_empty() {
        world.step(&mut input);
    }
    world.drain();
}

struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    fn bytes(&mut self) -> &'a [u8] {
        let len = usize::from(self.byte()).min(self.0.len());
        let (bytes, rest) = self.0.split_at(len);
        self.0 = rest;
        bytes
    }

    fn wide(&mut self) -> u32 {
        u32::from_be_bytes([self.byte(), self.byte(), self.byte(), self.byte()])
    }
}

struct World {
    agent: Agent,
    now: Instant,
    ours: Box<dyn Hmac>,
    theirs: Box<dyn Hmac>,
    /// The latest requests of the agent.
    requests: Vec<(Path, TransactionId)>,
}

fn address(byte: u8) -> SocketAddr {
    SocketAddr::from(([203, 0, 113, 2 + byte % 4], 5000 + u16::from(byte / 4)))
}

fn local(byte: u8) -> SocketAddr {
    SocketAddr::from(([203, 0, 113, 100 + byte % 3], 4000))
}

impl World {
    fn new(options: u8) -> Self {
        let provider = Arc::new(RustCrypto::with_entropy(|out| {
            out.fill(0x5a);
            Ok(())
        }));
        let role = if options & 1 == 0 { Role::Controlling } else { Role::Controlled };
        let mut config = Config::new(provider.clone(), role);
        config.max_pairs = usize::from(options >> 4) + 1;
        config.tcp = options & 4 != 0;
        config.renomination = options & 4 != 0;
        config.continual_gathering = options & 4 != 0;
        config.max_connections = 4;
        config.lite = options & 12 == 8;
        config.stun_servers = vec![SocketAddr::from(([192, 0, 2, 1], 3478))];
        let now = antiphon_testkit::start();
        let credentials = Credentials::new("ours", OURS).unwrap();
        let mut agent = Agent::with_credentials(config, credentials, [7; 32], now).unwrap();
        agent.add_local_address(now, local(0)).unwrap();
        if options & 2 == 0 {
            let theirs = Credentials::new("theirs", THEIRS).unwrap();
            agent.set_remote_credentials(now, theirs).unwrap();
        }
        let key = |pwd: &str| provider.hmac(HashAlgorithm::Sha1, pwd.as_bytes()).unwrap();
        Self { agent, now, ours: key(OURS), theirs: key(THEIRS), requests: Vec::new() }
    }

    fn step(&mut self, input: &mut Input<'_>) {
        let now = self.now;
        match input.byte() % 16 {
            0 => self.receive(input.byte(), input.bytes()),
            1 | 2 => self.check(input),
            3 | 4 => self.answer(input),
            5 | 6 => {
                self.poll();
            }
            7 => self.now += Duration::from_millis(u64::from(input.byte())),
            8 => {
                self.now += Duration::from_millis(u64::from(input.byte()) * 250);
                self.agent.handle_timeout(self.now);
            }
            9 => {
                if let Ok(candidate) = String::from_utf8_lossy(input.bytes()).parse::<Candidate>() {
                    assert_eq!(candidate.to_string().parse(), Ok(candidate.clone()));
                    let _ = self.agent.add_remote_candidate(now, candidate);
                }
            }
            10 => {
                let text = format!(
                    "candidate:{} 1 udp {} {} {} typ host",
                    input.byte() % 4,
                    (input.wide() >> 1).max(1),
                    address(input.0.first().copied().unwrap_or(0)).ip(),
                    address(input.byte()).port(),
                );
                let _ = self.agent.add_remote_candidate(now, text.parse().unwrap());
            }
            11 => {
                let _ = self.agent.add_local_address(now, local(input.byte()));
            }
            12 => self.agent.remove_local_address(now, local(input.byte())),
            13 => {
                let theirs = Credentials::new("theirs", THEIRS).unwrap();
                let _ = self.agent.set_remote_credentials(now, theirs);
            }
            14 => match input.byte() {
                kind @ 64..128 => self.versatile(kind, input),
                kind => self.command(kind),
            },
            _ => drop(self.agent.poll_event()),
        }
        let stats = self.agent.stats();
        assert!(stats.pairs <= 16);
        assert_eq!(self.agent.pair_stats().count(), stats.pairs);
        assert!(self.agent.trace_entries().count() <= 64);
        assert_eq!(stats.selected.map(|pair| pair.path), self.agent.selected_path());
    }

    fn command(&mut self, byte: u8) {
        let now = self.now;
        match byte % 8 {
            0 => self.agent.end_of_local_addresses(now),
            1 => self.agent.end_of_remote_candidates(now),
            2 => {
                // The peer knows the password of the new generation, too.
                let credentials = Credentials::new("ours", OURS).unwrap();
                self.agent.restart_with(now, credentials).unwrap();
            }
            3 => drop(self.agent.restart(now).map(|_| ())),
            4 => self.agent.set_role(now, self.agent.role().opposite()),
            5 => self.agent.set_remote_lite(now, byte & 8 != 0),
            6 => self.agent.set_remote_pacing(now, Duration::from_millis(u64::from(byte))),
            _ if byte == 255 => self.agent.close(now),
            _ => {
                let server = SocketAddr::from(([192, 0, 2, byte], 3478));
                let _ = self.agent.add_stun_server(now, server);
            }
        }
    }

    /// Relays, TCP, names, nominations from outside, and what the owner has to say.
    fn versatile(&mut self, kind: u8, input: &mut Input<'_>) {
        const NAME: &str = "1f4712db-ea17-4bcf-a596-105139dfd8bf.local";
        let (now, byte) = (self.now, input.byte());
        let relay = SocketAddr::from(([192, 0, 2, 50], 50_000 + u16::from(byte % 2)));
        let peer = address(byte);
        let tcp = Path::tcp(local(byte >> 6), peer);
        let agent = &mut self.agent;
        match kind % 16 {
            0 => {
                let server = SocketAddr::from(([192, 0, 2, 50], 3478));
                let relayed = LocalAddress::relayed(relay, server, RelayProtocol::Tcp);
                let _ = agent.add_local_address(now, relayed);
            }
            1 => {
                let kinds = [TcpType::Active, TcpType::Passive, TcpType::SimultaneousOpen];
                let tcp_type = kinds[usize::from(byte) % 3];
                let _ = agent.add_local_address(now, LocalAddress::tcp(local(byte), tcp_type));
            }
            2 => agent.permission_granted(now, relay, peer.ip()),
            3 => agent.permission_refused(now, relay, peer.ip()),
            4 => agent.connection_established(now, tcp),
            5 => agent.connection_failed(now, tcp),
            6 => drop(agent.nominate(now, Path::new(local(byte >> 6), peer))),
            7 => agent.path_unreachable(now, Path::new(local(byte >> 6), peer)),
            8 => agent.name_resolved(now, NAME, (byte & 1 == 0).then(|| peer.ip())),
            9 => agent.remove_local(now, tcp.local, tcp.protocol),
            10 => {
                agent.set_remote_renomination(now, (byte & 1 == 0).then_some(Renomination::Draft))
            }
            11 => {
                let kind = ServerErrorKind::Other { code: u16::from(byte) };
                agent.report_server_error(now, ServerError { server: None, kind });
            }
            12 => {
                let query = Path::new(local(byte), relay);
                let _ = agent.add_reflexive_address(now, query, peer);
            }
            13 | 14 => {
                let texts = [
                    format!("candidate:5 1 udp 100 {NAME} 5000 typ host"),
                    format!("candidate:6 1 tcp 90 {} 7 typ host tcptype passive", peer.ip()),
                    format!("candidate:7 1 tcp 80 {} 7 typ host tcptype so", peer.ip()),
                    format!("candidate:8 1 tcp 70 {} 9 typ host tcptype active", peer.ip()),
                ];
                let text = &texts[usize::from(byte) % 4];
                let _ = agent.add_remote_candidate(now, text.parse().unwrap());
            }
            _ => drop(agent.diagnose(now).to_string()),
        }
    }

    fn receive(&mut self, from: u8, datagram: &[u8]) {
        let mut path = Path::new(local(from >> 6), address(from));
        if datagram.last().is_some_and(|byte| byte & 7 == 0) {
            path = Path::tcp(path.local, path.remote);
        }
        self.agent.handle_timeout(self.now);
        let settled = self.agent.poll_timeout();
        if self.agent.handle_input(self.now, path, datagram).is_err() {
            assert_eq!(self.agent.poll_timeout(), settled, "a refused datagram changes nothing");
        }
        let _ = self.agent.may_receive_from(path);
    }

    /// An authentic request of the peer, with any attribute in front.
    fn check(&mut self, input: &mut Input<'_>) {
        let (from, flags) = (input.byte(), input.byte());
        let mut buf = [0; 1500];
        let id = TransactionId([input.byte(); 12]);
        let mut writer = MessageWriter::new(&mut buf, Class::Request, Method::BINDING, id).unwrap();
        let username: &[u8] = if flags & 1 == 0 { b"ours:theirs" } else { b"ours:others" };
        writer.username(username).unwrap();
        if flags & 2 == 0 {
            writer.priority(input.wide()).unwrap();
        }
        if flags & 4 == 0 {
            writer.ice_controlling(u64::from(input.wide()) << 32).unwrap();
        }
        if flags & 8 != 0 {
            writer.ice_controlled(u64::from(input.wide()) << 32).unwrap();
        }
        if flags & 16 != 0 {
            writer.use_candidate().unwrap();
        }
        if flags & 32 != 0 {
            let kind = u16::from_be_bytes([input.byte(), input.byte()]);
            let _ = writer.attribute(kind, input.bytes());
        }
        let ours = &self.ours;
        writer.message_integrity(|parts| ours.sign(parts).prefix().unwrap()).unwrap();
        writer.fingerprint().unwrap();
        let len = writer.finish();
        self.receive(from, &buf[..len]);
    }

    /// An authentic response of the peer, or of a STUN server.
    fn answer(&mut self, input: &mut Input<'_>) {
        let (pick, kind) = (input.byte(), input.byte());
        let len = self.requests.len().max(1);
        let Some((path, id)) = self.requests.get(usize::from(pick) % len).copied() else { return };
        let class = if kind & 3 == 0 { Class::Error } else { Class::Success };
        let mut buf = [0; 200];
        let mut writer = MessageWriter::new(&mut buf, class, Method::BINDING, id).unwrap();
        match class {
            Class::Error => {
                let code = if kind & 4 == 0 { 487 } else { 300 + u16::from(input.byte()) };
                writer.error_code(code, "").unwrap();
            }
            _ if kind & 8 != 0 => {
                writer.xor_mapped_address(address(input.byte())).unwrap();
            }
            _ => {
                writer.xor_mapped_address(path.local).unwrap();
            }
        }
        let theirs = &self.theirs;
        writer.message_integrity(|parts| theirs.sign(parts).prefix().unwrap()).unwrap();
        writer.fingerprint().unwrap();
        let len = writer.finish();
        let from = if kind & 16 == 0 { path } else { Path::new(path.local, address(input.byte())) };
        let _ = self.agent.handle_input(self.now, from, &buf[..len]);
    }

    fn poll(&mut self) -> bool {
        let mut buf = [0; MAX_OUTPUT];
        let Some(sent) = self.agent.poll_output(self.now, &mut buf).unwrap() else { return false };
        let message = MessageView::parse(&buf[..sent.len]).unwrap();
        if message.class() == Class::Request {
            self.requests.push((sent.path, message.transaction_id()));
            if self.requests.len() > 16 {
                self.requests.remove(0);
            }
        }
        true
    }

    /// An idle agent is silent, and says when it wants to be called.
    fn drain(&mut self) {
        self.agent.handle_timeout(self.now);
        let mut sent = 0;
        while self.poll() {
            sent += 1;
            assert!(sent < 1000, "an endless stream");
        }
        while self.agent.poll_event().is_some() {}
        let next = self.agent.poll_timeout();
        assert!(next.is_none_or(|next| next > self.now), "a busy loop");
    }
}
