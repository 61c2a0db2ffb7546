use std::net::{IpAddr, SocketAddr};
use std::ops::Range;
use std::time::Duration;

use crate::client::error::{AllocateError, LossReason, RequestError};
use crate::wire::ChannelNumber;
use crate::wire::attribute::{AddressError, Family, Icmp};

/// An allocation: addresses at the server that stand for ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Allocation {
    /// The relayed IPv4 address.
    pub relayed_v4: Option<SocketAddr>,
    /// The relayed IPv6 address.
    pub relayed_v6: Option<SocketAddr>,
    /// Our own address as the server sees it: a server-reflexive candidate.
    pub mapped: SocketAddr,
    /// As long it lasts without a refresh, which happens by itself.
    pub lifetime: Duration,
    /// With this a second allocation gets the next port (RFC 8656 section 7.3).
    pub reservation_token: Option<[u8; 8]>,
    /// Which of two families was not given, and why.
    pub refused: Option<AddressError>,
    /// Whether a ticket came, so that the address may change (RFC 8016).
    pub mobile: bool,
}

impl Allocation {
    /// The relayed address of that family.
    #[must_use]
    pub const fn relayed(&self, family: Family) -> Option<SocketAddr> {
        match family {
            Family::V4 => self.relayed_v4,
            Family::V6 => self.relayed_v6,
        }
    }
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// There is an allocation.
    Allocated(Allocation),
    /// There is none.
    AllocateFailed(AllocateError),
    /// The server finds our address in use (437): open another local port and call
    /// [`reconnected`](super::Client::reconnected).
    NewLocalPortWanted {
        /// As many ports were tried.
        tried: u8,
    },
    /// The server sends us on (300): connect there with the same transport and call
    /// [`reconnected`](super::Client::reconnected).
    Redirected {
        /// The other server.
        server: SocketAddr,
        /// The name to check its certificate against; without one, that of before.
        domain: Option<String>,
    },
    /// The server wants to know who we are: call
    /// [`set_credentials`](super::Client::set_credentials).
    CredentialsWanted {
        /// The realm, which may choose the password.
        realm: String,
        /// The server's name for an authorization server, if it wants a token (RFC 7635).
        third_party: Option<String>,
    },
    /// The allocation is gone, with permissions, channels and connections.
    Lost(LossReason),
    /// The allocation was given back.
    Released,
    /// The server takes what comes from `peer`, from any port.
    PermissionCreated {
        /// The peer's address.
        peer: IpAddr,
    },
    /// It does not. A refresh that fails ends the permission as well.
    PermissionFailed {
        /// The peer's address.
        peer: IpAddr,
        /// Why.
        error: RequestError,
    },
    /// Data for `peer` now costs four bytes more instead of 36 or 48.
    ChannelBound {
        /// The peer.
        peer: SocketAddr,
        /// The channel.
        number: ChannelNumber,
    },
    /// It does not; data goes on in indications.
    ChannelFailed {
        /// The peer.
        peer: SocketAddr,
        /// Why.
        error: RequestError,
    },
    /// A datagram to `peer` was answered by ICMP.
    Icmp {
        /// The peer.
        peer: SocketAddr,
        /// What it said.
        icmp: Icmp,
    },
    /// The allocation follows us to our new address (RFC 8016).
    Moved {
        /// Our new address as the server sees it, if it says so.
        mapped: Option<SocketAddr>,
    },
    /// The server connected to `peer`, or `peer` to the server (RFC 6062): open a new connection to
    /// the server within 30 s and call [`bind_connection`](super::Client::bind_connection).
    ConnectionReady {
        /// What names it.
        connection: u32,
        /// The peer.
        peer: SocketAddr,
        /// Whether the peer began.
        incoming: bool,
    },
    /// The server could not connect to `peer`.
    ConnectFailed {
        /// The peer.
        peer: SocketAddr,
        /// Why.
        error: RequestError,
    },
    /// From now on the data connection carries the peer's bytes, both ways, as they are.
    ConnectionBound {
        /// Which one.
        connection: u32,
        /// The peer.
        peer: SocketAddr,
    },
    /// The data connection was refused: close it.
    ConnectionFailed {
        /// Which one.
        connection: u32,
        /// The peer.
        peer: SocketAddr,
        /// Why.
        error: RequestError,
    },
}

/// What bytes from the server were.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// Data of a peer: that range of what was given.
    Data {
        /// The peer.
        peer: SocketAddr,
        /// Where it lies.
        payload: Range<usize>,
    },
    /// Something for the machine itself. Outputs and events may be there.
    Control,
}

/// On which of the owner's connections to the server bytes travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Via {
    /// The one that the allocation hangs on.
    Control,
    /// The data connection with that id (RFC 6062).
    Data(u32),
}

/// Bytes for the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transmit {
    /// On which connection.
    pub via: Via,
    /// As many at the front of the buffer.
    pub len: usize,
}

/// Counters since the beginning.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Requests begun, retries after challenges included.
    pub requests: u64,
    /// Requests sent again for want of an answer.
    pub retransmissions: u64,
    /// Challenges followed, 401 and 438.
    pub challenges: u64,
    /// Responses discarded for their integrity.
    pub unproven: u64,
    /// Payloads sent through channels.
    pub channel_data_sent: u64,
    /// Payloads sent in indications.
    pub indications_sent: u64,
    /// Payloads received.
    pub received: u64,
    /// Events lost because nobody took them.
    pub events_lost: u64,
}
