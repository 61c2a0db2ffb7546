//! Which section a packet belongs to ([RFC 9143 section 9.2]).
//!
//! [RFC 9143 section 9.2]: https://www.rfc-editor.org/rfc/rfc9143#section-9.2

use std::time::Duration;

use antiphon_rtp::{ExtensionMap, Ssrc};

use super::config::Section;
use super::event::Drop;
use super::source::{Repair, Source, State};
use crate::TransceiverId;

/// A source that was silent for so long makes room for a new one.
const IDLE: Duration = Duration::from_secs(30);

/// The tables of RFC 9143: MID, SSRC and payload type to section.
#[derive(Debug)]
pub(super) struct Router {
    /// One map for the bundle: an id means the same in all its sections.
    pub(super) extensions: ExtensionMap,
    mids: Vec<(String, TransceiverId)>,
    payload_types: [Owner; 128],
    /// In the order of their SSRCs.
    sources: Vec<Source>,
    max_sources: usize,
}

/// Who may use a payload type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Owner {
    Nobody,
    One(TransceiverId),
    Several,
}

/// What routing looks at.
#[derive(Clone, Copy, Debug)]
pub(super) struct Routed<'a> {
    pub(super) ssrc: Ssrc,
    pub(super) mid: Option<&'a str>,
    pub(super) payload_type: u8,
    pub(super) sequence_number: u16,
}

impl Router {
    pub(super) fn new(max_sources: usize) -> Self {
        Self {
            extensions: ExtensionMap::new(),
            mids: Vec::new(),
            payload_types: [Owner::Nobody; 128],
            sources: Vec::new(),
            max_sources,
        }
    }

    /// Fills the tables anew. Sources of sections that are gone are forgotten.
    pub(super) fn configure<'s>(
        &mut self,
        sections: impl Iterator<Item = &'s Section> + Clone,
        now: Duration,
    ) {
        self.extensions = ExtensionMap::new();
        self.mids.clear();
        self.payload_types = [Owner::Nobody; 128];
        for section in sections.clone() {
            for (id, kind) in section.extensions.iter() {
                // The first section decides: within a bundle they agree.
                let _ = self.extensions.insert(id, kind);
            }
            if !section.mid.is_empty() {
                self.mids.push((section.mid.clone(), section.transceiver));
            }
            self.claim_payload_types(section);
        }
        let used = sections.clone().map(|section| section.transceiver).collect::<Vec<_>>();
        self.sources.retain(|source| used.contains(&source.transceiver));
        for source in &mut self.sources {
            source.announced = false;
        }
        for section in sections {
            self.announce(section, now);
        }
    }

    fn claim_payload_types(&mut self, section: &Section) {
        let formats = section.receive.iter().flat_map(|side| &side.formats);
        for number in formats.flat_map(|f| [Some(f.payload_type), f.rtx]).flatten() {
            if let Some(owner) = self.payload_types.get_mut(usize::from(number)) {
                //= rfc9143#9.2
                // A payload type of several sections says nothing about any of them.
                *owner = match *owner {
                    Owner::Nobody => Owner::One(section.transceiver),
                    Owner::One(other) if other == section.transceiver => Owner::One(other),
                    Owner::One(_) | Owner::Several => Owner::Several,
                };
            }
        }
    }

    /// Enters the sources that a section announces.
    fn announce(&mut self, section: &Section, now: Duration) {
        for source in section.receive.iter().flat_map(|side| &side.sources) {
            self.enter(source.ssrc, section.transceiver, None, now);
            if let Some(rtx) = source.rtx {
                self.enter(rtx, section.transceiver, Some(source.ssrc), now);
            }
        }
    }

    fn enter(&mut self, ssrc: Ssrc, section: TransceiverId, repairs: Option<Ssrc>, now: Duration) {
        let Ok(source) = self.bind(ssrc, section, now) else {
            return;
        };
        source.announced = true;
        if repairs.is_some() && matches!(source.state, State::Silent | State::Repair(_)) {
            source.state = State::Repair(Repair { media: repairs });
        }
    }

    pub(super) fn section_of_mid(&self, mid: &str) -> Option<TransceiverId> {
        self.mids.iter().find(|(known, _)| known == mid).map(|(_, section)| *section)
    }

    /// Finds the section of a packet, and the source in the table, which it may add to or change.
    pub(super) fn route(
        &mut self,
        packet: &Routed<'_>,
        now: Duration,
    ) -> Result<&mut Source, Drop> {
        let named = match packet.mid {
            //= rfc9143#9.2
            // A MID that names no section: the packet is not for anybody.
            Some(mid) => Some(self.section_of_mid(mid).ok_or(Drop::UnknownMid)?),
            None => None,
        };
        let unknown =
            Drop::UnknownSource { ssrc: packet.ssrc.0, payload_type: packet.payload_type };
        let section = match (named, self.source(packet.ssrc)) {
            (Some(named), _) => named,
            (None, Some(source)) => source.transceiver,
            //= rfc9143#9.2
            // Neither MID nor SSRC: a payload type of one section alone decides, for good.
            (None, None) => match self.payload_types.get(usize::from(packet.payload_type)) {
                Some(Owner::One(section)) => *section,
                Some(Owner::Nobody | Owner::Several) | None => return Err(unknown),
            },
        };
        let known = self.source(packet.ssrc).is_some();
        let source = if known {
            self.source_mut(packet.ssrc).ok_or(unknown)?
        } else {
            self.bind(packet.ssrc, section, now)?
        };
        if named.is_some() {
            //= rfc9143#9.2
            // The MID moves a source only if it is newer than the one before: packets that come
            // late do not move it back.
            let place = source.sequence.peek(packet.sequence_number);
            if source.mid_place.is_none_or(|before| place > before) {
                source.mid_place = Some(place);
                source.transceiver = section;
            }
        }
        Ok(source)
    }

    /// Binds a source to a section, adding it to the table if it is not there.
    pub(super) fn bind(
        &mut self,
        ssrc: Ssrc,
        section: TransceiverId,
        now: Duration,
    ) -> Result<&mut Source, Drop> {
        let limit = Drop::TooManySources { limit: self.max_sources };
        let index = match self.index(ssrc) {
            Ok(index) => index,
            Err(_) => {
                if self.sources.len() >= self.max_sources && !self.make_room(now) {
                    return Err(limit);
                }
                let (Ok(index) | Err(index)) = self.index(ssrc);
                self.sources.insert(index, Source::new(ssrc, section, now));
                index
            }
        };
        let source = self.sources.get_mut(index).ok_or(limit)?;
        source.transceiver = section;
        Ok(source)
    }

    /// Forgets the source that was silent the longest, if that was long.
    fn make_room(&mut self, now: Duration) -> bool {
        let stale =
            |source: &&Source| !source.announced && source.last_seen.saturating_add(IDLE) <= now;
        let oldest = self.sources.iter().filter(stale).min_by_key(|source| source.last_seen);
        match oldest.map(|source| self.index(source.ssrc)) {
            Some(Ok(index)) => {
                self.sources.remove(index);
                true
            }
            Some(Err(_)) | None => false,
        }
    }

    fn index(&self, ssrc: Ssrc) -> Result<usize, usize> {
        self.sources.binary_search_by_key(&ssrc, |source| source.ssrc)
    }

    pub(super) fn source(&self, ssrc: Ssrc) -> Option<&Source> {
        self.sources.get(self.index(ssrc).ok()?)
    }

    pub(super) fn source_mut(&mut self, ssrc: Ssrc) -> Option<&mut Source> {
        let index = self.index(ssrc).ok()?;
        self.sources.get_mut(index)
    }

    pub(super) fn sources(&self) -> impl Iterator<Item = &Source> {
        self.sources.iter()
    }

    pub(super) fn sources_mut(&mut self) -> impl Iterator<Item = &mut Source> {
        self.sources.iter_mut()
    }
}
