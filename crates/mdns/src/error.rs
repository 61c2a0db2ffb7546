use std::net::IpAddr;

use crate::InterfaceId;

/// A text is no name of a candidate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{len} bytes are no version 4 UUID with .local")]
pub struct NameError {
    /// Bytes of the text.
    pub len: usize,
}

/// Bytes are no DNS message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseError {
    /// The message ends too early.
    #[error("message of {have} bytes ends where byte {need} is needed")]
    Truncated {
        /// Bytes needed at least.
        need: usize,
        /// Bytes that are there.
        have: usize,
    },
    /// A message longer than RFC 6762 section 17 allows.
    #[error("message of {len} bytes, {limit} are allowed")]
    TooLong {
        /// Bytes of the message.
        len: usize,
        /// The most there may be.
        limit: usize,
    },
    /// A compression pointer that does not point backwards, or one too many.
    #[error("compression pointer at byte {at} points nowhere")]
    Pointer {
        /// Offset of the pointer.
        at: usize,
    },
    /// A label of a kind that does not exist.
    #[error("label of an unknown kind at byte {at}")]
    Label {
        /// Offset of the label.
        at: usize,
    },
    /// A name of more than 255 bytes.
    #[error("name at byte {at} is longer than 255 bytes")]
    NameTooLong {
        /// Offset of the name.
        at: usize,
    },
    /// Data that has not the length of its type.
    #[error("data of record type {kind} has {len} bytes")]
    Data {
        /// The type.
        kind: u16,
        /// Bytes of the data.
        len: usize,
    },
}

/// Why a datagram was thrown away. The machine is unchanged whenever this is returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InputError {
    /// Not a DNS message.
    #[error(transparent)]
    Malformed(#[from] ParseError),
    /// It came over an interface that the machine was not told of.
    #[error("interface {} is unknown", .0.0)]
    UnknownInterface(InterfaceId),
    /// Its source is not on the link of its interface.
    #[error("{source_address} is not on the link")]
    OffLink {
        /// Where it came from.
        source_address: IpAddr,
    },
    /// A response whose source port is not 5353.
    #[error("response from port {port}")]
    ResponsePort {
        /// The port.
        port: u16,
    },
    /// A response sent to us alone that we did not ask for.
    #[error("unicast response to no recent question")]
    Unsolicited,
    /// A message that is no query and no response to one.
    #[error("operation {opcode} with response code {rcode}")]
    Operation {
        /// The operation.
        opcode: u8,
        /// The response code.
        rcode: u8,
    },
}

/// A name could not be given to an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RegisterError {
    /// As many names as [`Config::max_names`](crate::Config::max_names) are registered.
    #[error("{limit} names are registered")]
    TooMany {
        /// The limit.
        limit: usize,
    },
    /// An address that no host has: unspecified or multicast.
    #[error("{address} is no host's address")]
    Address {
        /// The address.
        address: IpAddr,
    },
}

/// A name cannot be resolved now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ResolveError {
    /// As many names as [`Config::max_queries`](crate::Config::max_queries) are being resolved.
    #[error("{limit} names are being resolved")]
    TooMany {
        /// The limit.
        limit: usize,
    },
}

/// The buffer offered to [`poll_output`](crate::Mdns::poll_output) cannot hold the datagram.
///
/// Nothing is lost: the datagram stays queued for the next call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("output needs a buffer of {need} bytes")]
pub struct BufferTooSmall {
    /// Bytes needed at least.
    pub need: usize,
}
