//! Data channels: the full path over loopback UDP, one reliable and ordered channel, each end on a
//! thread of its own, default socket buffers.

use std::process::ExitCode;
use std::time::Duration;

use antiphon_benches::stacks::{Antiphon, End, Failure, Throughput, throughput};
#[cfg(feature = "peers")]
use antiphon_benches::stacks::{Driven, Rtc, Rustrtc, Str0m, Webrtc};
use antiphon_benches::{Peer, Row, Table, Unit, report};

const SIZES: [(&str, usize); 3] = [("1 KiB", 1 << 10), ("16 KiB", 16 << 10), ("64 KiB", 64 << 10)];
const WINDOW: Duration = Duration::from_millis(1500);
/// The stacks take turns; the better round of each counts.
const ROUNDS: usize = 2;
/// The bar in MB/s.
const PER_SECOND: f64 = 600.0;
/// The bar in MB per second of CPU time of both ends.
const PER_CPU_SECOND: f64 = 400.0;
/// How many times the rate of each peer we want.
const TIMES_PEER: f64 = 3.0;

type Measure = fn(usize, Duration) -> Result<Throughput, Failure>;
type Stack = (&'static str, &'static str, Measure);

fn stack<E: End>() -> Stack {
    (E::NAME, E::VERSION, throughput::<E>)
}

#[cfg(feature = "peers")]
fn peers() -> Vec<Stack> {
    vec![stack::<Driven<Str0m>>(), stack::<Driven<Rtc>>(), stack::<Rustrtc>(), stack::<Webrtc>()]
}

#[cfg(not(feature = "peers"))]
fn peers() -> Vec<Stack> {
    Vec::new()
}

/// The better of the rounds of each stack; zero for one that failed.
fn rounds(stacks: &[Stack], size: usize) -> Vec<Throughput> {
    let mut best = vec![Throughput::default(); stacks.len()];
    for _ in 0..ROUNDS {
        for ((name, _, measure), best) in stacks.iter().zip(&mut best) {
            match measure(size, WINDOW) {
                Ok(measured) if measured.per_second > best.per_second => *best = measured,
                Ok(_) => {}
                Err(error) => report(&format!("{name}, messages of {size} bytes: {error}")),
            }
        }
    }
    best
}

fn main() -> ExitCode {
    let mut table = Table::new("datachannel");
    let mut stacks = vec![stack::<Antiphon>()];
    stacks.extend(peers());
    for (name, size) in SIZES {
        let measured = rounds(&stacks, size);
        let Some((ours, theirs)) = measured.split_first() else { continue };
        let rate = format!("{name} messages");
        let cost = format!("{name} messages, both ends");
        let (fast, cheap) = (Unit::MegabytesPerSecond, Unit::MegabytesPerCpuSecond);
        // The bars are for messages that fill packets.
        let has_bar = size >= 16 << 10;
        if has_bar {
            table.push(Row::within(&rate, ours.per_second, fast, PER_SECOND));
            table.push(Row::within(&cost, ours.per_cpu_second, cheap, PER_CPU_SECOND));
        }
        let (times, once) = if has_bar { (TIMES_PEER, 1.0) } else { (0.0, 0.0) };
        for ((peer, version, _), theirs) in stacks.iter().skip(1).zip(theirs) {
            if theirs.per_second > 0.0 {
                let beside = |value| Peer::new(peer, version, value);
                let (per_second, per_cpu) = (theirs.per_second, theirs.per_cpu_second);
                table.push(Row::against(&rate, ours.per_second, fast, beside(per_second), times));
                table.push(Row::against(&cost, ours.per_cpu_second, cheap, beside(per_cpu), once));
            }
        }
    }
    table.finish()
}
