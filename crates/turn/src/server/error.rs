use antiphon_stun::ParseError;
use thiserror::Error;

/// Why a datagram was dropped. Anybody can cause most of these at will; each has a counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum InputError {
    /// It starts like nothing that TURN knows.
    #[error("{len} bytes that start with {first:#04x} are neither STUN nor ChannelData")]
    Unknown {
        /// Bytes that arrived.
        len: usize,
        /// The first byte, 0 when there is none.
        first: u8,
    },
    /// It is no well-formed STUN message.
    #[error(transparent)]
    Stun(#[from] ParseError),
    /// It is no well-formed ChannelData message.
    #[error(transparent)]
    ChannelData(#[from] crate::ChannelDataError),
    /// A message that no client sends: a response, or a method or class that is not known.
    #[error("message {method:#05x} of that class is not for a server")]
    Unexpected {
        /// The method's number.
        method: u16,
    },
    /// The 5-tuple has no allocation (RFC 8656 section 5).
    #[error("no allocation")]
    NoAllocation,
    /// The relay is closed, or not open yet.
    #[error("relay closed")]
    RelayClosed,
    /// Nothing is bound to that channel (RFC 8656 section 12.6).
    #[error("channel {number:#06x} is not bound")]
    Unbound {
        /// The channel's number.
        number: u16,
    },
    /// The peer's address has no permission (RFC 8656 section 9).
    #[error("no permission")]
    NoPermission,
    /// The peer is one of the server's own addresses.
    #[error("peer not allowed")]
    Forbidden,
    /// A Send indication lacks an attribute or has a malformed or unknown one
    /// (RFC 8656 section 11.2).
    #[error("Send indication without what it needs")]
    Indication,
    /// The allocation's bandwidth is used up.
    #[error("bandwidth exceeded by {bytes} bytes")]
    Bandwidth {
        /// Bytes that were dropped.
        bytes: usize,
    },
    /// The source got too many answers without proof of who it is.
    #[error("too many unauthenticated requests")]
    RateLimited,
    /// A limit of the configuration is reached: responses waiting, look-ups, connections.
    #[error("limit of {limit} reached")]
    Full {
        /// The limit.
        limit: usize,
    },
    /// The 5-tuple carries raw data (RFC 6062 section 5.4): do not hand it in.
    #[error("a data connection carries no messages")]
    Spliced,
    /// ICMP of a type that is not passed on, or for an address without permission.
    #[error("ICMP type {kind} is not passed on")]
    Icmp {
        /// ICMP's type.
        kind: u8,
    },
    /// An answer would not fit: a name or phrase in the configuration is too long.
    #[error("answer does not fit")]
    Answer,
}

/// Why a configuration cannot work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// No realm, or one that is empty or longer than 128 bytes.
    #[error("realm {index} has {len} bytes, allowed are 1 to 128")]
    Realm {
        /// Which one.
        index: usize,
        /// Its length in bytes.
        len: usize,
    },
    /// No relay address.
    #[error("no relay address")]
    NoRelay,
    /// The range of ports is empty or reaches below 1024.
    #[error("ports {first} to {last} cannot be used")]
    Ports {
        /// First port.
        first: u16,
        /// Last port.
        last: u16,
    },
    /// A lifetime or interval is out of its range.
    #[error("{what} of {seconds} s is out of range")]
    Duration {
        /// The option.
        what: &'static str,
        /// Its value in seconds.
        seconds: u64,
    },
    /// The crypto provider lacks what the configuration needs.
    #[error(transparent)]
    Crypto(#[from] antiphon_crypto::CryptoError),
}
