//! antiphon's default cryptography provider, on the RustCrypto crates: pure Rust, no C compiler.
//!
//! [`RustCrypto`] implements [`CryptoProvider`](antiphon_crypto::CryptoProvider). Protocol crates
//! take it as `Arc<dyn CryptoProvider>` and never name it, so that another provider is a line of
//! code away. AES and SHA instructions of the processor are found at run time.
//!
//! | Subject | Algorithms | Specification | Status |
//! |---|---|---|---|
//! | hashes | MD5, SHA-1, SHA-256, SHA-384, SHA-512 | FIPS 180-4, RFC 1321 | complete |
//! | keyed hashes | HMAC with each of them | RFC 2104 | complete |
//! | AEAD | AES-128-GCM, AES-256-GCM | NIST SP 800-38D | complete |
//! | AEAD | ChaCha20-Poly1305 | RFC 8439 | complete |
//! | masks for record numbers | AES-128, AES-256, ChaCha20 | RFC 9147 section 4.2.3 | complete |
//! | stream ciphers | AES-128 and AES-256 in counter mode | NIST SP 800-38A | complete |
//! | key agreement | X25519MLKEM768 | FIPS 203, draft-ietf-tls-ecdhe-mlkem | complete |
//! | key agreement | X25519, P-256, P-384 | RFC 7748, RFC 8446 section 4.2.8.2 | complete |
//! | signatures | ECDSA on P-256 and P-384, deterministic | FIPS 186-5, RFC 6979 | complete |
//! | signatures | Ed25519 | RFC 8032 | complete |
//! | signatures | RSA of 2048 to 8192 bits, PSS and PKCS1-v1_5 | RFC 8017 | complete |
//! | certificates | self-signed over each kind of key; those of peers; kept and taken up again | RFC 5280, RFC 5480, RFC 5958 | complete |
//!
//! Curves other than P-256, P-384 and edwards25519, RSA keys below 2048 or above 8192 bits and keys for
//! RSA-PSS alone answer [`UnsupportedKey`](antiphon_crypto::CertificateError::UnsupportedKey).
//! Making an RSA key takes tens of milliseconds and more; prefer the default, P-256.
//!
//! ```
//! use std::time::Duration;
//!
//! use antiphon_crypto::{CertificateParams, CryptoProvider as _, HashAlgorithm, SignatureScheme};
//! use antiphon_crypto_rust::RustCrypto;
//!
//! let provider = RustCrypto::new();
//! let now = Duration::from_secs(1_790_000_000); // since the Unix epoch
//! let certificate = provider.generate_certificate(&CertificateParams::new(now))?;
//!
//! // What the peer compares with the certificate it sees in the handshake.
//! let fingerprint = certificate.fingerprint(&provider, HashAlgorithm::Sha256)?;
//! assert!(fingerprint.to_string().starts_with("sha-256 "));
//!
//! let scheme = SignatureScheme::EcdsaSecp256r1Sha256;
//! let signature = certificate.key().sign(scheme, b"a handshake")?;
//! assert!(provider.verify(scheme, certificate.der(), b"a handshake", &signature).is_ok());
//! # Ok::<(), antiphon_crypto::CertificateError>(())
//! ```

mod certificate;
mod cipher;
mod entropy;
mod exchange;
mod hash;
mod key;
mod provider;

pub use provider::RustCrypto;
