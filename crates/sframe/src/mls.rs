//! Key ids of a group whose keys come from MLS ([RFC 9605] section 5.2).
//!
//! [RFC 9605]: https://www.rfc-editor.org/rfc/rfc9605#section-5.2

#![warn(clippy::arithmetic_side_effects)]

use crate::KeyError;

/// How the key ids of a group are made of context, sender index and epoch ([RFC 9605] section
/// 5.2).
///
/// The base key of an epoch is what MLS exports under the label `SFrame 1.0 Base Key`,
/// [`key_len`](crate::CipherSuite::key_len) bytes; each member encrypts under ids of its own.
///
/// [RFC 9605]: https://www.rfc-editor.org/rfc/rfc9605#section-5.2
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MlsKeyIds {
    epoch_bits: u32,
    index_bits: u32,
}

impl MlsKeyIds {
    /// The most bits that hold an epoch.
    pub const MAX_EPOCH_BITS: u32 = 16;

    /// The most bits that hold an index.
    pub const MAX_INDEX_BITS: u32 = 32;

    /// `epoch_bits`, 1 to 16, of an epoch's number are sent: so many epochs, as a power of two, may
    /// be in use at a time. `index_bits`, 1 to 32, hold the index of a member.
    ///
    /// # Errors
    ///
    /// [`KeyError::Size`].
    pub fn new(epoch_bits: u32, index_bits: u32) -> Result<Self, KeyError> {
        for (bits, max) in [(epoch_bits, Self::MAX_EPOCH_BITS), (index_bits, Self::MAX_INDEX_BITS)]
        {
            if !(1..=max).contains(&bits) {
                return Err(KeyError::Size { value: bits.into(), min: 1, max: max.into() });
            }
        }
        Ok(Self { epoch_bits, index_bits })
    }

    /// The id of a member's key in an epoch. `context` tells the member's own streams apart; 0 is
    /// the shortest.
    ///
    /// # Errors
    ///
    /// [`KeyError::OutOfRange`].
    pub fn key_id(&self, context: u64, index: u64, epoch: u64) -> Result<u64, KeyError> {
        let above = self.epoch_bits.saturating_add(self.index_bits);
        let context_bits = u64::BITS.saturating_sub(above);
        for (value, bits) in [(context, context_bits), (index, self.index_bits)] {
            if value >> bits != 0 {
                return Err(KeyError::OutOfRange { value, bits });
            }
        }
        //= rfc9605#5.2
        // The context stands above the index, and that above the low bits of the epoch.
        Ok((context << above) | (index << self.epoch_bits) | self.slot(epoch))
    }

    /// The low bits of an epoch's number, or of a key id.
    pub(crate) fn slot(&self, number: u64) -> u64 {
        number & (1_u64 << self.epoch_bits).wrapping_sub(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // The examples of RFC 9605, figure 9.
    //= rfc9605#5.2
    //= type=test
    #[test]
    fn key_ids_are_those_of_the_figure() {
        let ids = MlsKeyIds::new(4, 6).unwrap();
        for (context, index, epoch, key_id) in [
            (0, 3, 14, 0x3e),
            (0, 7, 14, 0x7e),
            (0, 20, 14, 0x14e),
            (0, 3, 15, 0x3f),
            (0, 5, 15, 0x5f),
            (2, 2, 16, 0x820),
            (3, 2, 16, 0xc20),
            (0, 33, 17, 0x211),
            (0, 51, 17, 0x331),
        ] {
            assert_eq!(ids.key_id(context, index, epoch), Ok(key_id));
        }
    }

    #[test]
    fn parts_that_do_not_fit_are_refused() {
        let ids = MlsKeyIds::new(4, 6).unwrap();
        assert_eq!(ids.key_id(0, 64, 1), Err(KeyError::OutOfRange { value: 64, bits: 6 }));
        let value = 1 << 54;
        assert_eq!(ids.key_id(value, 1, 1), Err(KeyError::OutOfRange { value, bits: 54 }));
        for (epoch_bits, index_bits) in [(0, 1), (1, 0), (17, 1), (1, 33)] {
            assert!(matches!(MlsKeyIds::new(epoch_bits, index_bits), Err(KeyError::Size { .. })));
        }
    }
}
