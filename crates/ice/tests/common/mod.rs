//! What the tests share: agents as machines of the test kit, signalling, a STUN server, and
//! messages made by hand.
#![allow(
    dead_code,
    unused_imports,
    unreachable_pub,
    clippy::wildcard_enum_match_arm,
    reason = "each test file uses a part of it, and looks at some events only"
)]

pub mod relay;
mod stun_server;

pub use stun_server::StunServer;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use antiphon_crypto::{CryptoProvider, HashAlgorithm};
use antiphon_crypto_rust::RustCrypto;
use antiphon_ice::{
    Agent, Candidate, Config, ConnectionState, Credentials, Event, InputError, Path, Role,
};
use antiphon_stun::{Class, MessageView, MessageWriter, Method, TransactionId};
use antiphon_testkit::{Machine, Pair, Random, Sent};

/// A provider whose randomness is reproducible.
pub fn provider(seed: u64) -> Arc<dyn CryptoProvider> {
    let random = Mutex::new(Random::new(seed));
    Arc::new(RustCrypto::with_entropy(move |out| {
        random.lock().unwrap().fill(out);
        Ok(())
    }))
}

pub fn config(role: Role, seed: u8) -> Config {
    Config::new(provider(u64::from(seed)), role)
}

pub fn addr(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

pub const A: &str = "203.0.113.1:5000";
pub const B: &str = "203.0.113.2:5000";

/// An agent on the test kit's network.
pub struct Peer(pub Agent);

impl Peer {
    pub fn new(config: Config, seed: u8, now: Instant) -> Self {
        Self(Agent::new(config, [seed; 32], now).unwrap())
    }

    /// With one socket, which is all it has.
    pub fn with_address(config: Config, seed: u8, now: Instant, addresses: &[&str]) -> Self {
        let mut peer = Self::new(config, seed, now);
        for address in addresses {
            peer.0.add_local_address(now, addr(address)).unwrap();
        }
        peer.0.end_of_local_addresses(now);
        peer
    }
}

impl AsMut<Agent> for Peer {
    fn as_mut(&mut self) -> &mut Agent {
        &mut self.0
    }
}

impl AsMut<Agent> for relay::RelayedPeer {
    fn as_mut(&mut self) -> &mut Agent {
        &mut self.agent
    }
}

impl Machine for Peer {
    type Event = Event;
    type Error = InputError;

    fn handle_input(
        &mut self,
        now: Instant,
        path: antiphon_testkit::Path,
        datagram: &mut [u8],
    ) -> Result<(), InputError> {
        self.0.handle_input(now, Path::new(path.local, path.remote), datagram)
    }

    fn poll_output(&mut self, now: Instant, buf: &mut [u8]) -> Option<Sent> {
        let sent = self.0.poll_output(now, buf).unwrap()?;
        let path = antiphon_testkit::Path::new(sent.path.local, sent.path.remote);
        Some(Sent::to(path, sent.len))
    }

    fn poll_event(&mut self) -> Option<Event> {
        self.0.poll_event()
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.0.handle_timeout(now);
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.0.poll_timeout()
    }
}

/// Offerer and answerer with one public address each, not signalled yet.
pub fn strangers(start: Instant) -> Pair<Peer> {
    strangers_with(start, config(Role::Controlling, 1), config(Role::Controlled, 2))
}

pub fn strangers_with(start: Instant, a: Config, b: Config) -> Pair<Peer> {
    Pair::new(start, Peer::with_address(a, 1, start, &[A]), Peer::with_address(b, 2, start, &[B]))
}

/// Tells each side the other's credentials.
pub fn exchange_credentials(pair: &mut Pair<Peer>) {
    let now = pair.now();
    let (a, b) = (credentials(&pair.a.machine), credentials(&pair.b.machine));
    pair.a.machine.0.set_remote_credentials(now, b).unwrap();
    pair.b.machine.0.set_remote_credentials(now, a).unwrap();
}

pub fn credentials(peer: &Peer) -> Credentials {
    peer.0.local_credentials().clone()
}

/// Tells each side the other's candidates so far, as text, and that there are no more.
pub fn exchange_candidates(pair: &mut Pair<Peer>) {
    let now = pair.now();
    let (a, b) = (candidates(&pair.a.machine), candidates(&pair.b.machine));
    b.into_iter().for_each(|text| add(&mut pair.a.machine, now, &text));
    a.into_iter().for_each(|text| add(&mut pair.b.machine, now, &text));
    pair.a.machine.0.end_of_remote_candidates(now);
    pair.b.machine.0.end_of_remote_candidates(now);
}

pub fn signal(pair: &mut Pair<Peer>) {
    exchange_credentials(pair);
    exchange_candidates(pair);
}

pub fn candidates(peer: &Peer) -> Vec<String> {
    peer.0.local_candidates().map(ToString::to_string).collect()
}

pub fn add(peer: &mut Peer, now: Instant, text: &str) {
    peer.0.add_remote_candidate(now, text.parse().unwrap()).unwrap();
}

/// Two agents that are connected and completed.
pub fn connected(start: Instant) -> Pair<Peer> {
    let mut pair = strangers(start).with_delay(Duration::from_millis(20));
    signal(&mut pair);
    pair.run_for(Duration::from_secs(1));
    assert_eq!(state(&pair), [ConnectionState::Completed; 2]);
    pair
}

/// Runs with trickling: every 10 ms each side hears of the candidates that the other found.
pub struct Trickle {
    seen: [usize; 2],
}

impl Trickle {
    pub fn new() -> Self {
        Self { seen: [0; 2] }
    }

    pub fn run_for<M>(&mut self, pair: &mut Pair<M>, time: Duration)
    where
        M: Machine<Event = Event> + AsMut<Agent>,
    {
        let end = pair.elapsed() + time;
        while pair.elapsed() < end {
            let step = pair.elapsed() + Duration::from_millis(10);
            pair.run_until(step.min(end));
            let now = pair.now();
            let news = |events: &[(Duration, Event)], seen: usize| -> Vec<Candidate> {
                let news = events.iter().skip(seen).map(|(_, event)| event);
                news.filter_map(|event| match event {
                    Event::LocalCandidate(candidate) => Some(candidate.clone()),
                    _ => None,
                })
                .collect()
            };
            for candidate in news(&pair.a.events, self.seen[0]) {
                let _ = pair.b.machine.as_mut().add_remote_candidate(now, candidate);
            }
            for candidate in news(&pair.b.events, self.seen[1]) {
                let _ = pair.a.machine.as_mut().add_remote_candidate(now, candidate);
            }
            self.seen = [pair.a.events.len(), pair.b.events.len()];
        }
    }
}

pub fn state(pair: &Pair<Peer>) -> [ConnectionState; 2] {
    [pair.a.machine.0.state(), pair.b.machine.0.state()]
}

pub fn states(events: &[(Duration, Event)]) -> Vec<(Duration, ConnectionState)> {
    events
        .iter()
        .filter_map(|(at, event)| match event {
            Event::State(state) => Some((*at, *state)),
            _ => None,
        })
        .collect()
}

/// When the side reached the state first.
pub fn when(events: &[(Duration, Event)], wanted: ConnectionState) -> Option<Duration> {
    states(events).into_iter().find(|(_, state)| *state == wanted).map(|(at, _)| at)
}

/// MESSAGE-INTEGRITY under a password.
pub fn tag(pwd: &str, parts: &[&[u8]]) -> [u8; 20] {
    let key = RustCrypto::new().hmac(HashAlgorithm::Sha1, pwd.as_bytes()).unwrap();
    key.sign(parts).prefix().unwrap()
}

/// A check as a peer would send it, with everything that may be wrong with it.
#[derive(Clone)]
pub struct Request {
    pub username: Option<String>,
    pub pwd: Option<String>,
    pub priority: Option<u32>,
    pub controlling: Option<u64>,
    pub controlled: Option<u64>,
    pub use_candidate: bool,
    pub unknown: Option<u16>,
    pub fingerprint: bool,
    pub id: [u8; 12],
}

impl Request {
    /// A flawless check from the controlling agent `from` to `to`.
    pub fn new(from: &Credentials, to: &Credentials) -> Self {
        Self {
            username: Some(format!("{}:{}", to.ufrag(), from.ufrag())),
            pwd: Some(to.pwd().to_owned()),
            priority: Some(0x6eff_ffff),
            controlling: Some(1),
            controlled: None,
            use_candidate: false,
            unknown: None,
            fingerprint: true,
            id: [9; 12],
        }
    }

    pub fn bytes(&self) -> Vec<u8> {
        let mut buf = [0; 1200];
        let id = TransactionId(self.id);
        let mut writer = MessageWriter::new(&mut buf, Class::Request, Method::BINDING, id).unwrap();
        if let Some(username) = &self.username {
            writer.username(username.as_bytes()).unwrap();
        }
        if let Some(priority) = self.priority {
            writer.priority(priority).unwrap();
        }
        if let Some(tie_breaker) = self.controlling {
            writer.ice_controlling(tie_breaker).unwrap();
        }
        if let Some(tie_breaker) = self.controlled {
            writer.ice_controlled(tie_breaker).unwrap();
        }
        if self.use_candidate {
            writer.use_candidate().unwrap();
        }
        if let Some(kind) = self.unknown {
            writer.attribute(kind, b"what").unwrap();
        }
        if let Some(pwd) = &self.pwd {
            writer.message_integrity(|parts| tag(pwd, parts)).unwrap();
        }
        if self.fingerprint {
            writer.fingerprint().unwrap();
        }
        let len = writer.finish();
        buf[..len].to_vec()
    }
}

/// A nomination with NOMINATION (0x0030), well-formed or not.
pub fn numbered_nomination(check: &Request, number: Option<&[u8]>) -> Vec<u8> {
    let mut buf = [0; 1200];
    let id = TransactionId(check.id);
    let mut writer = MessageWriter::new(&mut buf, Class::Request, Method::BINDING, id).unwrap();
    writer.username(check.username.as_ref().unwrap().as_bytes()).unwrap();
    writer.priority(check.priority.unwrap()).unwrap();
    writer.ice_controlling(check.controlling.unwrap()).unwrap();
    writer.use_candidate().unwrap();
    if let Some(number) = number {
        writer.attribute(0x0030, number).unwrap();
    }
    let pwd = check.pwd.as_ref().unwrap();
    writer.message_integrity(|parts| tag(pwd, parts)).unwrap().fingerprint().unwrap();
    let len = writer.finish();
    buf[..len].to_vec()
}

/// A response to a request, protected with a password, from the point of view of its sender.
pub fn success(request: &[u8], mapped: SocketAddr, pwd: &str) -> Vec<u8> {
    let id = MessageView::parse(request).unwrap().transaction_id();
    let mut buf = [0; 200];
    let mut writer = MessageWriter::new(&mut buf, Class::Success, Method::BINDING, id).unwrap();
    writer.xor_mapped_address(mapped).unwrap();
    writer.message_integrity(|parts| tag(pwd, parts)).unwrap().fingerprint().unwrap();
    let len = writer.finish();
    buf[..len].to_vec()
}

pub fn error(request: &[u8], code: u16, pwd: Option<&str>) -> Vec<u8> {
    let id = MessageView::parse(request).unwrap().transaction_id();
    let mut buf = [0; 200];
    let mut writer = MessageWriter::new(&mut buf, Class::Error, Method::BINDING, id).unwrap();
    writer.error_code(code, "").unwrap();
    if let Some(pwd) = pwd {
        writer.message_integrity(|parts| tag(pwd, parts)).unwrap();
    }
    writer.fingerprint().unwrap();
    let len = writer.finish();
    buf[..len].to_vec()
}

/// One agent whose peer is the test itself.
pub struct Alone {
    pub agent: Agent,
    pub now: Instant,
    pub theirs: Credentials,
    pub path: Path,
}

impl Alone {
    /// With one socket at `A`; the peer at `B` has one candidate.
    pub fn new(role: Role) -> Self {
        let mut alone = Self::without_candidate(role);
        alone.signal("candidate:1 1 udp 2130706431 203.0.113.2 5000 typ host");
        alone
    }

    /// The peer's credentials are known, its candidates are not.
    pub fn without_candidate(role: Role) -> Self {
        let mut alone = Self::unsignalled(role);
        alone.agent.set_remote_credentials(alone.now, alone.theirs.clone()).unwrap();
        alone
    }

    pub fn unsignalled(role: Role) -> Self {
        Self::configured(config(role, 1))
    }

    pub fn configured(config: Config) -> Self {
        let now = antiphon_testkit::start();
        let mut agent = Agent::new(config, [1; 32], now).unwrap();
        agent.add_local_address(now, addr(A)).unwrap();
        agent.end_of_local_addresses(now);
        let theirs = Credentials::new("peer", "peerspasswordpeerspassword").unwrap();
        Self { agent, now, theirs, path: Path::new(addr(A), addr(B)) }
    }

    pub fn signal(&mut self, candidate: &str) {
        self.agent.add_remote_candidate(self.now, candidate.parse().unwrap()).unwrap();
    }

    pub fn wait(&mut self, time: Duration) {
        self.now += time;
        self.agent.handle_timeout(self.now);
    }

    /// The next datagram, if one is due.
    pub fn sent(&mut self) -> Option<(Path, Vec<u8>)> {
        let mut buf = [0; antiphon_ice::MAX_OUTPUT];
        let sent = self.agent.poll_output(self.now, &mut buf).unwrap()?;
        Some((sent.path, buf[..sent.len].to_vec()))
    }

    pub fn drain(&mut self) -> Vec<(Path, Vec<u8>)> {
        std::iter::from_fn(|| self.sent()).collect()
    }

    /// Waits out the pause that all transactions keep, if that is all that holds the next one back.
    pub fn skip_floor(&mut self) {
        let next = self.agent.poll_timeout();
        if next.is_some_and(|next| next > self.now && next <= self.now + Duration::from_millis(5)) {
            self.wait(Duration::from_millis(5));
        }
    }

    /// The next datagram, which is a request.
    pub fn request(&mut self) -> (Path, Vec<u8>) {
        let sent = self.sent().or_else(|| {
            self.skip_floor();
            self.sent()
        });
        let (path, bytes) = sent.expect("a request is due");
        assert_eq!(MessageView::parse(&bytes).unwrap().class(), Class::Request);
        (path, bytes)
    }

    pub fn receive(&mut self, path: Path, bytes: &[u8]) -> Result<(), InputError> {
        self.agent.handle_input(self.now, path, bytes)
    }

    /// A flawless check of the peer.
    pub fn check(&self) -> Request {
        let mut request = Request::new(&self.theirs, self.agent.local_credentials());
        if self.agent.role() == Role::Controlling {
            request.controlling = None;
            request.controlled = Some(1);
        }
        request
    }

    /// Answers a request of the agent as the peer would.
    pub fn answer(&mut self, path: Path, request: &[u8]) -> Result<(), InputError> {
        let response = success(request, path.local, self.theirs.pwd());
        self.receive(path, &response)
    }

    /// The states since the last call.
    pub fn states(&mut self) -> Vec<ConnectionState> {
        std::iter::from_fn(|| self.agent.poll_event())
            .filter_map(|event| match event {
                Event::State(state) => Some(state),
                _ => None,
            })
            .collect()
    }
}

pub fn view(bytes: &[u8]) -> MessageView<'_> {
    MessageView::parse(bytes).unwrap()
}

pub fn class(bytes: &[u8]) -> Class {
    view(bytes).class()
}

pub fn code(bytes: &[u8]) -> Option<u16> {
    view(bytes).error_code().map(|error| error.code())
}

pub fn is_authentic(bytes: &[u8], pwd: &str) -> bool {
    view(bytes).verify_message_integrity(|parts| tag(pwd, parts)).is_ok()
}

/// An agent with a valid pair, and a nominated one if it controls.
pub fn nominated(role: Role) -> Alone {
    let mut alone = Alone::new(role);
    let (path, check) = alone.request();
    alone.answer(path, &check).unwrap();
    if role == Role::Controlling {
        let (path, nomination) = alone.request();
        assert!(view(&nomination).use_candidate());
        alone.answer(path, &nomination).unwrap();
    } else {
        let mut check = alone.check();
        check.use_candidate = true;
        alone.receive(alone.path, &check.bytes()).unwrap();
    }
    alone.drain();
    assert!(alone.agent.stats().selected.unwrap().nominated);
    alone.agent.end_of_remote_candidates(alone.now);
    assert_eq!(alone.agent.state(), ConnectionState::Completed);
    alone
}
