//! Everything CI does, runnable at home: `cargo xtask ci|test|interop|fuzz|bench|deps|conformance`.

#![expect(clippy::print_stdout, reason = "a command line tool talks to its user")]

mod bench;
mod ci;
mod conformance;
mod deps;
mod fuzz;
mod interop;
mod shell;
mod test;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Everything CI does, runnable at home.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Format, clippy, documentation, dependency rules, all tests: what decides over a change.
    Ci,
    /// All tests: unit, integration, documentation, fuzz corpora, browsers and other stacks.
    Test {
        /// Leaves out the browsers and other stacks.
        #[arg(long)]
        no_interop: bool,
    },
    /// antiphon against browsers and other stacks; installs them on Debian when run as root.
    Interop {
        /// One test file of crates/interop/tests, without `.rs`; all of them when left out.
        name: Option<String>,
    },
    /// Fuzzes one target, or each in turn, with libFuzzer on the nightly toolchain.
    Fuzz {
        /// A target of the fuzz package; all of them when left out.
        target: Option<String>,
        /// For how long, per target.
        #[arg(long, default_value_t = 60)]
        seconds: u64,
        /// How many processes at once.
        #[arg(long, default_value_t = 1)]
        jobs: u32,
    },
    /// antiphon beside its peers: a table with the ratio of each row and whether it holds.
    Bench {
        /// A binary of the benches package; all of them when left out.
        name: Option<String>,
        /// Ends with an error when a row falls short.
        #[arg(long)]
        check: bool,
    },
    /// Checks who may import whom (docs/ARCHITECTURE.md).
    Deps,
    /// Per RFC: requirements cited in the code, tested, excused, open.
    Conformance {
        /// Lists the open sections too.
        #[arg(long)]
        open: bool,
    },
}

fn main() -> ExitCode {
    let result = match Arguments::parse().task {
        Task::Ci => ci::run(),
        Task::Test { no_interop } => test::run(no_interop),
        Task::Interop { name } => interop::run(name.as_deref()),
        Task::Fuzz { target, seconds, jobs } => fuzz::run(target.as_deref(), seconds, jobs),
        Task::Bench { name, check } => bench::run(name.as_deref(), check),
        Task::Deps => deps::run(),
        Task::Conformance { open } => conformance::run(open),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}
