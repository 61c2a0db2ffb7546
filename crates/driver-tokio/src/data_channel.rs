use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use antiphon_peerconnection as peer;
use antiphon_peerconnection::{
    DataChannelId, DataChannelInfo, DataChannelState, InvalidState, TypeError,
};
use bytes::{Buf as _, Bytes, BytesMut};
use futures_core::Stream;
use futures_sink::Sink;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf};

use crate::message::Payload;
use crate::shared::Shared;
use crate::wait::Slot;
use crate::{Error, Message};

/// The largest message that writing bytes makes.
const WRITE_BYTES: usize = 64 << 10;

/// A channel for messages. `RTCDataChannel`, webrtc-pc section 6.2.
///
/// It is a `Stream` and a `Sink` of [`Message`]s, and an `AsyncRead` and `AsyncWrite` of bytes (the
/// bounds of messages are not kept then). Sending waits while the channel holds 1 MiB that the
/// network has not taken; a reader that is slow stops the peer.
///
/// Clones are handles to the same channel; each message goes to one of them. When the last one is
/// dropped, the channel closes: what was sent before still goes out. They do not keep the
/// connection open: only a [`PeerConnection`](crate::PeerConnection) does.
#[doc(alias = "RTCDataChannel")]
pub struct DataChannel {
    owner: Arc<Owner>,
    /// The rest of a message that `poll_read` has not handed out yet.
    unread: Bytes,
    reading: Slot,
    writing: Slot,
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
        let id = self.id;
        self.shared.command(|machine, now| machine.close_data_channel(now, id));
    }
}

impl Clone for DataChannel {
    fn clone(&self) -> Self {
        Self::of(Arc::clone(&self.owner))
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
    /// The only handle of a channel, not to be made a second time.
    pub(crate) fn new(
        shared: &Arc<Shared>,
        id: DataChannelId,
        info: Option<DataChannelInfo>,
    ) -> Self {
        Self::of(Arc::new(Owner { shared: Arc::clone(shared), id, info }))
    }

    fn of(owner: Arc<Owner>) -> Self {
        let slot = || Slot::new(Arc::clone(&owner.shared));
        Self { unread: Bytes::new(), reading: slot(), writing: slot(), owner }
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
        let state = self.owner.shared.lock();
        state.machine.data_channel(self.owner.id).and_then(|info| info.stream)
    }

    /// Its state.
    #[must_use]
    #[doc(alias = "readyState")]
    pub fn ready_state(&self) -> DataChannelState {
        self.owner.shared.lock().channel_state(self.owner.id)
    }

    /// Bytes that were sent and that the network has not taken yet.
    #[must_use]
    #[doc(alias = "bufferedAmount")]
    pub fn buffered_amount(&self) -> usize {
        self.owner.shared.lock().machine.buffered_amount(self.owner.id)
    }

    /// Waits until no more than `threshold` bytes wait for the network.
    ///
    /// This is W3C's `bufferedAmountLowThreshold` and `onbufferedamountlow` in one. A channel has
    /// one threshold: of several waits at once the last one's holds.
    ///
    /// # Errors
    ///
    /// [`Error::Closed`] when the channel is closed before.
    #[doc(alias = "bufferedAmountLowThreshold")]
    #[doc(alias = "onbufferedamountlow")]
    pub async fn buffered_amount_low(&self, threshold: usize) -> Result<(), Error> {
        let id = self.owner.id;
        self.owner.shared.wait(|state| state.channel_low(id, threshold)).await
    }

    /// Waits until the channel is open.
    ///
    /// # Errors
    ///
    /// [`Error::Closed`] when it never will be.
    pub async fn opened(&self) -> Result<(), Error> {
        let id = self.owner.id;
        self.owner.shared.wait(|state| state.channel_opened(id)).await
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
        let payload = Payload::from(message.into());
        let id = self.owner.id;
        self.owner.shared.wait(|state| state.send_when_room(id, || payload.clone())).await
    }

    /// Sends everything that a reader gives, a file for example, as messages of up to 64 KiB, and
    /// returns the number of bytes. What takes longer than the network is waited for: no more
    /// than [`send`](Self::send) allows is held in memory.
    ///
    /// The bounds of messages mean nothing then; the other side reads the channel as an
    /// `AsyncRead`. It sees the end when the channel is closed, so this is not the end of the channel:
    /// [`close`](Self::close) it, or send a message that says so. The last bytes may still
    /// be on their way at the return; [`buffered_amount_low`](Self::buffered_amount_low) with 0 waits
    /// until the network has taken them.
    ///
    /// Where the peer takes shorter messages only (`a=max-message-size`), they are as short as it
    /// wants. Dropping the future loses what it has read and not sent, up to one message.
    ///
    /// # Errors
    ///
    /// What the reader fails with; [`io::ErrorKind::BrokenPipe`] when the channel is closed. What
    /// was sent before is not taken back.
    ///
    /// ```no_run
    /// # async fn example(channel: antiphon_driver_tokio::DataChannel) -> std::io::Result<()> {
    /// let text: &[u8] = b"any AsyncRead: a file, a socket, these bytes";
    /// let sent = channel.send_stream(text).await?;
    /// channel.close().await;
    /// assert_eq!(sent, 44);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn send_stream(&self, reader: impl AsyncRead) -> io::Result<u64> {
        let mut reader = std::pin::pin!(reader);
        let mut longest = WRITE_BYTES;
        let mut total = 0;
        loop {
            let mut message = BytesMut::with_capacity(longest);
            while message.len() < longest {
                let room = longest.saturating_sub(message.len());
                let mut part = (&mut reader).take(u64::try_from(room).unwrap_or(u64::MAX));
                if part.read_buf(&mut message).await? == 0 {
                    break;
                }
            }
            if message.is_empty() {
                return Ok(total);
            }
            let is_last = message.len() < longest;
            total = u64::try_from(message.len()).map_or(total, |len| total.saturating_add(len));
            longest = self.send_parts(message.freeze(), longest).await.map_err(broken)?;
            if is_last {
                return Ok(total);
            }
        }
    }

    /// Sends bytes as messages of at most `longest`, or of what the peer takes if that is less;
    /// returns which it was.
    async fn send_parts(&self, mut bytes: Bytes, mut longest: usize) -> Result<usize, Error> {
        while !bytes.is_empty() {
            let part = bytes.slice(..longest.min(bytes.len()));
            match self.send(part.clone()).await {
                Ok(()) => bytes.advance(part.len()),
                Err(Error::Connection(peer::Error::Type(TypeError::MessageTooLarge {
                    limit,
                    ..
                }))) if (1..part.len()).contains(&limit) => longest = limit,
                Err(error) => return Err(error),
            }
        }
        Ok(longest)
    }

    /// Sends a message now, however much waits already, up to the connection's limit.
    ///
    /// # Errors
    ///
    /// [`Error::Connection`]: not open, longer than the peer takes, or the connection's send buffer
    /// is full.
    pub fn try_send(&self, message: impl Into<Message>) -> Result<(), Error> {
        let payload = Payload::from(message.into());
        Ok(self.owner.shared.lock().send_message(self.owner.id, payload)?)
    }

    /// The next message; `None` when the channel is closed and all was read.
    pub async fn recv(&mut self) -> Option<Message> {
        std::future::poll_fn(|cx| self.poll_recv(cx)).await
    }

    /// Closes the channel, after what was sent before, and waits until the peer has closed it too.
    pub async fn close(&self) {
        let id = self.owner.id;
        self.owner.shared.command(|machine, now| machine.close_data_channel(now, id));
        self.closed().await;
    }

    /// Waits until the peer, or the end of the connection, has closed the channel.
    pub async fn closed(&self) {
        let id = self.owner.id;
        self.owner.shared.wait(|state| state.channel_closed(id)).await;
    }

    fn poll_recv(&mut self, cx: &Context<'_>) -> Poll<Option<Message>> {
        let id = self.owner.id;
        self.reading.poll(cx, |state| state.next_message(id))
    }
}

impl Stream for DataChannel {
    type Item = Message;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Message>> {
        self.poll_recv(cx)
    }
}

impl Sink<Message> for DataChannel {
    type Error = Error;

    fn poll_ready(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let id = self.owner.id;
        self.writing.poll(cx, |state| state.channel_room(id))
    }

    fn start_send(self: Pin<&mut Self>, message: Message) -> Result<(), Error> {
        self.try_send(message)
    }

    /// Done when the network has taken all.
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let id = self.owner.id;
        self.writing.poll(cx, |state| state.channel_drained(id))
    }

    /// Done when the peer has closed the channel too.
    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let id = self.owner.id;
        self.writing
            .poll(cx, |state| {
                state.command(|machine, now| machine.close_data_channel(now, id));
                state.channel_closed(id)
            })
            .map(Ok)
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
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if bytes.is_empty() {
            return Poll::Ready(Ok(0));
        }
        let id = self.owner.id;
        let message = bytes.get(..WRITE_BYTES.min(bytes.len())).unwrap_or_default();
        let copy = || Payload { is_text: false, bytes: Bytes::copy_from_slice(message) };
        let sent = self.writing.poll(cx, |state| state.send_when_room(id, copy));
        sent.map(|result| result.map(|()| message.len()).map_err(broken))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Sink::poll_flush(self, cx).map_err(broken)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Sink::poll_close(self, cx).map_err(broken)
    }
}

fn broken(error: Error) -> io::Error {
    let closed = matches!(
        error,
        Error::Closed | Error::Connection(peer::Error::InvalidState(InvalidState::ChannelNotOpen))
    );
    let kind = if closed { io::ErrorKind::BrokenPipe } else { io::ErrorKind::Other };
    io::Error::new(kind, error)
}
