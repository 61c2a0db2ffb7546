use std::net::SocketAddr;

use super::address::{self, Mask};
use super::algorithm::{AlgorithmView, Algorithms};
use super::attribute::{self, Attributes};
use super::view::MessageView;

/// CHANGE-REQUEST: from where a server that knows RFC 5780 shall answer
/// ([RFC 5780 section 7.2](https://www.rfc-editor.org/rfc/rfc5780#section-7.2)).
///
/// ```text
/// +-----------------------------------------------------+--+----+-+
/// |                         0                           |ip|port|0|
/// +-----------------------------------------------------+--+----+-+
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ChangeRequest {
    /// From its other address.
    pub ip: bool,
    /// From its other port.
    pub port: bool,
}

impl ChangeRequest {
    const IP: u32 = 4;
    const PORT: u32 = 2;

    pub(super) const fn to_bits(self) -> u32 {
        (if self.ip { Self::IP } else { 0 }) | (if self.port { Self::PORT } else { 0 })
    }

    const fn from_bits(bits: u32) -> Self {
        Self { ip: bits & Self::IP != 0, port: bits & Self::PORT != 0 }
    }
}

impl<'a> MessageView<'a> {
    /// USERHASH: SHA-256 over username and realm (RFC 8489 section 14.4).
    #[must_use]
    pub fn userhash(&self) -> Option<&'a [u8; 32]> {
        self.find(attribute::USERHASH)?.first_chunk()
    }

    /// PASSWORD-ALGORITHM (RFC 8489 section 14.12).
    #[must_use]
    pub fn password_algorithm(&self) -> Option<AlgorithmView<'a>> {
        Algorithms(self.find(attribute::PASSWORD_ALGORITHM)?).next()
    }

    /// PASSWORD-ALGORITHMS (RFC 8489 section 14.11), the favourite first; none if it is absent.
    #[must_use]
    pub fn password_algorithms(&self) -> Algorithms<'a> {
        Algorithms(self.find(attribute::PASSWORD_ALGORITHMS).unwrap_or_default())
    }

    /// The first ALTERNATE-SERVER (RFC 8489 section 14.15): where to ask instead.
    #[must_use]
    pub fn alternate_server(&self) -> Option<SocketAddr> {
        self.alternate_servers().next()
    }

    /// All of them: a second one has an address of the other family (RFC 8489 section 10).
    #[must_use]
    pub fn alternate_servers(&self) -> AlternateServers<'a> {
        AlternateServers(Attributes::new(self.plain()))
    }

    /// ALTERNATE-DOMAIN (RFC 8489 section 14.16): the name in the other server's certificate.
    #[must_use]
    pub fn alternate_domain(&self) -> Option<&'a str> {
        std::str::from_utf8(self.find(attribute::ALTERNATE_DOMAIN)?).ok()
    }

    /// CHANGE-REQUEST (RFC 5780 section 7.2).
    #[must_use]
    pub fn change_request(&self) -> Option<ChangeRequest> {
        let value = self.find(attribute::CHANGE_REQUEST)?.first_chunk()?;
        Some(ChangeRequest::from_bits(u32::from_be_bytes(*value)))
    }

    /// RESPONSE-ORIGIN (RFC 5780 section 7.3): from where the server says it answers.
    #[must_use]
    pub fn response_origin(&self) -> Option<SocketAddr> {
        address::parse(self.find(attribute::RESPONSE_ORIGIN)?, Mask::PLAIN)
    }

    /// OTHER-ADDRESS (RFC 5780 section 7.4): the server's other address and other port.
    #[must_use]
    pub fn other_address(&self) -> Option<SocketAddr> {
        address::parse(self.find(attribute::OTHER_ADDRESS)?, Mask::PLAIN)
    }

    /// RESPONSE-PORT (RFC 5780 section 7.5): the port to which the server shall answer.
    #[must_use]
    pub fn response_port(&self) -> Option<u16> {
        Some(u16::from_be_bytes(*self.find(attribute::RESPONSE_PORT)?.first_chunk()?))
    }

    /// PADDING (RFC 5780 section 7.6).
    #[must_use]
    pub fn padding(&self) -> Option<&'a [u8]> {
        self.find(attribute::PADDING)
    }
}

/// See [`MessageView::alternate_servers`].
#[derive(Clone, Debug)]
pub struct AlternateServers<'a>(Attributes<'a>);

impl Iterator for AlternateServers<'_> {
    type Item = SocketAddr;

    fn next(&mut self) -> Option<SocketAddr> {
        self.0
            .find(|attribute| attribute.kind == attribute::ALTERNATE_SERVER)
            .and_then(|attribute| address::parse(attribute.value, Mask::PLAIN))
    }
}
