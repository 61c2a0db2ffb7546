//! Payload formats, and when two descriptions of one mean the same.

use antiphon_sdp::fmtp_parameters;

use super::h264;

/// A payload format as we can offer it; `rtx` is no codec here but belongs to each of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Codec {
    /// The payload type it gets when nothing else is agreed on.
    pub(crate) payload_type: u8,
    pub(crate) name: String,
    pub(crate) clock_rate: u32,
    pub(crate) channels: Option<u32>,
    pub(crate) fmtp: String,
    /// `nack`, `nack pli`, `ccm fir` and so on.
    pub(crate) feedback: Vec<String>,
}

impl Codec {
    /// What the codec is, without its number.
    pub(super) fn identity(&self) -> Identity<'_> {
        let Self { name, clock_rate, channels, fmtp, .. } = self;
        Identity { name, clock_rate: *clock_rate, channels: *channels, fmtp }
    }

    /// The `a=fmtp` to answer `offered` with.
    pub(super) fn answer_fmtp(&self, offered: &str) -> String {
        if self.name.eq_ignore_ascii_case("h264") {
            h264::answer(&self.fmtp, offered)
        } else {
            self.fmtp.clone()
        }
    }
}

/// What a codec is, wherever it is written down.
#[derive(Clone, Copy, Debug)]
pub(super) struct Identity<'a> {
    pub(super) name: &'a str,
    pub(super) clock_rate: u32,
    pub(super) channels: Option<u32>,
    pub(super) fmtp: &'a str,
}

impl Identity<'_> {
    /// Whether both mean the same stream of bytes, whatever their payload types and levels.
    pub(super) fn matches(self, other: Identity<'_>) -> bool {
        self.is(other.name)
            && self.clock_rate == other.clock_rate
            && self.channels.unwrap_or(1) == other.channels.unwrap_or(1)
            && self.parameters_match(other)
    }

    fn is(self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name)
    }

    fn parameters_match(self, other: Identity<'_>) -> bool {
        let same = |key: &str, default: &str| {
            let own = parameter(self.fmtp, key).unwrap_or(default);
            own.eq_ignore_ascii_case(parameter(other.fmtp, key).unwrap_or(default))
        };
        if self.is("h264") {
            h264::matches(self.fmtp, other.fmtp)
        } else if self.is("vp9") {
            same("profile-id", "0")
        } else if self.is("av1") {
            same("profile", "0")
        } else if self.is("h265") {
            same("profile-id", "1") && same("tier-flag", "0") && same("tx-mode", "SRST")
        } else {
            true
        }
    }

    /// Whether it carries media of its own, as against tones or redundancy.
    pub(super) fn is_media(self) -> bool {
        !["telephone-event", "cn", "red", "ulpfec", "flexfec-03", "rtx"]
            .iter()
            .any(|other| self.is(other))
    }
}

/// The value of one parameter; the names of parameters are compared without regard to case.
pub(super) fn parameter<'a>(fmtp: &'a str, key: &str) -> Option<&'a str> {
    fmtp_parameters(fmtp).find(|(name, _)| name.eq_ignore_ascii_case(key)).map(|(_, value)| value)
}

/// The codecs of payload types that need no `a=rtpmap` (RFC 3551 section 6).
pub(super) fn static_codec(payload_type: u8) -> Option<Codec> {
    let name = match payload_type {
        0 => "PCMU",
        8 => "PCMA",
        9 => "G722",
        13 => "CN",
        _ => return None,
    };
    Some(codec(payload_type, name, 8000, None, "", &[]))
}

fn codec(
    payload_type: u8,
    name: &str,
    clock_rate: u32,
    channels: Option<u32>,
    fmtp: &str,
    feedback: &[&str],
) -> Codec {
    Codec {
        payload_type,
        name: name.to_owned(),
        clock_rate,
        channels,
        fmtp: fmtp.to_owned(),
        feedback: feedback.iter().map(|&feedback| feedback.to_owned()).collect(),
    }
}

/// What we offer for audio unless told otherwise (RFC 7874 section 3, RFC 4733).
pub(super) fn default_audio() -> Vec<Codec> {
    vec![
        codec(111, "opus", 48_000, Some(2), "minptime=10;useinbandfec=1", &[]),
        codec(9, "G722", 8000, None, "", &[]),
        codec(0, "PCMU", 8000, None, "", &[]),
        codec(8, "PCMA", 8000, None, "", &[]),
        codec(110, "telephone-event", 48_000, None, "0-15", &[]),
        codec(126, "telephone-event", 8000, None, "0-15", &[]),
    ]
}

/// What we offer for video unless told otherwise (RFC 7742 section 5, RFC 9628, AV1's format).
pub(super) fn default_video() -> Vec<Codec> {
    let feedback = ["ccm fir", "nack", "nack pli"];
    let h264 = |payload_type, mode, profile| {
        let fmtp = format!(
            "level-asymmetry-allowed=1;packetization-mode={mode};profile-level-id={profile}"
        );
        codec(payload_type, "H264", 90_000, None, &fmtp, &feedback)
    };
    vec![
        codec(96, "VP8", 90_000, None, "", &feedback),
        h264(108, 1, "42e01f"),
        h264(102, 1, "42001f"),
        h264(114, 0, "42e01f"),
        h264(104, 0, "42001f"),
        codec(98, "VP9", 90_000, None, "profile-id=0", &feedback),
        codec(45, "AV1", 90_000, None, "level-idx=5;profile=0;tier=0", &feedback),
    ]
}
