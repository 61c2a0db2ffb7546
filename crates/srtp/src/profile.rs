use antiphon_crypto::{AeadAlgorithm, StreamAlgorithm};

/// Bytes of the word that carries the index of an SRTCP packet.
pub(crate) const SRTCP_WORD_LEN: usize = 4;

/// Bytes of an added extension block ([RFC 9335] section 5.1), and of a roll-over counter in a tag
/// ([RFC 4771]).
///
/// [RFC 4771]: https://www.rfc-editor.org/rfc/rfc4771
/// [RFC 9335]: https://www.rfc-editor.org/rfc/rfc9335
pub(crate) const WORD_LEN: usize = 4;

/// Bytes that suffice behind a packet for every profile and option: the tag, and SRTCP's index or
/// a roll-over counter, and the extension block that cryptex adds to a packet with CSRCs.
pub const MAX_TRAILER: usize = 24;

/// A protection profile: the algorithms, and the lengths of keys, salts and tags ([RFC 5764]
/// section 4.1.2, [RFC 6188] section 3.1, [RFC 7714] section 14.2).
///
/// [RFC 5764]: https://www.rfc-editor.org/rfc/rfc5764
/// [RFC 6188]: https://www.rfc-editor.org/rfc/rfc6188
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
    /// AES-256 in counter mode and HMAC-SHA1 with a tag of 10 bytes. It has no number in
    /// DTLS-SRTP: keys come from elsewhere, such as SDP security descriptions.
    AesCm256HmacSha1_80,
    /// The same with a tag of 4 bytes for RTP and 10 for RTCP.
    AesCm256HmacSha1_32,
    /// HMAC-SHA1 with a tag of 10 bytes and **no encryption**: for tests and for networks that
    /// encrypt themselves. Key and salt have the lengths of AES-128, which derives the HMAC's key.
    NullHmacSha1_80,
    /// The same with a tag of 4 bytes for RTP and 10 for RTCP.
    NullHmacSha1_32,
}

/// The algorithms of a profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Algorithms {
    Aead(AeadAlgorithm),
    /// A cipher, or none, and HMAC-SHA1.
    Hmac(Option<StreamAlgorithm>),
}

impl Profile {
    /// The number in DTLS-SRTP, if the profile has one.
    #[must_use]
    pub const fn to_wire(self) -> Option<u16> {
        match self {
            Self::AesCm128HmacSha1_80 => Some(0x0001),
            Self::AesCm128HmacSha1_32 => Some(0x0002),
            Self::NullHmacSha1_80 => Some(0x0005),
            Self::NullHmacSha1_32 => Some(0x0006),
            Self::AeadAes128Gcm => Some(0x0007),
            Self::AeadAes256Gcm => Some(0x0008),
            Self::AesCm256HmacSha1_80 | Self::AesCm256HmacSha1_32 => None,
        }
    }

    /// The profile of that number, if it is one of ours that encrypts: what a peer proposes never
    /// leads to a NULL profile.
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
        self.derivation().key_len()
    }

    /// Bytes of the master salt: 12 for GCM, otherwise 14.
    #[must_use]
    pub const fn salt_len(self) -> usize {
        match self.algorithms() {
            Algorithms::Aead(_) => 12,
            Algorithms::Hmac(_) => 14,
        }
    }

    /// Bytes by which protecting makes an RTP packet longer: the tag. Options add to that, and
    /// [`MAX_TRAILER`] has room for all of it.
    #[must_use]
    pub const fn rtp_overhead(self) -> usize {
        match self {
            Self::AeadAes128Gcm | Self::AeadAes256Gcm => 16,
            Self::AesCm128HmacSha1_80 | Self::AesCm256HmacSha1_80 | Self::NullHmacSha1_80 => 10,
            Self::AesCm128HmacSha1_32 | Self::AesCm256HmacSha1_32 | Self::NullHmacSha1_32 => 4,
        }
    }

    /// Bytes by which protecting makes an RTCP packet longer: the tag and the index.
    #[must_use]
    pub const fn rtcp_overhead(self) -> usize {
        self.rtcp_tag_len().saturating_add(SRTCP_WORD_LEN)
    }

    /// Bytes of an SRTCP packet's tag.
    pub(crate) const fn rtcp_tag_len(self) -> usize {
        match self.algorithms() {
            Algorithms::Aead(_) => 16,
            //= rfc5764#4.1.2
            // The short tag is for RTP alone; RTCP keeps ten bytes.
            Algorithms::Hmac(_) => 10,
        }
    }

    /// Whether anything is encrypted at all.
    pub(crate) const fn encrypts(self) -> bool {
        !matches!(self.algorithms(), Algorithms::Hmac(None))
    }

    /// How many RTP packets one key may protect, over all SSRCs.
    pub(crate) const fn rtp_lifetime(self) -> u64 {
        match self {
            //= rfc6188#3.1
            // The suites with longer keys have the limits of RFC 3711.
            Self::AeadAes128Gcm
            | Self::AeadAes256Gcm
            | Self::AesCm256HmacSha1_80
            | Self::AesCm256HmacSha1_32 => 1 << 48,
            Self::AesCm128HmacSha1_80
            | Self::AesCm128HmacSha1_32
            | Self::NullHmacSha1_80
            | Self::NullHmacSha1_32 => 1 << 31,
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
            Self::AesCm128HmacSha1_80 | Self::AesCm128HmacSha1_32 => {
                Algorithms::Hmac(Some(StreamAlgorithm::Aes128Ctr))
            }
            Self::AesCm256HmacSha1_80 | Self::AesCm256HmacSha1_32 => {
                Algorithms::Hmac(Some(StreamAlgorithm::Aes256Ctr))
            }
            Self::NullHmacSha1_80 | Self::NullHmacSha1_32 => Algorithms::Hmac(None),
        }
    }

    /// The cipher that derives session keys from the master key.
    pub(crate) const fn derivation(self) -> StreamAlgorithm {
        match self.algorithms() {
            //= rfc7714#11
            // 256-bit keys come from the 256-bit derivation of RFC 6188.
            Algorithms::Aead(AeadAlgorithm::Aes256Gcm) => StreamAlgorithm::Aes256Ctr,
            //= rfc6188#3.1
            // The derivation uses the cipher that the packets use.
            Algorithms::Hmac(Some(cipher)) => cipher,
            Algorithms::Aead(_) | Algorithms::Hmac(None) => StreamAlgorithm::Aes128Ctr,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Profile; 8] = [
        Profile::AeadAes128Gcm,
        Profile::AeadAes256Gcm,
        Profile::AesCm128HmacSha1_80,
        Profile::AesCm128HmacSha1_32,
        Profile::AesCm256HmacSha1_80,
        Profile::AesCm256HmacSha1_32,
        Profile::NullHmacSha1_80,
        Profile::NullHmacSha1_32,
    ];

    #[test]
    fn numbers_lead_back_to_their_profiles() {
        for profile in ALL.into_iter().filter(|profile| profile.encrypts()) {
            if let Some(number) = profile.to_wire() {
                assert_eq!(Profile::from_wire(number), Some(profile));
            }
        }
    }

    // attack: a peer that proposes a profile without encryption
    #[test]
    fn no_number_leads_to_a_profile_that_encrypts_nothing() {
        for number in 0..=u16::MAX {
            assert!(Profile::from_wire(number).is_none_or(Profile::encrypts), "{number}");
        }
    }

    #[test]
    fn the_trailer_of_every_profile_fits() {
        for profile in ALL {
            let rtp = profile.rtp_overhead() + 2 * WORD_LEN;
            assert!(rtp.max(profile.rtcp_overhead()) <= MAX_TRAILER);
        }
    }
}
