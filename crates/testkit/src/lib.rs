//! Test support for antiphon, never published: a simulated network, the conformance suite of
//! machines, an allocation counter, captures of real peers.
//!
//! | What a test needs | Where |
//! |---|---|
//! | an instant to begin with | [`start`] |
//! | two machines that talk over a bad network | [`Pair`], [`netem`] |
//! | a machine that keeps to a script of packets, calls and times | [`script`] |
//! | proof that a machine keeps the nine rules of the five verbs | [`conformance`] |
//! | proof that a path does not allocate, or stays small | [`alloc`] |
//! | session descriptions and datagrams of browsers | [`fixtures`] |
//! | two programs with real sockets that talk over a bad network | [`Forwarder`] |
//!
//! Nothing but [`Forwarder`] reads the clock or opens a port. Everything random comes from one seed, which is printed
//! when a test fails; `ANTIPHON_SEED=n` chooses another.
//!
//! ```
//! use antiphon_testkit::{Machine, Pair, Path, Sent, start};
//! use std::time::{Duration, Instant};
//!
//! /// Says one word when it is told to, and remembers what it heard.
//! #[derive(Default)]
//! struct Parrot { word: Option<&'static str>, heard: Option<String> }
//!
//! impl Machine for Parrot {
//!     type Event = String;
//!     type Error = std::str::Utf8Error;
//!     fn handle_input(&mut self, _: Instant, _: Path, datagram: &mut [u8]) -> Result<(), Self::Error> {
//!         self.heard = Some(std::str::from_utf8(datagram)?.to_owned());
//!         Ok(())
//!     }
//!     fn poll_output(&mut self, _: Instant, buf: &mut [u8]) -> Option<Sent> {
//!         let word = self.word.take()?;
//!         buf[..word.len()].copy_from_slice(word.as_bytes());
//!         Some(Sent::new(word.len()))
//!     }
//!     fn poll_event(&mut self) -> Option<String> { self.heard.take() }
//!     fn handle_timeout(&mut self, _: Instant) {}
//!     fn poll_timeout(&self) -> Option<Instant> { None }
//! }
//!
//! let mut pair = Pair::new(start(), Parrot { word: Some("hello"), ..Parrot::default() }, Parrot::default());
//! pair.uplink(0).delay = Duration::from_millis(20);
//! pair.run_until(Duration::from_secs(1));
//! assert_eq!(pair.b.events, [(Duration::from_millis(20), "hello".to_owned())]);
//! ```

#![expect(
    clippy::panic,
    clippy::missing_panics_doc,
    reason = "a test kit reports by panicking; what makes it panic is what it tests"
)]

pub mod alloc;
pub mod conformance;
pub mod fixtures;
mod forwarder;
mod machine;
pub mod netem;
mod pair;
mod random;
pub mod script;

pub use forwarder::Forwarder;
pub use machine::{Machine, Path, Sent};
pub use pair::{Host, Pair, Side};
pub use random::{Random, seed};

use std::sync::OnceLock;
use std::time::Instant;

/// One arbitrary instant, the same for the whole process.
///
/// Tests count from it instead of reading the clock.
#[must_use]
pub fn start() -> Instant {
    static START: OnceLock<Instant> = OnceLock::new();
    *START.get_or_init(Instant::now)
}
