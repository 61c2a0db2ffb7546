//! antiphon's TURN server in a network namespace, until its standard input ends.
//!
//! `lab-turn FILE`

#![allow(clippy::print_stdout, reason = "it says when it is ready")]

use std::io::Read as _;
use std::path::PathBuf;

use antiphon_turn_server::{Config, Server};
use anyhow::{Context as _, Result};

fn main() -> Result<()> {
    let file = PathBuf::from(std::env::args_os().nth(1).context("a file with its configuration")?);
    let _server = Server::start(Config::load(&file)?)?;
    println!("ready");
    std::io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}
