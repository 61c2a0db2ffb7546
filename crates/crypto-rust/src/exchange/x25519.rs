//! X25519 (RFC 7748).

use antiphon_crypto::{CryptoError, KeyExchange, NamedGroup, Secret};
use x25519_dalek::{PublicKey, StaticSecret};
use zeroize::Zeroizing;

use crate::entropy::Entropy;

/// Bytes of a share and of the secret.
pub(super) const LEN: usize = 32;

/// An ephemeral key pair; the key wipes itself when dropped.
pub(super) struct Exchange {
    key: StaticSecret,
    share: [u8; LEN],
}

impl Exchange {
    pub(super) fn new(entropy: &Entropy) -> Result<Self, CryptoError> {
        let mut scalar = Zeroizing::new([0; LEN]);
        entropy.fill(&mut *scalar)?;
        let key = StaticSecret::from(*scalar);
        let share = PublicKey::from(&key).to_bytes();
        Ok(Self { key, share })
    }

    pub(super) fn share(&self) -> &[u8; LEN] {
        &self.share
    }

    /// The shared secret, unless the peer's share has a small order.
    pub(super) fn shared(&self, peer_share: [u8; LEN]) -> Option<Zeroizing<[u8; LEN]>> {
        let shared = self.key.diffie_hellman(&PublicKey::from(peer_share));
        //= rfc8446#7.4.2
        // A secret of zeros comes from a share of small order, and anybody knows it.
        shared.was_contributory().then(|| Zeroizing::new(shared.to_bytes()))
    }
}

impl KeyExchange for Exchange {
    fn group(&self) -> NamedGroup {
        NamedGroup::X25519
    }

    fn public_share(&self) -> &[u8] {
        &self.share
    }

    fn agree(self: Box<Self>, peer_share: &[u8]) -> Result<Secret, CryptoError> {
        let peer = <[u8; LEN]>::try_from(peer_share).ok();
        match peer.and_then(|peer| self.shared(peer)) {
            Some(shared) => Ok(Secret::from(&shared[..])),
            None => Err(CryptoError::InvalidShare { len: peer_share.len() }),
        }
    }
}
