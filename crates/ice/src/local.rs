use std::net::SocketAddr;

use crate::candidate::{Protocol, TcpType};

/// An address that the agent may use: a bound socket, a relayed address, or where TCP connections
/// begin or arrive. It becomes a candidate, as far as the policies of
/// [`Config`](crate::Config) allow.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LocalAddress {
    /// The address the socket is bound to, never a wildcard; or the address on the relay. The port
    /// of an active TCP address only names it (0 will do): each connection gets another.
    pub addr: SocketAddr,
    /// What stands behind the address.
    pub kind: LocalKind,
    /// The local preference of RFC 8445 section 5.1.2.1, unique among the addresses of one kind.
    ///
    /// `None` (the default) prefers addresses in the order in which they are added, and takes turns
    /// between the address families (RFC 8421): add an IPv6 address first to prefer IPv6, and a
    /// family that is broken does not delay the other one.
    pub preference: Option<u16>,
    /// For a relayed address the one that the server saw us at; the peer reads it as `raddr`.
    /// `None` hides it, which is the default.
    pub related: Option<SocketAddr>,
    /// The name that the peer gets in place of the address: a UUID and `.local`, registered with
    /// mDNS by whoever made it.
    pub hidden_as: Option<String>,
    /// An address that may vanish soon, or is slow (cellular, VPN): it comes after all others.
    pub unreliable: bool,
    /// How the address lies to the default route, for
    /// [`AddressPolicy`](crate::AddressPolicy).
    pub route: Route,
}

/// What stands behind an address of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LocalKind {
    /// A UDP socket of this machine.
    Socket,
    /// An address for UDP on a TURN server.
    Relayed {
        /// The server.
        server: SocketAddr,
        /// How we talk to it.
        protocol: RelayProtocol,
    },
    /// An address of this machine for TCP connections.
    Tcp(TcpType),
}

/// How a TURN server is reached. Paths through it are preferred in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RelayProtocol {
    /// UDP.
    Udp,
    /// DTLS over UDP.
    Dtls,
    /// TCP.
    Tcp,
    /// TLS over TCP.
    Tls,
}

impl RelayProtocol {
    /// The upper two bits of the local preference.
    pub(crate) const fn rank(self) -> u16 {
        match self {
            Self::Udp => 3,
            Self::Dtls => 2,
            Self::Tcp => 1,
            Self::Tls => 0,
        }
    }
}

/// How an address of ours lies to the route that traffic to the internet takes (RFC 8828).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Route {
    /// The address that the default route uses. What nobody says otherwise.
    #[default]
    Default,
    /// Another address of the interface that the default route uses: the private address behind
    /// it, or that of the other family.
    Associated,
    /// An address of another interface.
    Other,
    /// Its traffic goes through the proxy that the application's other traffic takes.
    Proxied,
}

impl LocalAddress {
    const fn of(addr: SocketAddr, kind: LocalKind) -> Self {
        Self {
            addr,
            kind,
            preference: None,
            related: None,
            hidden_as: None,
            unreliable: false,
            route: Route::Default,
        }
    }

    /// A bound UDP socket with the default preference.
    #[must_use]
    pub const fn new(addr: SocketAddr) -> Self {
        Self::of(addr, LocalKind::Socket)
    }

    /// An address that a TURN server gave us. The datagrams of its paths go through the server,
    /// which is the owner's work.
    #[must_use]
    pub const fn relayed(addr: SocketAddr, server: SocketAddr, protocol: RelayProtocol) -> Self {
        Self::of(addr, LocalKind::Relayed { server, protocol })
    }

    /// An address for TCP connections (RFC 6544): of a listening socket (passive), of the
    /// connections that we open (active), or both (simultaneous-open, where the operating system
    /// can do it).
    #[must_use]
    pub const fn tcp(addr: SocketAddr, tcp_type: TcpType) -> Self {
        Self::of(addr, LocalKind::Tcp(tcp_type))
    }

    /// The same address with an explicit local preference.
    #[must_use]
    pub fn with_preference(self, preference: u16) -> Self {
        Self { preference: Some(preference), ..self }
    }

    /// The same relayed address, which shows the peer where the server saw us.
    #[must_use]
    pub fn with_related(self, related: SocketAddr) -> Self {
        Self { related: Some(related), ..self }
    }

    /// The same address, hidden behind a name of mDNS.
    #[must_use]
    pub fn hidden_as(self, name: &str) -> Self {
        Self { hidden_as: Some(name.to_owned()), ..self }
    }

    /// The same address, which comes after all that are reliable.
    #[must_use]
    pub fn unreliable(self) -> Self {
        Self { unreliable: true, ..self }
    }

    /// The same address, with its place in the routing of this machine.
    #[must_use]
    pub fn with_route(self, route: Route) -> Self {
        Self { route, ..self }
    }

    /// What its paths go over.
    #[must_use]
    pub const fn protocol(&self) -> Protocol {
        match self.kind {
            LocalKind::Socket | LocalKind::Relayed { .. } => Protocol::Udp,
            LocalKind::Tcp(_) => Protocol::Tcp,
        }
    }
}

impl From<SocketAddr> for LocalAddress {
    fn from(addr: SocketAddr) -> Self {
        Self::new(addr)
    }
}
