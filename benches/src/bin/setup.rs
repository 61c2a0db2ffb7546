//! Setup: the time from the offer until a data channel is open on loopback, and the heap that an
//! idle connected peer holds.

use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use antiphon_benches::stacks::{Antiphon, End, Failure, idle_bytes, setup_time};
#[cfg(feature = "peers")]
use antiphon_benches::stacks::{Driven, Rtc, Rustrtc, Str0m, Webrtc};
use antiphon_benches::{CountingHeap, Peer, Row, Table, Unit, report};

#[global_allocator]
static HEAP: CountingHeap = CountingHeap;

const RUNS: usize = 100;
/// A stack that is slow gets fewer runs.
const BUDGET: Duration = Duration::from_secs(25);
const PAIRS: usize = 200;
const IDLE: Duration = Duration::from_secs(2);
/// The bars.
const MEDIAN_MILLIS: f64 = 2.0;
const P99_MILLIS: f64 = 20.0;
const IDLE_BYTES: f64 = 49.0 * 1024.0;

struct Stack {
    name: &'static str,
    version: &'static str,
    setup: fn() -> Result<Duration, Failure>,
    idle: fn(usize, Duration) -> Result<f64, Failure>,
}

fn stack<E: End>() -> Stack {
    Stack { name: E::NAME, version: E::VERSION, setup: setup_time::<E>, idle: idle_bytes::<E> }
}

#[cfg(feature = "peers")]
fn stacks() -> Vec<Stack> {
    vec![
        stack::<Antiphon>(),
        stack::<Driven<Str0m>>(),
        stack::<Rustrtc>(),
        stack::<Driven<Rtc>>(),
        stack::<Webrtc>(),
    ]
}

#[cfg(not(feature = "peers"))]
fn stacks() -> Vec<Stack> {
    vec![stack::<Antiphon>()]
}

/// What one stack reached: median and 99th percentile in milliseconds, and bytes.
#[derive(Default)]
struct Measured {
    median: Option<f64>,
    p99: Option<f64>,
    idle: Option<f64>,
}

fn measure(stack: &Stack) -> Measured {
    let mut times = Vec::new();
    let begin = Instant::now();
    // The first run finds cold caches, and tables that are made once.
    for run in 0..=RUNS {
        if begin.elapsed() > BUDGET {
            report(&format!("{}: {} runs only, it is slow", stack.name, times.len()));
            break;
        }
        match (stack.setup)() {
            Ok(time) if run > 0 => times.push(time.as_secs_f64() * 1e3),
            Ok(_) => {}
            Err(error) => report(&format!("{}, run {run}: {error}", stack.name)),
        }
    }
    times.sort_by(f64::total_cmp);
    let percentile = |percent: usize| {
        let rank = (times.len() * percent).div_ceil(100);
        times.get(rank.checked_sub(1)?).copied()
    };
    Measured { median: percentile(50), p99: percentile(99), idle: idle_in_child(stack.name) }
}

/// Measures in a process of its own, whose heap nothing else has touched.
fn idle_in_child(name: &str) -> Option<f64> {
    let program = std::env::current_exe().ok()?;
    let output = Command::new(program).args(["idle", name]).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let bytes = text.lines().find_map(|line| line.strip_prefix("idle: ")?.parse().ok());
    if bytes.is_none() {
        report(&format!("{name}, idle: {text}"));
    }
    bytes
}

fn child(name: &str) -> ExitCode {
    let stacks = stacks();
    let Some(stack) = stacks.iter().find(|stack| stack.name == name) else {
        return ExitCode::FAILURE;
    };
    match (stack.idle)(PAIRS, IDLE) {
        Ok(bytes) => report(&format!("idle: {bytes}")),
        Err(error) => report(&error.to_string()),
    }
    ExitCode::SUCCESS
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [command, name] = arguments.as_slice()
        && command == "idle"
    {
        return child(name);
    }
    let stacks = stacks();
    let measured: Vec<Measured> = stacks.iter().map(measure).collect();
    let mut table = Table::new("setup");
    let mut rows = |name, unit, limit, of: fn(&Measured) -> Option<f64>| {
        let mut values = stacks.iter().zip(measured.iter().map(of));
        let Some((_, Some(ours))) = values.next() else {
            // It failed: that is no good number.
            table.push(Row::within(name, f64::MAX, unit, limit));
            return;
        };
        table.push(Row::within(name, ours, unit, limit));
        for (stack, theirs) in values {
            let peer = theirs.map(|theirs| Peer::new(stack.name, stack.version, theirs));
            // The bars are the limits above; peers differ in cryptography and in what they promise.
            let row = peer.map(|peer| Row::against(name, ours, unit, peer, 0.0));
            row.into_iter().for_each(|row| table.push(row));
        }
    };
    let median = "offer to open channel, median, ends and certificates made before";
    rows(median, Unit::Milliseconds, MEDIAN_MILLIS, |measured| measured.median);
    rows("offer to open channel, 99th percentile", Unit::Milliseconds, P99_MILLIS, |m| m.p99);
    rows("heap of an idle connected peer", Unit::Bytes, IDLE_BYTES, |measured| measured.idle);
    table.finish()
}
