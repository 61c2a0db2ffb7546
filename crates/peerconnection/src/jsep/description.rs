//! A description as a whole: its text, its sections, and who shares a transport.

use std::collections::HashMap;

use antiphon_sdp::{Attribute, SessionDescription};

use super::section::{self, Section, What};
use crate::{Error, InvalidAccess, SdpType};

/// Candidates that one description keeps.
const MAX_CANDIDATES: usize = 256;

/// An offer or an answer that was read and found consistent in itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Description {
    pub(super) kind: SdpType,
    pub(super) text: String,
    pub(super) sections: Vec<Section>,
    /// Indices of the sections in use that share our transport, the tag first; empty when nothing
    /// is in use.
    pub(super) members: Vec<usize>,
    /// They are in a BUNDLE group; without one there is at most one of them.
    pub(super) bundled: bool,
    pub(super) ice_lite: bool,
    /// Words of `a=ice-options` for the session.
    pub(super) ice_options: Vec<String>,
}

pub(super) fn malformed(section: usize) -> Error {
    Error::InvalidAccess(InvalidAccess::Malformed { section })
}

pub(super) fn mismatch(section: usize) -> Error {
    Error::InvalidAccess(InvalidAccess::Mismatch { section })
}

impl Description {
    /// Reads a text and checks what can be checked without its history.
    pub(super) fn read(kind: SdpType, text: &str) -> Result<Self, Error> {
        let session = SessionDescription::parse(text).map_err(|error| Error::SdpSyntax {
            line: usize::try_from(error.line).unwrap_or(usize::MAX),
        })?;
        let mut sections = Vec::with_capacity(session.media.len());
        let mut mids = HashMap::new();
        for (index, media) in session.media.iter().enumerate() {
            let section =
                Section::read(&session.attributes, media).map_err(|_| malformed(index))?;
            if let Some(mid) = &section.mid
                && mids.insert(mid.clone(), index).is_some()
            {
                return Err(malformed(index));
            }
            sections.push(section);
        }
        let (members, bundled) = members(&session, &sections, &mids)?;
        let options = session.attributes.iter().filter_map(|attribute| {
            if let Attribute::IceOptions(words) = attribute { Some(words) } else { None }
        });
        let description = Self {
            kind,
            text: text.to_owned(),
            sections,
            members,
            bundled,
            ice_lite: session.attributes.contains(&Attribute::IceLite),
            ice_options: options
                .flat_map(|words| section::options(words).map(str::to_owned))
                .collect(),
        };
        description.check_bundle()?;
        Ok(description)
    }

    /// The section whose transport the others share.
    pub(super) fn tag(&self) -> Option<(usize, &Section)> {
        let index = *self.members.first()?;
        Some((index, self.sections.get(index)?))
    }

    pub(super) fn is_member(&self, index: usize) -> bool {
        self.members.contains(&index)
    }

    pub(super) fn mid_index(&self, mid: &str) -> Option<usize> {
        self.sections.iter().position(|section| section.mid.as_deref() == Some(mid))
    }

    /// The name generation of the transport.
    pub(super) fn ufrag(&self) -> Option<&str> {
        self.tag()?.1.ufrag.as_deref()
    }

    pub(super) fn trickles(&self) -> bool {
        self.sections.iter().any(|section| section.trickle)
            || self.ice_options.iter().any(|word| word == "trickle")
    }

    /// A payload type and the id of a header extension mean one thing in all of the bundle.
    fn check_bundle(&self) -> Result<(), Error> {
        let mut formats: HashMap<u8, (&str, u32)> = HashMap::new();
        let mut extensions: HashMap<u16, &str> = HashMap::new();
        for &index in &self.members {
            let Some(section) = self.sections.get(index) else { continue };
            for format in &section.formats {
                let meaning = (format.name.as_str(), format.clock_rate);
                let (name, rate) = *formats.entry(format.payload_type).or_insert(meaning);
                //= rfc9143#10.1.2
                // The same payload type stands for the same codec configuration.
                if !name.eq_ignore_ascii_case(&format.name) || rate != format.clock_rate {
                    return Err(malformed(index));
                }
            }
            for line in &section.extensions {
                if *extensions.entry(line.id).or_insert(&line.uri) != line.uri {
                    return Err(malformed(index));
                }
            }
        }
        Ok(())
    }

    /// Adds a candidate, or the end of them, to one section.
    pub(super) fn append(&mut self, index: usize, attribute: Attribute<'_>) {
        let Some(section) = self.sections.get_mut(index) else { return };
        if let Attribute::Candidate(text) = &attribute {
            if section.candidates.len() >= MAX_CANDIDATES {
                return;
            }
            section.candidates.push(text.to_string());
        } else if std::mem::replace(&mut section.end_of_candidates, true) {
            return;
        }
        let Ok(mut session) = SessionDescription::parse(&self.text) else { return };
        if let Some(media) = session.media.get_mut(index) {
            media.attributes.push(attribute);
        }
        let text = session.to_string();
        self.text = text;
    }
}

/// The sections in use that share the transport of the first of them, in the order of its group.
///
/// A connection has one transport: sections outside that group are left unused.
fn members(
    session: &SessionDescription<'_>,
    sections: &[Section],
    mids: &HashMap<String, usize>,
) -> Result<(Vec<usize>, bool), Error> {
    let in_use = |index: &usize| {
        sections
            .get(*index)
            .is_some_and(|section| !section.is_rejected() && section.what != What::Unknown)
    };
    let Some(first) = (0..sections.len()).find(in_use) else { return Ok((Vec::new(), false)) };
    let mut grouped = vec![false; sections.len()];
    let (mut found, mut bundled) = (vec![first], false);
    for group in session.groups().filter(|group| group.semantics == "BUNDLE") {
        let mut members = Vec::new();
        for index in group.mids.iter().filter_map(|mid| mids.get(mid).copied()) {
            //= rfc9143#7
            // A section is in one BUNDLE group at most, and there once.
            match grouped.get_mut(index) {
                Some(grouped) if !*grouped => *grouped = true,
                Some(_) | None => return Err(malformed(index)),
            }
            members.push(index);
        }
        members.retain(in_use);
        if members.contains(&first) {
            (found, bundled) = (members, true);
        }
    }
    // The tag carries the transport; peers that list the group in another order name it elsewhere.
    let has_transport = |index: &usize| {
        sections.get(*index).is_some_and(|section| section.ufrag.is_some() && section.pwd.is_some())
    };
    if let Some(place) = found.iter().position(has_transport) {
        found.get_mut(..=place).unwrap_or_default().rotate_right(1);
    }
    Ok((found, bundled))
}
