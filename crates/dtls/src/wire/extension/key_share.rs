//! key_share ([RFC 8446 section 4.2.8]).
//!
//! [RFC 8446 section 4.2.8]: https://www.rfc-editor.org/rfc/rfc8446#section-4.2.8

use crate::wire::cursor::{ParseError, Reader, put_vector16};

/// A share, with the number of its group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct KeyShare<'a> {
    pub(crate) group: u16,
    pub(crate) share: &'a [u8],
}

impl<'a> KeyShare<'a> {
    fn read(reader: &mut Reader<'a>) -> Result<Self, ParseError> {
        let entry = Self { group: reader.u16()?, share: reader.vector16()? };
        if entry.share.is_empty() {
            return Err(ParseError::VectorLength { len: 0 });
        }
        Ok(entry)
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.group.to_be_bytes());
        put_vector16(out, self.share);
    }

    /// The share in a server's hello.
    pub(crate) fn parse(data: &'a [u8]) -> Result<Self, ParseError> {
        let mut reader = Reader::new(data);
        let entry = Self::read(&mut reader)?;
        reader.finish()?;
        Ok(entry)
    }
}

/// The shares of a client, most preferred first. No group comes twice.
pub(crate) fn parse_all(data: &[u8]) -> Result<Vec<KeyShare<'_>>, ParseError> {
    let mut reader = Reader::new(data);
    let mut list = Reader::new(reader.vector16()?);
    reader.finish()?;
    let mut shares: Vec<KeyShare<'_>> = Vec::new();
    while !list.is_empty() {
        let entry = KeyShare::read(&mut list)?;
        //= rfc8446#4.2.8
        // Two shares of one group are an error.
        if shares.iter().any(|known| known.group == entry.group) {
            return Err(ParseError::DuplicateKeyShare(entry.group));
        }
        shares.push(entry);
    }
    Ok(shares)
}

/// Appends a client's shares.
pub(crate) fn write_all<'s>(shares: impl IntoIterator<Item = KeyShare<'s>>, out: &mut Vec<u8>) {
    let mut list = Vec::new();
    for share in shares {
        share.write(&mut list);
    }
    put_vector16(out, &list);
}

/// Appends a server's share.
pub(crate) fn write_chosen(share: KeyShare<'_>, out: &mut Vec<u8>) {
    share.write(out);
}

/// The group that a HelloRetryRequest asks for.
pub(crate) fn parse_wanted(data: &[u8]) -> Result<u16, ParseError> {
    let mut reader = Reader::new(data);
    let group = reader.u16()?;
    reader.finish()?;
    Ok(group)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::fixture::{self, Capture};
    use crate::wire::{ClientHello, extension::kind};

    #[test]
    fn shares_of_browsers_read_back_as_they_were_written() {
        for capture in [Capture::CHROMIUM, Capture::FIREFOX] {
            let (_, body) = &fixture::messages(capture, true)[0];
            let data = ClientHello::parse(body).unwrap().extensions.find(kind::KEY_SHARE).unwrap();
            let shares = parse_all(data).unwrap();
            assert_eq!((shares[0].group, shares[0].share.len()), (0x11ec, 1216));
            let mut written = Vec::new();
            write_all(shares, &mut written);
            assert_eq!(written, data);
        }
    }

    #[test]
    fn a_group_has_one_share_and_none_is_empty() {
        let share = KeyShare { group: 29, share: &[1] };
        let mut data = Vec::new();
        write_all([share, share], &mut data);
        assert_eq!(parse_all(&data), Err(ParseError::DuplicateKeyShare(29)));
        assert!(parse_all(&[0, 4, 0, 29, 0, 0]).is_err());
        assert_eq!(parse_all(&[0, 0]), Ok(Vec::new()));
        assert_eq!(parse_wanted(&[0, 29]), Ok(29));
        let mut data = Vec::new();
        write_chosen(share, &mut data);
        assert_eq!(KeyShare::parse(&data), Ok(share));
    }
}
