//! supported_groups ([RFC 8422 section 5.1.1]).
//!
//! [RFC 8422 section 5.1.1]: https://www.rfc-editor.org/rfc/rfc8422#section-5.1.1

use crate::wire::cursor::{ParseError, Reader, put_numbers16};
use crate::wire::numbers;

/// The groups in the extension's data, most preferred first.
pub(crate) fn parse(data: &[u8]) -> Result<impl Iterator<Item = u16> + '_, ParseError> {
    let mut reader = Reader::new(data);
    let list = reader.numbers16()?;
    reader.finish()?;
    Ok(numbers(list))
}

/// Appends the extension's data.
pub(crate) fn write(groups: impl IntoIterator<Item = u16>, out: &mut Vec<u8>) {
    put_numbers16(out, groups);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_read_back_as_they_were_written() {
        let mut data = Vec::new();
        write([0x11ec, 0x001d, 0x0017], &mut data);
        assert_eq!(data, [0, 6, 0x11, 0xec, 0, 0x1d, 0, 0x17]);
        assert_eq!(parse(&data).unwrap().collect::<Vec<_>>(), [0x11ec, 0x001d, 0x0017]);
        assert!(parse(&[0, 0]).is_err());
    }
}
