use thiserror::Error;

/// Why a datagram is no compound packet; nothing of it is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ParseError {
    /// The first packet ends before its length says so.
    #[error("need {need} bytes, have {have}")]
    Truncated {
        /// Bytes that the first packet asks for.
        need: usize,
        /// Bytes there are.
        have: usize,
    },
    /// The version field of the first packet is not 2.
    #[error("RTCP version {0}, not 2")]
    Version(u8),
    /// The first packet is no report, and reduced size was not negotiated.
    #[error("a compound packet starts with a report, not with packet type {0}")]
    FirstPacket(u8),
    /// A first packet with padding, which only the last one may have.
    #[error("the first of several packets has padding")]
    FirstPadded,
}

/// The caller's buffer cannot hold what is to be written; nothing of it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("a buffer of {need} bytes is needed")]
pub struct BufferTooSmall {
    /// Bytes the buffer has to have.
    pub need: usize,
}

/// Why a packet was not added. The compound packet is as it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum WriteError {
    /// The buffer is too small.
    #[error(transparent)]
    BufferTooSmall(#[from] BufferTooSmall),
    /// More blocks, chunks or sources than the five-bit count can say.
    #[error("{count} entries, at most {limit}")]
    TooMany {
        /// Entries that were given.
        count: usize,
        /// The limit.
        limit: usize,
    },
    /// A text of more than 255 bytes.
    #[error("a text of {0} bytes, at most 255")]
    TextTooLong(usize),
    /// An item of kind 0, which would end its chunk.
    #[error("0 cannot be the kind of an item")]
    ItemKind,
    /// Nothing to say: a NACK or FIR without entries.
    #[error("a feedback packet without entries")]
    Empty,
}
