use std::time::Duration;

/// Limits of a [`Channels`](crate::Channels) table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Config {
    /// The longest message the peer may send, in bytes: what `a=max-message-size` announces. A
    /// longer one closes its channel. Default 262,144, as browsers announce.
    pub max_message_size: usize,
    /// How many channels opened by the peer may exist at once, those closed included until their
    /// [`Closed`](crate::Event::Closed) event was polled. Further ones are refused. Default 1024;
    /// the protocol's own limit is 65,535.
    pub max_incoming_channels: usize,
    /// Bytes of labels and protocol names of channels opened by the peer, all together. Channels
    /// beyond it are refused. Default 1 MiB; one channel takes up to 131,070.
    pub max_incoming_names: usize,
    /// Bytes of received messages that the application has not read, all channels together, before
    /// [`is_receptive`](crate::Channels::is_receptive) turns false. Each message counts 64 bytes more
    /// than its length. Default 1 MiB.
    pub receive_buffer: usize,
    /// Bytes that wait in the table for [`poll_send`](crate::Channels::poll_send), all channels
    /// together, before sending fails. Default 16 MiB, as in browsers. Each message counts 64 bytes
    /// more than its length.
    pub send_buffer: usize,
    /// Bytes kept, all streams together, of messages for streams that are no channel yet: the peer
    /// of a negotiated channel may be quicker than we are. Beyond it, and with 0 always, the stream is
    /// reset as RFC 8832 section 6 wants. Default 64 KiB. Each message counts 64 bytes more than
    /// its length.
    pub early_data: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            max_message_size: 262_144,
            max_incoming_channels: 1024,
            max_incoming_names: 1 << 20,
            receive_buffer: 1 << 20,
            send_buffer: 16 << 20,
            early_data: 64 << 10,
        }
    }
}

/// Our side of the DTLS handshake; decides which stream ids are ours (RFC 8832 section 6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DtlsRole {
    /// Our channels have even ids.
    Client,
    /// Our channels have odd ids.
    Server,
}

/// What a new channel shall be (W3C `RTCDataChannelInit`).
#[doc(alias = "RTCDataChannelInit")]
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ChannelConfig {
    /// A name for people or programs, up to 65,535 bytes; need not be unique.
    pub label: String,
    /// A subprotocol, up to 65,535 bytes; empty means none.
    pub protocol: String,
    /// Whether messages arrive in order. Default true.
    pub ordered: bool,
    /// How hard delivery is tried. Default [`Reliability::Reliable`].
    pub reliability: Reliability,
    /// `Some(id)` when both sides agreed on the stream id by other means: nothing is announced, and
    /// the peer has to open the same. 0 to 65,534, even or odd. Default `None`.
    pub negotiated: Option<u16>,
    /// The channel's importance: its share of what is sent, in both directions if the peer heeds
    /// it. Default [`Priority::LOW`].
    pub priority: Priority,
}

impl ChannelConfig {
    /// An ordered and reliable channel.
    #[must_use]
    pub fn new(label: impl Into<String>) -> Self {
        Self {
            label: label.into(),
            protocol: String::new(),
            ordered: true,
            reliability: Reliability::Reliable,
            negotiated: None,
            priority: Priority::LOW,
        }
    }
}

/// How hard the delivery of a message is tried (RFC 8832 section 5.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reliability {
    /// Until it arrived.
    #[default]
    Reliable,
    /// At most so many retransmissions; 0 sends once.
    Retransmits(u16),
    /// For that long after it was given to the table; milliseconds count on the wire.
    Lifetime(Duration),
}

/// A channel's importance (RFC 8831 section 6.4); any number, four have names.
///
/// When several channels have something to send, their bytes are in proportion to it; 0 counts
/// as 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Priority(pub u16);

impl Priority {
    /// Below normal.
    pub const VERY_LOW: Self = Self(128);
    /// Normal.
    pub const LOW: Self = Self(256);
    /// High.
    pub const MEDIUM: Self = Self(512);
    /// Extra high.
    pub const HIGH: Self = Self(1024);
}
