use crate::UnprotectError;

/// What a sender has done so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SenderStats {
    /// RTP packets protected.
    pub rtp_packets: u64,
    /// RTCP packets protected; a compound is one.
    pub rtcp_packets: u64,
}

/// What a receiver has taken and dropped so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReceiverStats {
    /// RTP packets authenticated and decrypted.
    pub rtp_packets: u64,
    /// RTCP packets authenticated and decrypted; a compound is one.
    pub rtcp_packets: u64,
    /// Dropped: too short, or with a header that is none.
    pub malformed: u64,
    /// Dropped: the tag was wrong. Many of them are a sign of an attack, or of wrong keys.
    pub not_authentic: u64,
    /// Dropped: received before.
    pub replayed: u64,
    /// Dropped: behind the replay window.
    pub too_old: u64,
    /// Dropped: RTCP in the clear, or a header in the clear where cryptex is required.
    pub not_encrypted: u64,
    /// Dropped: no place for another SSRC, or no index left.
    pub refused: u64,
}

impl ReceiverStats {
    pub(crate) fn count(&mut self, error: &UnprotectError) {
        let counter = match error {
            UnprotectError::Header(_) | UnprotectError::Truncated { .. } => &mut self.malformed,
            UnprotectError::NotAuthentic => &mut self.not_authentic,
            UnprotectError::Replayed { .. } => &mut self.replayed,
            UnprotectError::TooOld { .. } => &mut self.too_old,
            UnprotectError::NotEncrypted | UnprotectError::NotCryptex => &mut self.not_encrypted,
            UnprotectError::KeyExhausted | UnprotectError::TooManyStreams { .. } => {
                &mut self.refused
            }
        };
        *counter = counter.saturating_add(1);
    }
}
