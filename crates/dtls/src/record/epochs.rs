//! What is written and read in one epoch.

use std::time::Duration;

use crate::record::open::Opener;
use crate::record::seal::Sealer;

/// The epoch of records that are not protected.
pub(crate) const PLAIN: u64 = 0;

/// The epoch of handshake messages in DTLS 1.3.
pub(crate) const HANDSHAKE: u64 = 2;

/// The first epoch of application data in DTLS 1.3.
pub(crate) const APPLICATION: u64 = 3;

/// An epoch that we write in.
#[derive(Debug)]
pub(super) struct WriteEpoch {
    pub(super) epoch: u64,
    /// The next sequence number.
    pub(super) next: u64,
    /// `None` in epoch 0.
    pub(super) sealer: Option<Sealer>,
}

impl WriteEpoch {
    pub(super) fn new(epoch: u64, sealer: Option<Sealer>) -> Self {
        Self { epoch, next: 0, sealer }
    }

    /// How many records may be written in it.
    pub(super) fn limit(&self) -> u64 {
        let most = crate::wire::record::MAX_SEQUENCE;
        self.sealer.as_ref().map_or(most, |sealer| sealer.record_limit().min(most))
    }
}

/// A protected epoch that we read in.
#[derive(Debug)]
pub(super) struct ReadEpoch {
    pub(super) epoch: u64,
    pub(super) opener: Opener,
    /// When its keys are forgotten; `None` while it is the newest.
    pub(super) expires: Option<Duration>,
}
