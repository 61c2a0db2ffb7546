//! Attributes of ICE (RFC 8839, 8840) and of the transport below the media.

use std::borrow::Cow;
use std::fmt;

use nom::character::complete::{u8, u16, u32};
use nom::combinator::{opt, verify};
use nom::sequence::preceded;

use crate::fields::Address;
use crate::grammar::{is_ice_char, only, optional_tail, space, tail, take_tag, token, whole, word};

/// `a=ice-ufrag`: 4 to 256 characters of ICE's alphabet (RFC 8839 section 5.4).
pub(super) fn ufrag(value: &str) -> Option<Cow<'_, str>> {
    only(value, is_ice_char).filter(|text| (4..=256).contains(&text.len()))
}

/// `a=ice-pwd`: 22 to 256 characters of ICE's alphabet (RFC 8839 section 5.4).
pub(super) fn password(value: &str) -> Option<Cow<'_, str>> {
    only(value, is_ice_char).filter(|text| (22..=256).contains(&text.len()))
}

/// `a=candidate`: checked against the grammar of RFC 8839 section 5.1, kept as written.
pub(super) fn candidate(value: &str) -> Option<Cow<'_, str>> {
    let foundation = verify(word, |text: &str| text.len() <= 32 && text.chars().all(is_foundation));
    let component = preceded(space, verify(u16, |number| (1..=256).contains(number)));
    let transport = preceded(space, token);
    let priority = preceded(space, u32);
    let address = (preceded(space, word), preceded(space, u16));
    let kind = preceded(take_tag(" typ "), token);
    whole((foundation, component, transport, priority, address, kind, optional_tail), value)?;
    Some(value.into())
}

/// ICE's alphabet; the minus sign occurs in the field.
fn is_foundation(c: char) -> bool {
    is_ice_char(c) || c == '-'
}

/// `a=remote-candidates`: component, address, port and so on (RFC 8839 section 5.2).
pub(super) fn remote_candidates(value: &str) -> Option<Cow<'_, str>> {
    let mut words = value.split(' ');
    let mut any = false;
    while let Some(component) = words.next() {
        whole(u16, component)?;
        words.next().filter(|address| !address.is_empty())?;
        whole(u16, words.next()?)?;
        any = true;
    }
    any.then_some(value.into())
}

/// `a=rtcp`: where RTCP goes when it is not multiplexed ([RFC 3605]).
///
/// [RFC 3605]: https://www.rfc-editor.org/rfc/rfc3605#section-2.1
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rtcp<'a> {
    /// The port, 9 where none is known.
    pub port: u16,
    /// The address, if it differs from that of the section.
    pub address: Option<Address<'a>>,
}

impl<'a> Rtcp<'a> {
    pub(super) fn parse(value: &'a str) -> Option<Self> {
        let (port, address) = whole((u16, optional_tail), value)?;
        let address = match address {
            Some(address) => Some(Address::parse(address)?),
            None => None,
        };
        Some(Self { port, address })
    }
}

impl fmt::Display for Rtcp<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.port)?;
        self.address.as_ref().map_or(Ok(()), |address| write!(f, " {address}"))
    }
}

/// `a=rtcp-fb`: feedback for one payload type or for all ([RFC 4585 section 4.2]).
///
/// [RFC 4585 section 4.2]: https://www.rfc-editor.org/rfc/rfc4585#section-4.2
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RtcpFeedback<'a> {
    /// The payload type; `None` is written `*` and means all of the section.
    pub payload_type: Option<u8>,
    /// Kind and parameters as written: `nack`, `nack pli`, `ccm fir`, `transport-cc`.
    pub feedback: Cow<'a, str>,
}

impl<'a> RtcpFeedback<'a> {
    pub(super) fn parse(value: &'a str) -> Option<Self> {
        let (payload_type, feedback) = match value.strip_prefix('*') {
            Some(rest) => (None, whole(tail, rest)?),
            None => {
                let (number, feedback) = whole((verify(u8, |n| *n < 128), tail), value)?;
                (Some(number), feedback)
            }
        };
        Some(Self { payload_type, feedback: feedback.into() })
    }

    /// Whether it speaks about `payload_type`.
    #[must_use]
    pub fn applies_to(&self, payload_type: u8) -> bool {
        self.payload_type.is_none_or(|own| own == payload_type)
    }
}

impl fmt::Display for RtcpFeedback<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.payload_type {
            Some(number) => write!(f, "{number} {}", self.feedback),
            None => write!(f, "* {}", self.feedback),
        }
    }
}

/// `a=sctpmap`: how old peers name the data channel's transport (before [RFC 8841]).
///
/// [RFC 8841]: https://www.rfc-editor.org/rfc/rfc8841
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SctpMap<'a> {
    /// The SCTP port.
    pub port: u16,
    /// `webrtc-datachannel`.
    pub application: Cow<'a, str>,
    /// How many streams, if said.
    pub streams: Option<u32>,
}

impl<'a> SctpMap<'a> {
    pub(super) fn parse(value: &'a str) -> Option<Self> {
        let parts = (u16, preceded(space, token), opt(preceded(space, u32)));
        let (port, application, streams) = whole(parts, value)?;
        Some(Self { port, application: application.into(), streams })
    }
}

impl fmt::Display for SctpMap<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.port, self.application)?;
        self.streams.map_or(Ok(()), |streams| write!(f, " {streams}"))
    }
}
