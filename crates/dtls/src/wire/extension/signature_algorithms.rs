//! signature_algorithms ([RFC 5246 section 7.4.1.4.1]).
//!
//! [RFC 5246 section 7.4.1.4.1]: https://www.rfc-editor.org/rfc/rfc5246#section-7.4.1.4.1

use crate::wire::cursor::{ParseError, Reader, put_numbers16};
use crate::wire::numbers;

/// The schemes in the extension's data, most preferred first.
pub(crate) fn parse(data: &[u8]) -> Result<impl Iterator<Item = u16> + '_, ParseError> {
    let mut reader = Reader::new(data);
    let list = reader.numbers16()?;
    reader.finish()?;
    Ok(numbers(list))
}

/// Appends the extension's data.
pub(crate) fn write(schemes: impl IntoIterator<Item = u16>, out: &mut Vec<u8>) {
    put_numbers16(out, schemes);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schemes_read_back_as_they_were_written() {
        let mut data = Vec::new();
        write([0x0403, 0x0804], &mut data);
        assert_eq!(parse(&data).unwrap().collect::<Vec<_>>(), [0x0403, 0x0804]);
        assert!(parse(&[0, 1, 4]).is_err());
    }
}
