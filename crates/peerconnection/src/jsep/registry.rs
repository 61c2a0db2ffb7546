//! Numbers that must not change their meaning while the connection lives: payload types and ids
//! of header extensions.

use std::collections::BTreeMap;

use super::codec::Codec;
use super::description::Description;
use super::format::Format;
use super::section::What;
use crate::{Kind, SdpType};

/// What a payload type stands for.
#[derive(Clone, Debug)]
enum Meaning {
    Codec(Kind, Codec),
    /// Repeats this payload type.
    Rtx(u8),
}

/// A payload type in use.
#[derive(Clone, Debug)]
struct Entry {
    meaning: Meaning,
    /// It stands in a description of ours; otherwise only in one of the peer.
    ours: bool,
}

/// The numbers in use, ours and the peer's.
#[derive(Clone, Debug, Default)]
pub(super) struct Registry {
    payload_types: BTreeMap<u8, Entry>,
    /// Ids of header extensions that one side or the other announced.
    extensions: BTreeMap<u16, String>,
    /// Those that both sides agreed on: fixed for the life of the connection.
    agreed: BTreeMap<u16, String>,
}

impl Registry {
    /// Remembers what a description of ours uses.
    pub(super) fn learn_local(&mut self, description: &Description) {
        self.learn(description, true, true);
    }

    /// Remembers what a description of the peer uses. Its payload types may differ from ours;
    /// where they clash ours stay what they are. An offer may take ids of header extensions that
    /// we announced and never agreed on.
    pub(super) fn learn_remote(&mut self, description: &Description) {
        self.learn(description, false, description.kind == SdpType::Offer);
    }

    /// Remembers an id that both sides agreed on.
    pub(super) fn agree(&mut self, id: u16, uri: &str) {
        self.agreed.insert(id, uri.to_owned());
    }

    fn learn(&mut self, description: &Description, ours: bool, takes_ids: bool) {
        for &index in &description.members {
            let Some(section) = description.sections.get(index) else { continue };
            if let What::Rtp(kind) = section.what {
                for format in &section.formats {
                    let own = Meaning::Codec(kind, codec(format));
                    self.enter(format.payload_type, own, ours);
                    if let Some(rtx) = format.rtx {
                        self.enter(rtx, Meaning::Rtx(format.payload_type), ours);
                    }
                }
            }
            for line in &section.extensions {
                let known = self.extensions.entry(line.id).or_default();
                if takes_ids || known.is_empty() {
                    known.clone_from(&line.uri);
                }
            }
        }
    }

    fn enter(&mut self, number: u8, meaning: Meaning, ours: bool) {
        if ours || !self.payload_types.get(&number).is_some_and(|known| known.ours) {
            self.payload_types.insert(number, Entry { meaning, ours });
        }
    }

    /// The number with a meaning, preferably one of ours.
    fn find(&self, is_it: impl Fn(&Meaning) -> bool) -> Option<u8> {
        let found = || self.payload_types.iter().filter(|(_, entry)| is_it(&entry.meaning));
        let ours = found().find(|(_, entry)| entry.ours);
        ours.or_else(|| found().next()).map(|(number, _)| *number)
    }

    /// The first section that gives an agreed id of a header extension another meaning.
    pub(super) fn redefines(&self, description: &Description) -> Option<usize> {
        description.members.iter().copied().find(|&index| {
            description.sections.get(index).is_some_and(|section| {
                section
                    .extensions
                    .iter()
                    .any(|line| self.agreed.get(&line.id).is_some_and(|known| *known != line.uri))
            })
        })
    }

    /// The codec as a format for an offer: under the number it had in `before`, the section's
    /// former formats, or anywhere else, or under a free one.
    ///
    /// `None` when all numbers are taken.
    pub(super) fn format(
        &mut self,
        kind: Kind,
        codec: &Codec,
        rtx: bool,
        before: &[Format],
    ) -> Option<Format> {
        let own = codec.identity();
        if let Some(old) = before.iter().find(|old| old.identity().matches(own)) {
            let mut format = Format::new(codec, old.payload_type);
            if rtx && own.is_media() {
                format.rtx = old.rtx.or_else(|| self.rtx(old.payload_type));
            }
            return Some(format);
        }
        let known = self.find(|meaning| match meaning {
            Meaning::Codec(other, known) => *other == kind && known.identity().matches(own),
            Meaning::Rtx(_) => false,
        });
        let number = match known {
            Some(number) => number,
            None => self.free(codec.payload_type)?,
        };
        self.enter(number, Meaning::Codec(kind, codec.clone()), true);
        let mut format = Format::new(codec, number);
        if rtx && own.is_media() {
            format.rtx = self.rtx(number);
        }
        Some(format)
    }

    fn rtx(&mut self, primary: u8) -> Option<u8> {
        let known =
            self.find(|meaning| matches!(meaning, Meaning::Rtx(other) if *other == primary));
        let number = known.or_else(|| self.free(primary.saturating_add(1)))?;
        self.enter(number, Meaning::Rtx(primary), true);
        Some(number)
    }

    /// The wanted number, or else one of the dynamic range, or else one that RTCP leaves alone.
    fn free(&self, wanted: u8) -> Option<u8> {
        //= rfc5761#4
        // Numbers from 64 to 95 look like RTCP when both share a port.
        std::iter::once(wanted)
            .filter(|number| *number < 64 || (96..128).contains(number))
            .chain(96..128)
            .chain(35..64)
            .find(|number| !self.payload_types.contains_key(number))
    }

    /// The id of a header extension: the one it had, or the lowest free one.
    pub(super) fn extension(&mut self, uri: &str) -> Option<u16> {
        let mut known = self.agreed.iter().chain(&self.extensions);
        if let Some((id, _)) = known.find(|(_, known)| *known == uri) {
            return Some(*id);
        }
        //= rfc8285#4.2
        // 15 is reserved in the one-byte form, which is all that we need.
        let id = (1..15).find(|id| !self.extensions.contains_key(id))?;
        self.extensions.insert(id, uri.to_owned());
        Some(id)
    }
}

/// The format as a codec of that number.
fn codec(format: &Format) -> Codec {
    Codec {
        payload_type: format.payload_type,
        name: format.name.clone(),
        clock_rate: format.clock_rate,
        channels: format.channels,
        fmtp: format.fmtp.clone(),
        feedback: Vec::new(),
    }
}
