//! What an answer, ours or the peer's, brings about (RFC 9429 section 5.11).

use std::sync::Arc;

use antiphon_sdp::Setup;

use super::answer::agreed_direction;
use super::change::{Change, TrackAdded};
use super::description::{Description, malformed};
use super::parameters::agreed;
use super::section::{Section, What};
use super::settings::{DtlsRole, Settings};
use super::state::{Data, State};
use super::transport;
use crate::{Direction, Error, SdpType, SignalingState};

/// Who wrote the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answerer {
    We,
    Peer,
}

/// Applies what both descriptions say together. One of them is the answer.
pub(super) fn conclude(
    state: &mut State,
    settings: &Settings,
    change: &mut Change,
    answerer: Answerer,
    local: &Description,
    remote: &Description,
) -> Result<(), Error> {
    let answer = match answerer {
        Answerer::We => local,
        Answerer::Peer => remote,
    };
    let is_final = answer.kind == SdpType::Answer;
    for (index, (ours, theirs)) in local.sections.iter().zip(&remote.sections).enumerate() {
        let is_alive = answer.is_member(index);
        if state.data.index == Some(index) {
            if !is_alive && is_final {
                state.data = Data::default();
                change.data_refused = true;
            }
        } else if !is_alive {
            refuse(state, change, index, is_final);
        } else if let What::Rtp(_) = theirs.what {
            agree(state, settings, change, index, ours, theirs);
        }
    }
    if answer.tag().is_some() {
        state.dtls_role = Some(role(state, answerer, answer)?);
        change.dtls_role = state.dtls_role;
    }
    change.sctp = state.data.index.and_then(|_| transport::sctp(remote));
    change.negotiated = true;
    Ok(())
}

/// The section is refused: its transceiver is stopped.
fn refuse(state: &mut State, change: &mut Change, index: usize, is_final: bool) {
    let Some(transceiver) = state.at_index_mut(index) else { return };
    let id = transceiver.id;
    if std::mem::take(&mut transceiver.association.receiving) {
        change.tracks_removed.push(id);
    }
    transceiver.association.current_direction = Some(Direction::Inactive);
    transceiver.association.rtp = None;
    if is_final {
        state.transceivers.retain(|other| other.id != id);
        change.transceivers_removed.push(id);
    }
}

/// The section is in use: takes over direction, formats and tracks.
fn agree(
    state: &mut State,
    settings: &Settings,
    change: &mut Change,
    index: usize,
    ours: &Section,
    theirs: &Section,
) {
    let Some(transceiver) = state.at_index_mut(index) else { return };
    let direction = agreed_direction(ours, theirs);
    transceiver.association.current_direction = Some(direction);
    transceiver.has_sent |= direction.sends();
    let rtp = agreed(settings, transceiver, direction, ours, theirs);
    receive(transceiver, change, direction.receives(), theirs);
    let extensions = rtp.extensions.clone();
    transceiver.association.rtp = Some(rtp);
    for extension in extensions {
        state.registry.agree(extension.id, &extension.uri);
    }
}

/// Notes whether the peer's track is there, and tells when that changed.
pub(super) fn receive(
    transceiver: &mut super::transceiver::Transceiver,
    change: &mut Change,
    receives: bool,
    theirs: &Section,
) {
    let id = transceiver.id;
    if receives {
        let streams = theirs.msids.iter().map(|(stream, _)| stream).filter(|stream| *stream != "-");
        transceiver.association.remote_streams = streams.cloned().collect();
        if !transceiver.association.receiving {
            change.tracks_added.push(TrackAdded {
                transceiver: id,
                streams: transceiver.association.remote_streams.clone(),
                track: theirs.msids.first().and_then(|(_, track)| track.clone()),
            });
        }
    } else if transceiver.association.receiving {
        transceiver.association.remote_streams.clear();
        change.tracks_removed.push(id);
    }
    transceiver.association.receiving = receives;
}

/// Our part in DTLS; it stays what it is while the association lives.
fn role(state: &State, answerer: Answerer, answer: &Description) -> Result<DtlsRole, Error> {
    let (section, tag) = answer.tag().ok_or_else(|| malformed(0))?;
    let client = match (answerer, tag.setup) {
        (Answerer::We, Some(Setup::Active)) | (Answerer::Peer, Some(Setup::Passive)) => true,
        (Answerer::We, Some(Setup::Passive)) | (Answerer::Peer, Some(Setup::Active)) => false,
        //= rfc5763#5
        // An answer decides: it leaves nothing open.
        (_, Some(Setup::ActPass | Setup::HoldConn) | None) => return Err(malformed(section)),
    };
    let role = if client { DtlsRole::Client } else { DtlsRole::Server };
    // The association lives, with the certificates that it was made with: its roles cannot change,
    // whatever the answer says. Firefox answers an offer that restarts ICE with `active`, and goes
    // on as the server that it is.
    Ok(state.dtls_role.unwrap_or(role))
}

impl State {
    /// Moves the descriptions to where an answer leaves them.
    pub(super) fn settle(
        &mut self,
        is_final: bool,
        local: Arc<Description>,
        remote: Arc<Description>,
        answerer: Answerer,
    ) {
        if !is_final {
            self.signaling = match answerer {
                Answerer::We => SignalingState::HaveLocalPranswer,
                Answerer::Peer => SignalingState::HaveRemotePranswer,
            };
            self.pending_local = Some(local);
            self.pending_remote = Some(remote);
            return;
        }
        self.current_local = Some(local);
        self.current_remote = Some(remote);
        self.pending_local = None;
        self.pending_remote = None;
        self.created_offer = None;
        self.created_answer = None;
        self.stable = None;
        self.signaling = SignalingState::Stable;
        let ufrag = self.current_local.as_ref().and_then(|local| local.ufrag());
        if self.replaced_ufrag.as_deref() != ufrag {
            self.replaced_ufrag = None;
        }
    }
}
