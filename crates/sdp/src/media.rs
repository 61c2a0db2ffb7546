use std::borrow::Cow;
use std::fmt;

use nom::character::complete::{char, u16};
use nom::combinator::opt;
use nom::sequence::preceded;

use crate::attribute::{
    Attribute, Direction, ExtMap, Fingerprint, Fmtp, Msid, RtpMap, Setup, as_variant,
};
use crate::error::{ErrorKind, ParseError};
use crate::fields::{Address, Bandwidth};
use crate::grammar::{space, tail, token, whole, word};
use crate::lines::{Line, Lines, MAX_ATTRIBUTES};
use crate::words::Words;

/// What a section carries.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum MediaKind<'a> {
    /// `audio`.
    Audio,
    /// `video`.
    Video,
    /// `application`: data channels.
    Application,
    /// Anything else: `text`, `message`, `image`.
    Other(Cow<'a, str>),
}

impl<'a> MediaKind<'a> {
    fn new(word: &'a str) -> Self {
        match word {
            "audio" => Self::Audio,
            "video" => Self::Video,
            "application" => Self::Application,
            other => Self::Other(other.into()),
        }
    }

    /// The word in the media line.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Audio => "audio",
            Self::Video => "video",
            Self::Application => "application",
            Self::Other(word) => word,
        }
    }
}

impl fmt::Display for MediaKind<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Families of the protocol names that WebRTC has to understand (RFC 9429 section 5.1.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ProtocolFamily {
    /// RTP, secured by DTLS or not said how: `UDP/TLS/RTP/SAVPF` and its kin.
    Rtp,
    /// Data channels: `UDP/DTLS/SCTP`, `TCP/DTLS/SCTP`.
    Sctp,
    /// Data channels as they were written before RFC 8841: `DTLS/SCTP`.
    OldSctp,
    /// Something else.
    Unknown,
}

/// A media section: the media line and what follows it ([RFC 8866 section 5.14]).
///
/// [RFC 8866 section 5.14]: https://www.rfc-editor.org/rfc/rfc8866#section-5.14
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Media<'a> {
    /// What it carries.
    pub kind: MediaKind<'a>,
    /// The port: 0 rejects the section (or leaves it to the bundle), 9 says "not known yet".
    pub port: u16,
    /// Number of ports, if said.
    pub port_count: Option<u16>,
    /// The transport protocol, as written.
    pub protocol: Cow<'a, str>,
    /// Payload types in order of preference, or `webrtc-datachannel`.
    pub formats: Words<'a>,
    /// `i=`: a title.
    pub information: Option<Cow<'a, str>>,
    /// `c=` lines.
    pub connections: Vec<Address<'a>>,
    /// `b=` lines.
    pub bandwidths: Vec<Bandwidth<'a>>,
    /// `k=`, obsolete, as written.
    pub key: Option<Cow<'a, str>>,
    /// `a=` lines in order.
    pub attributes: Vec<Attribute<'a>>,
}

impl<'a> Media<'a> {
    /// A section with no lines but its media line.
    #[must_use]
    pub fn new(
        kind: MediaKind<'a>,
        port: u16,
        protocol: impl Into<Cow<'a, str>>,
        formats: Words<'a>,
    ) -> Self {
        Self {
            kind,
            port,
            port_count: None,
            protocol: protocol.into(),
            formats,
            information: None,
            connections: Vec::new(),
            bandwidths: Vec::new(),
            key: None,
            attributes: Vec::new(),
        }
    }

    fn parse_line(value: &'a str) -> Option<Self> {
        let count = opt(preceded(char('/'), u16));
        let parts = (token, preceded(space, u16), count, preceded(space, word), tail);
        let (kind, port, port_count, protocol, formats) = whole(parts, value)?;
        let protocol_ok = protocol.split('/').all(|part| whole(token, part).is_some());
        let formats = Words::parse(formats).filter(|_| protocol_ok)?;
        let media = Self::new(MediaKind::new(kind), port, protocol, formats);
        Some(Self { port_count, ..media })
    }

    pub(crate) fn parse(line: Line<'a>, lines: &mut Lines<'a>) -> Result<Self, ParseError> {
        let mut media = Self::parse_line(line.value).ok_or_else(|| line.malformed())?;
        media.information = lines.next_if('i')?.map(|line| line.value.into());
        while let Some(line) = lines.next_if('c')? {
            media.connections.push(Address::parse(line.value).ok_or_else(|| line.malformed())?);
        }
        while let Some(line) = lines.next_if('b')? {
            media.bandwidths.push(Bandwidth::parse(line.value).ok_or_else(|| line.malformed())?);
        }
        media.key = lines.next_if('k')?.map(|line| line.value.into());
        media.attributes = parse_attributes(lines)?;
        Ok(media)
    }

    /// Which kind of transport the protocol's name means.
    #[must_use]
    pub fn protocol_family(&self) -> ProtocolFamily {
        match &*self.protocol {
            "UDP/TLS/RTP/SAVPF" | "TCP/DTLS/RTP/SAVPF" | "UDP/TLS/RTP/SAVP"
            | "TCP/DTLS/RTP/SAVP" | "RTP/SAVPF" | "RTP/SAVP" | "RTP/AVPF" | "RTP/AVP" => {
                ProtocolFamily::Rtp
            }
            "UDP/DTLS/SCTP" | "TCP/DTLS/SCTP" => ProtocolFamily::Sctp,
            "DTLS/SCTP" => ProtocolFamily::OldSctp,
            _ => ProtocolFamily::Unknown,
        }
    }

    /// Whether the section is refused, or switched off: port 0 without `bundle-only`.
    #[must_use]
    pub fn is_rejected(&self) -> bool {
        self.port == 0 && !self.has(&Attribute::BundleOnly)
    }

    /// Whether an attribute equal to this one is there.
    #[must_use]
    pub fn has(&self, attribute: &Attribute<'_>) -> bool {
        self.attributes.iter().any(|other| other == attribute)
    }

    /// The first value that `pick` finds among the attributes.
    pub fn find<'s, T>(&'s self, pick: impl FnMut(&'s Attribute<'a>) -> Option<T>) -> Option<T> {
        self.attributes.iter().find_map(pick)
    }

    /// `a=mid`.
    #[must_use]
    pub fn mid(&self) -> Option<&str> {
        self.find(|attribute| as_variant!(attribute, Mid).map(|mid| &**mid))
    }

    /// The direction, if the section says one.
    #[must_use]
    pub fn direction(&self) -> Option<Direction> {
        self.find(|attribute| as_variant!(attribute, Direction).copied())
    }

    /// `a=setup`.
    #[must_use]
    pub fn setup(&self) -> Option<Setup> {
        self.find(|attribute| as_variant!(attribute, Setup).copied())
    }

    /// `a=rtpmap` lines.
    pub fn rtp_maps(&self) -> impl Iterator<Item = &RtpMap<'a>> {
        self.attributes.iter().filter_map(|attribute| as_variant!(attribute, RtpMap))
    }

    /// `a=fmtp` lines.
    pub fn fmtps(&self) -> impl Iterator<Item = &Fmtp<'a>> {
        self.attributes.iter().filter_map(|attribute| as_variant!(attribute, Fmtp))
    }

    /// `a=extmap` lines.
    pub fn ext_maps(&self) -> impl Iterator<Item = &ExtMap<'a>> {
        self.attributes.iter().filter_map(|attribute| as_variant!(attribute, ExtMap))
    }

    /// `a=msid` lines.
    pub fn msids(&self) -> impl Iterator<Item = &Msid<'a>> {
        self.attributes.iter().filter_map(|attribute| as_variant!(attribute, Msid))
    }

    /// `a=fingerprint` lines of the section itself.
    pub fn fingerprints(&self) -> impl Iterator<Item = &Fingerprint<'a>> {
        self.attributes.iter().filter_map(|attribute| as_variant!(attribute, Fingerprint))
    }

    /// Values of the `a=candidate` lines.
    pub fn candidates(&self) -> impl Iterator<Item = &str> {
        self.attributes
            .iter()
            .filter_map(|attribute| as_variant!(attribute, Candidate).map(|text| &**text))
    }
}

pub(crate) fn parse_attributes<'a>(
    lines: &mut Lines<'a>,
) -> Result<Vec<Attribute<'a>>, ParseError> {
    let mut attributes = Vec::new();
    while let Some(line) = lines.next_if('a')? {
        if attributes.len() == MAX_ATTRIBUTES {
            return Err(line.error(ErrorKind::TooManyAttributes { limit: MAX_ATTRIBUTES }));
        }
        attributes.push(Attribute::parse(line.value).map_err(|kind| line.error(kind))?);
    }
    Ok(attributes)
}
