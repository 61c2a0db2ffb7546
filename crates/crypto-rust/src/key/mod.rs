//! Keys that sign: ours, and those of peers that we check signatures with.

mod ed25519;
mod nist;
mod rsa;

use std::sync::Arc;

use antiphon_crypto::{
    CertificateError, CryptoError, HashAlgorithm, PublicKeyKind, SignatureError, SignatureScheme,
    SigningKey,
};
use sha2::{Digest as _, Sha256, Sha384, Sha512};
use x509_parser::oid_registry::{
    OID_EC_P256, OID_KEY_TYPE_EC_PUBLIC_KEY, OID_NIST_EC_P384, OID_PKCS1_RSAENCRYPTION,
    OID_SIG_ED25519,
};
use x509_parser::x509::SubjectPublicKeyInfo;

pub(crate) use self::nist::{p256, p384};
use crate::entropy::Entropy;

/// All schemes, most preferred first.
pub(crate) const SCHEMES: &[SignatureScheme] = &[
    SignatureScheme::EcdsaSecp256r1Sha256,
    SignatureScheme::EcdsaSecp384r1Sha384,
    SignatureScheme::Ed25519,
    SignatureScheme::RsaPssRsaeSha256,
    SignatureScheme::RsaPssRsaeSha384,
    SignatureScheme::RsaPssRsaeSha512,
    SignatureScheme::RsaPkcs1Sha256,
    SignatureScheme::RsaPkcs1Sha384,
    SignatureScheme::RsaPkcs1Sha512,
];

/// A private key of ours, with what a certificate over it needs.
pub(crate) trait OwnKey: SigningKey {
    /// The public key as the certificate's bit string holds it.
    fn public_key(&self) -> &[u8];

    /// How the certificate is signed.
    fn certificate_scheme(&self) -> SignatureScheme;
}

/// Makes a key of `kind`.
pub(crate) fn generate(
    entropy: &Arc<Entropy>,
    kind: PublicKeyKind,
) -> Result<Arc<dyn OwnKey>, CertificateError> {
    Ok(match kind {
        PublicKeyKind::EcdsaP256 => Arc::new(p256::Signing::generate(entropy)?),
        PublicKeyKind::EcdsaP384 => Arc::new(p384::Signing::generate(entropy)?),
        PublicKeyKind::Ed25519 => Arc::new(ed25519::Signing::generate(entropy)?),
        PublicKeyKind::Rsa { bits: bits @ (2048 | 3072 | 4096) } => {
            Arc::new(rsa::Signing::generate(entropy, bits)?)
        }
        PublicKeyKind::Rsa { .. } | _ => return Err(CertificateError::UnsupportedKey),
    })
}

/// Reads a private key of the kind that `public` is, if it belongs to it.
pub(crate) fn import(
    entropy: &Arc<Entropy>,
    public: &PeerKey,
    pkcs8: &[u8],
) -> Result<Arc<dyn SigningKey>, CertificateError> {
    let malformed = CertificateError::MalformedKey { len: pkcs8.len() };
    let (key, ours): (Arc<dyn SigningKey>, PeerKey) = match public {
        PeerKey::EcdsaP256(_) => {
            let key = p256::Signing::from_pkcs8(pkcs8).ok_or(malformed)?;
            let ours = PeerKey::EcdsaP256(key.verifying());
            (Arc::new(key), ours)
        }
        PeerKey::EcdsaP384(_) => {
            let key = p384::Signing::from_pkcs8(pkcs8).ok_or(malformed)?;
            let ours = PeerKey::EcdsaP384(key.verifying());
            (Arc::new(key), ours)
        }
        PeerKey::Ed25519(_) => {
            let key = ed25519::Signing::from_pkcs8(pkcs8).ok_or(malformed)?;
            let ours = PeerKey::Ed25519(key.verifying());
            (Arc::new(key), ours)
        }
        PeerKey::Rsa(_) => {
            let key = rsa::Signing::from_pkcs8(entropy, pkcs8).ok_or(malformed)?;
            let ours = PeerKey::Rsa(key.verifying());
            (Arc::new(key), ours)
        }
    };
    if ours == *public { Ok(key) } else { Err(CertificateError::KeyMismatch) }
}

/// The key of a peer's certificate, of a kind we can check signatures with.
#[derive(PartialEq)]
pub(crate) enum PeerKey {
    EcdsaP256(p256::Verifying),
    EcdsaP384(p384::Verifying),
    Ed25519(ed25519::Verifying),
    Rsa(Box<rsa::Verifying>),
}

impl PeerKey {
    /// Reads the key out of a certificate.
    pub(crate) fn from_info(info: &SubjectPublicKeyInfo<'_>) -> Option<Self> {
        if info.subject_public_key.unused_bits != 0 {
            return None;
        }
        let (algorithm, bytes) = (&info.algorithm, &*info.subject_public_key.data);
        if algorithm.algorithm == OID_KEY_TYPE_EC_PUBLIC_KEY {
            //= rfc5480#2.1.1
            // Only a named curve is taken, never curve parameters of the peer's invention.
            let curve = algorithm.parameters.as_ref()?.as_oid().ok()?;
            if curve == OID_EC_P256 {
                return p256::Verifying::from_point(bytes).map(Self::EcdsaP256);
            }
            if curve == OID_NIST_EC_P384 {
                return p384::Verifying::from_point(bytes).map(Self::EcdsaP384);
            }
            return None;
        }
        if algorithm.algorithm == OID_SIG_ED25519 {
            //= rfc8410#3
            // Its identifier has no parameters.
            return match algorithm.parameters {
                None => ed25519::Verifying::from_bytes(bytes).map(Self::Ed25519),
                Some(_) => None,
            };
        }
        if algorithm.algorithm == OID_PKCS1_RSAENCRYPTION {
            return rsa::Verifying::from_pkcs1(bytes).map(|key| Self::Rsa(Box::new(key)));
        }
        None
    }

    pub(crate) fn kind(&self) -> PublicKeyKind {
        match self {
            Self::EcdsaP256(_) => PublicKeyKind::EcdsaP256,
            Self::EcdsaP384(_) => PublicKeyKind::EcdsaP384,
            Self::Ed25519(_) => PublicKeyKind::Ed25519,
            Self::Rsa(key) => PublicKeyKind::Rsa { bits: key.bits() },
        }
    }

    /// Checks a signature. `any_curve` takes the numbers as TLS 1.2 does, where those of ECDSA
    /// name a hash function alone.
    pub(crate) fn verify(
        &self,
        scheme: SignatureScheme,
        any_curve: bool,
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), SignatureError> {
        let ecdsa = matches!(
            scheme,
            SignatureScheme::EcdsaSecp256r1Sha256 | SignatureScheme::EcdsaSecp384r1Sha384
        );
        let goes_with = self.kind().schemes().contains(&scheme);
        let valid = match self {
            Self::EcdsaP256(key) if goes_with || (ecdsa && any_curve) => {
                key.verify(&prehash(scheme, message), signature)
            }
            Self::EcdsaP384(key) if goes_with || (ecdsa && any_curve) => {
                key.verify(&prehash(scheme, message), signature)
            }
            Self::Ed25519(key) if goes_with => key.verify(message, signature),
            Self::Rsa(key) if goes_with => key.verify(scheme, &prehash(scheme, message), signature),
            Self::EcdsaP256(_) | Self::EcdsaP384(_) | Self::Ed25519(_) | Self::Rsa(_) => {
                return Err(SignatureError::SchemeMismatch);
            }
        };
        if valid { Ok(()) } else { Err(SignatureError::Invalid) }
    }
}

/// The digest that `scheme` signs; empty where it signs the message itself.
fn prehash(scheme: SignatureScheme, message: &[u8]) -> Vec<u8> {
    match scheme.hash() {
        Some(HashAlgorithm::Sha256) => Sha256::digest(message).to_vec(),
        Some(HashAlgorithm::Sha384) => Sha384::digest(message).to_vec(),
        Some(HashAlgorithm::Sha512) => Sha512::digest(message).to_vec(),
        Some(_) | None => Vec::new(),
    }
}

/// Whether `scheme` is one of a key's; otherwise the error of [`SigningKey::sign`].
fn offered(key: &dyn SigningKey, scheme: SignatureScheme) -> Result<(), CryptoError> {
    if key.schemes().contains(&scheme) { Ok(()) } else { Err(CryptoError::Unsupported) }
}
