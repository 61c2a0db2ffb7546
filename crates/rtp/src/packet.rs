#![warn(clippy::arithmetic_side_effects)]

use std::ops::Range;

use crate::demux::header_len;
use crate::error::ParseError;
use crate::extension::{Element, Elements, ExtensionKind, ExtensionMap, ExtensionValue, Form};
use crate::ssrc::Ssrc;

/// The version of RTP.
pub const VERSION: u8 = 2;
pub(crate) const FIXED_LEN: usize = 12;
pub(crate) const EXTENSION_HEADER_LEN: usize = 4;

/// An RTP packet in somebody's buffer, checked once. [RFC 3550 section 5.1].
///
/// ```text
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |V=2|P|X|  CC   |M|     PT      |        sequence number        |
/// |                           timestamp                           |
/// |                             SSRC                              |
/// |                   CSRCs, CC of them (0 to 15)                 |
/// |     if X:  profile            |       length in words         |
/// |            header extension, that many words                  |
/// |                   payload, and padding if P                   |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// ```
///
/// [RFC 3550 section 5.1]: https://www.rfc-editor.org/rfc/rfc3550#section-5.1
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PacketView<'a> {
    bytes: &'a [u8],
    fixed: &'a [u8; FIXED_LEN],
    csrcs: &'a [u8],
    extension: Option<Extension<'a>>,
    payload: &'a [u8],
    padding: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Extension<'a> {
    profile: u16,
    data: &'a [u8],
}

impl<'a> PacketView<'a> {
    /// Checks `bytes`, which must be one whole packet, already decrypted.
    ///
    /// # Errors
    ///
    /// [`ParseError`] says what is wrong: version, a header that is cut off, or padding that is
    /// longer than the payload.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, ParseError> {
        let header = header_len(bytes)?;
        let truncated = ParseError::Truncated { need: header, have: bytes.len() };
        let (fixed, rest) = bytes.split_first_chunk::<FIXED_LEN>().ok_or(truncated)?;
        let [first, ..] = *fixed;
        let csrc_len = usize::from(first & 0x0f).saturating_mul(4);
        let (csrcs, rest) = rest.split_at_checked(csrc_len).ok_or(truncated)?;
        let (extension, rest) = if first & 0x10 == 0 {
            (None, rest)
        } else {
            let ([p0, p1, l0, l1], rest) = rest.split_first_chunk().ok_or(truncated)?;
            let len = usize::from(u16::from_be_bytes([*l0, *l1])).saturating_mul(4);
            let (data, rest) = rest.split_at_checked(len).ok_or(truncated)?;
            (Some(Extension { profile: u16::from_be_bytes([*p0, *p1]), data }), rest)
        };
        let (payload, padding) = if first & 0x20 == 0 { (rest, 0) } else { without_padding(rest)? };
        Ok(Self { bytes, fixed, csrcs, extension, payload, padding })
    }

    /// The marker bit; the payload format gives it a meaning.
    #[must_use]
    pub fn marker(&self) -> bool {
        let [_, second, ..] = *self.fixed;
        second & 0x80 != 0
    }

    /// The payload type, 0 to 127.
    #[must_use]
    pub fn payload_type(&self) -> u8 {
        let [_, second, ..] = *self.fixed;
        second & 0x7f
    }

    /// The sequence number as it is on the wire.
    #[must_use]
    pub fn sequence_number(&self) -> u16 {
        let [_, _, high, low, ..] = *self.fixed;
        u16::from_be_bytes([high, low])
    }

    /// The timestamp in units of the payload type's clock.
    #[must_use]
    pub fn timestamp(&self) -> u32 {
        let [_, _, _, _, a, b, c, d, ..] = *self.fixed;
        u32::from_be_bytes([a, b, c, d])
    }

    /// The source.
    #[must_use]
    pub fn ssrc(&self) -> Ssrc {
        let [.., a, b, c, d] = *self.fixed;
        Ssrc(u32::from_be_bytes([a, b, c, d]))
    }

    /// The sources that a mixer put together in this packet, at most 15.
    pub fn csrcs(&self) -> impl ExactSizeIterator<Item = Ssrc> + use<'a> {
        self.csrcs.as_chunks::<4>().0.iter().map(|chunk| Ssrc(u32::from_be_bytes(*chunk)))
    }

    /// The "defined by profile" bits of the header extension, if there is one.
    #[must_use]
    pub fn extension_profile(&self) -> Option<u16> {
        self.extension.map(|extension| extension.profile)
    }

    /// The form of the header extension: `None` without one, or with one that is not RFC 8285's.
    #[must_use]
    pub fn extension_form(&self) -> Option<Form> {
        self.extension.and_then(|extension| Form::of_profile(extension.profile))
    }

    /// The elements of the header extension, in their order.
    #[must_use]
    pub fn extensions(&self) -> Elements<'a> {
        match self.extension {
            Some(Extension { profile, data }) => Elements::new(Form::of_profile(profile), data),
            None => Elements::new(None, &[]),
        }
    }

    /// The value of the first element with this id.
    #[must_use]
    pub fn extension(&self, id: u8) -> Option<&'a [u8]> {
        self.extensions().find(|element| element.id == id).map(|element| element.value)
    }

    /// Where in the packet the value of the first element with this id lies, for those who
    /// replace a value by another one of its length.
    #[must_use]
    pub fn extension_range(&self, id: u8) -> Option<Range<usize>> {
        let len = self.extension(id)?.len();
        let block = self.header_len().checked_sub(self.extension?.data.len())?;
        let mut elements = self.extensions();
        elements.find(|element| element.id == id)?;
        let start = block.checked_add(elements.consumed())?.checked_sub(len)?;
        Some(start..start.checked_add(len)?)
    }

    /// The value of an extension that `map` has an id for; `None` if it is absent or malformed.
    #[must_use]
    pub fn value(&self, map: &ExtensionMap, kind: ExtensionKind) -> Option<ExtensionValue<'a>> {
        let value = self.extension(map.id(kind)?)?;
        ExtensionValue::parse(kind, value)
    }

    /// The elements that `map` knows and that are well-formed.
    pub fn values(&self, map: &ExtensionMap) -> impl Iterator<Item = ExtensionValue<'a>> {
        //= rfc8285#4
        // An element whose id was not negotiated is passed over.
        self.extensions().filter_map(|Element { id, value }| {
            map.kind(id).and_then(|kind| ExtensionValue::parse(kind, value))
        })
    }

    /// What the packet carries, without padding. Empty in a packet that is nothing but padding.
    #[must_use]
    pub fn payload(&self) -> &'a [u8] {
        self.payload
    }

    /// Where the payload lies in the packet.
    #[must_use]
    pub fn payload_range(&self) -> Range<usize> {
        let start = self.header_len();
        start..start.saturating_add(self.payload.len())
    }

    /// How many bytes of padding follow the payload, 0 to 255.
    #[must_use]
    pub fn padding_len(&self) -> u8 {
        self.padding
    }

    /// Bytes before the payload.
    #[must_use]
    pub fn header_len(&self) -> usize {
        let behind = self.payload.len().saturating_add(usize::from(self.padding));
        self.bytes.len().saturating_sub(behind)
    }

    /// The whole packet.
    #[must_use]
    pub fn as_bytes(&self) -> &'a [u8] {
        self.bytes
    }
}

/// Splits the padding off what follows the header.
fn without_padding(rest: &[u8]) -> Result<(&[u8], u8), ParseError> {
    let padding = rest.last().copied().unwrap_or(0);
    let error = ParseError::Padding { padding, payload: rest.len() };
    //= rfc3550#5.1
    // The last byte counts the padding, itself included, so it is never 0.
    if padding == 0 {
        return Err(error);
    }
    let len = rest.len().checked_sub(usize::from(padding)).ok_or(error)?;
    let (payload, _) = rest.split_at_checked(len).ok_or(error)?;
    Ok((payload, padding))
}
