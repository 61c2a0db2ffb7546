//! SFrame: end-to-end encryption of media frames through an SFU ([RFC 9605]).
//!
//! An [`SframeSender`] encrypts frames, between encoder and packetizer; an [`SframeReceiver`]
//! decrypts them, between depacketizer and decoder. What lies between, such as a selective
//! forwarding unit, sees which key a frame was encrypted with and its number, and no more. Both
//! work in place and allocate nothing per frame. There is no socket, clock, thread or randomness
//! in here, and no algorithm either: those come from an `antiphon-crypto` provider. How keys get
//! from end to end is the application's affair: MLS, or any channel that the SFU cannot read.
//!
//! | Specification | Where | Status |
//! |---|---|---|
//! | RFC 9605 section 4.3 (header) | [`Header`] | complete |
//! | RFC 9605 section 4.4 (keys, encryption) | [`SframeSender`], [`SframeReceiver`] | complete |
//! | RFC 9605 section 4.5 (cipher suites) | [`CipherSuite`] | all five |
//! | RFC 9605 section 5.1 (ratcheted sender keys) | [`Ratchet`] | complete |
//! | RFC 9605 section 5.2 (MLS) | [`MlsKeyIds`] | key ids and epochs; MLS itself is not here |
//! | RFC 9605 section 7.4 (replay) | [`SframeReceiver`] | a window for each key |
//!
//! ```
//! use std::sync::Arc;
//!
//! use antiphon_crypto_rust::RustCrypto;
//! use antiphon_sframe::{
//!     CipherSuite, Config, DecryptError, MAX_HEADER, MAX_TAG, Ratchet, SframeReceiver, SframeSender,
//! };
//!
//! let (provider, suite) = (Arc::new(RustCrypto::new()), CipherSuite::Aes128GcmSha256_128);
//! // Alice has made a key and sent it to Bob, by a way that the SFU cannot read.
//! let mut alices_key = Ratchet::new(suite, 8, 1, &[7; 16])?;
//! let mut alice = SframeSender::new(provider.clone(), suite, &Config::default());
//! let mut key_id = alice.add_ratchet(&alices_key)?;
//! let mut bob = SframeReceiver::new(provider, suite, &Config::default())?;
//! bob.add_ratchet(alices_key.clone())?;
//!
//! for number in 0..3 {
//!     // A frame from the encoder, with room for the header before it and the tag behind.
//!     let mut buf = [0; MAX_HEADER + 11 + MAX_TAG];
//!     let frame = MAX_HEADER..MAX_HEADER + 11;
//!     buf[frame.clone()].copy_from_slice(b"video frame");
//!
//!     // Payload type and frame kind stay readable for the SFU, but it cannot change them.
//!     let metadata = [96, 1];
//!     let encrypted = alice.encrypt(key_id, &metadata, &mut buf, frame)?;
//!
//!     // The SFU forwards what it cannot read.
//!     let mut forwarded = buf[encrypted].to_vec();
//!     assert!(!forwarded.windows(5).any(|part| part == b"video"));
//!     let mut again = forwarded.clone();
//!
//!     let decrypted = bob.decrypt(&metadata, &mut forwarded)?;
//!     assert_eq!(&forwarded[decrypted.plaintext], b"video frame");
//!
//!     // Nor can it replay.
//!     let replayed = DecryptError::Replayed { key_id, counter: decrypted.counter };
//!     assert_eq!(bob.decrypt(&metadata, &mut again), Err(replayed));
//!
//!     // Somebody joins, who shall not read what was sent before: the key goes a step forward, and
//!     // Bob follows by himself.
//!     if number == 1 {
//!         key_id = alice.step(&mut alices_key)?;
//!     }
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! [RFC 9605]: https://www.rfc-editor.org/rfc/rfc9605

mod cipher;
mod config;
mod error;
mod header;
#[cfg(test)]
mod hex;
mod mls;
mod ratchet;
mod receiver;
mod sender;
mod stats;
mod store;
mod suite;
mod window;

pub use config::Config;
pub use error::{DecryptError, EncryptError, HeaderError, KeyError};
pub use header::{Header, MAX_HEADER};
pub use mls::MlsKeyIds;
pub use ratchet::Ratchet;
pub use receiver::{Decrypted, SframeReceiver};
pub use sender::SframeSender;
pub use stats::ReceiverStats;
pub use suite::{CipherSuite, MAX_TAG};
