/// Counters since the beginning. They only grow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Datagrams of the handshake, and alerts, that were sent.
    pub datagrams_sent: u64,
    /// Flights that were sent again.
    pub flights_repeated: u64,
    /// Datagrams that came in.
    pub datagrams_received: u64,
    /// Records that were used.
    pub records_accepted: u64,
    /// Records that were kept for later.
    pub records_held: u64,
    /// Records dropped because their header made no sense, or their type or version none here.
    pub records_malformed: u64,
    /// Records dropped because they came before, or are too old to tell.
    pub records_replayed: u64,
    /// Records dropped because they are not authentic.
    pub records_not_authentic: u64,
    /// Records dropped because of their epoch.
    pub records_wrong_epoch: u64,
    /// Records dropped because no room was left to keep them.
    pub records_overflowed: u64,
    /// Handshake fragments dropped: contradictory, or no room left.
    pub fragments_dropped: u64,
    /// Hellos that did not suit us; the handshake went on waiting for a better one.
    pub hellos_refused: u64,
    /// Alerts that were not authenticated, and did nothing.
    pub alerts_ignored: u64,
    /// Acknowledgements that were sent.
    pub acks_sent: u64,
    /// Acknowledgements of the peer's that said something new.
    pub acks_received: u64,
    /// Acknowledgements that were not authenticated, or not of this version, and did nothing.
    pub acks_ignored: u64,
    /// Times that we changed our keys.
    pub keys_updated: u64,
    /// Times that the peer changed its keys.
    pub peer_keys_updated: u64,
    /// Application data that nobody fetched in time.
    pub data_unread: u64,
}
