//! Runs antiphon's peer connection on tokio: sockets, timers, tasks, and W3C's interfaces as
//! asynchronous handles. Everything that is a protocol lives in `antiphon-peerconnection`; this
//! crate moves its datagrams. Applications use the facade, `antiphon`.
//!
//! | Subject | Where |
//! |---|---|
//! | `RTCPeerConnection` | [`PeerConnection`], [`Events`] |
//! | `RTCDataChannel` | [`DataChannel`]: `Stream`, `Sink`, `AsyncRead`, `AsyncWrite` |
//! | `RTCRtpTransceiver`, sender and receiver | [`Transceiver`], [`RtpSender`], [`RtpReceiver`] |
//! | one task per connection, batches to and from the kernel | `task`, `socket` |
//!
//! A connection's task ends when its last [`PeerConnection`] handle is dropped or closed; nothing
//! of it stays behind. No lock is held across an await.

mod addresses;
mod config;
mod connection;
mod data_channel;
mod error;
mod events;
mod media;
mod servers;
mod shared;
mod socket;
mod task;

pub use config::{Configuration, IceServer};
pub use connection::PeerConnection;
pub use data_channel::{DataChannel, Message};
pub use error::{Error, ServerError};
pub use events::{Event, Events, TrackEvent};
pub use media::{RtpPacket, RtpReceiver, RtpSender, Transceiver};
