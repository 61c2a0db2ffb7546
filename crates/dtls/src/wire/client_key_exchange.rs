//! ClientKeyExchange of ECDHE suites ([RFC 8422 section 5.7]).
//!
//! [RFC 8422 section 5.7]: https://www.rfc-editor.org/rfc/rfc8422#section-5.7

use crate::wire::cursor::{ParseError, Reader, put_vector8};

/// The client's key share.
///
/// ```text
/// +------------+
/// | share, 1+n |
/// +------------+
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ClientKeyExchange<'a> {
    pub(crate) share: &'a [u8],
}

impl<'a> ClientKeyExchange<'a> {
    pub(crate) fn parse(body: &'a [u8]) -> Result<Self, ParseError> {
        let mut reader = Reader::new(body);
        let share = reader.vector8()?;
        reader.finish()?;
        Ok(Self { share })
    }

    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        put_vector8(out, self.share);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::fixture;
    use crate::wire::handshake::HandshakeType;

    #[test]
    fn key_shares_of_real_clients_read_back_as_they_were_written() {
        let messages = fixture::all_of(HandshakeType::ClientKeyExchange);
        assert_eq!(messages.len(), 2);
        for body in &messages {
            let message = ClientKeyExchange::parse(body).unwrap();
            assert_eq!(message.share.len(), 32);
            let mut written = Vec::new();
            message.write(&mut written);
            assert_eq!(&written, body);
        }
    }
}
