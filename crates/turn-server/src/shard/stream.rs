//! Clients over TCP and TLS.

use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use antiphon_turn::server::{FiveTuple, Transport};
use antiphon_turn::wire::{Frame, StreamFramer};
use bytes::{Buf as _, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::outbox::Outbox;
use super::{Command, Shard, splice};
use crate::doors::Seat;
use crate::net::prepare_stream;

/// The longest frame: ChannelData with 65,535 bytes, padded.
const LONGEST: usize = 65_540;
/// How much is read at once, at least.
const ROOM: usize = 2048;
/// How long answers may take to leave when a connection is closed.
const FAREWELL: Duration = Duration::from_secs(5);

/// A connection that has been accepted, on its way to the shard that serves it.
#[derive(Debug)]
pub(crate) struct Incoming {
    pub(crate) stream: std::net::TcpStream,
    pub(crate) client: SocketAddr,
    pub(crate) server: SocketAddr,
    pub(crate) secure: bool,
    /// What has been read already.
    pub(crate) bytes: BytesMut,
    /// Its place among the connections that are allowed.
    pub(crate) seat: Seat,
    /// When it has to have an allocation.
    pub(crate) deadline: Instant,
}

/// How a connection goes on after its frames.
enum End {
    Closed,
    Splice,
    /// Another shard knows what its first message speaks of.
    HandOver(usize),
}

/// Serves a connection with a task of its own.
pub(super) fn serve(shard: &Rc<Shard>, incoming: Incoming) {
    let shard = Rc::clone(shard);
    tokio::task::spawn_local(async move {
        let Ok(stream) = TcpStream::from_std(incoming.stream) else { return };
        if prepare_stream(&stream).is_err() {
            return;
        }
        let transport = if incoming.secure { Transport::Tls } else { Transport::Tcp };
        let client = FiveTuple { client: incoming.client, server: incoming.server, transport };
        let connection =
            Connection::new(shard, client, incoming.bytes, incoming.seat, incoming.deadline);
        if !incoming.secure {
            connection.plain(stream).await;
        } else if let Some(acceptor) = connection.shard.shared.tls() {
            let handshake = acceptor.accept(stream);
            match tokio::time::timeout_at(connection.deadline.into(), handshake).await {
                Ok(Ok(stream)) => connection.secure(stream).await,
                Ok(Err(error)) => tracing::debug!(client = %client.client, %error, "TLS handshake"),
                Err(_) => tracing::debug!(client = %client.client, "TLS handshake timed out"),
            }
        }
    });
}

struct Connection {
    shard: Rc<Shard>,
    client: FiveTuple,
    outbox: Rc<Outbox>,
    input: BytesMut,
    writing: BytesMut,
    framer: StreamFramer,
    seat: Option<Seat>,
    deadline: Instant,
    is_first: bool,
}

impl Drop for Connection {
    fn drop(&mut self) {
        let now = Instant::now();
        let mut core = self.shard.core.borrow_mut();
        if core.streams.remove(&self.client).is_some() {
            core.server.client_closed(now, self.client);
            core.drain(&self.shard, now);
            core.settle(&self.shard);
        }
    }
}

impl Connection {
    fn new(
        shard: Rc<Shard>,
        client: FiveTuple,
        input: BytesMut,
        seat: Seat,
        deadline: Instant,
    ) -> Self {
        let outbox = Rc::new(Outbox::default());
        shard.core.borrow_mut().streams.insert(client, Rc::clone(&outbox));
        let framer = StreamFramer::new(LONGEST);
        let (writing, is_first) = (BytesMut::new(), true);
        let seat = Some(seat);
        Self { shard, client, outbox, input, writing, framer, seat, deadline, is_first }
    }

    async fn plain(mut self, mut stream: TcpStream) {
        let end = self.serve(&mut stream).await;
        match end {
            End::Closed => {}
            End::Splice => self.splice(stream).await,
            End::HandOver(owner) => self.hand_over(stream, owner),
        }
    }

    async fn secure(mut self, mut stream: tokio_rustls::server::TlsStream<TcpStream>) {
        match self.serve(&mut stream).await {
            End::Closed | End::HandOver(_) => {}
            End::Splice => self.splice(stream).await,
        }
    }

    /// Frames until the connection ends, or becomes something else.
    async fn serve<S: AsyncRead + AsyncWrite + Unpin>(&mut self, stream: &mut S) -> End {
        if let Some(end) = self.frames() {
            return end;
        }
        let (mut reader, mut writer) = tokio::io::split(stream);
        loop {
            if self.outbox.is_allocated() {
                self.deadline = self.after_idle();
            }
            self.input.reserve(ROOM);
            let idle = idle(&self.outbox, self.deadline);
            let (input, writing, outbox) = (&mut self.input, &mut self.writing, &self.outbox);
            tokio::select! {
                read = reader.read_buf(input) => match read {
                    Ok(1..) => if let Some(end) = self.frames() {
                        match end {
                            End::Closed => {}
                            End::HandOver(_) => return end,
                            End::Splice => {
                                return if self.farewell(&mut writer).await { end } else { End::Closed };
                            }
                        }
                        self.farewell(&mut writer).await;
                        let _ = writer.shutdown().await;
                        return end;
                    },
                    Ok(0) | Err(_) => return End::Closed,
                },
                written = write(&mut writer, writing, outbox) => match written {
                    Ok(()) => {}
                    Err(_) => return End::Closed,
                },
                () = idle => {
                    tracing::debug!(client = %self.client.client, "no allocation in time");
                    return End::Closed;
                }
            }
            if self.outbox.has_splice() {
                return if self.farewell(&mut writer).await { End::Splice } else { End::Closed };
            }
            if self.outbox.is_closing() {
                self.farewell(&mut writer).await;
                let _ = writer.shutdown().await;
                return End::Closed;
            }
        }
    }

    /// When a connection without an allocation is closed, counted from now.
    fn after_idle(&self) -> Instant {
        let now = Instant::now();
        now.checked_add(self.shard.shared.live().config.limits.idle).unwrap_or(now)
    }

    /// Hands all complete frames to the machine.
    fn frames(&mut self) -> Option<End> {
        let now = Instant::now();
        let mut core = self.shard.core.borrow_mut();
        loop {
            let frame = match self.framer.next(&self.input) {
                Ok(Frame::Complete { message, consumed }) => (message, consumed),
                Ok(Frame::Incomplete { .. }) => break,
                Err(error) => {
                    tracing::debug!(client = %self.client.client, %error, "stream given up");
                    return Some(End::Closed);
                }
            };
            let (message, consumed) = frame;
            let bytes = self.input.get(..message).unwrap_or_default();
            if std::mem::take(&mut self.is_first)
                && self.client.transport == Transport::Tcp
                && let Some(owner) = self.shard.owner_elsewhere(bytes)
            {
                return Some(End::HandOver(owner));
            }
            core.input(&self.shard, now, self.client, bytes, message, None);
            self.input.advance(consumed);
            if self.outbox.has_splice() {
                core.settle(&self.shard);
                return Some(End::Splice);
            }
            if self.outbox.is_closing() {
                core.settle(&self.shard);
                return Some(End::Closed);
            }
        }
        core.settle(&self.shard);
        None
    }
}

impl Connection {
    /// Writes what is queued, for a while; `false` if that failed.
    async fn farewell<W: AsyncWrite + Unpin>(&mut self, writer: &mut W) -> bool {
        let all = async {
            loop {
                self.outbox.refill(&mut self.writing);
                if self.writing.is_empty() {
                    return writer.flush().await;
                }
                writer.write_all_buf(&mut self.writing).await?;
            }
        };
        matches!(tokio::time::timeout(FAREWELL, all).await, Ok(Ok(())))
    }

    async fn splice<S: AsyncRead + AsyncWrite + Unpin>(&mut self, stream: S) {
        splice::run(&self.shard, self.client, &self.outbox, &mut self.input, stream).await;
    }

    fn hand_over(mut self, stream: TcpStream, owner: usize) {
        self.shard.core.borrow_mut().streams.remove(&self.client);
        let Ok(stream) = stream.into_std() else { return };
        let Some(seat) = self.seat.take() else { return };
        let incoming = Incoming {
            stream,
            client: self.client.client,
            server: self.client.server,
            secure: false,
            bytes: std::mem::take(&mut self.input),
            seat,
            deadline: self.deadline,
        };
        self.shard.shared.tell(owner, Command::Stream(incoming));
    }
}

/// Writes until there is nothing left to write and something has changed.
async fn write<W: AsyncWrite + Unpin>(
    writer: &mut W,
    writing: &mut BytesMut,
    outbox: &Outbox,
) -> std::io::Result<()> {
    loop {
        outbox.refill(writing);
        if writing.is_empty() {
            writer.flush().await?;
            outbox.changed().await;
            return Ok(());
        }
        let len = writer.write(writing).await?;
        if len == 0 {
            return Err(std::io::ErrorKind::WriteZero.into());
        }
        writing.advance(len);
    }
}

/// Ends when a connection has been without an allocation for too long.
async fn idle(outbox: &Outbox, deadline: Instant) {
    if outbox.is_allocated() {
        std::future::pending().await
    } else {
        tokio::time::sleep_until(deadline.into()).await;
    }
}
