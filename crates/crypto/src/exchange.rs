use std::fmt::{self, Debug};

use crate::{CryptoError, Secret};

/// A group for key agreement, by its number in TLS (IANA "TLS Supported Groups").
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum NamedGroup {
    /// NIST P-256, 0x0017. Shares are uncompressed points of 65 bytes.
    Secp256r1,
    /// NIST P-384, 0x0018. Shares are uncompressed points of 97 bytes.
    Secp384r1,
    /// X25519 (RFC 7748), 0x001d. Shares have 32 bytes.
    X25519,
    /// ML-KEM-768 and X25519 together, 0x11ec ([draft-ietf-tls-ecdhe-mlkem]): secret as long as
    /// either of the two holds. The client's share has 1216 bytes (encapsulation key, X25519
    /// share), the server's 1120 (ciphertext, X25519 share), the secret 64 (ML-KEM's first).
    ///
    /// [draft-ietf-tls-ecdhe-mlkem]: https://datatracker.ietf.org/doc/draft-ietf-tls-ecdhe-mlkem/
    X25519MlKem768,
}

impl NamedGroup {
    /// The number on the wire.
    #[must_use]
    pub const fn to_wire(self) -> u16 {
        match self {
            Self::Secp256r1 => 0x0017,
            Self::Secp384r1 => 0x0018,
            Self::X25519 => 0x001d,
            Self::X25519MlKem768 => 0x11ec,
        }
    }

    /// The group of that number, if it is one of ours.
    #[must_use]
    pub const fn from_wire(number: u16) -> Option<Self> {
        match number {
            0x0017 => Some(Self::Secp256r1),
            0x0018 => Some(Self::Secp384r1),
            0x001d => Some(Self::X25519),
            0x11ec => Some(Self::X25519MlKem768),
            _ => None,
        }
    }

    /// Whether the answer depends on the share it answers, so that only
    /// [`encapsulate`](crate::CryptoProvider::encapsulate) makes it. TLS 1.2, whose server speaks
    /// first, cannot use such a group.
    #[must_use]
    pub const fn is_kem(self) -> bool {
        match self {
            Self::Secp256r1 | Self::Secp384r1 | Self::X25519 => false,
            Self::X25519MlKem768 => true,
        }
    }

    /// Bytes of the share of the side that speaks first, TLS's client.
    #[must_use]
    pub const fn client_share_len(self) -> usize {
        match self {
            Self::Secp256r1 => 65,
            Self::Secp384r1 => 97,
            Self::X25519 => 32,
            Self::X25519MlKem768 => 1184 + 32,
        }
    }

    /// Bytes of the share of the side that answers, TLS's server.
    #[must_use]
    pub const fn server_share_len(self) -> usize {
        match self {
            Self::Secp256r1 => 65,
            Self::Secp384r1 => 97,
            Self::X25519 => 32,
            Self::X25519MlKem768 => 1088 + 32,
        }
    }
}

/// An ephemeral key pair that agrees on one secret: the side that speaks first.
///
/// The side that answers calls [`encapsulate`](crate::CryptoProvider::encapsulate). In the groups
/// on curves both sides may also make a key pair each and agree with the other's share.
pub trait KeyExchange: Send + Sync {
    /// The group it belongs to.
    fn group(&self) -> NamedGroup;

    /// Our share, as it goes on the wire.
    fn public_share(&self) -> &[u8];

    /// Agrees with the peer's share and uses the private key up.
    ///
    /// # Errors
    ///
    /// [`CryptoError::InvalidShare`] when the share has the wrong length, is no point of the
    /// group, or leads to the all-zero secret.
    fn agree(self: Box<Self>, peer_share: &[u8]) -> Result<Secret, CryptoError>;
}

impl Debug for dyn KeyExchange + '_ {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyExchange({:?})", self.group())
    }
}
