//! Applies the peer's descriptions (RFC 9429 section 5.10).

use std::sync::Arc;

use antiphon_sdp::Setup;

use super::change::Change;
use super::conclude::{Answerer, conclude, receive};
use super::description::{Description, malformed, mismatch};
use super::section::{Section, What};
use super::settings::{DtlsRole, Settings};
use super::state::State;
use super::transceiver::{Association, Init, Origin};
use super::transport::{self, RemoteTransport};
use super::write::fits;
use crate::{Direction, Error, InvalidState, Kind, SdpType, SignalingState};

/// Applies the peer's offer; an offer of ours that waits for its answer is rolled back first.
pub(super) fn offer(state: &mut State, text: &str) -> Result<Change, Error> {
    let mut change = Change::default();
    match state.signaling {
        SignalingState::Stable | SignalingState::HaveRemoteOffer => {}
        SignalingState::HaveLocalOffer => {
            let (gone, lost) = state.roll_back();
            change.rolled_back = true;
            change.transceivers_removed = gone;
            change.tracks_removed = lost;
        }
        SignalingState::HaveLocalPranswer
        | SignalingState::HaveRemotePranswer
        | SignalingState::Closed => return Err(Error::InvalidState(InvalidState::Signaling)),
    }
    let description = Description::read(SdpType::Offer, text)?;
    check_sequence(state, &description)?;
    if let Some(index) = state.registry.redefines(&description) {
        return Err(mismatch(index));
    }
    state.remember_stable();
    change.remote = remote_transport(state, &description)?;
    if change.remote.as_ref().is_some_and(|remote| remote.fingerprints_changed) {
        state.dtls_role = None;
    }
    check_role(state, &description)?;
    for (index, section) in description.sections.iter().enumerate() {
        if !description.is_member(index) {
            continue;
        }
        match section.what {
            What::Rtp(kind) => {
                associate(state, &mut change, index, kind, section)?;
                if let Some(transceiver) = state.at_index_mut(index) {
                    receive(transceiver, &mut change, section.direction.sends(), section);
                }
            }
            What::Data if state.data.index.is_none() => {
                let mid = section.mid.clone();
                state.data.mid = Some(mid.unwrap_or_else(|| state.new_mid(&[])));
                state.data.index = Some(index);
            }
            What::Data | What::Unknown => {}
        }
    }
    change.sctp = state.data.index.and_then(|_| transport::sctp(&description));
    state.can_trickle = Some(description.trickles());
    state.registry.learn_remote(&description);
    state.pending_remote = Some(Arc::new(description));
    state.created_answer = None;
    state.signaling = SignalingState::HaveRemoteOffer;
    Ok(change)
}

/// Who answers our INIT with its own sends data at once: if that cannot be read there is no way on.
fn check_init(answer: &Description) -> Result<(), Error> {
    let unreadable =
        |section: &Section| section.sctp_init.is_some() && transport::init(section).is_none();
    answer.sections.iter().position(unreadable).map_or(Ok(()), |index| Err(malformed(index)))
}

/// Applies the peer's answer to our offer, for good or for the time being.
pub(super) fn answer(
    state: &mut State,
    settings: &Settings,
    kind: SdpType,
    text: &str,
) -> Result<Change, Error> {
    match state.signaling {
        SignalingState::HaveLocalOffer | SignalingState::HaveRemotePranswer => {}
        SignalingState::Stable
        | SignalingState::HaveRemoteOffer
        | SignalingState::HaveLocalPranswer
        | SignalingState::Closed => return Err(Error::InvalidState(InvalidState::Signaling)),
    }
    let Some(offer) = state.pending_local.clone() else {
        return Err(Error::InvalidState(InvalidState::Signaling));
    };
    let description = Description::read(kind, text)?;
    check_answer(&offer, &description)?;
    if settings.sctp_init.is_some() {
        check_init(&description)?;
    }
    let remote = remote_transport(state, &description)?;
    if let Some(remote) = &remote {
        check_restart(state, &offer, &description, remote)?;
        if remote.fingerprints_changed {
            state.dtls_role = None;
        }
    }
    let description = Arc::new(description);
    let mut change = Change { remote, ..Change::default() };
    conclude(state, settings, &mut change, Answerer::Peer, &offer, &description)?;
    state.can_trickle = Some(description.trickles());
    state.registry.learn_remote(&description);
    state.settle(kind == SdpType::Answer, offer, description, Answerer::Peer);
    Ok(change)
}

/// A later offer keeps the sections of the earlier ones in their places.
fn check_sequence(state: &State, offer: &Description) -> Result<(), Error> {
    let (Some(local), Some(remote)) = (&state.current_local, &state.current_remote) else {
        return Ok(());
    };
    let before = local.sections.len().max(remote.sections.len());
    //= rfc3264#8
    // The number of sections never shrinks.
    if offer.sections.len() < before {
        return Err(mismatch(offer.sections.len()));
    }
    for (index, section) in offer.sections.iter().enumerate() {
        let (ours, theirs) = (local.sections.get(index), remote.sections.get(index));
        let (Some(ours), Some(theirs)) = (ours, theirs) else { continue };
        if ours.is_rejected() || theirs.is_rejected() || section.is_rejected() {
            continue;
        }
        let other_mid = section.mid.is_some() && theirs.mid.is_some() && section.mid != theirs.mid;
        if section.what != theirs.what || other_mid {
            return Err(mismatch(index));
        }
    }
    Ok(())
}

/// Reads the transport and compares it with the peer's former one.
fn remote_transport(
    state: &State,
    description: &Description,
) -> Result<Option<RemoteTransport>, Error> {
    let Some(mut remote) = transport::remote(description)? else { return Ok(None) };
    let before = match &state.current_remote {
        Some(before) => transport::remote(before)?,
        None => None,
    };
    if let Some(before) = before {
        //= rfc8839#4.4.1.1.1
        // Other credentials than before: ICE starts anew.
        remote.restarted = before.ufrag != remote.ufrag || before.pwd != remote.pwd;
        remote.fingerprints_changed = before.fingerprints != remote.fingerprints;
        let tls_id = |one: &Description| one.tag().and_then(|(_, tag)| tag.tls_id.clone());
        let new_tls = state.current_remote.as_deref().and_then(tls_id) != tls_id(description);
        remote.fingerprints_changed |= new_tls;
        //= rfc9429#5.8.3
        // Another DTLS association needs another generation of ICE.
        if remote.fingerprints_changed && !remote.restarted {
            return Err(mismatch(description.tag().map_or(0, |(index, _)| index)));
        }
    }
    Ok(Some(remote))
}

/// The role that an offer claims must leave us ours.
fn check_role(state: &State, offer: &Description) -> Result<(), Error> {
    let Some((index, tag)) = offer.tag() else { return Ok(()) };
    match (state.dtls_role, tag.setup) {
        (Some(DtlsRole::Client), Some(Setup::Active))
        | (Some(DtlsRole::Server), Some(Setup::Passive)) => Err(mismatch(index)),
        (Some(_) | None, _) => Ok(()),
    }
}

/// Finds or makes the transceiver of an offered section.
fn associate(
    state: &mut State,
    change: &mut Change,
    index: usize,
    kind: Kind,
    section: &Section,
) -> Result<(), Error> {
    if let Some(transceiver) = state.at_index_mut(index) {
        if fits(transceiver.kind, section.what)
            && (section.mid.is_none() || transceiver.association.mid == section.mid)
        {
            return Ok(());
        }
        // The section is recycled.
        transceiver.association = Association::default();
    }
    let is_free =
        |origin, association: &Association| origin == Origin::Track && association.index.is_none();
    //= rfc9429#5.10
    // A sender made by adding a track meets the first section that wants its kind of media.
    let found = state.transceivers.iter().find(|one| {
        section.direction.receives()
            && one.kind == kind
            && !one.stopping
            && is_free(one.origin, &one.association)
    });
    let id = match found.map(|one| one.id) {
        Some(id) => id,
        None => {
            let init = Init { direction: Direction::RecvOnly, streams: Vec::new() };
            let id = state.add(kind, init, Origin::Peer)?;
            change.transceivers_created.push(id);
            id
        }
    };
    let mid = match &section.mid {
        Some(mid) => mid.clone(),
        None => state.new_mid(&[]),
    };
    if let Some(transceiver) = state.transceiver_mut(id) {
        transceiver.association.mid = Some(mid);
        transceiver.association.index = Some(index);
    }
    Ok(())
}

/// An answer follows its offer section by section.
fn check_answer(offer: &Description, answer: &Description) -> Result<(), Error> {
    //= rfc3264#6
    // There are as many sections as in the offer, of the same kind and protocol.
    if offer.sections.len() != answer.sections.len() {
        return Err(mismatch(offer.sections.len().min(answer.sections.len())));
    }
    for (index, (offered, answered)) in offer.sections.iter().zip(&answer.sections).enumerate() {
        let same = offered.kind == answered.kind
            && offered.protocol == answered.protocol
            && (answered.mid.is_none() || answered.mid == offered.mid);
        if !same {
            return Err(mismatch(index));
        }
        if answered.is_rejected() {
            continue;
        }
        // What was not offered cannot be accepted, and what is accepted shares the transport.
        let shares = offer.is_member(index) && answer.is_member(index);
        if !shares || answered.port == 0 || !formats_fit(offered, answered) {
            return Err(mismatch(index));
        }
    }
    Ok(())
}

/// At least one format of the offer is there, and no feedback that was not offered.
fn formats_fit(offered: &Section, answered: &Section) -> bool {
    let What::Rtp(_) = offered.what else { return true };
    let known =
        |feedback: &String| offered.formats.iter().any(|format| format.feedback.contains(feedback));
    let common = answered.formats.iter().any(|format| {
        offered.formats.iter().any(|other| other.identity().matches(format.identity()))
    });
    //= rfc9429#5.11
    // Feedback out of nowhere is a failed negotiation.
    common && answered.formats.iter().flat_map(|format| &format.feedback).all(known)
}

/// Both sides restart ICE, or neither does.
fn check_restart(
    state: &State,
    offer: &Description,
    answer: &Description,
    remote: &RemoteTransport,
) -> Result<(), Error> {
    let (Some(local), Some(before)) = (&state.current_local, &state.current_remote) else {
        return Ok(());
    };
    if local.ufrag().is_none() || before.ufrag().is_none() {
        return Ok(());
    }
    let offered = local.ufrag() != offer.ufrag();
    //= rfc9429#5.10
    // An answer with new credentials to an offer without, or the other way round, is an error.
    if offered == remote.restarted {
        Ok(())
    } else {
        Err(mismatch(answer.tag().map_or(0, |(index, _)| index)))
    }
}
