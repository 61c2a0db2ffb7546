/// Why a call on a connection was refused, by W3C's name for it. Nothing changed.
///
/// webrtc-pc section 1 and JSEP (RFC 9429 section 5) say which call fails how.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// `InvalidStateError`: the connection, transceiver or channel is in no state for that call.
    #[error("InvalidStateError: {0}")]
    InvalidState(InvalidState),
    /// `InvalidAccessError`: what was given contradicts what is in use.
    #[error("InvalidAccessError: {0}")]
    InvalidAccess(InvalidAccess),
    /// `InvalidModificationError`: a value that may not be changed was changed.
    #[error("InvalidModificationError: {0}")]
    InvalidModification(InvalidModification),
    /// `RTCError` with detail `sdp-syntax-error`.
    #[error("sdp-syntax-error in line {line}")]
    SdpSyntax {
        /// The line, counted from 1.
        line: usize,
    },
    /// `TypeError`: an argument is not of the form that the call takes.
    #[error("TypeError: {0}")]
    Type(TypeError),
    /// `OperationError`: the call was right, and cannot be carried out now.
    #[error("OperationError: {0}")]
    Operation(OperationError),
}

/// See [`Error::InvalidState`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidState {
    /// The connection is closed.
    #[error("the connection is closed")]
    Closed,
    /// The signaling state does not allow this description now.
    #[error("the signaling state does not allow this")]
    Signaling,
    /// There is no remote description yet.
    #[error("there is no remote description")]
    NoRemoteDescription,
    /// The transceiver is stopping or stopped.
    #[error("the transceiver is stopped")]
    TransceiverStopped,
    /// The data channel is not open.
    #[error("the data channel is not open")]
    ChannelNotOpen,
}

/// See [`Error::InvalidAccess`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidAccess {
    /// A section without `a=rtcp-mux`, which is required.
    #[error("section {section} has no a=rtcp-mux")]
    NoRtcpMux {
        /// Index of the section.
        section: usize,
    },
    /// A section that carries no usable certificate fingerprint.
    #[error("section {section} has no usable a=fingerprint")]
    NoFingerprint {
        /// Index of the section.
        section: usize,
    },
    /// A section without ICE credentials, or with malformed ones.
    #[error("section {section} has no usable ICE credentials")]
    NoIceCredentials {
        /// Index of the section.
        section: usize,
    },
    /// The description does not go with the one it answers or follows.
    #[error("section {section} contradicts what was negotiated before")]
    Mismatch {
        /// Index of the first section that does not fit.
        section: usize,
    },
    /// Something the description must have is missing or malformed.
    #[error("section {section} lacks an attribute or has a malformed one")]
    Malformed {
        /// Index of the section.
        section: usize,
    },
    /// The transceiver, sender or track belongs to another connection.
    #[error("unknown transceiver, sender or track")]
    Foreign,
}

/// See [`Error::InvalidModification`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidModification {
    /// The local description is not the one that was created.
    #[error("the local description was changed after it was created")]
    LocalDescription,
    /// A codec that this connection does not have.
    #[error("unknown codec, or no codec that carries media")]
    Codec,
    /// A configuration value that is fixed for the life of the connection.
    #[error("a configuration value that is fixed was changed")]
    Configuration,
}

/// See [`Error::Type`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TypeError {
    /// A candidate with neither `sdp_mid` nor `sdp_m_line_index`.
    #[error("a candidate needs a mid or a section's index")]
    CandidateWithoutSection,
    /// Both `max_retransmits` and `max_packet_life_time` were given.
    #[error("a channel takes max_retransmits or max_packet_life_time, not both")]
    BothReliabilities,
    /// A label or protocol over 65,535 bytes.
    #[error("label or protocol of {len} bytes, at most 65535")]
    LabelTooLong {
        /// Bytes that were given.
        len: usize,
    },
    /// A negotiated channel without an id, or with one over 65,534.
    #[error("a negotiated channel needs an id from 0 to 65534")]
    ChannelId,
    /// A message over what the peer accepts.
    #[error("message of {len} bytes, the peer takes {limit}")]
    MessageTooLarge {
        /// Bytes that were given.
        len: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// A text that is not UTF-8.
    #[error("the text is not UTF-8")]
    NotUtf8,
    /// The kind (audio, video) does not fit.
    #[error("the kind of media does not fit")]
    Kind,
    /// A direction that cannot be set.
    #[error("the direction cannot be set")]
    Direction,
}

/// See [`Error::Operation`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OperationError {
    /// The candidate names no section or generation of the remote description.
    #[error("the candidate belongs to no section of the remote description")]
    UnknownSection,
    /// The candidate cannot be read.
    #[error("the candidate cannot be read")]
    CandidateSyntax,
    /// A queue is full: wait until it has drained.
    #[error("{queued} bytes are queued, at most {limit}")]
    BufferFull {
        /// Bytes that wait.
        queued: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// No stream id is left for another channel, or the id is taken.
    #[error("no stream for another data channel")]
    NoStream,
    /// The sender is not negotiated to send, or not with this payload type.
    #[error("not negotiated to send that")]
    NotSending,
    /// The crypto provider failed.
    #[error("the crypto provider failed")]
    Crypto,
    /// Too many of something: sections, transceivers, candidates.
    #[error("{limit} is the most there may be")]
    TooMany {
        /// The limit.
        limit: usize,
    },
}
