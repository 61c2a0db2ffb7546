use thiserror::Error;

/// Why a packet was thrown away. The association is unchanged whenever this is returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum InputError {
    /// Shorter than a common header and one chunk header.
    #[error("a packet needs 16 bytes, this has {have}")]
    Truncated {
        /// Bytes that arrived.
        have: usize,
    },
    /// The CRC32c does not match (RFC 9260 section 6.8).
    #[error("the checksum does not match")]
    Checksum,
    /// Not between the two ports of this association.
    #[error("ports {source_port} to {destination_port} are not ours")]
    Ports {
        /// The packet's source port.
        source_port: u16,
        /// The packet's destination port.
        destination_port: u16,
    },
    /// The verification tag is not ours (RFC 9260 section 8.5).
    #[error("verification tag {0:#010x} is not ours")]
    VerificationTag(u32),
    /// The first chunk announces a length below 4 or beyond the packet.
    #[error("the first chunk is malformed")]
    MalformedChunk,
    /// INIT, INIT ACK or SHUTDOWN COMPLETE together with other chunks (RFC 9260 section 6.10).
    #[error("chunk type {0} must be alone in its packet")]
    NotAlone(u8),
    /// Nothing to do with this packet in the present state.
    #[error("out of the blue: chunk type {0}")]
    OutOfTheBlue(u8),
    /// The state cookie is not one of ours, or does not fit this packet.
    #[error("the state cookie is not ours")]
    Cookie,
    /// INIT or INIT ACK with values no association can be built from.
    #[error("INIT or INIT ACK with unusable values")]
    BadInit,
    /// The association has ended.
    #[error("the association has ended")]
    Closed,
}

/// The buffer offered to [`poll_output`](crate::Association::poll_output) cannot hold a packet.
///
/// Nothing is lost: what there is to say stays queued for the next call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("output needs a buffer of {need} bytes")]
pub struct BufferTooSmall {
    /// Bytes to offer: [`Config::max_packet`](crate::Config::max_packet).
    pub need: usize,
}

/// Why a message was not taken. It can be sent again later where the text says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SendError {
    /// Before [`Event::Connected`](crate::Event::Connected).
    #[error("the association is not established")]
    NotConnected,
    /// Shutting down, or ended.
    #[error("the association is closing or closed")]
    Closing,
    /// The stream is not among those negotiated.
    #[error("stream {stream} does not exist: there are {limit}")]
    NoSuchStream {
        /// The stream asked for.
        stream: u16,
        /// Streams negotiated; ids are below this.
        limit: u16,
    },
    /// SCTP has no empty messages (RFC 9260 section 6.2).
    #[error("a message cannot be empty")]
    Empty,
    /// Larger than the peer takes.
    #[error("a message of {len} bytes exceeds the limit of {limit}")]
    MessageTooLarge {
        /// Bytes of the message.
        len: usize,
        /// [`Config::max_send_message_size`](crate::Config::max_send_message_size).
        limit: usize,
    },
    /// The send buffer is full; [`Event::Writable`](crate::Event::Writable) follows.
    #[error("the send buffer holds {buffered} of {limit} bytes")]
    BufferFull {
        /// Bytes queued on all streams.
        buffered: usize,
        /// [`Config::send_buffer`](crate::Config::send_buffer).
        limit: usize,
    },
    /// The stream is being reset; [`Event::StreamResetDone`](crate::Event::StreamResetDone)
    /// follows.
    #[error("stream {stream} is being reset")]
    Resetting {
        /// The stream asked for.
        stream: u16,
    },
}

/// Why an association cannot be set up from what was signalled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SnapError {
    /// [`snap_init`](crate::Association::snap_init) was not called before, so the peer knows
    /// nothing of us.
    #[error("our own INIT was not exported")]
    NotExported,
    /// The handshake has begun, or the association is up or has ended.
    #[error("the association is not fresh")]
    NotFresh,
    /// Not an INIT chunk, or more than one.
    #[error("{len} bytes are not one INIT chunk")]
    NotInit {
        /// Bytes given.
        len: usize,
    },
    /// An INIT no association can be built from.
    #[error("INIT with unusable values")]
    BadInit,
}

/// Why an association cannot be handed over, or taken over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum HandoverError {
    /// Not established, or shutting down.
    #[error("the association is not established")]
    NotConnected,
    /// Something is queued or not acknowledged.
    #[error("{chunks} chunks and {buffered} bytes are not delivered")]
    Sending {
        /// Chunks not acknowledged.
        chunks: usize,
        /// Bytes queued.
        buffered: usize,
    },
    /// Messages wait for [`recv`](crate::Association::recv) or for the rest of them.
    #[error("{held} bytes were received and not taken")]
    Receiving {
        /// Bytes held, with a surcharge for each message.
        held: usize,
    },
    /// A stream is being reset or added, or an answer or event is due.
    #[error("a request or an event is under way")]
    Busy,
    /// Written by another version of this crate.
    #[error("version {found} is not {known}")]
    Version {
        /// Version of the bytes.
        found: u8,
        /// Version this crate writes.
        known: u8,
    },
    /// The bytes end early, go on, or contradict themselves.
    #[error("malformed at byte {at}")]
    Malformed {
        /// Where.
        at: usize,
    },
}

/// Why streams cannot be reset or added.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ResetError {
    /// Before [`Event::Connected`](crate::Event::Connected), or closing.
    #[error("the association is not established")]
    NotConnected,
    /// The peer did not announce RE-CONFIG (RFC 6525 section 5.1.1).
    #[error("the peer cannot reset streams")]
    Unsupported,
    /// The stream is not among those negotiated.
    #[error("stream {stream} does not exist: there are {limit}")]
    NoSuchStream {
        /// The stream asked for.
        stream: u16,
        /// Streams negotiated; ids are below this.
        limit: u16,
    },
    /// The sum would not fit 16 bits (RFC 6525 section 5.1.5).
    #[error("{more} streams more than {have} are too many")]
    TooManyStreams {
        /// Streams there are.
        have: u16,
        /// Streams asked for.
        more: u16,
    },
}
