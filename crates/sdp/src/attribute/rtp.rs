//! Attributes of RTP: payload formats, header extensions, sources.

use std::borrow::Cow;
use std::fmt;

use nom::character::complete::{char, u16, u32};
use nom::combinator::opt;
use nom::sequence::preceded;

use crate::grammar::{optional_tail, payload_type, space, tail, token, whole, word};
use crate::words::Words;

/// Who sends media in a section ([RFC 8866 section 6.7]).
///
/// [RFC 8866 section 6.7]: https://www.rfc-editor.org/rfc/rfc8866#section-6.7
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Direction {
    /// Both; also what holds when nothing is said.
    #[default]
    SendRecv,
    /// Only the writer of the description.
    SendOnly,
    /// Only its reader.
    RecvOnly,
    /// Nobody.
    Inactive,
}

impl Direction {
    /// The direction with these two halves.
    #[must_use]
    pub fn new(sends: bool, receives: bool) -> Self {
        match (sends, receives) {
            (true, true) => Self::SendRecv,
            (true, false) => Self::SendOnly,
            (false, true) => Self::RecvOnly,
            (false, false) => Self::Inactive,
        }
    }

    /// Whether the writer sends.
    #[must_use]
    pub fn sends(self) -> bool {
        matches!(self, Self::SendRecv | Self::SendOnly)
    }

    /// Whether the writer receives.
    #[must_use]
    pub fn receives(self) -> bool {
        matches!(self, Self::SendRecv | Self::RecvOnly)
    }

    /// The same seen from the other side.
    #[must_use]
    pub fn reversed(self) -> Self {
        Self::new(self.receives(), self.sends())
    }

    /// What both allow.
    #[must_use]
    pub fn intersection(self, other: Self) -> Self {
        Self::new(self.sends() && other.sends(), self.receives() && other.receives())
    }

    pub(super) fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "sendrecv" => Self::SendRecv,
            "sendonly" => Self::SendOnly,
            "recvonly" => Self::RecvOnly,
            "inactive" => Self::Inactive,
            _ => return None,
        })
    }
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::SendRecv => "sendrecv",
            Self::SendOnly => "sendonly",
            Self::RecvOnly => "recvonly",
            Self::Inactive => "inactive",
        })
    }
}

/// `a=rtpmap`: the codec behind a payload type ([RFC 8866 section 6.6]).
///
/// [RFC 8866 section 6.6]: https://www.rfc-editor.org/rfc/rfc8866#section-6.6
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RtpMap<'a> {
    /// 0 to 127.
    pub payload_type: u8,
    /// Name of the encoding; compare it without regard to case.
    pub encoding: Cow<'a, str>,
    /// Clock rate in Hz.
    pub clock_rate: u32,
    /// Number of audio channels, if said.
    pub channels: Option<u32>,
}

impl<'a> RtpMap<'a> {
    pub(super) fn parse(value: &'a str) -> Option<Self> {
        let parts = (
            payload_type,
            preceded(space, token),
            preceded(char('/'), u32),
            opt(preceded(char('/'), u32)),
        );
        let (payload_type, encoding, clock_rate, channels) = whole(parts, value)?;
        Some(Self { payload_type, encoding: encoding.into(), clock_rate, channels })
    }
}

impl fmt::Display for RtpMap<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}/{}", self.payload_type, self.encoding, self.clock_rate)?;
        self.channels.map_or(Ok(()), |channels| write!(f, "/{channels}"))
    }
}

/// `a=fmtp`: parameters of a payload format ([RFC 8866 section 6.15]).
///
/// [RFC 8866 section 6.15]: https://www.rfc-editor.org/rfc/rfc8866#section-6.15
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fmtp<'a> {
    /// The format of the media line, in RTP a payload type.
    pub format: Cow<'a, str>,
    /// The parameters as written; read them with [`fmtp_parameters`].
    pub parameters: Cow<'a, str>,
}

impl<'a> Fmtp<'a> {
    pub(super) fn parse(value: &'a str) -> Option<Self> {
        // Peers in the field write a line without parameters, with or without the space.
        let (format, parameters) = value.split_once(' ').unwrap_or((value, ""));
        whole(token, format)?;
        Some(Self { format: format.into(), parameters: parameters.into() })
    }

    /// The format as a payload type.
    #[must_use]
    pub fn payload_type(&self) -> Option<u8> {
        self.format.parse().ok().filter(|number| *number < 128)
    }
}

impl fmt::Display for Fmtp<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.format, self.parameters)
    }
}

/// Names and values of an `a=fmtp` line; a parameter without an equals sign has the value `""`.
///
/// ```
/// let all: Vec<_> = antiphon_sdp::fmtp_parameters("apt=96; rtx-time=3000").collect();
/// assert_eq!(all, [("apt", "96"), ("rtx-time", "3000")]);
/// ```
pub fn fmtp_parameters(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.split(';').map(str::trim).filter(|part| !part.is_empty()).map(|part| {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        (name.trim(), value.trim())
    })
}

/// `a=extmap`: the number of an RTP header extension ([RFC 8285 section 5]).
///
/// [RFC 8285 section 5]: https://www.rfc-editor.org/rfc/rfc8285#section-5
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExtMap<'a> {
    /// 1 to 14 in the one-byte form, 16 to 255 in the two-byte form, 4096 to 4351 for offers that
    /// list more than they can number.
    pub id: u16,
    /// In which direction it is used, if not in both.
    pub direction: Option<Direction>,
    /// What it is.
    pub uri: Cow<'a, str>,
    /// Attributes of the extension, as written.
    pub attributes: Option<Cow<'a, str>>,
}

impl<'a> ExtMap<'a> {
    pub(super) fn parse(value: &'a str) -> Option<Self> {
        let direction = opt(preceded(char('/'), token));
        let (id, direction, uri, attributes) =
            whole((u16, direction, preceded(space, word), optional_tail), value)?;
        let direction = match direction {
            Some(name) => Some(Direction::parse(name)?),
            None => None,
        };
        Some(Self { id, direction, uri: uri.into(), attributes: attributes.map(Cow::Borrowed) })
    }
}

impl fmt::Display for ExtMap<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.id)?;
        if let Some(direction) = self.direction {
            write!(f, "/{direction}")?;
        }
        write!(f, " {}", self.uri)?;
        self.attributes.as_ref().map_or(Ok(()), |attributes| write!(f, " {attributes}"))
    }
}

/// `a=ssrc`: one attribute of a source ([RFC 5576 section 4.1]).
///
/// [RFC 5576 section 4.1]: https://www.rfc-editor.org/rfc/rfc5576#section-4.1
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ssrc<'a> {
    /// The source.
    pub ssrc: u32,
    /// Name of the attribute: `cname`, `msid`.
    pub name: Cow<'a, str>,
    /// Its value, as written.
    pub value: Option<Cow<'a, str>>,
}

impl<'a> Ssrc<'a> {
    pub(super) fn parse(value: &'a str) -> Option<Self> {
        let (ssrc, attribute) = whole((u32, tail), value)?;
        let (name, value) = match attribute.split_once(':') {
            Some((name, value)) => (name, Some(Cow::Borrowed(value))),
            None => (attribute, None),
        };
        whole(token, name)?;
        Some(Self { ssrc, name: name.into(), value })
    }
}

impl fmt::Display for Ssrc<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.ssrc, self.name)?;
        self.value.as_ref().map_or(Ok(()), |value| write!(f, ":{value}"))
    }
}

/// `a=ssrc-group`: sources that belong together ([RFC 5576 section 4.2]).
///
/// [RFC 5576 section 4.2]: https://www.rfc-editor.org/rfc/rfc5576#section-4.2
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SsrcGroup<'a> {
    /// How they belong together: `FID`, `SIM`, `FEC-FR`.
    pub semantics: Cow<'a, str>,
    /// The sources as written; read them with [`ssrcs`](Self::ssrcs).
    pub sources: Words<'a>,
}

impl<'a> SsrcGroup<'a> {
    pub(super) fn parse(value: &'a str) -> Option<Self> {
        let (semantics, sources) = whole((token, optional_tail), value)?;
        let sources = Words::parse(sources.unwrap_or_default())?;
        sources
            .iter()
            .all(|word| word.parse::<u32>().is_ok())
            .then(|| Self { semantics: semantics.into(), sources: sources.clone() })
    }

    /// The sources in order.
    pub fn ssrcs(&self) -> impl Iterator<Item = u32> {
        self.sources.iter().filter_map(|word| word.parse().ok())
    }
}

impl fmt::Display for SsrcGroup<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_words(f, &self.semantics, &self.sources)
    }
}

pub(super) fn write_words(
    f: &mut fmt::Formatter<'_>,
    first: &str,
    words: &Words<'_>,
) -> fmt::Result {
    if words.is_empty() { f.write_str(first) } else { write!(f, "{first} {words}") }
}
