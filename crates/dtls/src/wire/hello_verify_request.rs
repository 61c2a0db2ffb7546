//! HelloVerifyRequest ([RFC 6347 section 4.2.1]).
//!
//! [RFC 6347 section 4.2.1]: https://www.rfc-editor.org/rfc/rfc6347#section-4.2.1

use crate::wire::cursor::{ParseError, Reader, put_vector8};

/// A cookie that the client has to bring back.
///
/// ```text
/// +---------+-------------+
/// | version | cookie, 1+n |
/// +---------+-------------+
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct HelloVerifyRequest<'a> {
    /// Says how the message is laid out, not which version will be spoken.
    pub(crate) version: u16,
    pub(crate) cookie: &'a [u8],
}

impl<'a> HelloVerifyRequest<'a> {
    pub(crate) fn parse(body: &'a [u8]) -> Result<Self, ParseError> {
        let mut reader = Reader::new(body);
        let request = Self { version: reader.u16()?, cookie: reader.vector8()? };
        reader.finish()?;
        Ok(request)
    }

    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.version.to_be_bytes());
        put_vector8(out, self.cookie);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_of_any_length_reads_back_as_it_was_written() {
        for len in [0, 1, 32, 255] {
            let cookie = vec![7; len];
            let request = HelloVerifyRequest { version: crate::wire::DTLS_1_0, cookie: &cookie };
            let mut body = Vec::new();
            request.write(&mut body);
            assert_eq!(HelloVerifyRequest::parse(&body), Ok(request));
        }
    }
}
