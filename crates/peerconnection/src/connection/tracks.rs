//! Tracks in W3C's older form, codec preferences, and the descriptions one by one.

use crate::jsep;
use crate::{Codec, Error, Kind, PeerConnection, SdpType, SessionDescription, TransceiverId};

impl PeerConnection {
    /// Finds a sender that is free for a track of this kind, or makes a transceiver for it. Only
    /// transceivers made in this way are used for the sections of a peer's offer. webrtc-pc section
    /// 5.1, `addTrack`.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidState`] when closed; [`Error::Operation`] when there are too many.
    #[doc(alias = "addTrack")]
    pub fn add_track(
        &mut self,
        kind: Kind,
        stream_ids: Vec<String>,
    ) -> Result<TransceiverId, Error> {
        self.open()?;
        let id = self.negotiation.add_track(kind, stream_ids)?;
        self.settle_negotiation();
        Ok(id)
    }

    /// Takes the track from a sender; its media stops with the next negotiation. webrtc-pc section
    /// 5.1, `removeTrack`.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidState`] when closed or stopped; [`Error::InvalidAccess`] for an unknown
    /// transceiver.
    #[doc(alias = "removeTrack")]
    pub fn remove_track(&mut self, id: TransceiverId) -> Result<(), Error> {
        self.open()?;
        self.negotiation.remove_track(id)?;
        self.settle_negotiation();
        Ok(())
    }

    /// Reduces the codecs of a transceiver to these, in this order, from the next negotiation on;
    /// none means the default. Payload types and feedback do not matter here. webrtc-pc section 5.4,
    /// `setCodecPreferences`.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidModification`] for a codec that this connection does not have, or when none
    /// of them carries media; [`Error::InvalidState`] when closed or stopped.
    #[doc(alias = "setCodecPreferences")]
    pub fn set_codec_preferences(
        &mut self,
        id: TransceiverId,
        codecs: &[Codec],
    ) -> Result<(), Error> {
        self.open()?;
        let codecs: Vec<jsep::Codec> = codecs.iter().map(preference).collect();
        self.negotiation.set_codec_preferences(id, &codecs)
    }

    /// Our description that both sides agreed on last.
    #[must_use]
    #[doc(alias = "currentLocalDescription")]
    pub fn current_local_description(&self) -> Option<SessionDescription> {
        self.negotiation.current_local_description().map(owned)
    }

    /// Our description that waits for the end of the exchange.
    #[must_use]
    #[doc(alias = "pendingLocalDescription")]
    pub fn pending_local_description(&self) -> Option<SessionDescription> {
        self.negotiation.pending_local_description().map(owned)
    }

    /// The peer's description that both sides agreed on last.
    #[must_use]
    #[doc(alias = "currentRemoteDescription")]
    pub fn current_remote_description(&self) -> Option<SessionDescription> {
        self.negotiation.current_remote_description().map(owned)
    }

    /// The peer's description that waits for the end of the exchange.
    #[must_use]
    #[doc(alias = "pendingRemoteDescription")]
    pub fn pending_remote_description(&self) -> Option<SessionDescription> {
        self.negotiation.pending_remote_description().map(owned)
    }

    /// Whether the peer takes candidates one by one; `None` before its first description.
    #[must_use]
    #[doc(alias = "canTrickleIceCandidates")]
    pub fn can_trickle_ice_candidates(&self) -> Option<bool> {
        self.negotiation.can_trickle_ice_candidates()
    }
}

fn owned((kind, sdp): (SdpType, &str)) -> SessionDescription {
    SessionDescription { kind, sdp: sdp.to_owned() }
}

fn preference(codec: &Codec) -> jsep::Codec {
    jsep::Codec {
        payload_type: codec.payload_type,
        name: codec.name.clone(),
        clock_rate: codec.clock_rate,
        channels: codec.channels.map(u32::from),
        fmtp: codec.fmtp.clone(),
        feedback: Vec::new(),
    }
}
