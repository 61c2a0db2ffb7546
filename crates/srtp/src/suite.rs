//! The keyed algorithms of one direction, for RTP or for RTCP.

use std::fmt::{self, Debug};

use antiphon_crypto::{Aead, CryptoProvider, HashAlgorithm, Hmac, StreamCipher};
use zeroize::Zeroizing;

use crate::derivation::{Derivation, Label};
use crate::profile::Algorithms;
use crate::{Profile, SetupError};

/// Bytes of the key of HMAC-SHA1 ([RFC 3711] section 5.2).
///
/// [RFC 3711]: https://www.rfc-editor.org/rfc/rfc3711
const HMAC_KEY_LEN: usize = 20;

/// Algorithms and session keys.
pub(crate) enum Suite {
    Gcm(Gcm),
    CounterMode(CounterMode),
}

/// AES-GCM ([RFC 7714]).
///
/// [RFC 7714]: https://www.rfc-editor.org/rfc/rfc7714
pub(crate) struct Gcm {
    pub(crate) aead: Box<dyn Aead>,
    /// 96 bits.
    pub(crate) salt: u128,
}

/// AES in counter mode, or nothing, and HMAC-SHA1 ([RFC 3711] section 4).
///
/// [RFC 3711]: https://www.rfc-editor.org/rfc/rfc3711
pub(crate) struct CounterMode {
    /// `None` where nothing is encrypted.
    pub(crate) cipher: Option<Box<dyn StreamCipher>>,
    pub(crate) hmac: Box<dyn Hmac>,
    /// 112 bits, and 16 zero bits for the counter.
    pub(crate) salt: u128,
}

impl Suite {
    pub(crate) fn rtp(
        provider: &dyn CryptoProvider,
        profile: Profile,
        master: &Derivation,
    ) -> Result<Self, SetupError> {
        let labels = [Label::RtpEncryption, Label::RtpAuthentication, Label::RtpSalt];
        Self::new(provider, profile, master, labels)
    }

    pub(crate) fn rtcp(
        provider: &dyn CryptoProvider,
        profile: Profile,
        master: &Derivation,
    ) -> Result<Self, SetupError> {
        let labels = [Label::RtcpEncryption, Label::RtcpAuthentication, Label::RtcpSalt];
        Self::new(provider, profile, master, labels)
    }

    fn new(
        provider: &dyn CryptoProvider,
        profile: Profile,
        master: &Derivation,
        [encryption, authentication, salt]: [Label; 3],
    ) -> Result<Self, SetupError> {
        let mut key = Zeroizing::new(vec![0; profile.key_len()]);
        master.derive(encryption, &mut key);
        let salt = master.derive_salt(salt, profile.salt_len())?;
        Ok(match profile.algorithms() {
            Algorithms::Aead(algorithm) => {
                Self::Gcm(Gcm { aead: provider.aead(algorithm, &key)?, salt: salt >> 32 })
            }
            Algorithms::Hmac(algorithm) => {
                let mut hmac_key = Zeroizing::new([0; HMAC_KEY_LEN]);
                master.derive(authentication, &mut *hmac_key);
                let cipher = match algorithm {
                    Some(algorithm) => Some(provider.stream_cipher(algorithm, &key)?),
                    None => None,
                };
                let hmac = provider.hmac(HashAlgorithm::Sha1, &*hmac_key)?;
                Self::CounterMode(CounterMode { cipher, hmac, salt })
            }
        })
    }
}

impl Gcm {
    /// The nonce of packet `index`, of RTP and of RTCP alike: two zero bytes, the SSRC, 48 bits
    /// of index, all XORed with the salt (RFC 7714 sections 8.1 and 9.1).
    #[inline]
    pub(crate) fn nonce(&self, ssrc: u32, index: u64) -> [u8; 12] {
        let block = self.salt ^ (u128::from(ssrc) << 48) ^ u128::from(index);
        let [_, _, _, _, nonce @ ..] = block.to_be_bytes();
        nonce
    }
}

impl CounterMode {
    /// Encrypts or decrypts `text` of packet `index` in place, of RTP and of RTCP alike (RFC 3711
    /// section 4.1.1).
    #[inline]
    pub(crate) fn apply(&self, ssrc: u32, index: u64, text: &mut [u8]) {
        if let Some(cipher) = &self.cipher {
            let counter = self.salt ^ (u128::from(ssrc) << 64) ^ (u128::from(index) << 16);
            cipher.apply(&counter.to_be_bytes(), text);
        }
    }

    /// Whether something is encrypted at all.
    pub(crate) fn encrypts(&self) -> bool {
        self.cipher.is_some()
    }
}

impl Debug for Suite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Gcm(_) => "Gcm",
            Self::CounterMode(_) => "CounterMode",
        })
    }
}
