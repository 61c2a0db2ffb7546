//! What a network lets through: a STUN server, a TURN server, ICE as a whole.

pub(crate) mod ice_trace;
pub(crate) mod stun_probe;
pub(crate) mod turn_check;
mod turn_link;

use std::fmt;
use std::io::Write as _;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context as _, Result};

/// A line for the person who asked.
fn say(line: impl fmt::Display) {
    // A reader who has gone needs no line.
    let _ = writeln!(std::io::stdout(), "{line}");
}

/// One finding: what was looked at, and what came of it.
fn found(what: &str, result: impl fmt::Display) {
    say(format_args!("{what:<14}{result}"));
}

/// The addresses of a name.
async fn look_up(host: &str, port: u16) -> Result<Vec<SocketAddr>> {
    let found: Vec<SocketAddr> = tokio::net::lookup_host((host, port))
        .await
        .with_context(|| format!("DNS: the name {host} is not found"))?
        .collect();
    anyhow::ensure!(!found.is_empty(), "DNS: the name {host} has no address");
    Ok(found)
}

fn milliseconds(duration: Duration) -> String {
    format!("{:.1} ms", duration.as_secs_f64() * 1e3)
}

/// 32 random bytes for a machine.
fn seed() -> Result<[u8; 32]> {
    let mut seed = [0; 32];
    antiphon::configuration().provider.fill_random(&mut seed)?;
    Ok(seed)
}
