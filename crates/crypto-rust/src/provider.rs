use std::sync::Arc;

use antiphon_crypto::{
    Aead, AeadAlgorithm, Certificate, CertificateError, CertificateInfo, CertificateParams,
    CryptoError, CryptoProvider, HashAlgorithm, Hasher, HeaderProtection, Hmac, KeyExchange,
    NamedGroup, Secret, SignatureError, SignatureScheme, StreamAlgorithm, StreamCipher,
};

use crate::entropy::Entropy;
use crate::{certificate, cipher, exchange, hash, key};

/// The provider. It holds no state but its source of randomness.
#[derive(Debug)]
pub struct RustCrypto {
    entropy: Arc<Entropy>,
}

impl RustCrypto {
    /// A provider whose randomness comes from the operating system.
    #[must_use]
    pub fn new() -> Self {
        Self { entropy: Arc::new(Entropy::System) }
    }

    /// A provider whose randomness comes from `source`, for reproducible tests.
    ///
    /// All keys follow from what `source` gives: outside of tests, take [`new`](Self::new).
    #[must_use]
    pub fn with_entropy(
        source: impl Fn(&mut [u8]) -> Result<(), CryptoError> + Send + Sync + 'static,
    ) -> Self {
        Self { entropy: Arc::new(Entropy::Custom(Box::new(source))) }
    }
}

impl Default for RustCrypto {
    fn default() -> Self {
        Self::new()
    }
}

impl CryptoProvider for RustCrypto {
    fn fill_random(&self, out: &mut [u8]) -> Result<(), CryptoError> {
        self.entropy.fill(out)
    }

    fn hasher(&self, algorithm: HashAlgorithm) -> Result<Box<dyn Hasher>, CryptoError> {
        hash::hasher(algorithm)
    }

    fn hmac(&self, algorithm: HashAlgorithm, key: &[u8]) -> Result<Box<dyn Hmac>, CryptoError> {
        hash::hmac(algorithm, key)
    }

    fn aead(&self, algorithm: AeadAlgorithm, key: &[u8]) -> Result<Box<dyn Aead>, CryptoError> {
        cipher::aead(algorithm, key)
    }

    fn stream_cipher(
        &self,
        algorithm: StreamAlgorithm,
        key: &[u8],
    ) -> Result<Box<dyn StreamCipher>, CryptoError> {
        cipher::stream_cipher(algorithm, key)
    }

    fn header_protection(
        &self,
        algorithm: AeadAlgorithm,
        key: &[u8],
    ) -> Result<Box<dyn HeaderProtection>, CryptoError> {
        cipher::header_protection(algorithm, key)
    }

    fn groups(&self) -> &[NamedGroup] {
        exchange::GROUPS
    }

    fn key_exchange(&self, group: NamedGroup) -> Result<Box<dyn KeyExchange>, CryptoError> {
        exchange::start(&self.entropy, group)
    }

    fn encapsulate(
        &self,
        group: NamedGroup,
        peer_share: &[u8],
    ) -> Result<(Vec<u8>, Secret), CryptoError> {
        exchange::answer(&self.entropy, group, peer_share)
    }

    fn signature_schemes(&self) -> &[SignatureScheme] {
        key::SCHEMES
    }

    fn verify(
        &self,
        scheme: SignatureScheme,
        certificate: &[u8],
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), SignatureError> {
        certificate::peer_key(certificate)?.verify(scheme, false, message, signature)
    }

    fn verify_tls12(
        &self,
        scheme: SignatureScheme,
        certificate: &[u8],
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), SignatureError> {
        certificate::peer_key(certificate)?.verify(scheme, true, message, signature)
    }

    fn inspect_certificate(&self, der: &[u8]) -> Result<CertificateInfo, CertificateError> {
        certificate::inspect(der)
    }

    fn generate_certificate(
        &self,
        params: &CertificateParams,
    ) -> Result<Certificate, CertificateError> {
        certificate::generate(&self.entropy, params)
    }

    fn import_certificate(
        &self,
        certificate: &[u8],
        pkcs8: &[u8],
    ) -> Result<Certificate, CertificateError> {
        certificate::import(&self.entropy, certificate, pkcs8)
    }
}
