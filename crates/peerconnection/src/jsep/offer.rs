//! Makes offers (RFC 9429 section 5.2).

use antiphon_sdp::{Media, Setup};

use super::description::Description;
use super::format::Format;
use super::section::{ExtensionLine, Section, What};
use super::settings::{LocalTransport, Settings};
use super::state::{Created, State, Use};
use super::transceiver::Transceiver;
use super::write::{Place, RtpLines, Shared, dead, session};
use crate::{BundlePolicy, Direction, Error, SignalingState};

/// One section of the offer to be.
#[derive(Debug)]
struct Slot {
    use_for: Use,
    mid: String,
}

/// Makes an offer of the state as it is and remembers it as the last one created.
pub(super) fn create(
    state: &mut State,
    settings: &Settings,
    transport: &LocalTransport,
) -> Result<String, Error> {
    let slots = plan(state);
    let bundle = bundle(state, &slots);
    let mut registry = state.registry.clone();
    let shared = Shared::new(settings, transport, Setup::ActPass);
    let mut kinds_seen = Vec::new();
    let mut media = Vec::with_capacity(slots.len());
    for (index, slot) in slots.iter().enumerate() {
        let place = place(state, settings, slot, bundle.first(), &mut kinds_seen);
        media.push(match slot.use_for {
            Use::Dead => dead_section(state, index, &slot.mid),
            Use::Data => {
                let protocol = previous(state, index).filter(|section| section.what == What::Data);
                let (protocol, words) = protocol
                    .map_or(("UDP/DTLS/SCTP", "webrtc-datachannel"), |section| {
                        (section.protocol.as_str(), section.words.as_str())
                    });
                let init = settings.sctp_init.as_deref();
                shared.data(place, Some(&slot.mid), [protocol, words], init)
            }
            Use::Transceiver(id) => match state.transceiver(id) {
                Some(transceiver) => {
                    let lines = Lines::new(state, settings, transceiver, index, &mut registry);
                    shared.rtp(place, &lines.as_rtp(transceiver, &slot.mid))
                }
                None => dead_section(state, index, &slot.mid),
            },
        });
    }
    state.version = state.version.saturating_add(1);
    //= rfc9429#5.2.1
    // Candidates may trickle, and we speak ICE as RFC 8445 has it.
    let text = session(settings, state.version, &bundle, &["trickle", "ice2"], media);
    let plan = slots.iter().map(|slot| slot.use_for).collect();
    state.created_offer = Some(Created { text: text.clone(), plan });
    Ok(text)
}

/// The section that stood at this index last, in our description or else in the peer's.
fn previous(state: &State, index: usize) -> Option<&Section> {
    let ours = state.local().and_then(|one| one.sections.get(index));
    ours.or_else(|| state.remote().and_then(|one| one.sections.get(index)))
}

/// Decides what stands at each index.
fn plan(state: &mut State) -> Vec<Slot> {
    let count = |one: &Option<std::sync::Arc<Description>>| {
        one.as_ref().map_or(0, |one| one.sections.len())
    };
    let len = [&state.current_local, &state.pending_local, &state.current_remote]
        .into_iter()
        .map(count)
        .max()
        .unwrap_or(0);
    let mut new: std::collections::VecDeque<Use> = state
        .transceivers
        .iter()
        .filter(|one| one.association.index.is_none() && !one.stopping)
        .map(|one| Use::Transceiver(one.id))
        .collect();
    if state.data.wanted && state.data.index.is_none() {
        new.push_back(Use::Data);
    }
    let mut slots: Vec<Slot> = Vec::new();
    let mut mids: Vec<String> = Vec::new();
    for index in 0..len {
        let mid = previous(state, index).and_then(|section| section.mid.clone());
        let transceiver = state.at_index(index);
        let alive = transceiver.filter(|one| !one.stopping).map(|one| Use::Transceiver(one.id));
        let alive = alive.or((state.data.index == Some(index)).then_some(Use::Data));
        let is_free = transceiver.is_none() && alive.is_none() && was_rejected(state, index);
        //= rfc9429#5.2.2
        // A section with port zero is recycled by the next new one, under a new mid.
        let recycled = if is_free { new.pop_front() } else { None };
        let own_mid = match alive {
            Some(Use::Transceiver(_)) => transceiver.and_then(|one| one.association.mid.clone()),
            Some(Use::Data) => state.data.mid.clone(),
            Some(Use::Dead) | None => None,
        };
        let mid = match (own_mid.or(mid), recycled) {
            (Some(mid), None) => mid,
            (_, Some(_)) | (None, None) => state.new_mid(&mids),
        };
        mids.push(mid.clone());
        slots.push(Slot { use_for: recycled.or(alive).unwrap_or(Use::Dead), mid });
    }
    for use_for in new {
        let mid = state.new_mid(&mids);
        mids.push(mid.clone());
        slots.push(Slot { use_for, mid });
    }
    slots
}

/// Whether the section is refused in the negotiated descriptions.
fn was_rejected(state: &State, index: usize) -> bool {
    [&state.current_local, &state.current_remote]
        .into_iter()
        .flatten()
        .any(|one| one.sections.get(index).is_some_and(Section::is_rejected))
}

/// The group: what was bundled before in its order, so that the tag stays, then what is new.
fn bundle(state: &State, slots: &[Slot]) -> Vec<String> {
    let alive = |mid: &str| slots.iter().any(|slot| slot.mid == mid && slot.use_for != Use::Dead);
    let known = state.current_local.as_ref().into_iter().flat_map(|local| {
        local.members.iter().filter_map(|&index| local.sections.get(index)?.mid.clone())
    });
    let mut mids: Vec<String> = known.filter(|mid| alive(mid)).collect();
    for slot in slots.iter().filter(|slot| slot.use_for != Use::Dead) {
        if !mids.contains(&slot.mid) {
            mids.push(slot.mid.clone());
        }
    }
    mids
}

/// Whether a section stands on its own feet.
fn place(
    state: &State,
    settings: &Settings,
    slot: &Slot,
    tag: Option<&String>,
    kinds_seen: &mut Vec<Option<crate::Kind>>,
) -> Place {
    if tag == Some(&slot.mid) {
        kinds_seen.push(kind_of(state, slot));
        return Place::Tag;
    }
    //= rfc9429#5.2.2
    // Once a bundle is agreed on nothing is bundle-only any more.
    if state.signaling == SignalingState::Stable && state.current_local.is_some() {
        return Place::Bundled;
    }
    let kind = kind_of(state, slot);
    let first_of_kind = !kinds_seen.contains(&kind);
    kinds_seen.push(kind);
    let alone = match settings.bundle_policy {
        BundlePolicy::MaxCompat => true,
        BundlePolicy::Balanced => first_of_kind,
        BundlePolicy::MaxBundle => false,
    };
    if alone { Place::Bundled } else { Place::BundleOnly }
}

/// The kind of media; `None` for data.
fn kind_of(state: &State, slot: &Slot) -> Option<crate::Kind> {
    match slot.use_for {
        Use::Transceiver(id) => state.transceiver(id).map(|one| one.kind),
        Use::Data | Use::Dead => None,
    }
}

fn dead_section(state: &State, index: usize, mid: &str) -> Media<'static> {
    match previous(state, index) {
        Some(old) => dead(&old.kind, &old.protocol, &old.words, Some(mid)),
        None => dead("audio", "UDP/TLS/RTP/SAVPF", "0", Some(mid)),
    }
}

/// What an offer says about one transceiver.
#[derive(Debug)]
struct Lines {
    protocol: String,
    direction: Direction,
    formats: Vec<Format>,
    extensions: Vec<ExtensionLine>,
    reduced_size: bool,
    mux_only: bool,
}

impl Lines {
    fn new(
        state: &State,
        settings: &Settings,
        transceiver: &Transceiver,
        index: usize,
        registry: &mut super::registry::Registry,
    ) -> Self {
        let answered =
            last_answer(state).and_then(|answer| answer.sections.get(index)).filter(|section| {
                transceiver.association.index == Some(index) && !section.is_rejected()
            });
        let rtx = settings.rtx(transceiver.kind);
        let mut codecs = if transceiver.preferences.is_empty() {
            settings.codecs(transceiver.kind).to_vec()
        } else {
            transceiver.preferences.clone()
        };
        if let Some(section) = answered.filter(|_| transceiver.preferences.is_empty()) {
            //= rfc9429#5.2.2
            // What was agreed on comes first, in its order.
            codecs.sort_by_key(|codec| {
                let place =
                    section.formats.iter().position(|one| one.identity().matches(codec.identity()));
                place.unwrap_or(usize::MAX)
            });
        }
        let before = state.current_local.as_ref().filter(|_| answered.is_some());
        let before = before.and_then(|local| local.sections.get(index));
        let before = before.map_or(&[][..], |section| &section.formats);
        let formats =
            codecs.iter().filter_map(|codec| registry.format(transceiver.kind, codec, rtx, before));
        let formats = formats.collect();
        let extensions = settings.extensions(transceiver.kind).iter().filter_map(|uri| {
            let id = registry.extension(uri)?;
            Some(ExtensionLine { id, uri: uri.clone(), direction: Direction::SendRecv })
        });
        Self {
            protocol: answered
                .map_or_else(|| "UDP/TLS/RTP/SAVPF".to_owned(), |section| section.protocol.clone()),
            direction: transceiver.direction,
            formats,
            extensions: extensions.collect(),
            reduced_size: answered.is_none_or(|section| section.reduced_size),
            mux_only: answered.is_none(),
        }
    }

    fn as_rtp<'a>(&'a self, transceiver: &'a Transceiver, mid: &'a str) -> RtpLines<'a> {
        RtpLines {
            transceiver,
            mid: Some(mid),
            protocol: &self.protocol,
            direction: self.direction,
            formats: &self.formats,
            extensions: &self.extensions,
            reduced_size: self.reduced_size,
            mux_only: self.mux_only,
        }
    }
}

/// The answer that was agreed on last, ours or the peer's.
fn last_answer(state: &State) -> Option<&Description> {
    [&state.current_local, &state.current_remote]
        .into_iter()
        .flatten()
        .map(AsRef::as_ref)
        .find(|one| one.kind == crate::SdpType::Answer)
}
