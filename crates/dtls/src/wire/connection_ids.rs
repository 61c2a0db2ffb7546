//! NewConnectionId and RequestConnectionId ([RFC 9147 section 9]).
//!
//! [RFC 9147 section 9]: https://www.rfc-editor.org/rfc/rfc9147#section-9

use crate::wire::cursor::{ParseError, Reader};

/// Ids that the sender takes from now on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NewConnectionId<'a> {
    pub(crate) ids: Vec<&'a [u8]>,
    /// Whether the first of them is to be used at once.
    pub(crate) immediate: bool,
}

impl<'a> NewConnectionId<'a> {
    pub(crate) fn parse(body: &'a [u8]) -> Result<Self, ParseError> {
        let mut reader = Reader::new(body);
        let mut list = Reader::new(reader.vector16()?);
        let mut ids = Vec::new();
        while !list.is_empty() {
            ids.push(list.vector8()?);
        }
        let immediate = match reader.u8()? {
            0 => true,
            1 => false,
            other => return Err(ParseError::Value(u16::from(other))),
        };
        reader.finish()?;
        Ok(Self { ids, immediate })
    }

    #[cfg(test)]
    pub(crate) fn write(&self) -> Vec<u8> {
        use crate::wire::cursor::{put_vector8, put_vector16};
        let (mut list, mut out) = (Vec::new(), Vec::new());
        for id in &self.ids {
            put_vector8(&mut list, id);
        }
        put_vector16(&mut out, &list);
        out.push(u8::from(!self.immediate));
        out
    }
}

/// How many ids the sender of a RequestConnectionId would like to have.
pub(crate) fn parse_request(body: &[u8]) -> Result<u8, ParseError> {
    let mut reader = Reader::new(body);
    let count = reader.u8()?;
    reader.finish()?;
    Ok(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_read_back_as_they_were_written() {
        for immediate in [true, false] {
            let message = NewConnectionId { ids: vec![&[1, 2], &[3]], immediate };
            assert_eq!(NewConnectionId::parse(&message.write()), Ok(message));
        }
        assert!(NewConnectionId::parse(&[0, 0, 9]).is_err());
        assert_eq!(parse_request(&[3]), Ok(3));
        assert!(parse_request(&[]).is_err());
    }
}
