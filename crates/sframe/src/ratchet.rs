//! Sender keys that are ratcheted forward ([RFC 9605] section 5.1).
//!
//! [RFC 9605]: https://www.rfc-editor.org/rfc/rfc9605#section-5.1

#![warn(clippy::arithmetic_side_effects)]

use antiphon_crypto::{CryptoProvider, Secret, hkdf};
use zeroize::Zeroizing;

use crate::{CipherSuite, KeyError};

/// A sender's key that is hashed forward, step by step: who gets to know it at one step cannot
/// decrypt what was sent before ([RFC 9605] section 5.1).
///
/// Its key ids have the number of the step, modulo `2^bits`, in the low bits, and the generation
/// above: a fresh key, sent to all receivers again, is a new generation.
///
/// [RFC 9605]: https://www.rfc-editor.org/rfc/rfc9605#section-5.1
#[derive(Clone, Debug)]
pub struct Ratchet {
    suite: CipherSuite,
    bits: u32,
    generation: u64,
    step: u64,
    base_key: Secret,
}

impl Ratchet {
    /// The most bits of a key id that count steps.
    pub const MAX_BITS: u32 = 16;

    /// Starts at step 0 of a generation. `bits` of the key id, from 1 to
    /// [`MAX_BITS`](Self::MAX_BITS), count steps; sender and receivers agree on it.
    ///
    /// # Errors
    ///
    /// [`KeyError::Size`] for the bits, [`KeyError::OutOfRange`] for a generation that does not fit
    /// into the others, [`KeyError::Empty`].
    pub fn new(
        suite: CipherSuite,
        bits: u32,
        generation: u64,
        base_key: &[u8],
    ) -> Result<Self, KeyError> {
        Self::at(suite, bits, generation, 0, base_key)
    }

    /// Starts at a step: what a receiver is told that joins later.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new).
    pub fn at(
        suite: CipherSuite,
        bits: u32,
        generation: u64,
        step: u64,
        base_key: &[u8],
    ) -> Result<Self, KeyError> {
        if !(1..=Self::MAX_BITS).contains(&bits) {
            let (min, max) = (1, Self::MAX_BITS.into());
            return Err(KeyError::Size { value: bits.into(), min, max });
        }
        let left = u64::BITS.saturating_sub(bits);
        if generation >> left != 0 {
            return Err(KeyError::OutOfRange { value: generation, bits: left });
        }
        if base_key.is_empty() {
            return Err(KeyError::Empty);
        }
        Ok(Self { suite, bits, generation, step, base_key: base_key.into() })
    }

    /// The id of the current step's key.
    #[must_use]
    pub fn key_id(&self) -> u64 {
        //= rfc9605#5.1
        // The low bits of the step stand below the generation.
        (self.generation << self.bits) | (self.step & self.mask())
    }

    /// The current step's base key, to be sent to receivers over a channel of their own.
    #[must_use]
    pub fn base_key(&self) -> &[u8] {
        self.base_key.expose()
    }

    /// Number of the current step.
    #[must_use]
    pub fn step(&self) -> u64 {
        self.step
    }

    /// Number of the generation.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// Goes a step forward. The base key of the step before is wiped.
    ///
    /// # Errors
    ///
    /// [`KeyError::Crypto`]; nothing has changed then.
    pub fn advance(&mut self, provider: &dyn CryptoProvider) -> Result<(), KeyError> {
        let hash = self.suite.hash();
        let secret = hkdf::extract(provider, hash, &[], self.base_key.expose())?;
        let mut next = Zeroizing::new(vec![0; self.suite.hash_len()]);
        hkdf::expand(provider, hash, secret.expose(), &[b"SFrame 1.0 Ratchet"], &mut next)?;
        self.base_key = next.as_slice().into();
        self.step = self.step.wrapping_add(1);
        Ok(())
    }

    /// Whether a key id belongs to this generation.
    pub(crate) fn owns(&self, key_id: u64) -> bool {
        key_id >> self.bits == self.generation
    }

    /// How many steps ahead the key id is; `None` when it is one behind rather than ahead.
    pub(crate) fn ahead(&self, key_id: u64) -> Option<u64> {
        let distance = key_id.wrapping_sub(self.key_id()) & self.mask();
        let half = 1_u64 << self.bits.saturating_sub(1);
        (distance <= half && self.owns(key_id)).then_some(distance)
    }

    fn mask(&self) -> u64 {
        (1_u64 << self.bits).wrapping_sub(1)
    }
}

#[cfg(test)]
mod tests {
    use antiphon_crypto_rust::RustCrypto;

    use super::*;

    const SUITE: CipherSuite = CipherSuite::Aes256GcmSha512_128;

    //= rfc9605#5.1
    //= type=test
    #[test]
    fn key_ids_hold_generation_and_step() {
        let mut ratchet = Ratchet::at(SUITE, 4, 5, 14, &[7; 16]).unwrap();
        let mut ids = Vec::new();
        for _ in 0..4 {
            ids.push(ratchet.key_id());
            ratchet.advance(&RustCrypto::new()).unwrap();
        }
        assert_eq!(ids, [0x5e, 0x5f, 0x50, 0x51]);
        assert_eq!((ratchet.step(), ratchet.base_key().len()), (18, 64));
        assert_eq!((ratchet.ahead(0x52), ratchet.ahead(0x5a)), (Some(0), Some(8)));
        assert_eq!(
            (ratchet.ahead(0x51), ratchet.ahead(0x5b), ratchet.ahead(0x62)),
            (None, None, None)
        );
    }

    #[test]
    fn parts_that_do_not_fit_are_refused() {
        let make = |bits, generation, key: &[u8]| Ratchet::new(SUITE, bits, generation, key).err();
        assert_eq!(make(0, 1, &[1]), Some(KeyError::Size { value: 0, min: 1, max: 16 }));
        assert_eq!(make(17, 1, &[1]), Some(KeyError::Size { value: 17, min: 1, max: 16 }));
        let value = 1 << 60;
        assert_eq!(make(4, value, &[1]), Some(KeyError::OutOfRange { value, bits: 60 }));
        assert_eq!(make(4, value - 1, &[]), Some(KeyError::Empty));
        assert_eq!(make(4, value - 1, &[1]), None);
    }
}
