//! SRTP and SRTCP in place, without allocations ([RFC 3711], [RFC 7714], and their options).
//!
//! A [`SrtpSender`] protects RTP and RTCP packets, a [`SrtpReceiver`] checks and decrypts them.
//! Each has the keys of one direction; DTLS-SRTP ([RFC 5764]) exports both pairs. There is no
//! socket, clock, thread or randomness in here, and no algorithm either: those come from an
//! `antiphon-crypto` provider.
//!
//! Once a packet with an SSRC went through, further ones with it allocate nothing.
//!
//! | Specification | Where | Status |
//! |---|---|---|
//! | RFC 3711 section 3.1, 3.4 (packets) | [`SrtpSender`], [`SrtpReceiver`] | complete, without MKI |
//! | RFC 3711 section 3.3.1 (packet index) | `index` | complete |
//! | RFC 3711 section 3.3.2 (replay) | `window` | complete, 64 to 32768 packets |
//! | RFC 3711 section 4.3, RFC 6188 (key derivation) | `derivation` | complete, rate zero |
//! | RFC 3711 section 9.2, RFC 5764 section 4.4 (lifetime) | [`SrtpSender`] | complete |
//! | RFC 4771 (roll-over counter in the tag) | [`Config::roc_carriage`] | RCCm2 with HMAC, RCCm3 with GCM |
//! | RFC 5764 section 4.1.2 (profiles) | [`Profile`] | complete; NULL is never negotiated |
//! | RFC 6188 (AES-256 in counter mode) | [`Profile`] | complete; not AES-192 |
//! | RFC 6904 (encrypted header extensions) | [`ExtensionIds`] | complete; SDP is elsewhere |
//! | RFC 7714 (AES-GCM, 128 and 256 bits) | [`Profile`] | complete |
//! | RFC 8723 (double encryption) | [`double`] | complete |
//! | RFC 9335 (cryptex) | [`Cryptex`] | complete; SDP is elsewhere |
//!
//! ```
//! use antiphon_crypto_rust::RustCrypto;
//! use antiphon_srtp::{Config, MAX_TRAILER, Profile, SrtpReceiver, SrtpSender, UnprotectError};
//!
//! let (provider, profile) = (RustCrypto::new(), Profile::AeadAes128Gcm);
//! let (key, salt) = ([1; 16], [2; 12]);
//! let mut sender = SrtpSender::new(&provider, profile, &key, &salt, &Config::default())?;
//! let mut receiver = SrtpReceiver::new(&provider, profile, &key, &salt, &Config::default())?;
//!
//! // Version 2, payload type 96, sequence number 1, timestamp 2, SSRC 3, and the payload.
//! let packet = *b"\x80\x60\x00\x01\x00\x00\x00\x02\x00\x00\x00\x03versicle";
//! let mut buf = [0; 20 + MAX_TRAILER];
//! buf[..20].copy_from_slice(&packet);
//!
//! let protected = sender.protect(&mut buf, 20)?;
//! assert_eq!(protected, 36);
//! let mut again = buf;
//!
//! let len = receiver.unprotect(&mut buf[..protected])?;
//! assert_eq!(buf[..len], packet);
//!
//! // The same packet once more is an attack, or the network's fault.
//! let replayed = UnprotectError::Replayed { ssrc: 3, index: 1 };
//! assert_eq!(receiver.unprotect(&mut again[..protected]), Err(replayed));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! [RFC 3711]: https://www.rfc-editor.org/rfc/rfc3711
//! [RFC 5764]: https://www.rfc-editor.org/rfc/rfc5764
//! [RFC 7714]: https://www.rfc-editor.org/rfc/rfc7714

mod carriage;
mod config;
mod cryptex;
mod derivation;
pub mod double;
mod error;
mod extension;
mod header;
#[cfg(test)]
mod hex;
mod index;
mod options;
mod position;
mod profile;
mod receiver;
mod rtcp;
mod rtp;
mod sender;
mod stats;
mod streams;
mod suite;
mod window;

pub use config::Config;
pub use cryptex::Cryptex;
pub use error::{HeaderError, ProtectError, ResumeError, SetupError, UnprotectError};
pub use extension::ExtensionIds;
pub use position::Position;
pub use profile::{MAX_TRAILER, Profile};
pub use receiver::SrtpReceiver;
pub use sender::SrtpSender;
pub use stats::{ReceiverStats, SenderStats};
