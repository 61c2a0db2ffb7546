//! Descriptions: making them, and carrying out what they say.

use std::time::Instant;

use antiphon_crypto::Fingerprint;
use antiphon_dtls as dtls;
use antiphon_ice as ice;
use rand_chacha::ChaCha12Rng;
use rand_core::Rng as _;

use crate::jsep::{Change, DtlsRole, LocalTransport, RemoteTransport};
use crate::{
    Error, Event, IceGatheringState, InvalidAccess, OfferOptions, OperationError, PeerConnection,
    SdpType, SessionDescription, SignalingState,
};

impl PeerConnection {
    /// Makes an offer. webrtc-pc section 4.4.2; RFC 9429 section 5.2.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidState`] when closed, or while the peer's offer waits for an answer.
    #[doc(alias = "createOffer")]
    pub fn create_offer(
        &mut self,
        now: Instant,
        options: OfferOptions,
    ) -> Result<SessionDescription, Error> {
        self.open()?;
        self.clock.advance(now);
        let restart = options.ice_restart || self.negotiation.wants_ice_restart();
        // The first offer has credentials that nobody has seen: they are as good as new ones.
        let local = if restart && self.negotiation.current_local_description().is_some() {
            let next = self.new_credentials()?;
            let local = LocalTransport::fresh(&next);
            self.next_credentials = Some(next);
            local
        } else {
            self.next_credentials = None;
            self.local_transport()
        };
        self.negotiation.create_offer(&local).map(SessionDescription::offer)
    }

    /// Makes an answer. webrtc-pc section 4.4.2; RFC 9429 section 5.3.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidState`] when closed, or when there is no offer of the peer to answer.
    #[doc(alias = "createAnswer")]
    pub fn create_answer(&mut self, now: Instant) -> Result<SessionDescription, Error> {
        self.open()?;
        self.clock.advance(now);
        let local = self.local_transport();
        self.negotiation.create_answer(&local).map(SessionDescription::answer)
    }

    /// Takes our description into use; `None` makes the one that fits the signaling state. The
    /// first one raises [`Event::GatherAddresses`]. webrtc-pc section 4.4.2.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidState`] when closed or when the state does not allow it;
    /// [`Error::InvalidModification`] when the text is not the one that was made.
    #[doc(alias = "setLocalDescription")]
    pub fn set_local_description(
        &mut self,
        now: Instant,
        description: Option<SessionDescription>,
    ) -> Result<(), Error> {
        self.open()?;
        let now = self.clock.advance(now);
        let description = match description {
            Some(description) => description,
            None => match self.negotiation.signaling_state() {
                SignalingState::Stable
                | SignalingState::HaveLocalOffer
                | SignalingState::HaveRemotePranswer => {
                    self.create_offer(now, OfferOptions::default())?
                }
                SignalingState::HaveRemoteOffer
                | SignalingState::HaveLocalPranswer
                | SignalingState::Closed => self.create_answer(now)?,
            },
        };
        let before = self.negotiation.signaling_state();
        let kind = description.kind;
        let change = self.negotiation.set_local_description(kind, &description.sdp)?;
        if change.rolled_back {
            self.take_back(now, before)?;
        }
        if kind == SdpType::Offer {
            self.decide_ice_role(now, ice::Role::Controlling);
            if let Some(next) = self.next_credentials.take() {
                self.restart_with(now, next)?;
                self.ice_restart_pending = true;
            }
        }
        self.carry_out(now, before, change)?;
        if kind != SdpType::Rollback && self.gathering == IceGatheringState::New {
            self.gathering = IceGatheringState::Gathering;
            self.raise(Event::IceGatheringStateChange(IceGatheringState::Gathering));
            self.raise(Event::GatherAddresses);
        }
        self.settle(now);
        self.settle_negotiation();
        Ok(())
    }

    /// Takes the peer's description into use. webrtc-pc section 4.4.2.
    ///
    /// An offer that comes while ours waits for an answer takes ours back first.
    ///
    /// # Errors
    ///
    /// [`Error::SdpSyntax`] names the line; [`Error::InvalidAccess`] the section that does not fit;
    /// [`Error::InvalidState`] when closed or in no state for it. Nothing changed then.
    #[doc(alias = "setRemoteDescription")]
    pub fn set_remote_description(
        &mut self,
        now: Instant,
        description: SessionDescription,
    ) -> Result<(), Error> {
        self.open()?;
        let now = self.clock.advance(now);
        let before = self.negotiation.signaling_state();
        let change = self.negotiation.set_remote_description(description.kind, &description.sdp)?;
        if change.rolled_back {
            self.take_back(now, before)?;
        }
        if description.kind == SdpType::Offer {
            self.decide_ice_role(now, ice::Role::Controlled);
        }
        self.carry_out(now, before, change)?;
        self.settle(now);
        self.settle_negotiation();
        Ok(())
    }

    /// Has the next offer carry new ICE credentials; [`Event::NegotiationNeeded`] follows.
    /// webrtc-pc section 4.4.2, `restartIce`.
    #[doc(alias = "restartIce")]
    pub fn restart_ice(&mut self) {
        self.negotiation.restart_ice();
        self.settle_negotiation();
    }

    /// Our description: the pending one, else the current one, with the candidates found so far.
    #[must_use]
    #[doc(alias = "localDescription")]
    pub fn local_description(&self) -> Option<SessionDescription> {
        let (kind, sdp) = self.negotiation.local_description()?;
        Some(SessionDescription { kind, sdp: sdp.to_owned() })
    }

    /// The peer's description: the pending one, else the current one.
    #[must_use]
    #[doc(alias = "remoteDescription")]
    pub fn remote_description(&self) -> Option<SessionDescription> {
        let (kind, sdp) = self.negotiation.remote_description()?;
        Some(SessionDescription { kind, sdp: sdp.to_owned() })
    }

    //= rfc9429#5.2.1
    // The offerer controls; a later description never changes that.
    fn decide_ice_role(&mut self, now: Instant, role: ice::Role) {
        if !std::mem::replace(&mut self.ice_role_decided, true) {
            self.transport.ice.set_role(now, role);
        }
    }

    fn new_credentials(&self) -> Result<ice::Credentials, Error> {
        ice::Credentials::generate(&*self.config.provider)
            .map_err(|_| Error::Operation(OperationError::Crypto))
    }

    /// Begins a new generation on the sockets there are.
    fn restart_with(&mut self, now: Instant, next: ice::Credentials) -> Result<(), Error> {
        let ice = &mut self.transport.ice;
        ice.restart_with(now, next).map_err(|_| Error::Operation(OperationError::Crypto))?;
        for address in std::mem::take(&mut self.late_addresses) {
            let _ = ice.add_local_address(now, address);
        }
        if self.gathering == IceGatheringState::Complete {
            ice.end_of_local_addresses(now);
        }
        Ok(())
    }

    /// An offer was taken back, ours or the peer's: so is what it did to ICE.
    fn take_back(&mut self, now: Instant, before: SignalingState) -> Result<(), Error> {
        self.next_credentials = None;
        if std::mem::take(&mut self.ice_restart_pending) {
            if !self.transport.ice.take_back_restart(now) {
                // What was agreed on before is gone, so both sides begin anew.
                self.negotiation.restart_ice();
            }
        } else if self.negotiation.current_local_description().is_none() {
            self.ice_role_decided = false;
            if before != SignalingState::HaveLocalOffer {
                // The credentials of the peer's offer go with it.
                let next = self.new_credentials()?;
                self.restart_with(now, next)?;
            }
        }
        Ok(())
    }

    fn local_transport(&self) -> LocalTransport {
        let ice = &self.transport.ice;
        let credentials = ice.local_credentials();
        LocalTransport {
            ufrag: credentials.ufrag().to_owned(),
            pwd: credentials.pwd().to_owned(),
            candidates: ice
                .local_candidates()
                .map(|candidate| {
                    let text = candidate.to_string();
                    text.strip_prefix("candidate:").unwrap_or(&text).to_owned()
                })
                .collect(),
            end_of_candidates: self.gathering == IceGatheringState::Complete,
        }
    }

    /// Does what a description that was taken into use asks for.
    fn carry_out(
        &mut self,
        now: Instant,
        before: SignalingState,
        change: Change,
    ) -> Result<(), Error> {
        if let Some(remote) = &change.remote {
            self.apply_remote(now, remote)?;
        }
        if let Some(role) = change.dtls_role {
            let role = match role {
                DtlsRole::Client => dtls::Role::Client,
                DtlsRole::Server => dtls::Role::Server,
            };
            self.transport.start_dtls(now, role);
            self.data.set_dtls_client(role == dtls::Role::Client);
        }
        if change.negotiated {
            self.configure_media(now);
            self.data.negotiated(now, change.sctp);
            if change.data_refused {
                self.data.refused(now);
            }
            self.check_media_keys(now);
        }
        let after = self.negotiation.signaling_state();
        if after == SignalingState::Stable {
            self.negotiation_announced = false;
            self.ice_restart_pending = false;
        }
        if after != before {
            self.raise(Event::SignalingStateChange(after));
        }
        for transceiver in change.tracks_removed {
            self.raise(Event::TrackRemoved(transceiver));
        }
        for added in change.tracks_added {
            self.raise(Event::Track { transceiver: added.transceiver, stream_ids: added.streams });
        }
        Ok(())
    }

    fn apply_remote(&mut self, now: Instant, remote: &RemoteTransport) -> Result<(), Error> {
        let malformed = Error::InvalidAccess(InvalidAccess::NoIceCredentials { section: 0 });
        let credentials =
            ice::Credentials::new(&remote.ufrag, &remote.pwd).map_err(|_| malformed)?;
        self.transport.ice.set_remote_lite(now, remote.lite);
        if self.transport.ice.set_remote_credentials(now, credentials.clone()).is_err() {
            //= rfc9429#5.10
            // The peer began a new generation, so we begin one too.
            let next = self.new_credentials()?;
            self.restart_with(now, next)?;
            self.ice_restart_pending = true;
            let ice = &mut self.transport.ice;
            ice.set_remote_credentials(now, credentials).map_err(|_| malformed)?;
        }
        let ice = &mut self.transport.ice;
        for candidate in &remote.candidates {
            if let Ok(candidate) = candidate.parse::<ice::Candidate>() {
                // One that cannot be used is left out; the others remain.
                let _ = ice.add_remote_candidate(now, candidate);
            }
        }
        if remote.end_of_candidates {
            ice.end_of_remote_candidates(now);
        }
        let fingerprints: Vec<Fingerprint> =
            remote.fingerprints.iter().filter_map(|text| text.parse().ok()).collect();
        self.transport.set_fingerprints(now, &fingerprints);
        Ok(())
    }
}

impl LocalTransport {
    /// A generation that has no candidates yet.
    fn fresh(credentials: &ice::Credentials) -> Self {
        Self {
            ufrag: credentials.ufrag().to_owned(),
            pwd: credentials.pwd().to_owned(),
            candidates: Vec::new(),
            end_of_candidates: false,
        }
    }
}

//= rfc7022#4.2
// 96 random bits; every character carries six of them, so 16 make the name.
pub(super) fn cname(random: &mut ChaCha12Rng) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut bits = [0; 16];
    random.fill_bytes(&mut bits);
    bits.iter()
        .map(|byte| char::from(*ALPHABET.get(usize::from(byte & 63)).unwrap_or(&b'A')))
        .collect()
}
