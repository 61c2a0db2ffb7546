//! Attributes that relate streams: groups, msid, rid and simulcast.

use std::borrow::Cow;
use std::fmt;

use nom::Parser;
use nom::branch::alt;
use nom::combinator::{value as always, verify};
use nom::sequence::preceded;

use super::rtp::write_words;
use crate::grammar::{optional_tail, space, tail, take_tag, token, whole, word};
use crate::words::Words;

/// `a=group`: sections that belong together ([RFC 5888 section 5]).
///
/// [RFC 5888 section 5]: https://www.rfc-editor.org/rfc/rfc5888#section-5
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group<'a> {
    /// `BUNDLE`, `LS`, `FID`, `FEC-FR`.
    pub semantics: Cow<'a, str>,
    /// The mids; in a BUNDLE group the first one is the tag.
    pub mids: Words<'a>,
}

impl<'a> Group<'a> {
    pub(super) fn parse(value: &'a str) -> Option<Self> {
        let (semantics, mids) = whole((token, optional_tail), value)?;
        let mids = Words::parse(mids.unwrap_or_default())?;
        Some(Self { semantics: semantics.into(), mids })
    }
}

impl fmt::Display for Group<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_words(f, &self.semantics, &self.mids)
    }
}

/// `a=msid`: the stream that a section's media belongs to ([RFC 8830 section 2]).
///
/// [RFC 8830 section 2]: https://www.rfc-editor.org/rfc/rfc8830#section-2
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Msid<'a> {
    /// Id of the stream; `-` for a track of no stream.
    pub stream: Cow<'a, str>,
    /// What older peers take for the id of the track.
    pub track: Option<Cow<'a, str>>,
}

impl<'a> Msid<'a> {
    pub(super) fn parse(value: &'a str) -> Option<Self> {
        let (stream, track) = whole((word, optional_tail), value)?;
        let track = match track {
            Some(track) => Some(Cow::Borrowed(whole(word, track)?)),
            None => None,
        };
        Some(Self { stream: stream.into(), track })
    }
}

impl fmt::Display for Msid<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.stream)?;
        self.track.as_ref().map_or(Ok(()), |track| write!(f, " {track}"))
    }
}

/// Whether an encoding is sent or received by the writer of the description.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RidDirection {
    /// The writer sends it.
    Send,
    /// The writer receives it.
    Recv,
}

impl fmt::Display for RidDirection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Send => "send",
            Self::Recv => "recv",
        })
    }
}

fn rid_direction(input: &str) -> crate::grammar::Parsed<'_, RidDirection> {
    alt((
        always(RidDirection::Send, take_tag("send")),
        always(RidDirection::Recv, take_tag("recv")),
    ))
    .parse(input)
}

/// `a=rid`: one encoding of a section ([RFC 8851 section 10]).
///
/// [RFC 8851 section 10]: https://www.rfc-editor.org/rfc/rfc8851#section-10
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rid<'a> {
    /// Letters, digits, `-` and `_`, at most 255 of them.
    pub id: Cow<'a, str>,
    /// Sent or received by the writer.
    pub direction: RidDirection,
    /// `pt=96;max-width=1280` and so on, as written; read them with
    /// [`fmtp_parameters`](crate::fmtp_parameters).
    pub restrictions: Option<Cow<'a, str>>,
}

impl<'a> Rid<'a> {
    pub(super) fn parse(value: &'a str) -> Option<Self> {
        let id = verify(word, |id: &str| id.len() <= 255 && id.chars().all(is_rid_char));
        let (id, direction, restrictions) =
            whole((id, preceded(space, rid_direction), optional_tail), value)?;
        Some(Self { id: id.into(), direction, restrictions: restrictions.map(Cow::Borrowed) })
    }
}

fn is_rid_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '-' || c == '_'
}

impl fmt::Display for Rid<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.id, self.direction)?;
        self.restrictions.as_ref().map_or(Ok(()), |text| write!(f, " {text}"))
    }
}

/// `a=simulcast`: the encodings sent and received at the same time ([RFC 8853 section 5.1]).
///
/// [RFC 8853 section 5.1]: https://www.rfc-editor.org/rfc/rfc8853#section-5.1
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Simulcast<'a> {
    /// The direction that is named first, and its streams.
    pub first: (RidDirection, SimulcastStreams<'a>),
    /// The streams of the other direction, if there are any.
    pub second: Option<SimulcastStreams<'a>>,
}

impl<'a> Simulcast<'a> {
    pub(super) fn parse(value: &'a str) -> Option<Self> {
        let (direction, list) = whole((rid_direction, tail), value)?;
        let (list, second) = match list.split_once(' ') {
            None => (list, None),
            Some((list, rest)) => {
                let (other, streams) = whole((rid_direction, tail), rest)?;
                (other != direction).then_some(())?;
                (list, Some(SimulcastStreams::parse(streams)?))
            }
        };
        Some(Self { first: (direction, SimulcastStreams::parse(list)?), second })
    }

    /// The streams of one direction.
    #[must_use]
    pub fn streams(&self, direction: RidDirection) -> Option<&SimulcastStreams<'a>> {
        if self.first.0 == direction { Some(&self.first.1) } else { self.second.as_ref() }
    }
}

impl fmt::Display for Simulcast<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (direction, streams) = &self.first;
        write!(f, "{direction} {}", streams.0)?;
        let other = match direction {
            RidDirection::Send => RidDirection::Recv,
            RidDirection::Recv => RidDirection::Send,
        };
        self.second.as_ref().map_or(Ok(()), |streams| write!(f, " {other} {}", streams.0))
    }
}

/// Simulcast streams, each a choice of alternative encodings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SimulcastStreams<'a>(Cow<'a, str>);

impl<'a> SimulcastStreams<'a> {
    /// Takes a list as it stands in the line, such as `1,~2;3`.
    #[must_use]
    pub fn parse(text: &'a str) -> Option<Self> {
        let is_id = |id: &str| {
            let id = id.strip_prefix('~').unwrap_or(id);
            !id.is_empty() && id.len() <= 255 && id.chars().all(is_rid_char)
        };
        text.split([';', ',']).all(is_id).then_some(Self(text.into()))
    }

    /// Each stream: its alternatives, most wanted first, as rid and "is paused".
    pub fn iter(&self) -> impl Iterator<Item = impl Iterator<Item = (&str, bool)>> {
        self.0.split(';').map(|stream| {
            stream.split(',').map(|id| match id.strip_prefix('~') {
                Some(id) => (id, true),
                None => (id, false),
            })
        })
    }
}
