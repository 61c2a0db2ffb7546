//! KeyUpdate ([RFC 8446 section 4.6.3], [RFC 9147 section 8]).
//!
//! [RFC 8446 section 4.6.3]: https://www.rfc-editor.org/rfc/rfc8446#section-4.6.3
//! [RFC 9147 section 8]: https://www.rfc-editor.org/rfc/rfc9147#section-8

use crate::wire::cursor::{ParseError, Reader};

/// Whether the sender wants the peer to change its keys as well.
pub(crate) fn parse(body: &[u8]) -> Result<bool, ParseError> {
    let mut reader = Reader::new(body);
    let requested = match reader.u8()? {
        0 => false,
        1 => true,
        other => return Err(ParseError::Value(u16::from(other))),
    };
    reader.finish()?;
    Ok(requested)
}

/// The message.
pub(crate) fn write(requested: bool) -> Vec<u8> {
    vec![u8::from(requested)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_reads_back_as_it_was_written() {
        for requested in [true, false] {
            assert_eq!(parse(&write(requested)), Ok(requested));
        }
        assert_eq!(parse(&[42]), Err(ParseError::Value(42)));
        assert!(parse(&[0, 0]).is_err());
    }
}
