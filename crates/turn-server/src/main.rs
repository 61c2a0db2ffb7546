//! The program: `antiphon-turn-server run FILE` and `antiphon-turn-server check FILE`.

#![expect(clippy::print_stdout, reason = "commands answer on standard output")]

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use antiphon_turn_server::{Config, Server, log};
use clap::{Parser, Subcommand};
use sd_notify::NotifyState;
use tokio::signal::unix::{SignalKind, signal};

/// A TURN server (RFC 8656).
#[derive(Debug, Parser)]
#[command(name = "antiphon-turn-server", version, about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve until SIGTERM. SIGHUP reads the file again.
    Run {
        /// The configuration.
        file: PathBuf,
    },
    /// Say whether a configuration can be used, and everything that is wrong with it.
    Check {
        /// The configuration.
        file: PathBuf,
    },
    /// Print a configuration to begin with, in which every option is explained.
    Example,
}

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Run { file } => run(&file),
        Command::Check { file } => check(&file),
        Command::Example => {
            println!("{}", antiphon_turn_server::EXAMPLE);
            Ok(())
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn check(file: &Path) -> anyhow::Result<()> {
    let config = Config::load(file)?;
    antiphon_turn_server::check(&config)?;
    println!("{}: fine", file.display());
    Ok(())
}

fn run(file: &Path) -> anyhow::Result<()> {
    let config = Config::load(file)?;
    log::init(&config.log);
    let server = Server::start(config.clone())?;
    for listener in server.listeners() {
        tracing::info!(transport = listener.transport.name(), address = %listener.address, "listening");
    }
    if let Some(address) = server.metrics() {
        tracing::info!(%address, "serving metrics");
    }
    let _ = sd_notify::notify(&[NotifyState::Ready]);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let config = runtime.block_on(serve(file, &server, config))?;
    let _ = sd_notify::notify(&[NotifyState::Stopping]);
    tracing::info!(limit = ?config.drain.limit, "draining");
    server.drain();
    let left = runtime.block_on(drain(&server, config.drain.limit))?;
    tracing::info!(allocations = left, "stopped");
    Ok(())
}

/// Until SIGTERM or SIGINT; gives back the configuration that is in force then.
async fn serve(file: &Path, server: &Server, mut config: Config) -> anyhow::Result<Config> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hangup = signal(SignalKind::hangup())?;
    loop {
        tokio::select! {
            _ = terminate.recv() => return Ok(config),
            _ = interrupt.recv() => return Ok(config),
            _ = hangup.recv() => {
                let mut states = vec![NotifyState::Reloading];
                states.extend(NotifyState::monotonic_usec_now());
                let _ = sd_notify::notify(&states);
                if let Some(new) = reload(file, server) {
                    config = new;
                }
                let _ = sd_notify::notify(&[NotifyState::Ready]);
            }
        }
    }
}

/// Whatever is wrong with the new file, the server goes on with what it had.
fn reload(file: &Path, server: &Server) -> Option<Config> {
    let config = match Config::load(file) {
        Ok(config) => config,
        Err(error) => {
            tracing::error!(%error, "configuration not reloaded");
            return None;
        }
    };
    match server.reload(config.clone()) {
        Ok(restart) => {
            tracing::info!("configuration reloaded");
            if restart {
                tracing::warn!("sockets, threads, realm or logging changed: that needs a restart");
            }
            Some(config)
        }
        Err(error) => {
            tracing::error!(%error, "configuration not reloaded");
            None
        }
    }
}

/// Until no allocation is left, the limit is over, or a second signal says to hurry.
async fn drain(server: &Server, limit: Duration) -> anyhow::Result<u64> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let begin = std::time::Instant::now();
    loop {
        let left = server.report().allocations();
        if left == 0 || begin.elapsed() >= limit {
            return Ok(left);
        }
        tokio::select! {
            () = tokio::time::sleep(Duration::from_millis(100)) => {}
            _ = terminate.recv() => return Ok(left),
            _ = interrupt.recv() => return Ok(left),
        }
    }
}
