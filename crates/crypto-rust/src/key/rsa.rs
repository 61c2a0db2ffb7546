//! RSA (RFC 8017): PKCS1-v1_5 and PSS signatures, with moduli of 2048 bits and more.

use std::sync::Arc;

use antiphon_crypto::{
    CryptoError, HashAlgorithm, PublicKeyKind, Secret, SignatureScheme, SigningKey,
};
use rsa::pkcs1::{DecodeRsaPublicKey as _, EncodeRsaPublicKey as _};
use rsa::pkcs8::{DecodePrivateKey as _, EncodePrivateKey as _};
use rsa::traits::PublicKeyParts as _;
use rsa::{Pkcs1v15Sign, Pss, RsaPrivateKey, RsaPublicKey};
use sha2::{Sha256, Sha384, Sha512};

use super::{OwnKey, offered, prehash};
use crate::entropy::Entropy;

/// A private key that signs; it wipes itself when dropped.
pub(super) struct Signing {
    key: RsaPrivateKey,
    public: Vec<u8>,
    /// Blinds the private operation and salts PSS.
    entropy: Arc<Entropy>,
}

impl Signing {
    pub(super) fn generate(entropy: &Arc<Entropy>, bits: usize) -> Result<Self, CryptoError> {
        let key = RsaPrivateKey::new(&mut entropy.rng()?, bits);
        let key = key.map_err(|_| CryptoError::NoEntropy)?;
        Self::new(entropy, key).ok_or(CryptoError::Unsupported)
    }

    pub(super) fn from_pkcs8(entropy: &Arc<Entropy>, der: &[u8]) -> Option<Self> {
        Self::new(entropy, RsaPrivateKey::from_pkcs8_der(der).ok()?)
    }

    fn new(entropy: &Arc<Entropy>, key: RsaPrivateKey) -> Option<Self> {
        let public = key.as_public_key().to_pkcs1_der().ok()?.as_bytes().to_vec();
        Some(Self { key, public, entropy: Arc::clone(entropy) })
    }

    pub(super) fn verifying(&self) -> Box<Verifying> {
        Box::new(Verifying(self.key.to_public_key()))
    }
}

impl SigningKey for Signing {
    fn schemes(&self) -> &[SignatureScheme] {
        PublicKeyKind::Rsa { bits: 0 }.schemes()
    }

    fn sign(&self, scheme: SignatureScheme, message: &[u8]) -> Result<Vec<u8>, CryptoError> {
        offered(self, scheme)?;
        let (mut rng, digest) = (self.entropy.rng()?, prehash(scheme, message));
        let (key, digest) = (&self.key, digest.as_slice());
        let signature = match padding(scheme) {
            Some(Padding::Pkcs1(padding)) => key.sign_with_rng(&mut rng, padding, digest),
            Some(Padding::Pss256(padding)) => key.sign_with_rng(&mut rng, padding, digest),
            Some(Padding::Pss384(padding)) => key.sign_with_rng(&mut rng, padding, digest),
            Some(Padding::Pss512(padding)) => key.sign_with_rng(&mut rng, padding, digest),
            None => return Err(CryptoError::Unsupported),
        };
        signature.map_err(|_| CryptoError::Signing)
    }

    fn to_pkcs8(&self) -> Result<Secret, CryptoError> {
        let der = self.key.to_pkcs8_der().map_err(|_| CryptoError::Unsupported)?;
        Ok(Secret::from(der.as_bytes()))
    }
}

impl OwnKey for Signing {
    fn public_key(&self) -> &[u8] {
        &self.public
    }

    /// W3C webrtc-pc section 4.9.2 asks for this one.
    fn certificate_scheme(&self) -> SignatureScheme {
        SignatureScheme::RsaPkcs1Sha256
    }
}

/// A public key of a certificate, of a size that is taken.
#[derive(PartialEq)]
pub(crate) struct Verifying(RsaPublicKey);

impl Verifying {
    /// Takes an `RSAPublicKey`, DER-encoded.
    pub(super) fn from_pkcs1(der: &[u8]) -> Option<Self> {
        let key = Self(RsaPublicKey::from_pkcs1_der(der).ok()?);
        let taken = PublicKeyKind::MIN_RSA_BITS..=PublicKeyKind::MAX_RSA_BITS;
        taken.contains(&key.bits()).then_some(key)
    }

    pub(super) fn bits(&self) -> usize {
        usize::try_from(self.0.n().bits()).unwrap_or(usize::MAX)
    }

    pub(super) fn verify(&self, scheme: SignatureScheme, digest: &[u8], signature: &[u8]) -> bool {
        let verdict = match padding(scheme) {
            Some(Padding::Pkcs1(padding)) => self.0.verify(padding, digest, signature),
            Some(Padding::Pss256(padding)) => self.0.verify(padding, digest, signature),
            Some(Padding::Pss384(padding)) => self.0.verify(padding, digest, signature),
            Some(Padding::Pss512(padding)) => self.0.verify(padding, digest, signature),
            None => return false,
        };
        verdict.is_ok()
    }
}

/// How a digest becomes a number. PSS salts are as long as the digest (RFC 8446 section 4.2.3).
enum Padding {
    Pkcs1(Pkcs1v15Sign),
    Pss256(Pss<Sha256>),
    Pss384(Pss<Sha384>),
    Pss512(Pss<Sha512>),
}

fn padding(scheme: SignatureScheme) -> Option<Padding> {
    Some(match (scheme.signs_tls13(), scheme.hash()?) {
        (true, HashAlgorithm::Sha256) => Padding::Pss256(Pss::new()),
        (true, HashAlgorithm::Sha384) => Padding::Pss384(Pss::new()),
        (true, HashAlgorithm::Sha512) => Padding::Pss512(Pss::new()),
        (false, HashAlgorithm::Sha256) => Padding::Pkcs1(Pkcs1v15Sign::new::<Sha256>()),
        (false, HashAlgorithm::Sha384) => Padding::Pkcs1(Pkcs1v15Sign::new::<Sha384>()),
        (false, HashAlgorithm::Sha512) => Padding::Pkcs1(Pkcs1v15Sign::new::<Sha512>()),
        (_, _) => return None,
    })
}
