//! Extensions of both hellos ([RFC 5246 section 7.4.1.4]).
//!
//! [RFC 5246 section 7.4.1.4]: https://www.rfc-editor.org/rfc/rfc5246#section-7.4.1.4

pub(crate) mod alpn;
pub(crate) mod connection_id;
pub(crate) mod cookie;
pub(crate) mod ec_point_formats;
pub(crate) mod key_share;
pub(crate) mod record_size_limit;
pub(crate) mod renegotiation_info;
pub(crate) mod signature_algorithms;
pub(crate) mod supported_groups;
pub(crate) mod supported_versions;
pub(crate) mod use_srtp;

use crate::wire::cursor::{ParseError, Reader, put_vector16};

/// More extensions in one message are not read.
const MAX_EXTENSIONS: usize = 64;

/// The numbers of the extensions that mean something here (IANA "TLS ExtensionType Values").
pub(crate) mod kind {
    pub(crate) const SUPPORTED_GROUPS: u16 = 10;
    pub(crate) const EC_POINT_FORMATS: u16 = 11;
    pub(crate) const SIGNATURE_ALGORITHMS: u16 = 13;
    pub(crate) const USE_SRTP: u16 = 14;
    pub(crate) const ALPN: u16 = 16;
    pub(crate) const EXTENDED_MASTER_SECRET: u16 = 23;
    pub(crate) const RECORD_SIZE_LIMIT: u16 = 28;
    pub(crate) const EARLY_DATA: u16 = 42;
    pub(crate) const SUPPORTED_VERSIONS: u16 = 43;
    pub(crate) const COOKIE: u16 = 44;
    pub(crate) const KEY_SHARE: u16 = 51;
    pub(crate) const CONNECTION_ID: u16 = 54;
    pub(crate) const RENEGOTIATION_INFO: u16 = 0xff01;
}

/// The extensions at the end of a hello: well-formed, each at most once.
///
/// ```text
/// +--------+------+-----------+------+-----------+
/// | len, 2 | kind | data, 2+n | kind | data, 2+n | ...
/// +--------+------+-----------+------+-----------+
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Extensions<'a> {
    /// `None` when even the length is missing.
    block: Option<&'a [u8]>,
}

impl<'a> Extensions<'a> {
    pub(crate) fn read(reader: &mut Reader<'a>) -> Result<Self, ParseError> {
        if reader.is_empty() {
            return Ok(Self { block: None });
        }
        Self::parse(reader.vector16()?)
    }

    pub(crate) fn parse(block: &'a [u8]) -> Result<Self, ParseError> {
        let mut reader = Reader::new(block);
        let mut seen: Vec<u16> = Vec::with_capacity(MAX_EXTENSIONS);
        while !reader.is_empty() {
            let kind = reader.u16()?;
            reader.vector16()?;
            if seen.contains(&kind) {
                return Err(ParseError::DuplicateExtension(kind));
            }
            if seen.len() == MAX_EXTENSIONS {
                return Err(ParseError::TooManyExtensions { limit: MAX_EXTENSIONS });
            }
            seen.push(kind);
        }
        Ok(Self { block: Some(block) })
    }

    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        if let Some(block) = self.block {
            put_vector16(out, block);
        }
    }

    /// Kind and data of each extension, in the order of the message.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u16, &'a [u8])> + use<'a> {
        let mut reader = Reader::new(self.block.unwrap_or_default());
        std::iter::from_fn(move || Some((reader.u16().ok()?, reader.vector16().ok()?)))
    }

    /// The data of the extension `kind`.
    pub(crate) fn find(&self, kind: u16) -> Option<&'a [u8]> {
        self.iter().find(|(found, _)| *found == kind).map(|(_, data)| data)
    }
}

/// Collects extensions for a hello of ours.
#[derive(Debug, Default)]
pub(crate) struct Builder {
    block: Vec<u8>,
}

impl Builder {
    /// Appends an extension whose data `write` appends to the vector it is given.
    pub(crate) fn push(&mut self, kind: u16, write: impl FnOnce(&mut Vec<u8>)) {
        let mut data = Vec::new();
        write(&mut data);
        self.block.extend_from_slice(&kind.to_be_bytes());
        put_vector16(&mut self.block, &data);
    }

    pub(crate) fn extensions(&self) -> Extensions<'_> {
        Extensions { block: Some(&self.block) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_collected_is_found_again() {
        let mut builder = Builder::default();
        builder.push(23, |_| {});
        builder.push(0xff01, |data| data.push(0));
        let mut out = Vec::new();
        builder.extensions().write(&mut out);
        assert_eq!(out, [0, 9, 0, 23, 0, 0, 0xff, 1, 0, 1, 0]);
        let read = Extensions::read(&mut Reader::new(&out)).unwrap();
        assert_eq!(read, builder.extensions());
        assert_eq!(read.find(0xff01), Some(&[0][..]));
        assert_eq!(read.find(14), None);
    }

    // attack: the same extension twice, and thousands of them
    #[test]
    fn an_extension_appears_once_and_their_number_is_bounded() {
        let mut builder = Builder::default();
        builder.push(23, |_| {});
        builder.push(23, |_| {});
        assert_eq!(Extensions::parse(&builder.block), Err(ParseError::DuplicateExtension(23)));
        let mut builder = Builder::default();
        (0..65).for_each(|kind| builder.push(kind, |_| {}));
        assert_eq!(
            Extensions::parse(&builder.block),
            Err(ParseError::TooManyExtensions { limit: 64 })
        );
    }
}
