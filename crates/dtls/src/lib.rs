//! DTLS as a sans-IO machine, both roles.

mod clock;
mod config;
mod connection;
mod error;
mod event;
mod handshake;
mod record;
mod srtp;
mod stats;
mod timer;
mod wire;

pub use config::{Config, MIN_MTU};
pub use connection::{Connection, OVERHEAD};
pub use error::{
    BufferTooSmall, ExportError, Incompatibility, InputError, ProtectError, StartError, Violation,
};
pub use event::{
    CipherSuite, CloseReason, Connected, Data, Event, Overhead, Role, Transmit, Version,
};
pub use srtp::{SrtpKeys, SrtpProfile};
pub use stats::Stats;
pub use wire::alert::Alert;
pub use wire::cursor::ParseError;
pub use wire::handshake::HandshakeType;
