//! One RTCP packet, once its index is known.
//!
//! ```text
//! GCM            | 8 bytes, clear | encrypted | tag, 16 bytes | E, index |
//! counter mode   | 8 bytes, clear | encrypted | E, index | tag, 10 bytes |
//! ```

use crate::UnprotectError;
use crate::header::RTCP_LEN;
use crate::profile::SRTCP_WORD_LEN;
use crate::rtp::{Failed, put, verify};
use crate::suite::{Gcm, Suite};

/// The bit beside the index that says that a packet is encrypted.
const ENCRYPTED: u32 = 1 << 31;

/// Bytes of the additional data of GCM: the clear header and the word with the index.
const AAD_LEN: usize = RTCP_LEN + SRTCP_WORD_LEN;

/// A protected packet taken apart.
pub(crate) struct Parts<'a> {
    body: &'a mut [u8],
    tag: &'a [u8],
    word: u32,
}

impl<'a> Parts<'a> {
    /// Splits `packet` into what `suite` put together.
    pub(crate) fn split(
        suite: &Suite,
        packet: &'a mut [u8],
        tag_len: usize,
    ) -> Result<Self, UnprotectError> {
        let trailer = tag_len.saturating_add(SRTCP_WORD_LEN);
        let (need, len) = (RTCP_LEN.saturating_add(trailer), packet.len());
        let truncated = UnprotectError::Truncated { need, len };
        if len < need {
            return Err(truncated);
        }
        let (body, trailer) =
            packet.split_at_mut_checked(len.saturating_sub(trailer)).ok_or(truncated)?;
        let (word, tag) = match suite {
            Suite::Gcm(_) => trailer.split_last_chunk().map(|(tag, word)| (word, tag)),
            Suite::CounterMode(_) => trailer.split_first_chunk(),
        }
        .ok_or(truncated)?;
        let word = u32::from_be_bytes(*word);
        //= rfc3711#3.4
        // Encryption was negotiated for all packets, so one that claims to be clear is forged.
        if word & ENCRYPTED == 0 && encrypts(suite) {
            return Err(UnprotectError::NotEncrypted);
        }
        Ok(Self { body, tag, word })
    }

    /// The 31 bits of index.
    pub(crate) fn index(&self) -> u32 {
        self.word & !ENCRYPTED
    }

    /// Checks the tag, then decrypts in place. Returns the length of the RTCP packet.
    pub(crate) fn open(self, suite: &Suite, ssrc: u32) -> Result<usize, Failed> {
        let (len, index) = (self.body.len(), u64::from(self.index()));
        match suite {
            Suite::Gcm(gcm) => {
                let (clear, text) = self.body.split_first_chunk_mut::<RTCP_LEN>().ok_or(Failed)?;
                let tag = self.tag.try_into().map_err(|_| Failed)?;
                let aad = additional_data(clear, self.word);
                gcm.aead.open(&gcm.nonce(ssrc, index), &aad, text, tag).map_err(|_| Failed)?;
            }
            Suite::CounterMode(suite) => {
                verify(suite, self.body, self.word.to_be_bytes(), self.tag)?;
                let text = self.body.get_mut(RTCP_LEN..).ok_or(Failed)?;
                suite.apply(ssrc, index, text);
            }
        }
        Ok(len)
    }
}

/// Encrypts `packet` in place and writes tag and index into `trailer`, which follows it.
pub(crate) fn seal(
    suite: &Suite,
    ssrc: u32,
    index: u32,
    packet: &mut [u8],
    trailer: &mut [u8],
) -> Result<(), Failed> {
    //= rfc3711#3.4
    // The bit says whether the packet is encrypted, which only the NULL cipher leaves undone.
    let word = if encrypts(suite) { index | ENCRYPTED } else { index };
    match suite {
        Suite::Gcm(gcm) => {
            let (tag, end) = trailer.split_last_chunk_mut::<SRTCP_WORD_LEN>().ok_or(Failed)?;
            *end = word.to_be_bytes();
            put(tag, &seal_gcm(gcm, ssrc, word, packet)?)
        }
        Suite::CounterMode(suite) => {
            let (end, tag) = trailer.split_first_chunk_mut::<SRTCP_WORD_LEN>().ok_or(Failed)?;
            *end = word.to_be_bytes();
            let text = packet.get_mut(RTCP_LEN..).ok_or(Failed)?;
            suite.apply(ssrc, index.into(), text);
            put(tag, suite.hmac.sign(&[packet, end]).as_bytes())
        }
    }
}

fn encrypts(suite: &Suite) -> bool {
    match suite {
        Suite::Gcm(_) => true,
        Suite::CounterMode(suite) => suite.encrypts(),
    }
}

fn seal_gcm(gcm: &Gcm, ssrc: u32, word: u32, packet: &mut [u8]) -> Result<[u8; 16], Failed> {
    let (clear, text) = packet.split_first_chunk_mut::<RTCP_LEN>().ok_or(Failed)?;
    let nonce = gcm.nonce(ssrc, u64::from(word & !ENCRYPTED));
    gcm.aead.seal(&nonce, &additional_data(clear, word), text).map_err(|_| Failed)
}

//= rfc7714#9.2
// Authenticated but not encrypted: the first header, the SSRC, and the word with the index.
fn additional_data(clear: &[u8; RTCP_LEN], word: u32) -> [u8; AAD_LEN] {
    let [a, b, c, d, e, f, g, h] = *clear;
    let [i, j, k, l] = word.to_be_bytes();
    [a, b, c, d, e, f, g, h, i, j, k, l]
}

#[cfg(test)]
mod tests {
    use antiphon_crypto::{AeadAlgorithm, CryptoProvider as _};
    use antiphon_crypto_rust::RustCrypto;

    use super::*;
    use crate::hex::hex;

    // RFC 7714 sections 17.1 and 17.2, which differ in a timestamp.
    #[test]
    fn gcm_gives_the_packets_of_rfc_7714() {
        let cases = [
            (
                AeadAlgorithm::Aes128Gcm,
                "81c8000d4d617273 4e5450314e545032525450200000042a0000e9304c756e61
                 deadbeefdeadbeefdeadbeefdeadbeefdeadbeef",
                "81c8000d4d617273 63e94885dcdab67ca727d7662f6b7e997ff5c0f76c06f32d
                 c676a5f1730d6fda4ce09b4686303ded0bb9275b
                 c84aa45896cf4d2fc5abf87245d9eade 800005d4",
            ),
            (
                AeadAlgorithm::Aes256Gcm,
                "81c8000d4d617273 4e5450314e545032525450200000042a0000e9304c756e61
                 deadbeefdeadbeefdeadbeefdeadbeefdeadbeef",
                "81c8000d4d617273 d50ae4d1f5ce5d304ba297e47d470c282c3ece5dbffe0a50
                 a2eaa5c1110555be8415f658c61de0476f1b6fad
                 1d1eb30c4446839f57ff6f6cb26ac3be 800005d4",
            ),
        ];
        for (algorithm, plain, sealed) in cases {
            let key: Vec<u8> = (0..32).take(algorithm.key_len()).collect();
            let suite = Suite::Gcm(Gcm {
                aead: RustCrypto::new().aead(algorithm, &key).unwrap(),
                salt: 0x5175_6964_2070_726f_2071_756f,
            });
            let (mut packet, mut trailer) = (hex(plain), [0; 20]);
            seal(&suite, 0x4d61_7273, 0x05d4, &mut packet, &mut trailer).unwrap();
            packet.extend(trailer);
            assert_eq!(packet, hex(sealed));
            let parts = Parts::split(&suite, &mut packet, 16).unwrap();
            assert_eq!(parts.index(), 0x05d4);
            let len = parts.open(&suite, 0x4d61_7273).unwrap();
            assert_eq!(packet[..len], hex(plain));
        }
    }
}
