//! antiphon's command line.
//!
//! `antiphon demo`, also what happens without a command, prints an address; the page behind it calls
//! this program. `stun-probe`, `turn-check` and `ice-trace` look into why a call does not come about.

mod demo;
mod probe;

use clap::{Parser, Subcommand};
use tracing_subscriber::EnvFilter;

/// WebRTC between a browser and Rust.
#[derive(Debug, Parser)]
#[command(name = "antiphon", version, about)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve a page that calls this program: video, chat, files, statistics. The default.
    Demo(demo::Options),
    /// Ask a STUN server for our address, and find out what the NATs on the way do.
    StunProbe(probe::stun_probe::Options),
    /// Go through all that a call needs of a TURN server: allocation, permission, channel, echo.
    TurnCheck(probe::turn_check::Options),
    /// Show what ICE does step by step, within this machine or with another one.
    IceTrace(probe::ice_trace::Options),
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    match Cli::parse().command {
        Some(Command::Demo(options)) => demo::run(options).await?,
        Some(Command::StunProbe(options)) => probe::stun_probe::run(options).await?,
        Some(Command::TurnCheck(options)) => probe::turn_check::run(options).await?,
        Some(Command::IceTrace(options)) => probe::ice_trace::run(options).await?,
        None => demo::run(demo::Options::default()).await?,
    }
    // Not a return: that would wait for the next line from the terminal.
    std::process::exit(0)
}
