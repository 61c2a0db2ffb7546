use std::net::SocketAddr;
use std::time::Duration;

use antiphon_stun::{MessageWriter, WriteError};

use super::attribute::{self, AddressError, Family, Icmp, Protocol};

/// Writes TURN's attributes.
///
/// # Errors
///
/// Every method fails as [`MessageWriter::attribute`] does and leaves the message as it was.
pub trait TurnWriter: Sized {
    /// CHANNEL-NUMBER (RFC 8656 section 18.1).
    ///
    /// # Errors
    ///
    /// As [`MessageWriter::attribute`].
    fn channel_number(&mut self, number: u16) -> Result<&mut Self, WriteError>;

    /// LIFETIME; whole seconds, at most `u32::MAX` (RFC 8656 section 18.2).
    ///
    /// # Errors
    ///
    /// As [`MessageWriter::attribute`].
    fn lifetime(&mut self, lifetime: Duration) -> Result<&mut Self, WriteError>;

    /// XOR-PEER-ADDRESS (RFC 8656 section 18.3).
    ///
    /// # Errors
    ///
    /// As [`MessageWriter::attribute`].
    fn xor_peer_address(&mut self, peer: SocketAddr) -> Result<&mut Self, WriteError>;

    /// XOR-RELAYED-ADDRESS (RFC 8656 section 18.5).
    ///
    /// # Errors
    ///
    /// As [`MessageWriter::attribute`].
    fn xor_relayed_address(&mut self, relayed: SocketAddr) -> Result<&mut Self, WriteError>;

    /// DATA (RFC 8656 section 18.4).
    ///
    /// # Errors
    ///
    /// As [`MessageWriter::attribute`].
    fn data(&mut self, data: &[u8]) -> Result<&mut Self, WriteError>;

    /// REQUESTED-ADDRESS-FAMILY (RFC 8656 section 18.6).
    ///
    /// # Errors
    ///
    /// As [`MessageWriter::attribute`].
    fn requested_address_family(&mut self, family: Family) -> Result<&mut Self, WriteError>;

    /// ADDITIONAL-ADDRESS-FAMILY, which can only be IPv6 (RFC 8656 section 18.11).
    ///
    /// # Errors
    ///
    /// As [`MessageWriter::attribute`].
    fn additional_address_family(&mut self) -> Result<&mut Self, WriteError>;

    /// EVEN-PORT (RFC 8656 section 18.7).
    ///
    /// # Errors
    ///
    /// As [`MessageWriter::attribute`].
    fn even_port(&mut self, reserve_next: bool) -> Result<&mut Self, WriteError>;

    /// REQUESTED-TRANSPORT (RFC 8656 section 18.8).
    ///
    /// # Errors
    ///
    /// As [`MessageWriter::attribute`].
    fn requested_transport(&mut self, protocol: Protocol) -> Result<&mut Self, WriteError>;

    /// DONT-FRAGMENT (RFC 8656 section 18.9).
    ///
    /// # Errors
    ///
    /// As [`MessageWriter::attribute`].
    fn dont_fragment(&mut self) -> Result<&mut Self, WriteError>;

    /// RESERVATION-TOKEN (RFC 8656 section 18.10).
    ///
    /// # Errors
    ///
    /// As [`MessageWriter::attribute`].
    fn reservation_token(&mut self, token: [u8; 8]) -> Result<&mut Self, WriteError>;

    /// ADDRESS-ERROR-CODE without a phrase (RFC 8656 section 18.12).
    ///
    /// # Errors
    ///
    /// As [`MessageWriter::attribute`], and [`WriteError::NoErrorCode`] outside 300 to 699.
    fn address_error_code(&mut self, error: AddressError) -> Result<&mut Self, WriteError>;

    /// ICMP (RFC 8656 section 18.13).
    ///
    /// # Errors
    ///
    /// As [`MessageWriter::attribute`].
    fn icmp(&mut self, icmp: Icmp) -> Result<&mut Self, WriteError>;

    /// CONNECTION-ID (RFC 6062 section 6.2.1).
    ///
    /// # Errors
    ///
    /// As [`MessageWriter::attribute`].
    fn connection_id(&mut self, id: u32) -> Result<&mut Self, WriteError>;

    /// MOBILITY-TICKET; empty to ask for one (RFC 8016 section 3.3).
    ///
    /// # Errors
    ///
    /// As [`MessageWriter::attribute`].
    fn mobility_ticket(&mut self, ticket: &[u8]) -> Result<&mut Self, WriteError>;

    /// ACCESS-TOKEN, as the authorization server gave it (RFC 7635 section 6.2).
    ///
    /// # Errors
    ///
    /// As [`MessageWriter::attribute`].
    fn access_token(&mut self, token: &[u8]) -> Result<&mut Self, WriteError>;

    /// THIRD-PARTY-AUTHORIZATION (RFC 7635 section 6.1).
    ///
    /// # Errors
    ///
    /// As [`MessageWriter::attribute`].
    fn third_party_authorization(&mut self, server_name: &[u8]) -> Result<&mut Self, WriteError>;
}

impl TurnWriter for MessageWriter<'_> {
    fn channel_number(&mut self, number: u16) -> Result<&mut Self, WriteError> {
        let [a, b] = number.to_be_bytes();
        //= rfc8656#18.1
        // The second half is zero.
        self.attribute(attribute::CHANNEL_NUMBER, &[a, b, 0, 0])
    }

    fn lifetime(&mut self, lifetime: Duration) -> Result<&mut Self, WriteError> {
        let seconds = u32::try_from(lifetime.as_secs()).unwrap_or(u32::MAX);
        self.attribute(attribute::LIFETIME, &seconds.to_be_bytes())
    }

    fn xor_peer_address(&mut self, peer: SocketAddr) -> Result<&mut Self, WriteError> {
        self.xor_address(attribute::XOR_PEER_ADDRESS, peer)
    }

    fn xor_relayed_address(&mut self, relayed: SocketAddr) -> Result<&mut Self, WriteError> {
        self.xor_address(attribute::XOR_RELAYED_ADDRESS, relayed)
    }

    fn data(&mut self, data: &[u8]) -> Result<&mut Self, WriteError> {
        self.attribute(attribute::DATA, data)
    }

    fn requested_address_family(&mut self, family: Family) -> Result<&mut Self, WriteError> {
        //= rfc8656#18.6
        // The reserved bytes are zero.
        self.attribute(attribute::REQUESTED_ADDRESS_FAMILY, &[family.number(), 0, 0, 0])
    }

    fn additional_address_family(&mut self) -> Result<&mut Self, WriteError> {
        self.attribute(attribute::ADDITIONAL_ADDRESS_FAMILY, &[Family::V6.number(), 0, 0, 0])
    }

    fn even_port(&mut self, reserve_next: bool) -> Result<&mut Self, WriteError> {
        //= rfc8656#18
        // What is no whole number of words is padded, as the writer does with all attributes.
        self.attribute(attribute::EVEN_PORT, &[u8::from(reserve_next) << 7])
    }

    fn requested_transport(&mut self, protocol: Protocol) -> Result<&mut Self, WriteError> {
        //= rfc8656#18.8
        // The reserved bytes are zero.
        self.attribute(attribute::REQUESTED_TRANSPORT, &[protocol.number(), 0, 0, 0])
    }

    fn dont_fragment(&mut self) -> Result<&mut Self, WriteError> {
        self.attribute(attribute::DONT_FRAGMENT, &[])
    }

    fn reservation_token(&mut self, token: [u8; 8]) -> Result<&mut Self, WriteError> {
        self.attribute(attribute::RESERVATION_TOKEN, &token)
    }

    fn address_error_code(&mut self, error: AddressError) -> Result<&mut Self, WriteError> {
        let AddressError { family, code } = error;
        let bytes = (u8::try_from(code / 100).ok(), u8::try_from(code % 100).ok());
        let (Some(class @ 3..=6), Some(number)) = bytes else {
            return Err(WriteError::NoErrorCode { code });
        };
        //= rfc8656#18.12
        // The reserved bits are zero.
        self.attribute(attribute::ADDRESS_ERROR_CODE, &[family.number(), 0, class, number])
    }

    fn icmp(&mut self, icmp: Icmp) -> Result<&mut Self, WriteError> {
        let [a, b, c, d] = icmp.data.to_be_bytes();
        //= rfc8656#18.13
        // The reserved bytes are zero.
        self.attribute(attribute::ICMP, &[0, 0, icmp.kind, icmp.code, a, b, c, d])
    }

    fn connection_id(&mut self, id: u32) -> Result<&mut Self, WriteError> {
        self.attribute(attribute::CONNECTION_ID, &id.to_be_bytes())
    }

    fn mobility_ticket(&mut self, ticket: &[u8]) -> Result<&mut Self, WriteError> {
        self.attribute(attribute::MOBILITY_TICKET, ticket)
    }

    fn access_token(&mut self, token: &[u8]) -> Result<&mut Self, WriteError> {
        self.attribute(attribute::ACCESS_TOKEN, token)
    }

    fn third_party_authorization(&mut self, server_name: &[u8]) -> Result<&mut Self, WriteError> {
        self.attribute(attribute::THIRD_PARTY_AUTHORIZATION, server_name)
    }
}

#[cfg(test)]
mod tests {
    use antiphon_stun::{Class, MessageView, Method, TransactionId};

    use super::*;
    use crate::error::MalformedAttribute;
    use crate::wire::TurnMessage as _;

    fn written(write: impl FnOnce(&mut MessageWriter<'_>)) -> Vec<u8> {
        let mut buf = vec![0; 512];
        let id = TransactionId([9; 12]);
        let mut writer =
            MessageWriter::new(&mut buf, Class::Request, Method::ALLOCATE, id).unwrap();
        write(&mut writer);
        let len = writer.finish();
        buf.truncate(len);
        buf
    }

    //= rfc8656#18
    //= type=test
    //= rfc8656#18.1
    //= type=test
    //= rfc8656#18.6
    //= type=test
    //= rfc8656#18.8
    //= type=test
    #[test]
    fn every_attribute_reads_back() {
        let (v4, v6) = ("192.0.2.1:70".parse().unwrap(), "[2001:db8::1]:443".parse().unwrap());
        let error = AddressError { family: Family::V6, code: 508 };
        let icmp = Icmp { kind: 3, code: 4, data: 1280 };
        let bytes = written(|w| {
            w.channel_number(0x4001).unwrap().lifetime(Duration::from_secs(600)).unwrap();
            w.xor_peer_address(v4).unwrap().xor_peer_address(v6).unwrap();
            w.xor_relayed_address(v6).unwrap().xor_relayed_address(v4).unwrap();
            TurnWriter::data(w, b"abc").unwrap().requested_address_family(Family::V4).unwrap();
            w.additional_address_family().unwrap().even_port(true).unwrap();
            w.requested_transport(Protocol::Udp).unwrap().dont_fragment().unwrap();
            w.reservation_token([5; 8]).unwrap().address_error_code(error).unwrap();
            w.icmp(icmp).unwrap().connection_id(77).unwrap().mobility_ticket(b"").unwrap();
            w.access_token(b"tok").unwrap().third_party_authorization(b"turn").unwrap();
        });
        let view = MessageView::parse(&bytes).unwrap();
        assert_eq!(view.channel_number(), Ok(Some(0x4001)));
        assert_eq!(view.lifetime(), Ok(Some(Duration::from_secs(600))));
        let peers: Result<Vec<_>, _> = view.xor_peer_addresses().collect();
        assert_eq!(peers, Ok(vec![v4, v6]));
        assert_eq!(view.xor_relayed_address(Family::V4), Ok(Some(v4)));
        assert_eq!(view.xor_relayed_address(Family::V6), Ok(Some(v6)));
        assert_eq!(view.data(), Some(&b"abc"[..]));
        assert_eq!(view.requested_address_family(), Ok(Some(1)));
        assert_eq!(view.additional_address_family(), Ok(Some(2)));
        assert_eq!(view.even_port(), Ok(Some(true)));
        assert_eq!(view.requested_transport(), Ok(Some(17)));
        assert!(view.dont_fragment());
        assert_eq!(view.reservation_token(), Ok(Some([5; 8])));
        assert_eq!(view.address_error_code(), Ok(Some(error)));
        assert_eq!(view.icmp(), Ok(Some(icmp)));
        assert_eq!(view.connection_id(), Ok(Some(77)));
        assert_eq!(view.mobility_ticket(), Some(&b""[..]));
        assert_eq!(view.access_token(), Some(&b"tok"[..]));
        assert_eq!(view.third_party_authorization(), Some(&b"turn"[..]));
    }

    // attack: short and odd lengths of attributes
    #[test]
    fn every_attribute_of_a_wrong_length_is_named() {
        for len in 0..=24_usize {
            for kind in [
                attribute::CHANNEL_NUMBER,
                attribute::LIFETIME,
                attribute::XOR_PEER_ADDRESS,
                attribute::RESERVATION_TOKEN,
                attribute::ICMP,
                attribute::EVEN_PORT,
                attribute::ADDRESS_ERROR_CODE,
            ] {
                let bytes = written(|w| {
                    w.attribute(kind, &vec![0; len]).unwrap();
                });
                let view = MessageView::parse(&bytes).unwrap();
                let malformed = MalformedAttribute { kind, len };
                let found = match kind {
                    attribute::CHANNEL_NUMBER => view.channel_number().map(drop),
                    attribute::LIFETIME => view.lifetime().map(drop),
                    attribute::XOR_PEER_ADDRESS => view.xor_peer_address().map(drop),
                    attribute::RESERVATION_TOKEN => view.reservation_token().map(drop),
                    attribute::ICMP => view.icmp().map(drop),
                    attribute::EVEN_PORT => view.even_port().map(drop),
                    _ => view.address_error_code().map(drop),
                };
                let good = match kind {
                    attribute::CHANNEL_NUMBER | attribute::LIFETIME => len == 4,
                    attribute::RESERVATION_TOKEN | attribute::ICMP => len == 8,
                    attribute::EVEN_PORT => len == 1,
                    _ => false,
                };
                assert_eq!(found, if good { Ok(()) } else { Err(malformed) }, "{kind:#x} {len}");
            }
        }
    }
}
