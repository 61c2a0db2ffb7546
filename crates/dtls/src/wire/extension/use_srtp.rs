//! use_srtp ([RFC 5764 section 4.1.1]).
//!
//! [RFC 5764 section 4.1.1]: https://www.rfc-editor.org/rfc/rfc5764#section-4.1.1

use crate::wire::cursor::{ParseError, Reader, put_numbers16, put_vector8};
use crate::wire::numbers;

/// Protection profiles and a master key identifier.
///
/// ```text
/// +---------------+----------+
/// | profiles, 2+n | MKI, 1+n |
/// +---------------+----------+
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct UseSrtp<'a> {
    profiles: &'a [u8],
    pub(crate) mki: &'a [u8],
}

impl<'a> UseSrtp<'a> {
    pub(crate) fn parse(data: &'a [u8]) -> Result<Self, ParseError> {
        let mut reader = Reader::new(data);
        let value = Self { profiles: reader.numbers16()?, mki: reader.vector8()? };
        reader.finish()?;
        Ok(value)
    }

    pub(crate) fn profiles(&self) -> impl Iterator<Item = u16> + '_ {
        numbers(self.profiles)
    }
}

/// Appends the extension's data; the master key identifier is empty.
pub(crate) fn write(profiles: impl IntoIterator<Item = u16>, out: &mut Vec<u8>) {
    //= rfc8827#6.5
    // A master key identifier is never used.
    put_numbers16(out, profiles);
    put_vector8(out, &[]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::fixture;
    use crate::wire::handshake::HandshakeType;
    use crate::wire::{ClientHello, extension::kind};

    #[test]
    fn profiles_of_real_clients_read_back_as_they_were_written() {
        let expected: [&[u16]; 4] = [&[1, 8, 7], &[7, 8, 1, 2], &[7, 8, 1, 2], &[8, 7, 1]];
        let hellos = fixture::all_of(HandshakeType::ClientHello);
        for (body, expected) in hellos.iter().zip(expected) {
            let data = ClientHello::parse(body).unwrap().extensions.find(kind::USE_SRTP).unwrap();
            let value = UseSrtp::parse(data).unwrap();
            assert_eq!(value.profiles().collect::<Vec<_>>(), expected);
            let mut written = Vec::new();
            write(value.profiles(), &mut written);
            assert_eq!(written, data);
        }
    }

    #[test]
    fn odd_or_empty_lists_are_refused() {
        assert!(UseSrtp::parse(&[0, 0, 0]).is_err());
        assert!(UseSrtp::parse(&[0, 1, 0, 0]).is_err());
        assert!(UseSrtp::parse(&[0, 2, 0, 1]).is_err());
        assert_eq!(UseSrtp::parse(&[0, 2, 0, 1, 2, 9, 9]).unwrap().mki, [9, 9]);
    }
}
