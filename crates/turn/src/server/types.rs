use std::net::SocketAddr;
use std::ops::Range;

use crate::error::MalformedAttribute;
use crate::server::error::InputError;

/// How a client reaches the server (RFC 8656 section 3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Transport {
    /// UDP.
    Udp,
    /// DTLS over UDP.
    Dtls,
    /// TCP.
    Tcp,
    /// TLS over TCP.
    Tls,
}

impl Transport {
    /// Whether messages lie in a byte stream.
    #[must_use]
    pub const fn is_stream(self) -> bool {
        match self {
            Self::Udp | Self::Dtls => false,
            Self::Tcp | Self::Tls => true,
        }
    }
}

/// What identifies an allocation (RFC 8656 section 2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FiveTuple {
    /// The client's address, as the server sees it.
    pub client: SocketAddr,
    /// The server's address that the client talks to.
    pub server: SocketAddr,
    /// The transport between them.
    pub transport: Transport,
}

/// A relayed transport address that is or was in use.
///
/// The driver keeps it beside the socket: with it the machine finds the allocation without a
/// search. An id is never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RelayId {
    pub(crate) slot: u32,
    pub(crate) generation: u32,
    /// Whether it is the allocation's IPv6 relay.
    pub(crate) v6: bool,
    /// Counts the attempts to open the socket.
    pub(crate) attempt: u8,
}

/// A connection between a relayed address and a peer (RFC 6062): the CONNECTION-ID.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConnectionId(pub(crate) u32);

impl ConnectionId {
    /// The number on the wire.
    #[must_use]
    pub const fn number(self) -> u32 {
        self.0
    }
}

/// A look-up that a [`CredentialStore`](crate::server::CredentialStore) left to the driver.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LookUpId(pub(crate) u64);

/// Which way data went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// From the client to a peer.
    ToPeer,
    /// From a peer to the client.
    ToClient,
}

/// A datagram or message written into the caller's buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transmit {
    /// Where to, and from where.
    pub to: FiveTuple,
    /// How many bytes of the buffer to send.
    pub len: usize,
}

/// What became of the front of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step<T> {
    /// Bytes that this step is about; never 0 while there are bytes.
    pub consumed: usize,
    /// What to do with them.
    pub outcome: Result<T, InputError>,
}

/// What a client's datagram asks the driver to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    /// Send data on to a peer.
    Relay(Relay),
    /// Nothing with the datagram itself; `poll_output` and `poll_event` may have something.
    Control,
}

/// Data for a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Relay {
    /// The socket to send from.
    pub relay: RelayId,
    /// Its address.
    pub relayed: SocketAddr,
    /// The peer.
    pub to: SocketAddr,
    /// Where the data lies in the bytes that came in.
    pub run: Run,
    //= rfc8656#13
    // Of the IP header nothing is asked for but DF: the rest is as the system has it by default.
    /// Whether the client asked for DF (RFC 8656 section 14).
    pub dont_fragment: bool,
}

/// Payloads at equal distances in one buffer: what segmentation offload sends in one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// How many payloads.
    pub segments: usize,
    /// Bytes from the start of one datagram to the next.
    pub stride: usize,
    /// Bytes from the start of a datagram to its payload.
    pub offset: usize,
    /// Bytes of each payload but the last.
    pub len: usize,
    /// Bytes of the last payload, at most `len`.
    pub last_len: usize,
}

impl Run {
    pub(crate) const fn one(offset: usize, len: usize) -> Self {
        Self { segments: 1, stride: 0, offset, len, last_len: len }
    }

    /// Where payload number `index` lies; meaningless from `segments` on.
    #[must_use]
    #[inline]
    pub fn payload(&self, index: usize) -> Range<usize> {
        let start = index.saturating_mul(self.stride).saturating_add(self.offset);
        start..start.saturating_add(self.payload_len(index))
    }

    #[inline]
    pub(crate) fn payload_len(&self, index: usize) -> usize {
        if index.saturating_add(1) >= self.segments { self.last_len } else { self.len }
    }

    /// Bytes of all payloads.
    #[must_use]
    #[inline]
    pub fn total(&self) -> usize {
        self.segments.saturating_sub(1).saturating_mul(self.len).saturating_add(self.last_len)
    }

    /// Moves the payloads together in `buf`, the buffer that they came in, for a send with
    /// segments of `len` bytes. Returns where they lie.
    pub fn compact(&self, buf: &mut [u8]) -> Range<usize> {
        let mut end = self.offset;
        for index in 0..self.segments {
            let from = self.payload(index);
            let len = from.len();
            if from.end > buf.len() {
                break;
            }
            if from.start != end {
                buf.copy_within(from, end);
            }
            end = end.saturating_add(len);
        }
        self.offset..end
    }
}

/// An error that the network reported for a datagram to a peer (RFC 8656 section 11.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IcmpError {
    /// Where the datagram was going; port 0 when that is unknown.
    pub peer: SocketAddr,
    /// ICMP's type.
    pub kind: u8,
    /// ICMP's code.
    pub code: u8,
    /// The MTU of the next link for "too big", otherwise 0.
    pub data: u32,
}

impl From<MalformedAttribute> for crate::server::reply::Problem {
    fn from(_: MalformedAttribute) -> Self {
        Self::code(antiphon_stun::ErrorCode::BAD_REQUEST)
    }
}
