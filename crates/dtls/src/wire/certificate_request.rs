//! CertificateRequest ([RFC 5246 section 7.4.4]).
//!
//! [RFC 5246 section 7.4.4]: https://www.rfc-editor.org/rfc/rfc5246#section-7.4.4

use crate::wire::cursor::{ParseError, Reader, put_vector8, put_vector16};
use crate::wire::numbers;

/// The certificate type of ECDSA and EdDSA keys (RFC 8422 section 5.5).
pub(crate) const ECDSA_SIGN: u8 = 64;

/// Which certificates the server can check.
///
/// ```text
/// +-----------------------+------------------------+------------------+
/// | certificate types,1+n | signature schemes, 2+n | authorities, 2+n |
/// +-----------------------+------------------------+------------------+
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CertificateRequest<'a> {
    pub(crate) types: &'a [u8],
    schemes: &'a [u8],
    authorities: &'a [u8],
}

impl<'a> CertificateRequest<'a> {
    pub(crate) fn parse(body: &'a [u8]) -> Result<Self, ParseError> {
        let mut reader = Reader::new(body);
        let message = Self {
            types: reader.vector8()?,
            schemes: reader.numbers16()?,
            authorities: reader.vector16()?,
        };
        reader.finish()?;
        Ok(message)
    }

    /// A request for any certificate with a signature by one of `schemes`, a list of 16-bit
    /// numbers.
    pub(crate) fn asking(types: &'a [u8], schemes: &'a [u8]) -> Self {
        Self { types, schemes, authorities: &[] }
    }

    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        put_vector8(out, self.types);
        put_vector16(out, self.schemes);
        put_vector16(out, self.authorities);
    }

    pub(crate) fn schemes(&self) -> impl Iterator<Item = u16> + '_ {
        numbers(self.schemes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::fixture;
    use crate::wire::handshake::HandshakeType;

    #[test]
    fn requests_of_real_servers_read_back_as_they_were_written() {
        let messages = fixture::all_of(HandshakeType::CertificateRequest);
        assert_eq!(messages.len(), 2);
        for body in &messages {
            let request = CertificateRequest::parse(body).unwrap();
            assert!(request.types.contains(&ECDSA_SIGN));
            assert!(request.schemes().any(|scheme| scheme == 0x0403));
            let mut written = Vec::new();
            request.write(&mut written);
            assert_eq!(&written, body);
        }
    }
}
