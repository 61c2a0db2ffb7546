use antiphon_crypto::{
    Aead, AeadAlgorithm, AeadError, CryptoError, HeaderProtection, MASK_LEN, NONCE_LEN,
    StreamAlgorithm, StreamCipher, TAG_LEN,
};
use aws_lc_rs::aead::quic::{self, HeaderProtectionKey};
use aws_lc_rs::aead::{
    AES_128_GCM, AES_256_GCM, Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey,
};
use aws_lc_rs::cipher::{AES_128, AES_256, EncryptingKey, EncryptionContext, UnboundCipherKey};

/// "Less safe" because the caller chooses the nonces: the protocol crates count them.
struct Keyed(LessSafeKey);

impl Aead for Keyed {
    fn seal(
        &self,
        nonce: &[u8; NONCE_LEN],
        aad: &[u8],
        text: &mut [u8],
    ) -> Result<[u8; TAG_LEN], AeadError> {
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let tag = self.0.seal_in_place_separate_tag(nonce, Aad::from(aad), text);
        tag.ok().and_then(|tag| tag.as_ref().try_into().ok()).ok_or(AeadError)
    }

    fn open(
        &self,
        nonce: &[u8; NONCE_LEN],
        aad: &[u8],
        text: &mut [u8],
        tag: &[u8; TAG_LEN],
    ) -> Result<(), AeadError> {
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let opened = self.0.open_in_place_separate_tag(nonce, Aad::from(aad), tag, text);
        opened.map(|_| ()).map_err(|_| AeadError)
    }
}

/// AES in counter mode. The key schedule is kept; each call only sets the counter.
struct Counter(EncryptingKey);

impl StreamCipher for Counter {
    fn apply(&self, iv: &[u8; 16], data: &mut [u8]) {
        let context = EncryptionContext::Iv128(iv.into());
        // It refuses contexts of other modes only. Were it to fail nevertheless, nothing may leave
        // in the clear.
        if self.0.less_safe_encrypt(data, context).is_err() {
            data.fill(0);
        }
    }
}

struct Mask(HeaderProtectionKey);

impl HeaderProtection for Mask {
    fn mask(&self, sample: &[u8; 16]) -> [u8; MASK_LEN] {
        // It refuses samples of other lengths only.
        self.0.new_mask(sample).unwrap_or_default()
    }
}

pub(crate) fn aead(algorithm: AeadAlgorithm, key: &[u8]) -> Result<Box<dyn Aead>, CryptoError> {
    let wrong = wrong_length(algorithm.key_len(), key);
    let algorithm = match algorithm {
        AeadAlgorithm::Aes128Gcm => &AES_128_GCM,
        AeadAlgorithm::Aes256Gcm => &AES_256_GCM,
        AeadAlgorithm::ChaCha20Poly1305 => &CHACHA20_POLY1305,
        _ => return Err(CryptoError::Unsupported),
    };
    let key = UnboundKey::new(algorithm, key).map_err(|_| wrong)?;
    Ok(Box::new(Keyed(LessSafeKey::new(key))))
}

pub(crate) fn stream_cipher(
    algorithm: StreamAlgorithm,
    key: &[u8],
) -> Result<Box<dyn StreamCipher>, CryptoError> {
    let wrong = wrong_length(algorithm.key_len(), key);
    let algorithm = match algorithm {
        StreamAlgorithm::Aes128Ctr => &AES_128,
        StreamAlgorithm::Aes256Ctr => &AES_256,
        _ => return Err(CryptoError::Unsupported),
    };
    let key = UnboundCipherKey::new(algorithm, key).map_err(|_| wrong)?;
    Ok(Box::new(Counter(EncryptingKey::ctr(key).map_err(|_| wrong)?)))
}

pub(crate) fn header_protection(
    algorithm: AeadAlgorithm,
    key: &[u8],
) -> Result<Box<dyn HeaderProtection>, CryptoError> {
    let wrong = wrong_length(algorithm.key_len(), key);
    let algorithm = match algorithm {
        AeadAlgorithm::Aes128Gcm => &quic::AES_128,
        AeadAlgorithm::Aes256Gcm => &quic::AES_256,
        AeadAlgorithm::ChaCha20Poly1305 => &quic::CHACHA20,
        _ => return Err(CryptoError::Unsupported),
    };
    Ok(Box::new(Mask(HeaderProtectionKey::new(algorithm, key).map_err(|_| wrong)?)))
}

/// The only reason why a key is refused.
fn wrong_length(need: usize, key: &[u8]) -> CryptoError {
    CryptoError::KeyLength { need, len: key.len() }
}
