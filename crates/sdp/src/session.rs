use std::borrow::Cow;

use crate::attribute::{Attribute, Fingerprint, Group, as_variant};
use crate::error::{ErrorKind, ParseError};
use crate::fields::{Address, Bandwidth, Origin, Timing};
use crate::lines::{Lines, MAX_SECTIONS};
use crate::media::{Media, parse_attributes};

/// A session description ([RFC 8866]).
///
/// [`parse`](Self::parse) borrows from the text; a description made from scratch owns what it
/// needs. `Display` writes it, each line ended by CR LF: what was parsed comes out as it went in,
/// except that other line ends become CR LF and leading zeros of numbers vanish. Carriage
/// returns, line feeds and NULs that a program put into a value are left out, so that no value can
/// add a line.
///
/// [RFC 8866]: https://www.rfc-editor.org/rfc/rfc8866
#[doc(alias = "RTCSessionDescription")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionDescription<'a> {
    /// `o=`.
    pub origin: Origin<'a>,
    /// `s=`, `-` in WebRTC.
    pub name: Cow<'a, str>,
    /// `i=`.
    pub information: Option<Cow<'a, str>>,
    /// `u=`.
    pub uri: Option<Cow<'a, str>>,
    /// `e=` lines.
    pub emails: Vec<Cow<'a, str>>,
    /// `p=` lines.
    pub phones: Vec<Cow<'a, str>>,
    /// `c=`, for the sections that have none.
    pub connection: Option<Address<'a>>,
    /// `b=` lines.
    pub bandwidths: Vec<Bandwidth<'a>>,
    /// `t=` lines, at least one, with what belongs to them.
    pub timings: Vec<Timing<'a>>,
    /// `k=`, obsolete, as written.
    pub key: Option<Cow<'a, str>>,
    /// `a=` lines that hold for the session.
    pub attributes: Vec<Attribute<'a>>,
    /// The media sections.
    pub media: Vec<Media<'a>>,
}

impl<'a> SessionDescription<'a> {
    /// A description without sections: name `-`, permanent, no lines that are not mandatory.
    #[must_use]
    pub fn new(origin: Origin<'a>) -> Self {
        Self {
            origin,
            name: "-".into(),
            information: None,
            uri: None,
            emails: Vec::new(),
            phones: Vec::new(),
            connection: None,
            bandwidths: Vec::new(),
            timings: vec![Timing::PERMANENT],
            key: None,
            attributes: Vec::new(),
            media: Vec::new(),
        }
    }

    /// Reads a description. Time and memory are linear in its length.
    ///
    /// Lines may end with a bare line feed. `s=` may be empty, as some peers write it.
    ///
    /// # Errors
    ///
    /// [`ParseError`] names the first line that violates the grammar, the order of lines or a
    /// limit: [`MAX_TEXT`](crate::MAX_TEXT), [`MAX_LINE`](crate::MAX_LINE),
    /// [`MAX_SECTIONS`](crate::MAX_SECTIONS), [`MAX_ATTRIBUTES`](crate::MAX_ATTRIBUTES).
    pub fn parse(text: &'a str) -> Result<Self, ParseError> {
        let mut lines = Lines::new(text)?;
        let version = lines.expect('v')?;
        if version.value != "0" {
            return Err(version.error(ErrorKind::Version));
        }
        let origin = lines.expect('o')?;
        let origin = Origin::parse(origin.value).ok_or_else(|| origin.malformed())?;
        let mut session = Self::new(origin);
        session.name = lines.expect('s')?.value.into();
        session.parse_contact(&mut lines)?;
        session.timings = parse_timings(&mut lines)?;
        session.key = lines.next_if('k')?.map(|line| line.value.into());
        session.attributes = parse_attributes(&mut lines)?;
        while let Some(line) = lines.next_if('m')? {
            if session.media.len() == MAX_SECTIONS {
                return Err(line.error(ErrorKind::TooManySections { limit: MAX_SECTIONS }));
            }
            session.media.push(Media::parse(line, &mut lines)?);
        }
        match lines.peek() {
            Some(line) => Err(line.error(ErrorKind::Unexpected(line.letter))),
            None => Ok(session),
        }
    }

    /// Reads the lines from `i=` to `b=`, all of them optional.
    fn parse_contact(&mut self, lines: &mut Lines<'a>) -> Result<(), ParseError> {
        self.information = lines.next_if('i')?.map(|line| line.value.into());
        self.uri = lines.next_if('u')?.map(|line| line.value.into());
        while let Some(line) = lines.next_if('e')? {
            self.emails.push(line.value.into());
        }
        while let Some(line) = lines.next_if('p')? {
            self.phones.push(line.value.into());
        }
        if let Some(line) = lines.next_if('c')? {
            self.connection = Some(Address::parse(line.value).ok_or_else(|| line.malformed())?);
        }
        while let Some(line) = lines.next_if('b')? {
            self.bandwidths.push(Bandwidth::parse(line.value).ok_or_else(|| line.malformed())?);
        }
        Ok(())
    }

    /// The groups of sections.
    pub fn groups(&self) -> impl Iterator<Item = &Group<'a>> {
        self.attributes.iter().filter_map(|attribute| as_variant!(attribute, Group))
    }

    /// Fingerprints that hold for each section without any of its own.
    pub fn fingerprints(&self) -> impl Iterator<Item = &Fingerprint<'a>> {
        self.attributes.iter().filter_map(|attribute| as_variant!(attribute, Fingerprint))
    }

    /// The first value that `pick` finds in the section, or else among the session's attributes.
    ///
    /// Some attributes of a session hold for every section that does not say otherwise: `setup`,
    /// `ice-ufrag`, the direction, and more.
    pub fn find<'s, T>(
        &'s self,
        media: &'s Media<'a>,
        mut pick: impl FnMut(&'s Attribute<'a>) -> Option<T>,
    ) -> Option<T> {
        media.find(&mut pick).or_else(|| self.attributes.iter().find_map(pick))
    }
}

fn parse_timings<'a>(lines: &mut Lines<'a>) -> Result<Vec<Timing<'a>>, ParseError> {
    let mut timings = Vec::new();
    let mut line = lines.expect('t')?;
    loop {
        let mut timing = Timing::parse(line.value).ok_or_else(|| line.malformed())?;
        while let Some(line) = lines.next_if('r')? {
            timing.repeats.push(line.value.into());
        }
        timing.zone = lines.next_if('z')?.map(|line| line.value.into());
        timings.push(timing);
        match lines.next_if('t')? {
            Some(next) => line = next,
            None => return Ok(timings),
        }
    }
}
