//! What may be used and shown: RFC 8828, relays only, filters, static mappings of NATs.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use crate::local::{LocalKind, Route};
use crate::path::canonical;

/// Which kinds of candidates take part: `RTCIceTransportPolicy` of W3C webrtc-pc section 4.2.4.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[doc(alias = "RTCIceTransportPolicy")]
pub enum TransportPolicy {
    /// All of them.
    #[default]
    All,
    /// Relayed candidates of ours only; the peer learns no address of this machine or network.
    Relay,
}

/// Which of our addresses may be used, and which the peer may learn (RFC 8828 section 5.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AddressPolicy {
    /// Mode 1: all addresses. It asks for the user's consent, which is why a browser does not start
    /// with it. The default here: an application of its own, not a page, decides.
    #[default]
    AllInterfaces,
    /// Mode 2: the address of the default route and those associated with it.
    DefaultRouteAndPrivate,
    /// Mode 3: the default route; the peer sees what servers outside see of it, and no address of
    /// this machine.
    DefaultRoute,
    /// Mode 4: relays, and what goes through the proxy.
    ProxyOnly,
}

impl AddressPolicy {
    /// Whether datagrams may leave from such an address.
    pub(crate) const fn admits(self, kind: LocalKind, route: Route) -> bool {
        //= rfc8828#5.2
        // Each mode admits what the one before does, and less.
        match (self, kind, route) {
            (Self::AllInterfaces, _, _)
            | (_, LocalKind::Relayed { .. }, _)
            | (_, _, Route::Proxied) => true,
            (Self::DefaultRouteAndPrivate, _, route) => {
                matches!(route, Route::Default | Route::Associated)
            }
            (Self::DefaultRoute, _, route) => matches!(route, Route::Default),
            (Self::ProxyOnly, _, _) => false,
        }
    }

    /// Whether the peer may learn the addresses of this machine.
    pub(crate) const fn shows_hosts(self) -> bool {
        match self {
            Self::AllInterfaces | Self::DefaultRouteAndPrivate => true,
            Self::DefaultRoute | Self::ProxyOnly => false,
        }
    }
}

/// Who sees to it that a relay lets a peer's datagrams through (RFC 8656 section 9).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Permissions {
    /// The agent asks with [`Event::PermissionNeeded`](crate::Event::PermissionNeeded), once per
    /// relayed address and peer, and checks no pair before the answer.
    #[default]
    Ask,
    /// The owner, whenever it sends; checks go at once.
    Owner,
}

/// A static mapping of a NAT in front of this machine, known beforehand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NatMapping {
    /// The address on our side. Ports are the same on both sides.
    pub internal: IpAddr,
    /// The address on the other side.
    pub external: IpAddr,
    /// How the peer is told.
    pub kind: NatMappingKind,
}

/// How a static mapping is shown to the peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NatMappingKind {
    /// In place of the internal address, as host candidate.
    Host,
    /// Beside it, as server-reflexive candidate.
    ServerReflexive,
}

/// Says which addresses may be used.
///
/// As [`Config::remote_filter`](crate::Config::remote_filter) it keeps a hostile description from
/// making us knock at services inside our own network.
#[derive(Clone)]
pub struct AddressFilter(Arc<dyn Fn(SocketAddr) -> bool + Send + Sync>);

impl AddressFilter {
    /// Admits the addresses for which `admits` returns true. IPv4 addresses mapped into IPv6 come
    /// as IPv4.
    pub fn new(admits: impl Fn(SocketAddr) -> bool + Send + Sync + 'static) -> Self {
        Self(Arc::new(admits))
    }

    /// Admits all but these networks, each an address and the length of its prefix in bits.
    #[must_use]
    pub fn denying(networks: &[(IpAddr, u8)]) -> Self {
        let networks = networks.to_vec();
        Self::new(move |addr| !networks.iter().any(|(net, bits)| contains(*net, *bits, addr.ip())))
    }

    /// Admits addresses of the public internet only: no private, shared, link-local, unique-local,
    /// documentation or otherwise special ones, also not inside a transition address (6to4, Teredo,
    /// NAT64).
    #[must_use]
    pub fn global_only() -> Self {
        Self::new(|addr| is_global(addr.ip()))
    }

    /// Whether `addr` may be used.
    #[must_use]
    pub fn admits(&self, addr: SocketAddr) -> bool {
        (self.0)(canonical(addr))
    }
}

impl fmt::Debug for AddressFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AddressFilter")
    }
}

fn contains(net: IpAddr, bits: u8, ip: IpAddr) -> bool {
    let (net, ip, width) = match (net.to_canonical(), ip.to_canonical()) {
        (IpAddr::V4(net), IpAddr::V4(ip)) => {
            (u128::from(u32::from(net)), u128::from(u32::from(ip)), 32)
        }
        (IpAddr::V6(net), IpAddr::V6(ip)) => (u128::from(net), u128::from(ip), 128),
        (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => return false,
    };
    let host_bits = u32::from(u8::saturating_sub(width, bits));
    net.checked_shr(host_bits).unwrap_or(0) == ip.checked_shr(host_bits).unwrap_or(0)
}

/// Networks that are not of the public internet (the IANA registries of special addresses).
const SPECIAL_V4: [([u8; 4], u8); 15] = [
    ([0, 0, 0, 0], 8),
    ([10, 0, 0, 0], 8),
    ([100, 64, 0, 0], 10),
    ([127, 0, 0, 0], 8),
    ([169, 254, 0, 0], 16),
    ([172, 16, 0, 0], 12),
    ([192, 0, 0, 0], 24),
    ([192, 0, 2, 0], 24),
    ([192, 88, 99, 0], 24),
    ([192, 168, 0, 0], 16),
    ([198, 18, 0, 0], 15),
    ([198, 51, 100, 0], 24),
    ([203, 0, 113, 0], 24),
    ([224, 0, 0, 0], 4),
    ([240, 0, 0, 0], 4),
];

fn is_global(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(ip) => is_global_v4(ip),
        IpAddr::V6(ip) => is_global_v6(ip),
    }
}

fn is_global_v4(ip: Ipv4Addr) -> bool {
    !SPECIAL_V4.iter().any(|(net, bits)| contains(IpAddr::from(*net), *bits, IpAddr::V4(ip)))
}

fn is_global_v6(ip: Ipv6Addr) -> bool {
    let [a, b, c, d, e, f, g, h] = ip.segments();
    let v4 = |high: u16, low: u16| {
        let [a, b] = high.to_be_bytes();
        let [c, d] = low.to_be_bytes();
        is_global_v4(Ipv4Addr::new(a, b, c, d))
    };
    match (a, b) {
        // NAT64 and 6to4 carry an IPv4 address that counts.
        (0x64, 0xff9b) if [c, d, e, f] == [0; 4] => v4(g, h),
        (0x2002, _) => v4(b, c),
        // Teredo hides one; ORCHID, documentation, benchmarks and the rest of 2001::/23 are special.
        (0x2001, 0..=0x1ff | 0xdb8) | (0x3fff, 0..=0xfff) => false,
        // Global unicast is 2000::/3 so far; everything else is local, special or not assigned.
        _ => a & 0xe000 == 0x2000,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // attack: a hostile description names hosts inside our network, in any disguise
    #[test]
    fn only_the_public_internet_is_global() {
        for inside in [
            "10.1.2.3",
            "100.64.0.1",
            "127.0.0.1",
            "169.254.169.254",
            "172.31.255.1",
            "192.168.1.1",
            "198.51.100.7",
            "224.0.0.1",
            "255.255.255.255",
            "::1",
            "::ffff:10.0.0.1",
            "fe80::1",
            "fc00::1",
            "fd12::1",
            "64:ff9b::a00:1",
            "2002:a00:1::",
            "2001::1",
            "2001:db8::1",
            "64:ff9b:1::1",
            "ff02::1",
            "::a00:1",
        ] {
            assert!(!is_global(inside.parse().unwrap()), "{inside}");
        }
        for outside in [
            "8.8.8.8",
            "2001:4860:4860::8888",
            "2a00:1450::1",
            "64:ff9b::808:808",
            "2002:808:808::",
        ] {
            assert!(is_global(outside.parse().unwrap()), "{outside}");
        }
    }

    #[test]
    fn denied_networks_are_compared_by_their_prefix() {
        let filter = AddressFilter::denying(&[
            ("10.0.0.0".parse().unwrap(), 8),
            ("2001:db8::".parse().unwrap(), 32),
            ("0.0.0.0".parse().unwrap(), 32),
        ]);
        let admits = |text: &str| filter.admits(text.parse().unwrap());
        assert!(!admits("10.255.0.1:1") && !admits("[::ffff:10.0.0.1]:1"));
        assert!(!admits("[2001:db8:ffff::1]:1") && admits("[2001:db9::1]:1"));
        assert!(admits("11.0.0.1:1"));
        let nothing = AddressFilter::denying(&[("0.0.0.0".parse().unwrap(), 0)]);
        assert!(!nothing.admits("8.8.8.8:1".parse().unwrap()));
        assert!(nothing.admits("[2001:db8::1]:1".parse().unwrap()));
    }

    //= rfc8828#5.2
    //= type=test
    #[test]
    fn each_mode_admits_less_than_the_one_before() {
        let modes = [
            AddressPolicy::AllInterfaces,
            AddressPolicy::DefaultRouteAndPrivate,
            AddressPolicy::DefaultRoute,
            AddressPolicy::ProxyOnly,
        ];
        let routes = [Route::Proxied, Route::Default, Route::Associated, Route::Other];
        let admitted = modes.map(|mode| routes.map(|route| mode.admits(LocalKind::Socket, route)));
        assert_eq!(
            admitted,
            [
                [true, true, true, true],
                [true, true, true, false],
                [true, true, false, false],
                [true, false, false, false],
            ]
        );
    }
}
