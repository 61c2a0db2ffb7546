//! From a base key to the keyed algorithms, and one frame with them.

use antiphon_crypto::{
    Aead, CryptoProvider, Digest, Hmac, NONCE_LEN, StreamAlgorithm, StreamCipher, hkdf,
};
use zeroize::Zeroizing;

use crate::suite::{MAX_TAG, Mode};
use crate::{CipherSuite, KeyError, MAX_HEADER};

/// Bytes of AES-128's key, the front of a counter mode suite's key.
const AES_KEY_LEN: usize = 16;

/// The cipher failed, or the tag was wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Failed;

/// What a base key makes under one key id.
pub(crate) struct Key {
    cipher: Cipher,
    /// 96 bits.
    salt: u128,
}

enum Cipher {
    Aead(Box<dyn Aead>),
    CounterMode { cipher: Box<dyn StreamCipher>, hmac: Box<dyn Hmac>, tag_len: usize },
}

impl Key {
    /// Derives key and salt ([RFC 9605] section 4.4.2).
    ///
    /// [RFC 9605]: https://www.rfc-editor.org/rfc/rfc9605#section-4.4.2
    pub(crate) fn derive(
        provider: &dyn CryptoProvider,
        suite: CipherSuite,
        key_id: u64,
        base_key: &[u8],
    ) -> Result<Self, KeyError> {
        if base_key.is_empty() {
            return Err(KeyError::Empty);
        }
        let secret = hkdf::extract(provider, suite.hash(), &[], base_key)?;
        let (id, number) = (key_id.to_be_bytes(), suite.to_wire().to_be_bytes());
        let expand = |label: &[u8], out: &mut [u8]| {
            hkdf::expand(provider, suite.hash(), secret.expose(), &[label, &id, &number], out)
        };
        let mut key = Zeroizing::new(vec![0; suite.key_len()]);
        expand(b"SFrame 1.0 Secret key ", &mut key)?;
        let mut salt = [0; 16];
        let (_, low) = salt.split_at_mut(16 - NONCE_LEN);
        expand(b"SFrame 1.0 Secret salt ", low)?;
        let cipher = Cipher::new(provider, suite, &key)?;
        Ok(Self { cipher, salt: u128::from_be_bytes(salt) })
    }

    /// Encrypts `text` in place and puts the tag into `tag`. `aad` is room for header and
    /// metadata side by side, kept from frame to frame.
    pub(crate) fn seal(
        &self,
        counter: u64,
        [header, metadata]: [&[u8]; 2],
        text: &mut [u8],
        tag: &mut [u8],
        aad: &mut Vec<u8>,
    ) -> Result<(), Failed> {
        let nonce = self.nonce(counter);
        let made = match &self.cipher {
            Cipher::Aead(aead) => {
                let made = aead.seal(&nonce, join(aad, header, metadata), text);
                Digest::new(&made.map_err(|_| Failed)?)
            }
            Cipher::CounterMode { cipher, hmac, tag_len } => {
                cipher.apply(&first_block(&nonce), text);
                hmac.sign(&authenticated(*tag_len, &nonce, header, metadata, text).parts())
            }
        };
        tag.copy_from_slice(made.as_bytes().get(..tag.len()).ok_or(Failed)?);
        Ok(())
    }

    /// Checks `tag`, then decrypts `text` in place.
    pub(crate) fn open(
        &self,
        counter: u64,
        [header, metadata]: [&[u8]; 2],
        text: &mut [u8],
        tag: &[u8],
        aad: &mut Vec<u8>,
    ) -> Result<(), Failed> {
        let nonce = self.nonce(counter);
        match &self.cipher {
            Cipher::Aead(aead) => {
                let tag = tag.try_into().map_err(|_| Failed)?;
                aead.open(&nonce, join(aad, header, metadata), text, tag).map_err(|_| Failed)
            }
            Cipher::CounterMode { cipher, hmac, tag_len } => {
                let data = authenticated(*tag_len, &nonce, header, metadata, text);
                if tag.len() != *tag_len || !hmac.verify(&data.parts(), tag) {
                    return Err(Failed);
                }
                cipher.apply(&first_block(&nonce), text);
                Ok(())
            }
        }
    }

    //= rfc9605#4.4.3
    // The nonce is the counter, as wide as the salt, XORed with it.
    fn nonce(&self, counter: u64) -> [u8; NONCE_LEN] {
        let [_, _, _, _, nonce @ ..] = (self.salt ^ u128::from(counter)).to_be_bytes();
        nonce
    }
}

impl Cipher {
    fn new(
        provider: &dyn CryptoProvider,
        suite: CipherSuite,
        key: &[u8],
    ) -> Result<Self, KeyError> {
        Ok(match suite.mode() {
            Mode::Aead(algorithm) => Self::Aead(provider.aead(algorithm, key)?),
            Mode::CounterMode => {
                //= rfc9605#4.5.1
                // The front of the key encrypts, the rest of it authenticates.
                let (encryption, authentication) =
                    key.split_at_checked(AES_KEY_LEN).unwrap_or_default();
                Self::CounterMode {
                    cipher: provider.stream_cipher(StreamAlgorithm::Aes128Ctr, encryption)?,
                    hmac: provider.hmac(suite.hash(), authentication)?,
                    tag_len: suite.tag_len(),
                }
            }
        })
    }
}

/// Header and metadata side by side, in a buffer that keeps its memory.
fn join<'a>(aad: &'a mut Vec<u8>, header: &[u8], metadata: &[u8]) -> &'a [u8] {
    aad.clear();
    // Headers grow with their counters: make room for the longest at once.
    aad.reserve(MAX_HEADER.saturating_add(metadata.len()));
    aad.extend_from_slice(header);
    aad.extend_from_slice(metadata);
    aad
}

/// The nonce, and a block counter of zero.
fn first_block(nonce: &[u8; NONCE_LEN]) -> [u8; 16] {
    let mut block = [0; 16];
    let (front, _) = block.split_at_mut(NONCE_LEN);
    front.copy_from_slice(nonce);
    block
}

/// What the HMAC of a counter mode suite covers.
struct Authenticated<'a> {
    lengths: [u8; 24],
    rest: [&'a [u8]; 4],
}

impl Authenticated<'_> {
    fn parts(&self) -> [&[u8]; 5] {
        let [nonce, header, metadata, text] = self.rest;
        [&self.lengths, nonce, header, metadata, text]
    }
}

//= rfc9605#4.5.1
// The lengths come first, so that no byte can move from one part to another.
fn authenticated<'a>(
    tag_len: usize,
    nonce: &'a [u8],
    header: &'a [u8],
    metadata: &'a [u8],
    text: &'a [u8],
) -> Authenticated<'a> {
    debug_assert!(tag_len <= MAX_TAG);
    let aad_len = header.len().saturating_add(metadata.len());
    let mut lengths = [0; 24];
    for (to, len) in lengths.chunks_exact_mut(8).zip([aad_len, text.len(), tag_len]) {
        to.copy_from_slice(&u64::try_from(len).unwrap_or(u64::MAX).to_be_bytes());
    }
    Authenticated { lengths, rest: [nonce, header, metadata, text] }
}

#[cfg(test)]
mod tests {
    use antiphon_crypto_rust::RustCrypto;

    use super::*;
    use crate::hex::{hex, number};

    fn vectors(kind: &str) -> impl Iterator<Item = Vec<&str>> {
        include_str!("../tests/fixtures/rfc9605.txt")
            .lines()
            .map(|line| line.split(' ').collect::<Vec<_>>())
            .filter(move |words| words[0] == kind)
    }

    fn suite(number: &str) -> CipherSuite {
        CipherSuite::from_wire(u16::from_str_radix(number, 16).unwrap()).unwrap()
    }

    // RFC 9605 appendix C.2.
    //= rfc9605#4.5.1
    //= type=test
    #[test]
    fn counter_mode_is_that_of_rfc_9605() {
        let mut seen = 0;
        for words in vectors("aead") {
            let suite = suite(words[1]);
            let cipher = Cipher::new(&RustCrypto::new(), suite, &hex(words[2])).unwrap();
            let salt = u128::from_str_radix(words[3], 16).unwrap();
            let (key, aad, plain) = (Key { cipher, salt }, hex(words[4]), hex(words[5]));
            let (mut text, mut tag) = (plain.clone(), vec![0; suite.tag_len()]);
            let scratch = &mut Vec::new();
            // Where the data is split must not matter.
            let (front, back) = aad.split_at(5);
            key.seal(0, [front, back], &mut text, &mut tag, scratch).unwrap();
            assert_eq!([&text[..], &tag].concat(), hex(words[6]));
            key.open(0, [&aad, &[]], &mut text, &tag, scratch).unwrap();
            assert_eq!(text, plain);
            seen += 1;
        }
        assert_eq!(seen, 3);
    }

    // RFC 9605 appendix C.3, as far as the derivation goes.
    //= rfc9605#4.4.2
    //= type=test
    #[test]
    fn salts_are_those_of_rfc_9605() {
        let mut seen = 0;
        for words in vectors("frame") {
            let suite = suite(words[1]);
            let provider = RustCrypto::new();
            let key = Key::derive(&provider, suite, number(words[2]), &hex(words[4])).unwrap();
            assert_eq!(key.salt, u128::from_str_radix(words[7], 16).unwrap());
            let secret = hkdf::extract(&provider, suite.hash(), &[], &hex(words[4])).unwrap();
            assert_eq!(secret.expose(), hex(words[5]));
            seen += 1;
        }
        assert_eq!(seen, 5);
    }
}
