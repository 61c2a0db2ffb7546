use antiphon_crypto::{
    Aead, AeadAlgorithm, Certificate, CertificateError, CertificateInfo, CertificateParams,
    CryptoError, CryptoProvider, HashAlgorithm, Hasher, Hmac, KeyExchange, NamedGroup,
    SignatureError, SignatureScheme, StreamAlgorithm, StreamCipher,
};

use crate::certificate::{self, PeerKey};
use crate::entropy::Entropy;
use crate::p256_key::Exchange;
use crate::{cipher, hash};

/// The provider. It holds no state but its source of randomness.
#[derive(Debug)]
pub struct RustCrypto {
    entropy: Entropy,
}

impl RustCrypto {
    /// A provider whose randomness comes from the operating system.
    #[must_use]
    pub fn new() -> Self {
        Self { entropy: Entropy::System }
    }

    /// A provider whose randomness comes from `source`, for reproducible tests.
    ///
    /// All keys follow from what `source` gives: outside of tests, take [`new`](Self::new).
    #[must_use]
    pub fn with_entropy(
        source: impl Fn(&mut [u8]) -> Result<(), CryptoError> + Send + Sync + 'static,
    ) -> Self {
        Self { entropy: Entropy::Custom(Box::new(source)) }
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

    fn groups(&self) -> &[NamedGroup] {
        &[NamedGroup::Secp256r1]
    }

    fn key_exchange(&self, group: NamedGroup) -> Result<Box<dyn KeyExchange>, CryptoError> {
        match group {
            NamedGroup::Secp256r1 => Ok(Box::new(Exchange::new(&self.entropy)?)),
            NamedGroup::Secp384r1 | NamedGroup::X25519 | _ => Err(CryptoError::Unsupported),
        }
    }

    fn signature_schemes(&self) -> &[SignatureScheme] {
        &[SignatureScheme::EcdsaSecp256r1Sha256]
    }

    fn verify(
        &self,
        scheme: SignatureScheme,
        certificate: &[u8],
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), SignatureError> {
        match (PeerKey::read(certificate)?, scheme) {
            (PeerKey::EcdsaP256(key), SignatureScheme::EcdsaSecp256r1Sha256) => {
                key.verify(message, signature)
            }
            (PeerKey::EcdsaP256(_), _) => Err(SignatureError::SchemeMismatch),
        }
    }

    fn inspect_certificate(&self, der: &[u8]) -> Result<CertificateInfo, CertificateError> {
        PeerKey::read(der).map(|key| key.info())
    }

    fn generate_certificate(
        &self,
        params: &CertificateParams,
    ) -> Result<Certificate, CertificateError> {
        certificate::generate(&self.entropy, params)
    }
}
