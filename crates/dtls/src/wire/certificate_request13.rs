//! CertificateRequest of DTLS 1.3 ([RFC 8446 section 4.3.2]).
//!
//! [RFC 8446 section 4.3.2]: https://www.rfc-editor.org/rfc/rfc8446#section-4.3.2

use crate::wire::cursor::{ParseError, Reader, put_vector8};
use crate::wire::extension::Extensions;

/// Which certificates the sender can check.
///
/// ```text
/// +--------------+-----------------+
/// | context, 1+n | extensions, 2+n |
/// +--------------+-----------------+
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CertificateRequest13<'a> {
    /// Empty in a handshake.
    pub(crate) context: &'a [u8],
    pub(crate) extensions: Extensions<'a>,
}

impl<'a> CertificateRequest13<'a> {
    pub(crate) fn parse(body: &'a [u8]) -> Result<Self, ParseError> {
        let mut reader = Reader::new(body);
        let message =
            Self { context: reader.vector8()?, extensions: Extensions::parse(reader.vector16()?)? };
        reader.finish()?;
        Ok(message)
    }

    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        put_vector8(out, self.context);
        self.extensions.write(out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::extension::Builder;

    #[test]
    fn a_request_reads_back_as_it_was_written() {
        let mut builder = Builder::default();
        builder.push(13, |data| data.extend([0, 2, 4, 3]));
        let request = CertificateRequest13 { context: &[], extensions: builder.extensions() };
        let mut body = Vec::new();
        request.write(&mut body);
        assert_eq!(CertificateRequest13::parse(&body), Ok(request));
        assert!(CertificateRequest13::parse(&[0]).is_err());
    }
}
