//! ClientHello ([RFC 6347 section 4.2.1]).
//!
//! [RFC 6347 section 4.2.1]: https://www.rfc-editor.org/rfc/rfc6347#section-4.2.1

use crate::wire::cursor::{ParseError, Reader, put_vector8, put_vector16};
use crate::wire::extension::Extensions;
use crate::wire::{RANDOM_LEN, numbers};

/// What the client offers.
///
/// ```text
/// +---------+------------+-----------------+-------------+--------------------+
/// | version | random, 32 | session id, 1+n | cookie, 1+n | cipher suites, 2+n |
/// +---------+------------+-----------------+-------------+--------------------+
/// +-------------------------+-----------------+
/// | compression methods,1+n | extensions, 2+n |
/// +-------------------------+-----------------+
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ClientHello<'a> {
    pub(crate) version: u16,
    pub(crate) random: [u8; RANDOM_LEN],
    pub(crate) session_id: &'a [u8],
    pub(crate) cookie: &'a [u8],
    cipher_suites: &'a [u8],
    pub(crate) compression_methods: &'a [u8],
    pub(crate) extensions: Extensions<'a>,
}

impl<'a> ClientHello<'a> {
    pub(crate) fn parse(body: &'a [u8]) -> Result<Self, ParseError> {
        let mut reader = Reader::new(body);
        let hello = Self {
            version: reader.u16()?,
            random: reader.array()?,
            session_id: session_id(&mut reader)?,
            cookie: reader.vector8()?,
            cipher_suites: reader.numbers16()?,
            compression_methods: reader.vector8()?,
            extensions: Extensions::read(&mut reader)?,
        };
        reader.finish()?;
        Ok(hello)
    }

    /// A hello with `suites`, a list of 16-bit numbers, and no compression.
    pub(crate) fn offering(
        version: u16,
        random: [u8; RANDOM_LEN],
        suites: &'a [u8],
        cookie: &'a [u8],
        extensions: Extensions<'a>,
    ) -> Self {
        Self {
            version,
            random,
            session_id: &[],
            cookie,
            cipher_suites: suites,
            compression_methods: &[super::NULL_COMPRESSION],
            extensions,
        }
    }

    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.version.to_be_bytes());
        out.extend_from_slice(&self.random);
        put_vector8(out, self.session_id);
        put_vector8(out, self.cookie);
        put_vector16(out, self.cipher_suites);
        put_vector8(out, self.compression_methods);
        self.extensions.write(out);
    }

    pub(crate) fn offers_suite(&self, suite: u16) -> bool {
        numbers(self.cipher_suites).any(|offered| offered == suite)
    }
}

/// A session id of at most 32 bytes.
pub(super) fn session_id<'a>(reader: &mut Reader<'a>) -> Result<&'a [u8], ParseError> {
    let id = reader.vector8()?;
    if id.len() > 32 {
        return Err(ParseError::VectorLength { len: id.len() });
    }
    Ok(id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::DTLS_1_2;
    use crate::wire::fixture;
    use crate::wire::handshake::HandshakeType;

    #[test]
    fn hellos_of_real_clients_read_back_as_they_were_written() {
        let hellos = fixture::all_of(HandshakeType::ClientHello);
        let lengths: Vec<_> = hellos.iter().map(Vec::len).collect();
        assert_eq!(lengths, [1413, 1461, 164, 144]);
        for body in &hellos {
            let hello = ClientHello::parse(body).unwrap();
            let mut written = Vec::new();
            hello.write(&mut written);
            assert_eq!(&written, body);
            assert_eq!(hello.version, DTLS_1_2);
            assert!(hello.offers_suite(0xc02b));
            assert_eq!((hello.session_id, hello.cookie), (&[][..], &[][..]));
        }
    }

    #[test]
    fn every_cut_of_a_real_hello_is_refused() {
        let [hello, ..] = &fixture::all_of(HandshakeType::ClientHello)[..] else { panic!() };
        // After the compression methods the extensions may be missing as a whole.
        let whole = (0..hello.len()).filter(|cut| ClientHello::parse(&hello[..*cut]).is_ok());
        assert!(whole.count() <= 1);
        let mut long = hello.clone();
        long.push(0);
        assert_eq!(ClientHello::parse(&long), Err(ParseError::Trailing(1)));
    }
}
