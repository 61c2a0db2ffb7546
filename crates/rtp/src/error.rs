use thiserror::Error;

/// Why bytes are no RTP packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ParseError {
    /// The bytes end before the header does.
    #[error("need {need} bytes, have {have}")]
    Truncated {
        /// Bytes that the header asks for.
        need: usize,
        /// Bytes there are.
        have: usize,
    },
    /// The version field is not 2.
    #[error("RTP version {0}, not 2")]
    Version(u8),
    /// The padding count is zero, or larger than what follows the header.
    #[error("padding of {padding} bytes in a payload of {payload}")]
    Padding {
        /// What the last byte of the packet says.
        padding: u8,
        /// Bytes after the header, with the padding.
        payload: usize,
    },
}

/// The caller's buffer cannot hold what is to be written; nothing of it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("a buffer of {need} bytes is needed")]
pub struct BufferTooSmall {
    /// Bytes the buffer has to have.
    pub need: usize,
}

/// Why a part of a packet was not written. The writer is unchanged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum WriteError {
    /// The buffer is too small.
    #[error(transparent)]
    BufferTooSmall(#[from] BufferTooSmall),
    /// A payload type over 127.
    #[error("payload type {0} does not fit in seven bits")]
    PayloadType(u8),
    /// Parts go in the order CSRCs, extensions, payload, padding; CSRCs and extensions once.
    #[error("parts of a packet were written out of order")]
    Order,
    /// More than 15 contributing sources.
    #[error("{0} contributing sources, at most 15")]
    TooManyCsrcs(usize),
    /// The id or the length of an element does not go into this form of header extension.
    #[error("an element with id {id} and {len} bytes does not fit this form of header extension")]
    Element {
        /// Its id.
        id: u8,
        /// Bytes of its value.
        len: usize,
    },
    /// The elements together are longer than a header extension can be.
    #[error("header extension of {len} bytes, at most {limit}")]
    ExtensionsTooLong {
        /// Bytes of all elements.
        len: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// Padding of zero bytes cannot be written.
    #[error("padding has at least its own count")]
    EmptyPadding,
}

/// Why an id was not bound to an extension. The map is unchanged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum MapError {
    /// 0 is padding, 15 is reserved.
    #[error("{0} cannot be the id of an extension")]
    ReservedId(u8),
    /// The id already stands for another extension.
    #[error("id {0} already stands for another extension")]
    IdTaken(u8),
}
