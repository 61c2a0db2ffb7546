//! Data channels: the full path over UDP, one reliable and ordered channel, each end on a thread of
//! its own; over loopback itself, and over links with delay, loss and a rate.

use std::process::ExitCode;
use std::time::Duration;

use antiphon_benches::stacks::{Antiphon, Course, End, Failure, Settings, Throughput, throughput};
#[cfg(feature = "peers")]
use antiphon_benches::stacks::{Driven, Rtc, Rustrtc, Str0m, Webrtc};
use antiphon_benches::{Peer, Row, Table, Unit, report};
use antiphon_testkit::netem::Link;

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
/// Bytes of an IPv4 packet that carries a full packet of ours, and those of the message in it.
const WIRE: f64 = 1_256.0;
const CARGO: f64 = 1_163.0;

type Measure = fn(usize, &Course) -> Result<Throughput, Failure>;
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
fn rounds(stacks: &[Stack], size: usize, course: &Course, rounds: usize) -> Vec<Throughput> {
    let mut best = vec![Throughput::default(); stacks.len()];
    for _ in 0..rounds {
        for ((name, _, measure), best) in stacks.iter().zip(&mut best) {
            match measure(size, course) {
                Ok(measured) if measured.per_second > best.per_second => *best = measured,
                Ok(_) => {}
                Err(error) => report(&format!("{name}, messages of {size} bytes: {error}")),
            }
        }
    }
    best
}

/// Loopback with the system's socket buffers, and with large ones.
fn loopback(table: &mut Table, stacks: &[Stack], settings: Settings, buffers: &str) {
    let course = Course::loopback(WINDOW, settings);
    let default = settings.socket_buffer_bytes == 0;
    for (name, size) in SIZES {
        let measured = rounds(stacks, size, &course, ROUNDS);
        let Some((ours, theirs)) = measured.split_first() else { continue };
        let rate = format!("{name} messages{buffers}");
        let cost = format!("{name} messages{buffers}, both ends");
        let (fast, cheap) = (Unit::MegabytesPerSecond, Unit::MegabytesPerCpuSecond);
        // The bars are for messages that fill packets.
        let has_bar = size >= 16 << 10;
        if has_bar && default {
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
}

/// A link that stands in the middle: what part of it the messages fill.
struct Middle {
    name: &'static str,
    round_trip_ms: u64,
    rate_bps: u64,
    loss: f64,
    /// The part of the link that we want to fill.
    share: f64,
}

const MIDDLES: [Middle; 4] = [
    Middle {
        name: "1 Gbit/s, 20 ms, after 3 s",
        round_trip_ms: 20,
        rate_bps: 1_000_000_000,
        loss: 0.0,
        share: 0.9,
    },
    Middle {
        name: "1 Gbit/s, 100 ms, after 3 s",
        round_trip_ms: 100,
        rate_bps: 1_000_000_000,
        loss: 0.0,
        share: 0.9,
    },
    Middle {
        name: "1 Gbit/s, 200 ms, after 3 s",
        round_trip_ms: 200,
        rate_bps: 1_000_000_000,
        loss: 0.0,
        share: 0.9,
    },
    Middle {
        name: "100 Mbit/s, 50 ms, 1 % loss",
        round_trip_ms: 50,
        rate_bps: 100_000_000,
        loss: 0.01,
        share: 0.6,
    },
];

/// Links with delay: the buffers of the ends hold two round trips, that of the link holds one.
fn far_away(table: &mut Table, stacks: &[Stack]) {
    for middle in MIDDLES {
        let in_flight = middle.rate_bps / 8_000 * middle.round_trip_ms;
        let queue_bytes = usize::try_from(in_flight).unwrap_or(usize::MAX).max(256 << 10);
        let link = Link {
            delay: Duration::from_millis(middle.round_trip_ms) / 2,
            rate_bps: Some(middle.rate_bps),
            loss: middle.loss,
            queue_bytes,
            ..Link::default()
        };
        let settings = Settings { socket_buffer_bytes: 4 << 20, window_bytes: 2 * queue_bytes };
        let course = Course {
            link: Some(link),
            settings,
            warm_up: Duration::from_secs(3),
            window: Duration::from_secs(3),
        };
        let measured = rounds(stacks, 16 << 10, &course, 1);
        let Some((ours, theirs)) = measured.split_first() else { continue };
        let megabits = |throughput: &Throughput| throughput.per_second * 8.0;
        let capacity = middle.rate_bps as f64 / 1e6 * CARGO / WIRE;
        let unit = Unit::MegabitsPerSecond;
        table.push(Row::within(middle.name, megabits(ours), unit, middle.share * capacity));
        for ((peer, version, _), theirs) in stacks.iter().skip(1).zip(theirs) {
            if theirs.per_second > 0.0 {
                let peer = Peer::new(peer, version, megabits(theirs));
                table.push(Row::against(middle.name, megabits(ours), unit, peer, 1.0));
            }
        }
    }
}

fn main() -> ExitCode {
    let mut table = Table::new("datachannel");
    let mut stacks = vec![stack::<Antiphon>()];
    stacks.extend(peers());
    loopback(&mut table, &stacks, Settings::default(), "");
    let large = Settings { socket_buffer_bytes: 4 << 20, window_bytes: 0 };
    loopback(&mut table, &stacks, large, ", 4 MiB socket buffers");
    far_away(&mut table, &stacks);
    table.finish()
}
