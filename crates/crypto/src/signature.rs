use std::fmt::{self, Debug};

use crate::{CryptoError, HashAlgorithm, Secret};

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
    /// RSASSA-PSS with SHA-384, 0x0805.
    RsaPssRsaeSha384,
    /// RSASSA-PSS with SHA-512, 0x0806.
    RsaPssRsaeSha512,
    /// RSASSA-PKCS1-v1_5 with SHA-256, 0x0401. TLS 1.3 has it in certificates only.
    RsaPkcs1Sha256,
    /// RSASSA-PKCS1-v1_5 with SHA-384, 0x0501. TLS 1.3 has it in certificates only.
    RsaPkcs1Sha384,
    /// RSASSA-PKCS1-v1_5 with SHA-512, 0x0601. TLS 1.3 has it in certificates only.
    RsaPkcs1Sha512,
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
            Self::RsaPssRsaeSha384 => 0x0805,
            Self::RsaPssRsaeSha512 => 0x0806,
            Self::RsaPkcs1Sha256 => 0x0401,
            Self::RsaPkcs1Sha384 => 0x0501,
            Self::RsaPkcs1Sha512 => 0x0601,
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
            0x0805 => Some(Self::RsaPssRsaeSha384),
            0x0806 => Some(Self::RsaPssRsaeSha512),
            0x0401 => Some(Self::RsaPkcs1Sha256),
            0x0501 => Some(Self::RsaPkcs1Sha384),
            0x0601 => Some(Self::RsaPkcs1Sha512),
            _ => None,
        }
    }

    /// The hash function applied to the message; `None` for Ed25519, which hashes by itself.
    #[must_use]
    pub const fn hash(self) -> Option<HashAlgorithm> {
        match self {
            Self::Ed25519 => None,
            Self::EcdsaSecp256r1Sha256 | Self::RsaPssRsaeSha256 | Self::RsaPkcs1Sha256 => {
                Some(HashAlgorithm::Sha256)
            }
            Self::EcdsaSecp384r1Sha384 | Self::RsaPssRsaeSha384 | Self::RsaPkcs1Sha384 => {
                Some(HashAlgorithm::Sha384)
            }
            Self::RsaPssRsaeSha512 | Self::RsaPkcs1Sha512 => Some(HashAlgorithm::Sha512),
        }
    }

    /// Whether TLS 1.3 allows it in a `CertificateVerify`: all but PKCS1-v1_5 (RFC 8446
    /// section 4.2.3).
    #[must_use]
    pub const fn signs_tls13(self) -> bool {
        !matches!(self, Self::RsaPkcs1Sha256 | Self::RsaPkcs1Sha384 | Self::RsaPkcs1Sha512)
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
        /// Bits of the modulus, from [`MIN_RSA_BITS`](Self::MIN_RSA_BITS) to
        /// [`MAX_RSA_BITS`](Self::MAX_RSA_BITS).
        bits: usize,
    },
}

impl PublicKeyKind {
    /// The shortest RSA modulus that is taken, in bits. Shorter ones can be factored.
    pub const MIN_RSA_BITS: usize = 2048;

    /// The longest RSA modulus that is taken, in bits. Longer ones only make us work.
    pub const MAX_RSA_BITS: usize = 8192;

    /// The schemes that go with a key of this kind in TLS 1.3, and in TLS 1.2 as far as it is
    /// used here; most preferred first.
    #[must_use]
    pub const fn schemes(self) -> &'static [SignatureScheme] {
        match self {
            Self::EcdsaP256 => &[SignatureScheme::EcdsaSecp256r1Sha256],
            Self::EcdsaP384 => &[SignatureScheme::EcdsaSecp384r1Sha384],
            Self::Ed25519 => &[SignatureScheme::Ed25519],
            Self::Rsa { .. } => &[
                SignatureScheme::RsaPssRsaeSha256,
                SignatureScheme::RsaPssRsaeSha384,
                SignatureScheme::RsaPssRsaeSha512,
                SignatureScheme::RsaPkcs1Sha256,
                SignatureScheme::RsaPkcs1Sha384,
                SignatureScheme::RsaPkcs1Sha512,
            ],
        }
    }
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

    /// The private key as PKCS#8 (RFC 5958), DER-encoded, to keep an identity beyond the process.
    /// [`import_certificate`](crate::CryptoProvider::import_certificate) of any provider reads it
    /// back. Whoever has these bytes is whoever the certificate names.
    ///
    /// # Errors
    ///
    /// [`CryptoError::Unsupported`] when the key cannot leave its place, as one in hardware; that
    /// is what this method does unless it is replaced.
    fn to_pkcs8(&self) -> Result<Secret, CryptoError> {
        Err(CryptoError::Unsupported)
    }
}

impl Debug for dyn SigningKey + '_ {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({:?})", self.schemes())
    }
}
