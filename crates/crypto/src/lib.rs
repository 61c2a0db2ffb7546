//! The cryptography that antiphon's protocols need, as small traits.
//!
//! This crate holds no algorithm. A *provider* implements [`CryptoProvider`]; the protocol crates
//! (ice, turn, dtls, srtp) take one as `Arc<dyn CryptoProvider>` in their configuration.
//! `antiphon-crypto-rust` is the default provider, `antiphon-crypto-aws-lc` the fast one. Choosing is a
//! line of code, never a feature of a protocol crate.
//!
//! | Subject | Where |
//! |---|---|
//! | randomness, and everything below by name | [`CryptoProvider`] |
//! | running hashes and keyed hashes | [`Hasher`], [`Hmac`] |
//! | authenticated encryption, in place | [`Aead`] |
//! | AES in counter mode, in place | [`StreamCipher`] |
//! | masks for record numbers | [`HeaderProtection`] |
//! | keys derived from a secret (RFC 5869) | [`hkdf`] |
//! | ephemeral key agreement, with ML-KEM too | [`KeyExchange`], [`NamedGroup`] |
//! | signatures | [`SigningKey`], [`SignatureScheme`] |
//! | certificates and their fingerprints | [`Certificate`], [`Fingerprint`] |
//!
//! Objects are made once per key (that may allocate) and used once per packet (that may not).
//!
//! ```
//! use antiphon_crypto::{Fingerprint, HashAlgorithm};
//!
//! // What `a=fingerprint` carries is compared in constant time and without regard to case.
//! let ours: Fingerprint = "sha-256 4A:AD:B9:B1:3F:82:18:3B:54:02:12:DF:3E:5D:49:6B:\
//!                          19:E5:7C:AB:3E:4B:65:2E:7D:46:3F:54:42:CD:54:F1".parse()?;
//! let theirs: Fingerprint = "SHA-256 4a:ad:b9:b1:3f:82:18:3b:54:02:12:df:3e:5d:49:6b:\
//!                            19:e5:7c:ab:3e:4b:65:2e:7d:46:3f:54:42:cd:54:f1".parse()?;
//! assert_eq!(ours.algorithm(), HashAlgorithm::Sha256);
//! assert!(ours.matches(theirs.digest()));
//! # Ok::<(), antiphon_crypto::FingerprintError>(())
//! ```

mod certificate;
mod cipher;
mod error;
mod exchange;
mod hash;
pub mod hkdf;
mod provider;
mod secret;
mod signature;

pub use certificate::{Certificate, CertificateInfo, CertificateParams, Fingerprint};
pub use cipher::{
    Aead, AeadAlgorithm, HeaderProtection, MASK_LEN, NONCE_LEN, StreamAlgorithm, StreamCipher,
    TAG_LEN,
};
pub use error::{AeadError, CertificateError, CryptoError, FingerprintError, SignatureError};
pub use exchange::{KeyExchange, NamedGroup};
pub use hash::{Digest, HashAlgorithm, Hasher, Hmac, MAX_DIGEST_LEN};
pub use provider::CryptoProvider;
pub use secret::Secret;
pub use signature::{PublicKeyKind, SignatureScheme, SigningKey};
