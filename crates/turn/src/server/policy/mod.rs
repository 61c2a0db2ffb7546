//! Who may be a peer: one gate for every method and transport.

mod canonical;
mod special;

use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;

pub use canonical::canonical;
use canonical::embedded;
pub(crate) use canonical::is_tunnelled;

/// Ranges of addresses, compared as numbers.
#[derive(Clone, Debug, Default)]
struct Ranges {
    v4: Vec<RangeInclusive<u32>>,
    v6: Vec<RangeInclusive<u128>>,
}

impl Ranges {
    fn contains(&self, ip: IpAddr) -> bool {
        match ip {
            IpAddr::V4(ip) => self.v4.iter().any(|range| range.contains(&ip.to_bits())),
            IpAddr::V6(ip) => self.v6.iter().any(|range| range.contains(&ip.to_bits())),
        }
    }

    fn push(&mut self, first: IpAddr, last: IpAddr) -> bool {
        match (first, last) {
            (IpAddr::V4(first), IpAddr::V4(last)) if first <= last => {
                self.v4.push(first.to_bits()..=last.to_bits());
                true
            }
            (IpAddr::V6(first), IpAddr::V6(last)) if first <= last => {
                self.v6.push(first.to_bits()..=last.to_bits());
                true
            }
            _ => false,
        }
    }
}

/// Which peers the server relays to ([RFC 8656 section 21.2]).
///
/// From the start everything is denied that IANA lists as special: loopback, unspecified,
/// link-local with the metadata addresses of clouds, private, shared, unique local, site-local,
/// multicast, broadcast, documentation, benchmarking and reserved ranges; an IPv6 address that
/// wraps an IPv4 address (mapped, compatible, NAT64, ISATAP) is judged by what it wraps, too. The
/// tunnels 6to4 and Teredo, and the server's own addresses, are denied whatever else is said.
///
/// ```
/// use antiphon_turn::server::PeerPolicy;
///
/// let mut policy = PeerPolicy::default();
/// assert!(policy.permits("198.41.0.4".parse()?));
/// assert!(!policy.permits("::ffff:127.0.0.1".parse()?));
/// assert!(!policy.permits("10.1.2.3".parse()?));
/// assert!(policy.allow("10.1.0.0".parse()?, "10.1.255.255".parse()?));
/// assert!(policy.permits("10.1.2.3".parse()?));
/// # Ok::<(), std::net::AddrParseError>(())
/// ```
///
/// [RFC 8656 section 21.2]: https://www.rfc-editor.org/rfc/rfc8656#section-21.2
#[derive(Clone, Debug, Default)]
pub struct PeerPolicy {
    allowed: Ranges,
    denied: Ranges,
    own: Vec<IpAddr>,
    relay_to_relay: bool,
}

impl PeerPolicy {
    /// Allows peers from `first` to `last`, both included, that are denied otherwise. `false`, and
    /// nothing changes, when the two are of different families or in the wrong order.
    #[must_use = "a range in the wrong order is refused"]
    pub fn allow(&mut self, first: IpAddr, last: IpAddr) -> bool {
        self.allowed.push(first, last)
    }

    /// Denies peers from `first` to `last`, both included, allowed or not. `false`, and nothing
    /// changes, when the two are of different families or in the wrong order.
    #[must_use = "a range in the wrong order is refused"]
    pub fn deny(&mut self, first: IpAddr, last: IpAddr) -> bool {
        self.denied.push(first, last)
    }

    /// Names an address of the server itself, which no peer may have.
    pub fn deny_own(&mut self, ip: IpAddr) {
        let ip = canonical(ip);
        if !self.own.contains(&ip) {
            self.own.push(ip);
        }
    }

    /// Lets two clients of this server talk to each other's relayed addresses: ports of the
    /// relay's range on the server's own relay addresses become peers. Default `false`.
    ///
    /// Both ends of a call need it when both use relayed candidates of one server.
    pub fn allow_relay_to_relay(&mut self, allow: bool) {
        self.relay_to_relay = allow;
    }

    pub(crate) fn is_own(&self, ip: IpAddr) -> bool {
        self.own.contains(&canonical(ip))
    }

    /// Whether `ip` may be a peer's address; the server's own may not.
    #[must_use]
    pub fn permits(&self, ip: IpAddr) -> bool {
        !self.is_own(ip) && self.permits_foreign(ip)
    }

    /// The same without a look at the server's own addresses.
    pub(crate) fn permits_foreign(&self, ip: IpAddr) -> bool {
        let ip = canonical(ip);
        self.permits_form(ip)
            && embedded(ip).into_iter().flatten().all(|inner| {
                let inner = IpAddr::V4(inner);
                !self.own.contains(&inner) && self.permits_form(inner)
            })
    }

    fn permits_form(&self, ip: IpAddr) -> bool {
        !is_tunnelled(ip)
            && !self.denied.contains(ip)
            && (self.allowed.contains(ip) || !special::is_special(ip))
    }

    /// The canonical form of `peer`, when it may be one.
    pub(crate) fn check(
        &self,
        peer: SocketAddr,
        relay_ports: &RangeInclusive<u16>,
        is_relay: impl Fn(IpAddr) -> bool,
        listeners: &[SocketAddr],
    ) -> Option<SocketAddr> {
        let ip = canonical(peer.ip());
        let peer = SocketAddr::new(ip, peer.port());
        //= rfc8656#21.1.7
        // A relayed address never talks to a port that the server listens on.
        let is_port_open = || {
            relay_ports.contains(&peer.port())
                && !listeners.iter().any(|listener| listener.port() == peer.port())
        };
        let allowed = self.check_ip(ip, is_relay) && (!self.own.contains(&ip) || is_port_open());
        allowed.then_some(peer)
    }

    /// Whether some port of `ip`, in canonical form, may be a peer.
    pub(crate) fn check_ip(&self, ip: IpAddr, is_relay: impl Fn(IpAddr) -> bool) -> bool {
        if self.own.contains(&ip) {
            self.relay_to_relay && is_relay(ip)
        } else {
            self.permits_foreign(ip)
        }
    }
}
