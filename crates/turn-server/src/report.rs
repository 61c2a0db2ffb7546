//! What a server has done so far.

use std::fmt;

use antiphon_turn::server::Stats;
use tokio::sync::oneshot;

use crate::shard::Command;
use crate::shared::Shared;

/// Counters of one shard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ShardReport {
    /// What the machine counts.
    pub stats: Stats,
    /// Datagrams that the kernel did not take.
    pub lost_sending: u64,
    /// Packets for clients over streams that did not read.
    pub lost_queueing: u64,
    /// Relayed sockets that are open.
    pub relays: u64,
    /// Connections of clients, over TCP, TLS and DTLS.
    pub connections: u64,
    /// DTLS datagrams that were dropped: forged, too early, too many.
    pub dtls_dropped: u64,
}

/// Counters of all shards.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// In the order of the shards.
    pub shards: Vec<ShardReport>,
}

impl Report {
    /// Allocations that exist now.
    #[must_use]
    pub fn allocations(&self) -> u64 {
        self.shards.iter().map(|shard| shard.stats.allocations).sum()
    }

    /// Asks all shards. It takes as long as the longest piece of work that one is at.
    pub(crate) async fn collect(shared: &Shared) -> Self {
        let mut answers = Vec::new();
        for shard in 0..shared.shards() {
            let (sender, receiver) = oneshot::channel();
            let answer = Answer(Box::new(move |report| {
                // Nobody may be waiting any more.
                let _ = sender.send(report);
            }));
            shared.tell(shard, Command::Report(answer));
            answers.push(receiver);
        }
        let mut report = Self::default();
        for answer in answers {
            report.shards.push(answer.await.unwrap_or_default());
        }
        report
    }

    /// The same for a thread that may be held up.
    pub(crate) fn collect_blocking(shared: &Shared) -> Self {
        let mut answers = Vec::new();
        for shard in 0..shared.shards() {
            let (sender, receiver) = std::sync::mpsc::channel();
            let answer = Answer(Box::new(move |report| {
                // Nobody may be waiting any more.
                let _ = sender.send(report);
            }));
            shared.tell(shard, Command::Report(answer));
            answers.push(receiver);
        }
        let shards = answers.into_iter().map(|answer| answer.recv().unwrap_or_default());
        Self { shards: shards.collect() }
    }
}

/// Where a shard's report goes.
pub(crate) struct Answer(Box<dyn FnOnce(ShardReport) + Send>);

impl Answer {
    pub(crate) fn give(self, report: ShardReport) {
        (self.0)(report);
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Answer")
    }
}
