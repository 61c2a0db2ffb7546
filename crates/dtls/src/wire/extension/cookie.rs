//! cookie ([RFC 8446 section 4.2.2]).
//!
//! [RFC 8446 section 4.2.2]: https://www.rfc-editor.org/rfc/rfc8446#section-4.2.2

use crate::wire::cursor::{ParseError, Reader, put_vector16};

/// The cookie in the extension's data, never empty.
pub(crate) fn parse(data: &[u8]) -> Result<&[u8], ParseError> {
    let mut reader = Reader::new(data);
    let cookie = reader.vector16()?;
    reader.finish()?;
    if cookie.is_empty() {
        return Err(ParseError::VectorLength { len: 0 });
    }
    Ok(cookie)
}

/// Appends the extension's data.
pub(crate) fn write(cookie: &[u8], out: &mut Vec<u8>) {
    put_vector16(out, cookie);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_reads_back_as_it_was_written() {
        let mut data = Vec::new();
        write(&[1, 2, 3], &mut data);
        assert_eq!(parse(&data), Ok(&[1, 2, 3][..]));
        assert!(parse(&[0, 0]).is_err());
    }
}
