//! record_size_limit ([RFC 8449 section 4]).
//!
//! [RFC 8449 section 4]: https://www.rfc-editor.org/rfc/rfc8449#section-4

use crate::wire::cursor::{ParseError, Reader};

/// The least that anybody may announce, in bytes.
pub(crate) const LEAST: u16 = 64;

/// The longest plaintext that the sender takes, in bytes; with DTLS 1.3 it counts the byte of the
/// content type, too. `None` when it is below what is allowed.
pub(crate) fn parse(data: &[u8]) -> Result<Option<u16>, ParseError> {
    let mut reader = Reader::new(data);
    let limit = reader.u16()?;
    reader.finish()?;
    Ok((limit >= LEAST).then_some(limit))
}

/// Appends the extension's data.
pub(crate) fn write(limit: u16, out: &mut Vec<u8>) {
    out.extend_from_slice(&limit.to_be_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::fixture::{self, Capture};
    use crate::wire::{ClientHello, extension::kind};

    #[test]
    fn firefox_announces_a_limit() {
        let (_, body) = &fixture::messages(Capture::FIREFOX, true)[0];
        let hello = ClientHello::parse(body).unwrap();
        let data = hello.extensions.find(kind::RECORD_SIZE_LIMIT).unwrap();
        let limit = parse(data).unwrap().unwrap();
        let mut written = Vec::new();
        write(limit, &mut written);
        assert_eq!(written, data);
        assert_eq!(parse(&[0, 63]), Ok(None));
        assert!(parse(&[0]).is_err());
    }
}
