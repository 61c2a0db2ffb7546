use super::bytes_at::{Fields, len16, u16_at};

/// Parameter types of INIT and INIT ACK ([RFC 9260 section 3.3.2], [RFC 3758 section 3.1],
/// [RFC 5061 section 4.2.7], [RFC 9653 section 4]).
///
/// [RFC 9653 section 4]: https://www.rfc-editor.org/rfc/rfc9653#section-4
/// [RFC 9260 section 3.3.2]: https://www.rfc-editor.org/rfc/rfc9260#section-3.3.2
/// [RFC 3758 section 3.1]: https://www.rfc-editor.org/rfc/rfc3758#section-3.1
/// [RFC 5061 section 4.2.7]: https://www.rfc-editor.org/rfc/rfc5061#section-4.2.7
pub(super) mod kind {
    pub(in crate::wire) const IPV4_ADDRESS: u16 = 5;
    pub(in crate::wire) const IPV6_ADDRESS: u16 = 6;
    pub(in crate::wire) const STATE_COOKIE: u16 = 7;
    pub(in crate::wire) const UNRECOGNIZED: u16 = 8;
    pub(in crate::wire) const COOKIE_PRESERVATIVE: u16 = 9;
    pub(in crate::wire) const HOST_NAME: u16 = 11;
    pub(in crate::wire) const ADDRESS_TYPES: u16 = 12;
    pub(in crate::wire) const SUPPORTED_EXTENSIONS: u16 = 0x8008;
    pub(in crate::wire) const ZERO_CHECKSUM: u16 = 0x8001;
    pub(in crate::wire) const FORWARD_TSN: u16 = 0xC000;
}

/// A parameter: type, length, value.
///
/// ```text
///  0                   1                   2                   3
/// +-------------------------------+-------------------------------+
/// |             type              | length, header included       |
/// +-------------------------------+-------------------------------+
/// | value, padded to a multiple of 4 with bytes not counted       |
/// +---------------------------------------------------------------+
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Parameter<'a> {
    pub(super) kind: u16,
    pub(super) value: &'a [u8],
    /// Header and value.
    pub(super) raw: &'a [u8],
}

/// Walks parameters; ends early where a length lies. Error causes have the same shape.
#[derive(Clone, Debug)]
pub(super) struct Parameters<'a> {
    rest: &'a [u8],
}

impl<'a> Parameters<'a> {
    pub(super) fn over(rest: &'a [u8]) -> Self {
        Self { rest }
    }
}

impl<'a> Iterator for Parameters<'a> {
    type Item = Parameter<'a>;

    fn next(&mut self) -> Option<Parameter<'a>> {
        if self.rest.len() < 4 {
            return None;
        }
        let len = usize::from(u16_at(self.rest, 2));
        let parameter = self
            .rest
            .get(..len)
            .and_then(|raw| Some(Parameter { kind: u16_at(raw, 0), value: raw.get(4..)?, raw }));
        let padded = len.checked_next_multiple_of(4).unwrap_or(len);
        self.rest = match parameter {
            Some(_) => self.rest.get(padded..).unwrap_or(&[]),
            None => &[],
        };
        parameter
    }
}

/// Bytes a parameter with a value of `len` bytes takes, padding included.
pub(super) fn padded_len(len: usize) -> usize {
    len.saturating_add(4).checked_next_multiple_of(4).unwrap_or(usize::MAX)
}

impl Fields<'_> {
    /// Writes a parameter (or an error cause) and its padding.
    pub(super) fn parameter(&mut self, kind: u16, value: &[&[u8]]) -> &mut Self {
        let len = value.iter().map(|part| part.len()).fold(0, usize::saturating_add);
        self.u16(kind).u16(len16(len.saturating_add(4)));
        for part in value {
            self.put(part);
        }
        let padding = padded_len(len).saturating_sub(len.saturating_add(4));
        self.put([0; 3].get(..padding).unwrap_or(&[]))
    }
}
