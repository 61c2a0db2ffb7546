//! All tests.

use anyhow::{Result, bail};

use crate::interop;
use crate::shell::{self, cargo};

/// What the test runners said at their ends.
#[derive(Debug, Default)]
pub(crate) struct Recap {
    lines: Vec<String>,
}

impl Recap {
    /// Runs a test runner and remembers its totals and failures.
    pub(crate) fn run(&mut self, name: &str, command: &mut std::process::Command) -> Result<()> {
        let (lines, success) = shell::run_and_keep(command, is_total)?;
        let mut total = Total::default();
        let mut runners = 0_u64;
        for line in &lines {
            if let Some(part) = Total::parse(line) {
                total.add(part);
                runners = runners.saturating_add(1);
            } else {
                self.lines.push(line.trim().to_owned());
            }
        }
        if runners > 0 {
            self.lines.push(format!("test result: {total} ({name})"));
        }
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

/// Lines worth repeating at the end: totals, and the names of failed tests.
fn is_total(line: &str) -> bool {
    let line = line.trim_start();
    ["test result:", "Summary [", "FAIL [", "TIMEOUT [", "SIGABRT [", "SIGSEGV ["]
        .iter()
        .any(|beginning| line.starts_with(beginning))
        || (line.starts_with("test ") && line.ends_with("FAILED"))
}

/// The numbers of a line "test result: ok. 4 passed; 0 failed; ..." or
/// "Summary [ 1.2s] 13 tests run: 13 passed, 0 skipped".
#[derive(Clone, Copy, Debug, Default)]
struct Total {
    passed: u64,
    failed: u64,
    skipped: u64,
}

impl Total {
    fn parse(line: &str) -> Option<Self> {
        let line = line.trim_start();
        if !line.starts_with("test result:") && !line.starts_with("Summary [") {
            return None;
        }
        let words: Vec<&str> = line
            .split(|c: char| c.is_whitespace() || c == ',' || c == ';')
            .filter(|word| !word.is_empty())
            .collect();
        let number = |name: &str| {
            words.windows(2).find_map(|pair| match pair {
                [number, word] if *word == name => number.parse::<u64>().ok(),
                _ => None,
            })
        };
        let sum = |names: &[&str]| names.iter().filter_map(|name| number(name)).sum();
        Some(Self {
            passed: sum(&["passed"]),
            failed: sum(&["failed", "timed"]),
            skipped: sum(&["ignored", "skipped"]),
        })
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

/// Whether cargo-nextest is here: it runs the tests of all binaries beside each other.
pub(crate) fn has_nextest() -> bool {
    shell::succeeds(&mut cargo(["nextest", "--version"]))
}

/// All tests.
pub(crate) fn run(no_interop: bool) -> Result<()> {
    let mut recap = Recap::default();
    let mut results = vec![workspace(&mut recap), documentation(&mut recap)];
    if !no_interop {
        results.push(interop::all(&mut recap));
    }
    recap.print();
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
pub(crate) fn workspace(recap: &mut Recap) -> Result<()> {
    let mut command = if has_nextest() {
        cargo([
            "nextest",
            "run",
            "--workspace",
            "--locked",
            "--no-fail-fast",
            "-E",
            "not package(antiphon-interop)",
        ])
    } else {
        cargo([
            "test",
            "--workspace",
            "--exclude",
            "antiphon-interop",
            "--lib",
            "--bins",
            "--tests",
            "--locked",
            "--no-fail-fast",
        ])
    };
    recap.run("unit and integration tests", &mut command)
}

/// The examples in the documentation, the README's among them.
pub(crate) fn documentation(recap: &mut Recap) -> Result<()> {
    let mut command = cargo(["test", "--workspace", "--doc", "--locked", "--no-fail-fast"]);
    recap.run("documentation tests", &mut command)
}
