//! Candidates that come after their description.

use std::sync::Arc;

use antiphon_sdp::{Attribute, SessionDescription};

use super::description::Description;
use super::state::State;
use super::write::bare_candidate;
use crate::{Error, InvalidState, OperationError, SdpType, TypeError};

/// What to do with a candidate of the peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CandidateUse {
    /// It belongs to our transport.
    Use,
    /// It belongs to a section that has no transport of its own, or none any more.
    Ignore,
}

/// Finds the place of a candidate of the peer, and adds it to the stored description; an empty
/// one says that no more follow.
pub(super) fn add_remote(
    state: &mut State,
    candidate: &str,
    mid: Option<&str>,
    index: Option<u16>,
    ufrag: Option<&str>,
) -> Result<CandidateUse, Error> {
    let candidate = bare_candidate(candidate);
    if !candidate.is_empty() && mid.is_none() && index.is_none() {
        return Err(Error::Type(TypeError::CandidateWithoutSection));
    }
    let Some(remote) = state.remote() else {
        return Err(Error::InvalidState(InvalidState::NoRemoteDescription));
    };
    let unknown = Error::Operation(OperationError::UnknownSection);
    // Without a section the candidate speaks of all of them, and so of the tag.
    let place = match (mid, index) {
        (Some(mid), _) => Some(remote.mid_index(mid).ok_or(unknown)?),
        (None, Some(index)) => {
            let index = usize::from(index);
            (index < remote.sections.len()).then_some(Some(index)).ok_or(unknown)?
        }
        (None, None) => None,
    };
    let ufrag = ufrag.or_else(|| in_candidate(candidate));
    let is_generation = |one: &Option<Arc<Description>>| {
        one.as_ref().is_some_and(|one| ufrag.is_none_or(|ufrag| one.ufrag() == Some(ufrag)))
    };
    let (in_pending, in_current) =
        (is_generation(&state.pending_remote), is_generation(&state.current_remote));
    if !in_pending && !in_current {
        return Err(unknown);
    }
    let attribute = attribute(candidate)?;
    let Some((tag, _)) = remote.tag() else { return Ok(CandidateUse::Ignore) };
    let place = place.unwrap_or(tag);
    let bundled_by_answer = remote.kind != SdpType::Offer && remote.is_member(place);
    for stored in [&mut state.pending_remote, &mut state.current_remote] {
        if is_generation(stored)
            && let Some(stored) = stored.as_mut()
        {
            Arc::make_mut(stored).append(place, attribute.clone());
        }
    }
    // Before its answer the peer may list candidates for each section: only those of the tag
    // lead to the transport that all of them will share.
    Ok(if place == tag || bundled_by_answer { CandidateUse::Use } else { CandidateUse::Ignore })
}

/// The generation that a candidate names itself.
fn in_candidate(candidate: &str) -> Option<&str> {
    let mut words = candidate.split(' ').skip(6);
    words.find(|word| *word == "ufrag")?;
    words.next()
}

/// The attribute, if the candidate is well-formed.
fn attribute(candidate: &str) -> Result<Attribute<'static>, Error> {
    if candidate.is_empty() {
        return Ok(Attribute::EndOfCandidates);
    }
    let text = format!(
        "v=0\r\no=- 0 0 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\nm=audio 9 RTP/AVP 0\r\na=candidate:{candidate}"
    );
    match SessionDescription::parse(&text) {
        Ok(session) if session.media.iter().all(|media| media.attributes.len() == 1) => {
            Ok(Attribute::Candidate(candidate.to_owned().into()))
        }
        Ok(_) | Err(_) => Err(Error::Operation(OperationError::CandidateSyntax)),
    }
}

/// Adds a candidate of ours, or the end of them, to our stored descriptions of its generation.
pub(super) fn add_local(state: &mut State, ufrag: &str, candidate: Option<&str>) {
    let attribute = match candidate {
        Some(text) => Attribute::Candidate(bare_candidate(text).to_owned().into()),
        None => Attribute::EndOfCandidates,
    };
    for stored in [&mut state.pending_local, &mut state.current_local] {
        if let Some(stored) = stored.as_mut().filter(|one| one.ufrag() == Some(ufrag))
            && let Some((tag, _)) = stored.tag()
        {
            Arc::make_mut(stored).append(tag, attribute.clone());
        }
    }
}
