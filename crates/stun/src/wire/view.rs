use std::net::SocketAddr;

use super::address::{self, Mask};
use super::attribute::{self, AttributeView, Attributes, Stage, UnknownAttributes};
use super::error_code::ErrorCode;
use super::header::{Class, HEADER_LEN, Header, HeaderError, Method, TransactionId};
use crate::ParseError;

/// A message where it lies, checked once ([RFC 8489 section 5]).
///
/// An attribute that came twice counts the first time; what stands behind the integrity or the
/// fingerprint does not count ([RFC 8489 section 14]).
///
/// [RFC 8489 section 5]: https://www.rfc-editor.org/rfc/rfc8489#section-5
/// [RFC 8489 section 14]: https://www.rfc-editor.org/rfc/rfc8489#section-14
#[derive(Clone, Copy, Debug)]
pub struct MessageView<'a> {
    pub(super) bytes: &'a [u8],
    header: Header,
    /// The attributes before the first of the three below.
    plain: &'a [u8],
    pub(super) integrity: Option<Sealed<'a>>,
    pub(super) integrity_sha256: Option<Sealed<'a>>,
    pub(super) fingerprint: Option<Sealed<'a>>,
}

/// An attribute that covers the message before it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sealed<'a> {
    /// Where the attribute starts: as many bytes it covers.
    pub(super) at: usize,
    pub(super) value: &'a [u8],
}

impl<'a> MessageView<'a> {
    /// Checks the header, the bounds of all attributes and the values of those it knows.
    ///
    /// `datagram` is one whole message, nothing more. Neither integrity nor fingerprint is verified.
    ///
    /// # Errors
    ///
    /// Says what is wrong; the right reaction is to drop the datagram without a word (RFC 8489
    /// section 6.3).
    pub fn parse(datagram: &'a [u8]) -> Result<Self, ParseError> {
        let have = datagram.len();
        let (header, announced) = Header::parse(datagram).map_err(|error| match error {
            HeaderError::Truncated => ParseError::Truncated { have },
            HeaderError::NotStun => ParseError::NotStun,
        })?;
        let body = datagram.get(HEADER_LEN..).unwrap_or_default();
        //= rfc8489#6.3
        // The length must be sensible: that of the datagram, in whole words.
        if announced != body.len() || !announced.is_multiple_of(4) {
            return Err(ParseError::Length { announced, have: body.len() });
        }
        let mut view = Self {
            bytes: datagram,
            header,
            plain: body,
            integrity: None,
            integrity_sha256: None,
            fingerprint: None,
        };
        view.check_attributes()?;
        Ok(view)
    }

    fn check_attributes(&mut self) -> Result<(), ParseError> {
        let body = self.plain;
        let mut rest = body;
        let mut stage = Stage::Open;
        while let Some(([k0, k1, l0, l1], _)) = rest.split_first_chunk::<4>() {
            let at = self.bytes.len().saturating_sub(rest.len());
            let Some((attribute, tail)) = attribute::split(rest) else {
                let len = usize::from(u16::from_be_bytes([*l0, *l1]));
                return Err(ParseError::AttributeOverrun {
                    kind: u16::from_be_bytes([*k0, *k1]),
                    at,
                    len,
                });
            };
            rest = tail;
            let Some(next) = stage.admit(attribute.kind) else { continue };
            let AttributeView { kind, value } = attribute;
            if !attribute::is_well_formed(attribute) {
                return Err(ParseError::MalformedAttribute { kind, at, len: value.len() });
            }
            if stage == Stage::Open && next != Stage::Open {
                let plain_len = at.saturating_sub(HEADER_LEN);
                self.plain = body.get(..plain_len).unwrap_or_default();
            }
            match next {
                Stage::Open => {}
                Stage::Integrity => self.integrity = Some(Sealed { at, value }),
                Stage::IntegritySha256 => self.integrity_sha256 = Some(Sealed { at, value }),
                Stage::Closed => self.fingerprint = Some(Sealed { at, value }),
            }
            stage = next;
        }
        Ok(())
    }

    /// The bytes given to [`parse`](Self::parse).
    #[must_use]
    pub const fn as_bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The attributes before integrity and fingerprint.
    pub(super) const fn plain(&self) -> &'a [u8] {
        self.plain
    }

    /// Request, indication or one of the two kinds of response.
    #[must_use]
    pub const fn class(&self) -> Class {
        self.header.class
    }

    /// The method.
    #[must_use]
    pub const fn method(&self) -> Method {
        self.header.method
    }

    /// What pairs a response with its request.
    #[must_use]
    pub const fn transaction_id(&self) -> TransactionId {
        self.header.id
    }

    /// The attributes that count, in order: all up to the first of MESSAGE-INTEGRITY,
    /// MESSAGE-INTEGRITY-SHA256 and FINGERPRINT, then of these three those in their right place.
    #[must_use]
    pub fn attributes(&self) -> Attributes<'a> {
        Attributes::new(self.bytes.get(HEADER_LEN..).unwrap_or_default())
    }

    /// The value of the first attribute of type `kind` before integrity and fingerprint.
    //= rfc8489#14
    // Of several attributes of one type only the first is looked at.
    #[must_use]
    pub fn find(&self, kind: u16) -> Option<&'a [u8]> {
        let mut rest = self.plain;
        loop {
            let (attribute, tail) = attribute::split(rest)?;
            if attribute.kind == kind {
                return Some(attribute.value);
            }
            rest = tail;
        }
    }

    /// Types below 0x8000 that are neither in `known` nor part of the integrity: what a 420
    /// response lists (RFC 8489 section 6.3.1). A type that came twice is named twice.
    pub fn unknown_comprehension_required<'k>(&self, known: &'k [u16]) -> UnknownRequired<'a, 'k> {
        UnknownRequired { attributes: Attributes::new(self.plain), known }
    }

    /// USERNAME (RFC 8489 section 14.3), at most 763 bytes.
    #[must_use]
    pub fn username(&self) -> Option<&'a [u8]> {
        self.find(attribute::USERNAME)
    }

    /// REALM (RFC 8489 section 14.9), at most 763 bytes.
    #[must_use]
    pub fn realm(&self) -> Option<&'a [u8]> {
        self.find(attribute::REALM)
    }

    /// NONCE (RFC 8489 section 14.10), at most 763 bytes.
    #[must_use]
    pub fn nonce(&self) -> Option<&'a [u8]> {
        self.find(attribute::NONCE)
    }

    /// SOFTWARE (RFC 8489 section 14.14), at most 763 bytes.
    #[must_use]
    pub fn software(&self) -> Option<&'a [u8]> {
        self.find(attribute::SOFTWARE)
    }

    /// XOR-MAPPED-ADDRESS (RFC 8489 section 14.2): where the request came from.
    #[must_use]
    pub fn xor_mapped_address(&self) -> Option<SocketAddr> {
        self.xor_address(attribute::XOR_MAPPED_ADDRESS)
    }

    /// MAPPED-ADDRESS (RFC 8489 section 14.1): a fallback for servers of RFC 3489's time.
    #[must_use]
    pub fn mapped_address(&self) -> Option<SocketAddr> {
        address::parse(self.find(attribute::MAPPED_ADDRESS)?, Mask::PLAIN)
    }

    /// An address of type `kind`, hidden as XOR-MAPPED-ADDRESS is; `None` if absent or malformed.
    #[must_use]
    pub fn xor_address(&self, kind: u16) -> Option<SocketAddr> {
        address::parse(self.find(kind)?, Mask::xor(self.header.id))
    }

    /// PRIORITY (RFC 8445 section 16.1).
    #[must_use]
    pub fn priority(&self) -> Option<u32> {
        Some(u32::from_be_bytes(*self.find(attribute::PRIORITY)?.first_chunk()?))
    }

    /// Whether USE-CANDIDATE is there (RFC 8445 section 16.1).
    #[must_use]
    pub fn use_candidate(&self) -> bool {
        self.find(attribute::USE_CANDIDATE).is_some()
    }

    /// ICE-CONTROLLING's tie breaker (RFC 8445 section 16.1).
    #[must_use]
    pub fn ice_controlling(&self) -> Option<u64> {
        Some(u64::from_be_bytes(*self.find(attribute::ICE_CONTROLLING)?.first_chunk()?))
    }

    /// ICE-CONTROLLED's tie breaker (RFC 8445 section 16.1).
    #[must_use]
    pub fn ice_controlled(&self) -> Option<u64> {
        Some(u64::from_be_bytes(*self.find(attribute::ICE_CONTROLLED)?.first_chunk()?))
    }

    /// ERROR-CODE (RFC 8489 section 14.8).
    #[must_use]
    pub fn error_code(&self) -> Option<ErrorCode<'a>> {
        ErrorCode::parse(self.find(attribute::ERROR_CODE)?)
    }

    /// The types listed by UNKNOWN-ATTRIBUTES (RFC 8489 section 14.13); none if it is absent.
    #[must_use]
    pub fn unknown_attributes(&self) -> UnknownAttributes<'a> {
        UnknownAttributes(self.find(attribute::UNKNOWN_ATTRIBUTES).unwrap_or_default())
    }
}

/// See [`MessageView::unknown_comprehension_required`].
#[derive(Clone, Debug)]
pub struct UnknownRequired<'a, 'k> {
    attributes: Attributes<'a>,
    known: &'k [u16],
}

impl Iterator for UnknownRequired<'_, '_> {
    type Item = u16;

    fn next(&mut self) -> Option<u16> {
        let known = self.known;
        self.attributes
            .find(|attribute| {
                attribute.is_comprehension_required() && !known.contains(&attribute.kind)
            })
            .map(|attribute| attribute.kind)
    }
}
