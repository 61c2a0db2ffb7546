//! Checks that overtake the peer's description.

use crate::path::Path;

use super::generation::Generation;

/// An authentic check from a peer whose credentials are not known yet.
#[derive(Clone, Debug)]
pub(crate) struct EarlyCheck {
    /// Canonical.
    pub(crate) path: Path,
    pub(crate) priority: u32,
    pub(crate) use_candidate: bool,
    /// The ufrag that the peer says is its own.
    pub(crate) ufrag: Box<[u8]>,
}

impl Generation {
    /// Keeps a check until the peer's credentials are known. One per path, and not too many.
    //= rfc8445#7.3
    // Checks that come before the peer's description are answered, and used once it is known.
    pub(crate) fn keep_early(&mut self, check: EarlyCheck, limit: usize) {
        if let Some(known) = self.early.iter_mut().find(|known| known.path == check.path) {
            *known = EarlyCheck { use_candidate: known.use_candidate || check.use_candidate, ..check };
        } else if self.early.len() < limit {
            self.early.push(check);
        }
    }

    /// Takes the kept checks of the peer that `ufrag` belongs to; the others are forgotten.
    pub(crate) fn take_early(&mut self, ufrag: &str) -> Vec<EarlyCheck> {
        let mut early = std::mem::take(&mut self.early);
        early.retain(|check| *check.ufrag == *ufrag.as_bytes());
        early
    }
}
