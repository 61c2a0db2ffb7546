use thiserror::Error;

/// Why bytes are not a STUN message. A stranger can cause each of them at will: drop the datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ParseError {
    /// Shorter than the header.
    #[error("{have} bytes are less than a header of 20")]
    Truncated {
        /// Bytes that arrived.
        have: usize,
    },
    /// The two top bits are not zero, or the magic cookie is missing.
    #[error("not a STUN message")]
    NotStun,
    /// The header's length is not what arrived, or no multiple of four.
    #[error("header announces {announced} bytes of attributes, {have} arrived")]
    Length {
        /// Bytes of attributes by the header.
        announced: usize,
        /// Bytes after the header.
        have: usize,
    },
    /// An attribute reaches past the end of the message.
    #[error("attribute {kind:#06x} at byte {at} is {len} bytes long and overruns the message")]
    AttributeOverrun {
        /// The attribute's type.
        kind: u16,
        /// Where it starts, from the first byte of the message.
        at: usize,
        /// The length it claims.
        len: usize,
    },
    /// An attribute that this crate knows has a value or length that it cannot have.
    #[error("attribute {kind:#06x} at byte {at} of {len} bytes is malformed")]
    MalformedAttribute {
        /// The attribute's type.
        kind: u16,
        /// Where it starts, from the first byte of the message.
        at: usize,
        /// Its length.
        len: usize,
    },
}

/// Why a message is not proven to come from somebody who knows the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum IntegrityError {
    /// The message carries no such attribute.
    #[error("no message integrity")]
    Missing,
    /// The tag is shorter than the usage accepts (RFC 8489 section 14.6).
    #[error("tag of {len} bytes, at least {need} wanted")]
    Truncated {
        /// Bytes of tag in the message.
        len: usize,
        /// Bytes of tag wanted.
        need: usize,
    },
    /// Another key, or a changed message.
    #[error("wrong message integrity")]
    Wrong,
    /// The provider has no such hash, so nothing can be said about the message.
    #[error("no hash to verify with")]
    NoHash,
}

/// The buffer cannot hold the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("message needs a buffer of at least {need} bytes")]
pub struct BufferTooSmall {
    /// Bytes needed for the message up to and with the part that did not fit.
    pub need: usize,
}

/// Why an attribute was not written. The message stays as it was before the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum WriteError {
    /// The buffer ends here.
    #[error(transparent)]
    BufferTooSmall(#[from] BufferTooSmall),
    /// The value is longer than its attribute may be, or than a message can hold.
    #[error("value of {len} bytes for attribute {kind:#06x}, at most {limit} are allowed")]
    ValueTooLong {
        /// The attribute's type.
        kind: u16,
        /// Bytes of the value.
        len: usize,
        /// Bytes allowed.
        limit: usize,
    },
    /// The attribute cannot stand here: it follows MESSAGE-INTEGRITY or FINGERPRINT (RFC 8489
    /// sections 14.5 to 14.7), or only a method of its own may write it.
    #[error("attribute {kind:#06x} cannot be written here")]
    OutOfOrder {
        /// The attribute's type.
        kind: u16,
    },
    /// A domain that is not ASCII: write A-labels.
    #[error("attribute {kind:#06x} takes ASCII only")]
    NotAscii {
        /// The attribute's type.
        kind: u16,
    },
    /// The provider has no such hash, so the message cannot be signed.
    #[error("no hash to sign with")]
    NoHash,
    /// An error code outside 300 to 699.
    #[error("{code} is no error code")]
    NoErrorCode {
        /// The code given.
        code: u16,
    },
}
