use thiserror::Error;

/// An attribute has a value or length that it cannot have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("attribute {kind:#06x} of {len} bytes is malformed")]
pub struct MalformedAttribute {
    /// The attribute's type.
    pub kind: u16,
    /// Bytes of its value.
    pub len: usize,
}

/// Why bytes are not a ChannelData message (RFC 8656 section 12.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ChannelDataError {
    /// Fewer bytes than the header, or than the header announces.
    #[error("need {need} bytes, have {have}")]
    Truncated {
        /// Bytes that the message takes.
        need: usize,
        /// Bytes that arrived.
        have: usize,
    },
    /// The first two bytes are no channel number: 0x4000 to 0x4fff, to 0x7fff by older texts.
    #[error("{number:#06x} is no channel number")]
    NotAChannel {
        /// The first two bytes.
        number: u16,
    },
}

/// Why a byte stream cannot go on (RFC 8489 section 6.2.2, RFC 8656 section 12.5).
///
/// There is no way to find the next message: close the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum FrameError {
    /// Neither a STUN message nor ChannelData can start with this byte.
    #[error("no message starts with byte {first:#04x}")]
    Unknown {
        /// The first byte.
        first: u8,
    },
    /// A message that could start a STUN message lacks the magic cookie, or is not made of words.
    #[error("not a STUN message")]
    NotStun,
    /// The message is longer than the reader's limit.
    #[error("message of {len} bytes, at most {limit} are read")]
    TooLong {
        /// Bytes that the message takes.
        len: usize,
        /// Bytes that are read.
        limit: usize,
    },
}
