//! ServerKeyExchange of ECDHE suites ([RFC 8422 section 5.4]).
//!
//! [RFC 8422 section 5.4]: https://www.rfc-editor.org/rfc/rfc8422#section-5.4

use crate::wire::RANDOM_LEN;
use crate::wire::cursor::{ParseError, Reader, put_vector8, put_vector16};

const NAMED_CURVE: u8 = 3;

/// The server's key share, signed.
///
/// ```text
/// +--------+-------+------------+--------+----------------+
/// | 3      | group | share, 1+n | scheme | signature, 2+n |
/// +--------+-------+------------+--------+----------------+
///  \_________ signed _________/
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ServerKeyExchange<'a> {
    pub(crate) group: u16,
    pub(crate) share: &'a [u8],
    pub(crate) scheme: u16,
    pub(crate) signature: &'a [u8],
}

impl<'a> ServerKeyExchange<'a> {
    pub(crate) fn parse(body: &'a [u8]) -> Result<Self, ParseError> {
        let mut reader = Reader::new(body);
        match reader.u8()? {
            NAMED_CURVE => {}
            other => return Err(ParseError::CurveType(other)),
        }
        let message = Self {
            group: reader.u16()?,
            share: reader.vector8()?,
            scheme: reader.u16()?,
            signature: reader.vector16()?,
        };
        reader.finish()?;
        Ok(message)
    }

    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        write_params(self.group, self.share, out);
        out.extend_from_slice(&self.scheme.to_be_bytes());
        put_vector16(out, self.signature);
    }

    /// What the signature covers: both randoms, then group and share.
    pub(crate) fn signed(
        client_random: &[u8; RANDOM_LEN],
        server_random: &[u8; RANDOM_LEN],
        group: u16,
        share: &[u8],
    ) -> Vec<u8> {
        let mut signed = [&client_random[..], &server_random[..]].concat();
        write_params(group, share, &mut signed);
        signed
    }
}

fn write_params(group: u16, share: &[u8], out: &mut Vec<u8>) {
    out.push(NAMED_CURVE);
    out.extend_from_slice(&group.to_be_bytes());
    put_vector8(out, share);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::fixture;
    use crate::wire::handshake::HandshakeType;

    #[test]
    fn key_shares_of_real_servers_read_back_as_they_were_written() {
        let messages = fixture::all_of(HandshakeType::ServerKeyExchange);
        assert_eq!(messages.len(), 2);
        for body in &messages {
            let message = ServerKeyExchange::parse(body).unwrap();
            assert_eq!((message.group, message.scheme), (0x001d, 0x0403));
            let mut written = Vec::new();
            message.write(&mut written);
            assert_eq!(&written, body);
        }
    }

    #[test]
    fn explicit_curves_are_refused() {
        assert_eq!(ServerKeyExchange::parse(&[1, 0, 23, 0]), Err(ParseError::CurveType(1)));
    }
}
