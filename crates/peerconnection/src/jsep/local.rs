//! Applies our own descriptions (RFC 9429 section 5.9).

use std::sync::Arc;

use super::change::Change;
use super::conclude::{Answerer, conclude};
use super::description::Description;
use super::settings::Settings;
use super::state::{State, Use};
use crate::{Error, InvalidModification, InvalidState, SdpType, SignalingState};

/// Applies the offer created last.
pub(super) fn offer(state: &mut State, text: &str) -> Result<Change, Error> {
    match state.signaling {
        SignalingState::Stable | SignalingState::HaveLocalOffer => {}
        SignalingState::HaveRemoteOffer
        | SignalingState::HaveLocalPranswer
        | SignalingState::HaveRemotePranswer
        | SignalingState::Closed => return Err(Error::InvalidState(InvalidState::Signaling)),
    }
    let created = state.created_offer.clone().filter(|created| is_that(&created.text, text));
    //= rfc9429#5.4
    // An offer is set as it was created, or not at all.
    let created =
        created.ok_or(Error::InvalidModification(InvalidModification::LocalDescription))?;
    let description = Description::read(SdpType::Offer, &created.text)?;
    state.remember_stable();
    for (index, use_for) in created.plan.iter().enumerate() {
        let mid = description.sections.get(index).and_then(|section| section.mid.clone());
        match use_for {
            Use::Transceiver(id) => {
                if let Some(transceiver) = state.transceiver_mut(*id) {
                    transceiver.association.mid = mid;
                    transceiver.association.index = Some(index);
                }
            }
            Use::Data => {
                state.data.mid = mid;
                state.data.index = Some(index);
            }
            Use::Dead => {}
        }
    }
    state.registry.learn_local(&description);
    state.pending_local = Some(Arc::new(description));
    state.signaling = SignalingState::HaveLocalOffer;
    Ok(Change::default())
}

/// Applies the answer created last, for good or for the time being.
pub(super) fn answer(
    state: &mut State,
    settings: &Settings,
    kind: SdpType,
    text: &str,
) -> Result<Change, Error> {
    match state.signaling {
        SignalingState::HaveRemoteOffer | SignalingState::HaveLocalPranswer => {}
        SignalingState::Stable
        | SignalingState::HaveLocalOffer
        | SignalingState::HaveRemotePranswer
        | SignalingState::Closed => return Err(Error::InvalidState(InvalidState::Signaling)),
    }
    let created = state.created_answer.clone().filter(|created| is_that(&created.text, text));
    let created =
        created.ok_or(Error::InvalidModification(InvalidModification::LocalDescription))?;
    let Some(remote) = state.pending_remote.clone() else {
        return Err(Error::InvalidState(InvalidState::Signaling));
    };
    let local = Arc::new(Description::read(kind, &created.text)?);
    state.registry.learn_local(&local);
    let mut change = Change::default();
    conclude(state, settings, &mut change, Answerer::We, &local, &remote)?;
    state.settle(SdpType::Answer == kind, local, remote, Answerer::We);
    Ok(change)
}

/// An empty text stands for the description created last.
fn is_that(created: &str, text: &str) -> bool {
    text.is_empty() || created == text
}
