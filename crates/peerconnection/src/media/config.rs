use std::time::Duration;

use antiphon_rtp::{ExtensionMap, Ssrc};

use crate::{Kind, TransceiverId};

/// What holds for the life of a connection.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    /// Names us in RTCP, the same for all our streams (RFC 7022).
    pub(crate) cname: String,
    /// The wall clock when the machine is made.
    pub(crate) unix_time: Duration,
    /// The longest payload that is sent in bytes. Default:
    /// [`MAX_RTP_PAYLOAD`](crate::MAX_RTP_PAYLOAD).
    pub(crate) max_payload: usize,
    /// Sources of the peer that are known at a time. Default: 256.
    pub(crate) max_sources: usize,
    /// Bytes of sent packets per stream that wait for being asked for again. Default: 512 KiB.
    pub(crate) history_bytes: usize,
    /// Sent packets per stream that wait for being asked for again. Default: 1024.
    pub(crate) history_packets: usize,
    /// Time from report to report where video flows; a half to one and a half of it, by chance.
    /// Default: 1 s.
    pub(crate) video_report_interval: Duration,
    /// The same where there is only audio. Default: 2.5 s.
    pub(crate) audio_report_interval: Duration,
    /// No key frame is asked of the application sooner after another. Default: 300 ms.
    pub(crate) key_frame_interval: Duration,
}

impl Config {
    pub(crate) fn new(cname: String, unix_time: Duration) -> Self {
        Self {
            cname,
            unix_time,
            max_payload: crate::MAX_RTP_PAYLOAD,
            max_sources: 256,
            history_bytes: 512 << 10,
            history_packets: 1024,
            video_report_interval: Duration::from_secs(1),
            audio_report_interval: Duration::from_millis(2500),
            key_frame_interval: Duration::from_millis(300),
        }
    }
}

/// One media section in use, as it was negotiated.
#[derive(Clone, Debug)]
pub(crate) struct Section {
    pub(crate) transceiver: TransceiverId,
    pub(crate) mid: String,
    pub(crate) kind: Kind,
    /// What we may send; `None` pauses our stream, and it can go on later.
    pub(crate) send: Option<SendSide>,
    /// What we may receive; `None` drops what comes.
    pub(crate) receive: Option<ReceiveSide>,
    pub(crate) extensions: ExtensionMap,
    /// `a=rtcp-rsize` on both sides.
    pub(crate) reduced_size: bool,
}

/// Our stream of a section.
#[derive(Clone, Debug)]
pub(crate) struct SendSide {
    pub(crate) ssrc: Ssrc,
    /// The stream of its retransmissions.
    pub(crate) rtx_ssrc: Option<Ssrc>,
    /// What the peer accepts.
    pub(crate) formats: Vec<Format>,
}

/// The peer's streams of a section.
#[derive(Clone, Debug)]
pub(crate) struct ReceiveSide {
    /// What we said we accept.
    pub(crate) formats: Vec<Format>,
    /// What `a=ssrc` announces.
    pub(crate) sources: Vec<Announced>,
}

/// A source named in `a=ssrc`, and that of its retransmissions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Announced {
    pub(crate) ssrc: Ssrc,
    pub(crate) rtx: Option<Ssrc>,
}

/// A payload type, without its codec.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Format {
    pub(crate) payload_type: u8,
    /// In Hz.
    pub(crate) clock_rate: u32,
    /// The payload type of its retransmissions.
    pub(crate) rtx: Option<u8>,
    pub(crate) feedback: Feedback,
}

/// `a=rtcp-fb`: what the receiver of a format may ask of its sender.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Feedback {
    /// `nack`: lost packets again.
    pub(crate) nack: bool,
    /// `nack pli`: a key frame, the picture is lost.
    pub(crate) pli: bool,
    /// `ccm fir`: a key frame.
    pub(crate) fir: bool,
}

impl ReceiveSide {
    /// The format of a payload type, and whether it carries retransmissions of it.
    pub(super) fn format(&self, payload_type: u8) -> Option<(Format, Carries)> {
        self.formats.iter().find_map(|format| {
            if format.payload_type == payload_type {
                Some((*format, Carries::Media))
            } else if format.rtx == Some(payload_type) {
                Some((*format, Carries::Repair))
            } else {
                None
            }
        })
    }
}

/// What a packet is to its format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Carries {
    Media,
    Repair,
}
