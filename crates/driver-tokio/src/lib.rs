//! Runs antiphon's peer connection on tokio: sockets, timers, tasks, and W3C's interfaces as
//! asynchronous handles. Everything that is a protocol lives in `antiphon-peerconnection`; this
//! crate moves its datagrams. Applications use the facade, `antiphon`.
//!
//! | Subject | Where | Status |
//! |---|---|---|
//! | `RTCPeerConnection` | [`PeerConnection`], [`Events`] | what the machine has |
//! | `RTCDataChannel` | [`DataChannel`]: `Stream`, `Sink`, `AsyncRead`, `AsyncWrite` | complete |
//! | `RTCRtpTransceiver`, sender and receiver | [`Transceiver`], [`RtpSender`], [`RtpReceiver`] | encoded media |
//! | URLs of servers, RFC 7064 and 7065 | [`IceServer`] | `stun:`, `turn:` over UDP and TCP, `turns:` over TLS with the feature `tls` (default) |
//! | one task per connection, batches to and from the kernel | `task`, `socket` | UDP over IPv4 and IPv6; ICE over TCP; addresses that come and go are noticed |
//! | names of candidates by multicast DNS | [`Mdns`] | resolved; ours on request |
//!
//! A connection's task ends when its last [`PeerConnection`] handle is dropped or closed, when the
//! peer closes it, or with the runtime; nothing of it stays behind. No lock is held across an await,
//! nor while a handler or a waker runs. A wait that is given up loses nothing: neither a message nor
//! an event.
//!
//! ```
//! use std::sync::Arc;
//!
//! use antiphon_crypto_rust::RustCrypto;
//! use antiphon_driver_tokio::{Configuration, Error, Event, PeerConnection};
//!
//! # #[tokio::main] async fn main() -> Result<(), Error> {
//! let connection = PeerConnection::new(Configuration::new(Arc::new(RustCrypto::new())))?;
//! let _chat = connection.create_data_channel("chat", Default::default()).await?;
//! connection.set_local_description(None).await?;
//!
//! let mut events = connection.events();
//! connection.close().await;
//! // What happened before is told, and then the stream ends.
//! assert!(matches!(events.next().await, Some(Event::NegotiationNeeded)));
//! while events.next().await.is_some() {}
//! # Ok(()) }
//! ```

mod addresses;
mod channel;
mod config;
mod connection;
mod data_channel;
mod error;
mod events;
mod mdns;
mod media;
mod message;
mod servers;
mod shared;
mod socket;
mod streams;
mod task;
#[cfg(feature = "tls")]
pub mod tls;
mod wait;

pub use config::{Configuration, IceServer, Mdns};
pub use connection::PeerConnection;
pub use data_channel::DataChannel;
pub use error::{Error, ServerError};
pub use events::{Event, Events, TrackEvent};
pub use media::{RtpPacket, RtpReceiver, RtpSender, Transceiver};
pub use message::Message;
