//! Attribute types by number, and the walk over attributes (RFC 8489 section 14).

use super::{address, algorithm, error_code};

/// MAPPED-ADDRESS (RFC 8489 section 14.1).
pub const MAPPED_ADDRESS: u16 = 0x0001;
/// CHANGE-REQUEST (RFC 5780 section 7.2).
pub const CHANGE_REQUEST: u16 = 0x0003;
/// USERNAME (RFC 8489 section 14.3).
pub const USERNAME: u16 = 0x0006;
/// MESSAGE-INTEGRITY (RFC 8489 section 14.5).
pub const MESSAGE_INTEGRITY: u16 = 0x0008;
/// ERROR-CODE (RFC 8489 section 14.8).
pub const ERROR_CODE: u16 = 0x0009;
/// UNKNOWN-ATTRIBUTES (RFC 8489 section 14.13).
pub const UNKNOWN_ATTRIBUTES: u16 = 0x000A;
/// REALM (RFC 8489 section 14.9).
pub const REALM: u16 = 0x0014;
/// NONCE (RFC 8489 section 14.10).
pub const NONCE: u16 = 0x0015;
/// MESSAGE-INTEGRITY-SHA256 (RFC 8489 section 14.6).
pub const MESSAGE_INTEGRITY_SHA256: u16 = 0x001C;
/// PASSWORD-ALGORITHM (RFC 8489 section 14.12).
pub const PASSWORD_ALGORITHM: u16 = 0x001D;
/// USERHASH (RFC 8489 section 14.4).
pub const USERHASH: u16 = 0x001E;
/// XOR-MAPPED-ADDRESS (RFC 8489 section 14.2).
pub const XOR_MAPPED_ADDRESS: u16 = 0x0020;
/// PRIORITY (RFC 8445 section 16.1).
pub const PRIORITY: u16 = 0x0024;
/// USE-CANDIDATE (RFC 8445 section 16.1).
pub const USE_CANDIDATE: u16 = 0x0025;
/// PADDING (RFC 5780 section 7.6).
pub const PADDING: u16 = 0x0026;
/// RESPONSE-PORT (RFC 5780 section 7.5).
pub const RESPONSE_PORT: u16 = 0x0027;
/// PASSWORD-ALGORITHMS (RFC 8489 section 14.11).
pub const PASSWORD_ALGORITHMS: u16 = 0x8002;
/// ALTERNATE-DOMAIN (RFC 8489 section 14.16).
pub const ALTERNATE_DOMAIN: u16 = 0x8003;
/// SOFTWARE (RFC 8489 section 14.14).
pub const SOFTWARE: u16 = 0x8022;
/// ALTERNATE-SERVER (RFC 8489 section 14.15).
pub const ALTERNATE_SERVER: u16 = 0x8023;
/// FINGERPRINT (RFC 8489 section 14.7).
pub const FINGERPRINT: u16 = 0x8028;
/// ICE-CONTROLLED (RFC 8445 section 16.1).
pub const ICE_CONTROLLED: u16 = 0x8029;
/// ICE-CONTROLLING (RFC 8445 section 16.1).
pub const ICE_CONTROLLING: u16 = 0x802A;

/// RESPONSE-ORIGIN (RFC 5780 section 7.3).
pub const RESPONSE_ORIGIN: u16 = 0x802B;
/// OTHER-ADDRESS (RFC 5780 section 7.4).
pub const OTHER_ADDRESS: u16 = 0x802C;

/// Longest USERNAME that is written (RFC 8489 section 14.3: fewer than 509 bytes).
pub(crate) const MAX_USERNAME_SENT: usize = 508;
/// Longest REALM, NONCE, SOFTWARE or reason phrase that is written (RFC 8489 section 14.8).
pub(crate) const MAX_TEXT_SENT: usize = 509;
/// Longest ALTERNATE-DOMAIN (RFC 8489 section 14.16).
pub(crate) const MAX_DOMAIN: usize = 255;
//= rfc8489#14.3
// Older texts count up to six bytes a character, and what they send must still be read.
/// Longest of these, and longest USERNAME, that is read: 127 characters of up to six bytes, as older texts count them.
pub(crate) const MAX_TEXT_READ: usize = 763;

/// One attribute, borrowed from its message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AttributeView<'a> {
    /// Its type; below 0x8000 a receiver must understand it (RFC 8489 section 14).
    pub kind: u16,
    /// Its value, without the padding.
    pub value: &'a [u8],
}

impl AttributeView<'_> {
    /// Whether a receiver that does not know this attribute must refuse the message.
    #[must_use]
    pub const fn is_comprehension_required(&self) -> bool {
        self.kind < 0x8000
    }
}

/// Splits the first attribute and its padding off `bytes`.
///
/// ```text
/// +-------------------------------+-------------------------------+
/// |             type              |      length of the value      |
/// +-------------------------------+-------------------------------+
/// |              value, then padding to a multiple of four        |
/// +---------------------------------------------------------------+
/// ```
pub(crate) fn split(bytes: &[u8]) -> Option<(AttributeView<'_>, &[u8])> {
    let ([k0, k1, l0, l1], tail) = bytes.split_first_chunk::<4>()?;
    let len = usize::from(u16::from_be_bytes([*l0, *l1]));
    let (value, _) = tail.split_at_checked(len)?;
    let rest = tail.get(len.next_multiple_of(4)..)?;
    Some((AttributeView { kind: u16::from_be_bytes([*k0, *k1]), value }, rest))
}

/// Where in a message the walk is, by what may still follow (RFC 8489 sections 14.5 to 14.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Before the first of the three: anything counts.
    Open,
    /// After MESSAGE-INTEGRITY: its SHA-256 sibling and FINGERPRINT count.
    Integrity,
    /// After MESSAGE-INTEGRITY-SHA256: FINGERPRINT counts.
    IntegritySha256,
    /// After FINGERPRINT: nothing counts.
    Closed,
}

impl Stage {
    /// The stage after an attribute of that type; `None` when the attribute must be ignored.
    //= rfc8489#9
    //= rfc8489#14.5
    // What stands behind the integrity was not proven by it, so it is not looked at.
    pub(crate) fn admit(self, kind: u16) -> Option<Self> {
        match (self, kind) {
            (Self::Closed, _) => None,
            (_, FINGERPRINT) => Some(Self::Closed),
            (Self::Open | Self::Integrity, MESSAGE_INTEGRITY_SHA256) => Some(Self::IntegritySha256),
            (Self::Open, MESSAGE_INTEGRITY) => Some(Self::Integrity),
            (Self::Open, _) => Some(Self::Open),
            (Self::Integrity | Self::IntegritySha256, _) => None,
        }
    }
}

/// The attributes of a message that count, in order. See [`MessageView::attributes`].
///
/// [`MessageView::attributes`]: crate::MessageView::attributes
#[derive(Clone, Debug)]
pub struct Attributes<'a> {
    rest: &'a [u8],
    stage: Stage,
}

impl<'a> Attributes<'a> {
    pub(crate) fn new(rest: &'a [u8]) -> Self {
        Self { rest, stage: Stage::Open }
    }
}

impl<'a> Iterator for Attributes<'a> {
    type Item = AttributeView<'a>;

    fn next(&mut self) -> Option<AttributeView<'a>> {
        loop {
            let (attribute, rest) = split(self.rest)?;
            self.rest = rest;
            if let Some(stage) = self.stage.admit(attribute.kind) {
                self.stage = stage;
                return Some(attribute);
            }
        }
    }
}

/// The types listed by UNKNOWN-ATTRIBUTES. See [`MessageView::unknown_attributes`].
///
/// [`MessageView::unknown_attributes`]: crate::MessageView::unknown_attributes
#[derive(Clone, Debug)]
pub struct UnknownAttributes<'a>(pub(crate) &'a [u8]);

impl Iterator for UnknownAttributes<'_> {
    type Item = u16;

    fn next(&mut self) -> Option<u16> {
        let (kind, rest) = self.0.split_first_chunk::<2>()?;
        self.0 = rest;
        Some(u16::from_be_bytes(*kind))
    }
}

/// Whether a value can be what its type says; `true` for types this crate does not know.
///
/// Checked once, so that accessors cannot fail.
pub(crate) fn is_well_formed(AttributeView { kind, value }: AttributeView<'_>) -> bool {
    match kind {
        MAPPED_ADDRESS | XOR_MAPPED_ADDRESS | ALTERNATE_SERVER | RESPONSE_ORIGIN
        | OTHER_ADDRESS => address::is_well_formed(value),
        //= rfc8489#14.9
        //= rfc8489#14.10
        //= rfc8489#14.14
        // Written up to 509 bytes, read up to 763.
        USERNAME | REALM | NONCE | SOFTWARE => value.len() <= MAX_TEXT_READ,
        USERHASH => value.len() == 32,
        //= rfc8489#14.16
        // A DNS name: ASCII, at most 255 characters.
        ALTERNATE_DOMAIN => value.len() <= MAX_DOMAIN && value.is_ascii(),
        PASSWORD_ALGORITHM => algorithm::is_one(value),
        PASSWORD_ALGORITHMS => algorithm::is_list(value),
        // Two bytes by the length that RFC 5780 draws, four with its padding counted.
        RESPONSE_PORT => matches!(value.len(), 2 | 4),
        ERROR_CODE => error_code::ErrorCode::parse(value).is_some(),
        UNKNOWN_ATTRIBUTES => value.len().is_multiple_of(2),
        PRIORITY | FINGERPRINT | CHANGE_REQUEST => value.len() == 4,
        ICE_CONTROLLED | ICE_CONTROLLING => value.len() == 8,
        USE_CANDIDATE => value.is_empty(),
        MESSAGE_INTEGRITY => value.len() == 20,
        //= rfc8489#14.6
        // Between 16 and 32 bytes, in steps of four.
        MESSAGE_INTEGRITY_SHA256 => matches!(value.len(), 16 | 20 | 24 | 28 | 32),
        _ => true,
    }
}
