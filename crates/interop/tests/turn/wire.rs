//! What a user and a server are connected by.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use antiphon_crypto::{CryptoProvider, Fingerprint, HashAlgorithm};
use antiphon_crypto_rust::RustCrypto;
use antiphon_dtls::{ClientCertificate, Config, Connection, Data, OVERHEAD, Role};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use sha2::{Digest as _, Sha256};

/// How long nothing may come before a turn ends.
const TICK: Duration = Duration::from_millis(5);
const PATIENCE: Duration = Duration::from_secs(10);

pub(crate) trait Stream: Read + Write {}
impl<T: Read + Write> Stream for T {}

/// A connection to a server. What is received is empty when nothing came for a moment.
pub(crate) enum Wire {
    Udp(UdpSocket),
    Dtls(Box<Dtls>),
    Stream(Box<dyn Stream>),
}

impl Wire {
    pub(crate) fn udp(server: SocketAddr) -> Self {
        Self::Udp(socket_to(server))
    }

    pub(crate) fn tcp(server: SocketAddr) -> Self {
        let stream = TcpStream::connect_timeout(&server, PATIENCE).unwrap();
        stream.set_read_timeout(Some(TICK)).unwrap();
        Self::Stream(Box::new(stream))
    }

    /// `trusted`: the certificate in DER that the server must have.
    pub(crate) fn tls(server: SocketAddr, trusted: &Path) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from(std::fs::read(trusted).unwrap())).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let name = ServerName::from(server.ip());
        let mut tls = ClientConnection::new(Arc::new(config), name).unwrap();
        let mut stream = TcpStream::connect_timeout(&server, PATIENCE).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        while tls.is_handshaking() {
            tls.complete_io(&mut stream).unwrap();
        }
        stream.set_read_timeout(Some(TICK)).unwrap();
        Self::Stream(Box::new(StreamOwned::new(tls, stream)))
    }

    pub(crate) fn dtls(server: SocketAddr, trusted: &Path) -> Self {
        Self::Dtls(Box::new(Dtls::connect(server, trusted)))
    }

    pub(crate) fn is_stream(&self) -> bool {
        matches!(self, Self::Stream(_))
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) {
        match self {
            Self::Udp(socket) => drop(socket.send(bytes).unwrap()),
            Self::Dtls(dtls) => dtls.send(bytes),
            Self::Stream(stream) => {
                stream.write_all(bytes).unwrap();
                stream.flush().unwrap();
            }
        }
    }

    pub(crate) fn receive(&mut self) -> Vec<u8> {
        let mut buf = vec![0; 65_536];
        let read = match self {
            Self::Udp(socket) => socket.recv(&mut buf),
            Self::Dtls(dtls) => return dtls.receive(),
            Self::Stream(stream) => stream.read(&mut buf),
        };
        buf.truncate(some(read));
        buf
    }
}

/// How much was read: nothing if nothing came in time.
pub(crate) fn some(read: std::io::Result<usize>) -> usize {
    match read {
        Ok(len) => len,
        // ICMP's word of an earlier datagram.
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => 0,
        Err(error) => {
            let late = matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut);
            assert!(late, "{error}");
            0
        }
    }
}

fn socket_to(server: SocketAddr) -> UdpSocket {
    let socket = UdpSocket::bind(SocketAddr::new(server.ip(), 0)).unwrap();
    socket.connect(server).unwrap();
    socket.set_read_timeout(Some(TICK)).unwrap();
    socket
}

/// A client of DTLS that shows no certificate.
pub(crate) struct Dtls {
    connection: Connection,
    socket: UdpSocket,
}

impl Dtls {
    fn connect(server: SocketAddr, trusted: &Path) -> Self {
        let provider: Arc<dyn CryptoProvider> = Arc::new(RustCrypto::new());
        let mut config = Config::without_certificate(Arc::clone(&provider));
        config.client_certificate = ClientCertificate::NotRequested;
        config.srtp_profiles = Vec::new();
        let mut seed = [0; 32];
        provider.fill_random(&mut seed).unwrap();
        let mut connection = Connection::new(config, seed, Instant::now());
        let digest = Sha256::digest(std::fs::read(trusted).unwrap());
        let fingerprint = Fingerprint::new(HashAlgorithm::Sha256, &digest).unwrap();
        connection.set_remote_fingerprints(Instant::now(), &[fingerprint]);
        connection.start(Instant::now(), Role::Client).unwrap();
        let mut dtls = Self { connection, socket: socket_to(server) };
        let begin = Instant::now();
        while !dtls.connection.is_connected() {
            assert!(begin.elapsed() < PATIENCE, "{:?}", dtls.connection.stats());
            dtls.receive();
        }
        dtls
    }

    fn send(&mut self, message: &[u8]) {
        let mut buf = vec![0; OVERHEAD.before + message.len() + OVERHEAD.after];
        let range = OVERHEAD.before..OVERHEAD.before + message.len();
        buf[range.clone()].copy_from_slice(message);
        let record = self.connection.protect(&mut buf, range).unwrap();
        self.socket.send(&buf[record]).unwrap();
    }

    /// One datagram's worth; coturn puts one message into each.
    fn receive(&mut self) -> Vec<u8> {
        let mut buf = [0; 65_536];
        self.connection.handle_timeout(Instant::now());
        while let Some(sent) = self.connection.poll_output(Instant::now(), &mut buf).unwrap() {
            self.socket.send(&buf[..sent.len]).unwrap();
        }
        while self.connection.poll_event().is_some() {}
        let len = some(self.socket.recv(&mut buf));
        if len > 0 {
            self.connection.handle_input(Instant::now(), &mut buf[..len]).unwrap();
        }
        match self.connection.poll_data() {
            Some(Data::InPlace(range)) => buf[range].to_vec(),
            Some(Data::Held(bytes)) => bytes.to_vec(),
            None => Vec::new(),
        }
    }
}
