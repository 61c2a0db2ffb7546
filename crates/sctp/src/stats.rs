use std::time::Duration;

/// Counters and present values of an association.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// SCTP packets sent.
    pub packets_sent: u64,
    /// SCTP packets accepted.
    pub packets_received: u64,
    /// DATA chunks sent for the first time.
    pub chunks_sent: u64,
    /// DATA chunks sent again.
    pub chunks_retransmitted: u64,
    /// DATA chunks received that were new.
    pub chunks_received: u64,
    /// DATA chunks received more than once.
    pub duplicates_received: u64,
    /// Messages given up under a limit of reliability.
    pub messages_abandoned: u64,
    /// Times the retransmission timer fired.
    pub timeouts: u64,
    /// Times fast recovery was entered.
    pub fast_recoveries: u64,
    /// Smoothed round-trip time, once measured.
    pub round_trip: Option<Duration>,
    /// Present retransmission timeout.
    pub rto: Duration,
    /// Congestion window in bytes.
    pub congestion_window: usize,
    /// Bytes per second at which packets go out, where they are paced.
    pub pacing_rate: Option<u64>,
    /// Largest packet with data in bytes; grows when path MTU discovery finds that it may.
    pub packet_size: usize,
    /// Bytes in flight, chunk headers included.
    pub in_flight: usize,
    /// The receive window the peer last announced, in bytes.
    pub peer_window: usize,
    /// Payload bytes queued and not yet sent.
    pub buffered: usize,
}
