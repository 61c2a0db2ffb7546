//! A TURN server under load, ours beside coturn: each a process on one core, the same load from
//! another core, ChannelData of 1,000 bytes over UDP on loopback. CPU time is the kernel's account of the
//! server's process.

#![allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "counts of a benchmark fit"
)]

mod client;
mod load;
mod process;

use std::process::ExitCode;
use std::time::Duration;

use antiphon_benches::{Peer, Row, Table, Unit, report};
use client::{Allocation, Failure, Signer};
use load::{Load, Measured, Shape};
use process::{Kind, Process, coturn_version};

/// How long each measurement takes.
const TIME: Duration = Duration::from_millis(2500);
/// The servers take turns; the better round of each counts.
const ROUNDS: usize = 2;
/// Idle allocations whose memory is measured.
const IDLE: usize = 10_000;

/// Name, shape, how many times coturn's packets per CPU second.
const SHAPES: [(&str, Shape, f64); 3] = [
    ("1 allocation, frames of 20", Shape { allocations: 1, burst: 20, window: 120 }, 3.0),
    ("20 allocations, frames of 20", Shape { allocations: 20, burst: 20, window: 120 }, 3.0),
    ("1,000 allocations, single packets", Shape { allocations: 1000, burst: 1, window: 512 }, 1.6),
];

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let first = arguments.next();
    if first.as_deref() == Some("serve") {
        return match arguments.next().map(serve) {
            Some(Ok(())) => ExitCode::SUCCESS,
            _ => ExitCode::FAILURE,
        };
    }
    let mut table = Table::new("turn");
    // A word of the rows to measure; all without it.
    if let Err(error) = measure(&mut table, first.as_deref().unwrap_or_default()) {
        report(&format!("turn: {error}"));
        return ExitCode::FAILURE;
    }
    table.finish()
}

/// Our server, in this process, until it is ended.
fn serve(file: String) -> Result<(), Failure> {
    let config = antiphon_turn_server::Config::load(file.as_ref())?;
    let _server = antiphon_turn_server::Server::start(config)?;
    loop {
        std::thread::park();
    }
}

fn measure(table: &mut Table, word: &str) -> Result<(), Failure> {
    load::pin()?;
    let version = coturn_version();
    if version.is_none() {
        report("coturn (Debian package coturn) is not installed: our numbers alone");
    }
    for (name, shape, bar) in SHAPES.into_iter().filter(|(name, _, _)| name.contains(word)) {
        let (mut ours, mut theirs) = (Measured::default(), Measured::default());
        for _ in 0..ROUNDS {
            keep_better(&mut ours, saturate(Kind::Ours, shape)?);
            if version.is_some() {
                keep_better(&mut theirs, saturate(Kind::Coturn, shape)?);
            }
        }
        // Far below 100 % the machine was busy with something else, and no server was saturated.
        report(&format!(
            "{name}: ours used {:.0} % of its core, coturn {:.0} %",
            ours.server_load * 100.0,
            theirs.server_load * 100.0
        ));
        let beside = |value| version.as_ref().map(|version| Peer::new("coturn", version, value));
        let rate = format!("{name}, packets/s");
        let cost = format!("{name}, packets/CPU s");
        let per_second = Unit::PerSecond;
        table.compare(
            &cost,
            ours.per_cpu_second,
            per_second,
            beside(theirs.per_cpu_second).into_iter().collect(),
            bar,
        );
        table.compare(
            &rate,
            ours.per_second,
            per_second,
            beside(theirs.per_second).into_iter().collect(),
            0.0,
        );
        let half = half(shape, ours.per_second / 2.0)?;
        report(&format!("{name}: {} of {} packets lost at half the load", half.lost, half.sent));
        table.push(Row::within(
            &format!("{name}, packets lost at half the load"),
            half.lost as f64,
            Unit::Allocations,
            0.0,
        ));
    }
    if "memory".contains(word) { memory(table, version.as_deref()) } else { Ok(()) }
}

fn saturate(kind: Kind, shape: Shape) -> Result<Measured, Failure> {
    let server = Process::start(kind)?;
    let mut load = Load::new(server.address, shape)?;
    load.saturate(&server, TIME / 5)?;
    load.saturate(&server, TIME)
}

fn keep_better(best: &mut Measured, new: Measured) {
    if new.per_cpu_second > best.per_cpu_second {
        *best = new;
    }
}

fn half(shape: Shape, per_second: f64) -> Result<Measured, Failure> {
    let server = Process::start(Kind::Ours)?;
    let mut load = Load::new(server.address, shape)?;
    load.saturate(&server, TIME / 10)?;
    load.pace(&server, TIME, per_second)
}

/// Resident memory per allocation that does nothing.
fn memory(table: &mut Table, version: Option<&str>) -> Result<(), Failure> {
    let ours = per_allocation(Kind::Ours)?;
    table.push(Row::within("memory per idle allocation", ours, Unit::Bytes, 4096.0));
    if let Some(version) = version {
        let theirs = Peer::new("coturn", version, per_allocation(Kind::Coturn)?);
        table.push(Row::against("memory per idle allocation", ours, Unit::Bytes, theirs, 1.0));
    }
    Ok(())
}

fn per_allocation(kind: Kind) -> Result<f64, Failure> {
    let server = Process::start(kind)?;
    let signer = Signer::new()?;
    // The first ones fill pools and tables.
    let mut ports = 10_000..u16::MAX;
    let mut open = |count: usize| -> Result<(), Failure> {
        for port in ports.by_ref().take(count) {
            // The socket is closed; the allocation stays, so its address must not come again.
            Allocation::open_from(([127, 0, 1, 1], port).into(), server.address, &signer)?;
        }
        Ok(())
    };
    open(IDLE / 10)?;
    let before = server.memory();
    open(IDLE)?;
    Ok((server.memory() - before) / IDLE as f64)
}
