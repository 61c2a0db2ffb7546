//! What decides over a change.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::shell::{self, cargo};
use crate::test::Recap;
use crate::{conformance, deps, test};

/// How long each step took, and whether it succeeded.
#[derive(Debug, Default)]
struct Summary {
    rows: Vec<(&'static str, Duration, Result<(), String>)>,
}

impl Summary {
    /// Runs one step; a failure is remembered, so that one run shows all of them.
    fn step(&mut self, name: &'static str, step: impl FnOnce() -> Result<()>) {
        println!("\n=== {name}");
        let begin = Instant::now();
        let result = step().map_err(|error| format!("{error:#}"));
        if let Err(error) = &result {
            println!("=== {name} failed: {error}");
        }
        self.rows.push((name, begin.elapsed(), result));
    }

    fn print(&self) {
        println!("\n=== summary");
        for (name, time, result) in &self.rows {
            let verdict = result
                .as_ref()
                .map_or_else(|error| format!("FAILED: {error}"), |()| "ok".to_owned());
            println!("{:>7.1} s  {name:<16} {verdict}", time.as_secs_f64());
        }
    }

    fn failures(&self) -> usize {
        self.rows.iter().filter(|(_, _, result)| result.is_err()).count()
    }
}

/// The cheap checks come first; the tests come last, and their totals end the output.
pub(crate) fn run() -> Result<()> {
    let mut summary = Summary::default();
    let mut recap = Recap::default();
    summary.step("format", || shell::run(&mut cargo(["fmt", "--all", "--check"])));
    summary.step("deps", deps::run);
    summary.step("clippy", || {
        shell::run(&mut cargo([
            "clippy",
            "--workspace",
            "--all-targets",
            "--locked",
            "--",
            "-D",
            "warnings",
        ]))
    });
    summary.step("documentation", || {
        let mut doc = cargo(["doc", "--workspace", "--no-deps", "--locked"]);
        shell::run(doc.env("RUSTDOCFLAGS", "-D warnings"))
    });
    summary.step("conformance", || conformance::run(false));
    summary.step("cargo xtask test", || test::all(&mut recap, false));
    summary.print();
    recap.print();
    match summary.failures() {
        0 => Ok(()),
        failures => bail!("{failures} of {} steps failed", summary.rows.len()),
    }
}
