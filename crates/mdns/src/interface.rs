use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};

/// The port of multicast DNS.
pub const PORT: u16 = 5353;

/// Where queries and answers go on IPv4.
pub const GROUP_V4: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 251);

/// Where queries and answers go on IPv6.
pub const GROUP_V6: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0xfb);

/// The operating system's index of an interface, which also is the scope of its IPv6 link-local
/// addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InterfaceId(pub u32);

/// An address of an interface, with what else is on its link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subnet {
    /// The address.
    pub address: IpAddr,
    /// Leading bits that all addresses of the link share with it, 0 to 32 or 128.
    pub prefix: u8,
}

impl Subnet {
    /// An address and its prefix.
    #[must_use]
    pub const fn new(address: IpAddr, prefix: u8) -> Self {
        Self { address, prefix }
    }

    /// Whether `other` is on the link.
    fn contains(&self, other: IpAddr) -> bool {
        match (self.address, other) {
            (IpAddr::V4(ours), IpAddr::V4(other)) => {
                let shift = 32_u32.saturating_sub(self.prefix.into());
                let differing = u32::from(ours) ^ u32::from(other);
                differing.checked_shr(shift).unwrap_or(0) == 0
            }
            (IpAddr::V6(ours), IpAddr::V6(other)) => {
                let shift = 128_u32.saturating_sub(self.prefix.into());
                let differing = u128::from(ours) ^ u128::from(other);
                differing.checked_shr(shift).unwrap_or(0) == 0
            }
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
        }
    }
}

/// Where a datagram came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct From {
    /// The interface it came over.
    pub interface: InterfaceId,
    /// Who sent it.
    pub source: SocketAddr,
    /// Whether it was sent to the group, or to an address of ours alone.
    pub multicast: bool,
}

/// A datagram that was written into the buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transmit {
    /// The interface to send it over.
    pub interface: InterfaceId,
    /// Where to: the group of a family, or a host on the link. It is sent from port 5353, with 255
    /// as its time to live.
    pub destination: SocketAddr,
    /// Bytes written.
    pub len: usize,
}

/// IPv4 or IPv6: a socket each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Family {
    V4,
    V6,
}

impl Family {
    pub(crate) const ALL: [Self; 2] = [Self::V4, Self::V6];

    pub(crate) fn of(address: IpAddr) -> Self {
        if address.is_ipv4() { Self::V4 } else { Self::V6 }
    }

    /// The group on that interface.
    pub(crate) fn group(self, interface: InterfaceId) -> SocketAddr {
        match self {
            Self::V4 => SocketAddr::new(GROUP_V4.into(), PORT),
            Self::V6 => SocketAddrV6::new(GROUP_V6, PORT, 0, interface.0).into(),
        }
    }
}

/// What the machine was told of an interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Interface {
    addresses: Vec<Subnet>,
}

impl Interface {
    pub(crate) fn new(addresses: &[Subnet]) -> Self {
        Self { addresses: addresses.to_vec() }
    }

    pub(crate) fn has(&self, address: IpAddr) -> bool {
        self.addresses.iter().any(|subnet| subnet.address == address)
    }

    pub(crate) fn speaks(&self, family: Family) -> bool {
        self.addresses.iter().any(|subnet| Family::of(subnet.address) == family)
    }

    /// Whether a source is on the link; IPv6 link-local ones always are.
    pub(crate) fn reaches(&self, source: IpAddr) -> bool {
        let link_local = match source {
            IpAddr::V4(_) => false,
            IpAddr::V6(source) => source.is_unicast_link_local() && self.speaks(Family::V6),
        };
        link_local || self.addresses.iter().any(|subnet| subnet.contains(source))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_what_shares_a_prefix() {
        let interface = Interface::new(&[
            Subnet::new("192.168.1.7".parse().unwrap(), 24),
            Subnet::new("2001:db8::7".parse().unwrap(), 64),
        ]);
        for (source, on) in [
            ("192.168.1.254", true),
            ("192.168.2.1", false),
            ("8.8.8.8", false),
            ("2001:db8::ffff:1", true),
            ("2001:db8:0:1::1", false),
            ("fe80::1", true),
        ] {
            assert_eq!(interface.reaches(source.parse().unwrap()), on, "{source}");
        }
        let all = Interface::new(&[Subnet::new("10.0.0.1".parse().unwrap(), 0)]);
        assert!(all.reaches("8.8.8.8".parse().unwrap()));
        assert!(!all.reaches("fe80::1".parse().unwrap()));
        let odd = Interface::new(&[Subnet::new("10.0.0.1".parse().unwrap(), 200)]);
        assert!(odd.reaches("10.0.0.1".parse().unwrap()));
        assert!(!odd.reaches("10.0.0.2".parse().unwrap()));
    }
}
