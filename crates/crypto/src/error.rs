use crate::HashAlgorithm;

/// An operation that the provider could not carry out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CryptoError {
    /// The provider does not have this algorithm.
    #[error("the provider does not have this algorithm")]
    Unsupported,
    /// The key has the wrong length for the algorithm.
    #[error("key of {len} bytes, the algorithm takes {need}")]
    KeyLength {
        /// Bytes the algorithm asks for.
        need: usize,
        /// Bytes that were given.
        len: usize,
    },
    /// The source of randomness failed.
    #[error("no randomness available")]
    NoEntropy,
    /// The peer's key share is not usable.
    #[error("key share of {len} bytes is not valid in this group")]
    InvalidShare {
        /// Bytes of the share.
        len: usize,
    },
    /// The private key could not sign.
    #[error("signing failed")]
    Signing,
    /// More bytes were asked for than the algorithm can derive from one key.
    #[error("{len} bytes asked for, at most {limit} can be derived")]
    OutputLength {
        /// The most there can be, in bytes.
        limit: usize,
        /// Bytes that were asked for.
        len: usize,
    },
}

/// A tag was wrong, or a text too long to encrypt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not authentic")]
pub struct AeadError;

/// A signature was not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SignatureError {
    /// The certificate cannot be read.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// The scheme does not go with the certificate's key, or the provider does not have it.
    #[error("the signature scheme does not go with the key")]
    SchemeMismatch,
    /// The signature is wrong.
    #[error("the signature is wrong")]
    Invalid,
}

/// A certificate could not be read or made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CertificateError {
    /// Not a DER-encoded X.509 certificate.
    #[error("{len} bytes are no DER-encoded X.509 certificate")]
    Malformed {
        /// Bytes that were given.
        len: usize,
    },
    /// The key is of a kind or size that is not accepted.
    #[error("the certificate's key is of a kind or size that is not accepted")]
    UnsupportedKey,
    /// The private key is no PKCS#8 that the provider can read.
    #[error("{len} bytes are no private key in PKCS#8 that can be read")]
    MalformedKey {
        /// Bytes that were given.
        len: usize,
    },
    /// The private key is not that of the certificate.
    #[error("the private key is not that of the certificate")]
    KeyMismatch,
    /// The lifetime asked for is zero or more than a year.
    #[error("lifetime of {seconds} s, allowed are 1 to {limit}")]
    Lifetime {
        /// Seconds that were asked for.
        seconds: u64,
        /// The longest lifetime in seconds.
        limit: u64,
    },
    /// The provider failed.
    #[error(transparent)]
    Crypto(#[from] CryptoError),
}

/// A fingerprint that is not well-formed or not acceptable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FingerprintError {
    /// Not of the form `hash-name SP 2HEX *(":" 2HEX)`.
    #[error("malformed fingerprint at byte {at}")]
    Malformed {
        /// Offset of the first byte that does not fit.
        at: usize,
    },
    /// A hash function that is unknown, or too weak to bind a certificate (RFC 8122 section 5).
    #[error("hash function unknown or refused")]
    Algorithm,
    /// The digest does not have the hash function's length.
    #[error("{algorithm:?} has {need} bytes, the fingerprint {len}")]
    Length {
        /// The hash function named.
        algorithm: HashAlgorithm,
        /// Bytes of its digest.
        need: usize,
        /// Bytes that were given.
        len: usize,
    },
}
