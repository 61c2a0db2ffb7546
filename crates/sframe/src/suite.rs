use antiphon_crypto::{AeadAlgorithm, HashAlgorithm};

/// Bytes of the longest tag.
pub const MAX_TAG: usize = 16;

/// A cipher suite, by its number in IANA's registry ([RFC 9605] sections 4.5 and 8.1).
///
/// [RFC 9605]: https://www.rfc-editor.org/rfc/rfc9605
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CipherSuite {
    /// AES-128 in counter mode and HMAC-SHA256 with a tag of 10 bytes, 0x0001.
    Aes128CtrHmacSha256_80,
    /// The same with a tag of 8 bytes, 0x0002.
    Aes128CtrHmacSha256_64,
    /// The same with a tag of 4 bytes, 0x0003. One forged frame in 2^32 is accepted: only for
    /// audio, and only over channels that are authenticated themselves (RFC 9605 section 7.5).
    Aes128CtrHmacSha256_32,
    /// AES-128-GCM and SHA-256, with a tag of 16 bytes, 0x0004.
    Aes128GcmSha256_128,
    /// AES-256-GCM and SHA-512, with a tag of 16 bytes, 0x0005.
    Aes256GcmSha512_128,
}

/// How a suite encrypts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    Aead(AeadAlgorithm),
    /// AES-128 in counter mode and HMAC-SHA256.
    CounterMode,
}

impl CipherSuite {
    /// The number on the wire.
    #[must_use]
    pub const fn to_wire(self) -> u16 {
        match self {
            Self::Aes128CtrHmacSha256_80 => 0x0001,
            Self::Aes128CtrHmacSha256_64 => 0x0002,
            Self::Aes128CtrHmacSha256_32 => 0x0003,
            Self::Aes128GcmSha256_128 => 0x0004,
            Self::Aes256GcmSha512_128 => 0x0005,
        }
    }

    /// The suite of that number, if there is one.
    #[must_use]
    pub const fn from_wire(number: u16) -> Option<Self> {
        match number {
            0x0001 => Some(Self::Aes128CtrHmacSha256_80),
            0x0002 => Some(Self::Aes128CtrHmacSha256_64),
            0x0003 => Some(Self::Aes128CtrHmacSha256_32),
            0x0004 => Some(Self::Aes128GcmSha256_128),
            0x0005 => Some(Self::Aes256GcmSha512_128),
            _ => None,
        }
    }

    /// Bytes of the tag behind a frame, `Nt`: at most [`MAX_TAG`].
    #[must_use]
    pub const fn tag_len(self) -> usize {
        match self {
            Self::Aes128CtrHmacSha256_80 => 10,
            Self::Aes128CtrHmacSha256_64 => 8,
            Self::Aes128CtrHmacSha256_32 => 4,
            Self::Aes128GcmSha256_128 | Self::Aes256GcmSha512_128 => 16,
        }
    }

    /// Bytes of the key that encrypts, `Nk`, as MLS exports a base key of: 16, 32 or 48.
    #[must_use]
    pub const fn key_len(self) -> usize {
        match self {
            Self::Aes128CtrHmacSha256_80
            | Self::Aes128CtrHmacSha256_64
            | Self::Aes128CtrHmacSha256_32 => 48,
            Self::Aes128GcmSha256_128 => 16,
            Self::Aes256GcmSha512_128 => 32,
        }
    }

    /// Bytes of the hash, `Nh`, and so of a ratcheted base key: 32 or 64.
    #[must_use]
    pub const fn hash_len(self) -> usize {
        self.hash().digest_len()
    }

    pub(crate) const fn hash(self) -> HashAlgorithm {
        match self {
            Self::Aes128CtrHmacSha256_80
            | Self::Aes128CtrHmacSha256_64
            | Self::Aes128CtrHmacSha256_32
            | Self::Aes128GcmSha256_128 => HashAlgorithm::Sha256,
            Self::Aes256GcmSha512_128 => HashAlgorithm::Sha512,
        }
    }

    pub(crate) const fn mode(self) -> Mode {
        match self {
            Self::Aes128CtrHmacSha256_80
            | Self::Aes128CtrHmacSha256_64
            | Self::Aes128CtrHmacSha256_32 => Mode::CounterMode,
            Self::Aes128GcmSha256_128 => Mode::Aead(AeadAlgorithm::Aes128Gcm),
            Self::Aes256GcmSha512_128 => Mode::Aead(AeadAlgorithm::Aes256Gcm),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_lead_back_to_their_suites() {
        let suites: Vec<_> = (0..=u16::MAX).filter_map(CipherSuite::from_wire).collect();
        assert_eq!(suites.len(), 5);
        for suite in suites {
            assert_eq!(CipherSuite::from_wire(suite.to_wire()), Some(suite));
            assert!(suite.tag_len() <= MAX_TAG);
        }
    }
}
