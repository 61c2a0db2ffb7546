use std::fmt::{self, Debug};

use crate::CryptoError;

/// A signature scheme, by its number in TLS (RFC 8446 section 4.2.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SignatureScheme {
    /// ECDSA over P-256 with SHA-256, 0x0403. Signatures are DER `ECDSA-Sig-Value`.
    EcdsaSecp256r1Sha256,
    /// ECDSA over P-384 with SHA-384, 0x0503.
    EcdsaSecp384r1Sha384,
    /// Ed25519 (RFC 8032), 0x0807.
    Ed25519,
    /// RSASSA-PSS with SHA-256 and an `rsaEncryption` key, 0x0804.
    RsaPssRsaeSha256,
    /// RSASSA-PKCS1-v1_5 with SHA-256, 0x0401.
    RsaPkcs1Sha256,
}

impl SignatureScheme {
    /// The number on the wire.
    #[must_use]
    pub const fn to_wire(self) -> u16 {
        match self {
            Self::EcdsaSecp256r1Sha256 => 0x0403,
            Self::EcdsaSecp384r1Sha384 => 0x0503,
            Self::Ed25519 => 0x0807,
            Self::RsaPssRsaeSha256 => 0x0804,
            Self::RsaPkcs1Sha256 => 0x0401,
        }
    }

    /// The scheme of that number, if it is one of ours.
    #[must_use]
    pub const fn from_wire(number: u16) -> Option<Self> {
        match number {
            0x0403 => Some(Self::EcdsaSecp256r1Sha256),
            0x0503 => Some(Self::EcdsaSecp384r1Sha384),
            0x0807 => Some(Self::Ed25519),
            0x0804 => Some(Self::RsaPssRsaeSha256),
            0x0401 => Some(Self::RsaPkcs1Sha256),
            _ => None,
        }
    }
}

/// What kind of key a certificate carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PublicKeyKind {
    /// An elliptic curve key on P-256.
    EcdsaP256,
    /// An elliptic curve key on P-384.
    EcdsaP384,
    /// An Ed25519 key.
    Ed25519,
    /// An RSA key, with the size of its modulus.
    Rsa {
        /// Bits of the modulus.
        bits: usize,
    },
}

/// A private key that signs handshakes.
pub trait SigningKey: Send + Sync {
    /// The schemes it can sign with, most preferred first.
    fn schemes(&self) -> &[SignatureScheme];

    /// Signs `message`, and returns the signature as it goes on the wire.
    ///
    /// # Errors
    ///
    /// [`CryptoError::Unsupported`] when `scheme` is none of [`schemes`](Self::schemes).
    fn sign(&self, scheme: SignatureScheme, message: &[u8]) -> Result<Vec<u8>, CryptoError>;
}

impl Debug for dyn SigningKey + '_ {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({:?})", self.schemes())
    }
}
