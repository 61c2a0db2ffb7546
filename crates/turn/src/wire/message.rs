use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use antiphon_stun::{Attributes, MAGIC_COOKIE, MessageView, TransactionId};

use super::attribute::{self, AddressError, Family, Icmp};
use crate::error::MalformedAttribute;

/// TURN's attributes of a message, typed.
///
/// `Ok(None)` says that the attribute is absent.
///
/// # Errors
///
/// Every method says [`MalformedAttribute`] when the value cannot be one.
pub trait TurnMessage {
    /// CHANNEL-NUMBER: any number; whether it is a channel's is for the caller to say
    /// (RFC 8656 section 18.1).
    ///
    /// # Errors
    ///
    /// When it is not four bytes long.
    fn channel_number(&self) -> Result<Option<u16>, MalformedAttribute>;

    /// LIFETIME in whole seconds (RFC 8656 section 18.2).
    ///
    /// # Errors
    ///
    /// When it is not four bytes long.
    fn lifetime(&self) -> Result<Option<Duration>, MalformedAttribute>;

    /// The first XOR-PEER-ADDRESS (RFC 8656 section 18.3).
    ///
    /// # Errors
    ///
    /// When it is no address.
    fn xor_peer_address(&self) -> Result<Option<SocketAddr>, MalformedAttribute>;

    /// Each XOR-PEER-ADDRESS of a CreatePermission request (RFC 8656 section 10.1).
    fn xor_peer_addresses(&self) -> PeerAddresses<'_>;

    /// The XOR-RELAYED-ADDRESS of that family (RFC 8656 section 18.5).
    ///
    /// # Errors
    ///
    /// When one of them is no address.
    fn xor_relayed_address(&self, family: Family)
    -> Result<Option<SocketAddr>, MalformedAttribute>;

    /// DATA (RFC 8656 section 18.4), which may be empty.
    fn data(&self) -> Option<&[u8]>;

    /// REQUESTED-ADDRESS-FAMILY (RFC 8656 section 18.6): a number of two known ones.
    ///
    /// # Errors
    ///
    /// When it is not four bytes long.
    fn requested_address_family(&self) -> Result<Option<u8>, MalformedAttribute>;

    /// ADDITIONAL-ADDRESS-FAMILY (RFC 8656 section 18.11): a number of two known ones.
    ///
    /// # Errors
    ///
    /// When it is not four bytes long.
    fn additional_address_family(&self) -> Result<Option<u8>, MalformedAttribute>;

    /// EVEN-PORT (RFC 8656 section 18.7): whether to reserve the next port, too.
    ///
    /// # Errors
    ///
    /// When it is not one byte long.
    fn even_port(&self) -> Result<Option<bool>, MalformedAttribute>;

    /// REQUESTED-TRANSPORT (RFC 8656 section 18.8): the number of a protocol.
    ///
    /// # Errors
    ///
    /// When it is not four bytes long.
    fn requested_transport(&self) -> Result<Option<u8>, MalformedAttribute>;

    /// Whether DONT-FRAGMENT is there (RFC 8656 section 18.9).
    fn dont_fragment(&self) -> bool;

    /// RESERVATION-TOKEN (RFC 8656 section 18.10).
    ///
    /// # Errors
    ///
    /// When it is not eight bytes long.
    fn reservation_token(&self) -> Result<Option<[u8; 8]>, MalformedAttribute>;

    /// ADDRESS-ERROR-CODE (RFC 8656 section 18.12).
    ///
    /// # Errors
    ///
    /// When it is shorter than four bytes, of no known family, or no error code.
    fn address_error_code(&self) -> Result<Option<AddressError>, MalformedAttribute>;

    /// ICMP (RFC 8656 section 18.13).
    ///
    /// # Errors
    ///
    /// When it is not eight bytes long.
    fn icmp(&self) -> Result<Option<Icmp>, MalformedAttribute>;

    /// CONNECTION-ID (RFC 6062 section 6.2.1).
    ///
    /// # Errors
    ///
    /// When it is not four bytes long.
    fn connection_id(&self) -> Result<Option<u32>, MalformedAttribute>;

    /// MOBILITY-TICKET (RFC 8016 section 3.3); empty when a client asks for one.
    fn mobility_ticket(&self) -> Option<&[u8]>;

    /// ACCESS-TOKEN (RFC 7635 section 6.2), still closed.
    fn access_token(&self) -> Option<&[u8]>;

    /// THIRD-PARTY-AUTHORIZATION: the server's name (RFC 7635 section 6.1).
    fn third_party_authorization(&self) -> Option<&[u8]>;
}

/// An attribute of exactly `N` bytes.
fn fixed<const N: usize>(
    view: &MessageView<'_>,
    kind: u16,
) -> Result<Option<[u8; N]>, MalformedAttribute> {
    let Some(value) = view.find(kind) else { return Ok(None) };
    <[u8; N]>::try_from(value).map(Some).map_err(|_| MalformedAttribute { kind, len: value.len() })
}

impl TurnMessage for MessageView<'_> {
    fn channel_number(&self) -> Result<Option<u16>, MalformedAttribute> {
        //= rfc8656#18.1
        // The second half is for the future and ignored.
        Ok(fixed(self, attribute::CHANNEL_NUMBER)?.map(|[a, b, _, _]| u16::from_be_bytes([a, b])))
    }

    fn lifetime(&self) -> Result<Option<Duration>, MalformedAttribute> {
        let seconds = fixed(self, attribute::LIFETIME)?.map(u32::from_be_bytes);
        Ok(seconds.map(|seconds| Duration::from_secs(u64::from(seconds))))
    }

    fn xor_peer_address(&self) -> Result<Option<SocketAddr>, MalformedAttribute> {
        self.xor_peer_addresses().next().transpose()
    }

    fn xor_peer_addresses(&self) -> PeerAddresses<'_> {
        PeerAddresses { attributes: self.attributes(), id: self.transaction_id() }
    }

    fn xor_relayed_address(
        &self,
        family: Family,
    ) -> Result<Option<SocketAddr>, MalformedAttribute> {
        for found in self.attributes().filter(|a| a.kind == attribute::XOR_RELAYED_ADDRESS) {
            let (kind, len) = (found.kind, found.value.len());
            let address = parse_xor_address(found.value, self.transaction_id())
                .ok_or(MalformedAttribute { kind, len })?;
            if Family::of(address.ip()) == family {
                return Ok(Some(address));
            }
        }
        Ok(None)
    }

    fn data(&self) -> Option<&[u8]> {
        self.find(attribute::DATA)
    }

    fn requested_address_family(&self) -> Result<Option<u8>, MalformedAttribute> {
        //= rfc8656#18.6
        // The reserved bytes are ignored.
        Ok(fixed(self, attribute::REQUESTED_ADDRESS_FAMILY)?.map(|[family, _, _, _]| family))
    }

    fn additional_address_family(&self) -> Result<Option<u8>, MalformedAttribute> {
        Ok(fixed(self, attribute::ADDITIONAL_ADDRESS_FAMILY)?.map(|[family, _, _, _]| family))
    }

    fn even_port(&self) -> Result<Option<bool>, MalformedAttribute> {
        Ok(fixed(self, attribute::EVEN_PORT)?.map(|[flags]| flags & 0x80 != 0))
    }

    fn requested_transport(&self) -> Result<Option<u8>, MalformedAttribute> {
        //= rfc8656#18.8
        // The reserved bytes are ignored.
        Ok(fixed(self, attribute::REQUESTED_TRANSPORT)?.map(|[protocol, _, _, _]| protocol))
    }

    fn dont_fragment(&self) -> bool {
        self.find(attribute::DONT_FRAGMENT).is_some()
    }

    fn reservation_token(&self) -> Result<Option<[u8; 8]>, MalformedAttribute> {
        fixed(self, attribute::RESERVATION_TOKEN)
    }

    fn address_error_code(&self) -> Result<Option<AddressError>, MalformedAttribute> {
        let kind = attribute::ADDRESS_ERROR_CODE;
        let Some(value) = self.find(kind) else { return Ok(None) };
        let malformed = MalformedAttribute { kind, len: value.len() };
        let [family, _, class, number] = *value.first_chunk().ok_or(malformed)?;
        let family = Family::from_number(family).ok_or(malformed)?;
        //= rfc8656#18.12
        // The reserved bits before the class are ignored.
        let (class, number) = (u16::from(class & 0b111), u16::from(number));
        if !(3..=6).contains(&class) || number > 99 {
            return Err(malformed);
        }
        let code = class.saturating_mul(100).saturating_add(number);
        Ok(Some(AddressError { family, code }))
    }

    fn icmp(&self) -> Result<Option<Icmp>, MalformedAttribute> {
        //= rfc8656#18.13
        // The reserved bytes are ignored.
        Ok(fixed(self, attribute::ICMP)?.map(|[_, _, kind, code, a, b, c, d]| Icmp {
            kind,
            code,
            data: u32::from_be_bytes([a, b, c, d]),
        }))
    }

    fn connection_id(&self) -> Result<Option<u32>, MalformedAttribute> {
        Ok(fixed(self, attribute::CONNECTION_ID)?.map(u32::from_be_bytes))
    }

    fn mobility_ticket(&self) -> Option<&[u8]> {
        self.find(attribute::MOBILITY_TICKET)
    }

    fn access_token(&self) -> Option<&[u8]> {
        self.find(attribute::ACCESS_TOKEN)
    }

    fn third_party_authorization(&self) -> Option<&[u8]> {
        self.find(attribute::THIRD_PARTY_AUTHORIZATION)
    }
}

/// The peers of a message, in order. See [`TurnMessage::xor_peer_addresses`].
#[derive(Clone, Debug)]
pub struct PeerAddresses<'a> {
    attributes: Attributes<'a>,
    id: TransactionId,
}

impl Iterator for PeerAddresses<'_> {
    type Item = Result<SocketAddr, MalformedAttribute>;

    fn next(&mut self) -> Option<Self::Item> {
        let found = self.attributes.find(|a| a.kind == attribute::XOR_PEER_ADDRESS)?;
        let malformed = MalformedAttribute { kind: found.kind, len: found.value.len() };
        Some(parse_xor_address(found.value, self.id).ok_or(malformed))
    }
}

/// An address hidden behind cookie and transaction id, as XOR-MAPPED-ADDRESS is
/// (RFC 8489 section 14.2).
fn parse_xor_address(value: &[u8], TransactionId(id): TransactionId) -> Option<SocketAddr> {
    let ([_, family, p0, p1], address) = value.split_first_chunk()?;
    let [c0, c1, c2, c3] = MAGIC_COOKIE.to_be_bytes();
    let port = u16::from_be_bytes([*p0 ^ c0, *p1 ^ c1]);
    match Family::from_number(*family)? {
        Family::V4 => {
            let bits = u32::from_be_bytes(<[u8; 4]>::try_from(address).ok()?) ^ MAGIC_COOKIE;
            Some(SocketAddr::from((Ipv4Addr::from_bits(bits), port)))
        }
        Family::V6 => {
            let [a, b, c, d, e, f, g, h, i, j, k, l] = id;
            let mask = u128::from_be_bytes([c0, c1, c2, c3, a, b, c, d, e, f, g, h, i, j, k, l]);
            let bits = u128::from_be_bytes(<[u8; 16]>::try_from(address).ok()?) ^ mask;
            Some(SocketAddr::from((Ipv6Addr::from_bits(bits), port)))
        }
    }
}
