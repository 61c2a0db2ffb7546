use std::net::{IpAddr, SocketAddr};

use crate::candidate::Protocol;

/// One way through the network: a socket of ours and an address of theirs.
///
/// Addresses are compared without flow information and scope, and an IPv4 address mapped into IPv6
/// is the IPv4 address. A relayed address of ours stands for what the relay receives and sends
/// there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Path {
    /// The address our socket is bound to, as it was given to
    /// [`add_local_address`](crate::Agent::add_local_address).
    pub local: SocketAddr,
    /// The address of the other end.
    pub remote: SocketAddr,
    /// What carries the datagrams between the two: UDP, or frames on a TCP connection.
    pub protocol: Protocol,
}

impl Path {
    /// A path between two addresses, over UDP.
    #[must_use]
    pub const fn new(local: SocketAddr, remote: SocketAddr) -> Self {
        Self { local, remote, protocol: Protocol::Udp }
    }

    /// A TCP connection, named by the address of ours that was added and the peer's address.
    ///
    /// The port that the operating system chooses for an active connection is not part of it.
    #[must_use]
    pub const fn tcp(local: SocketAddr, remote: SocketAddr) -> Self {
        Self { local, remote, protocol: Protocol::Tcp }
    }

    /// The same path, seen from the other end.
    #[must_use]
    pub const fn reversed(self) -> Self {
        Self { local: self.remote, remote: self.local, protocol: self.protocol }
    }

    /// The form in which paths are compared.
    pub(crate) fn canonical(self) -> Self {
        Self { local: canonical(self.local), remote: canonical(self.remote), ..self }
    }

    /// Which of our addresses it begins at.
    pub(crate) fn base(self) -> BaseId {
        BaseId { addr: self.local, protocol: self.protocol }
    }
}

/// What tells our addresses apart: the canonical address, and the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BaseId {
    pub(crate) addr: SocketAddr,
    pub(crate) protocol: Protocol,
}

impl BaseId {
    /// The path from here to `remote`.
    pub(crate) const fn to(self, remote: SocketAddr) -> Path {
        Path { local: self.addr, remote, protocol: self.protocol }
    }
}

/// A datagram written into the caller's buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transmit {
    /// From which socket and where to.
    pub path: Path,
    /// How many bytes of the buffer to send.
    pub len: usize,
}

/// The address without scope and flow information, and as IPv4 where it is IPv4.
pub(crate) fn canonical(addr: SocketAddr) -> SocketAddr {
    SocketAddr::new(addr.ip().to_canonical(), addr.port())
}

/// How far an address reaches. Addresses of different reach are never paired.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reach {
    Machine,
    Link,
    Beyond,
}

fn reach(ip: IpAddr) -> Reach {
    let (loopback, link_local) = match ip {
        IpAddr::V4(ip) => (ip.is_loopback(), ip.is_link_local()),
        IpAddr::V6(ip) => (ip.is_loopback(), ip.is_unicast_link_local()),
    };
    match (loopback, link_local) {
        (true, _) => Reach::Machine,
        (_, true) => Reach::Link,
        _ => Reach::Beyond,
    }
}

/// Whether a datagram from `local` may go to `remote`.
pub(crate) fn pairable(local: SocketAddr, remote: SocketAddr) -> bool {
    //= rfc8445#6.1.2.2
    // One address family, and link-local addresses only with each other; loopback likewise, so that
    // a peer cannot point us at services of our own machine.
    local.is_ipv4() == remote.is_ipv4() && reach(local.ip()) == reach(remote.ip())
}

pub(crate) fn is_loopback(addr: SocketAddr) -> bool {
    reach(addr.ip()) == Reach::Machine
}

/// Whether `addr` (canonical) names one host and one port that may be a peer or a socket of ours.
pub(crate) fn is_usable(addr: SocketAddr) -> bool {
    let ip_is_usable = match addr.ip() {
        IpAddr::V4(ip) => !(ip.is_unspecified() || ip.is_multicast() || ip.is_broadcast()),
        IpAddr::V6(ip) => {
            //= rfc8445#5.1.1.1
            // Site-local and IPv4-compatible IPv6 addresses are deprecated; `::` falls under the
            // latter, `::1` does not.
            let [high, ..] = ip.segments();
            let site_local = high & 0xffc0 == 0xfec0;
            let compatible = matches!(ip.segments(), [0, 0, 0, 0, 0, 0, _, _]);
            !(ip.is_multicast() || site_local || (compatible && !ip.is_loopback()))
        }
    };
    ip_is_usable && addr.port() != 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addr(text: &str) -> SocketAddr {
        canonical(text.parse().unwrap())
    }

    #[test]
    fn only_addresses_of_one_host_are_usable() {
        for bad in [
            "0.0.0.0:1",
            "224.0.0.1:1",
            "255.255.255.255:1",
            "10.0.0.1:0",
            "[::]:1",
            "[ff02::1]:1",
            "[fec0::1]:1",
            "[::10.0.0.1]:1",
            "[::ffff:0.0.0.0]:1",
        ] {
            assert!(!is_usable(addr(bad)), "{bad}");
        }
        for good in ["10.0.0.1:1", "127.0.0.1:9", "[::1]:1", "[fe80::1%3]:5", "[2001:db8::1]:1"] {
            assert!(is_usable(addr(good)), "{good}");
        }
    }

    //= rfc8445#6.1.2.2
    //= type=test
    #[test]
    fn pairs_stay_within_family_and_reach() {
        for (local, remote, expected) in [
            ("10.0.0.1:1", "192.0.2.1:2", true),
            ("10.0.0.1:1", "[2001:db8::1]:2", false),
            ("10.0.0.1:1", "127.0.0.1:2", false),
            ("127.0.0.1:1", "127.0.0.2:2", true),
            ("10.0.0.1:1", "169.254.169.254:80", false),
            ("[fe80::1]:1", "[fe80::2]:2", true),
            ("[2001:db8::1]:1", "[fe80::2]:2", false),
            ("10.0.0.1:1", "[::ffff:10.0.0.2]:2", true),
        ] {
            assert_eq!(pairable(addr(local), addr(remote)), expected, "{local} {remote}");
        }
    }
}
