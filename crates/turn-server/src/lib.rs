//! A TURN server worth running ([RFC 8656]), on antiphon's machines.
//!
//! This library is the whole server without its command line: [`Server::start`] opens sockets and
//! starts one thread per core; the program adds signals. What TURN is lives in `antiphon-turn`, without a
//! socket; this crate has the sockets, the threads, the configuration, users and metrics.
//!
//! | Subject | Where |
//! |---|---|
//! | what can be chosen, and how it is checked | [`config`] |
//! | starting, reloading, draining | [`Server`] |
//! | counters | [`Report`] |
//! | log lines | [`log`] |
//!
//! [RFC 8656]: https://www.rfc-editor.org/rfc/rfc8656

pub mod config;
mod credentials;
mod directory;
mod doors;
mod front;
mod identity;
pub mod log;
mod metrics;
mod net;
mod quote;
mod report;
mod server;
mod shard;
mod shared;

pub use config::{Config, ConfigError, Listener, Transport};
pub use credentials::CredentialsError;
pub use identity::IdentityError;
pub use report::{Report, ShardReport};
pub use server::{Server, StartError, check};

/// A configuration to begin with: every option, explained.
pub const EXAMPLE: &str = include_str!("../antiphon-turn-server.toml");
