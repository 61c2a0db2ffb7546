use antiphon_crypto::{
    Aead, AeadAlgorithm, Certificate, CertificateError, CertificateInfo, CertificateParams,
    CryptoError, CryptoProvider, Digest, HashAlgorithm, Hasher, HeaderProtection, Hmac,
    KeyExchange, NamedGroup, Secret, SignatureError, SignatureScheme, StreamAlgorithm,
    StreamCipher,
};
use aws_lc_rs::rand;

use crate::{certificate, cipher, exchange, hash, key};

/// The provider. It holds no state; its randomness is AWS-LC's, seeded by the operating system.
#[derive(Clone, Copy, Debug, Default)]
pub struct AwsLc;

impl AwsLc {
    /// The provider.
    #[must_use]
    pub const fn new() -> Self {
        Self
    }
}

impl CryptoProvider for AwsLc {
    fn fill_random(&self, out: &mut [u8]) -> Result<(), CryptoError> {
        rand::fill(out).map_err(|_| CryptoError::NoEntropy)
    }

    fn hasher(&self, algorithm: HashAlgorithm) -> Result<Box<dyn Hasher>, CryptoError> {
        hash::hasher(algorithm)
    }

    fn hash(&self, algorithm: HashAlgorithm, data: &[u8]) -> Result<Digest, CryptoError> {
        hash::hash(algorithm, data)
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
        exchange::start(group)
    }

    fn encapsulate(
        &self,
        group: NamedGroup,
        peer_share: &[u8],
    ) -> Result<(Vec<u8>, Secret), CryptoError> {
        exchange::answer(group, peer_share)
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
        certificate::generate(params)
    }

    fn import_certificate(
        &self,
        certificate: &[u8],
        pkcs8: &[u8],
    ) -> Result<Certificate, CertificateError> {
        certificate::import(certificate, pkcs8)
    }
}
