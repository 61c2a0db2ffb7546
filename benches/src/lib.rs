//! Benchmarks of antiphon beside its peers.
//!
//! Each binary in `src/bin` measures one subject, ours and that of other implementations on the
//! same machine in the same run, and prints a [`Table`]. `cargo xtask bench [NAME] [--check]` runs
//! them with the feature `peers`, which brings the other implementations in; without it a binary
//! prints our numbers alone.
//!
//! ```
//! use antiphon_benches::{Peer, Row, Table, Unit, consume, interleaved};
//!
//! let times = interleaved(&mut [&mut || consume(1 + 1), &mut || consume((0..100).sum::<u64>())]);
//! let mut table = Table::new("addition");
//! // The bar: at least as fast as the peer.
//! table.push(Row::against("two numbers", times[0], Unit::Nanoseconds, Peer::new("a loop", "1.0", times[1]), 1.0));
//! assert!(table.to_string().contains("two numbers"));
//! ```

#![expect(clippy::print_stdout, reason = "the table is what a benchmark is for")]

mod heap;
mod measure;
pub mod sctp;
pub mod stacks;
mod table;

pub use heap::{CountingHeap, held_bytes};
pub use measure::{consume, interleaved, thread_time};
pub use table::{Peer, Row, Table, Unit};

/// Says what has no place in a table: that a peer failed, or was too slow.
pub fn report(line: &str) {
    println!("{line}");
}
