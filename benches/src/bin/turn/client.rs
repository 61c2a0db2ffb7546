//! A TURN client that is just enough to load a server: blocking, one socket per allocation.

use std::error::Error;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::time::Duration;

use antiphon_crypto::{CryptoProvider as _, HashAlgorithm, Hmac};
use antiphon_crypto_rust::RustCrypto;
use antiphon_stun::{
    Class, ErrorCode, MessageView, MessageWriter, Method, TransactionId, attribute,
};

pub(crate) const USER: &str = "load";
pub(crate) const PASSWORD: &str = "generator";
pub(crate) const REALM: &str = "bench.example";
/// The first channel; each allocation binds one.
pub(crate) const CHANNEL: u16 = 0x4000;

const REQUESTED_TRANSPORT: u16 = 0x0019;
const XOR_PEER_ADDRESS: u16 = 0x0012;
const XOR_RELAYED_ADDRESS: u16 = 0x0016;
const CHANNEL_NUMBER: u16 = 0x000c;

pub(crate) type Failure = Box<dyn Error>;

/// What signs requests: H(A1) of the one user.
pub(crate) struct Signer(Box<dyn Hmac>);

impl Signer {
    pub(crate) fn new() -> Result<Self, Failure> {
        let provider = RustCrypto::new();
        let text = format!("{USER}:{REALM}:{PASSWORD}");
        let key = provider.hash(HashAlgorithm::Md5, text.as_bytes())?;
        Ok(Self(provider.hmac(HashAlgorithm::Sha1, key.as_bytes())?))
    }
}

/// An allocation, and the socket it was made from.
pub(crate) struct Allocation {
    pub(crate) socket: UdpSocket,
    pub(crate) relayed: SocketAddr,
    nonce: Vec<u8>,
    transaction: u64,
}

impl Allocation {
    /// Allocates from a new socket.
    pub(crate) fn open(server: SocketAddr, signer: &Signer) -> Result<Self, Failure> {
        Self::open_from((Ipv4Addr::LOCALHOST, 0).into(), server, signer)
    }

    /// Allocates from a socket on `local`.
    pub(crate) fn open_from(
        local: SocketAddr,
        server: SocketAddr,
        signer: &Signer,
    ) -> Result<Self, Failure> {
        let socket = UdpSocket::bind(local)?;
        socket.connect(server)?;
        socket.set_read_timeout(Some(Duration::from_secs(1)))?;
        let relayed = server;
        let mut allocation = Self { socket, relayed, nonce: Vec::new(), transaction: 1 };
        let answer = allocation.request(signer, Method::ALLOCATE, |request| {
            request.attribute(REQUESTED_TRANSPORT, &[17, 0, 0, 0])?;
            Ok(())
        })?;
        let answer = MessageView::parse(&answer)?;
        let relayed = answer.xor_address(XOR_RELAYED_ADDRESS);
        allocation.relayed = relayed.ok_or("no relayed address")?;
        Ok(allocation)
    }

    /// Binds a channel to a peer, which brings the permission along.
    pub(crate) fn bind(&mut self, signer: &Signer, peer: SocketAddr) -> Result<(), Failure> {
        self.request(signer, Method::CHANNEL_BIND, |request| {
            let [high, low] = CHANNEL.to_be_bytes();
            request.attribute(CHANNEL_NUMBER, &[high, low, 0, 0])?;
            request.xor_address(XOR_PEER_ADDRESS, peer)?;
            Ok(())
        })?;
        Ok(())
    }

    /// Sends a request until it succeeds, with what the server's challenges ask for.
    fn request(
        &mut self,
        signer: &Signer,
        method: Method,
        fill: impl Fn(&mut MessageWriter<'_>) -> Result<(), antiphon_stun::WriteError>,
    ) -> Result<Vec<u8>, Failure> {
        let mut last = 0;
        for _ in 0..6 {
            let mut id = [7; 12];
            self.transaction = self.transaction.wrapping_add(1);
            if let Some(low) = id.first_chunk_mut() {
                *low = self.transaction.to_be_bytes();
            }
            let mut buf = [0; 512];
            let id = TransactionId(id);
            let mut request = MessageWriter::new(&mut buf, Class::Request, method, id)?;
            fill(&mut request)?;
            if !self.nonce.is_empty() {
                request.username(USER.as_bytes())?.realm(REALM.as_bytes())?;
                request.nonce(&self.nonce)?;
                request
                    .message_integrity(|parts| signer.0.sign(parts).prefix().unwrap_or_default())?;
            }
            let len = request.finish();
            self.socket.send(buf.get(..len).unwrap_or_default())?;
            let mut answer = vec![0; 2048];
            let len = match self.socket.recv(&mut answer) {
                Ok(len) => len,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
                Err(error) => return Err(error.into()),
            };
            answer.truncate(len);
            let view = MessageView::parse(&answer)?;
            if view.transaction_id() != id {
                continue;
            }
            if view.class() == Class::Success {
                return Ok(answer);
            }
            last = view.error_code().map_or(0, |code| code.code());
            if last != ErrorCode::UNAUTHENTICATED && last != ErrorCode::STALE_NONCE {
                break;
            }
            self.nonce = view.find(attribute::NONCE).unwrap_or_default().to_vec();
        }
        Err(format!("{method:?} answered with {last}").into())
    }
}
