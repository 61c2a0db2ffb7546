use std::net::SocketAddr;
use std::time::Duration;

use antiphon_stun::{AuthError, CredentialError, ErrorCode, ParseError};
use thiserror::Error;

use crate::error::{ChannelDataError, FrameError, MalformedAttribute};
use crate::wire::attribute::code;

/// Why a client cannot be made from its configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// Username or password cannot be sent.
    #[error(transparent)]
    Credentials(#[from] CredentialError),
    /// A token of more than 1024 bytes.
    #[error("token of {len} bytes, at most {limit} are sent")]
    TokenTooLong {
        /// Bytes of the token.
        len: usize,
        /// Bytes allowed.
        limit: usize,
    },
    /// TCP towards the peers needs TCP or TLS towards the server (RFC 6062 section 4.1).
    #[error("a TCP allocation needs a stream to the server")]
    TcpOverDatagrams,
    /// Attributes that exclude each other: a reservation token with an even port or a family, or
    /// TCP with one of EVEN-PORT, DONT-FRAGMENT and RESERVATION-TOKEN.
    #[error("the options exclude each other")]
    Contradiction,
    /// SOFTWARE of more than 509 bytes.
    #[error("software of {len} bytes, at most {limit} are sent")]
    SoftwareTooLong {
        /// Bytes of the text.
        len: usize,
        /// Bytes allowed.
        limit: usize,
    },
}

/// Why there is no allocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum AllocateError {
    /// Neither username nor password convinced the server, or its challenge did not convince us.
    /// Don't try again before that has changed.
    #[error("not authorized: {0}")]
    Unauthorized(AuthError),
    /// 403: the server does not want to.
    #[error("forbidden")]
    Forbidden,
    /// 400: the server finds the request malformed.
    #[error("bad request")]
    BadRequest,
    /// 405: the server offers no mobility.
    #[error("mobility is forbidden")]
    MobilityForbidden,
    /// 420: the server does not know an attribute that it would have to understand.
    #[error("the server does not know attribute {first:#06x}")]
    UnknownAttribute {
        /// The first one on its list; 0 if it lists none.
        first: u16,
    },
    /// 437 from `ports` local ports in turn. Leave the server alone for `retry_after`.
    #[error("allocation mismatch from {ports} ports")]
    Mismatch {
        /// Local ports tried.
        ports: u8,
        /// Two minutes.
        retry_after: Duration,
    },
    /// 440, or an address of a family that nobody asked for. Never try again.
    #[error("address family not supported")]
    AddressFamily,
    /// 441: another user owns the allocation.
    #[error("wrong credentials")]
    WrongCredentials,
    /// 442: the server does not relay that protocol.
    #[error("protocol not supported")]
    UnsupportedTransport,
    /// 486: this user has enough allocations.
    #[error("quota reached")]
    Quota {
        /// One minute.
        retry_after: Duration,
    },
    /// 508: the server has no address left, or none with those properties.
    #[error("no capacity")]
    Capacity {
        /// One minute.
        retry_after: Duration,
    },
    /// 300, and redirections are not followed, or this one was not signed.
    #[error("redirected to {server}")]
    Redirected {
        /// Where to.
        server: SocketAddr,
    },
    /// 300 to a server that sent us here within the last five minutes, or to nowhere.
    #[error("redirected in a circle")]
    RedirectLoop,
    /// No answer. Try another transport.
    #[error("the server does not answer")]
    Timeout {
        /// Whether answers came that were not proven to come from the server.
        integrity_violated: bool,
    },
    /// The success lacks an address or a lifetime, or has one that cannot be.
    #[error("malformed response")]
    Malformed,
    /// The owner said that the transport failed.
    #[error("the transport failed")]
    TransportFailed,
    /// The provider lacks a hash, or the message has no room for what it must carry.
    #[error("the request cannot be written")]
    Unwritable,
    /// Any other error code.
    #[error("error {code}")]
    Other {
        /// The code.
        code: u16,
    },
}

/// Why a request within an allocation failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RequestError {
    /// Authentication failed.
    #[error("not authorized: {0}")]
    Unauthorized(AuthError),
    /// 400.
    #[error("bad request")]
    BadRequest,
    /// 403: not this peer.
    #[error("forbidden")]
    Forbidden,
    /// 405: no mobility.
    #[error("mobility is forbidden")]
    MobilityForbidden,
    /// 420.
    #[error("the server does not know an attribute")]
    UnknownAttribute,
    /// 437: the server knows no such allocation.
    #[error("allocation mismatch")]
    Mismatch,
    /// 441: the allocation belongs to another user.
    #[error("wrong credentials")]
    WrongCredentials,
    /// 443: the peer's address is of another family.
    #[error("the peer's address family does not match")]
    FamilyMismatch,
    /// 446: there is a connection with that peer.
    #[error("connection exists")]
    ConnectionExists,
    /// 447: the server could not connect. Wait ten seconds before the same peer.
    #[error("connection failed")]
    ConnectionFailed,
    /// 486.
    #[error("quota reached")]
    Quota,
    /// 508: no room for more.
    #[error("no capacity")]
    Capacity,
    /// No answer.
    #[error("the server does not answer")]
    Timeout {
        /// Whether answers came that were not proven to come from the server.
        integrity_violated: bool,
    },
    /// A success that lacks what it must have.
    #[error("malformed response")]
    Malformed,
    /// The owner said that the transport, or the data connection, failed.
    #[error("the transport failed")]
    TransportFailed,
    /// The provider lacks a hash, or the message has no room for what it must carry.
    #[error("the request cannot be written")]
    Unwritable,
    /// Any other error code.
    #[error("error {code}")]
    Other {
        /// The code.
        code: u16,
    },
}

impl RequestError {
    pub(super) const fn from_code(number: u16) -> Self {
        match number {
            ErrorCode::BAD_REQUEST => Self::BadRequest,
            code::FORBIDDEN => Self::Forbidden,
            code::MOBILITY_FORBIDDEN => Self::MobilityForbidden,
            ErrorCode::UNKNOWN_ATTRIBUTE => Self::UnknownAttribute,
            code::ALLOCATION_MISMATCH => Self::Mismatch,
            code::WRONG_CREDENTIALS => Self::WrongCredentials,
            code::PEER_FAMILY_MISMATCH => Self::FamilyMismatch,
            code::CONNECTION_EXISTS => Self::ConnectionExists,
            code::CONNECTION_FAILED => Self::ConnectionFailed,
            code::QUOTA_REACHED => Self::Quota,
            code::INSUFFICIENT_CAPACITY => Self::Capacity,
            code => Self::Other { code },
        }
    }
}

/// Why an allocation ended although nobody released it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum LossReason {
    /// It was not refreshed in time.
    #[error("expired")]
    Expired,
    /// The server refused to go on with it.
    #[error("refused: {0}")]
    Refused(RequestError),
    /// The owner said that the transport failed.
    #[error("the transport failed")]
    TransportFailed,
}

/// Why a command is impossible now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CommandError {
    /// There is no allocation, or it is being released.
    #[error("no allocation")]
    NotAllocated,
    /// There is an allocation, or one on its way.
    #[error("already allocated")]
    AlreadyAllocated,
    /// The server asked to be left alone, or the same peer just failed.
    #[error("to be tried again in {wait:?}")]
    TooSoon {
        /// As long.
        wait: Duration,
    },
    /// No more permissions, channels or connections than that.
    #[error("limit of {limit} reached")]
    Limit {
        /// The limit.
        limit: usize,
    },
    /// The allocation has no address of the peer's family (RFC 8656 section 9).
    #[error("no relayed address of that family")]
    Family,
    /// The server gave no ticket (RFC 8016).
    #[error("no mobility ticket")]
    NoTicket,
    /// UDP channels and TCP connections belong to different allocations (RFC 6062).
    #[error("not with this protocol")]
    Protocol,
    /// No such connection is waiting.
    #[error("no connection {connection}")]
    NoConnection {
        /// The id given.
        connection: u32,
    },
    /// A connection with that peer is on its way (RFC 6062 section 4.3).
    #[error("already connecting")]
    AlreadyConnecting,
    /// Nobody asked for that.
    #[error("not expected now")]
    Unexpected,
    /// The credentials cannot be sent.
    #[error(transparent)]
    Credentials(#[from] CredentialError),
}

/// Why a payload was not wrapped. The buffer is unchanged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum WrapError {
    /// There is no allocation.
    #[error("no allocation")]
    NotAllocated,
    /// No permission for the peer yet: the server would drop it.
    #[error("no permission for the peer")]
    NoPermission,
    /// Not enough room before or after the payload, see `HEADROOM` and `TAILROOM`.
    #[error("{need} bytes of room wanted, {have} there")]
    NoRoom {
        /// Bytes wanted on that side.
        need: usize,
        /// Bytes there.
        have: usize,
    },
    /// The payload does not fit into a message.
    #[error("payload of {len} bytes, at most {limit} fit")]
    TooLong {
        /// Bytes of payload.
        len: usize,
        /// Bytes that fit.
        limit: usize,
    },
}

/// Why bytes from the server were dropped. Nothing has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum InputError {
    /// From somebody else than the server.
    #[error("from {from}, not from the server")]
    Source {
        /// The sender.
        from: SocketAddr,
    },
    /// No STUN message, or a malformed one.
    #[error(transparent)]
    Parse(#[from] ParseError),
    /// No ChannelData, or a truncated one.
    #[error(transparent)]
    ChannelData(#[from] ChannelDataError),
    /// An attribute has a value that it cannot have.
    #[error(transparent)]
    Attribute(#[from] MalformedAttribute),
    /// A stream that cannot be read any further: close it.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// The first byte is neither of STUN nor of ChannelData.
    #[error("nothing of TURN starts with {first:#04x}")]
    NotTurn {
        /// The byte.
        first: u8,
    },
    /// A channel that is not bound.
    #[error("channel {number:#06x} is not bound")]
    UnboundChannel {
        /// Its number.
        number: u16,
    },
    /// A peer without permission (RFC 8656 section 11.4).
    #[error("no permission for {peer}")]
    NoPermission {
        /// The peer.
        peer: SocketAddr,
    },
    /// An answer to nothing that was asked.
    #[error("answer to no outstanding request")]
    UnknownTransaction,
    /// A request, or an indication that clients do not get.
    #[error("method {method:#05x} is not for a client")]
    Unexpected {
        /// Its method's number.
        method: u16,
    },
    /// An indication with attributes that must be understood and are not, or lacking some.
    #[error("indication cannot be understood")]
    NotUnderstood,
    /// FINGERPRINT is there and wrong.
    #[error("wrong fingerprint")]
    Fingerprint,
    /// There is no allocation that it could belong to.
    #[error("no allocation")]
    NotAllocated,
    /// More connections of RFC 6062 wait than the limit allows.
    #[error("limit of {limit} waiting connections reached")]
    Limit {
        /// The limit.
        limit: usize,
    },
}
