use crate::{Direction, Kind};

/// How to make a transceiver. `RTCRtpTransceiverInit`, webrtc-pc section 5.4.1.
#[derive(Clone, Debug, PartialEq, Eq)]
#[doc(alias = "RTCRtpTransceiverInit")]
pub struct TransceiverInit {
    /// Which way media shall flow. Default: both.
    pub direction: Direction,
    /// The ids of the streams that the sent track belongs to: the peer plays tracks of one stream
    /// in time with each other. Default: none.
    pub stream_ids: Vec<String>,
}

impl Default for TransceiverInit {
    fn default() -> Self {
        Self { direction: Direction::SendRecv, stream_ids: Vec::new() }
    }
}

/// What there is to know of a transceiver. `RTCRtpTransceiver`, webrtc-pc section 5.4.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TransceiverInfo {
    /// Its section's `a=mid`, once it has one.
    pub mid: Option<String>,
    /// Audio or video.
    pub kind: Kind,
    /// Which way media shall flow after the next negotiation.
    pub direction: Direction,
    /// Which way media may flow now; `None` before the first negotiation.
    pub current_direction: Option<Direction>,
    /// The negotiated codecs, most preferred first; empty before the first negotiation.
    pub codecs: Vec<Codec>,
}

/// A negotiated payload format. `RTCRtpCodecParameters`, webrtc-pc section 5.2.4.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[doc(alias = "RTCRtpCodecParameters")]
pub struct Codec {
    /// The payload type that packets carry.
    pub payload_type: u8,
    /// The format's name, `VP8` or `opus`, without `audio/` or `video/`.
    pub name: String,
    /// Units of an RTP timestamp per second.
    pub clock_rate: u32,
    /// Channels of audio; `None` where the format has no such parameter.
    pub channels: Option<u8>,
    /// The value of `a=fmtp`, empty when there is none.
    pub fmtp: String,
}
