//! Ed25519 (RFC 8032, RFC 8410).

use antiphon_crypto::{CryptoError, Secret, SignatureScheme, SigningKey};
use ed25519_dalek::pkcs8::{DecodePrivateKey as _, EncodePrivateKey as _, KeypairBytes};
use ed25519_dalek::{Signature, Signer as _, Verifier as _, VerifyingKey};
use zeroize::Zeroizing;

use super::{OwnKey, offered};
use crate::entropy::Entropy;

/// A private key that signs; it wipes itself when dropped.
pub(super) struct Signing {
    key: ed25519_dalek::SigningKey,
    public: [u8; 32],
}

impl Signing {
    pub(super) fn generate(entropy: &Entropy) -> Result<Self, CryptoError> {
        let mut seed = Zeroizing::new([0; 32]);
        entropy.fill(&mut *seed)?;
        Ok(Self::new(ed25519_dalek::SigningKey::from_bytes(&seed)))
    }

    pub(super) fn from_pkcs8(der: &[u8]) -> Option<Self> {
        ed25519_dalek::SigningKey::from_pkcs8_der(der).ok().map(Self::new)
    }

    fn new(key: ed25519_dalek::SigningKey) -> Self {
        let public = key.verifying_key().to_bytes();
        Self { key, public }
    }

    pub(super) fn verifying(&self) -> Verifying {
        Verifying(self.key.verifying_key())
    }
}

impl SigningKey for Signing {
    fn schemes(&self) -> &[SignatureScheme] {
        &[SignatureScheme::Ed25519]
    }

    fn sign(&self, scheme: SignatureScheme, message: &[u8]) -> Result<Vec<u8>, CryptoError> {
        offered(self, scheme)?;
        let signature = self.key.try_sign(message).map_err(|_| CryptoError::Signing)?;
        Ok(signature.to_vec())
    }

    /// Without the public key (version 1), which every reader takes.
    fn to_pkcs8(&self) -> Result<Secret, CryptoError> {
        let bytes = KeypairBytes { secret_key: self.key.to_bytes(), public_key: None };
        let der = bytes.to_pkcs8_der().map_err(|_| CryptoError::Unsupported)?;
        Ok(Secret::from(der.as_bytes()))
    }
}

impl OwnKey for Signing {
    fn public_key(&self) -> &[u8] {
        &self.public
    }

    fn certificate_scheme(&self) -> SignatureScheme {
        SignatureScheme::Ed25519
    }
}

/// A public key of a certificate.
#[derive(PartialEq)]
pub(crate) struct Verifying(VerifyingKey);

impl Verifying {
    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        VerifyingKey::from_bytes(bytes.try_into().ok()?).ok().map(Self)
    }

    pub(super) fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        Signature::from_slice(signature)
            .is_ok_and(|signature| self.0.verify(message, &signature).is_ok())
    }
}
