//! antiphon's fast cryptography provider, on AWS-LC through the crate `aws-lc-rs`.
//!
//! [`AwsLc`] implements [`CryptoProvider`](antiphon_crypto::CryptoProvider) with the same algorithms
//! as antiphon's default provider, `antiphon-crypto-rust`, and both pass the same suite of tests.
//! Choosing it is a line of code: give `Arc::new(AwsLc::new())` where a configuration takes a provider.
//! It needs a C compiler to build, and is what a server with many peers wants.
//!
//! | Subject | Algorithms | Specification | Status |
//! |---|---|---|---|
//! | hashes | SHA-1, SHA-256, SHA-384, SHA-512 | FIPS 180-4 | complete |
//! | hashes | MD5, from RustCrypto: `aws-lc-rs` leaves it out | RFC 1321 | complete |
//! | keyed hashes | HMAC with each of them | RFC 2104 | complete |
//! | AEAD | AES-128-GCM, AES-256-GCM | NIST SP 800-38D | complete |
//! | AEAD | ChaCha20-Poly1305 | RFC 8439 | complete |
//! | masks for record numbers | AES-128, AES-256, ChaCha20 | RFC 9147 section 4.2.3 | complete |
//! | stream ciphers | AES-128 and AES-256 in counter mode | NIST SP 800-38A | complete |
//! | key agreement | X25519MLKEM768 | FIPS 203, draft-ietf-tls-ecdhe-mlkem | complete |
//! | key agreement | X25519, P-256, P-384 | RFC 7748, RFC 8446 section 4.2.8.2 | complete |
//! | signatures | ECDSA on P-256 and P-384, Ed25519 | FIPS 186-5, RFC 8032 | complete |
//! | signatures | RSA of 2048 to 8192 bits, PSS and PKCS1-v1_5 | RFC 8017 | complete |
//! | certificates | self-signed over each kind of key; those of peers; kept and taken up again | RFC 5280, RFC 5958 | complete |
//!
//! ```
//! use std::sync::Arc;
//!
//! use antiphon_crypto::{CryptoProvider, NamedGroup};
//! use antiphon_crypto_aws_lc::AwsLc;
//!
//! let provider: Arc<dyn CryptoProvider> = Arc::new(AwsLc::new());
//! let client = provider.key_exchange(NamedGroup::X25519MlKem768)?;
//! let (answer, servers) = provider.encapsulate(client.group(), client.public_share())?;
//! let clients = client.agree(&answer)?;
//! assert_eq!(clients.expose(), servers.expose());
//! # Ok::<(), antiphon_crypto::CryptoError>(())
//! ```

mod certificate;
mod cipher;
mod exchange;
mod hash;
mod key;
mod provider;

pub use provider::AwsLc;
