//! A server with a driver that opens whatever it is asked to, and a client that is a script.

use std::net::SocketAddr;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::time::{Duration, Instant};

use antiphon_crypto::{CryptoProvider, HashAlgorithm};
use antiphon_crypto_rust::RustCrypto;
use antiphon_stun::{Class, MessageView, MessageWriter, Method, TransactionId, attribute as stun};
use antiphon_testkit::start;
use antiphon_turn::server::{
    Config, CredentialStore, Event, FiveTuple, RelayAddress, RelayId, Server, StaticUsers,
    Transport,
};
use antiphon_turn::wire::attribute::Protocol;
use antiphon_turn::wire::{TurnMessage as _, TurnWriter};

pub(crate) const REALM: &str = "example.org";
pub(crate) const UNIX: Duration = Duration::from_secs(1_800_000_000);
pub(crate) const PEER: &str = "198.41.0.4:9000";
pub(crate) const PEER6: &str = "[2600::7]:9000";
pub(crate) const SERVER: &str = "192.0.2.10:3478";

pub(crate) fn addr(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

pub(crate) fn udp(client: &str) -> FiveTuple {
    FiveTuple { client: addr(client), server: addr(SERVER), transport: Transport::Udp }
}

pub(crate) fn tcp(client: &str) -> FiveTuple {
    FiveTuple { transport: Transport::Tcp, ..udp(client) }
}

pub(crate) fn config() -> Config {
    let relays = ["198.51.100.5", "2001:db8::5"];
    let relays = relays.iter().map(|ip| RelayAddress::new(ip.parse().unwrap())).collect();
    let mut config = Config::new(REALM, relays, [7; 32]);
    config.listeners = vec![addr(SERVER)];
    config
}

pub(crate) fn users() -> StaticUsers {
    let provider = RustCrypto::new();
    let mut users = StaticUsers::new();
    users.add(&provider, REALM, "ann", "secret").unwrap();
    users.add(&provider, REALM, "bob", "hush").unwrap();
    users
}

/// A response or indication, owned.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    pub(crate) to: FiveTuple,
    pub(crate) bytes: Vec<u8>,
}

impl Message {
    pub(crate) fn view(&self) -> MessageView<'_> {
        MessageView::parse(&self.bytes).unwrap()
    }

    /// 200 for success, the code of an error otherwise.
    pub(crate) fn code(&self) -> u16 {
        let view = self.view();
        match view.class() {
            Class::Success => 200,
            Class::Error => view.error_code().unwrap().code(),
            Class::Request | Class::Indication => panic!("not a response"),
        }
    }
}

/// The server and its driver.
pub(crate) struct World {
    pub(crate) server: Server,
    pub(crate) now: Instant,
    pub(crate) events: Vec<Event>,
    pub(crate) open: Vec<(RelayId, SocketAddr, Protocol)>,
    /// Whether sockets open at once.
    pub(crate) opens: bool,
    /// Sockets that were asked for and did not.
    pub(crate) pending: Vec<RelayId>,
}

impl Deref for World {
    type Target = Server;
    fn deref(&self) -> &Server {
        &self.server
    }
}

impl DerefMut for World {
    fn deref_mut(&mut self) -> &mut Server {
        &mut self.server
    }
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with(config())
    }

    pub(crate) fn with(config: Config) -> Self {
        Self::with_store(config, Box::new(users()))
    }

    pub(crate) fn with_store(config: Config, store: Box<dyn CredentialStore>) -> Self {
        let provider = Arc::new(RustCrypto::new());
        let server = Server::new(config, store, provider, [3; 32], start(), UNIX).unwrap();
        Self {
            server,
            now: start(),
            events: Vec::new(),
            open: Vec::new(),
            opens: true,
            pending: Vec::new(),
        }
    }

    pub(crate) fn pass(&mut self, time: Duration) {
        self.now += time;
        self.server.handle_timeout(self.now);
        self.drive();
    }

    /// Does what events ask for.
    pub(crate) fn drive(&mut self) {
        while let Some(event) = self.server.poll_event() {
            if let Event::CloseRelay { relay } = &event {
                self.open.retain(|(open, _, _)| open != relay);
            }
            if let Event::OpenRelay { relay, address, protocol } = &event {
                self.open.push((*relay, *address, *protocol));
                if self.opens {
                    self.server.relay_opened(self.now, *relay);
                } else {
                    self.pending.push(*relay);
                }
            }
            self.events.push(event);
        }
    }

    pub(crate) fn input(&mut self, from: FiveTuple, bytes: &[u8]) -> Vec<Message> {
        let _ = self.server.handle_input(self.now, from, bytes);
        self.drive();
        self.output()
    }

    pub(crate) fn output(&mut self) -> Vec<Message> {
        let mut messages = Vec::new();
        let mut buf = [0; 2048];
        while let Some(sent) = self.server.poll_output(self.now, &mut buf).unwrap() {
            messages.push(Message { to: sent.to, bytes: buf[..sent.len].to_vec() });
        }
        messages
    }

    pub(crate) fn relay(&self, address: SocketAddr) -> RelayId {
        self.open.iter().find(|(_, open, _)| *open == address).unwrap().0
    }
}

/// A client's side of one 5-tuple.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    pub(crate) at: FiveTuple,
    pub(crate) username: String,
    pub(crate) password: String,
    pub(crate) realm: String,
    pub(crate) nonce: Vec<u8>,
    pub(crate) sha256: bool,
    pub(crate) count: u32,
    /// The key itself instead of one from the password.
    pub(crate) raw_key: Option<Vec<u8>>,
}

impl Client {
    pub(crate) fn new(at: FiveTuple) -> Self {
        Self {
            at,
            username: "ann".into(),
            password: "secret".into(),
            realm: REALM.into(),
            nonce: Vec::new(),
            sha256: false,
            count: 0,
            raw_key: None,
        }
    }

    pub(crate) fn bob(at: FiveTuple) -> Self {
        Self { username: "bob".into(), password: "hush".into(), ..Self::new(at) }
    }

    pub(crate) fn next_id(&mut self) -> TransactionId {
        self.count += 1;
        let mut id = [self.at.client.port().to_be_bytes()[1]; 12];
        id[..4].copy_from_slice(&self.count.to_be_bytes());
        TransactionId(id)
    }

    /// A request with credentials, as the client knows them now.
    pub(crate) fn request(
        &mut self,
        method: Method,
        id: TransactionId,
        write: impl FnOnce(&mut MessageWriter<'_>),
    ) -> Vec<u8> {
        let provider = RustCrypto::new();
        let mut buf = vec![0; 2048];
        let mut writer = MessageWriter::new(&mut buf, Class::Request, method, id).unwrap();
        write(&mut writer);
        if !self.nonce.is_empty() {
            writer.username(self.username.as_bytes()).unwrap();
            writer.realm(self.realm.as_bytes()).unwrap().nonce(&self.nonce).unwrap();
            let text = format!("{}:{}:{}", self.username, self.realm, self.password);
            let key = |algorithm| provider.hash(algorithm, text.as_bytes()).unwrap();
            if self.sha256 {
                let list = [0, 2, 0, 0, 0, 1, 0, 0];
                writer.attribute(stun::PASSWORD_ALGORITHMS, &list).unwrap();
                writer.attribute(stun::PASSWORD_ALGORITHM, &[0, 2, 0, 0]).unwrap();
                let key = key(HashAlgorithm::Sha256);
                let hmac = provider.hmac(HashAlgorithm::Sha256, key.as_bytes()).unwrap();
                let sign = |parts: &[&[u8]]| hmac.sign(parts).prefix().unwrap();
                writer.message_integrity_sha256(sign).unwrap();
            } else {
                let digest = key(HashAlgorithm::Md5);
                let key = self.raw_key.as_deref().unwrap_or(digest.as_bytes());
                let hmac = provider.hmac(HashAlgorithm::Sha1, key).unwrap();
                let sign = |parts: &[&[u8]]| hmac.sign(parts).prefix().unwrap();
                writer.message_integrity(sign).unwrap();
            }
        }
        let len = writer.finish();
        buf.truncate(len);
        buf
    }

    /// Asks once, and answers one challenge.
    pub(crate) fn ask(
        &mut self,
        world: &mut World,
        method: Method,
        write: impl Fn(&mut MessageWriter<'_>),
    ) -> Message {
        for _ in 0..2 {
            let id = self.next_id();
            let request = self.request(method, id, &write);
            let had_nonce = !self.nonce.is_empty();
            let answers = world.input(self.at, &request);
            let answer = answers.into_iter().find(|message| {
                let view = message.view();
                message.to == self.at && view.transaction_id() == id
            });
            let answer = answer.expect("an answer");
            match answer.code() {
                401 if had_nonce => return answer,
                401 | 438 => self.nonce = answer.view().nonce().unwrap().to_vec(),
                _ => return answer,
            }
        }
        panic!("two challenges");
    }

    pub(crate) fn allocate(&mut self, world: &mut World) -> Message {
        self.ask(world, Method::ALLOCATE, |w| {
            w.requested_transport(Protocol::Udp).unwrap();
        })
    }

    /// An allocation that must succeed: its relayed address.
    pub(crate) fn relayed(&mut self, world: &mut World) -> SocketAddr {
        let answer = self.allocate(world);
        assert_eq!(answer.code(), 200);
        answer.view().xor_address(antiphon_turn::wire::attribute::XOR_RELAYED_ADDRESS).unwrap()
    }

    pub(crate) fn refresh(&mut self, world: &mut World, seconds: Option<u64>) -> Message {
        self.ask(world, Method::REFRESH, |w| {
            if let Some(seconds) = seconds {
                w.lifetime(Duration::from_secs(seconds)).unwrap();
            }
        })
    }

    pub(crate) fn permit(&mut self, world: &mut World, peers: &[SocketAddr]) -> Message {
        self.ask(world, Method::CREATE_PERMISSION, |w| {
            for peer in peers {
                w.xor_peer_address(*peer).unwrap();
            }
        })
    }

    pub(crate) fn bind(&mut self, world: &mut World, number: u16, peer: SocketAddr) -> Message {
        self.ask(world, Method::CHANNEL_BIND, |w| {
            w.channel_number(number).unwrap().xor_peer_address(peer).unwrap();
        })
    }
}

/// A Send indication.
pub(crate) fn send(peer: SocketAddr, data: &[u8]) -> Vec<u8> {
    let mut buf = vec![0; data.len() + 128];
    let id = TransactionId([1; 12]);
    let mut writer = MessageWriter::new(&mut buf, Class::Indication, Method::SEND, id).unwrap();
    writer.xor_peer_address(peer).unwrap();
    TurnWriter::data(&mut writer, data).unwrap();
    let len = writer.finish();
    buf.truncate(len);
    buf
}

pub(crate) fn channel(number: u16, data: &[u8]) -> Vec<u8> {
    let mut bytes = number.to_be_bytes().to_vec();
    bytes.extend(u16::try_from(data.len()).unwrap().to_be_bytes());
    bytes.extend(data);
    bytes
}

pub(crate) fn lifetime(message: &Message) -> u64 {
    message.view().lifetime().unwrap().unwrap().as_secs()
}
