//! Addresses, plain and hidden behind the cookie (RFC 8489 sections 14.1 and 14.2).
//!
//! ```text
//! +---------------+---------------+-------------------------------+
//! |       0       | family 1 or 2 |             port              |
//! +---------------+---------------+-------------------------------+
//! |              address, 4 or 16 bytes                           |
//! +---------------------------------------------------------------+
//! ```

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use super::header::{MAGIC_COOKIE, TransactionId};

const IPV4: u8 = 1;
const IPV6: u8 = 2;

/// What the bytes of an address are combined with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mask {
    port: u16,
    v4: u32,
    v6: u128,
}

impl Mask {
    /// Leaves an address as it is.
    pub(crate) const PLAIN: Self = Self { port: 0, v4: 0, v6: 0 };

    //= rfc8489#14.2
    // The port is hidden by the cookie's upper half, an IPv4 address by the cookie, an IPv6
    // address by the cookie and the transaction id.
    pub(crate) fn xor(TransactionId(id): TransactionId) -> Self {
        let [port, _] = [(MAGIC_COOKIE >> 16), MAGIC_COOKIE & 0xffff];
        let [a, b, c, d, e, f, g, h, i, j, k, l] = id;
        let low = u128::from_be_bytes([0, 0, 0, 0, a, b, c, d, e, f, g, h, i, j, k, l]);
        Self {
            port: u16::try_from(port).unwrap_or(0),
            v4: MAGIC_COOKIE,
            v6: (u128::from(MAGIC_COOKIE) << 96) | low,
        }
    }
}

pub(crate) fn is_well_formed(value: &[u8]) -> bool {
    matches!(value, [_, IPV4, _, _, address @ ..] if address.len() == 4)
        || matches!(value, [_, IPV6, _, _, address @ ..] if address.len() == 16)
}

//= rfc8489#14.1
// The first byte is ignored; four bytes of address with family 1, sixteen with family 2.
pub(crate) fn parse(value: &[u8], mask: Mask) -> Option<SocketAddr> {
    let ([_, family, p0, p1], address) = value.split_first_chunk::<4>()?;
    let port = u16::from_be_bytes([*p0, *p1]) ^ mask.port;
    match *family {
        IPV4 => {
            let bits = u32::from_be_bytes(*address.first_chunk()?) ^ mask.v4;
            (address.len() == 4).then(|| SocketAddr::from((Ipv4Addr::from_bits(bits), port)))
        }
        IPV6 => {
            let bits = u128::from_be_bytes(*address.first_chunk()?) ^ mask.v6;
            (address.len() == 16).then(|| SocketAddr::from((Ipv6Addr::from_bits(bits), port)))
        }
        _ => None,
    }
}

/// The value on the wire: twenty bytes of room, and how many of them count.
pub(crate) fn to_bytes(address: SocketAddr, mask: Mask) -> ([u8; 20], usize) {
    let [p0, p1] = (address.port() ^ mask.port).to_be_bytes();
    let mut bytes = [0; 20];
    match address {
        SocketAddr::V4(v4) => {
            let [a, b, c, d] = (v4.ip().to_bits() ^ mask.v4).to_be_bytes();
            if let Some(front) = bytes.first_chunk_mut() {
                *front = [0, IPV4, p0, p1, a, b, c, d];
            }
            (bytes, 8)
        }
        SocketAddr::V6(v6) => {
            if let Some((front, address)) = bytes.split_first_chunk_mut::<4>() {
                *front = [0, IPV6, p0, p1];
                address.copy_from_slice(&(v6.ip().to_bits() ^ mask.v6).to_be_bytes());
            }
            (bytes, 20)
        }
    }
}
