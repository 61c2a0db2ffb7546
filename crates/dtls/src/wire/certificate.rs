//! Certificate ([RFC 5246 section 7.4.2]).
//!
//! [RFC 5246 section 7.4.2]: https://www.rfc-editor.org/rfc/rfc5246#section-7.4.2

use crate::wire::cursor::{ParseError, Reader, put_vector24};

/// A chain of DER-encoded certificates, the sender's own first.
///
/// ```text
/// +---------+------------------+------------------+
/// | len, 3  | certificate, 3+n | certificate, 3+n | ...
/// +---------+------------------+------------------+
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CertificateChain<'a> {
    list: &'a [u8],
}

impl<'a> CertificateChain<'a> {
    pub(crate) fn parse(body: &'a [u8]) -> Result<Self, ParseError> {
        let mut reader = Reader::new(body);
        let list = reader.vector24()?;
        reader.finish()?;
        let mut certificates = Reader::new(list);
        while !certificates.is_empty() {
            if certificates.vector24()?.is_empty() {
                return Err(ParseError::VectorLength { len: 0 });
            }
        }
        Ok(Self { list })
    }

    /// The sender's own certificate; `None` when it has none.
    pub(crate) fn leaf(&self) -> Option<&'a [u8]> {
        Reader::new(self.list).vector24().ok()
    }

    /// Writes the message with these certificates, the sender's own first.
    pub(crate) fn write<'c>(certificates: impl Iterator<Item = &'c [u8]>, out: &mut Vec<u8>) {
        let mut list = Vec::new();
        for certificate in certificates {
            put_vector24(&mut list, certificate);
        }
        put_vector24(out, &list);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::fixture;
    use crate::wire::handshake::HandshakeType;

    #[test]
    fn certificates_of_real_peers_read_back_as_they_were_written() {
        let messages = fixture::all_of(HandshakeType::Certificate);
        assert_eq!(messages.len(), 4);
        for body in &messages {
            let leaf = CertificateChain::parse(body).unwrap().leaf().unwrap();
            let mut written = Vec::new();
            CertificateChain::write([leaf].into_iter(), &mut written);
            assert_eq!(&written, body);
        }
    }

    #[test]
    fn no_certificate_is_a_message_too() {
        assert_eq!(CertificateChain::parse(&[0, 0, 0]).unwrap().leaf(), None);
        assert!(CertificateChain::parse(&[0, 0, 3, 0, 0, 0]).is_err());
        assert!(CertificateChain::parse(&[0, 0, 1, 0]).is_err());
    }
}
