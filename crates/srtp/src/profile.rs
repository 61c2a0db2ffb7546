use antiphon_crypto::{AeadAlgorithm, StreamAlgorithm};

/// Bytes of the word that carries the index of an SRTCP packet.
pub(crate) const SRTCP_WORD_LEN: usize = 4;

/// Bytes that suffice behind a packet for every profile: the tag, and SRTCP's index.
pub const MAX_TRAILER: usize = 20;

/// A protection profile, by its number in DTLS-SRTP ([RFC 5764] section 4.1.2, [RFC 7714] section
/// 14.2).
///
/// [RFC 5764]: https://www.rfc-editor.org/rfc/rfc5764
/// [RFC 7714]: https://www.rfc-editor.org/rfc/rfc7714
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Profile {
    /// AES-128-GCM with a tag of 16 bytes, 0x0007. Fast on processors with AES instructions.
    AeadAes128Gcm,
    /// AES-256-GCM with a tag of 16 bytes, 0x0008.
    AeadAes256Gcm,
    /// AES-128 in counter mode and HMAC-SHA1 with a tag of 10 bytes, 0x0001. Everybody has it.
    AesCm128HmacSha1_80,
    /// The same with a tag of 4 bytes for RTP and 10 for RTCP, 0x0002.
    ///
    /// One forged packet in 2^32 is accepted: only for audio, and only when asked for.
    AesCm128HmacSha1_32,
}

/// The algorithms of a profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Algorithms {
    Aead(AeadAlgorithm),
    CounterMode,
}

impl Profile {
    /// The number on the wire.
    #[must_use]
    pub const fn to_wire(self) -> u16 {
        match self {
            Self::AesCm128HmacSha1_80 => 0x0001,
            Self::AesCm128HmacSha1_32 => 0x0002,
            Self::AeadAes128Gcm => 0x0007,
            Self::AeadAes256Gcm => 0x0008,
        }
    }

    /// The profile of that number, if it is one of ours.
    #[must_use]
    pub const fn from_wire(number: u16) -> Option<Self> {
        match number {
            0x0001 => Some(Self::AesCm128HmacSha1_80),
            0x0002 => Some(Self::AesCm128HmacSha1_32),
            0x0007 => Some(Self::AeadAes128Gcm),
            0x0008 => Some(Self::AeadAes256Gcm),
            _ => None,
        }
    }

    /// Bytes of the master key: 16 or 32.
    #[must_use]
    pub const fn key_len(self) -> usize {
        match self {
            Self::AeadAes128Gcm | Self::AesCm128HmacSha1_80 | Self::AesCm128HmacSha1_32 => 16,
            Self::AeadAes256Gcm => 32,
        }
    }

    /// Bytes of the master salt: 12 for GCM, otherwise 14.
    #[must_use]
    pub const fn salt_len(self) -> usize {
        match self {
            Self::AeadAes128Gcm | Self::AeadAes256Gcm => 12,
            Self::AesCm128HmacSha1_80 | Self::AesCm128HmacSha1_32 => 14,
        }
    }

    /// Bytes by which protecting makes an RTP packet longer: the tag.
    #[must_use]
    pub const fn rtp_overhead(self) -> usize {
        match self {
            Self::AeadAes128Gcm | Self::AeadAes256Gcm => 16,
            Self::AesCm128HmacSha1_80 => 10,
            Self::AesCm128HmacSha1_32 => 4,
        }
    }

    /// Bytes by which protecting makes an RTCP packet longer: the tag and the index.
    #[must_use]
    pub const fn rtcp_overhead(self) -> usize {
        self.rtcp_tag_len().saturating_add(SRTCP_WORD_LEN)
    }

    /// Bytes of an SRTCP packet's tag.
    pub(crate) const fn rtcp_tag_len(self) -> usize {
        match self {
            Self::AeadAes128Gcm | Self::AeadAes256Gcm => 16,
            //= rfc5764#4.1.2
            // The short tag is for RTP alone; RTCP keeps ten bytes.
            Self::AesCm128HmacSha1_80 | Self::AesCm128HmacSha1_32 => 10,
        }
    }

    /// How many RTP packets one key may protect, over all SSRCs.
    pub(crate) const fn rtp_lifetime(self) -> u64 {
        match self {
            Self::AeadAes128Gcm | Self::AeadAes256Gcm => 1 << 48,
            Self::AesCm128HmacSha1_80 | Self::AesCm128HmacSha1_32 => 1 << 31,
        }
    }

    /// How many RTCP packets one key may protect, over all SSRCs.
    pub(crate) const fn rtcp_lifetime(self) -> u64 {
        1 << 31
    }

    pub(crate) const fn algorithms(self) -> Algorithms {
        match self {
            Self::AeadAes128Gcm => Algorithms::Aead(AeadAlgorithm::Aes128Gcm),
            Self::AeadAes256Gcm => Algorithms::Aead(AeadAlgorithm::Aes256Gcm),
            Self::AesCm128HmacSha1_80 | Self::AesCm128HmacSha1_32 => Algorithms::CounterMode,
        }
    }

    /// The cipher that derives session keys from the master key.
    pub(crate) const fn derivation(self) -> StreamAlgorithm {
        match self {
            Self::AeadAes128Gcm | Self::AesCm128HmacSha1_80 | Self::AesCm128HmacSha1_32 => {
                StreamAlgorithm::Aes128Ctr
            }
            //= rfc7714#11
            // 256-bit keys come from the 256-bit derivation of RFC 6188.
            Self::AeadAes256Gcm => StreamAlgorithm::Aes256Ctr,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Profile; 4] = [
        Profile::AeadAes128Gcm,
        Profile::AeadAes256Gcm,
        Profile::AesCm128HmacSha1_80,
        Profile::AesCm128HmacSha1_32,
    ];

    #[test]
    fn numbers_lead_back_to_their_profiles() {
        for profile in ALL {
            assert_eq!(Profile::from_wire(profile.to_wire()), Some(profile));
        }
        // 0x0005 and 0x0006 encrypt nothing.
        for number in [0, 3, 4, 5, 6, 9, 0xffff] {
            assert_eq!(Profile::from_wire(number), None);
        }
    }

    #[test]
    fn the_trailer_of_every_profile_fits() {
        for profile in ALL {
            assert!(profile.rtp_overhead().max(profile.rtcp_overhead()) <= MAX_TRAILER);
        }
    }
}
