//! Client, server and a peer that echoes, as hosts of the simulated network.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use antiphon_crypto_rust::RustCrypto;
use antiphon_testkit::netem::{Netem, Realm};
use antiphon_testkit::{Machine, Pair, Path, Sent, seed, start};
use antiphon_turn::client::{
    Client, Config, Credentials, Event, Framing, HEADROOM, Input, InputError, TAILROOM, WrapError,
};
use antiphon_turn::server::{
    self, FiveTuple, RelayAddress, RelayId, Server, StaticUsers, Transport,
};

pub(crate) const REALM: &str = "example.org";
pub(crate) const CLIENT: &str = "203.0.113.5:40000";
pub(crate) const SERVER: &str = "192.0.2.10:3478";
pub(crate) const RELAY: &str = "198.41.0.9";
pub(crate) const PEER: &str = "198.41.0.4:9000";

pub(crate) fn addr(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

pub(crate) fn password() -> Credentials {
    Credentials::Password { username: "ann".to_owned(), password: "secret".to_owned() }
}

pub(crate) fn config() -> Config {
    Config::new(addr(SERVER), Framing::Datagram, password())
}

pub(crate) fn client_with(config: Config) -> Client {
    Client::new(config, Arc::new(RustCrypto::new()), [5; 32], start()).unwrap()
}

pub(crate) fn server_config() -> server::Config {
    let relays = [RELAY, "2001:db8::9"];
    let relays = relays.iter().map(|ip| RelayAddress::new(ip.parse().unwrap())).collect();
    let mut config = server::Config::new(REALM, relays, [7; 32]);
    config.listeners = vec![addr(SERVER)];
    config
}

pub(crate) fn server_with(config: server::Config) -> Server {
    let provider = Arc::new(RustCrypto::new());
    let mut users = StaticUsers::new();
    users.add(&*provider, REALM, "ann", "secret").unwrap();
    let unix = Duration::from_secs(1_800_000_000);
    Server::new(config, Box::new(users), provider, [3; 32], start(), unix).unwrap()
}

/// A client with its socket, which remembers what peers said.
#[derive(Debug)]
pub(crate) struct ClientHost {
    pub(crate) client: Client,
    pub(crate) local: SocketAddr,
    pub(crate) received: Vec<(SocketAddr, Vec<u8>)>,
    outbox: VecDeque<Vec<u8>>,
}

impl ClientHost {
    pub(crate) fn new(client: Client) -> Self {
        Self { client, local: addr(CLIENT), received: vec![], outbox: VecDeque::new() }
    }

    /// Sends `payload` to `peer`; how many bytes of framing that cost.
    pub(crate) fn send(&mut self, peer: SocketAddr, payload: &[u8]) -> Result<usize, WrapError> {
        let mut buf = vec![0xaa; HEADROOM + payload.len() + TAILROOM];
        let range = HEADROOM..HEADROOM + payload.len();
        buf[range.clone()].copy_from_slice(payload);
        let range = self.client.wrap(peer, &mut buf, range)?;
        let cost = range.len() - payload.len();
        self.outbox.push_back(buf[range].to_vec());
        Ok(cost)
    }
}

impl Machine for ClientHost {
    type Event = Event;
    type Error = InputError;

    fn handle_input(
        &mut self,
        now: Instant,
        path: Path,
        datagram: &mut [u8],
    ) -> Result<(), InputError> {
        if let Input::Data { peer, payload } =
            self.client.handle_input(now, path.remote, datagram)?
        {
            self.received.push((peer, datagram[payload].to_vec()));
        }
        Ok(())
    }
    fn poll_output(&mut self, now: Instant, buf: &mut [u8]) -> Option<Sent> {
        let path = Path::new(self.local, self.client.server());
        if let Some(bytes) = self.outbox.pop_front() {
            buf[..bytes.len()].copy_from_slice(&bytes);
            return Some(Sent::to(path, bytes.len()));
        }
        let transmit = self.client.poll_output(now, buf).unwrap()?;
        Some(Sent::to(path, transmit.len))
    }
    fn poll_event(&mut self) -> Option<Event> {
        self.client.poll_event()
    }
    fn handle_timeout(&mut self, now: Instant) {
        self.client.handle_timeout(now);
    }
    fn poll_timeout(&self) -> Option<Instant> {
        self.client.poll_timeout()
    }
}

/// The server with its sockets.
pub(crate) struct ServerHost {
    pub(crate) server: Server,
    relays: Vec<(RelayId, SocketAddr)>,
    outbox: VecDeque<(Path, Vec<u8>)>,
}

impl ServerHost {
    pub(crate) fn new(server: Server) -> Self {
        Self { server, relays: vec![], outbox: VecDeque::new() }
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
                    self.relays.push((relay, address));
                    self.server.relay_opened(now, relay);
                }
                Some(server::Event::CloseRelay { relay }) => {
                    self.relays.retain(|(open, _)| *open != relay);
                }
                Some(_) => {}
            }
        }
    }
}

impl Machine for ServerHost {
    type Event = ();
    type Error = server::InputError;

    fn handle_input(
        &mut self,
        now: Instant,
        path: Path,
        datagram: &mut [u8],
    ) -> Result<(), server::InputError> {
        if path.local == addr(SERVER) {
            let transport = Transport::Udp;
            let from = FiveTuple { client: path.remote, server: path.local, transport };
            let input = self.server.handle_input(now, from, datagram);
            if let Ok(server::Input::Relay(relay)) = &input {
                let path = Path::new(relay.relayed, relay.to);
                self.outbox.push_back((path, datagram[relay.run.payload(0)].to_vec()));
            }
            self.act(now);
            return input.map(drop);
        }
        let relay =
            self.relays.iter().find(|(_, address)| *address == path.local).map(|(id, _)| *id);
        let Some(relay) = relay else { return Ok(()) };
        let step = self.server.handle_relayed(now, relay, path.remote, datagram, datagram.len());
        let deliver = step.outcome?;
        let mut out = [0; 2048];
        let len = deliver.write(datagram, &mut out).unwrap();
        let path = Path::new(deliver.to.server, deliver.to.client);
        self.outbox.push_back((path, out[..len].to_vec()));
        Ok(())
    }
    fn poll_output(&mut self, now: Instant, buf: &mut [u8]) -> Option<Sent> {
        self.act(now);
        let (path, bytes) = self.outbox.pop_front()?;
        buf[..bytes.len()].copy_from_slice(&bytes);
        Some(Sent::to(path, bytes.len()))
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

/// Answers each datagram with the same bytes, from the address it came to.
#[derive(Clone, Default)]
pub(crate) struct Echo {
    pub(crate) heard: Heard,
    outbox: VecDeque<(Path, Vec<u8>)>,
}

impl Machine for Echo {
    type Event = ();
    type Error = ();

    fn handle_input(&mut self, _: Instant, path: Path, datagram: &mut [u8]) -> Result<(), ()> {
        self.heard.lock().unwrap().push((path.remote, datagram.to_vec()));
        self.outbox.push_back((path, datagram.to_vec()));
        Ok(())
    }
    fn poll_output(&mut self, _: Instant, buf: &mut [u8]) -> Option<Sent> {
        let (path, bytes) = self.outbox.pop_front()?;
        buf[..bytes.len()].copy_from_slice(&bytes);
        Some(Sent::to(path, bytes.len()))
    }
    fn poll_event(&mut self) -> Option<()> {
        None
    }
    fn handle_timeout(&mut self, _: Instant) {}
    fn poll_timeout(&self) -> Option<Instant> {
        None
    }
}

pub(crate) type Heard = Arc<Mutex<Vec<(SocketAddr, Vec<u8>)>>>;

/// Client, server and echo, all in public.
pub(crate) fn world(
    client: Config,
    server: server::Config,
) -> (Pair<ClientHost, ServerHost>, Heard) {
    let mut net = Netem::new(seed(1));
    net.add_host(Realm::PUBLIC, &[addr(CLIENT).ip(), "203.0.113.77".parse().unwrap()]);
    net.add_host(Realm::PUBLIC, &[addr(SERVER).ip(), RELAY.parse().unwrap()]);
    let peer = net.add_host(Realm::PUBLIC, &[addr(PEER).ip()]);
    for host in 0..3 {
        net.uplink(host).delay = Duration::from_millis(10);
    }
    let client = ClientHost::new(client_with(client));
    let server = ServerHost::new(server_with(server));
    let mut pair = Pair::on(net, start(), client, server);
    let echo = Echo::default();
    let heard = Arc::clone(&echo.heard);
    pair.attach(peer, Box::new(echo));
    (pair, heard)
}

/// The same, with an allocation and a permission for the peer.
pub(crate) fn allocated(
    client: Config,
    server: server::Config,
) -> (Pair<ClientHost, ServerHost>, Heard) {
    let (mut pair, heard) = world(client, server);
    let now = pair.now();
    pair.a.machine.client.allocate(now).unwrap();
    assert!(
        pair.run_until_a(Duration::from_secs(5), |e| matches!(e, Event::Allocated(_))).is_some()
    );
    let now = pair.now();
    pair.a.machine.client.create_permission(now, addr(PEER).ip()).unwrap();
    let created = |e: &Event| matches!(e, Event::PermissionCreated { .. });
    assert!(pair.run_until_a(Duration::from_secs(10), created).is_some());
    (pair, heard)
}
