use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The address that a host would send to: an IPv4-mapped IPv6 address is the IPv4 address, and so
/// is an IPv4-compatible one.
#[must_use]
pub fn canonical(ip: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = ip else { return ip };
    match v6.octets() {
        [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, a, b, c, d] => {
            IpAddr::V4(Ipv4Addr::new(a, b, c, d))
        }
        // `::` and `::1` stay what they are, and are denied as such.
        [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 | 1] => ip,
        [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, a, b, c, d] => IpAddr::V4(Ipv4Addr::new(a, b, c, d)),
        _ => ip,
    }
}

/// The IPv4 addresses that a network may unwrap from an IPv6 address; at most four.
pub(super) fn embedded(ip: IpAddr) -> [Option<Ipv4Addr>; 4] {
    let IpAddr::V6(v6) = ip else { return [None; 4] };
    let octets = v6.octets();
    let v4 = |bytes: [u8; 4]| Some(Ipv4Addr::from(bytes));
    match octets {
        // NAT64 (RFC 6052).
        [0x00, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0, a, b, c, d] => {
            [v4([a, b, c, d]), None, None, None]
        }
        // NAT64 with a local prefix of 48, 56, 64 or 96 bits (RFC 8215, RFC 6052 section 2.2).
        [0x00, 0x64, 0xff, 0x9b, 0, 1, g, h, _, i, j, k, l, m, n, o] => {
            [v4([g, h, i, j]), v4([h, i, j, k]), v4([i, j, k, l]), v4([l, m, n, o])]
        }
        _ => [isatap(v6), None, None, None],
    }
}

/// ISATAP's interface identifier (RFC 5214 section 6.1).
fn isatap(ip: Ipv6Addr) -> Option<Ipv4Addr> {
    match ip.octets() {
        [_, _, _, _, _, _, _, _, 0 | 2, 0, 0x5e, 0xfe, a, b, c, d] => {
            Some(Ipv4Addr::new(a, b, c, d))
        }
        _ => None,
    }
}

//= rfc8656#21.4
// Addresses of tunnels, 6to4 and Teredo, are neither clients nor peers.
/// Whether an address is one of 6to4 (RFC 3056) or Teredo (RFC 4380).
pub(crate) fn is_tunnelled(ip: IpAddr) -> bool {
    let IpAddr::V6(ip) = ip else { return false };
    matches!(ip.segments(), [0x2002, ..] | [0x2001, 0, ..])
}
