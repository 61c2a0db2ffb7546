//! An SCTP association as a sans-IO machine, for data channels ([RFC 9260]).
//!
//! An [`Association`] speaks SCTP with one peer over one path, which for WebRTC is a DTLS
//! connection. It owns no socket and no clock: you hand it packets and the time, and it hands
//! you packets, messages, events and the next time it wants to be called. It is not a general
//! SCTP: no multi-homing, no AUTH, no dynamic addresses.
//!
//! | Specification | Where | Status |
//! |---|---|---|
//! | RFC 9260 (base protocol) | `association`, `wire` | complete for one path; ECN and address parameters are ignored |
//! | RFC 3758, RFC 7496 (partial reliability) | `association/forward.rs`, [`Reliability`] | complete: lifetime and limited retransmissions |
//! | RFC 6525 (stream reconfiguration) | `association/reset.rs`, `association/more_streams.rs` | streams reset and added, by either side; a reset of the association's SSNs and TSNs is denied |
//! | RFC 7053 (SACK immediately) | `association/transmit.rs`, `association/received.rs` | complete |
//! | RFC 8260 (I-DATA, schedulers) | `association/interleaved.rs`, `association/schedule.rs`, [`Scheduler`] | complete: all six schedulers |
//! | RFC 8985 (RACK-TLP) | `association/rack.rs`, `association/probes.rs` | adapted to SCTP; replaces counted reports |
//! | RFC 9438 (CUBIC), RFC 9406 (HyStart++), BBR | `association/congestion`, [`CongestionControl`] | complete; BBR-like is the default |
//! | RFC 8899 (path MTU), RFC 4820 (PAD) | `association/path.rs`, [`Config::packet_ceiling`] | probes by HEARTBEAT and PAD; no ICMP |
//! | RFC 9653 (zero checksum) | `wire/packet.rs`, [`Config::zero_checksum`] | complete for DTLS |
//! | draft-hancke-tsvwg-snap | `association/snap.rs` | [`snap_init`](Association::snap_init), [`connect_snap`](Association::connect_snap) |
//! | RFC 8831 section 6 (SCTP for data channels) | [`Config`] | complete |
//!
//! A live association changes hands with [`export`](Association::export) and
//! [`import`](Association::import).
//!
//! ```
//! use antiphon_sctp::{Association, Config, Event, Outgoing, Reliability};
//! use bytes::Bytes;
//!
//! # let now = antiphon_testkit::start();
//! let mut left = Association::new(Config::default(), [1; 32], now);
//! let mut right = Association::new(Config::default(), [2; 32], now);
//! left.connect(now);
//!
//! // Carries packets back and forth until both sides fall silent.
//! fn talk(left: &mut Association, right: &mut Association, now: std::time::Instant) {
//!     let mut buf = [0; 1200];
//!     loop {
//!         let mut silent = true;
//!         while let Ok(Some(sent)) = left.poll_output(now, &mut buf) {
//!             right.handle_input(now, &buf[..sent.len]).expect("sound");
//!             silent = false;
//!         }
//!         while let Ok(Some(sent)) = right.poll_output(now, &mut buf) {
//!             left.handle_input(now, &buf[..sent.len]).expect("sound");
//!             silent = false;
//!         }
//!         if silent {
//!             return;
//!         }
//!     }
//! }
//!
//! talk(&mut left, &mut right, now);
//! assert_eq!(left.poll_event(), Some(Event::Connected));
//!
//! let payload = Bytes::from_static(b"hello");
//! left.send(now, Outgoing { stream: 0, ppid: 51, payload, ordered: true, reliability: Reliability::Reliable })?;
//! talk(&mut left, &mut right, now);
//! assert_eq!(right.recv().expect("a message").payload, "hello");
//! # Ok::<(), antiphon_sctp::SendError>(())
//! ```
//!
//! In the steady state nothing is allocated per packet: payloads are referred to on the way out
//! and copied once on the way in, small ones into shared blocks.
//!
//! [RFC 9260]: https://www.rfc-editor.org/rfc/rfc9260

mod association;
mod clock;
mod config;
mod error;
mod event;
mod message;
mod options;
mod serial;
mod stats;
mod timer;
mod wire;

pub use association::Association;
pub use config::Config;
pub use error::{BufferTooSmall, HandoverError, InputError, ResetError, SendError, SnapError};
pub use event::{CloseReason, Event, ResetResult, Violation};
pub use message::{Message, Outgoing, Reliability, Transmit};
pub use options::{CongestionControl, Scheduler};
pub use stats::Stats;
