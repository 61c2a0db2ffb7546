//! supported_versions, a list from clients and a number from servers ([RFC 8446 section 4.2.1]).
//!
//! [RFC 8446 section 4.2.1]: https://www.rfc-editor.org/rfc/rfc8446#section-4.2.1

use crate::wire::cursor::{ParseError, Reader, put_vector8};
use crate::wire::numbers;

/// The versions in the extension's data, most preferred first.
pub(crate) fn parse(data: &[u8]) -> Result<impl Iterator<Item = u16> + '_, ParseError> {
    let mut reader = Reader::new(data);
    let list = reader.vector8()?;
    reader.finish()?;
    if list.is_empty() || !list.len().is_multiple_of(2) {
        return Err(ParseError::VectorLength { len: list.len() });
    }
    Ok(numbers(list))
}

/// Appends the extension's data as a client sends it.
pub(crate) fn write(versions: impl IntoIterator<Item = u16>, out: &mut Vec<u8>) {
    let list: Vec<u8> = versions.into_iter().flat_map(u16::to_be_bytes).collect();
    put_vector8(out, &list);
}

/// The version in the extension's data as a server sends it.
pub(crate) fn parse_chosen(data: &[u8]) -> Result<u16, ParseError> {
    let mut reader = Reader::new(data);
    let version = reader.u16()?;
    reader.finish()?;
    Ok(version)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::fixture::{self, Capture};
    use crate::wire::{ClientHello, extension::kind};

    #[test]
    fn todays_browsers_offer_dtls_1_3_and_1_2() {
        for capture in [Capture::CHROMIUM, Capture::FIREFOX] {
            let (_, body) = &fixture::messages(capture, true)[0];
            let hello = ClientHello::parse(body).unwrap();
            let data = hello.extensions.find(kind::SUPPORTED_VERSIONS).unwrap();
            let versions: Vec<_> = parse(data).unwrap().take(2).collect();
            assert_eq!(versions, [0xfefc, 0xfefd]);
        }
    }
}
