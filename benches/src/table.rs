use std::fmt;
use std::process::ExitCode;

use serde::Serialize;

/// What a number counts, and whether less or more of it is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Thread CPU time per operation; less is better.
    Nanoseconds,
    /// Less is better.
    Microseconds,
    /// Less is better.
    Milliseconds,
    /// Less is better.
    Bytes,
    /// Less is better.
    Allocations,
    /// More is better.
    MegabitsPerSecond,
    /// More is better.
    MegabytesPerSecond,
    /// Per second of CPU time; more is better.
    MegabytesPerCpuSecond,
    /// More is better.
    PerSecond,
}

impl Unit {
    /// Its name in a table.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Nanoseconds => "ns",
            Self::Microseconds => "us",
            Self::Milliseconds => "ms",
            Self::Bytes => "bytes",
            Self::Allocations => "allocations",
            Self::MegabitsPerSecond => "Mbit/s",
            Self::MegabytesPerSecond => "MB/s",
            Self::MegabytesPerCpuSecond => "MB/CPU s",
            Self::PerSecond => "1/s",
        }
    }

    /// Whether more of it is better.
    #[must_use]
    pub const fn more_is_better(self) -> bool {
        match self {
            Self::MegabitsPerSecond
            | Self::MegabytesPerSecond
            | Self::MegabytesPerCpuSecond
            | Self::PerSecond => true,
            Self::Nanoseconds
            | Self::Microseconds
            | Self::Milliseconds
            | Self::Bytes
            | Self::Allocations => false,
        }
    }

    /// How many times as good `ours` is as `theirs`.
    fn ratio(self, ours: f64, theirs: f64) -> f64 {
        match (ours == theirs, self.more_is_better()) {
            (true, _) => 1.0,
            (false, true) => ours / theirs,
            (false, false) => theirs / ours,
        }
    }
}

/// Another implementation, and what it reached.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Peer {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Its number, in the unit of the row.
    pub value: f64,
}

impl Peer {
    /// A peer with its number.
    #[must_use]
    pub fn new(name: &str, version: &str, value: f64) -> Self {
        Self { name: name.to_owned(), version: version.to_owned(), value }
    }
}

/// One comparison.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row {
    /// What was measured.
    pub name: String,
    /// Our number.
    pub ours: f64,
    /// What the numbers count.
    pub unit: Unit,
    /// What we compare with: a peer, or a limit of our own when there is none.
    pub peer: Option<Peer>,
    /// How many times as good as the peer or limit we are; above 1 is better.
    pub ratio: f64,
    /// The ratio that we want at least; 0 where there is no bar.
    pub bar: f64,
    /// Whether the ratio reaches the bar.
    pub holds: bool,
}

impl Row {
    /// Compares with a peer: we want to be `bar` times as good at least.
    #[must_use]
    pub fn against(name: &str, ours: f64, unit: Unit, peer: Peer, bar: f64) -> Self {
        let ratio = unit.ratio(ours, peer.value);
        Self {
            name: name.to_owned(),
            ours,
            unit,
            peer: Some(peer),
            ratio,
            bar,
            holds: ratio >= bar,
        }
    }

    /// Compares with a limit: at most `limit` where less is better, at least where more is.
    #[must_use]
    pub fn within(name: &str, ours: f64, unit: Unit, limit: f64) -> Self {
        let ratio = unit.ratio(ours, limit);
        Self { name: name.to_owned(), ours, unit, peer: None, ratio, bar: 1.0, holds: ratio >= 1.0 }
    }

    /// A number that is only reported.
    #[must_use]
    pub fn alone(name: &str, ours: f64, unit: Unit) -> Self {
        Self { name: name.to_owned(), ours, unit, peer: None, ratio: 1.0, bar: 0.0, holds: true }
    }
}

/// The rows of one benchmark.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Table {
    /// The name of the benchmark.
    pub name: String,
    /// In the order in which they were measured.
    pub rows: Vec<Row>,
}

impl Table {
    /// A table without rows.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self { name: name.to_owned(), rows: Vec::new() }
    }

    /// Adds a row.
    pub fn push(&mut self, row: Row) {
        self.rows.push(row);
    }

    /// Adds one row per peer, or a row alone when no peer took part.
    pub fn compare(&mut self, name: &str, ours: f64, unit: Unit, peers: Vec<Peer>, bar: f64) {
        if peers.is_empty() {
            self.push(Row::alone(name, ours, unit));
        }
        for peer in peers {
            self.push(Row::against(name, ours, unit, peer, bar));
        }
    }

    /// Prints the table and writes it as JSON to the file that `ANTIPHON_BENCH_JSON` names.
    ///
    /// A row that falls short is no failure here: `cargo xtask bench --check` decides over that.
    #[must_use]
    pub fn finish(self) -> ExitCode {
        println!("{self}");
        let Some(path) = std::env::var_os("ANTIPHON_BENCH_JSON") else {
            return ExitCode::SUCCESS;
        };
        let written = serde_json::to_vec_pretty(&self)
            .map_err(std::io::Error::other)
            .and_then(|json| std::fs::write(&path, json));
        match written {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                println!("{}: {error}", path.display());
                ExitCode::FAILURE
            }
        }
    }
}

/// A number with about four digits.
fn short(value: f64) -> String {
    if value.abs() >= 100.0 || value == 0.0 { format!("{value:.0}") } else { format!("{value:.2}") }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.name)?;
        let header = ["row", "ours", "peer", "version", "unit", "ratio", "bar", ""];
        let mut lines = vec![header.map(str::to_owned)];
        for row in &self.rows {
            let (peer, version) = match &row.peer {
                Some(peer) => {
                    (format!("{} {}", short(peer.value), peer.name), peer.version.clone())
                }
                None => ("-".to_owned(), "-".to_owned()),
            };
            let (bar, verdict) = match row.bar {
                // No bar: the number is there to be seen.
                0.0 => ("-".to_owned(), ""),
                bar if row.holds => (format!("{bar:.2}"), "holds"),
                bar => (format!("{bar:.2}"), "falls short"),
            };
            lines.push([
                row.name.clone(),
                short(row.ours),
                peer,
                version,
                row.unit.name().to_owned(),
                format!("{:.2}", row.ratio),
                bar,
                verdict.to_owned(),
            ]);
        }
        let mut widths = [0_usize; 8];
        for line in &lines {
            for (width, cell) in widths.iter_mut().zip(line) {
                *width = (*width).max(cell.len());
            }
        }
        for line in &lines {
            let mut text = String::new();
            for (cell, width) in line.iter().zip(widths) {
                text.push_str(&format!("{cell:<width$}  "));
            }
            writeln!(f, "{}", text.trim_end())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ratio_above_one_is_better_in_every_unit() {
        let faster = Row::against("time", 50.0, Unit::Nanoseconds, Peer::new("p", "1", 100.0), 1.5);
        assert_eq!((faster.ratio, faster.holds), (2.0, true));
        let slower = Row::against("rate", 50.0, Unit::PerSecond, Peer::new("p", "1", 100.0), 1.0);
        assert_eq!((slower.ratio, slower.holds), (0.5, false));
        assert!(Row::within("none", 0.0, Unit::Allocations, 0.0).holds);
        assert!(!Row::within("some", 1.0, Unit::Allocations, 0.0).holds);
    }
}
