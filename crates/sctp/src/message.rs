use std::time::Duration;

use bytes::Bytes;

/// A message to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outgoing {
    /// The stream, below the number negotiated.
    pub stream: u16,
    /// Payload protocol identifier, passed through untouched.
    pub ppid: u32,
    /// The message: at least one byte. Fragments refer to it and copy nothing.
    pub payload: Bytes,
    /// Delivered in the order of sending among the ordered messages of its stream.
    pub ordered: bool,
    /// How hard to try.
    pub reliability: Reliability,
}

/// How hard to try to deliver a message (RFC 3758, RFC 7496).
///
/// With a peer that does not know FORWARD TSN every message is reliable.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reliability {
    /// Until it is acknowledged.
    #[default]
    Reliable,
    /// Repeat a fragment at most so often; 0 sends once.
    Retransmits(u16),
    /// Give up so long after it was handed over, queueing included.
    Lifetime(Duration),
}

/// A message received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The stream it came on.
    pub stream: u16,
    /// Payload protocol identifier.
    pub ppid: u32,
    /// The message: at least one byte.
    pub payload: Bytes,
    /// Whether it was sent in order.
    pub ordered: bool,
}

/// A packet written into the caller's buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transmit {
    /// How many bytes of the buffer to send.
    pub len: usize,
}
