//! Payload protocol identifiers of SCTP (RFC 8831 section 8).

/// A message of the Data Channel Establishment Protocol.
pub const DCEP: u32 = 50;
/// A text that is not empty.
pub const STRING: u32 = 51;
/// Bytes, at least one.
pub const BINARY: u32 = 53;
/// An empty text; its one byte means nothing.
pub const STRING_EMPTY: u32 = 56;
/// No bytes; its one byte means nothing.
pub const BINARY_EMPTY: u32 = 57;
