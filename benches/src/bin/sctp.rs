//! SCTP: what a byte costs in memory, and what becomes of a link.

use std::process::ExitCode;
use std::time::Duration;

use antiphon_benches::sctp::{Course, Ours, bulk, goodput, idle_bytes, longest_exchange};
use antiphon_benches::{CountingHeap, Peer, Row, Table, Unit};

#[global_allocator]
static HEAP: CountingHeap = CountingHeap;

/// Message size, bytes to move, and what a CPU-second has to carry at least, in megabytes.
const SIZES: [(&str, usize, usize, f64); 4] = [
    ("messages of 100 bytes", 100, 16 << 20, 250.0),
    ("messages of 1 KB", 1 << 10, 64 << 20, 2000.0),
    ("messages of 16 KB", 16 << 10, 128 << 20, 3000.0),
    ("messages of 64 KB", 64 << 10, 128 << 20, 3000.0),
];

const MS: Duration = Duration::from_millis(1);
const SEC: Duration = Duration::from_secs(1);

fn main() -> ExitCode {
    let mut table = Table::new("sctp");
    in_memory(&mut table);
    streams(&mut table);
    links(&mut table);
    let longest = longest_exchange() * 50.0;
    let name = "request and answer, 50 ms, one loss in each, p99";
    table.push(Row::within(name, longest, Unit::Milliseconds, 125.0));
    table.push(Row::within("idle association", idle_bytes(), Unit::Bytes, 4096.0));
    table.finish()
}

fn in_memory(table: &mut Table) {
    for (name, len, total, bar) in SIZES {
        let ours = bulk(&mut Ours::default(), 0, len, total) / 1e6;
        table.push(Row::within(name, ours, Unit::MegabytesPerCpuSecond, bar));
        for peer in peers(len) {
            table.push(Row::against(name, ours, Unit::MegabytesPerCpuSecond, peer, 1.0));
        }
    }
}

#[cfg(not(feature = "peers"))]
fn peers(_len: usize) -> Vec<Peer> {
    Vec::new()
}

#[cfg(feature = "peers")]
fn peers(len: usize) -> Vec<Peer> {
    use antiphon_benches::sctp::{DcSctp, RtcSctp, SctpProto, Stack};

    let measure = |stack: &mut dyn Stack| bulk(stack, 0, len, 4 << 20) / 1e6;
    vec![
        Peer::new("dcsctp", "0.1, with its packet log", measure(&mut DcSctp::default())),
        Peer::new("sctp-proto", "0.10", measure(&mut SctpProto::default())),
        Peer::new("rtc-sctp", "0.21", measure(&mut RtcSctp::default())),
    ]
}

/// What a message costs when ten thousand streams are open, against one.
fn streams(table: &mut Table) {
    let cost = |streams: u16| {
        let mut ours = Ours::default();
        ours.open_streams(streams);
        let len = 1000;
        len as f64 / bulk(&mut ours, streams / 2, len, 32 << 20) * 1e9
    };
    let (one, many) = (cost(1), cost(10_000));
    let name = "1 KB on one of 10,000 open streams";
    table.push(Row::within(name, many, Unit::Nanoseconds, one * 1.2));
}

fn links(table: &mut Table) {
    let mut row =
        |name: &str, megabits: u64, round_trip: Duration, loss: f64, seconds, share: f64| {
            let course = Course { bits: megabits * 1_000_000, round_trip, loss };
            let (from, to): (Duration, Duration) = seconds;
            let reached = goodput(course, from, to) / 1e6;
            let bar = megabits as f64 * share;
            table.push(Row::within(name, reached, Unit::MegabitsPerSecond, bar));
        };
    let fourth = (3 * SEC, 4 * SEC);
    row("1 Gbit/s, 20 ms, in the fourth second", 1000, 20 * MS, 0.0, fourth, 0.9);
    row("1 Gbit/s, 100 ms, in the fourth second", 1000, 100 * MS, 0.0, fourth, 0.9);
    row("1 Gbit/s, 200 ms, in the fourth second", 1000, 200 * MS, 0.0, fourth, 0.9);
    let long = (5 * SEC, 15 * SEC);
    row("100 Mbit/s, 50 ms, 1 % loss, ten seconds", 100, 50 * MS, 0.01, long, 0.6);
    row("10 Mbit/s, 50 ms, 3 % loss, ten seconds", 10, 50 * MS, 0.03, long, 0.6);
}
