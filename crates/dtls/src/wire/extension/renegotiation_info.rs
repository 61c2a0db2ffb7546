//! renegotiation_info of a first handshake ([RFC 5746 section 3.2]).
//!
//! [RFC 5746 section 3.2]: https://www.rfc-editor.org/rfc/rfc5746#section-3.2

use crate::wire::cursor::{ParseError, Reader, put_vector8};

/// Whether the extension's data names no earlier connection, as in a first handshake.
pub(crate) fn parse(data: &[u8]) -> Result<bool, ParseError> {
    let mut reader = Reader::new(data);
    let connection = reader.vector8()?;
    reader.finish()?;
    Ok(connection.is_empty())
}

/// Appends the extension's data: no earlier connection.
pub(crate) fn write(out: &mut Vec<u8>) {
    put_vector8(out, &[]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_first_handshake_reads_back_as_it_was_written() {
        let mut data = Vec::new();
        write(&mut data);
        assert_eq!(parse(&data), Ok(true));
        assert_eq!(parse(&[2, 1, 1]), Ok(false));
        assert!(parse(&[]).is_err());
    }
}
