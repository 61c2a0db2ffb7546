//! A client over DTLS: antiphon's own.

use std::collections::VecDeque;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::{Duration, Instant};

use antiphon_crypto::CryptoProvider;
use antiphon_crypto_rust::RustCrypto;
use antiphon_dtls::{
    ClientCertificate, Config, Connection, Data, OVERHEAD, PeerIdentity, Role, Version,
};

use super::WAIT;

pub struct Dtls {
    connection: Connection,
    socket: UdpSocket,
    received: VecDeque<Vec<u8>>,
}

impl Dtls {
    pub fn connect(server: SocketAddr, version: Version) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.connect(server).unwrap();
        let provider: Arc<dyn CryptoProvider> = Arc::new(RustCrypto::new());
        let mut config = Config::without_certificate(Arc::clone(&provider));
        config.versions = vec![version];
        config.client_certificate = ClientCertificate::NotRequested;
        config.peer_identity = PeerIdentity::Unverified;
        config.srtp_profiles = Vec::new();
        let mut seed = [0; 32];
        provider.fill_random(&mut seed).unwrap();
        let mut connection = Connection::new(config, seed, Instant::now());
        connection.start(Instant::now(), Role::Client).unwrap();
        let mut dtls = Self { connection, socket, received: VecDeque::new() };
        let begin = Instant::now();
        while !dtls.connection.is_connected() {
            assert!(begin.elapsed() < WAIT, "{:?}", dtls.connection.stats());
            dtls.turn(Duration::from_millis(20));
        }
        dtls
    }

    pub fn local(&self) -> SocketAddr {
        self.socket.local_addr().unwrap()
    }

    fn turn(&mut self, wait: Duration) {
        let mut buf = [0; 65_536];
        while let Some(sent) = self.connection.poll_output(Instant::now(), &mut buf).unwrap() {
            self.socket.send(&buf[..sent.len]).unwrap();
        }
        while self.connection.poll_event().is_some() {}
        self.socket.set_read_timeout(Some(wait)).unwrap();
        if let Ok(len) = self.socket.recv(&mut buf) {
            let _ = self.connection.handle_input(Instant::now(), &mut buf[..len]);
            while let Some(data) = self.connection.poll_data() {
                self.received.push_back(match data {
                    Data::InPlace(range) => buf[range].to_vec(),
                    Data::Held(bytes) => bytes.to_vec(),
                });
            }
        }
        self.connection.handle_timeout(Instant::now());
    }

    pub fn send(&mut self, message: &[u8]) {
        let mut buf = vec![0; OVERHEAD.before + message.len() + OVERHEAD.after];
        let range = OVERHEAD.before..OVERHEAD.before + message.len();
        buf[range.clone()].copy_from_slice(message);
        let record = self.connection.protect(&mut buf, range).unwrap();
        self.socket.send(&buf[record]).unwrap();
    }

    pub fn receive(&mut self, wait: Duration) -> Option<Vec<u8>> {
        let begin = Instant::now();
        loop {
            if let Some(message) = self.received.pop_front() {
                return Some(message);
            }
            if begin.elapsed() >= wait {
                return None;
            }
            self.turn(Duration::from_millis(20).min(wait));
        }
    }
}
