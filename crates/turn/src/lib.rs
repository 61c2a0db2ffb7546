//! TURN: relayed transport addresses, the client's side and the server's ([RFC 8656]).
//!
//! [`server::Server`] grants relayed addresses and says of each datagram where it goes;
//! [`client::Client`] obtains one and keeps it. [`wire`] has the attributes and ChannelData, and
//! finds messages in byte streams. Nothing here opens a socket, reads a clock or knows a thread:
//! `antiphon-turn-server` is the program around the server, with its own sockets.
//!
//! | Specification | Where | Status |
//! |---|---|---|
//! | RFC 8656 sections 12, 18, on the wire | [`wire`] | complete |
//! | RFC 8656, server | [`server::Server`] | complete; requests without authentication are not served, IP header fields are the driver's |
//! | RFC 8656 section 21, policy for peers | [`server::PeerPolicy`] | complete |
//! | RFC 8656, client | [`client::Client`] | complete |
//! | RFC 6062, TCP relays | [`server::Server::accepted`], [`client::Client`] | complete; bytes stay in sockets |
//! | RFC 7065, `turn:` and `turns:` URIs | [`client::TurnUri`] | complete |
//! | RFC 7635, access tokens | [`server::TokenConfig`], [`wire::AccessToken`] | AES-256-GCM |
//! | RFC 8016, mobility | [`server::Config::mobility`], [`client::Client`] | complete |
//! | RFC 5780, server | [`server::Config::nat_behaviour`] | complete; sockets are the driver's |
//! | RFC 8489 section 9.2, long-term credentials, server | [`server::CredentialStore`] | complete |
//! | draft-uberti-behave-turn-rest | [`server::TimeLimited`] | complete |
//!
//! A server is told a datagram and answers it:
//!
//! ```
//! use std::{sync::Arc, time::Duration};
//! use antiphon_crypto_rust::RustCrypto;
//! use antiphon_stun::{Class, MessageView, MessageWriter, Method, TransactionId};
//! use antiphon_turn::server::{Config, FiveTuple, RelayAddress, Server, StaticUsers, Transport};
//!
//! # let now = std::time::Instant::now();
//! let relays = vec![RelayAddress::new("198.41.0.9".parse()?)];
//! let config = Config::new("example.org", relays, [1; 32]); // a secret, drawn at random
//! let unix = Duration::from_secs(1_800_000_000);
//! let (users, provider) = (Box::new(StaticUsers::new()), Arc::new(RustCrypto::new()));
//! let mut server = Server::new(config, users, provider, [2; 32], now, unix)?;
//!
//! let mut request = [0; 28];
//! let id = TransactionId([7; 12]);
//! MessageWriter::new(&mut request, Class::Request, Method::ALLOCATE, id)?;
//! let from = FiveTuple {
//!     client: "203.0.113.1:4000".parse()?,
//!     server: "192.0.2.1:3478".parse()?,
//!     transport: Transport::Udp,
//! };
//! server.handle_input(now, from, &request[..20])?;
//!
//! let mut buf = [0; 1500];
//! let sent = server.poll_output(now, &mut buf)?.expect("a challenge");
//! let answer = MessageView::parse(&buf[..sent.len])?;
//! assert_eq!(answer.error_code().map(|error| error.code()), Some(401));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! [RFC 8656]: https://www.rfc-editor.org/rfc/rfc8656

pub mod client;
mod clock;
mod error;
pub mod server;
pub mod wire;

pub use error::{ChannelDataError, FrameError, MalformedAttribute};
