//! TCP and TLS connections: those to TURN servers, and those to peers.

use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use antiphon_peerconnection as peer;
use antiphon_peerconnection::{StreamEnd, StreamId, StreamRequest};
use bytes::{Buf as _, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpSocket, TcpStream};

use crate::Configuration;

/// Bytes that wait for a peer that reads slowly; then datagrams wait, too.
const MAX_UNSENT: usize = 256 << 10;
/// Bytes read at a time.
const READ: usize = 16 << 10;
/// Longer than any message, with its length.
const MAX_UNREAD: usize = 128 << 10;
/// How long connecting may take, TLS included.
const CONNECTING: Duration = Duration::from_secs(10);
/// How long a stranger's connection may do nothing that is worth keeping it.
const STRANGER: Duration = Duration::from_secs(10);

trait Duplex: AsyncRead + AsyncWrite + Send {}
impl<T: AsyncRead + AsyncWrite + Send> Duplex for T {}

type Opened = Result<Pin<Box<dyn Duplex>>, StreamEnd>;

enum Io {
    Opening(Pin<Box<dyn Future<Output = Opened> + Send>>),
    Open(Pin<Box<dyn Duplex>>),
}

/// One connection.
pub(crate) struct Stream {
    pub(crate) id: StreamId,
    io: Io,
    unsent: BytesMut,
    unread: BytesMut,
    /// When it is closed, if it came from a stranger who is one still.
    judged: Option<Instant>,
    /// The machine has no use for it: it ends when all is sent.
    closing: bool,
}

impl std::fmt::Debug for Stream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stream").field("id", &self.id).finish_non_exhaustive()
    }
}

/// What there is to do with a stream after it was looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Nothing for now.
    Idle,
    /// It has just been opened.
    Opened,
    /// There is something to read.
    Readable,
    /// It is over.
    Ended(StreamEnd),
}

impl Stream {
    /// Begins to open a connection.
    pub(crate) fn open(request: StreamRequest, config: &Configuration) -> Self {
        let id = request.stream;
        let trusted = config.trusted_certificates.clone();
        let opening = async move {
            match tokio::time::timeout(CONNECTING, connect(request, trusted)).await {
                Ok(opened) => opened,
                Err(_) => Err(StreamEnd::TimedOut),
            }
        };
        Self::of(id, Io::Opening(Box::pin(opening)), None)
    }

    /// A connection that a stranger opened.
    pub(crate) fn accepted(id: StreamId, stream: TcpStream, now: Instant) -> Self {
        // A delay is all that can come of a failure.
        let _ = stream.set_nodelay(true);
        Self::of(id, Io::Open(Box::pin(stream)), now.checked_add(STRANGER))
    }

    fn of(id: StreamId, io: Io, judged: Option<Instant>) -> Self {
        let (unsent, unread) = (BytesMut::new(), BytesMut::new());
        Self { id, io, unsent, unread, judged, closing: false }
    }

    /// What came and was not consumed.
    pub(crate) fn unread(&mut self) -> &mut BytesMut {
        &mut self.unread
    }

    /// Ends it when all is sent.
    pub(crate) fn close(&mut self) {
        self.closing = true;
    }

    /// When a stranger's connection is looked at again.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.judged
    }

    /// Closes what still comes from a stranger when its time is up.
    pub(crate) fn judge(&mut self, machine: &peer::PeerConnection, now: Instant) {
        if self.judged.is_some_and(|judged| judged <= now) {
            self.judged = None;
            self.closing |= !machine.is_stream_used(self.id);
        }
    }

    /// Sends and receives what can be without waiting.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Step {
        match &mut self.io {
            Io::Opening(opening) => match opening.as_mut().poll(cx) {
                Poll::Pending if self.closing => Step::Ended(StreamEnd::Closed),
                Poll::Pending => Step::Idle,
                Poll::Ready(Err(end)) => Step::Ended(end),
                Poll::Ready(Ok(stream)) => {
                    self.io = Io::Open(stream);
                    Step::Opened
                }
            },
            Io::Open(stream) => {
                let sent = flush(stream, cx, &mut self.unsent);
                if sent.is_err() || (self.closing && self.unsent.is_empty()) {
                    return Step::Ended(StreamEnd::Closed);
                }
                match fill(stream, cx, &mut self.unread) {
                    Poll::Pending => Step::Idle,
                    Poll::Ready(Ok(true)) => Step::Readable,
                    Poll::Ready(Ok(false) | Err(_)) => Step::Ended(StreamEnd::Closed),
                }
            }
        }
    }

    /// Takes bytes to send. `false`: none of them, there is no room. [`poll`](Self::poll) sends them.
    pub(crate) fn send(&mut self, bytes: &[u8]) -> bool {
        if self.unsent.len() > MAX_UNSENT {
            return false;
        }
        self.unsent.extend_from_slice(bytes);
        true
    }
}

/// Writes what waits, as far as there is room.
fn flush(
    stream: &mut Pin<Box<dyn Duplex>>,
    cx: &mut Context<'_>,
    unsent: &mut BytesMut,
) -> io::Result<()> {
    while !unsent.is_empty() {
        match stream.as_mut().poll_write(cx, unsent) {
            Poll::Pending => return Ok(()),
            Poll::Ready(Ok(0)) => return Err(io::ErrorKind::WriteZero.into()),
            Poll::Ready(Ok(written)) => unsent.advance(written),
            Poll::Ready(Err(error)) => return Err(error),
        }
    }
    // Only TLS has anything to flush; what it cannot write now it writes with the next bytes.
    match stream.as_mut().poll_flush(cx) {
        Poll::Pending | Poll::Ready(Ok(())) => Ok(()),
        Poll::Ready(Err(error)) => Err(error),
    }
}

/// Reads once. `false`: the other side has nothing more to say.
fn fill(
    stream: &mut Pin<Box<dyn Duplex>>,
    cx: &mut Context<'_>,
    unread: &mut BytesMut,
) -> Poll<io::Result<bool>> {
    if unread.len() > MAX_UNREAD {
        return Poll::Ready(Err(io::ErrorKind::InvalidData.into()));
    }
    let len = unread.len();
    unread.resize(len.saturating_add(READ), 0);
    let mut buf = ReadBuf::new(unread.get_mut(len..).unwrap_or_default());
    let polled = stream.as_mut().poll_read(cx, &mut buf);
    let read = buf.filled().len();
    unread.truncate(len.saturating_add(read));
    polled.map(|result| result.map(|()| read > 0))
}

async fn connect(request: StreamRequest, trusted: Vec<Vec<u8>>) -> Opened {
    let failed = |error: io::Error| {
        tracing::debug!(%error, remote = %request.remote, "connecting");
        if error.kind() == io::ErrorKind::TimedOut {
            StreamEnd::TimedOut
        } else {
            StreamEnd::Unreachable
        }
    };
    let remote = request.remote;
    let socket = match remote {
        SocketAddr::V4(_) => TcpSocket::new_v4(),
        SocketAddr::V6(_) => TcpSocket::new_v6(),
    };
    let socket = socket.map_err(failed)?;
    if let Some(local) = request.local {
        socket.set_reuseaddr(true).map_err(failed)?;
        socket.bind(local).map_err(failed)?;
    }
    let stream = socket.connect(remote).await.map_err(failed)?;
    let _ = stream.set_nodelay(true);
    match request.tls {
        None => Ok(Box::pin(stream)),
        Some(name) => secure(stream, name, trusted).await,
    }
}

#[cfg(feature = "tls")]
async fn secure(stream: TcpStream, name: String, trusted: Vec<Vec<u8>>) -> Opened {
    match crate::tls::connect(stream, name.clone(), trusted).await {
        Ok(stream) => Ok(Box::pin(stream)),
        Err(error) => {
            tracing::warn!(%error, server = name, "TLS with the TURN server failed");
            Err(StreamEnd::Tls)
        }
    }
}

#[cfg(not(feature = "tls"))]
async fn secure(_: TcpStream, name: String, _: Vec<Vec<u8>>) -> Opened {
    tracing::warn!(server = name, "TURN over TLS needs the feature `tls`");
    Err(StreamEnd::Tls)
}

/// A socket that listens for peers.
#[derive(Debug)]
pub(crate) struct Listener {
    io: TcpListener,
    local: SocketAddr,
}

impl Listener {
    /// Listens on a port of the configured range, or any.
    pub(crate) fn bind(address: IpAddr, config: &Configuration) -> io::Result<Self> {
        let listener = crate::socket::in_range(config.port_range.clone(), |port| {
            std::net::TcpListener::bind((address, port))
        })?;
        listener.set_nonblocking(true)?;
        let local = listener.local_addr()?;
        Ok(Self { io: TcpListener::from_std(listener)?, local })
    }

    pub(crate) fn local(&self) -> SocketAddr {
        self.local
    }

    /// The next one who connects. Those who left before are no news.
    pub(crate) fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<(TcpStream, SocketAddr)> {
        match self.io.poll_accept(cx) {
            Poll::Ready(Ok(accepted)) => Poll::Ready(accepted),
            Poll::Ready(Err(error)) => {
                tracing::debug!(%error, local = %self.local, "accepting");
                Poll::Pending
            }
            Poll::Pending => Poll::Pending,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use antiphon_crypto_rust::RustCrypto;
    use antiphon_peerconnection::crypto::{CertificateParams, CryptoProvider};
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    fn machine() -> peer::PeerConnection {
        let provider: Arc<dyn CryptoProvider> = Arc::new(RustCrypto::new());
        let params = CertificateParams::new(Duration::from_secs(1_790_000_000));
        let certificate = provider.generate_certificate(&params).unwrap();
        let mut config = peer::Configuration::new(provider, certificate);
        config.ice_tcp = true;
        peer::PeerConnection::new(config, [7; 32], Instant::now()).unwrap()
    }

    fn stream(io: impl Duplex + 'static) -> Stream {
        let (local, remote) = ("192.0.2.1:1".parse().unwrap(), "192.0.2.2:2".parse().unwrap());
        let id = machine().accept_stream(local, remote).unwrap();
        Stream::of(id, Io::Open(Box::pin(io)), None)
    }

    async fn step(stream: &mut Stream) -> Step {
        std::future::poll_fn(|cx| Poll::Ready(stream.poll(cx))).await
    }

    #[tokio::test]
    async fn a_reader_who_is_slow_holds_the_writer_up_and_loses_nothing() {
        let (ours, mut theirs) = tokio::io::duplex(1000);
        let mut stream = stream(ours);
        let mut taken = 0;
        while stream.send(&[7; 1000]) {
            taken += 1000;
            assert_eq!(step(&mut stream).await, Step::Idle);
        }
        // The pipe's buffer, ours, and the one that went over the edge.
        assert!((MAX_UNSENT..MAX_UNSENT + 3000).contains(&taken), "{taken}");
        assert!(!stream.send(&[7; 1000]), "there is no room yet");
        let mut got = 0;
        while got < taken {
            // What a task may do at a time is limited.
            tokio::task::yield_now().await;
            assert_eq!(step(&mut stream).await, Step::Idle);
            let mut block = [0; 1000];
            got += theirs.read(&mut block).await.unwrap();
        }
        assert_eq!(got, taken);
        assert!(stream.send(&[7; 1000]), "there is room again");
        stream.close();
        assert_eq!(step(&mut stream).await, Step::Ended(StreamEnd::Closed));
        drop(stream);
        let mut rest = Vec::new();
        theirs.read_to_end(&mut rest).await.unwrap();
        assert_eq!(rest.len(), 1000, "what was sent before the end arrives");
    }

    // attack: bytes that never become a message
    #[tokio::test]
    async fn what_nobody_consumes_is_not_collected_for_ever() {
        let (ours, mut theirs) = tokio::io::duplex(1 << 20);
        let mut stream = stream(ours);
        theirs.write_all(&vec![7; 1 << 19]).await.unwrap();
        let mut steps = 0;
        while step(&mut stream).await == Step::Readable {
            steps += 1;
            assert!(steps < 100);
        }
        assert!(stream.unread().len() <= MAX_UNREAD + READ);
        assert_eq!(step(&mut stream).await, Step::Ended(StreamEnd::Closed));
    }

    // attack: connections that are opened and say nothing
    #[tokio::test]
    async fn a_stranger_who_proves_nothing_is_shown_the_door() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let _stranger = TcpStream::connect(address).await.unwrap();
        let (accepted, remote) = listener.accept().await.unwrap();
        let mut machine = machine();
        let id = machine.accept_stream(address, remote).unwrap();
        let now = Instant::now();
        let mut stream = Stream::accepted(id, accepted, now);
        stream.judge(&machine, now);
        assert_eq!(step(&mut stream).await, Step::Idle);
        assert_eq!(stream.deadline(), Some(now + STRANGER));
        stream.judge(&machine, now + STRANGER);
        assert_eq!(step(&mut stream).await, Step::Ended(StreamEnd::Closed));
    }

    #[tokio::test]
    async fn who_refuses_a_connection_is_told_from_who_is_silent() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let remote = listener.local_addr().unwrap();
        drop(listener);
        let stream = stream(tokio::io::duplex(1).0).id;
        let request = StreamRequest { stream, local: None, remote, tls: None };
        let end = connect(request, Vec::new()).await.err();
        assert_eq!(end, Some(StreamEnd::Unreachable));
    }
}
