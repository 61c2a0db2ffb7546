//! Candidates: what they are, how they are written, how they are ranked.

mod grammar;
mod priority;

use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;

pub use grammar::ParseCandidateError;
pub(crate) use grammar::is_mdns_name;
pub(crate) use priority::{candidate_priority, pair_priority, tcp_local_preference};

/// A transport address at which a peer may be reached (RFC 8445 section 2.2, RFC 8839 section 5.1).
///
/// `Display` writes the value of the `candidate` attribute with its name (`candidate:1 1 udp ...`);
/// `FromStr` takes it with or without the name, and with `a=` before it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Candidate {
    /// Equal for candidates of the same type, base address, server and protocol.
    pub foundation: Foundation,
    /// 1 for RTP and everything multiplexed with it, 2 for RTCP; 1 to 256.
    pub component: u16,
    /// The transport protocol.
    pub protocol: Protocol,
    /// Higher is better; 1 to 2^31-1.
    pub priority: u32,
    /// Where the peer may be reached.
    pub addr: Address,
    /// How the address was found.
    pub kind: CandidateKind,
    /// `raddr` and `rport`: the base of a reflexive candidate, the mapped address of a relayed one.
    /// `None` for host candidates, and where the peer hides it.
    pub related: Option<SocketAddr>,
    /// Which end connects, for TCP (RFC 6544).
    pub tcp_type: Option<TcpType>,
    /// The generation that the candidate belongs to, when it says so.
    pub ufrag: Option<String>,
}

/// An address of a candidate.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Address {
    /// An IP address and port.
    Ip(SocketAddr),
    /// A name that hides an address. The agent asks for the address of names of mDNS
    /// ([`Event::ResolveName`](crate::Event::ResolveName)) and ignores others.
    Name {
        /// The name, as it was written.
        host: String,
        /// The port.
        port: u16,
    },
}

impl Address {
    /// The IP address and port, when there is one.
    #[must_use]
    pub const fn socket_addr(&self) -> Option<SocketAddr> {
        match self {
            Self::Ip(addr) => Some(*addr),
            Self::Name { .. } => None,
        }
    }
}

impl From<SocketAddr> for Address {
    fn from(addr: SocketAddr) -> Self {
        Self::Ip(addr)
    }
}

/// How an address was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum CandidateKind {
    /// An address of the machine itself (`host`).
    Host,
    /// What a STUN server saw (`srflx`).
    ServerReflexive,
    /// What the peer saw in a connectivity check (`prflx`).
    PeerReflexive,
    /// An address on a TURN server (`relay`).
    Relayed,
}

impl CandidateKind {
    /// The recommended type preference (RFC 8445 section 5.1.2.2).
    ///
    /// Over TCP it is one less, so that of two paths of one kind the one over UDP is better, and
    /// the kind counts more than the protocol (RFC 6544 section 4.2).
    pub(crate) const fn type_preference(self, protocol: Protocol) -> u32 {
        //= rfc6544#4.2
        // The protocol that is liked less has lower type preferences.
        match (self, protocol) {
            (Self::Host, Protocol::Udp) => 126,
            (Self::Host, Protocol::Tcp) => 125,
            (Self::PeerReflexive, Protocol::Udp) => 110,
            (Self::PeerReflexive, Protocol::Tcp) => 109,
            (Self::ServerReflexive, Protocol::Udp) => 100,
            (Self::ServerReflexive, Protocol::Tcp) => 99,
            (Self::Relayed, Protocol::Udp | Protocol::Tcp) => 0,
        }
    }

    /// The name in session descriptions.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::ServerReflexive => "srflx",
            Self::PeerReflexive => "prflx",
            Self::Relayed => "relay",
        }
    }
}

/// The transport protocol of a candidate, and of the path between two of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Protocol {
    /// UDP.
    Udp,
    /// TCP, with a length before each datagram (RFC 6544, RFC 4571).
    Tcp,
}

/// Which end opens the connection of a TCP candidate (RFC 6544 section 4.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TcpType {
    /// Connects.
    Active,
    /// Listens.
    Passive,
    /// Both at once.
    SimultaneousOpen,
}

impl TcpType {
    /// Whether a candidate of ours of this type can be paired with one of theirs of that type.
    pub(crate) const fn meets(self, theirs: Self) -> bool {
        //= rfc6544#6.2
        // Active meets passive, simultaneous-open meets its like.
        matches!(
            (self, theirs),
            (Self::Active, Self::Passive)
                | (Self::Passive, Self::Active)
                | (Self::SimultaneousOpen, Self::SimultaneousOpen)
        )
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Passive => "passive",
            Self::SimultaneousOpen => "so",
        }
    }
}

/// A foundation: 1 to 32 letters, digits, `+` and `/`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Foundation {
    bytes: [u8; 32],
    len: u8,
}

impl Foundation {
    /// The foundation as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        let bytes = self.bytes.get(..usize::from(self.len)).unwrap_or_default();
        std::str::from_utf8(bytes).unwrap_or_default()
    }

    /// A number, as text.
    pub(crate) fn from_number(number: u64) -> Self {
        // A number has at most 20 digits, and digits are allowed.
        number.to_string().parse().unwrap_or(Self { bytes: [b'0'; 32], len: 1 })
    }
}

impl FromStr for Foundation {
    type Err = ParseCandidateError;

    fn from_str(text: &str) -> Result<Self, ParseCandidateError> {
        let mut bytes = [0; 32];
        match bytes.get_mut(..text.len()) {
            Some(to) if !text.is_empty() && text.bytes().all(is_ice_char) => {
                to.copy_from_slice(text.as_bytes());
            }
            _ => return Err(ParseCandidateError::Foundation { len: text.len() }),
        }
        Ok(Self { bytes, len: u8::try_from(text.len()).unwrap_or(0) })
    }
}

impl fmt::Display for Foundation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Foundation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

/// `ice-char` of RFC 8839 section 5.1.
pub(crate) const fn is_ice_char(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'+' || byte == b'/'
}
