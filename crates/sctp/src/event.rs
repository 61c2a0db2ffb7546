/// Something the application should know about.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// Messages can be sent now. Comes once.
    Connected,
    /// The peer lost its state and started over (RFC 9260 section 5.2.4, action A). Whatever was
    /// queued or in flight in either direction is gone, and so are all stream numbers.
    Restarted,
    /// [`recv`](crate::Association::recv) has something, after it had nothing.
    Readable,
    /// The bytes buffered on this stream fell from above its threshold to or below it.
    BufferedLow(u16),
    /// There is room again, after [`SendError::BufferFull`](crate::SendError::BufferFull).
    Writable,
    /// The peer reset its direction of these streams (RFC 6525); an empty list means all.
    ///
    /// Comes only after `recv` has returned every message that arrived before the reset.
    StreamReset {
        /// Stream ids.
        streams: Box<[u16]>,
    },
    /// Our direction of these streams was reset, or could not be; an empty list means all.
    StreamResetDone {
        /// Stream ids.
        streams: Box<[u16]>,
        /// How it went.
        result: ResetResult,
    },
    /// There are more streams now: so many of ours, or of the peer's (RFC 6525 sections 5.1.5 and
    /// 5.1.6).
    StreamsAdded {
        /// Streams we may send on beside those there were.
        outgoing: u16,
        /// Streams the peer may send on beside those there were.
        incoming: u16,
    },
    /// The peer does not want more streams.
    StreamsRefused(ResetResult),
    /// The association has ended. The last event; `recv` still returns what had arrived.
    Closed(CloseReason),
}

/// The peer's verdict on a stream reset (RFC 6525 section 4.4, table 3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ResetResult {
    /// The next message on the stream has sequence number 0.
    Performed,
    /// There was nothing to reset.
    NothingToDo,
    /// The peer does not want to.
    Denied,
    /// The peer answered with this error code.
    Failed(u32),
}

/// Why an association ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CloseReason {
    /// We called [`abort`](crate::Association::abort).
    LocalAbort,
    /// Our [`shutdown`](crate::Association::shutdown) ran to its end.
    LocalShutdown,
    /// The peer's shutdown ran to its end.
    PeerShutdown,
    /// The peer sent ABORT, with this cause code when it gave one (RFC 9260 section 3.3.10).
    PeerAborted {
        /// The first error cause.
        cause: Option<u16>,
    },
    /// No answer to INIT or COOKIE ECHO.
    ConnectTimeout,
    /// No answer to data, heartbeats, resets or shutdown.
    Timeout,
    /// The peer broke the protocol; we sent ABORT.
    PeerMisbehaved(Violation),
}

/// How the peer broke the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Violation {
    /// A DATA chunk without data.
    NoUserData,
    /// A message larger than
    /// [`Config::max_receive_message_size`](crate::Config::max_receive_message_size).
    MessageTooLarge {
        /// Bytes received of it.
        len: usize,
        /// The limit.
        limit: usize,
    },
    /// It acknowledged what was never sent.
    AcknowledgedUnsent,
    /// FORWARD TSN or RE-CONFIG without having negotiated it.
    NotNegotiated,
    /// INIT or INIT ACK with unusable values.
    BadInit,
    /// Fragments that do not belong together under consecutive TSNs.
    BadFragments,
}
