//! SCTP associations in memory and on simulated links: ours, and behind `peers` others.

mod link;
mod ours;
#[cfg(feature = "peers")]
mod peers;

use std::time::Duration;

use bytes::Bytes;

use crate::thread_time;

pub use link::{Course, goodput, longest_exchange};
pub use ours::{Ours, idle_bytes};
#[cfg(feature = "peers")]
pub use peers::{DcSctp, RtcSctp, SctpProto};

/// Two associations that are connected, in one thread.
pub trait Stack {
    /// Queues a message on a stream of the left end; `false` when there is no room.
    fn offer(&mut self, stream: u16, payload: &Bytes) -> bool;

    /// Carries a batch of packets over and everything back; returns bytes delivered.
    fn exchange(&mut self) -> usize;
}

/// Bytes per CPU-second, both ends together, with messages of `len` bytes on `stream`.
pub fn bulk(stack: &mut dyn Stack, stream: u16, len: usize, total: usize) -> f64 {
    let payload = Bytes::from(vec![7; len]);
    let mut run = |total: usize| {
        let (mut queued, mut delivered) = (0_usize, 0_usize);
        let mut stuck = 0;
        while delivered < total && stuck < 100_000 {
            while queued < total && stack.offer(stream, &payload) {
                queued = queued.saturating_add(len);
            }
            let more = stack.exchange();
            stuck = if more == 0 { stuck + 1 } else { 0 };
            delivered = delivered.saturating_add(more);
        }
        delivered
    };
    // Windows and buffers grow to their size first.
    run(total / 4);
    let mut best = 0.0_f64;
    for _ in 0..3 {
        let (delivered, time) = thread_time(|| run(total));
        best = best.max(delivered as f64 / time.max(Duration::from_nanos(1)).as_secs_f64());
    }
    best
}
