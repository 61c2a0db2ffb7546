//! application_layer_protocol_negotiation ([RFC 7301 section 3.1]).
//!
//! [RFC 7301 section 3.1]: https://www.rfc-editor.org/rfc/rfc7301#section-3.1

use crate::wire::cursor::{ParseError, Reader, put_vector8, put_vector16};

/// The protocols in the extension's data, most preferred first; at least one, none empty.
pub(crate) fn parse(data: &[u8]) -> Result<Vec<&[u8]>, ParseError> {
    let mut reader = Reader::new(data);
    let mut list = Reader::new(reader.vector16()?);
    reader.finish()?;
    let mut protocols = Vec::new();
    while !list.is_empty() {
        let protocol = list.vector8()?;
        if protocol.is_empty() {
            return Err(ParseError::VectorLength { len: 0 });
        }
        protocols.push(protocol);
    }
    if protocols.is_empty() {
        return Err(ParseError::VectorLength { len: 0 });
    }
    Ok(protocols)
}

/// Appends the extension's data.
pub(crate) fn write<'p>(protocols: impl IntoIterator<Item = &'p [u8]>, out: &mut Vec<u8>) {
    let mut list = Vec::new();
    for protocol in protocols {
        put_vector8(&mut list, protocol);
    }
    put_vector16(out, &list);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::fixture::{self, Capture};
    use crate::wire::{ClientHello, extension::kind};

    #[test]
    fn firefox_offers_the_protocols_of_webrtc() {
        let (_, body) = &fixture::messages(Capture::FIREFOX, true)[0];
        let data = ClientHello::parse(body).unwrap().extensions.find(kind::ALPN).unwrap();
        let protocols = parse(data).unwrap();
        assert_eq!(protocols, [&b"webrtc"[..], b"c-webrtc"]);
        let mut written = Vec::new();
        write(protocols, &mut written);
        assert_eq!(written, data);
    }

    #[test]
    fn no_protocol_and_an_empty_one_are_refused() {
        assert!(parse(&[0, 0]).is_err());
        assert!(parse(&[0, 1, 0]).is_err());
        assert!(parse(&[0, 2, 1, 7, 0]).is_err());
    }
}
