//! Keys that sign: ours, and those of peers that we check signatures with.

use std::sync::Arc;

use antiphon_crypto::{
    CertificateError, CryptoError, HashAlgorithm, PublicKeyKind, Secret, SignatureError,
    SignatureScheme, SigningKey,
};
use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    self, EcdsaKeyPair, EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair as _, RsaEncoding,
    RsaKeyPair, UnparsedPublicKey, VerificationAlgorithm,
};

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

/// A private key of ours; AWS-LC wipes it when it is dropped.
pub(crate) enum OwnKey {
    Ecdsa(PublicKeyKind, EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
    Rsa(RsaKeyPair),
}

impl OwnKey {
    /// Makes a key of `kind`.
    pub(crate) fn generate(kind: PublicKeyKind) -> Result<Arc<Self>, CertificateError> {
        let size = match kind {
            PublicKeyKind::EcdsaP256 | PublicKeyKind::EcdsaP384 => {
                let key = EcdsaKeyPair::generate(ecdsa_signing(kind)?);
                return Ok(Arc::new(Self::Ecdsa(kind, key.map_err(no_entropy)?)));
            }
            PublicKeyKind::Ed25519 => {
                let key = Ed25519KeyPair::generate();
                return Ok(Arc::new(Self::Ed25519(key.map_err(no_entropy)?)));
            }
            PublicKeyKind::Rsa { bits: 2048 } => KeySize::Rsa2048,
            PublicKeyKind::Rsa { bits: 3072 } => KeySize::Rsa3072,
            PublicKeyKind::Rsa { bits: 4096 } => KeySize::Rsa4096,
            PublicKeyKind::Rsa { .. } | _ => return Err(CertificateError::UnsupportedKey),
        };
        Ok(Arc::new(Self::Rsa(RsaKeyPair::generate(size).map_err(no_entropy)?)))
    }

    /// Reads a private key of `kind`.
    pub(crate) fn from_pkcs8(
        kind: PublicKeyKind,
        der: &[u8],
    ) -> Result<Arc<Self>, CertificateError> {
        let malformed = |_| CertificateError::MalformedKey { len: der.len() };
        Ok(Arc::new(match kind {
            PublicKeyKind::EcdsaP256 | PublicKeyKind::EcdsaP384 => {
                let key = EcdsaKeyPair::from_pkcs8(ecdsa_signing(kind)?, der);
                Self::Ecdsa(kind, key.map_err(malformed)?)
            }
            PublicKeyKind::Ed25519 => {
                let key = Ed25519KeyPair::from_pkcs8_maybe_unchecked(der);
                Self::Ed25519(key.map_err(malformed)?)
            }
            PublicKeyKind::Rsa { .. } => Self::Rsa(RsaKeyPair::from_pkcs8(der).map_err(malformed)?),
            _ => return Err(CertificateError::UnsupportedKey),
        }))
    }

    /// The public key as the certificate's bit string holds it.
    pub(crate) fn public_key(&self) -> &[u8] {
        match self {
            Self::Ecdsa(_, key) => key.public_key().as_ref(),
            Self::Ed25519(key) => key.public_key().as_ref(),
            Self::Rsa(key) => key.public_key().as_ref(),
        }
    }

    /// How the certificate is signed. For RSA, W3C webrtc-pc section 4.9.2 asks for PKCS1-v1_5.
    pub(crate) fn certificate_scheme(&self) -> SignatureScheme {
        match self {
            Self::Ecdsa(PublicKeyKind::EcdsaP384, _) => SignatureScheme::EcdsaSecp384r1Sha384,
            Self::Ecdsa(_, _) => SignatureScheme::EcdsaSecp256r1Sha256,
            Self::Ed25519(_) => SignatureScheme::Ed25519,
            Self::Rsa(_) => SignatureScheme::RsaPkcs1Sha256,
        }
    }
}

impl SigningKey for OwnKey {
    fn schemes(&self) -> &[SignatureScheme] {
        match self {
            Self::Ecdsa(kind, _) => kind.schemes(),
            Self::Ed25519(_) => PublicKeyKind::Ed25519.schemes(),
            Self::Rsa(_) => PublicKeyKind::Rsa { bits: 0 }.schemes(),
        }
    }

    fn sign(&self, scheme: SignatureScheme, message: &[u8]) -> Result<Vec<u8>, CryptoError> {
        if !self.schemes().contains(&scheme) {
            return Err(CryptoError::Unsupported);
        }
        let rng = SystemRandom::new();
        match self {
            Self::Ecdsa(_, key) => key.sign(&rng, message).map(|signed| signed.as_ref().to_vec()),
            Self::Ed25519(key) => key.try_sign(message).map(|signed| signed.as_ref().to_vec()),
            Self::Rsa(key) => {
                let (encoding, _) = rsa(scheme).ok_or(CryptoError::Unsupported)?;
                let mut signature = vec![0; key.public_modulus_len()];
                key.sign(encoding, &rng, message, &mut signature).map(|()| signature)
            }
        }
        .map_err(|_| CryptoError::Signing)
    }

    fn to_pkcs8(&self) -> Result<Secret, CryptoError> {
        match self {
            Self::Ecdsa(_, key) => key.to_pkcs8v1().map(|der| Secret::from(der.as_ref())),
            Self::Ed25519(key) => key.to_pkcs8v1().map(|der| Secret::from(der.as_ref())),
            Self::Rsa(key) => {
                let der: Result<Pkcs8V1Der<'_>, _> = key.as_der();
                der.map(|der| Secret::from(der.as_ref()))
            }
        }
        .map_err(|_| CryptoError::Unsupported)
    }
}

fn no_entropy<E>(_: E) -> CertificateError {
    CryptoError::NoEntropy.into()
}

fn ecdsa_signing(kind: PublicKeyKind) -> Result<&'static EcdsaSigningAlgorithm, CertificateError> {
    match kind {
        PublicKeyKind::EcdsaP256 => Ok(&signature::ECDSA_P256_SHA256_ASN1_SIGNING),
        PublicKeyKind::EcdsaP384 => Ok(&signature::ECDSA_P384_SHA384_ASN1_SIGNING),
        PublicKeyKind::Ed25519 | PublicKeyKind::Rsa { .. } | _ => {
            Err(CertificateError::UnsupportedKey)
        }
    }
}

/// How AWS-LC names an RSA scheme, for signing and for checking. PSS salts are as long as the
/// digest (RFC 8446 section 4.2.3).
fn rsa(
    scheme: SignatureScheme,
) -> Option<(&'static dyn RsaEncoding, &'static dyn VerificationAlgorithm)> {
    Some(match (scheme.signs_tls13(), scheme.hash()?) {
        (true, HashAlgorithm::Sha256) => {
            (&signature::RSA_PSS_SHA256, &signature::RSA_PSS_2048_8192_SHA256)
        }
        (true, HashAlgorithm::Sha384) => {
            (&signature::RSA_PSS_SHA384, &signature::RSA_PSS_2048_8192_SHA384)
        }
        (true, HashAlgorithm::Sha512) => {
            (&signature::RSA_PSS_SHA512, &signature::RSA_PSS_2048_8192_SHA512)
        }
        (false, HashAlgorithm::Sha256) => {
            (&signature::RSA_PKCS1_SHA256, &signature::RSA_PKCS1_2048_8192_SHA256)
        }
        (false, HashAlgorithm::Sha384) => {
            (&signature::RSA_PKCS1_SHA384, &signature::RSA_PKCS1_2048_8192_SHA384)
        }
        (false, HashAlgorithm::Sha512) => {
            (&signature::RSA_PKCS1_SHA512, &signature::RSA_PKCS1_2048_8192_SHA512)
        }
        (_, _) => return None,
    })
}

/// The key of a peer's certificate, of a kind we can check signatures with.
pub(crate) struct PeerKey {
    pub(crate) kind: PublicKeyKind,
    /// What the certificate's bit string holds.
    pub(crate) bytes: Vec<u8>,
}

impl PeerKey {
    /// Checks a signature. `any_curve` takes the numbers as TLS 1.2 does, where those of ECDSA
    /// name a hash function alone.
    pub(crate) fn verify(
        &self,
        scheme: SignatureScheme,
        any_curve: bool,
        message: &[u8],
        signed: &[u8],
    ) -> Result<(), SignatureError> {
        let goes_with = any_curve || self.kind.schemes().contains(&scheme);
        let algorithm = goes_with.then(|| self.algorithm(scheme)).flatten();
        let algorithm = algorithm.ok_or(SignatureError::SchemeMismatch)?;
        UnparsedPublicKey::new(algorithm, &self.bytes)
            .verify(message, signed)
            .map_err(|_| SignatureError::Invalid)
    }

    fn algorithm(&self, scheme: SignatureScheme) -> Option<&'static dyn VerificationAlgorithm> {
        Some(match (self.kind, scheme) {
            (PublicKeyKind::EcdsaP256, SignatureScheme::EcdsaSecp256r1Sha256) => {
                &signature::ECDSA_P256_SHA256_ASN1
            }
            (PublicKeyKind::EcdsaP256, SignatureScheme::EcdsaSecp384r1Sha384) => {
                &signature::ECDSA_P256_SHA384_ASN1
            }
            (PublicKeyKind::EcdsaP384, SignatureScheme::EcdsaSecp256r1Sha256) => {
                &signature::ECDSA_P384_SHA256_ASN1
            }
            (PublicKeyKind::EcdsaP384, SignatureScheme::EcdsaSecp384r1Sha384) => {
                &signature::ECDSA_P384_SHA384_ASN1
            }
            (PublicKeyKind::Ed25519, SignatureScheme::Ed25519) => &signature::ED25519,
            (PublicKeyKind::Rsa { .. }, scheme) if self.kind.schemes().contains(&scheme) => {
                rsa(scheme)?.1
            }
            (_, _) => return None,
        })
    }
}
