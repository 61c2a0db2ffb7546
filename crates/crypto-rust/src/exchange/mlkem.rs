//! X25519MLKEM768: ML-KEM-768 (FIPS 203) and X25519 together (draft-ietf-tls-ecdhe-mlkem).
//!
//! ```text
//! client  encapsulation key 1184 | X25519 share 32
//! server  ciphertext        1088 | X25519 share 32
//! secret  ML-KEM's            32 | X25519's     32
//! ```

use antiphon_crypto::{CryptoError, KeyExchange, NamedGroup, Secret};
use ml_kem::ml_kem_768::{Ciphertext, DecapsulationKey, EncapsulationKey};
use ml_kem::{B32, Decapsulate as _, Key, KeyExport as _, Seed};
use zeroize::{Zeroize as _, Zeroizing};

use super::x25519;
use crate::entropy::Entropy;

const SECRET_LEN: usize = 32;

/// Both key pairs of the side that speaks first; both private keys wipe themselves when dropped.
pub(super) struct Exchange {
    key: DecapsulationKey,
    x25519: x25519::Exchange,
    share: Vec<u8>,
}

impl Exchange {
    pub(super) fn new(entropy: &Entropy) -> Result<Self, CryptoError> {
        let mut seed = Zeroizing::new([0; 64]);
        entropy.fill(&mut *seed)?;
        let key = DecapsulationKey::from_seed(Seed::from(*seed));
        let x25519 = x25519::Exchange::new(entropy)?;
        let mut share = key.encapsulation_key().to_bytes().to_vec();
        share.extend_from_slice(x25519.share());
        Ok(Self { key, x25519, share })
    }

    fn secret(&self, peer_share: &[u8]) -> Option<Secret> {
        let (ciphertext, peer) = peer_share.split_last_chunk::<{ x25519::LEN }>()?;
        let ciphertext = Ciphertext::try_from(ciphertext).ok()?;
        let x25519 = self.x25519.shared(*peer)?;
        // A forged ciphertext gives a secret that nobody knows, and the handshake fails later:
        // FIPS 203 has no error here.
        let mut ml_kem = self.key.decapsulate(&ciphertext);
        let secret = join(&ml_kem, &x25519);
        ml_kem.zeroize();
        Some(secret)
    }
}

impl KeyExchange for Exchange {
    fn group(&self) -> NamedGroup {
        NamedGroup::X25519MlKem768
    }

    fn public_share(&self) -> &[u8] {
        &self.share
    }

    fn agree(self: Box<Self>, peer_share: &[u8]) -> Result<Secret, CryptoError> {
        self.secret(peer_share).ok_or(CryptoError::InvalidShare { len: peer_share.len() })
    }
}

/// The answer to the share of a peer that speaks first.
pub(super) fn answer(
    entropy: &Entropy,
    peer_share: &[u8],
) -> Result<(Vec<u8>, Secret), CryptoError> {
    let invalid = CryptoError::InvalidShare { len: peer_share.len() };
    let (key, peer) = peer_share.split_last_chunk::<{ x25519::LEN }>().ok_or(invalid)?;
    // FIPS 203 section 7.2: the key has the right length, and no coefficient reaches the modulus.
    let key = Key::<EncapsulationKey>::try_from(key).map_err(|_| invalid)?;
    let key = EncapsulationKey::new(&key).map_err(|_| invalid)?;
    let ours = x25519::Exchange::new(entropy)?;
    let x25519 = ours.shared(*peer).ok_or(invalid)?;
    let mut message = B32::default();
    entropy.fill(&mut message)?;
    let (ciphertext, mut ml_kem) = key.encapsulate_deterministic(&message);
    message.zeroize();
    let secret = join(&ml_kem, &x25519);
    ml_kem.zeroize();
    let mut share = ciphertext.to_vec();
    share.extend_from_slice(ours.share());
    Ok((share, secret))
}

fn join(ml_kem: &[u8], x25519: &[u8; x25519::LEN]) -> Secret {
    let mut both = Vec::with_capacity(SECRET_LEN + x25519::LEN);
    both.extend_from_slice(ml_kem);
    both.extend_from_slice(x25519);
    Secret::new(both)
}
