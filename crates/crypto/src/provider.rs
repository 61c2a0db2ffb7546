use std::fmt::Debug;

use crate::{
    Aead, AeadAlgorithm, Certificate, CertificateError, CertificateInfo, CertificateParams,
    CryptoError, Digest, HashAlgorithm, Hasher, HeaderProtection, Hmac, KeyExchange, NamedGroup,
    Secret, SignatureError, SignatureScheme, StreamAlgorithm, StreamCipher,
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

    /// Keys the function that hides record numbers of what `algorithm` encrypts. The key has
    /// [`AeadAlgorithm::key_len`] bytes.
    ///
    /// # Errors
    ///
    /// [`CryptoError::Unsupported`], which is what this method answers unless it is replaced, and
    /// [`CryptoError::KeyLength`].
    fn header_protection(
        &self,
        algorithm: AeadAlgorithm,
        key: &[u8],
    ) -> Result<Box<dyn HeaderProtection>, CryptoError> {
        let (_, _) = (algorithm, key);
        Err(CryptoError::Unsupported)
    }

    /// The groups that [`key_exchange`](Self::key_exchange) can start, most preferred first.
    fn groups(&self) -> &[NamedGroup];

    /// Makes an ephemeral key pair in `group`.
    ///
    /// # Errors
    ///
    /// [`CryptoError::Unsupported`], [`CryptoError::NoEntropy`].
    fn key_exchange(&self, group: NamedGroup) -> Result<Box<dyn KeyExchange>, CryptoError>;

    /// Answers the share of a peer that speaks first: our share to send back, and the secret.
    ///
    /// In the groups on curves that is a key pair made, agreed with and dropped; groups with a KEM
    /// need this method replaced, because their answer depends on the share.
    ///
    /// # Errors
    ///
    /// [`CryptoError::Unsupported`], [`CryptoError::NoEntropy`], and
    /// [`CryptoError::InvalidShare`] as in [`KeyExchange::agree`].
    fn encapsulate(
        &self,
        group: NamedGroup,
        peer_share: &[u8],
    ) -> Result<(Vec<u8>, Secret), CryptoError> {
        let ours = self.key_exchange(group)?;
        let share = ours.public_share().to_vec();
        Ok((share, ours.agree(peer_share)?))
    }

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

    /// As [`verify`](Self::verify), with the numbers as TLS 1.2 means them: those of ECDSA name a
    /// hash function, and the curve is the certificate's (RFC 8446 section 4.2.3). A peer with a
    /// P-384 certificate may sign with SHA-256 there, and some do.
    ///
    /// # Errors
    ///
    /// As [`verify`](Self::verify), which is what this method calls unless it is replaced.
    fn verify_tls12(
        &self,
        scheme: SignatureScheme,
        certificate: &[u8],
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), SignatureError> {
        self.verify(scheme, certificate, message, signature)
    }

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

    /// Takes up an identity that was kept: a DER-encoded certificate and its private key as
    /// PKCS#8, as [`SigningKey::to_pkcs8`](crate::SigningKey::to_pkcs8) of any provider gave it.
    ///
    /// # Errors
    ///
    /// [`CertificateError::Malformed`], [`CertificateError::MalformedKey`],
    /// [`CertificateError::KeyMismatch`], and [`CertificateError::UnsupportedKey`], which is what
    /// this method answers unless it is replaced.
    fn import_certificate(
        &self,
        certificate: &[u8],
        pkcs8: &[u8],
    ) -> Result<Certificate, CertificateError> {
        let (_, _) = (certificate, pkcs8);
        Err(CertificateError::UnsupportedKey)
    }
}
