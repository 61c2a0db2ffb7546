use std::fmt::Debug;

use crate::{
    Aead, AeadAlgorithm, Certificate, CertificateError, CertificateInfo, CertificateParams,
    CryptoError, Digest, HashAlgorithm, Hasher, Hmac, KeyExchange, NamedGroup, SignatureError,
    SignatureScheme, StreamAlgorithm, StreamCipher,
};

/// A source of algorithms and of randomness.
///
/// Protocol machines ask it once per session or key; what they get works per packet without
/// allocating. Unsupported algorithms are answered with [`CryptoError::Unsupported`], so a
/// machine offers to its peer what its provider has.
pub trait CryptoProvider: Debug + Send + Sync + 'static {
    /// Fills `out` with bytes that nobody can predict.
    ///
    /// # Errors
    ///
    /// [`CryptoError::NoEntropy`] when the source failed; `out` must not be used then.
    fn fill_random(&self, out: &mut [u8]) -> Result<(), CryptoError>;

    /// Starts a running hash.
    ///
    /// # Errors
    ///
    /// [`CryptoError::Unsupported`].
    fn hasher(&self, algorithm: HashAlgorithm) -> Result<Box<dyn Hasher>, CryptoError>;

    /// The digest of `data`, in one call.
    ///
    /// # Errors
    ///
    /// [`CryptoError::Unsupported`].
    fn hash(&self, algorithm: HashAlgorithm, data: &[u8]) -> Result<Digest, CryptoError> {
        let mut hasher = self.hasher(algorithm)?;
        hasher.update(data);
        Ok(hasher.digest())
    }

    /// Keys an HMAC (RFC 2104). Any key length is allowed.
    ///
    /// # Errors
    ///
    /// [`CryptoError::Unsupported`].
    fn hmac(&self, algorithm: HashAlgorithm, key: &[u8]) -> Result<Box<dyn Hmac>, CryptoError>;

    /// Keys an AEAD.
    ///
    /// # Errors
    ///
    /// [`CryptoError::Unsupported`], [`CryptoError::KeyLength`].
    fn aead(&self, algorithm: AeadAlgorithm, key: &[u8]) -> Result<Box<dyn Aead>, CryptoError>;

    /// Keys a stream cipher.
    ///
    /// # Errors
    ///
    /// [`CryptoError::Unsupported`], [`CryptoError::KeyLength`].
    fn stream_cipher(
        &self,
        algorithm: StreamAlgorithm,
        key: &[u8],
    ) -> Result<Box<dyn StreamCipher>, CryptoError>;

    /// The groups that [`key_exchange`](Self::key_exchange) can start, most preferred first.
    fn groups(&self) -> &[NamedGroup];

    /// Makes an ephemeral key pair in `group`.
    ///
    /// # Errors
    ///
    /// [`CryptoError::Unsupported`], [`CryptoError::NoEntropy`].
    fn key_exchange(&self, group: NamedGroup) -> Result<Box<dyn KeyExchange>, CryptoError>;

    /// The signature schemes that [`verify`](Self::verify) knows, most preferred first.
    fn signature_schemes(&self) -> &[SignatureScheme];

    /// Checks `signature` over `message` with the key of `certificate`, a DER-encoded X.509
    /// certificate.
    ///
    /// # Errors
    ///
    /// Says whether the certificate cannot be read, its key does not go with `scheme`, or the
    /// signature is wrong.
    fn verify(
        &self,
        scheme: SignatureScheme,
        certificate: &[u8],
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), SignatureError>;

    /// Reads what a peer's DER-encoded certificate says about itself. Nothing is trusted by that:
    /// WebRTC binds a certificate by its fingerprint, not by a chain.
    ///
    /// # Errors
    ///
    /// [`CertificateError::Malformed`] and [`CertificateError::UnsupportedKey`].
    fn inspect_certificate(&self, der: &[u8]) -> Result<CertificateInfo, CertificateError>;

    /// Makes a key pair and a self-signed certificate over it.
    ///
    /// # Errors
    ///
    /// [`CertificateError::Lifetime`], [`CertificateError::UnsupportedKey`],
    /// [`CertificateError::Crypto`].
    fn generate_certificate(
        &self,
        params: &CertificateParams,
    ) -> Result<Certificate, CertificateError>;
}
