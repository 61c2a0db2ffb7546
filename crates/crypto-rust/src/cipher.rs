use aes::cipher::{
    Array, BlockCipherEncrypt, BlockSizeUser, InnerIvInit as _, KeyInit, KeyIvInit as _,
    StreamCipherCore as _, consts::U16, inout::InOutBuf,
};
use aes::{Aes128Enc, Aes256Enc};
use aes_gcm::aead::consts::U12;
use aes_gcm::{AeadInOut, AesGcm};
use antiphon_crypto::{
    Aead, AeadAlgorithm, AeadError, CryptoError, HeaderProtection, MASK_LEN, NONCE_LEN,
    StreamAlgorithm, StreamCipher, TAG_LEN,
};
use chacha20::variants::Ietf;
use chacha20::{ChaChaCore, R20};
use chacha20poly1305::ChaCha20Poly1305;
use ctr::{CtrCore, flavors};
use zeroize::Zeroizing;

// Both modes only ever encrypt blocks: the half of AES that decrypts is not kept in memory.
type Aes128Gcm = AesGcm<Aes128Enc, U12>;
type Aes256Gcm = AesGcm<Aes256Enc, U12>;

/// An AEAD of the RustCrypto family, keyed.
struct Detached<C>(C);

impl<C> Aead for Detached<C>
where
    C: AeadInOut<NonceSize = U12, TagSize = U16> + Send + Sync,
{
    fn seal(
        &self,
        nonce: &[u8; NONCE_LEN],
        aad: &[u8],
        text: &mut [u8],
    ) -> Result<[u8; TAG_LEN], AeadError> {
        let text = InOutBuf::from(text);
        match self.0.encrypt_inout_detached(nonce.into(), aad, text) {
            Ok(tag) => Ok(tag.into()),
            Err(_) => Err(AeadError),
        }
    }

    fn open(
        &self,
        nonce: &[u8; NONCE_LEN],
        aad: &[u8],
        text: &mut [u8],
        tag: &[u8; TAG_LEN],
    ) -> Result<(), AeadError> {
        let text = InOutBuf::from(text);
        self.0.decrypt_inout_detached(nonce.into(), aad, text, tag.into()).map_err(|_| AeadError)
    }
}

/// A block cipher in counter mode. The key schedule is kept; each call only sets the counter.
struct Counter<C>(C);

impl<C> StreamCipher for Counter<C>
where
    C: BlockCipherEncrypt + BlockSizeUser<BlockSize = U16> + Send + Sync,
{
    fn apply(&self, iv: &[u8; 16], data: &mut [u8]) {
        CtrCore::<&C, flavors::Ctr128BE>::inner_iv_init(&self.0, iv.into())
            .apply_keystream_partial(InOutBuf::from(data));
    }
}

pub(crate) fn aead(algorithm: AeadAlgorithm, key: &[u8]) -> Result<Box<dyn Aead>, CryptoError> {
    let need = algorithm.key_len();
    Ok(match algorithm {
        AeadAlgorithm::Aes128Gcm => Box::new(Detached(schedule::<Aes128Gcm>(key, need)?)),
        AeadAlgorithm::Aes256Gcm => Box::new(Detached(schedule::<Aes256Gcm>(key, need)?)),
        AeadAlgorithm::ChaCha20Poly1305 => {
            Box::new(Detached(schedule::<ChaCha20Poly1305>(key, need)?))
        }
        _ => return Err(CryptoError::Unsupported),
    })
}

pub(crate) fn stream_cipher(
    algorithm: StreamAlgorithm,
    key: &[u8],
) -> Result<Box<dyn StreamCipher>, CryptoError> {
    let need = algorithm.key_len();
    Ok(match algorithm {
        StreamAlgorithm::Aes128Ctr => Box::new(Counter(schedule::<Aes128Enc>(key, need)?)),
        StreamAlgorithm::Aes256Ctr => Box::new(Counter(schedule::<Aes256Enc>(key, need)?)),
        _ => return Err(CryptoError::Unsupported),
    })
}

/// The mask of AES: the sample, encrypted.
struct AesMask<C>(C);

impl<C> HeaderProtection for AesMask<C>
where
    C: BlockCipherEncrypt + BlockSizeUser<BlockSize = U16> + Send + Sync,
{
    fn mask(&self, sample: &[u8; 16]) -> [u8; MASK_LEN] {
        let mut block = (*sample).into();
        self.0.encrypt_block(&mut block);
        let [a, b, c, d, e, ..]: [u8; 16] = block.into();
        [a, b, c, d, e]
    }
}

/// The mask of ChaCha20: the start of the block that the sample names.
struct ChaChaMask(Zeroizing<[u8; 32]>);

impl HeaderProtection for ChaChaMask {
    fn mask(&self, sample: &[u8; 16]) -> [u8; MASK_LEN] {
        let [a, b, c, d, nonce @ ..] = *sample;
        // Block by block: the stream on top of it refuses the block of the last counter.
        let mut core = ChaChaCore::<R20, Ietf>::new((&*self.0).into(), (&nonce).into());
        core.set_block_pos(u32::from_le_bytes([a, b, c, d]));
        let mut block = Array::from([0; 64]);
        core.write_keystream_block(&mut block);
        let [a, b, c, d, e, ..]: [u8; 64] = block.into();
        [a, b, c, d, e]
    }
}

pub(crate) fn header_protection(
    algorithm: AeadAlgorithm,
    key: &[u8],
) -> Result<Box<dyn HeaderProtection>, CryptoError> {
    let need = algorithm.key_len();
    Ok(match algorithm {
        AeadAlgorithm::Aes128Gcm => Box::new(AesMask(schedule::<Aes128Enc>(key, need)?)),
        AeadAlgorithm::Aes256Gcm => Box::new(AesMask(schedule::<Aes256Enc>(key, need)?)),
        AeadAlgorithm::ChaCha20Poly1305 => {
            let array = <[u8; 32]>::try_from(key);
            let array = array.map_err(|_| CryptoError::KeyLength { need, len: key.len() })?;
            Box::new(ChaChaMask(Zeroizing::new(array)))
        }
        _ => return Err(CryptoError::Unsupported),
    })
}

fn schedule<C: KeyInit>(key: &[u8], need: usize) -> Result<C, CryptoError> {
    C::new_from_slice(key).map_err(|_| CryptoError::KeyLength { need, len: key.len() })
}
