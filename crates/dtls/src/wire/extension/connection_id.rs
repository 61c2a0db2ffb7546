//! connection_id ([RFC 9146 section 3]).
//!
//! [RFC 9146 section 3]: https://www.rfc-editor.org/rfc/rfc9146#section-3

use crate::wire::cursor::{ParseError, Reader, put_vector8};

/// The id that the sender wants to see in records for it. Empty: none, but it would send ours.
pub(crate) fn parse(data: &[u8]) -> Result<&[u8], ParseError> {
    let mut reader = Reader::new(data);
    let id = reader.vector8()?;
    reader.finish()?;
    Ok(id)
}

/// Appends the extension's data.
pub(crate) fn write(id: &[u8], out: &mut Vec<u8>) {
    put_vector8(out, id);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_reads_back_as_it_was_written() {
        for id in [&[][..], &[1, 2, 3]] {
            let mut data = Vec::new();
            write(id, &mut data);
            assert_eq!(parse(&data), Ok(id));
        }
        assert!(parse(&[2, 1]).is_err());
    }
}
