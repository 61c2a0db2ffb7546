use bytes::Bytes;

use crate::{ChannelError, Priority, Reliability};

/// A channel of one table; never used for a second channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ChannelId {
    pub(crate) slot: u32,
    pub(crate) generation: u32,
}

/// Something the application should know about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// The peer opened a channel (W3C `datachannel`). [`Opened`](Self::Opened) follows.
    Announced(ChannelId),
    /// The channel takes messages (W3C `open`).
    Opened(ChannelId),
    /// [`recv`](crate::Channels::recv) has something, after it had nothing.
    Readable(ChannelId),
    /// The buffered amount fell from above the threshold to it or below (W3C `bufferedamountlow`).
    BufferedAmountLow(ChannelId),
    /// Something went wrong (W3C `error`); [`Closed`](Self::Closed) follows.
    Error {
        /// The channel.
        channel: ChannelId,
        /// What went wrong.
        error: ChannelError,
    },
    /// The peer is closing the channel, and all it had sent was read (W3C `closing`).
    Closing(ChannelId),
    /// The channel is gone, and all that was received was read (W3C `close`). Its id means nothing
    /// any more once this event was polled.
    Closed(ChannelId),
}

/// W3C `RTCDataChannelState`.
#[doc(alias = "RTCDataChannelState")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ChannelState {
    /// The transport is not connected.
    Connecting,
    /// Messages can be sent.
    Open,
    /// Being closed by either side.
    Closing,
    /// Gone.
    Closed,
}

/// A message that arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// Text; checked to be UTF-8.
    Text(Bytes),
    /// Anything.
    Binary(Bytes),
}

impl Message {
    /// The bytes of either kind.
    #[must_use]
    pub const fn payload(&self) -> &Bytes {
        match self {
            Self::Text(payload) | Self::Binary(payload) => payload,
        }
    }
}

/// A message for the transport.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outgoing {
    /// The stream to send it on.
    pub stream: u16,
    /// The payload protocol identifier; see [`ppid`](crate::ppid).
    pub ppid: u32,
    /// What to send; never empty.
    pub payload: Bytes,
    /// Whether it must arrive in order.
    pub ordered: bool,
    /// How hard its delivery is tried. A lifetime is what is left of it.
    pub reliability: Reliability,
}

/// How the transport ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransportEnd {
    /// On purpose, by either side: channels close without an error.
    Closed,
    /// It failed: channels report an error first.
    Failed {
        /// The cause code of SCTP's ABORT, if there was one (W3C `sctpCauseCode`).
        cause: Option<u16>,
    },
}

/// What a channel is and how it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Info<'a> {
    /// Its label.
    pub label: &'a str,
    /// Its subprotocol; empty means none.
    pub protocol: &'a str,
    /// Its stream id (W3C `id`); `None` while our DTLS role is unknown.
    pub stream: Option<u16>,
    /// Whether messages arrive in order.
    pub ordered: bool,
    /// How hard delivery is tried.
    pub reliability: Reliability,
    /// Whether both sides agreed on it by other means.
    pub negotiated: bool,
    /// Its importance.
    pub priority: Priority,
    /// Its state.
    pub state: ChannelState,
    /// Bytes given to `send_text` and `send_binary` that are not on the wire yet.
    pub buffered_amount: usize,
    /// Counters.
    pub stats: ChannelStats,
}

/// Counters of one channel (W3C `RTCDataChannelStats`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ChannelStats {
    /// Messages given to the transport.
    pub messages_sent: u64,
    /// Their bytes.
    pub bytes_sent: u64,
    /// Messages that arrived.
    pub messages_received: u64,
    /// Their bytes.
    pub bytes_received: u64,
}

/// Counters of a table (W3C `RTCPeerConnectionStats`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Channels that were open.
    pub channels_opened: u64,
    /// Channels that were open and are closed.
    pub channels_closed: u64,
    /// Channels of the peer that were refused.
    pub channels_refused: u64,
    /// Messages that were dropped because their lifetime ended in the table.
    pub messages_expired: u64,
}
