//! What a negotiation is made with.

use super::codec::{Codec, default_audio, default_video};
use crate::{BundlePolicy, Kind};

/// Options of a [`Negotiation`](super::Negotiation).
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// The id in `o=`, random and below 2^63 - 1.
    pub(crate) session_id: u64,
    /// Decides SSRCs and the ids of tracks.
    pub(crate) seed: [u8; 32],
    /// The name of all our sources, random for each connection.
    pub(crate) cname: String,
    /// `sha-256 AB:CD:..`, of our certificates.
    pub(crate) fingerprints: Vec<String>,
    pub(crate) bundle_policy: BundlePolicy,
    /// Audio codecs, most wanted first.
    pub(crate) audio: Vec<Codec>,
    /// Video codecs, most wanted first.
    pub(crate) video: Vec<Codec>,
    /// Whether each video codec is joined by RTX (RFC 4588).
    pub(crate) rtx: bool,
    /// Header extensions for audio, by URI.
    pub(crate) audio_extensions: Vec<String>,
    /// Header extensions for video, by URI.
    pub(crate) video_extensions: Vec<String>,
    /// Our SCTP port (RFC 8841 section 5).
    pub(crate) sctp_port: u16,
    /// The largest message we take, in bytes (RFC 8841 section 6).
    pub(crate) max_message_size: u64,
    /// Our INIT chunk in base64, where SCTP shall do without its handshake.
    pub(crate) sctp_init: Option<String>,
    /// Whether we only answer checks (RFC 8839 section 5.3).
    pub(crate) ice_lite: bool,
}

impl Settings {
    /// The defaults, with this session id, seed, name and these fingerprints.
    ///
    /// Transport-wide congestion control is not among the extensions: who announces it has to
    /// send its feedback.
    pub(crate) fn new(
        session_id: u64,
        seed: [u8; 32],
        cname: String,
        fingerprints: Vec<String>,
    ) -> Self {
        let owned = |uris: &[&str]| uris.iter().map(|&uri| uri.to_owned()).collect();
        Self {
            session_id: session_id & (i64::MAX.unsigned_abs() >> 1),
            seed,
            cname,
            fingerprints,
            bundle_policy: BundlePolicy::default(),
            audio: default_audio(),
            video: default_video(),
            rtx: true,
            audio_extensions: owned(&[uri::AUDIO_LEVEL, uri::MID]),
            video_extensions: owned(&[uri::MID, uri::RID, uri::REPAIRED_RID]),
            sctp_port: 5000,
            max_message_size: 262_144,
            sctp_init: None,
            ice_lite: false,
        }
    }

    pub(super) fn codecs(&self, kind: Kind) -> &[Codec] {
        match kind {
            Kind::Audio => &self.audio,
            Kind::Video => &self.video,
        }
    }

    pub(super) fn extensions(&self, kind: Kind) -> &[String] {
        match kind {
            Kind::Audio => &self.audio_extensions,
            Kind::Video => &self.video_extensions,
        }
    }

    /// Whether RTX goes with codecs of this kind.
    pub(super) fn rtx(&self, kind: Kind) -> bool {
        self.rtx && kind == Kind::Video
    }
}

/// Names of RTP header extensions.
pub(crate) mod uri {
    pub(crate) const AUDIO_LEVEL: &str = "urn:ietf:params:rtp-hdrext:ssrc-audio-level";
    pub(crate) const MID: &str = "urn:ietf:params:rtp-hdrext:sdes:mid";
    pub(crate) const RID: &str = "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id";
    pub(crate) const REPAIRED_RID: &str = "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id";
}

/// What our transport contributes to a description.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct LocalTransport {
    /// Credentials; other ones than before mean an ICE restart.
    pub(crate) ufrag: String,
    pub(crate) pwd: String,
    /// Candidates of this generation found so far, in the grammar of RFC 8839.
    pub(crate) candidates: Vec<String>,
    /// No more candidates will be found in this generation.
    pub(crate) end_of_candidates: bool,
}

/// Our part in DTLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DtlsRole {
    /// We send the first message.
    Client,
    /// We wait for it.
    Server,
}
