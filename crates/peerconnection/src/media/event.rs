use std::ops::Range;

use antiphon_rtp::{AudioLevel, Ssrc, VideoOrientation};

use crate::TransceiverId;

/// Something that happened to a transceiver's media.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// The peer wants a key frame of our stream.
    KeyFrameRequested(TransceiverId),
    /// The first packet came, at the beginning or after [`Event::Muted`].
    Unmuted(TransceiverId),
    /// The last source that was heard said goodbye.
    Muted(TransceiverId),
    /// The peer reported how it receives our stream.
    ReportReceived(TransceiverId),
}

/// A packet that belongs to a transceiver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Packet {
    pub(crate) transceiver: TransceiverId,
    /// The source of the media, also when a retransmission brought it.
    pub(crate) ssrc: Ssrc,
    pub(crate) payload_type: u8,
    pub(crate) marker: bool,
    pub(crate) sequence_number: u16,
    /// The sequence number without wraps; the lower 16 bits are `sequence_number`.
    pub(crate) place: u64,
    pub(crate) timestamp: u32,
    /// Where the payload lies in the packet; empty when there is nothing but padding.
    pub(crate) payload: Range<usize>,
    /// Whether a retransmission brought it.
    pub(crate) recovered: bool,
    pub(crate) audio_level: Option<AudioLevel>,
    pub(crate) orientation: Option<VideoOrientation>,
}

/// A packet to send.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outgoing<'a> {
    pub(crate) payload_type: u8,
    pub(crate) marker: bool,
    /// A random offset, fixed per stream, is added.
    pub(crate) timestamp: u32,
    pub(crate) payload: &'a [u8],
    /// Written where it is negotiated.
    pub(crate) audio_level: Option<AudioLevel>,
    /// Written where it is negotiated.
    pub(crate) orientation: Option<VideoOrientation>,
}

/// A datagram, still in the clear.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Output {
    pub(crate) len: usize,
    pub(crate) kind: OutputKind,
}

/// How a datagram has to be encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OutputKind {
    Rtp,
    Rtcp,
}

/// Why a media packet was dropped. Nothing changed but counters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Drop {
    /// It is no RTP packet.
    #[error("RTP: {0}")]
    Rtp(#[from] antiphon_rtp::ParseError),
    /// It is no RTCP compound packet.
    #[error("RTCP: {0}")]
    Rtcp(#[from] antiphon_rtcp::ParseError),
    /// Its MID names no section that is in use.
    #[error("the packet's mid is unknown")]
    UnknownMid,
    /// Nothing says which section it belongs to.
    #[error("source {ssrc:#x} with payload type {payload_type} belongs to no section")]
    UnknownSource {
        /// The source.
        ssrc: u32,
        /// The payload type.
        payload_type: u8,
    },
    /// Its payload type was not negotiated in the section of its source.
    #[error("payload type {0} is not negotiated for this source")]
    PayloadType(u8),
    /// Its section does not receive at present.
    #[error("the section does not receive")]
    NotReceiving,
    /// Its source said goodbye a moment ago.
    #[error("the source said goodbye")]
    Departed,
    /// It came before.
    #[error("a duplicate, or too old")]
    Duplicate,
    /// Its sequence number is far off; the next packet may confirm it.
    #[error("the sequence number jumped")]
    Jump,
    /// A retransmission of nothing: a probe.
    #[error("a probe without media")]
    Probe,
    /// A retransmission whose media source is not known.
    #[error("a retransmission for no known source")]
    UnknownRepair,
    /// There are too many sources already.
    #[error("{limit} sources are known already")]
    TooManySources {
        /// The limit.
        limit: usize,
    },
    /// The peer sends with an SSRC of ours.
    #[error("the source is one of ours")]
    OwnSource,
}

/// Why a packet was not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SendError {
    #[error("unknown transceiver")]
    UnknownTransceiver,
    #[error("not negotiated to send")]
    NotSending,
    #[error("payload type {0} is not negotiated")]
    PayloadType(u8),
    #[error("payload of {len} bytes, at most {limit}")]
    PayloadTooLarge { len: usize, limit: usize },
    #[error("a buffer of {need} bytes is needed")]
    BufferTooSmall { need: usize },
}

/// The buffer offered is shorter than [`MAX_OUTPUT`](super::output::MAX_OUTPUT); nothing is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a buffer of {need} bytes is needed")]
pub(crate) struct BufferTooSmall {
    pub(crate) need: usize,
}
