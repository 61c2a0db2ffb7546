//! Whether a new negotiation is needed (webrtc-pc section 4.7.3).

use super::description::Description;
use super::section::Section;
use super::state::State;
use super::transceiver::Transceiver;
use crate::{SdpType, SignalingState};

/// The check, meaningful while nothing is pending; otherwise it says no.
pub(super) fn check(state: &State) -> bool {
    if state.signaling != SignalingState::Stable {
        return false;
    }
    if state.replaced_ufrag.is_some() || needs_data(state) {
        return true;
    }
    state.transceivers.iter().any(|transceiver| needs(state, transceiver))
}

fn section_at(description: Option<&Description>, index: Option<usize>) -> Option<&Section> {
    description?.sections.get(index?).filter(|section| !section.is_rejected())
}

fn needs_data(state: &State) -> bool {
    state.data.wanted && section_at(state.current_local.as_deref(), state.data.index).is_none()
}

fn needs(state: &State, transceiver: &Transceiver) -> bool {
    let index = transceiver.association.index;
    let Some(local) = section_at(state.current_local.as_deref(), index) else { return true };
    if transceiver.stopping {
        return true;
    }
    if transceiver.direction.sends() && streams_differ(transceiver, local) {
        return true;
    }
    let remote = section_at(state.current_remote.as_deref(), index);
    let is_answer = state.current_local.as_ref().is_some_and(|one| one.kind == SdpType::Answer);
    if is_answer {
        remote.is_some_and(|remote| {
            State::answer_direction(transceiver, remote.direction) != local.direction
        })
    } else {
        let reversed = remote.map(|remote| remote.direction.reversed());
        local.direction != transceiver.direction && reversed != Some(transceiver.direction)
    }
}

/// Whether the streams of our track are others than those we announced.
fn streams_differ(transceiver: &Transceiver, local: &Section) -> bool {
    if local.msids.is_empty() {
        // Nothing was announced: the peer does not take our media.
        return local.direction.sends();
    }
    let announced = || local.msids.iter().map(|(stream, _)| stream).filter(|one| *one != "-");
    let own = &transceiver.streams;
    announced().count() != own.len() || announced().any(|stream| !own.contains(stream))
}
