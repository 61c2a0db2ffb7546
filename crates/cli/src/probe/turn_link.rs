//! A connection to a TURN server, whatever carries it.

use std::net::SocketAddr;
use std::pin::Pin;
use std::time::Instant;

use antiphon_turn::client::{Client, HEADROOM, Input, StreamInput};
use anyhow::{Context as _, Result, bail};
use bytes::{Buf as _, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpStream, UdpSocket};

/// What a connection over TCP or TLS is.
pub(super) trait Duplex: AsyncRead + AsyncWrite + Send {}
impl<T: AsyncRead + AsyncWrite + Send> Duplex for T {}

/// What carries the messages.
pub(super) enum Link {
    Udp(UdpSocket),
    Stream { io: Pin<Box<dyn Duplex>>, unread: BytesMut },
}

impl Link {
    pub(super) async fn udp(server: SocketAddr) -> Result<Self> {
        let local = super::stun_probe::source(server).await?;
        let socket = UdpSocket::bind((local, 0)).await?;
        socket.connect(server).await?;
        Ok(Self::Udp(socket))
    }

    pub(super) async fn tcp(server: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(server).await.context("TCP: no connection")?;
        stream.set_nodelay(true)?;
        Ok(Self::Stream { io: Box::pin(stream), unread: BytesMut::new() })
    }

    pub(super) async fn tls(server: SocketAddr, name: &str) -> Result<Self> {
        let stream = TcpStream::connect(server).await.context("TCP: no connection")?;
        stream.set_nodelay(true)?;
        let stream = antiphon::tls::connect(stream, name.to_owned(), Vec::new())
            .await
            .with_context(|| format!("TLS: the handshake with {name} failed"))?;
        Ok(Self::Stream { io: Box::pin(stream), unread: BytesMut::new() })
    }

    async fn send(&mut self, bytes: &[u8]) -> Result<()> {
        match self {
            Self::Udp(socket) => socket.send(bytes).await.map(drop)?,
            Self::Stream { io, .. } => {
                io.write_all(bytes).await?;
                io.flush().await?;
            }
        }
        Ok(())
    }
}

/// A client with its connection.
pub(super) struct Session {
    pub(super) client: Client,
    link: Link,
    server: SocketAddr,
}

/// Payload of a peer.
pub(super) type Relayed = (SocketAddr, Vec<u8>);

impl Session {
    pub(super) const fn new(client: Client, link: Link, server: SocketAddr) -> Self {
        Self { client, link, server }
    }

    /// Sends `payload` through the relay.
    pub(super) async fn send_to(&mut self, peer: SocketAddr, payload: &[u8]) -> Result<()> {
        let mut buffer = vec![0; HEADROOM];
        buffer.extend_from_slice(payload);
        let end = buffer.len();
        buffer.extend_from_slice(&[0; 3]);
        let range = self.client.wrap(peer, &mut buffer, HEADROOM..end)?;
        self.link.send(buffer.get(range).unwrap_or_default()).await
    }

    /// Lets the client work until something comes of it: an event waits, or a payload came.
    pub(super) async fn step(&mut self) -> Result<Option<Relayed>> {
        let mut buffer = [0; 2048];
        while let Some(sent) = self.client.poll_output(Instant::now(), &mut buffer)? {
            self.link.send(buffer.get(..sent.len).unwrap_or_default()).await?;
        }
        let never = Instant::now() + super::turn_check::PATIENCE;
        let deadline = self.client.poll_timeout().unwrap_or(never).min(never);
        let Ok(received) = tokio::time::timeout_at(deadline.into(), self.receive()).await else {
            self.client.handle_timeout(Instant::now());
            return Ok(None);
        };
        received
    }

    async fn receive(&mut self) -> Result<Option<Relayed>> {
        match &mut self.link {
            Link::Udp(socket) => {
                let mut buffer = vec![0; 65_536];
                let len = socket.recv(&mut buffer).await.context("UDP: refused")?;
                let message = buffer.get(..len).unwrap_or_default();
                let input = self.client.handle_input(Instant::now(), self.server, message);
                Ok(input.ok().and_then(|input| relayed(&input, message)))
            }
            Link::Stream { io, unread } => loop {
                let step = self
                    .client
                    .handle_stream(Instant::now(), self.server, unread)
                    .context("the server speaks no TURN")?;
                if let StreamInput::Message { consumed, input } = step {
                    let payload = input.ok().and_then(|input| relayed(&input, unread));
                    unread.advance(consumed.min(unread.len()));
                    return Ok(payload);
                }
                if io.read_buf(unread).await? == 0 {
                    bail!("the server closed the connection");
                }
            },
        }
    }
}

fn relayed(input: &Input, message: &[u8]) -> Option<Relayed> {
    match input {
        Input::Data { peer, payload } => Some((*peer, message.get(payload.clone())?.to_vec())),
        Input::Control => None,
    }
}
