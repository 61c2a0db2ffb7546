//! DTLS as a sans-IO machine, client and server, as WebRTC uses it: certificates on both sides,
//! bound by the fingerprints of the session description, and keys for SRTP.
//!
//! A [`Connection`] owns no socket and no clock. You hand it datagrams and the time; it hands you
//! datagrams, events, application data decrypted in place, and the next time it wants to be
//! called. It is not a general DTLS stack: there are no names, chains, tickets or shared keys.
//!
//! | Specification | Where | Status |
//! |---|---|---|
//! | RFC 9147 DTLS 1.3 | `record`, `handshake`, `connection::post` | client and server: hidden record numbers, acknowledgements and partial retransmission, HelloRetryRequest, new keys, connection ids; no early data, no resumption |
//! | RFC 8446 TLS 1.3 | `handshake::v13` | AES-128-GCM, AES-256-GCM, ChaCha20-Poly1305; certificates only |
//! | RFC 6347 DTLS 1.2 | `record`, `handshake` | client and server |
//! | RFC 5246, 8422, 5288, 5289, 7905 | `handshake::v12` | ECDHE with ECDSA, Ed25519 and RSA; AES-128-GCM, AES-256-GCM, ChaCha20-Poly1305 |
//! | draft-ietf-tls-ecdhe-mlkem | [`Config::groups`] | X25519MLKEM768 in DTLS 1.3, where the provider has it |
//! | cookies of both versions | [`CookieGate`], [`Config::cookie`] | complete; not needed behind ICE |
//! | RFC 7627 extended master secret | `handshake::v12` | complete, required by default |
//! | RFC 5746 renegotiation_info | `handshake::v12` | complete; renegotiation itself is refused |
//! | RFC 5764 use_srtp, RFC 5705 exporter | [`Connection::srtp_keys`], [`Connection::export_keying_material`] | complete; no MKI (RFC 8827) |
//! | RFC 8122 fingerprints | [`Connection::set_remote_fingerprints`] | complete |
//! | RFC 7301 ALPN | [`Config::alpn_protocols`] | complete |
//! | RFC 8449 record_size_limit | [`Config::record_size_limit`] | complete |
//! | RFC 9146 connection ids | [`Config::connection_id`] | both versions, off by default; no address follows from them |
//!
//! # Shape
//!
//! The record layer (epochs, numbers, protection, replays) knows nothing of handshakes. The
//! handshake layer makes messages out of fragments and flights out of messages, whatever the
//! version, and goes on doing so after the handshake; the roles' state machines live in a folder per
//! version.
//!
//! Nothing that is not authenticated ends a connection. Bad records are dropped and counted in
//! [`Stats`]; an alert or a hello that anybody could have forged counts only when nothing better
//! came for [`Config::refusal_grace`].
//!
//! Once connected, neither [`Connection::protect`] nor [`Connection::handle_input`] allocates for
//! a record of application data.
//!
//! # Example
//!
//! ```
//! use std::sync::Arc;
//! use std::time::{Duration, Instant};
//! use antiphon_crypto::{CertificateParams, CryptoProvider, HashAlgorithm};
//! use antiphon_crypto_rust::RustCrypto;
//! use antiphon_dtls::{Config, Connection, Data, OVERHEAD, Role};
//!
//! # let now = Instant::now();
//! # let today = Duration::from_secs(1_790_000_000);
//! let provider: Arc<dyn CryptoProvider> = Arc::new(RustCrypto::new());
//! let certificate = provider.generate_certificate(&CertificateParams::new(today))?;
//! let fingerprint = certificate.fingerprint(&*provider, HashAlgorithm::Sha256)?;
//!
//! // Here both ends show the same certificate. The fingerprint comes out of the peer's
//! // session description.
//! let [mut client, mut server] = [Role::Client, Role::Server].map(|role| {
//!     let config = Config::new(Arc::clone(&provider), certificate.clone());
//!     let mut end = Connection::new(config, [7; 32], now);
//!     end.set_remote_fingerprints(now, &[fingerprint]);
//!     end.start(now, role).expect("it is new");
//!     end
//! });
//!
//! // Carry datagrams to and fro; a socket does that otherwise.
//! let mut buf = [0; 1500];
//! while !(client.is_connected() && server.is_connected()) {
//!     while let Some(sent) = client.poll_output(now, &mut buf)? {
//!         server.handle_input(now, &mut buf[..sent.len])?;
//!     }
//!     while let Some(sent) = server.poll_output(now, &mut buf)? {
//!         client.handle_input(now, &mut buf[..sent.len])?;
//!     }
//! }
//! let keys = client.srtp_keys().expect("both know profiles for SRTP");
//! assert_eq!(keys.writing(Role::Client), server.srtp_keys().unwrap().reading(Role::Server));
//!
//! // Data is protected and opened in place.
//! let payload = OVERHEAD.before..OVERHEAD.before + 5;
//! buf[payload.clone()].copy_from_slice(b"hello");
//! let record = client.protect(&mut buf, payload)?;
//! let datagram = &mut buf[record];
//! server.handle_input(now, datagram)?;
//! let Some(Data::InPlace(range)) = server.poll_data() else { panic!() };
//! assert_eq!(&datagram[range], b"hello");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod clock;
mod config;
mod connection;
mod error;
mod event;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod handshake;
mod record;
mod srtp;
mod stats;
mod suite;
mod timer;
mod wire;

pub use config::{
    ClientCertificate, Config, Cookie, KeyLog, MAX_CONNECTION_ID, MIN_MTU, PeerIdentity,
};
pub use connection::{Connection, OVERHEAD};
pub use error::{
    BufferTooSmall, ExportError, Incompatibility, InputError, KeyUpdateError, ProtectError,
    StartError, Violation,
};
pub use event::{CloseReason, Connected, Data, Event, Overhead, Role, Transmit, Version};
pub use handshake::{CookieGate, GateError, Verdict};
pub use srtp::{SrtpKeys, SrtpProfile};
pub use stats::Stats;
pub use suite::CipherSuite;
pub use wire::alert::Alert;
pub use wire::cursor::ParseError;
pub use wire::handshake::HandshakeType;

/// The machine may be moved to another thread.
const _: () = {
    const fn assert_send<T: Send + 'static>() {}
    assert_send::<Connection>();
};
