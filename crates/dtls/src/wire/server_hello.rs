//! ServerHello ([RFC 5246 section 7.4.1.3]).
//!
//! [RFC 5246 section 7.4.1.3]: https://www.rfc-editor.org/rfc/rfc5246#section-7.4.1.3

use crate::wire::RANDOM_LEN;
use crate::wire::client_hello::session_id;
use crate::wire::cursor::{ParseError, Reader, put_vector8};
use crate::wire::extension::Extensions;

/// What the server chose.
///
/// ```text
/// +---------+------------+-----------------+--------------+-------------+-----------------+
/// | version | random, 32 | session id, 1+n | cipher suite | compression | extensions, 2+n |
/// +---------+------------+-----------------+--------------+-------------+-----------------+
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ServerHello<'a> {
    pub(crate) version: u16,
    pub(crate) random: [u8; RANDOM_LEN],
    pub(crate) session_id: &'a [u8],
    pub(crate) cipher_suite: u16,
    pub(crate) compression_method: u8,
    pub(crate) extensions: Extensions<'a>,
}

impl<'a> ServerHello<'a> {
    pub(crate) fn parse(body: &'a [u8]) -> Result<Self, ParseError> {
        let mut reader = Reader::new(body);
        let hello = Self {
            version: reader.u16()?,
            random: reader.array()?,
            session_id: session_id(&mut reader)?,
            cipher_suite: reader.u16()?,
            compression_method: reader.u8()?,
            extensions: Extensions::read(&mut reader)?,
        };
        reader.finish()?;
        Ok(hello)
    }

    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.version.to_be_bytes());
        out.extend_from_slice(&self.random);
        put_vector8(out, self.session_id);
        out.extend_from_slice(&self.cipher_suite.to_be_bytes());
        out.push(self.compression_method);
        self.extensions.write(out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::fixture;
    use crate::wire::handshake::HandshakeType;

    #[test]
    fn hellos_of_real_servers_read_back_as_they_were_written() {
        let hellos = fixture::all_of(HandshakeType::ServerHello);
        assert_eq!(hellos.len(), 4);
        for body in &hellos {
            let hello = ServerHello::parse(body).unwrap();
            let mut written = Vec::new();
            hello.write(&mut written);
            assert_eq!(&written, body);
        }
    }
}
