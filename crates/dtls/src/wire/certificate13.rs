//! Certificate of DTLS 1.3 ([RFC 8446 section 4.4.2]).
//!
//! [RFC 8446 section 4.4.2]: https://www.rfc-editor.org/rfc/rfc8446#section-4.4.2

use crate::wire::cursor::{ParseError, Reader, put_vector16, put_vector24};
use crate::wire::extension::Extensions;

/// A chain of DER-encoded certificates, the sender's own first, each with extensions.
///
/// ```text
/// +--------------+--------+------------------+-----------------+
/// | context, 1+n | len, 3 | certificate, 3+n | extensions, 2+n | ...
/// +--------------+--------+------------------+-----------------+
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Certificate13<'a> {
    /// What the request for it named; empty in a handshake.
    pub(crate) context: &'a [u8],
    list: &'a [u8],
}

impl<'a> Certificate13<'a> {
    pub(crate) fn parse(body: &'a [u8]) -> Result<Self, ParseError> {
        let mut reader = Reader::new(body);
        let message = Self { context: reader.vector8()?, list: reader.vector24()? };
        reader.finish()?;
        let mut entries = Reader::new(message.list);
        while !entries.is_empty() {
            if entries.vector24()?.is_empty() {
                return Err(ParseError::VectorLength { len: 0 });
            }
            Extensions::parse(entries.vector16()?)?;
        }
        Ok(message)
    }

    /// The sender's own certificate; `None` when it has none.
    pub(crate) fn leaf(&self) -> Option<&'a [u8]> {
        Reader::new(self.list).vector24().ok()
    }

    /// The number of the first extension of any certificate. We ask for none.
    pub(crate) fn extension(&self) -> Option<u16> {
        let mut entries = Reader::new(self.list);
        while entries.vector24().is_ok() {
            let mut extensions = Reader::new(entries.vector16().ok()?);
            if let Ok(kind) = extensions.u16() {
                return Some(kind);
            }
        }
        None
    }

    /// Writes the message with these certificates, the sender's own first, and no extensions.
    pub(crate) fn write<'c>(certificates: impl Iterator<Item = &'c [u8]>, out: &mut Vec<u8>) {
        let mut list = Vec::new();
        for certificate in certificates {
            put_vector24(&mut list, certificate);
            put_vector16(&mut list, &[]);
        }
        out.push(0);
        put_vector24(out, &list);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn certificates_read_back_as_they_were_written() {
        let mut body = Vec::new();
        Certificate13::write([&[1, 2][..], &[3]].into_iter(), &mut body);
        let message = Certificate13::parse(&body).unwrap();
        assert_eq!((message.leaf(), message.extension()), (Some(&[1, 2][..]), None));
        let mut body = Vec::new();
        Certificate13::write(std::iter::empty(), &mut body);
        assert_eq!(body, [0, 0, 0, 0]);
        assert_eq!(Certificate13::parse(&body).unwrap().leaf(), None);
    }

    #[test]
    fn extensions_of_a_certificate_are_seen() {
        let body = [0, 0, 0, 10, 0, 0, 1, 7, 0, 4, 0, 5, 0, 0];
        assert_eq!(Certificate13::parse(&body).unwrap().extension(), Some(5));
        assert!(Certificate13::parse(&[0, 0, 0, 5, 0, 0, 0, 0, 0]).is_err());
        assert!(Certificate13::parse(&[0, 0, 0, 4, 0, 0, 1, 7]).is_err());
    }
}
