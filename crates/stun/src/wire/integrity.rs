//! Integrity and fingerprint of a received message (RFC 8489 sections 14.5 to 14.7).

use subtle::ConstantTimeEq as _;

use super::header::HEADER_LEN;
use super::view::{MessageView, Sealed};
use crate::IntegrityError;

/// What the checksum is combined with, so that it differs from other protocols' (RFC 8489 14.7).
const FINGERPRINT_XOR: u32 = 0x5354_554E;

/// Bytes of an attribute's type and length.
const ATTRIBUTE_HEADER_LEN: usize = 4;

impl MessageView<'_> {
    /// Whether MESSAGE-INTEGRITY is there, right or wrong.
    #[must_use]
    pub const fn has_message_integrity(&self) -> bool {
        self.integrity.is_some()
    }

    /// Whether MESSAGE-INTEGRITY-SHA256 is there, right or wrong.
    #[must_use]
    pub const fn has_message_integrity_sha256(&self) -> bool {
        self.integrity_sha256.is_some()
    }

    /// Whether FINGERPRINT is there, right or wrong.
    #[must_use]
    pub const fn has_fingerprint(&self) -> bool {
        self.fingerprint.is_some()
    }

    /// Whether FINGERPRINT is there, right, and the last attribute (RFC 8489 section 14.7).
    #[must_use]
    pub fn verify_fingerprint(&self) -> bool {
        let Some(Sealed { at, value }) = self.fingerprint else { return false };
        let end = at.checked_add(ATTRIBUTE_HEADER_LEN).and_then(|at| at.checked_add(value.len()));
        if end != Some(self.bytes.len()) {
            return false;
        }
        let covered = self.bytes.get(..at).unwrap_or_default();
        value == fingerprint(covered).to_be_bytes()
    }

    /// Verifies MESSAGE-INTEGRITY, in constant time; `hmac_sha1` hashes the parts one after the
    /// other with the key (RFC 8489 section 14.5).
    ///
    /// # Errors
    ///
    /// [`IntegrityError::Missing`] and [`IntegrityError::Wrong`].
    pub fn verify_message_integrity(
        &self,
        hmac_sha1: impl FnOnce(&[&[u8]]) -> [u8; 20],
    ) -> Result<(), IntegrityError> {
        let sealed = self.integrity.ok_or(IntegrityError::Missing)?;
        self.compare(sealed, |parts| hmac_sha1(parts))
    }

    /// Verifies a MESSAGE-INTEGRITY-SHA256 of full length, in constant time; `hmac_sha256` hashes
    /// the parts one after the other with the key (RFC 8489 section 14.6).
    ///
    /// # Errors
    ///
    /// [`IntegrityError::Missing`], [`IntegrityError::Truncated`] and [`IntegrityError::Wrong`].
    pub fn verify_message_integrity_sha256(
        &self,
        hmac_sha256: impl FnOnce(&[&[u8]]) -> [u8; 32],
    ) -> Result<(), IntegrityError> {
        self.verify_truncated_message_integrity_sha256(32, hmac_sha256)
    }

    /// The same for a usage that accepts tags cut to `min_len` bytes; fewer than 16 never pass.
    ///
    /// # Errors
    ///
    /// [`IntegrityError::Missing`], [`IntegrityError::Truncated`] and [`IntegrityError::Wrong`].
    pub fn verify_truncated_message_integrity_sha256(
        &self,
        min_len: usize,
        hmac_sha256: impl FnOnce(&[&[u8]]) -> [u8; 32],
    ) -> Result<(), IntegrityError> {
        let sealed = self.integrity_sha256.ok_or(IntegrityError::Missing)?;
        let len = sealed.value.len();
        if len < min_len {
            return Err(IntegrityError::Truncated { len, need: min_len });
        }
        self.compare(sealed, |parts| hmac_sha256(parts))
    }

    fn compare<const N: usize>(
        &self,
        Sealed { at, value }: Sealed<'_>,
        mac: impl FnOnce(&[&[u8]]) -> [u8; N],
    ) -> Result<(), IntegrityError> {
        //= rfc8489#14.5
        // The hash sees a header whose length ends with this attribute, whatever follows it.
        let covered_len = at
            .saturating_add(ATTRIBUTE_HEADER_LEN)
            .saturating_add(value.len())
            .saturating_sub(HEADER_LEN);
        let [l0, l1] = u16::try_from(covered_len).unwrap_or(u16::MAX).to_be_bytes();
        let (Some([t0, t1, ..]), Some(rest)) =
            (self.bytes.first_chunk::<2>(), self.bytes.get(4..at))
        else {
            return Err(IntegrityError::Wrong);
        };
        let tag = mac(&[&[*t0, *t1, l0, l1], rest]);
        let expected = tag.get(..value.len()).ok_or(IntegrityError::Wrong)?;
        if bool::from(expected.ct_eq(value)) { Ok(()) } else { Err(IntegrityError::Wrong) }
    }
}

/// The value of FINGERPRINT for the message before it, whose header counts FINGERPRINT already.
pub(super) fn fingerprint(covered: &[u8]) -> u32 {
    crc32fast::hash(covered) ^ FINGERPRINT_XOR
}
