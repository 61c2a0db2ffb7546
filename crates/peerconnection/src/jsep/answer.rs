//! Makes answers (RFC 9429 section 5.3).

use std::collections::HashMap;

use antiphon_sdp::Setup;

use super::description::Description;
use super::format::Format;
use super::section::{ExtensionLine, Section, What};
use super::settings::{DtlsRole, LocalTransport, Settings};
use super::state::{Created, State};
use super::transceiver::Transceiver;
use super::transport;
use super::write::{Place, RtpLines, Shared, dead, session};
use crate::{Direction, Error, InvalidState};

/// Formats that one section is accepted with: more than any peer needs.
const MAX_FORMATS: usize = 32;

/// Answers the pending remote offer and remembers the answer as the last one created.
pub(super) fn create(
    state: &mut State,
    settings: &Settings,
    transport: &LocalTransport,
) -> Result<String, Error> {
    let Some(offer) = state.pending_remote.clone() else {
        return Err(Error::InvalidState(InvalidState::Signaling));
    };
    let offer = offer.as_ref();
    let mut formats: Vec<Vec<Format>> = Vec::with_capacity(offer.sections.len());
    let mut accepted = Vec::with_capacity(offer.sections.len());
    let mut numbers = Numbers::default();
    for (index, section) in offer.sections.iter().enumerate() {
        let own = acceptable(state, settings, offer, &mut numbers, index, section);
        accepted.push(own.is_some());
        formats.push(own.unwrap_or_default());
    }
    //= rfc9143#7.3.3
    // The tag cannot be refused while the others stay: without it all are refused.
    let tag = offer.members.first().copied();
    if tag.is_some_and(|tag| accepted.get(tag) != Some(&true)) && !has_other_tag(offer, &accepted) {
        accepted.fill(false);
    }
    let bundle_members: Vec<usize> =
        offer.members.iter().copied().filter(|&index| accepted.get(index) == Some(&true)).collect();
    let tag = bundle_members.first().copied();
    let shared = Shared::new(settings, transport, setup(state, offer));
    let mut media = Vec::with_capacity(offer.sections.len());
    for ((index, section), formats) in offer.sections.iter().enumerate().zip(&formats) {
        let place = if tag == Some(index) { Place::Tag } else { Place::Bundled };
        let is_accepted = accepted.get(index) == Some(&true);
        let mid = section.mid.as_deref();
        media.push(match (is_accepted, section.what, state.at_index(index)) {
            (true, What::Data, _) => {
                // Who did not offer it does not know it.
                let is_offered = transport::init(section).is_some();
                let init = settings.sctp_init.as_deref().filter(|_| is_offered);
                shared.data(place, mid, [&section.protocol, &section.words], init)
            }
            (true, What::Rtp(_), Some(transceiver)) => shared.rtp(
                place,
                &RtpLines {
                    transceiver,
                    mid,
                    //= rfc9429#5.3.1
                    // The protocol is that of the offer, letter by letter.
                    protocol: &section.protocol,
                    direction: State::answer_direction(transceiver, section.direction),
                    formats,
                    extensions: &extensions(settings, transceiver, section),
                    reduced_size: section.reduced_size,
                    mux_only: false,
                },
            ),
            (_, _, _) => dead(&section.kind, &section.protocol, &section.words, mid),
        });
    }
    let mids = bundle_mids(offer, &bundle_members);
    let offered = |option: &&str| match *option {
        "trickle" => offer.trickles(),
        other => offer.ice_options.iter().any(|word| word == other),
    };
    let options: Vec<&str> = ["trickle", "ice2"].into_iter().filter(offered).collect();
    state.version = state.version.saturating_add(1);
    let text = session(settings, state.version, &mids, &options, media);
    state.created_answer = Some(Created { text: text.clone(), plan: Vec::new() });
    Ok(text)
}

/// What the payload types of the answer mean so far: a codec, or the payload type they repeat.
#[derive(Debug, Default)]
struct Numbers(HashMap<u8, Result<(String, u32), u8>>);

impl Numbers {
    //= rfc9143#10.1.2
    // Firefox gives a number that repeats one codec in one section to another codec in another
    // section. In our answer each number has one meaning.
    fn make_unique(&mut self, formats: &mut Vec<Format>) {
        formats.retain_mut(|format| {
            let codec = Ok((format.name.to_ascii_lowercase(), format.clock_rate));
            if *self.0.entry(format.payload_type).or_insert_with(|| codec.clone()) != codec {
                return false;
            }
            let repeats = Err(format.payload_type);
            format.rtx =
                format.rtx.filter(|rtx| *self.0.entry(*rtx).or_insert(repeats.clone()) == repeats);
            true
        });
    }
}

/// The formats to accept the section with; `None` refuses it.
fn acceptable(
    state: &State,
    settings: &Settings,
    offer: &Description,
    numbers: &mut Numbers,
    index: usize,
    section: &Section,
) -> Option<Vec<Format>> {
    if section.is_rejected() || !offer.is_member(index) {
        return None;
    }
    match section.what {
        What::Data => (state.data.index == Some(index)).then(Vec::new),
        What::Unknown => None,
        What::Rtp(_) => {
            let transceiver = state.at_index(index).filter(|one| !one.stopping)?;
            let mut formats = common_formats(settings, transceiver, section);
            numbers.make_unique(&mut formats);
            formats.iter().any(|format| format.identity().is_media()).then_some(formats)
        }
    }
}

/// The offered formats that we have, under the numbers of the offer.
fn common_formats(
    settings: &Settings,
    transceiver: &Transceiver,
    section: &Section,
) -> Vec<Format> {
    let preferred = &transceiver.preferences;
    let codecs =
        if preferred.is_empty() { settings.codecs(transceiver.kind) } else { preferred.as_slice() };
    let mut found: Vec<(usize, Format)> = Vec::new();
    for offered in &section.formats {
        if found.len() == MAX_FORMATS {
            break;
        }
        let theirs = offered.identity();
        let found_at = codecs.iter().position(|codec| codec.identity().matches(theirs));
        let Some((rank, codec)) = found_at.and_then(|rank| Some((rank, codecs.get(rank)?))) else {
            continue;
        };
        let mut format = offered.clone();
        format.fmtp = codec.answer_fmtp(theirs.fmtp);
        format.feedback.retain(|feedback| codec.feedback.contains(feedback));
        let rtx = settings.rtx(transceiver.kind) && theirs.is_media();
        format.rtx = format.rtx.filter(|_| rtx);
        // Without preferences the order of the offer holds.
        found.push((if preferred.is_empty() { 0 } else { rank }, format));
    }
    found.sort_by_key(|(rank, _)| *rank);
    found.into_iter().map(|(_, format)| format).collect()
}

/// The offered header extensions that we have, under the ids of the offer.
fn extensions(
    settings: &Settings,
    transceiver: &Transceiver,
    section: &Section,
) -> Vec<ExtensionLine> {
    let known = settings.extensions(transceiver.kind);
    let usable = |line: &&ExtensionLine| {
        //= rfc8285#4.2
        // 0 and 15 mean something else, and numbers over 255 fit no header.
        known.contains(&line.uri) && (1..256).contains(&line.id) && line.id != 15
    };
    let mut lines: Vec<ExtensionLine> = Vec::new();
    for line in section.extensions.iter().filter(usable) {
        if lines.iter().all(|other| other.uri != line.uri) {
            lines.push(ExtensionLine { direction: line.direction.reversed(), ..line.clone() });
        }
    }
    lines
}

/// Whether another accepted section of the group could carry the transport: peers that repeat it
/// in each section lose nothing when the first one is refused.
fn has_other_tag(offer: &Description, accepted: &[bool]) -> bool {
    let next = offer.members.iter().find(|&&index| accepted.get(index) == Some(&true));
    next.and_then(|&index| offer.sections.get(index)).is_some_and(|section| {
        !section.bundle_only && section.ufrag.is_some() && section.ufrag.as_deref() == offer.ufrag()
    })
}

/// The mids of the group in the answer; none when the offer has no group.
fn bundle_mids(offer: &Description, members: &[usize]) -> Vec<String> {
    let mid = |&index: &usize| offer.sections.get(index)?.mid.clone();
    if offer.bundled { members.iter().filter_map(mid).collect() } else { Vec::new() }
}

/// Our part in DTLS as the answer says it.
fn setup(state: &State, offer: &Description) -> Setup {
    let offered = offer.tag().and_then(|(_, tag)| tag.setup);
    match (state.dtls_role, offered) {
        (Some(DtlsRole::Client), _) => Setup::Active,
        (Some(DtlsRole::Server), _) => Setup::Passive,
        (None, Some(Setup::Active)) => Setup::Passive,
        //= rfc8842#5.3
        // Given the choice, the answerer opens: its first message need not wait for the answer.
        (None, Some(Setup::ActPass | Setup::Passive | Setup::HoldConn) | None) => Setup::Active,
    }
}

/// The direction that both descriptions leave, as we see it.
pub(super) fn agreed_direction(local: &Section, remote: &Section) -> Direction {
    let sends = local.direction.sends() && remote.direction.receives();
    let receives = local.direction.receives() && remote.direction.sends();
    Direction::of(sends, receives)
}
