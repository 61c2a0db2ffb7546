/// How much may be in flight, and how fast it goes out. See
/// [`Config::congestion`](crate::Config::congestion).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum CongestionControl {
    /// Halves the window with each loss (RFC 9260 section 7.2). The most cautious: on long paths it
    /// takes minutes to come back from a loss.
    NewReno,
    /// The window is a cubic function of the time since the last loss (RFC 9438). What most of the
    /// internet does.
    Cubic,
    /// Sends at the rate the path was seen to deliver and keeps the queue short, in the manner of
    /// BBR: the delay of audio and video beside it stays low, and losses by chance cost little.
    #[default]
    Bbr,
}

/// Which stream is served next (RFC 8260 section 3).
///
/// Without interleaving a message that was begun is finished first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Scheduler {
    /// Messages in the order in which they were sent (3.1).
    FirstCome,
    /// A message of each stream in turn; with interleaving a chunk of each (3.2).
    #[default]
    RoundRobin,
    /// As `RoundRobin`, but each packet serves one stream only (3.3).
    RoundRobinPacket,
    /// The stream with the lowest
    /// [`set_priority`](crate::Association::set_priority) first (3.4).
    Priority,
    /// The same number of bytes for each stream (3.5).
    FairBytes,
    //= rfc8260#3
    // Data channels need weighted fair queueing, which is this one.
    /// Bytes in proportion to [`set_weight`](crate::Association::set_weight) (3.6).
    Weighted,
}
