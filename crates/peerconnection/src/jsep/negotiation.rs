//! The engine: one operation, one method.

use std::sync::Arc;

use super::candidates::{self, CandidateUse};
use super::change::Change;
use super::codec::Codec;
use super::description::Description;
use super::parameters::RtpSection;
use super::settings::{LocalTransport, Settings};
use super::state::State;
use super::transceiver::{Init, Origin, Transceiver};
use super::{answer, local, needed, offer, remote};
use crate::{
    Direction, Error, InvalidAccess, InvalidModification, InvalidState, Kind, SdpType,
    SignalingState, TransceiverId, TypeError,
};

/// Offers, answers, transceivers and states of one connection. It knows no time and no network.
///
/// Each method either does all of its work or, with an error, nothing.
#[derive(Debug)]
pub(crate) struct Negotiation {
    settings: Settings,
    state: State,
}

impl Negotiation {
    pub(crate) fn new(settings: Settings) -> Self {
        let state = State::new(&settings);
        Self { settings, state }
    }

    /// Adds a transceiver; the next offer gives it a section.
    pub(crate) fn add_transceiver(
        &mut self,
        kind: Kind,
        init: Init,
    ) -> Result<TransceiverId, Error> {
        self.open()?;
        if init.direction == Direction::Stopped {
            return Err(Error::Type(TypeError::Direction));
        }
        let init = Init { streams: clean(init.streams), ..init };
        self.state.add(kind, init, Origin::Transceiver)
    }

    /// Says which way media shall flow after the next negotiation.
    pub(crate) fn set_direction(
        &mut self,
        id: TransceiverId,
        direction: Direction,
    ) -> Result<(), Error> {
        if direction == Direction::Stopped {
            return Err(Error::Type(TypeError::Direction));
        }
        let transceiver = self.alive(id)?;
        transceiver.direction = direction;
        transceiver.has_track |= direction.sends();
        Ok(())
    }

    /// Says to which streams the sent track belongs.
    pub(crate) fn set_streams(
        &mut self,
        id: TransceiverId,
        streams: Vec<String>,
    ) -> Result<(), Error> {
        self.alive(id)?.streams = clean(streams);
        Ok(())
    }

    /// Stops a transceiver. Without a section it is gone at once; otherwise the next negotiation
    /// gives up its section.
    pub(crate) fn stop(&mut self, id: TransceiverId) -> Result<(), Error> {
        let transceiver = self.alive(id)?;
        if transceiver.association.index.is_none() {
            self.state.transceivers.retain(|other| other.id != id);
        } else {
            transceiver.stopping = true;
            transceiver.direction = Direction::Inactive;
        }
        Ok(())
    }

    pub(crate) fn transceiver(&self, id: TransceiverId) -> Option<&Transceiver> {
        self.state.transceiver(id)
    }

    /// The transceivers in the order they were added.
    pub(crate) fn transceivers(&self) -> impl Iterator<Item = &Transceiver> {
        self.state.transceivers.iter()
    }

    /// Offers a data section from now on.
    pub(crate) fn want_data_channel(&mut self) {
        self.state.data.wanted = true;
    }

    /// Makes an offer. Other credentials than before restart ICE.
    pub(crate) fn create_offer(&mut self, transport: &LocalTransport) -> Result<String, Error> {
        match self.state.signaling {
            SignalingState::Stable | SignalingState::HaveLocalOffer => {
                offer::create(&mut self.state, &self.settings, transport)
            }
            SignalingState::HaveRemoteOffer
            | SignalingState::HaveLocalPranswer
            | SignalingState::HaveRemotePranswer => {
                Err(Error::InvalidState(InvalidState::Signaling))
            }
            SignalingState::Closed => Err(Error::InvalidState(InvalidState::Closed)),
        }
    }

    /// Answers the peer's offer.
    pub(crate) fn create_answer(&mut self, transport: &LocalTransport) -> Result<String, Error> {
        match self.state.signaling {
            SignalingState::HaveRemoteOffer | SignalingState::HaveLocalPranswer => {
                answer::create(&mut self.state, &self.settings, transport)
            }
            SignalingState::Stable
            | SignalingState::HaveLocalOffer
            | SignalingState::HaveRemotePranswer => {
                Err(Error::InvalidState(InvalidState::Signaling))
            }
            SignalingState::Closed => Err(Error::InvalidState(InvalidState::Closed)),
        }
    }

    /// Applies the description created last; `sdp` is its text, or empty.
    pub(crate) fn set_local_description(
        &mut self,
        kind: SdpType,
        sdp: &str,
    ) -> Result<Change, Error> {
        self.transact(|state, settings| match kind {
            SdpType::Offer => local::offer(state, sdp),
            SdpType::Answer | SdpType::Pranswer => local::answer(state, settings, kind, sdp),
            SdpType::Rollback => roll_back(state),
        })
    }

    /// Applies a description of the peer.
    pub(crate) fn set_remote_description(
        &mut self,
        kind: SdpType,
        sdp: &str,
    ) -> Result<Change, Error> {
        self.transact(|state, settings| match kind {
            SdpType::Offer => remote::offer(state, sdp),
            SdpType::Answer | SdpType::Pranswer => remote::answer(state, settings, kind, sdp),
            SdpType::Rollback => roll_back(state),
        })
    }

    /// Runs `apply` on a copy of the state and keeps it only when all went well.
    fn transact(
        &mut self,
        apply: impl FnOnce(&mut State, &Settings) -> Result<Change, Error>,
    ) -> Result<Change, Error> {
        self.open()?;
        let mut state = self.state.clone();
        let change = apply(&mut state, &self.settings)?;
        self.state = state;
        Ok(change)
    }

    /// What was agreed on for each section of media, in the order of the transceivers.
    pub(crate) fn rtp_sections(&self) -> Vec<RtpSection> {
        let rtp = |one: &Transceiver| one.association.rtp.clone();
        self.state.transceivers.iter().filter_map(rtp).collect()
    }

    pub(crate) fn signaling_state(&self) -> SignalingState {
        self.state.signaling
    }

    /// Whether the application should make an offer; `false` unless the state is stable.
    pub(crate) fn negotiation_needed(&self) -> bool {
        needed::check(&self.state)
    }

    /// Asks for new credentials: negotiation is needed until they are agreed on.
    pub(crate) fn restart_ice(&mut self) {
        let ufrag = self.state.local().and_then(|local| local.ufrag());
        self.state.replaced_ufrag = ufrag.map(str::to_owned);
    }

    /// Whether the next offer shall have new credentials.
    pub(crate) fn wants_ice_restart(&self) -> bool {
        self.state.replaced_ufrag.is_some()
    }

    /// Ends negotiation for good.
    pub(crate) fn close(&mut self) {
        self.state.signaling = SignalingState::Closed;
    }

    pub(crate) fn current_local_description(&self) -> Option<(SdpType, &str)> {
        text(self.state.current_local.as_ref())
    }

    pub(crate) fn local_description(&self) -> Option<(SdpType, &str)> {
        text(self.state.local())
    }

    pub(crate) fn remote_description(&self) -> Option<(SdpType, &str)> {
        text(self.state.remote())
    }

    /// Takes a candidate of the peer into its description; an empty one says "no more".
    pub(crate) fn add_ice_candidate(
        &mut self,
        candidate: &str,
        mid: Option<&str>,
        index: Option<u16>,
        ufrag: Option<&str>,
    ) -> Result<CandidateUse, Error> {
        self.open()?;
        candidates::add_remote(&mut self.state, candidate, mid, index, ufrag)
    }

    /// Takes a candidate of ours into our descriptions of this generation.
    pub(crate) fn add_local_candidate(&mut self, ufrag: &str, candidate: &str) {
        candidates::add_local(&mut self.state, ufrag, Some(candidate));
    }

    /// Notes in our descriptions of this generation that all candidates were found.
    pub(crate) fn end_of_local_candidates(&mut self, ufrag: &str) {
        candidates::add_local(&mut self.state, ufrag, None);
    }

    /// Mid and index of the section that our candidates belong to.
    pub(crate) fn local_candidate_section(&self) -> Option<(String, u16)> {
        let (index, section) = self.state.local()?.tag()?;
        Some((section.mid.clone().unwrap_or_default(), u16::try_from(index).ok()?))
    }

    fn open(&self) -> Result<(), Error> {
        match self.state.signaling {
            SignalingState::Closed => Err(Error::InvalidState(InvalidState::Closed)),
            SignalingState::Stable
            | SignalingState::HaveLocalOffer
            | SignalingState::HaveRemoteOffer
            | SignalingState::HaveLocalPranswer
            | SignalingState::HaveRemotePranswer => Ok(()),
        }
    }

    /// A transceiver that the application did not stop.
    fn alive(&mut self, id: TransceiverId) -> Result<&mut Transceiver, Error> {
        self.open()?;
        let found = self.state.transceiver_mut(id);
        let transceiver = found.ok_or(Error::InvalidAccess(InvalidAccess::Foreign))?;
        if transceiver.stopping {
            return Err(Error::InvalidState(InvalidState::TransceiverStopped));
        }
        Ok(transceiver)
    }
}

impl Negotiation {
    /// Finds a sender for a track, or adds a transceiver for it.
    pub(crate) fn add_track(
        &mut self,
        kind: Kind,
        streams: Vec<String>,
    ) -> Result<TransceiverId, Error> {
        self.open()?;
        let streams = clean(streams);
        let free = self
            .state
            .transceivers
            .iter_mut()
            .find(|one| one.kind == kind && !one.has_track && !one.stopping && !one.has_sent);
        let Some(transceiver) = free else {
            let init = Init { direction: Direction::SendRecv, streams };
            return self.state.add(kind, init, Origin::Track);
        };
        transceiver.has_track = true;
        transceiver.streams = streams;
        transceiver.direction = Direction::of(true, transceiver.direction.receives());
        if transceiver.origin == Origin::Peer {
            // A rollback must not take away what the application uses.
            transceiver.origin = Origin::Track;
        }
        Ok(transceiver.id)
    }

    /// Takes the track from a sender; its media stops with the next negotiation.
    pub(crate) fn remove_track(&mut self, id: TransceiverId) -> Result<(), Error> {
        let transceiver = self.alive(id)?;
        transceiver.has_track = false;
        transceiver.direction = Direction::of(false, transceiver.direction.receives());
        Ok(())
    }

    /// Reduces the codecs of a transceiver to these, in this order; none means the default.
    pub(crate) fn set_codec_preferences(
        &mut self,
        id: TransceiverId,
        codecs: &[Codec],
    ) -> Result<(), Error> {
        let kind = self.alive(id)?.kind;
        let own = self.settings.codecs(kind);
        let mut preferences: Vec<Codec> = Vec::new();
        for wanted in codecs {
            let known = own.iter().find(|codec| codec.identity().matches(wanted.identity()));
            let known = known.ok_or(Error::InvalidModification(InvalidModification::Codec))?;
            if !preferences.contains(known) {
                preferences.push(known.clone());
            }
        }
        if !preferences.is_empty() && !preferences.iter().any(|codec| codec.identity().is_media()) {
            return Err(Error::InvalidModification(InvalidModification::Codec));
        }
        self.alive(id)?.preferences = preferences;
        Ok(())
    }

    pub(crate) fn pending_local_description(&self) -> Option<(SdpType, &str)> {
        text(self.state.pending_local.as_ref())
    }

    pub(crate) fn current_remote_description(&self) -> Option<(SdpType, &str)> {
        text(self.state.current_remote.as_ref())
    }

    pub(crate) fn pending_remote_description(&self) -> Option<(SdpType, &str)> {
        text(self.state.pending_remote.as_ref())
    }

    /// Whether the peer takes candidates one by one; `None` before its first description.
    pub(crate) fn can_trickle_ice_candidates(&self) -> Option<bool> {
        self.state.can_trickle
    }
}

/// Ids of streams as `a=msid` can carry them: at most 64 visible characters (RFC 8830 section 2).
fn clean(streams: Vec<String>) -> Vec<String> {
    let visible = |c: char| if c.is_ascii_graphic() { c } else { '_' };
    let clean = |stream: String| stream.chars().take(64).map(visible).collect::<String>();
    streams.into_iter().map(clean).filter(|stream| !stream.is_empty() && stream != "-").collect()
}

fn text(description: Option<&Arc<Description>>) -> Option<(SdpType, &str)> {
    description.map(|one| (one.kind, one.text.as_str()))
}

/// Goes back to the last stable state, from any other one.
fn roll_back(state: &mut State) -> Result<Change, Error> {
    if state.signaling == SignalingState::Stable {
        return Err(Error::InvalidState(InvalidState::Signaling));
    }
    let (transceivers_removed, tracks_removed) = state.roll_back();
    Ok(Change {
        rolled_back: true,
        transceivers_removed,
        tracks_removed,
        dtls_role: state.dtls_role,
        ..Change::default()
    })
}
