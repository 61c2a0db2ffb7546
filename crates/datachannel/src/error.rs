use thiserror::Error;

use crate::ChannelState;

/// Why bytes are no DCEP message (RFC 8832 section 5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DcepError {
    /// Shorter or longer than its fields say.
    #[error("{have} bytes where {need} belong")]
    Length {
        /// Bytes that belong there.
        need: usize,
        /// Bytes that came.
        have: usize,
    },
    /// No message of that number.
    #[error("unknown message type {0:#04x}")]
    UnknownMessage(u8),
    /// No channel type of that number.
    #[error("unknown channel type {0:#04x}")]
    UnknownChannelType(u8),
    /// A label or protocol that is not UTF-8.
    #[error("label or protocol is not UTF-8")]
    NotUtf8,
}

/// Why a channel was not opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The transport has ended.
    #[error("the transport is closed")]
    TransportClosed,
    /// The label or the protocol is longer than 65,535 bytes.
    #[error("{len} bytes of label or protocol, at most 65535")]
    NameTooLong {
        /// Its length in bytes.
        len: usize,
    },
    /// The negotiated id is at or above the number of streams, or 65,535.
    #[error("stream {stream} does not exist, there are {streams}")]
    NoSuchStream {
        /// The id asked for.
        stream: u16,
        /// How many streams there are, from 0 on.
        streams: u16,
    },
    /// The negotiated id belongs to another channel.
    #[error("stream {stream} is in use")]
    InUse {
        /// The id asked for.
        stream: u16,
    },
    /// All ids of our parity are in use.
    #[error("no stream is left")]
    NoStreamLeft,
    /// The announcement is longer than the messages that the peer accepts.
    #[error("announcement of {len} bytes, the peer accepts {limit}")]
    AnnouncementTooLarge {
        /// Its length in bytes.
        len: usize,
        /// What the peer accepts.
        limit: usize,
    },
}

/// Why a message was not taken for sending.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SendError {
    /// No such channel, or it is gone.
    #[error("unknown channel")]
    UnknownChannel,
    /// Only an open channel takes messages (W3C `InvalidStateError`).
    #[error("the channel is {state:?}, not open")]
    NotOpen {
        /// What it is instead.
        state: ChannelState,
    },
    /// The peer does not accept messages that long (W3C `TypeError`).
    #[error("message of {len} bytes, the peer accepts {limit}")]
    MessageTooLarge {
        /// The message's length.
        len: usize,
        /// What the peer accepts.
        limit: usize,
    },
    /// Too much waits already (W3C `OperationError`); try again after
    /// [`BufferedAmountLow`](crate::Event::BufferedAmountLow).
    #[error("{buffered} of {limit} bytes are waiting already")]
    BufferFull {
        /// Bytes waiting in the table.
        buffered: usize,
        /// [`Config::send_buffer`](crate::Config::send_buffer).
        limit: usize,
    },
    /// A text that is not UTF-8.
    #[error("text is not UTF-8")]
    NotUtf8,
}

/// Why a message that arrived was not delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum InputError {
    /// The transport is not connected.
    #[error("the transport is not connected")]
    NotConnected,
    /// The application has to read first. The message was *not* taken: offer it again when
    /// [`is_receptive`](crate::Channels::is_receptive).
    #[error("{unread} of {limit} bytes are unread")]
    ReceiveBufferFull {
        /// Bytes unread.
        unread: usize,
        /// [`Config::receive_buffer`](crate::Config::receive_buffer).
        limit: usize,
    },
    /// The stream is closing; what still arrives on it is dropped.
    #[error("stream {stream} is closing")]
    Closing {
        /// The stream.
        stream: u16,
    },
    /// The peer opened a channel that it may not open; the stream is being reset.
    #[error("channel refused: {0}")]
    Refused(ChannelError),
    /// The message broke a rule; its channel is being closed and an event tells the application.
    #[error("channel closed: {0}")]
    ChannelFailed(ChannelError),
    /// An acknowledgement of nothing; ignored.
    #[error("stream {stream} expects no acknowledgement")]
    UnexpectedAck {
        /// The stream.
        stream: u16,
    },
}

/// Why a channel failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ChannelError {
    /// The transport failed (W3C `sctp-failure`).
    #[error("the transport failed, SCTP cause {cause:?}")]
    TransportFailed {
        /// The cause code of SCTP's ABORT, if there was one.
        cause: Option<u16>,
    },
    /// The peer reset the stream instead of acknowledging the channel.
    #[error("the peer refused the channel")]
    RefusedByPeer,
    /// All ids of our parity were in use when our role became known.
    #[error("no stream is left")]
    NoStreamLeft,
    /// The id is at or above the number of streams that the transport has.
    #[error("stream {stream} does not exist, there are {streams}")]
    NoSuchStream {
        /// The id.
        stream: u16,
        /// How many streams there are, from 0 on.
        streams: u16,
    },
    /// The announcement is longer than the messages that the peer accepts.
    #[error("announcement of {len} bytes, the peer accepts {limit}")]
    AnnouncementTooLarge {
        /// Its length in bytes.
        len: usize,
        /// What the peer accepts.
        limit: usize,
    },
    /// The peer sent a malformed DCEP message.
    #[error("malformed DCEP message: {0}")]
    Dcep(#[from] DcepError),
    /// The peer announced a channel on a stream that is in use.
    #[error("stream in use")]
    StreamInUse,
    /// The peer announced a channel with an id of our parity (RFC 8832 section 6).
    #[error("stream id of the wrong parity")]
    WrongParity,
    /// The peer has as many channels open as the configuration allows.
    #[error("too many channels")]
    TooManyChannels,
    /// The labels of the peer's channels are longer than the configuration allows.
    #[error("labels and protocols too long")]
    NamesTooLong,
    /// User data on a stream that is no channel.
    #[error("user data without a channel")]
    NoChannel,
    /// A text that is not UTF-8.
    #[error("text is not UTF-8")]
    NotUtf8,
    /// A payload protocol identifier that RFC 8831 does not define, or deprecates.
    #[error("unknown payload protocol identifier {0}")]
    UnknownPpid(u32),
    /// A message longer than we announced to accept.
    #[error("message of {len} bytes, {limit} were announced")]
    MessageTooLarge {
        /// Its length in bytes.
        len: usize,
        /// [`Config::max_message_size`](crate::Config::max_message_size).
        limit: usize,
    },
}
