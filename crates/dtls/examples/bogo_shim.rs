//! The shim through which the protocol test runner of another TLS library drives this one.
//!
//! The runner listens on loopback, starts this program once per test with flags that say what to
//! do, and carries datagrams and the (simulated) time over TCP. `-h` prints the flags that are
//! known; an unknown one ends the program with status 89, which the runner counts as skipped.
//! `tests/bogo.json` tells the runner which tests are not for us, and how our errors are called.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "it is a program")]

#[path = "bogo_shim/flags.rs"]
mod flags;
#[path = "bogo_shim/framing.rs"]
mod framing;
#[path = "bogo_shim/pem.rs"]
mod pem;
#[path = "bogo_shim/session.rs"]
mod session;
#[path = "bogo_shim/setup.rs"]
mod setup;

use std::process::ExitCode;

use flags::Flags;

/// What the runner takes for "this test is not for this shim".
const UNIMPLEMENTED: u8 = 89;

/// Why the program ends early.
#[derive(Debug)]
pub(crate) enum Failure {
    /// A flag, or a value of one, that is not known here.
    Unimplemented(String),
    /// The test failed, maybe as it should.
    Failed(String),
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.iter().any(|argument| argument == "-h") {
        print!("{}", flags::usage());
        return ExitCode::SUCCESS;
    }
    if arguments.iter().any(|argument| argument == "-is-handshaker-supported") {
        println!("No");
        return ExitCode::SUCCESS;
    }
    match Flags::parse(&arguments).and_then(|flags| session::run(&flags)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Unimplemented(what)) => {
            eprintln!("not implemented: {what}");
            ExitCode::from(UNIMPLEMENTED)
        }
        Err(Failure::Failed(why)) => {
            eprintln!("{why}");
            ExitCode::FAILURE
        }
    }
}
