/// The header extensions that this crate knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum ExtensionKind {
    /// Which section of the session description a packet belongs to (RFC 9143 section 16.2).
    Mid,
    /// Which encoding of a source, in simulcast (RFC 8852 section 4.1).
    RtpStreamId,
    /// Which encoding a repair stream repairs (RFC 8852 section 4.2).
    RepairedRtpStreamId,
    /// When the packet left, in 64 seconds' turn.
    AbsSendTime,
    /// A number over all packets of the transport, for congestion control.
    TransportSequenceNumber,
    /// How loud the sender is (RFC 6464).
    AudioLevel,
    /// How loud each of the mixed sources is (RFC 6465).
    MixerAudioLevel,
    /// How the picture has to be turned (3GPP TS 26.114).
    VideoOrientation,
    /// How much later than its timestamp the packet left (RFC 5450).
    TransmissionOffset,
    /// The least and greatest delay until a picture is shown.
    PlayoutDelay,
}

impl ExtensionKind {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Mid,
        Self::RtpStreamId,
        Self::RepairedRtpStreamId,
        Self::AbsSendTime,
        Self::TransportSequenceNumber,
        Self::AudioLevel,
        Self::MixerAudioLevel,
        Self::VideoOrientation,
        Self::TransmissionOffset,
        Self::PlayoutDelay,
    ];

    /// The URI that stands for it in `a=extmap`.
    #[must_use]
    pub const fn uri(self) -> &'static str {
        match self {
            Self::Mid => "urn:ietf:params:rtp-hdrext:sdes:mid",
            Self::RtpStreamId => "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id",
            Self::RepairedRtpStreamId => "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id",
            Self::AbsSendTime => "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time",
            Self::TransportSequenceNumber => {
                "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"
            }
            Self::AudioLevel => "urn:ietf:params:rtp-hdrext:ssrc-audio-level",
            Self::MixerAudioLevel => "urn:ietf:params:rtp-hdrext:csrc-audio-level",
            Self::VideoOrientation => "urn:3gpp:video-orientation",
            Self::TransmissionOffset => "urn:ietf:params:rtp-hdrext:toffset",
            Self::PlayoutDelay => "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay",
        }
    }

    /// The extension that a URI stands for.
    #[must_use]
    pub fn from_uri(uri: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.uri() == uri)
    }
}
