//! A server that says what the test tells it, signed where a server would sign.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use antiphon_crypto::{CryptoProvider as _, HashAlgorithm};
use antiphon_crypto_rust::RustCrypto;
use antiphon_stun::{Class, MessageView, MessageWriter, Method, TransactionId};
use antiphon_testkit::start;
use antiphon_turn::client::{Client, Config, Event, Input, InputError, Via};
use antiphon_turn::wire::attribute::Icmp;
use antiphon_turn::wire::{TurnMessage as _, TurnWriter as _};

use crate::hosts::{CLIENT, PEER, SERVER, addr, client_with};

pub(crate) struct Script {
    pub(crate) client: Client,
    pub(crate) now: Instant,
    /// The request that is answered next.
    pub(crate) request: Vec<u8>,
    pub(crate) via: Via,
    nonces: u32,
}

/// MESSAGE-INTEGRITY with the key of user, realm and password of the tests.
pub(crate) fn sign(writer: &mut MessageWriter<'_>) {
    let provider = RustCrypto::new();
    let key = provider.hash(HashAlgorithm::Md5, b"ann:example.org:secret").unwrap();
    let hmac = provider.hmac(HashAlgorithm::Sha1, key.as_bytes()).unwrap();
    writer.message_integrity(|parts| hmac.sign(parts).prefix().unwrap()).unwrap();
}

pub(crate) fn message(
    class: Class,
    method: Method,
    id: TransactionId,
    build: impl FnOnce(&mut MessageWriter<'_>),
) -> Vec<u8> {
    let mut buf = vec![0; 2048];
    let mut writer = MessageWriter::new(&mut buf, class, method, id).unwrap();
    build(&mut writer);
    let len = writer.finish();
    buf.truncate(len);
    buf
}

impl Script {
    /// A client that has asked for an allocation.
    pub(crate) fn new(config: Config) -> Self {
        let mut client = client_with(config);
        client.allocate(start()).unwrap();
        Self { client, now: start(), request: vec![], via: Via::Control, nonces: 0 }
    }

    /// A client that was challenged, and has asked again.
    pub(crate) fn challenged(config: Config) -> Self {
        let mut script = Self::new(config);
        script.challenge(401);
        script
    }

    /// A client that has an allocation, for ten minutes.
    pub(crate) fn allocated(config: Config) -> Self {
        let mut script = Self::challenged(config);
        script.answer_success();
        script.drain();
        script
    }

    /// Permission for `peer`, granted.
    pub(crate) fn permit(&mut self, peer: IpAddr) {
        self.client.create_permission(self.now, peer).unwrap();
        self.answer_success();
        self.drain();
    }

    pub(crate) fn drain(&mut self) -> Vec<Event> {
        std::iter::from_fn(|| self.client.poll_event()).collect()
    }

    pub(crate) fn pass(&mut self, time: Duration) {
        self.now += time;
        self.client.handle_timeout(self.now);
    }

    /// The next request that the client sends, if it sends one.
    pub(crate) fn next_request(&mut self) -> Option<Method> {
        let mut buf = [0; 8192];
        let transmit = self.client.poll_output(self.now, &mut buf).unwrap()?;
        self.request = buf[..transmit.len].to_vec();
        self.via = transmit.via;
        Some(self.view().method())
    }

    pub(crate) fn view(&self) -> MessageView<'_> {
        MessageView::parse(&self.request).unwrap()
    }

    /// Hands the client bytes from the server, the way the last request went.
    pub(crate) fn hand(&mut self, bytes: &[u8]) -> Result<Input, InputError> {
        match self.via {
            Via::Control => self.client.handle_input(self.now, addr(SERVER), bytes),
            Via::Data(id) => {
                self.client.handle_data_connection(self.now, id, bytes).map(|_| Input::Control)
            }
        }
    }

    /// Answers the next request as it is told.
    pub(crate) fn answer(&mut self, class: Class, build: impl FnOnce(&mut MessageWriter<'_>)) {
        self.next_request().expect("a request");
        self.answer_again(class, build).unwrap();
    }

    /// Answers the same request, signed if it was.
    pub(crate) fn answer_again(
        &mut self,
        class: Class,
        build: impl FnOnce(&mut MessageWriter<'_>),
    ) -> Result<Input, InputError> {
        let view = self.view();
        let signed = view.has_message_integrity();
        let bytes = message(class, view.method(), view.transaction_id(), |writer| {
            build(writer);
            if signed {
                sign(writer);
            }
        });
        self.hand(&bytes)
    }

    pub(crate) fn challenge(&mut self, code: u16) {
        self.next_request().expect("a request");
        self.nonces += 1;
        let nonce = format!("nonce {}", self.nonces);
        let view = self.view();
        let bytes = message(Class::Error, view.method(), view.transaction_id(), |writer| {
            writer.error_code(code, "").unwrap().realm(b"example.org").unwrap();
            writer.nonce(nonce.as_bytes()).unwrap();
        });
        self.hand(&bytes).unwrap();
    }

    pub(crate) fn answer_error(&mut self, code: u16) {
        self.answer(Class::Error, |writer| assert!(writer.error_code(code, "").is_ok()));
    }

    /// What a server answers to whatever it is, by default.
    pub(crate) fn answer_success(&mut self) {
        self.next_request().expect("a request");
        let allocate = self.view().method() == Method::ALLOCATE;
        let refresh = self.view().method() == Method::REFRESH;
        let lifetime = self.view().lifetime().unwrap().unwrap_or(Duration::from_secs(600));
        self.answer_again(Class::Success, |writer| {
            if allocate {
                writer.xor_relayed_address(addr("198.41.0.9:50000")).unwrap();
                writer.xor_mapped_address(addr(CLIENT)).unwrap();
            }
            if allocate || refresh {
                writer.lifetime(lifetime).unwrap();
            }
        })
        .unwrap();
    }

    pub(crate) fn indication(
        &mut self,
        method: Method,
        build: impl FnOnce(&mut MessageWriter<'_>),
    ) -> Result<Input, InputError> {
        let bytes = message(Class::Indication, method, TransactionId([9; 12]), build);
        self.client.handle_input(self.now, addr(SERVER), &bytes)
    }

    pub(crate) fn icmp(&mut self, peer: SocketAddr) -> Result<Input, InputError> {
        self.indication(Method::DATA, |writer| {
            writer.xor_peer_address(peer).unwrap();
            writer.icmp(Icmp { kind: 3, code: 1, data: 0 }).unwrap();
        })
    }

    pub(crate) fn data_bytes(&self, peer: SocketAddr, payload: &[u8]) -> Vec<u8> {
        message(Class::Indication, Method::DATA, TransactionId([9; 12]), |writer| {
            writer.xor_peer_address(peer).unwrap();
            antiphon_turn::wire::TurnWriter::data(writer, payload).unwrap();
        })
    }

    pub(crate) fn data(&mut self, peer: SocketAddr, payload: &[u8]) -> Result<Input, InputError> {
        let bytes = self.data_bytes(peer, payload);
        self.client.handle_input(self.now, addr(SERVER), &bytes)
    }
}

/// The peer of the tests.
pub(crate) fn peer() -> SocketAddr {
    addr(PEER)
}
