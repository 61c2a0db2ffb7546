//! A small TURN client over real sockets, blocking, and what starts servers for it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::cast_possible_truncation,
    dead_code,
    unreachable_pub,
    reason = "a failed expectation is a failed test, and no test uses everything"
)]

pub mod dtls;
pub mod identity;
pub mod wire;

use std::net::{SocketAddr, UdpSocket};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use antiphon_crypto::{CryptoProvider as _, HashAlgorithm};
use antiphon_crypto_rust::RustCrypto;
use antiphon_stun::{Class, MessageView, MessageWriter, Method, TransactionId, attribute};
use antiphon_turn_server::{Config, Server, Transport};

pub use wire::Wire;

pub const REALM: &str = "turn.example";
pub const USER: &str = "alice";
pub const PASSWORD: &str = "wonderland";
pub const WAIT: Duration = Duration::from_secs(5);
/// For what must not arrive.
pub const SILENCE: Duration = Duration::from_millis(150);

pub const REQUESTED_TRANSPORT: u16 = 0x0019;
pub const XOR_PEER_ADDRESS: u16 = 0x0012;
pub const XOR_RELAYED_ADDRESS: u16 = 0x0016;
pub const CHANNEL_NUMBER: u16 = 0x000c;
pub const LIFETIME: u16 = 0x000d;
pub const DATA: u16 = 0x0013;
pub const CONNECTION_ID: u16 = 0x002a;
pub const EVEN_PORT: u16 = 0x0018;
pub const RESERVATION_TOKEN: u16 = 0x0022;
pub const MOBILITY_TICKET: u16 = 0x8030;

/// A configuration with one user, peers on loopback, and `more` in front.
pub fn text(listeners: &str, more: &str) -> String {
    let mut text = format!("realm = \"{REALM}\"\n{more}\n");
    for name in listeners.split_whitespace() {
        let (transport, address) = name.split_once('@').unwrap_or((name, "127.0.0.1:0"));
        text += &format!("[[listen]]\ntransport = \"{transport}\"\naddress = \"{address}\"\n");
    }
    text
}

/// Sections that every test needs unless it says something else.
pub const RELAY: &str = "[relay]\naddresses = [\"127.0.0.1\"]\nports = \"20000-59999\"\n";
pub const PEERS: &str = "[peers]\nallow = [\"127.0.0.0/8\", \"::1\"]\n";
pub const AUTH: &str = "[auth]\nusers = [{ name = \"alice\", password = \"wonderland\" }]\n";

pub fn config(text: &str) -> Config {
    Config::parse(Path::new("test.toml"), text).unwrap_or_else(|error| panic!("{error}"))
}

/// A server with one thread and the usual sections.
pub fn serve(listeners: &str) -> Server {
    serve_with(listeners, "shards = 1", "")
}

pub fn serve_with(listeners: &str, before: &str, behind: &str) -> Server {
    let text = text(listeners, before) + RELAY + PEERS + AUTH + behind;
    Server::start(config(&text)).unwrap()
}

pub fn address(server: &Server, transport: Transport) -> SocketAddr {
    let mut listeners = server.listeners().iter();
    listeners.find(|listener| listener.transport == transport).unwrap().address
}

/// A peer that clients talk to; not on the server's own address.
pub fn peer() -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.2:0").unwrap();
    socket.set_read_timeout(Some(WAIT)).unwrap();
    socket
}

/// An answer of the server, owned.
#[derive(Clone, Debug)]
pub struct Answer(pub Vec<u8>);

impl Answer {
    pub fn view(&self) -> MessageView<'_> {
        MessageView::parse(&self.0).unwrap()
    }

    /// 0 for success.
    pub fn code(&self) -> u16 {
        match self.view().class() {
            Class::Success => 0,
            Class::Error => self.view().error_code().unwrap().code(),
            other @ (Class::Request | Class::Indication) => panic!("{other:?}"),
        }
    }

    pub fn relayed(&self) -> SocketAddr {
        self.view().xor_address(XOR_RELAYED_ADDRESS).expect("a relayed address")
    }

    pub fn number(&self, kind: u16) -> u32 {
        u32::from_be_bytes(self.view().find(kind).unwrap().try_into().unwrap())
    }
}

/// What arrives without being asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Arrived {
    Channel(u16, Vec<u8>),
    Data(SocketAddr, Vec<u8>),
    Other(Vec<u8>),
}

/// One client with at most one allocation.
pub struct Client {
    pub wire: Wire,
    pub user: String,
    pub password: String,
    pub nonce: Vec<u8>,
    pub realm: String,
    /// What arrived while an answer was waited for.
    pub early: Vec<Arrived>,
}

static TRANSACTIONS: AtomicU64 = AtomicU64::new(1);

pub fn transaction() -> TransactionId {
    let mut id = [0x5a; 12];
    id[4..].copy_from_slice(&TRANSACTIONS.fetch_add(1, Ordering::Relaxed).to_be_bytes());
    TransactionId(id)
}

impl Client {
    pub fn new(wire: Wire) -> Self {
        Self::as_user(wire, USER, PASSWORD)
    }

    pub fn as_user(wire: Wire, user: &str, password: &str) -> Self {
        Self {
            wire,
            user: user.to_owned(),
            password: password.to_owned(),
            nonce: Vec::new(),
            realm: REALM.to_owned(),
            early: Vec::new(),
        }
    }

    pub fn udp(server: &Server) -> Self {
        Self::new(Wire::udp(address(server, Transport::Udp)))
    }

    fn sign(&self, request: &mut MessageWriter<'_>) {
        let provider = RustCrypto::new();
        let text = format!("{}:{}:{}", self.user, self.realm, self.password);
        let key = provider.hash(HashAlgorithm::Md5, text.as_bytes()).unwrap();
        let hmac = provider.hmac(HashAlgorithm::Sha1, key.as_bytes()).unwrap();
        request.message_integrity(|parts| hmac.sign(parts).prefix().unwrap()).unwrap();
    }

    /// The bytes of a request, with what the last challenge asked for.
    pub fn write(
        &self,
        id: TransactionId,
        method: Method,
        fill: &dyn Fn(&mut MessageWriter<'_>),
    ) -> Vec<u8> {
        let mut buf = [0; 2048];
        let mut request = MessageWriter::new(&mut buf, Class::Request, method, id).unwrap();
        fill(&mut request);
        if !self.nonce.is_empty() {
            request.username(self.user.as_bytes()).unwrap();
            request.realm(self.realm.as_bytes()).unwrap().nonce(&self.nonce).unwrap();
            self.sign(&mut request);
        }
        let len = request.finish();
        buf[..len].to_vec()
    }

    /// One request, one answer, whatever it says.
    pub fn ask(&mut self, method: Method, fill: &dyn Fn(&mut MessageWriter<'_>)) -> Answer {
        let id = transaction();
        let request = self.write(id, method, fill);
        self.wire.send(&request);
        self.answer(id)
    }

    pub fn answer(&mut self, id: TransactionId) -> Answer {
        loop {
            let message = self.wire.receive(WAIT).expect("an answer");
            if antiphon_stun::is_stun(&message) {
                let view = MessageView::parse(&message).unwrap();
                if view.transaction_id() == id && view.class() != Class::Indication {
                    return Answer(message);
                }
            }
            self.early.push(arrived(message));
        }
    }

    /// A request, repeated with what challenges ask for.
    pub fn request(&mut self, method: Method, fill: &dyn Fn(&mut MessageWriter<'_>)) -> Answer {
        for _ in 0..3 {
            let answer = self.ask(method, fill);
            if !matches!(answer.code(), 401 | 438) {
                return answer;
            }
            let nonce = answer.view().find(attribute::NONCE).unwrap().to_vec();
            if answer.code() == 401 && !self.nonce.is_empty() {
                return answer;
            }
            self.nonce = nonce;
        }
        panic!("challenged again and again");
    }

    pub fn try_allocate(&mut self) -> Answer {
        self.request(Method::ALLOCATE, &|request| {
            request.attribute(REQUESTED_TRANSPORT, &[17, 0, 0, 0]).unwrap();
        })
    }

    pub fn allocate(&mut self) -> SocketAddr {
        let answer = self.try_allocate();
        assert_eq!(answer.code(), 0);
        answer.relayed()
    }

    pub fn permit(&mut self, peer: SocketAddr) -> u16 {
        let answer = self.request(Method::CREATE_PERMISSION, &|request| {
            request.xor_address(XOR_PEER_ADDRESS, peer).unwrap();
        });
        answer.code()
    }

    pub fn bind(&mut self, channel: u16, peer: SocketAddr) -> u16 {
        let answer = self.request(Method::CHANNEL_BIND, &|request| {
            let [high, low] = channel.to_be_bytes();
            request.attribute(CHANNEL_NUMBER, &[high, low, 0, 0]).unwrap();
            request.xor_address(XOR_PEER_ADDRESS, peer).unwrap();
        });
        answer.code()
    }

    pub fn refresh(&mut self, lifetime: u32) -> Answer {
        self.request(Method::REFRESH, &|request| {
            request.attribute(LIFETIME, &lifetime.to_be_bytes()).unwrap();
        })
    }

    /// ChannelData.
    pub fn send(&mut self, channel: u16, payload: &[u8]) {
        let mut message = channel.to_be_bytes().to_vec();
        message.extend_from_slice(&(payload.len() as u16).to_be_bytes());
        message.extend_from_slice(payload);
        if self.wire.is_stream() {
            message.resize(message.len().next_multiple_of(4), 0);
        }
        self.wire.send(&message);
    }

    /// A Send indication.
    pub fn send_to(&mut self, peer: SocketAddr, payload: &[u8]) {
        let mut buf = [0; 2048];
        let mut message =
            MessageWriter::new(&mut buf, Class::Indication, Method::SEND, transaction()).unwrap();
        message.xor_address(XOR_PEER_ADDRESS, peer).unwrap();
        message.attribute(DATA, payload).unwrap();
        let len = message.finish();
        self.wire.send(&buf[..len]);
    }

    /// The next thing that was not asked for.
    pub fn arrived(&mut self) -> Option<Arrived> {
        self.arrived_within(WAIT)
    }

    pub fn arrived_within(&mut self, wait: Duration) -> Option<Arrived> {
        if !self.early.is_empty() {
            return Some(self.early.remove(0));
        }
        self.wire.receive(wait).map(arrived)
    }

    /// Allocates, binds a channel, and has a packet go to the peer and back.
    pub fn prove(&mut self, peer: &UdpSocket) -> SocketAddr {
        let relayed = self.allocate();
        let to = peer.local_addr().unwrap();
        assert_eq!(self.bind(0x4000, to), 0);
        self.prove_again(peer, relayed);
        relayed
    }

    pub fn prove_again(&mut self, peer: &UdpSocket, relayed: SocketAddr) {
        self.send(0x4000, b"there");
        let mut buf = [0; 2048];
        let (len, from) = peer.recv_from(&mut buf).expect("a packet");
        assert_eq!((&buf[..len], from), (&b"there"[..], relayed));
        peer.send_to(b"and back", relayed).unwrap();
        assert_eq!(self.arrived(), Some(Arrived::Channel(0x4000, b"and back".to_vec())));
    }
}

fn arrived(message: Vec<u8>) -> Arrived {
    if (0x40..0x80).contains(&message[0]) {
        let number = u16::from_be_bytes([message[0], message[1]]);
        let len = usize::from(u16::from_be_bytes([message[2], message[3]]));
        return Arrived::Channel(number, message[4..4 + len].to_vec());
    }
    let Ok(view) = MessageView::parse(&message) else { return Arrived::Other(message) };
    match (view.xor_address(XOR_PEER_ADDRESS), view.find(DATA)) {
        (Some(peer), Some(data)) => Arrived::Data(peer, data.to_vec()),
        _ => Arrived::Other(message),
    }
}
