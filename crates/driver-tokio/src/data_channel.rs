use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use antiphon_peerconnection as peer;
use antiphon_peerconnection::{
    DataChannelId, DataChannelInfo, DataChannelMessage, DataChannelState, InvalidState,
    OperationError,
};
use bytes::{Buf as _, Bytes};
use futures_core::Stream;
use futures_sink::Sink;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::Error;
use crate::shared::{Shared, State, register};

/// Sending waits while more than this waits in the channel, in bytes.
const HIGH_WATER: usize = 1 << 20;
/// Those who wait for room go on when it has fallen to this, in bytes.
pub(crate) const LOW_WATER: usize = HIGH_WATER / 2;
/// The largest message that writing bytes makes.
const WRITE_BYTES: usize = 64 << 10;

/// A message of a data channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// Text.
    Text(String),
    /// Anything else.
    Binary(Bytes),
}

impl Message {
    /// The message's bytes, of whichever kind.
    #[must_use]
    pub fn into_bytes(self) -> Bytes {
        match self {
            Self::Text(text) => text.into(),
            Self::Binary(bytes) => bytes,
        }
    }
}

impl From<&str> for Message {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Message {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<Bytes> for Message {
    fn from(bytes: Bytes) -> Self {
        Self::Binary(bytes)
    }
}

impl From<Vec<u8>> for Message {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Binary(bytes.into())
    }
}

/// A channel for messages. `RTCDataChannel`, webrtc-pc section 6.2.
///
/// It is a `Stream` and a `Sink` of [`Message`]s, and an `AsyncRead` and `AsyncWrite` of bytes (the
/// bounds of messages are not kept then). Sending waits while the channel holds 1 MiB that the
/// network has not taken; a reader that is slow stops the peer.
///
/// Clones are handles to the same channel. When the last one is dropped, the channel closes: what
/// was sent before still goes out.
#[derive(Clone)]
#[doc(alias = "RTCDataChannel")]
pub struct DataChannel {
    owner: Arc<Owner>,
    /// The rest of a message that `poll_read` has not handed out yet.
    unread: Bytes,
}

struct Owner {
    shared: Arc<Shared>,
    id: DataChannelId,
    /// What it was when the handle was made; only the state and the stream change. `None`: it had
    /// been closed by then.
    info: Option<DataChannelInfo>,
}

impl Drop for Owner {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.channels.remove(&self.id);
        state.machine.close_data_channel(Instant::now(), self.id);
        state.wake_task();
    }
}

impl fmt::Debug for DataChannel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DataChannel")
            .field("id", &self.owner.id)
            .field("label", &self.label())
            .finish_non_exhaustive()
    }
}

impl DataChannel {
    pub(crate) fn new(shared: Arc<Shared>, id: DataChannelId, state: &mut State) -> Self {
        state.channels.entry(id).or_default();
        let info = state.machine.data_channel(id);
        Self { owner: Arc::new(Owner { shared, id, info }), unread: Bytes::new() }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.owner.shared.lock()
    }

    /// What the channel is called.
    #[must_use]
    pub fn label(&self) -> &str {
        self.owner.info.as_ref().map_or("", |info| &info.label)
    }

    /// The name of what is spoken over it.
    #[must_use]
    pub fn protocol(&self) -> &str {
        self.owner.info.as_ref().map_or("", |info| &info.init.protocol)
    }

    /// How the channel was made: order and reliability.
    #[must_use]
    pub fn init(&self) -> peer::DataChannelInit {
        self.owner.info.as_ref().map(|info| info.init.clone()).unwrap_or_default()
    }

    /// Its SCTP stream, once it has one.
    #[must_use]
    pub fn id(&self) -> Option<u16> {
        self.lock().machine.data_channel(self.owner.id).and_then(|info| info.stream)
    }

    /// Its state.
    #[must_use]
    #[doc(alias = "readyState")]
    pub fn ready_state(&self) -> DataChannelState {
        state_of(&self.lock(), self.owner.id)
    }

    /// Bytes that were sent and that the network has not taken yet.
    #[must_use]
    #[doc(alias = "bufferedAmount")]
    pub fn buffered_amount(&self) -> usize {
        self.lock().machine.buffered_amount(self.owner.id)
    }

    /// Waits until the channel is open.
    ///
    /// # Errors
    ///
    /// [`Error::Closed`] when it never will be.
    pub async fn opened(&self) -> Result<(), Error> {
        std::future::poll_fn(|cx| self.poll_state(cx, DataChannelState::Open)).await
    }

    /// Sends text, when there is room for it.
    ///
    /// # Errors
    ///
    /// [`Error::Closed`]; [`Error::Connection`] when it is longer than the peer takes.
    pub async fn send_text(&self, text: impl Into<String>) -> Result<(), Error> {
        self.send(Message::Text(text.into())).await
    }

    /// Sends a message, when there is room for it; before the channel is open, waits for that.
    ///
    /// # Errors
    ///
    /// [`Error::Closed`]; [`Error::Connection`] when it is longer than the peer takes.
    pub async fn send(&self, message: impl Into<Message>) -> Result<(), Error> {
        let mut message = Some(message.into());
        std::future::poll_fn(|cx| {
            std::task::ready!(self.poll_room(cx))?;
            match message.take() {
                Some(taken) => match self.try_send(taken.clone()) {
                    Err(Error::Connection(peer::Error::Operation(
                        OperationError::BufferFull { .. },
                    ))) => {
                        message = Some(taken);
                        self.wait_for_room(cx);
                        Poll::Pending
                    }
                    result => Poll::Ready(result),
                },
                None => Poll::Ready(Ok(())),
            }
        })
        .await
    }

    /// Sends a message now, however much waits already, up to the connection's limit.
    ///
    /// # Errors
    ///
    /// [`Error::Connection`]: not open, longer than the peer takes, or the connection's send buffer
    /// is full.
    pub fn try_send(&self, message: impl Into<Message>) -> Result<(), Error> {
        let id = self.owner.id;
        let message = message.into();
        Ok(self.owner.shared.command(|machine, now| match message {
            Message::Text(text) => machine.send_text(now, id, text.into()),
            Message::Binary(bytes) => machine.send_binary(now, id, bytes),
        })?)
    }

    /// The next message; `None` when the channel is closed and all was read.
    pub async fn recv(&mut self) -> Option<Message> {
        std::future::poll_fn(|cx| self.poll_recv(cx)).await
    }

    /// Closes the channel, after what was sent before, and waits until the peer has closed it too.
    pub async fn close(&self) {
        let id = self.owner.id;
        self.owner.shared.command(|machine, now| machine.close_data_channel(now, id));
        let _ = std::future::poll_fn(|cx| self.poll_state(cx, DataChannelState::Closed)).await;
    }

    /// Waits until the peer, or the end of the connection, has closed the channel.
    pub async fn closed(&self) {
        let _ = std::future::poll_fn(|cx| self.poll_state(cx, DataChannelState::Closed)).await;
    }

    /// `Ready` when the channel is in the state wanted, or can no longer come to it.
    fn poll_state(&self, cx: &Context<'_>, wanted: DataChannelState) -> Poll<Result<(), Error>> {
        let mut state = self.lock();
        let now = state_of(&state, self.owner.id);
        if now == wanted {
            return Poll::Ready(Ok(()));
        }
        if now == DataChannelState::Closed
            || (now == DataChannelState::Closing && wanted == DataChannelState::Open)
        {
            return Poll::Ready(Err(Error::Closed));
        }
        if let Some(waiters) = state.channels.get_mut(&self.owner.id) {
            register(&mut waiters.watchers, cx);
        }
        Poll::Pending
    }

    /// `Ready` when the channel is open and holds less than it should at most.
    fn poll_room(&self, cx: &Context<'_>) -> Poll<Result<(), Error>> {
        std::task::ready!(self.poll_state(cx, DataChannelState::Open))?;
        if self.buffered_amount() < HIGH_WATER {
            return Poll::Ready(Ok(()));
        }
        self.wait_for_room(cx);
        Poll::Pending
    }

    fn wait_for_room(&self, cx: &Context<'_>) {
        let mut state = self.lock();
        if let Some(waiters) = state.channels.get_mut(&self.owner.id) {
            register(&mut waiters.writers, cx);
        }
        // The task looks after writers: what they wait for may have come in between.
        state.wake_task();
    }

    fn poll_recv(&self, cx: &Context<'_>) -> Poll<Option<Message>> {
        let mut state = self.lock();
        if let Some(message) = state.machine.receive_message(self.owner.id) {
            // The peer may learn that there is room again.
            state.wake_task();
            return Poll::Ready(Some(match message {
                // The machine has checked that text is UTF-8.
                DataChannelMessage::Text(bytes) => {
                    Message::Text(String::from_utf8_lossy(&bytes).into_owned())
                }
                DataChannelMessage::Binary(bytes) => Message::Binary(bytes),
            }));
        }
        if state_of(&state, self.owner.id) == DataChannelState::Closed {
            return Poll::Ready(None);
        }
        if let Some(waiters) = state.channels.get_mut(&self.owner.id) {
            register(&mut waiters.readers, cx);
        }
        Poll::Pending
    }
}

/// The channel's state; one that the machine has forgotten, or whose task is gone, is closed.
fn state_of(state: &State, id: DataChannelId) -> DataChannelState {
    if state.finished {
        return DataChannelState::Closed;
    }
    state.machine.data_channel_state(id)
}

impl Stream for DataChannel {
    type Item = Message;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Message>> {
        self.poll_recv(cx)
    }
}

impl Sink<Message> for DataChannel {
    type Error = Error;

    fn poll_ready(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.poll_room(cx)
    }

    fn start_send(self: Pin<&mut Self>, message: Message) -> Result<(), Error> {
        self.try_send(message)
    }

    /// Done when the network has taken all.
    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        if self.buffered_amount() == 0 {
            return Poll::Ready(Ok(()));
        }
        if self.ready_state() == DataChannelState::Closed {
            return Poll::Ready(Err(Error::Closed));
        }
        self.wait_for_room(cx);
        Poll::Pending
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let id = self.owner.id;
        self.owner.shared.command(|machine, now| machine.close_data_channel(now, id));
        self.poll_state(cx, DataChannelState::Closed)
    }
}

impl AsyncRead for DataChannel {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        while self.unread.is_empty() {
            match std::task::ready!(self.poll_recv(cx)) {
                Some(message) => self.unread = message.into_bytes(),
                None => return Poll::Ready(Ok(())),
            }
        }
        let len = self.unread.len().min(buf.remaining());
        buf.put_slice(self.unread.get(..len).unwrap_or_default());
        self.unread.advance(len);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for DataChannel {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if bytes.is_empty() {
            return Poll::Ready(Ok(0));
        }
        std::task::ready!(self.poll_room(cx)).map_err(broken)?;
        let message = bytes.get(..WRITE_BYTES.min(bytes.len())).unwrap_or_default();
        match self.try_send(Bytes::copy_from_slice(message)) {
            Ok(()) => Poll::Ready(Ok(message.len())),
            Err(Error::Connection(peer::Error::Operation(OperationError::BufferFull {
                ..
            }))) => {
                self.wait_for_room(cx);
                Poll::Pending
            }
            Err(error) => Poll::Ready(Err(broken(error))),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Sink::poll_flush(self, cx).map_err(broken)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Sink::poll_close(self, cx).map_err(broken)
    }
}

fn broken(error: Error) -> io::Error {
    let kind = match error {
        Error::Closed
        | Error::Connection(peer::Error::InvalidState(InvalidState::ChannelNotOpen)) => {
            io::ErrorKind::BrokenPipe
        }
        _ => io::ErrorKind::Other,
    };
    io::Error::new(kind, error)
}
