/// What happened so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Datagrams with queries that were sent.
    pub queries_sent: u64,
    /// Datagrams with records that were sent to everybody.
    pub announcements_sent: u64,
    /// Datagrams with records that were sent to a single host.
    pub replies_sent: u64,
    /// Questions about our names.
    pub questions: u64,
    /// Replies that were not sent, because [`Config::max_replies`](crate::Config::max_replies)
    /// were waiting.
    pub replies_dropped: u64,
    /// Datagrams that were not queued, because the owner had left too many unsent.
    pub unsent: u64,
    /// Names that were resolved.
    pub resolved: u64,
    /// Names that were not.
    pub unresolved: u64,
    /// Addresses in answers that no host can be reached at, or only ourselves.
    pub addresses_refused: u64,
    /// Records of others with names of ours and other data.
    pub conflicts: u64,
    /// Datagrams that were no DNS message, or none that is taken.
    pub malformed: u64,
    /// Datagrams from other links or over unknown interfaces.
    pub off_link: u64,
    /// Responses from other ports, and unicast responses that nobody asked for.
    pub unsolicited: u64,
}
