//! RTP and RTCP of one bundled transport: who a packet belongs to, what was lost, what to report.
//!
//! [`Media`] knows nothing of SDP or encryption: packets come in and go out in the clear. It routes
//! by the rules of RFC 9143 section 9.2, asks again for what is lost (RFC 4585), unwraps and sends
//! retransmissions (RFC 4588), reports (RFC 3550 section 6), and asks for and announces key frames.
//!
//! | Part | Where |
//! |---|---|
//! | what negotiation says | `config` |
//! | packets in: routing, sources | `receive`, `router`, `source`, `sequence`, `nack` |
//! | packets out | `send`, `history` |
//! | RTCP in, RTCP out | `feedback`, `report` |
//!
//! Retransmissions go out only where RTX is negotiated: SRTP never encrypts one packet twice.

mod config;
mod event;
mod feedback;
mod history;
mod machine;
mod nack;
mod output;
mod receive;
mod report;
mod router;
mod send;
mod sequence;
mod source;
mod stats;
#[cfg(test)]
mod tests;

pub(crate) use config::{Announced, Config, Feedback, Format, ReceiveSide, Section, SendSide};
pub use event::Drop;
pub(crate) use event::{Event, Outgoing, OutputKind, Packet, SendError};
pub(crate) use machine::Media;
pub(crate) use stats::{Inbound, Outbound};
