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
}

impl NamedGroup {
    /// The number on the wire.
    #[must_use]
    pub const fn to_wire(self) -> u16 {
        match self {
            Self::Secp256r1 => 0x0017,
            Self::Secp384r1 => 0x0018,
            Self::X25519 => 0x001d,
        }
    }

    /// The group of that number, if it is one of ours.
    #[must_use]
    pub const fn from_wire(number: u16) -> Option<Self> {
        match number {
            0x0017 => Some(Self::Secp256r1),
            0x0018 => Some(Self::Secp384r1),
            0x001d => Some(Self::X25519),
            _ => None,
        }
    }
}

/// An ephemeral key pair that agrees on one secret.
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
