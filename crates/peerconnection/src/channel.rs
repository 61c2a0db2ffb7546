use std::time::Duration;

use bytes::Bytes;

use crate::{DataChannelPriority, DataChannelState};

/// How to make a data channel. `RTCDataChannelInit`, webrtc-pc section 6.1.
#[derive(Clone, Debug, PartialEq, Eq)]
#[doc(alias = "RTCDataChannelInit")]
pub struct DataChannelInit {
    /// Whether messages are delivered in the order they were sent. Default: true.
    pub ordered: bool,
    /// How long a message may be retransmitted, counted from sending it; whole milliseconds up to
    /// 65,535. Not together with `max_retransmits`. Default: for ever.
    pub max_packet_life_time: Option<Duration>,
    /// How often a message may be retransmitted. Default: as often as it takes.
    pub max_retransmits: Option<u16>,
    /// A name for what is spoken over the channel; at most 65,535 bytes. Default: empty.
    pub protocol: String,
    /// The stream, from 0 to 65,534, of a channel that both sides create with the same number;
    /// nothing is said about it on the wire. Default: the peer is told of the channel.
    pub negotiated: Option<u16>,
    /// Its share of what is sent when several channels have something: bytes are in proportion to
    /// it. The peer is told. Default: [`DataChannelPriority::LOW`].
    pub priority: DataChannelPriority,
}

impl Default for DataChannelInit {
    fn default() -> Self {
        Self {
            ordered: true,
            max_packet_life_time: None,
            max_retransmits: None,
            protocol: String::new(),
            negotiated: None,
            priority: DataChannelPriority::LOW,
        }
    }
}

/// What there is to know of a data channel. `RTCDataChannel`, webrtc-pc section 6.2.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DataChannelInfo {
    /// Its label.
    pub label: String,
    /// How it was made.
    pub init: DataChannelInit,
    /// Its SCTP stream, once it has one.
    pub stream: Option<u16>,
    /// Its state.
    pub state: DataChannelState,
}

/// A message of a data channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DataChannelMessage {
    /// Text: these bytes are UTF-8.
    Text(Bytes),
    /// Anything else.
    Binary(Bytes),
}
