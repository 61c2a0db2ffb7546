//! Servers that help to find a path, already looked up.

use std::fmt;
use std::net::SocketAddr;

/// A TURN server (RFC 8656).
#[derive(Clone, PartialEq, Eq)]
#[doc(alias = "RTCIceServer")]
pub struct TurnServer {
    /// Its address and port.
    pub address: SocketAddr,
    /// What carries the messages to it.
    pub transport: TurnTransport,
    /// Who we are to it.
    pub username: String,
    /// How we prove that.
    pub password: String,
}

impl fmt::Debug for TurnServer {
    /// Without the password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TurnServer")
            .field("address", &self.address)
            .field("transport", &self.transport)
            .field("username", &self.username)
            .finish_non_exhaustive()
    }
}

/// What carries the messages to a TURN server. What the server relays is UDP with all of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TurnTransport {
    /// UDP, from the sockets that are candidates: `turn:host`.
    Udp,
    /// TCP, where UDP is blocked: `turn:host?transport=tcp`.
    Tcp,
    /// TLS over TCP, where all but the web is blocked: `turns:host`.
    Tls {
        /// The name that the server's certificate must have.
        name: String,
    },
}

/// A TCP or TLS connection that this machine asked its owner for, or was given by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId(pub(crate) u32);

/// A connection to open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamRequest {
    /// What it is called from now on.
    pub stream: StreamId,
    /// Where it begins: this address, and this port unless it is 0. `None`: wherever the system
    /// likes.
    pub local: Option<SocketAddr>,
    /// Where it ends.
    pub remote: SocketAddr,
    /// `Some(name)`: over TLS, with a certificate for that name.
    pub tls: Option<String>,
}

/// Why a connection ended, or never began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StreamEnd {
    /// Closed by the other side, or by the network.
    Closed,
    /// The other side refused it, or cannot be reached.
    Unreachable,
    /// Nobody answered in time.
    TimedOut,
    /// TLS failed: no common version, or a certificate that is not for this name or not trusted.
    Tls,
}
