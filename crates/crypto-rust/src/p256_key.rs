//! P-256: private keys drawn from our own entropy, key agreement, signatures.

use std::sync::Arc;

use antiphon_crypto::{
    CryptoError, KeyExchange, NamedGroup, Secret, SignatureError, SignatureScheme, SigningKey,
};
use p256::ecdsa::signature::{Signer as _, Verifier as _};
use p256::ecdsa::{DerSignature, SigningKey as EcdsaKey, VerifyingKey};
use p256::elliptic_curve::sec1::ToSec1Point as _;
use p256::{PublicKey, SecretKey};
use zeroize::Zeroizing;

use crate::entropy::Entropy;

/// Bytes of an uncompressed point: 0x04, x, y.
pub(crate) const POINT_LEN: usize = 65;

/// A source that gives no valid scalar in so many draws (each fails with 2^-32) is broken.
const MAX_DRAWS: usize = 16;

/// Draws a private key uniformly, by rejection.
fn draw(entropy: &Entropy) -> Result<SecretKey, CryptoError> {
    let mut scalar = Zeroizing::new([0; 32]);
    for _ in 0..MAX_DRAWS {
        entropy.fill(&mut *scalar)?;
        if let Ok(key) = SecretKey::from_slice(&*scalar) {
            return Ok(key);
        }
    }
    Err(CryptoError::NoEntropy)
}

fn point_of(key: PublicKey) -> [u8; POINT_LEN] {
    let mut point = [0; POINT_LEN];
    for (to, from) in point.iter_mut().zip(key.to_uncompressed_point()) {
        *to = from;
    }
    point
}

/// An ephemeral key pair; the key wipes itself when dropped.
pub(crate) struct Exchange {
    key: SecretKey,
    share: [u8; POINT_LEN],
}

impl Exchange {
    pub(crate) fn new(entropy: &Entropy) -> Result<Self, CryptoError> {
        let key = draw(entropy)?;
        let share = point_of(key.public_key());
        Ok(Self { key, share })
    }
}

impl KeyExchange for Exchange {
    fn group(&self) -> NamedGroup {
        NamedGroup::Secp256r1
    }

    fn public_share(&self) -> &[u8] {
        &self.share
    }

    fn agree(self: Box<Self>, peer_share: &[u8]) -> Result<Secret, CryptoError> {
        let invalid = CryptoError::InvalidShare { len: peer_share.len() };
        //= rfc8446#4.2.8.2
        // Only the uncompressed form is taken, and only points that lie on the curve.
        let peer = uncompressed(peer_share)
            .and_then(|point| PublicKey::from_sec1_bytes(point).ok())
            .ok_or(invalid)?;
        let shared = self.key.diffie_hellman(&peer);
        Ok(Secret::from(shared.raw_secret_bytes().as_slice()))
    }
}

/// A private key that signs; it wipes itself when dropped.
pub(crate) struct Signing {
    key: EcdsaKey,
    point: [u8; POINT_LEN],
}

impl Signing {
    pub(crate) fn new(entropy: &Entropy) -> Result<Arc<Self>, CryptoError> {
        let secret = draw(entropy)?;
        let point = point_of(secret.public_key());
        Ok(Arc::new(Self { key: EcdsaKey::from(&secret), point }))
    }

    /// An ECDSA signature with SHA-256, DER-encoded. The nonce follows from key and message
    /// (RFC 6979), so that no weak randomness can give the key away.
    fn sign_der(&self, message: &[u8]) -> Result<Vec<u8>, CryptoError> {
        let signature: DerSignature =
            self.key.try_sign(message).map_err(|_| CryptoError::Signing)?;
        Ok(signature.as_bytes().to_vec())
    }
}

impl SigningKey for Signing {
    fn schemes(&self) -> &[SignatureScheme] {
        &[SignatureScheme::EcdsaSecp256r1Sha256]
    }

    fn sign(&self, scheme: SignatureScheme, message: &[u8]) -> Result<Vec<u8>, CryptoError> {
        if scheme != SignatureScheme::EcdsaSecp256r1Sha256 {
            return Err(CryptoError::Unsupported);
        }
        self.sign_der(message)
    }
}

impl rcgen::PublicKeyData for Signing {
    fn der_bytes(&self) -> &[u8] {
        &self.point
    }

    fn algorithm(&self) -> &'static rcgen::SignatureAlgorithm {
        &rcgen::PKCS_ECDSA_P256_SHA256
    }
}

impl rcgen::SigningKey for Signing {
    fn sign(&self, msg: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        self.sign_der(msg).map_err(|_| rcgen::Error::RemoteKeyError)
    }
}

/// A public key of a certificate, known to lie on the curve.
#[derive(Clone, Copy)]
pub(crate) struct Verifying(VerifyingKey);

impl Verifying {
    /// Takes an uncompressed point.
    pub(crate) fn from_point(point: &[u8]) -> Option<Self> {
        VerifyingKey::from_sec1_bytes(uncompressed(point)?).ok().map(Self)
    }

    /// Checks an ECDSA signature with SHA-256, DER-encoded.
    pub(crate) fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), SignatureError> {
        let signature = DerSignature::from_bytes(signature).map_err(|_| SignatureError::Invalid)?;
        self.0.verify(message, &signature).map_err(|_| SignatureError::Invalid)
    }
}

/// `point` if it has the length and the first byte of an uncompressed one.
fn uncompressed(point: &[u8]) -> Option<&[u8]> {
    (point.len() == POINT_LEN && point.first() == Some(&0x04)).then_some(point)
}
