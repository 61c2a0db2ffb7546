//! All tests.

use std::process::Command;

use anyhow::{Result, bail};

use crate::interop;
use crate::shell::{self, cargo};

/// What the test runners said at their ends.
#[derive(Debug, Default)]
pub(crate) struct Recap {
    lines: Vec<String>,
}

/// Who runs the tests: each has a way of its own to give totals and name failures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Runner {
    Nextest,
    Cargo,
}

impl Runner {
    /// cargo-nextest where it is installed: it runs the tests of all binaries beside each other.
    pub(crate) fn find() -> Self {
        if shell::succeeds(&mut cargo(["nextest", "--version"])) {
            Self::Nextest
        } else {
            Self::Cargo
        }
    }

    /// Whether a line gives the total of a run.
    fn is_total(self, line: &str) -> bool {
        match self {
            // The output of single tests, which nextest shows, has totals of libtest in it.
            Self::Nextest => line.starts_with("Summary ["),
            Self::Cargo => line.starts_with("test result:"),
        }
    }

    /// Whether a line names a failed test.
    fn is_failure(self, line: &str) -> bool {
        match self {
            Self::Nextest => ["FAIL [", "TIMEOUT [", "SIGABRT [", "SIGSEGV ["]
                .iter()
                .any(|word| line.starts_with(word)),
            Self::Cargo => line.starts_with("test ") && line.ends_with("FAILED"),
        }
    }
}

impl Recap {
    /// Runs tests and remembers their totals and failures.
    pub(crate) fn run(&mut self, name: &str, runner: Runner, command: &mut Command) -> Result<()> {
        let (lines, success) = shell::run_and_keep(command, |line| {
            runner.is_total(line.trim_start()) || runner.is_failure(line.trim_start())
        })?;
        let mut total = Total::default();
        for line in lines.iter().map(|line| line.trim()) {
            if runner.is_total(line) {
                total.add(Total::parse(line));
            } else if !self.lines.iter().any(|known| known == line) {
                self.lines.push(line.to_owned());
            }
        }
        if !success && total.failed == 0 {
            self.lines.push(format!("{name}: the runner itself failed"));
        }
        self.lines.push(format!("test result: {total} ({name})"));
        if success { Ok(()) } else { bail!("{name} failed") }
    }

    /// Prints what was remembered, with which the output ends.
    pub(crate) fn print(&self) {
        println!("\n=== test results");
        for line in &self.lines {
            println!("{line}");
        }
    }

    /// Adds a line of our own.
    pub(crate) fn note(&mut self, line: String) {
        println!("{line}");
        self.lines.push(line);
    }
}

/// The numbers of a line "test result: ok. 4 passed; 0 failed; ..." or
/// "Summary [ 1.2s] 13 tests run: 13 passed, 0 skipped".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Total {
    passed: u64,
    failed: u64,
    skipped: u64,
}

impl Total {
    fn parse(line: &str) -> Self {
        let is_gap = |c: char| c.is_whitespace() || c == ',' || c == ';';
        let words: Vec<&str> = line.split(is_gap).filter(|word| !word.is_empty()).collect();
        let sum = |names: &[&str]| {
            let pairs = words.windows(2).filter_map(|pair| match pair {
                [number, word] if names.contains(word) => number.parse::<u64>().ok(),
                _ => None,
            });
            pairs.sum()
        };
        Self {
            passed: sum(&["passed"]),
            failed: sum(&["failed", "timed"]),
            skipped: sum(&["ignored", "skipped"]),
        }
    }

    fn add(&mut self, other: Self) {
        self.passed = self.passed.saturating_add(other.passed);
        self.failed = self.failed.saturating_add(other.failed);
        self.skipped = self.skipped.saturating_add(other.skipped);
    }
}

impl std::fmt::Display for Total {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { passed, failed, skipped } = self;
        let verdict = if *failed == 0 { "ok" } else { "FAILED" };
        write!(f, "{verdict}. {passed} passed; {failed} failed; {skipped} skipped")
    }
}

/// `cargo xtask test`: all tests, and their totals.
pub(crate) fn run(no_interop: bool) -> Result<()> {
    let mut recap = Recap::default();
    let result = all(&mut recap, no_interop);
    recap.print();
    result
}

/// What `cargo xtask test` runs: a failure does not keep the later parts from running.
pub(crate) fn all(recap: &mut Recap, no_interop: bool) -> Result<()> {
    let mut results = vec![documentation(recap), workspace(recap)];
    if !no_interop {
        results.push(interop::all(recap));
    }
    let failures: Vec<String> = results
        .into_iter()
        .filter_map(|result| result.err().map(|error| error.to_string()))
        .collect();
    if failures.is_empty() { Ok(()) } else { bail!("{}", failures.join("; ")) }
}

/// Unit and integration tests of all packages but the interop package, the replay of the fuzz
/// corpora among them.
///
/// The whole workspace is built in one go, so that each dependency is compiled once.
fn workspace(recap: &mut Recap) -> Result<()> {
    let runner = Runner::find();
    for missing in interop::provide_servers() {
        recap.note(format!("SKIPPED what needs it: {missing}"));
    }
    let mut command = match runner {
        Runner::Nextest => cargo([
            "nextest",
            "run",
            "--workspace",
            "--locked",
            "--no-fail-fast",
            "-E",
            "not (package(antiphon-interop) and kind(test))",
        ]),
        Runner::Cargo => cargo([
            "test",
            "--workspace",
            "--exclude",
            "antiphon-interop",
            "--lib",
            "--bins",
            "--tests",
            "--locked",
            "--no-fail-fast",
        ]),
    };
    recap.run("unit and integration tests", runner, &mut command)
}

/// The examples in the documentation, the README's among them.
fn documentation(recap: &mut Recap) -> Result<()> {
    let mut command = cargo(["test", "--workspace", "--doc", "--locked", "--no-fail-fast"]);
    recap.run("documentation tests", Runner::Cargo, &mut command)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn totals_of_both_runners_are_read() {
        let total = |passed, failed, skipped| Total { passed, failed, skipped };
        let nextest =
            "Summary [   0.602s] 39 tests run: 36 passed, 2 failed, 1 timed out, 4 skipped";
        assert_eq!(Total::parse(nextest), total(36, 3, 4));
        let libtest = "test result: FAILED. 10 passed; 1 failed; 2 ignored; 0 measured; 0 filtered out; finished in 0.11s";
        assert_eq!(Total::parse(libtest), total(10, 1, 2));
        assert_eq!(total(10, 1, 2).to_string(), "FAILED. 10 passed; 1 failed; 2 skipped");
    }

    #[test]
    fn the_output_of_a_test_is_no_total_of_nextest() {
        assert!(!Runner::Nextest.is_total("test result: ok. 1 passed; 0 failed"));
        assert!(Runner::Nextest.is_failure("FAIL [   0.005s] antiphon-ice::pair a_test"));
        assert!(Runner::Cargo.is_failure("test a_test ... FAILED"));
    }
}
