//! What TURN runs over.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{IpAddr, SocketAddr, TcpStream, UdpSocket};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, ClientConnection, DigitallySignedStruct, SignatureScheme, StreamOwned};
use socket2::{Domain, Socket, Type};

use super::WAIT;

pub enum Wire {
    Udp(UdpSocket),
    Tcp(TcpStream, Vec<u8>),
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>, Vec<u8>),
    Dtls(Box<super::dtls::Dtls>),
}

impl Wire {
    pub fn udp(server: SocketAddr) -> Self {
        let any = if server.is_ipv4() { "127.0.0.1:0" } else { "[::1]:0" };
        Self::udp_from(any.parse().unwrap(), server)
    }

    pub fn udp_from(local: SocketAddr, server: SocketAddr) -> Self {
        let socket = UdpSocket::bind(local).unwrap();
        socket.connect(server).unwrap();
        Self::Udp(socket)
    }

    pub fn tcp(server: SocketAddr) -> Self {
        let stream = TcpStream::connect(server).unwrap();
        stream.set_nodelay(true).unwrap();
        Self::Tcp(stream, Vec::new())
    }

    pub fn tcp_from(local: IpAddr, server: SocketAddr) -> Self {
        let socket = Socket::new(Domain::for_address(server), Type::STREAM, None).unwrap();
        socket.bind(&SocketAddr::new(local, 0).into()).unwrap();
        socket.connect(&server.into()).unwrap();
        socket.set_tcp_nodelay(true).unwrap();
        Self::Tcp(socket.into(), Vec::new())
    }

    pub fn tls(server: SocketAddr) -> Self {
        let stream = TcpStream::connect(server).unwrap();
        stream.set_nodelay(true).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Anybody))
            .with_no_client_auth();
        config.alpn_protocols = vec![b"stun.turn".to_vec()];
        let name = ServerName::try_from("turn.example").unwrap();
        let mut session = ClientConnection::new(Arc::new(config), name).unwrap();
        let mut stream = stream;
        stream.set_read_timeout(Some(WAIT)).unwrap();
        while session.is_handshaking() {
            session.complete_io(&mut stream).unwrap();
        }
        assert_eq!(session.alpn_protocol(), Some(&b"stun.turn"[..]));
        Self::Tls(Box::new(StreamOwned::new(session, stream)), Vec::new())
    }

    pub fn dtls(server: SocketAddr, version: antiphon_dtls::Version) -> Self {
        Self::Dtls(Box::new(super::dtls::Dtls::connect(server, version)))
    }

    pub fn is_stream(&self) -> bool {
        matches!(self, Self::Tcp(..) | Self::Tls(..))
    }

    pub fn local(&self) -> SocketAddr {
        match self {
            Self::Udp(socket) => socket.local_addr().unwrap(),
            Self::Tcp(stream, _) => stream.local_addr().unwrap(),
            Self::Tls(stream, _) => stream.sock.local_addr().unwrap(),
            Self::Dtls(dtls) => dtls.local(),
        }
    }

    pub fn send(&mut self, message: &[u8]) {
        match self {
            Self::Udp(socket) => drop(socket.send(message).unwrap()),
            Self::Tcp(stream, _) => stream.write_all(message).unwrap(),
            Self::Tls(stream, _) => {
                stream.write_all(message).unwrap();
                stream.flush().unwrap();
            }
            Self::Dtls(dtls) => dtls.send(message),
        }
    }

    /// The next message, if one comes in time.
    pub fn receive(&mut self, wait: Duration) -> Option<Vec<u8>> {
        match self {
            Self::Udp(socket) => {
                socket.set_read_timeout(Some(wait)).unwrap();
                let mut buf = vec![0; 65_536];
                let len = socket.recv(&mut buf).ok()?;
                buf.truncate(len);
                Some(buf)
            }
            Self::Tcp(stream, held) => {
                let begin = Instant::now();
                loop {
                    if let Some(message) = frame(held) {
                        return Some(message);
                    }
                    let left = wait.checked_sub(begin.elapsed()).filter(|left| !left.is_zero())?;
                    stream.set_read_timeout(Some(left)).unwrap();
                    if !fill(stream, held) {
                        return None;
                    }
                }
            }
            Self::Tls(stream, held) => {
                let begin = Instant::now();
                loop {
                    if let Some(message) = frame(held) {
                        return Some(message);
                    }
                    let left = wait.checked_sub(begin.elapsed()).filter(|left| !left.is_zero())?;
                    stream.sock.set_read_timeout(Some(left)).unwrap();
                    if !fill(&mut **stream, held) {
                        return None;
                    }
                }
            }
            Self::Dtls(dtls) => dtls.receive(wait),
        }
    }

    /// Whether the server has closed the connection.
    pub fn is_closed(&mut self, wait: Duration) -> bool {
        let Self::Tcp(stream, _) = self else { panic!("not TCP") };
        stream.set_read_timeout(Some(wait)).unwrap();
        match stream.read(&mut [0; 2048]) {
            Ok(0) => true,
            Ok(_) => false,
            Err(error) => !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut),
        }
    }
}

fn fill(stream: &mut impl std::io::Read, held: &mut Vec<u8>) -> bool {
    let mut buf = [0; 4096];
    match stream.read(&mut buf) {
        Ok(0) | Err(_) => false,
        Ok(len) => {
            held.extend_from_slice(&buf[..len]);
            true
        }
    }
}

/// Takes the first message of a stream, without its padding.
fn frame(held: &mut Vec<u8>) -> Option<Vec<u8>> {
    let length = usize::from(u16::from_be_bytes([*held.get(2)?, *held.get(3)?]));
    let (len, taken) = if held[0] >= 0x40 {
        (length + 4, (length + 4).next_multiple_of(4))
    } else {
        (length + 20, length + 20)
    };
    if held.len() < taken {
        return None;
    }
    let rest = held.split_off(taken);
    let mut message = std::mem::replace(held, rest);
    message.truncate(len);
    Some(message)
}

/// Takes any certificate: what is tested is the server.
#[derive(Debug)]
struct Anybody;

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![
            SignatureScheme::ECDSA_NISTP256_SHA256,
            SignatureScheme::ECDSA_NISTP384_SHA384,
            SignatureScheme::ED25519,
            SignatureScheme::RSA_PSS_SHA256,
        ]
    }
}
