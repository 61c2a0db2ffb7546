//! Attribute types by number, error codes, and the small values that attributes hold.

/// CHANNEL-NUMBER (RFC 8656 section 18.1).
pub const CHANNEL_NUMBER: u16 = 0x000C;
/// LIFETIME (RFC 8656 section 18.2).
pub const LIFETIME: u16 = 0x000D;
/// XOR-PEER-ADDRESS (RFC 8656 section 18.3).
pub const XOR_PEER_ADDRESS: u16 = 0x0012;
/// DATA (RFC 8656 section 18.4).
pub const DATA: u16 = 0x0013;
/// XOR-RELAYED-ADDRESS (RFC 8656 section 18.5).
pub const XOR_RELAYED_ADDRESS: u16 = 0x0016;
/// REQUESTED-ADDRESS-FAMILY (RFC 8656 section 18.6).
pub const REQUESTED_ADDRESS_FAMILY: u16 = 0x0017;
/// EVEN-PORT (RFC 8656 section 18.7).
pub const EVEN_PORT: u16 = 0x0018;
/// REQUESTED-TRANSPORT (RFC 8656 section 18.8).
pub const REQUESTED_TRANSPORT: u16 = 0x0019;
/// DONT-FRAGMENT (RFC 8656 section 18.9).
pub const DONT_FRAGMENT: u16 = 0x001A;
/// ACCESS-TOKEN (RFC 7635 section 6.2).
pub const ACCESS_TOKEN: u16 = 0x001B;
/// RESERVATION-TOKEN (RFC 8656 section 18.10).
pub const RESERVATION_TOKEN: u16 = 0x0022;
/// CONNECTION-ID (RFC 6062 section 6.2.1).
pub const CONNECTION_ID: u16 = 0x002A;
/// ADDITIONAL-ADDRESS-FAMILY (RFC 8656 section 18.11).
pub const ADDITIONAL_ADDRESS_FAMILY: u16 = 0x8000;
/// ADDRESS-ERROR-CODE (RFC 8656 section 18.12).
pub const ADDRESS_ERROR_CODE: u16 = 0x8001;
/// ICMP (RFC 8656 section 18.13).
pub const ICMP: u16 = 0x8004;
/// THIRD-PARTY-AUTHORIZATION (RFC 7635 section 6.1).
pub const THIRD_PARTY_AUTHORIZATION: u16 = 0x802E;
/// MOBILITY-TICKET (RFC 8016 section 3.3).
pub const MOBILITY_TICKET: u16 = 0x8030;

/// The error codes of TURN and its extensions.
pub mod code {
    /// Forbidden (RFC 8656 section 19).
    pub const FORBIDDEN: u16 = 403;
    /// Mobility Forbidden (RFC 8016 section 3.4).
    pub const MOBILITY_FORBIDDEN: u16 = 405;
    /// Allocation Mismatch (RFC 8656 section 19).
    pub const ALLOCATION_MISMATCH: u16 = 437;
    /// Address Family not Supported (RFC 8656 section 19).
    pub const ADDRESS_FAMILY_NOT_SUPPORTED: u16 = 440;
    /// Wrong Credentials (RFC 8656 section 19).
    pub const WRONG_CREDENTIALS: u16 = 441;
    /// Unsupported Transport Protocol (RFC 8656 section 19).
    pub const UNSUPPORTED_TRANSPORT: u16 = 442;
    /// Peer Address Family Mismatch (RFC 8656 section 19).
    pub const PEER_FAMILY_MISMATCH: u16 = 443;
    /// Connection Already Exists (RFC 6062 section 6.3).
    pub const CONNECTION_EXISTS: u16 = 446;
    /// Connection Timeout or Failure (RFC 6062 section 6.3).
    pub const CONNECTION_FAILED: u16 = 447;
    /// Allocation Quota Reached (RFC 8656 section 19).
    pub const QUOTA_REACHED: u16 = 486;
    /// Insufficient Capacity (RFC 8656 section 19).
    pub const INSUFFICIENT_CAPACITY: u16 = 508;
}

/// The family of an address (RFC 8489 section 14.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Family {
    /// IPv4, 0x01 on the wire.
    V4,
    /// IPv6, 0x02 on the wire.
    V6,
}

impl Family {
    /// The family with that number.
    #[must_use]
    pub const fn from_number(number: u8) -> Option<Self> {
        match number {
            1 => Some(Self::V4),
            2 => Some(Self::V6),
            _ => None,
        }
    }

    /// Its number.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::V4 => 1,
            Self::V6 => 2,
        }
    }

    /// The family of an address.
    #[must_use]
    pub const fn of(ip: std::net::IpAddr) -> Self {
        match ip {
            std::net::IpAddr::V4(_) => Self::V4,
            std::net::IpAddr::V6(_) => Self::V6,
        }
    }

    /// The other one.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::V4 => Self::V6,
            Self::V6 => Self::V4,
        }
    }
}

/// The protocol between the server and the peers (RFC 8656 section 18.8, RFC 6062 section 4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Protocol {
    /// UDP, 17 on the wire.
    Udp,
    /// TCP, 6 on the wire.
    Tcp,
}

impl Protocol {
    /// The protocol with that number.
    #[must_use]
    pub const fn from_number(number: u8) -> Option<Self> {
        match number {
            17 => Some(Self::Udp),
            6 => Some(Self::Tcp),
            _ => None,
        }
    }

    /// Its number.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::Udp => 17,
            Self::Tcp => 6,
        }
    }
}

/// Why a datagram towards a peer did not arrive ([RFC 8656 section 18.13]).
///
/// ```text
/// +-------------------------------+---------------+---------------+
/// |               0               |     type      |     code      |
/// +-------------------------------+---------------+---------------+
/// |     the next link's MTU, or zero                              |
/// +---------------------------------------------------------------+
/// ```
///
/// [RFC 8656 section 18.13]: https://www.rfc-editor.org/rfc/rfc8656#section-18.13
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Icmp {
    /// ICMP's type; what it means depends on the family of the peer's address.
    pub kind: u8,
    /// ICMP's code.
    pub code: u8,
    /// The MTU of the next link where the error says "too big", otherwise 0.
    pub data: u32,
}

/// Which family a dual allocation lacks, and why ([RFC 8656 section 18.12]).
///
/// [RFC 8656 section 18.12]: https://www.rfc-editor.org/rfc/rfc8656#section-18.12
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AddressError {
    /// The family that was not allocated.
    pub family: Family,
    /// 440 or 508.
    pub code: u16,
}
