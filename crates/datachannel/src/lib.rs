//! WebRTC data channels: DCEP and the table of channels ([RFC 8831], [RFC 8832], W3C webrtc-pc
//! section 6).
//!
//! [`Channels`] turns numbered streams that carry messages into channels with a label, a
//! reliability and a life of their own. It knows no SCTP: you hand it the messages and stream resets
//! that arrive, and it hands you the messages and stream resets to send. Payloads are [`Bytes`],
//! in and out, never copied. It opens no socket and reads no clock.
//!
//! | Specification | Where | Status |
//! |---|---|---|
//! | RFC 8832 section 5, messages | [`OpenView`], [`DcepView`] | complete |
//! | RFC 8832 section 6, opening | [`Channels`] | complete |
//! | RFC 8831 section 6.6, user data; section 8, payload protocol identifiers | [`Channels`] | complete; the deprecated 52 and 54 close the channel |
//! | RFC 8831 section 6.7, closing and reuse of streams | [`Channels`] | complete |
//! | RFC 8831 section 6.4, priorities | [`Priority`], [`Channels::poll_send`] | complete: weighted fair queueing here, and [`Channels::poll_priority`] for the scheduler of the transport |
//! | webrtc-pc section 6, states, events, bufferedAmount | [`Channels`], [`Event`] | complete |
//!
//! ```
//! use antiphon_datachannel::{ChannelConfig, Channels, Config, DtlsRole, Event, Message};
//! # let now = std::time::Instant::now();
//!
//! let mut ours = Channels::new(Config::default());
//! let mut theirs = Channels::new(Config::default());
//! let chat = ours.open(ChannelConfig::new("chat"))?;
//! ours.transport_connected(DtlsRole::Client, 65_535);
//! theirs.transport_connected(DtlsRole::Server, 65_535);
//! ours.send_text(now, chat, "hello".into())?; // need not wait for the answer
//!
//! // What the transport would carry:
//! while let Some(message) = ours.poll_send(now) {
//!     theirs.handle_message(message.stream, message.ppid, message.payload)?;
//! }
//!
//! let Some(Event::Announced(channel)) = theirs.poll_event() else { panic!("a new channel") };
//! assert_eq!(theirs.info(channel).map(|info| info.label), Some("chat"));
//! assert_eq!(theirs.recv(channel), Some(Message::Text("hello".into())));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! [`Bytes`]: bytes::Bytes
//! [RFC 8831]: https://www.rfc-editor.org/rfc/rfc8831
//! [RFC 8832]: https://www.rfc-editor.org/rfc/rfc8832

mod config;
mod error;
mod event;
mod table;
mod wire;

pub use config::{ChannelConfig, Config, DtlsRole, Priority, Reliability};
pub use error::{ChannelError, DcepError, InputError, OpenError, SendError};
pub use event::{
    ChannelId, ChannelState, ChannelStats, Event, Info, Message, Outgoing, Stats, TransportEnd,
};
pub use table::Channels;
pub use wire::ppid;
pub use wire::{DcepView, OpenView};
