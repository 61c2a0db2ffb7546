use crate::SdpType;

/// An offer or an answer, as it travels through signalling. webrtc-pc section 4.6.2.
#[derive(Clone, Debug, PartialEq, Eq)]
#[doc(alias = "RTCSessionDescription")]
#[doc(alias = "RTCSessionDescriptionInit")]
pub struct SessionDescription {
    /// What the description is for.
    pub kind: SdpType,
    /// The description's text (RFC 8866); empty for a rollback.
    pub sdp: String,
}

impl SessionDescription {
    /// An offer.
    #[must_use]
    pub fn offer(sdp: impl Into<String>) -> Self {
        Self { kind: SdpType::Offer, sdp: sdp.into() }
    }

    /// An answer.
    #[must_use]
    pub fn answer(sdp: impl Into<String>) -> Self {
        Self { kind: SdpType::Answer, sdp: sdp.into() }
    }

    /// A provisional answer.
    #[must_use]
    pub fn pranswer(sdp: impl Into<String>) -> Self {
        Self { kind: SdpType::Pranswer, sdp: sdp.into() }
    }

    /// Takes back the offer that waits for its answer.
    #[must_use]
    pub fn rollback() -> Self {
        Self { kind: SdpType::Rollback, sdp: String::new() }
    }
}

/// A candidate on its way through signalling. webrtc-pc section 4.8.1.
///
/// An empty `candidate` says that no more follow for this generation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[doc(alias = "RTCIceCandidate")]
#[doc(alias = "RTCIceCandidateInit")]
pub struct IceCandidate {
    /// `candidate:...` in the grammar of RFC 8839 section 5.1.
    pub candidate: String,
    /// The section it belongs to, by its `a=mid`.
    pub sdp_mid: Option<String>,
    /// The section it belongs to, by its index; used when there is no `sdp_mid`.
    pub sdp_m_line_index: Option<u16>,
    /// The ICE generation it belongs to; `None` means the current one.
    pub username_fragment: Option<String>,
}
