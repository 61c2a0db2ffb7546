use crate::DecryptError;

/// What a receiver has taken and dropped so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReceiverStats {
    /// Frames authenticated and decrypted.
    pub frames: u64,
    /// Dropped: too short, or with a header that is none.
    pub malformed: u64,
    /// Not decrypted: no key for them.
    pub unknown_key: u64,
    /// Dropped: the tag was wrong. With short tags, many of them mean that somebody tries.
    pub not_authentic: u64,
    /// Dropped: received before.
    pub replayed: u64,
    /// Dropped: behind the replay window.
    pub too_old: u64,
    /// Dropped: no place for another key.
    pub refused: u64,
}

impl ReceiverStats {
    pub(crate) fn count(&mut self, error: &DecryptError) {
        let counter = match error {
            DecryptError::Header(_) | DecryptError::Truncated { .. } => &mut self.malformed,
            DecryptError::UnknownKey { .. } => &mut self.unknown_key,
            DecryptError::NotAuthentic => &mut self.not_authentic,
            DecryptError::Replayed { .. } => &mut self.replayed,
            DecryptError::TooOld { .. } => &mut self.too_old,
            DecryptError::TooManyKeys { .. } => &mut self.refused,
        };
        *counter = counter.saturating_add(1);
    }
}
