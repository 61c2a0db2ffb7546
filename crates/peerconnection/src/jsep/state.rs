//! What a negotiation remembers.

use std::collections::BTreeMap;
use std::sync::Arc;

use rand_chacha::ChaCha12Rng;
use rand_core::{Rng as _, SeedableRng as _};

use super::description::Description;
use super::registry::Registry;
use super::settings::{DtlsRole, Settings};
use super::transceiver::{Association, Init, Origin, Transceiver};
use crate::{Direction, Error, Kind, OperationError, SignalingState, TransceiverId};

/// Sections, and so transceivers, that one connection may have.
pub(super) const MAX_TRANSCEIVERS: usize = 1024;

/// The data section.
#[derive(Clone, Debug, Default)]
pub(super) struct Data {
    /// A data channel was asked for.
    pub(super) wanted: bool,
    pub(super) mid: Option<String>,
    pub(super) index: Option<usize>,
}

/// What stands at one index of a description of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use {
    Transceiver(TransceiverId),
    Data,
    /// Refused, or given up.
    Dead,
}

/// A description that we made and that waits to be set.
#[derive(Clone, Debug)]
pub(super) struct Created {
    pub(super) text: String,
    /// What each section is for; only in offers.
    pub(super) plan: Vec<Use>,
}

/// The last stable state, for a rollback.
#[derive(Clone, Debug)]
pub(super) struct Snapshot {
    associations: BTreeMap<TransceiverId, Association>,
    data: Data,
    registry: Registry,
    pub(super) dtls_role: Option<DtlsRole>,
}

/// Everything that changes: cloned before a description is applied, so that an error changes
/// nothing.
#[derive(Clone, Debug)]
pub(super) struct State {
    pub(super) signaling: SignalingState,
    pub(super) current_local: Option<Arc<Description>>,
    pub(super) pending_local: Option<Arc<Description>>,
    pub(super) current_remote: Option<Arc<Description>>,
    pub(super) pending_remote: Option<Arc<Description>>,
    pub(super) transceivers: Vec<Transceiver>,
    pub(super) next_id: u32,
    pub(super) next_mid: u32,
    pub(super) data: Data,
    pub(super) registry: Registry,
    pub(super) dtls_role: Option<DtlsRole>,
    pub(super) stable: Option<Snapshot>,
    pub(super) created_offer: Option<Created>,
    pub(super) created_answer: Option<Created>,
    /// Version of the last description that we made.
    pub(super) version: u64,
    /// The generation that `restart_ice` wants replaced.
    pub(super) replaced_ufrag: Option<String>,
    pub(super) can_trickle: Option<bool>,
    random: ChaCha12Rng,
}

impl State {
    pub(super) fn new(settings: &Settings) -> Self {
        Self {
            signaling: SignalingState::Stable,
            current_local: None,
            pending_local: None,
            current_remote: None,
            pending_remote: None,
            transceivers: Vec::new(),
            next_id: 0,
            next_mid: 0,
            data: Data::default(),
            registry: Registry::default(),
            dtls_role: None,
            stable: None,
            created_offer: None,
            created_answer: None,
            version: 0,
            replaced_ufrag: None,
            can_trickle: None,
            random: ChaCha12Rng::from_seed(settings.seed),
        }
    }

    pub(super) fn local(&self) -> Option<&Arc<Description>> {
        self.pending_local.as_ref().or(self.current_local.as_ref())
    }

    pub(super) fn remote(&self) -> Option<&Arc<Description>> {
        self.pending_remote.as_ref().or(self.current_remote.as_ref())
    }

    pub(super) fn transceiver(&self, id: TransceiverId) -> Option<&Transceiver> {
        self.transceivers.iter().find(|transceiver| transceiver.id == id)
    }

    pub(super) fn transceiver_mut(&mut self, id: TransceiverId) -> Option<&mut Transceiver> {
        self.transceivers.iter_mut().find(|transceiver| transceiver.id == id)
    }

    pub(super) fn at_index(&self, index: usize) -> Option<&Transceiver> {
        self.transceivers.iter().find(|transceiver| transceiver.association.index == Some(index))
    }

    pub(super) fn at_index_mut(&mut self, index: usize) -> Option<&mut Transceiver> {
        self.transceivers
            .iter_mut()
            .find(|transceiver| transceiver.association.index == Some(index))
    }

    pub(super) fn add(
        &mut self,
        kind: Kind,
        init: Init,
        origin: Origin,
    ) -> Result<TransceiverId, Error> {
        if self.transceivers.len() >= MAX_TRANSCEIVERS {
            let limit = MAX_TRANSCEIVERS;
            return Err(Error::Operation(OperationError::TooMany { limit }));
        }
        let id = TransceiverId::new(self.next_id);
        self.next_id = self.next_id.saturating_add(1);
        let (ssrc, rtx_ssrc) = (self.new_ssrc(), self.new_ssrc());
        let track = self.new_track();
        self.transceivers.push(Transceiver {
            id,
            kind,
            origin,
            direction: init.direction,
            streams: init.streams,
            track,
            has_track: origin != Origin::Peer && init.direction.sends(),
            has_sent: false,
            ssrc,
            rtx_ssrc,
            preferences: Vec::new(),
            stopping: false,
            association: Association::default(),
        });
        Ok(id)
    }

    /// A source that none of ours uses.
    fn new_ssrc(&mut self) -> u32 {
        loop {
            let ssrc = self.random.next_u32();
            let used =
                self.transceivers.iter().any(|other| other.ssrc == ssrc || other.rtx_ssrc == ssrc);
            if ssrc != 0 && !used {
                return ssrc;
            }
        }
    }

    /// A random id in the form of a UUID, as browsers write them.
    fn new_track(&mut self) -> String {
        let mut bytes = [0; 16];
        self.random.fill_bytes(&mut bytes);
        let number = u128::from_be_bytes(bytes);
        let (version, variant) = (0x4_u128 << 76, 0x2_u128 << 62);
        let number = number & !(0xf_u128 << 76) & !(0x3_u128 << 62) | version | variant;
        let mut text = format!("{number:032x}");
        for place in [20, 16, 12, 8] {
            text.insert(place, '-');
        }
        text
    }

    /// A mid that neither side uses or used at this index.
    pub(super) fn new_mid(&mut self, taken: &[String]) -> String {
        loop {
            let mid = self.next_mid.to_string();
            self.next_mid = self.next_mid.saturating_add(1);
            let descriptions = [
                &self.current_local,
                &self.pending_local,
                &self.current_remote,
                &self.pending_remote,
            ];
            let used = descriptions.into_iter().flatten().any(|one| one.mid_index(&mid).is_some());
            if !used && !taken.contains(&mid) {
                return mid;
            }
        }
    }

    /// Remembers the stable state; called when it is left.
    pub(super) fn remember_stable(&mut self) {
        if self.signaling != SignalingState::Stable {
            return;
        }
        let associations =
            self.transceivers.iter().map(|one| (one.id, one.association.clone())).collect();
        self.stable = Some(Snapshot {
            associations,
            data: self.data.clone(),
            registry: self.registry.clone(),
            dtls_role: self.dtls_role,
        });
    }

    /// Goes back to the last stable state. Returns the transceivers that are gone and those whose
    /// remote track is gone.
    //= rfc9429#4.1.10.2
    // Associations made since then are undone; what the application did itself stays.
    pub(super) fn roll_back(&mut self) -> (Vec<TransceiverId>, Vec<TransceiverId>) {
        let Some(snapshot) = self.stable.take() else { return (Vec::new(), Vec::new()) };
        let mut lost = Vec::new();
        for transceiver in &mut self.transceivers {
            let was_receiving = transceiver.association.receiving;
            transceiver.association =
                snapshot.associations.get(&transceiver.id).cloned().unwrap_or_default();
            if was_receiving && !transceiver.association.receiving {
                lost.push(transceiver.id);
            }
        }
        let is_gone = |transceiver: &Transceiver| {
            let is_new = !snapshot.associations.contains_key(&transceiver.id);
            // Without a section nothing is left to do for one that was stopped.
            is_new && transceiver.origin == Origin::Peer
                || transceiver.stopping && transceiver.association.index.is_none()
        };
        let gone = self.transceivers.iter().filter(|one| is_gone(one)).map(|one| one.id).collect();
        self.transceivers.retain(|transceiver| !is_gone(transceiver));
        self.data = Data { wanted: self.data.wanted, ..snapshot.data };
        self.registry = snapshot.registry;
        self.dtls_role = snapshot.dtls_role;
        self.pending_local = None;
        self.pending_remote = None;
        self.created_offer = None;
        self.created_answer = None;
        self.signaling = SignalingState::Stable;
        (gone, lost)
    }

    /// The direction of an answer: what the offer leaves and the transceiver wants.
    pub(super) fn answer_direction(transceiver: &Transceiver, offered: Direction) -> Direction {
        //= rfc3264#6.1
        // The offer is seen from the other side, then reduced to what we want.
        let (sends, receives) = (offered.receives(), offered.sends());
        let wanted = if transceiver.stopping { Direction::Inactive } else { transceiver.direction };
        Direction::of(sends && wanted.sends(), receives && wanted.receives())
    }
}
