//! ec_point_formats ([RFC 8422 section 5.1.2]).
//!
//! [RFC 8422 section 5.1.2]: https://www.rfc-editor.org/rfc/rfc8422#section-5.1.2

use crate::wire::cursor::{ParseError, Reader, put_vector8};

/// Points are written with both coordinates; the only format left.
const UNCOMPRESSED: u8 = 0;

/// Whether the extension's data names the uncompressed format, as it must.
pub(crate) fn parse(data: &[u8]) -> Result<bool, ParseError> {
    let mut reader = Reader::new(data);
    let formats = reader.vector8()?;
    reader.finish()?;
    Ok(formats.contains(&UNCOMPRESSED))
}

/// Appends the extension's data: uncompressed only.
pub(crate) fn write(out: &mut Vec<u8>) {
    put_vector8(out, &[UNCOMPRESSED]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_format_reads_back_as_it_was_written() {
        let mut data = Vec::new();
        write(&mut data);
        assert_eq!(parse(&data), Ok(true));
        assert_eq!(parse(&[1, 1]), Ok(false));
        assert!(parse(&[1]).is_err());
    }
}
