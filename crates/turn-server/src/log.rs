//! What the server writes to standard error.

use tracing_subscriber::EnvFilter;

use crate::config::{Log, LogFormat};

/// Sends all log lines of this process to standard error, as `log` says. Only the first call counts.
///
/// No line holds a password, key, secret or token; names that clients chose are quoted.
pub fn init(log: &Log) {
    let filter = EnvFilter::try_new(&log.level).unwrap_or_else(|_| EnvFilter::new("info"));
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let _ = match log.format {
        LogFormat::Text => lines.with_ansi(false).try_init(),
        LogFormat::Json => lines.json().flatten_event(true).try_init(),
    };
}
