//! Attributes of DTLS: fingerprint, roles, identity of the association.

use std::borrow::Cow;
use std::fmt;

use crate::grammar::{is_token_char, only, tail, token, whole};

/// `a=fingerprint`: a hash of the certificate ([RFC 8122 section 5]).
///
/// [RFC 8122 section 5]: https://www.rfc-editor.org/rfc/rfc8122#section-5
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fingerprint<'a> {
    /// Name of the hash, in any case: `sha-256`.
    pub hash: Cow<'a, str>,
    /// Pairs of hexadecimal digits joined by colons.
    pub digest: Cow<'a, str>,
}

impl<'a> Fingerprint<'a> {
    pub(super) fn parse(value: &'a str) -> Option<Self> {
        let (hash, digest) = whole((token, tail), value)?;
        is_hex_pairs(digest).then_some(Self { hash: hash.into(), digest: digest.into() })
    }
}

/// Two digits, then a colon and two digits any number of times.
fn is_hex_pairs(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() % 3 == 2
        && bytes.chunks(3).all(|chunk| match chunk {
            [high, low] | [high, low, b':'] => high.is_ascii_hexdigit() && low.is_ascii_hexdigit(),
            _ => false,
        })
}

impl fmt::Display for Fingerprint<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.hash, self.digest)
    }
}

/// `a=setup`: who opens the DTLS association ([RFC 4145 section 4]).
///
/// [RFC 4145 section 4]: https://www.rfc-editor.org/rfc/rfc4145#section-4
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Setup {
    /// The writer will be the client.
    Active,
    /// The writer will be the server.
    Passive,
    /// The writer leaves the choice to the other side; only in offers.
    ActPass,
    /// Nobody opens anything for now.
    HoldConn,
}

impl Setup {
    pub(super) fn parse(value: &str) -> Option<Self> {
        Some(match value {
            "active" => Self::Active,
            "passive" => Self::Passive,
            "actpass" => Self::ActPass,
            "holdconn" => Self::HoldConn,
            _ => return None,
        })
    }
}

impl fmt::Display for Setup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Active => "active",
            Self::Passive => "passive",
            Self::ActPass => "actpass",
            Self::HoldConn => "holdconn",
        })
    }
}

/// `a=connection`: use a new connection or the existing one ([RFC 4145 section 5]).
///
/// [RFC 4145 section 5]: https://www.rfc-editor.org/rfc/rfc4145#section-5
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ConnectionUse {
    /// Open a new one.
    New,
    /// Keep what there is.
    Existing,
}

impl ConnectionUse {
    pub(super) fn parse(value: &str) -> Option<Self> {
        Some(match value {
            "new" => Self::New,
            "existing" => Self::Existing,
            _ => return None,
        })
    }
}

impl fmt::Display for ConnectionUse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::New => "new",
            Self::Existing => "existing",
        })
    }
}

/// `a=tls-id`: 20 to 255 characters (RFC 8842 section 4).
pub(super) fn tls_id(value: &str) -> Option<Cow<'_, str>> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '-' | '_');
    only(value, allowed).filter(|text| (20..=255).contains(&text.len()))
}

/// `a=identity`: an assertion in base64, then parameters (RFC 8827 section 5).
pub(super) fn identity(value: &str) -> Option<Cow<'_, str>> {
    let assertion = value.split([' ', ';']).next()?;
    let base64 = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '=');
    only(assertion, base64).map(|_| value.into())
}

/// Base64 with its padding, and something in it.
pub(super) fn base64(value: &str) -> Option<Cow<'_, str>> {
    let is_digit = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '/');
    let digits = value.trim_end_matches('=');
    let padding = value.len().checked_sub(digits.len())?;
    let fits = value.len().is_multiple_of(4) && padding <= 2;
    only(digits, is_digit).filter(|_| fits).map(|_| value.into())
}

/// A token, kept as written.
pub(super) fn token_text(value: &str) -> Option<Cow<'_, str>> {
    only(value, is_token_char)
}
