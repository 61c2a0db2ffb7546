use std::collections::BTreeMap;
use std::time::Duration;

use crate::Path;

/// What became of a datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fate {
    /// On its way.
    Sent,
    /// It reached the host.
    Delivered,
    /// The link lost it by chance.
    Lost,
    /// A rule of the test dropped it.
    Ruled,
    /// It was larger than the MTU.
    TooBig,
    /// The link was dark.
    Blackout,
    /// No room before a link of limited rate.
    QueueFull,
    /// A NAT had no mapping for it, or did not let the sender in.
    Filtered,
    /// It came from inside to the NAT's own external address, and the NAT does not turn it round.
    NoHairpin,
    /// The address belongs to nobody who can be reached from there, or the sender does not own
    /// the address it used.
    NoRoute,
}

/// A datagram as a drop rule sees it.
#[derive(Clone, Copy, Debug)]
pub struct Datagram<'a> {
    /// Time since the start.
    pub at: Duration,
    /// The number of the host that sent it.
    pub from: usize,
    /// How many datagrams that host sent before this one.
    pub number: u64,
    /// The addresses as the sender sees them.
    pub path: Path,
    /// What it holds.
    pub bytes: &'a [u8],
}

/// A datagram that reached a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrived {
    /// The number of the host.
    pub host: usize,
    /// The addresses as the receiver sees them.
    pub path: Path,
    /// What it holds.
    pub bytes: Vec<u8>,
}

/// What one host sent and received.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Datagrams sent.
    pub sent: u64,
    /// Their bytes, without IP and UDP headers.
    pub sent_bytes: u64,
    /// Datagrams received.
    pub received: u64,
    /// Their bytes, without IP and UDP headers.
    pub received_bytes: u64,
    /// Datagrams of this host that did not arrive, by cause.
    pub dropped: BTreeMap<Fate, u64>,
}

impl Counters {
    /// Datagrams of this host that did not arrive, whatever the cause.
    #[must_use]
    pub fn all_dropped(&self) -> u64 {
        self.dropped.values().sum()
    }
}
