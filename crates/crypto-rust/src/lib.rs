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
//! | AEAD | ChaCha20-Poly1305 | RFC 8439 | not yet |
//! | stream ciphers | AES-128 and AES-256 in counter mode | NIST SP 800-38A | complete |
//! | key agreement | P-256 | RFC 8446 section 4.2.8.2 | complete |
//! | key agreement | X25519, P-384, X25519MLKEM768 | RFC 7748 | not yet |
//! | signatures | ECDSA on P-256 with SHA-256, deterministic | RFC 6979 | complete |
//! | signatures | P-384, Ed25519, RSA | RFC 8446 section 4.2.3 | not yet |
//! | certificates | self-signed on P-256; those of peers with a P-256 key | RFC 5280, RFC 5480 | complete |
//!
//! What is "not yet" answers [`Unsupported`](antiphon_crypto::CryptoError::Unsupported) or
//! [`UnsupportedKey`](antiphon_crypto::CertificateError::UnsupportedKey), and is absent from
//! [`groups`](antiphon_crypto::CryptoProvider::groups) and
//! [`signature_schemes`](antiphon_crypto::CryptoProvider::signature_schemes).
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
mod hash;
mod p256_key;
mod provider;

pub use provider::RustCrypto;
