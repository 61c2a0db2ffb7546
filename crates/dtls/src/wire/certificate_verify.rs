//! CertificateVerify ([RFC 5246 section 7.4.8]).
//!
//! [RFC 5246 section 7.4.8]: https://www.rfc-editor.org/rfc/rfc5246#section-7.4.8

use crate::wire::cursor::{ParseError, Reader, put_vector16};

/// A signature over the handshake so far.
///
/// ```text
/// +--------+----------------+
/// | scheme | signature, 2+n |
/// +--------+----------------+
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CertificateVerify<'a> {
    pub(crate) scheme: u16,
    pub(crate) signature: &'a [u8],
}

impl<'a> CertificateVerify<'a> {
    pub(crate) fn parse(body: &'a [u8]) -> Result<Self, ParseError> {
        let mut reader = Reader::new(body);
        let message = Self { scheme: reader.u16()?, signature: reader.vector16()? };
        reader.finish()?;
        Ok(message)
    }

    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.scheme.to_be_bytes());
        put_vector16(out, self.signature);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::fixture;
    use crate::wire::handshake::HandshakeType;

    #[test]
    fn proofs_of_real_clients_read_back_as_they_were_written() {
        let messages = fixture::all_of(HandshakeType::CertificateVerify);
        assert_eq!(messages.len(), 2);
        for body in &messages {
            let mut written = Vec::new();
            CertificateVerify::parse(body).unwrap().write(&mut written);
            assert_eq!(&written, body);
        }
    }
}
