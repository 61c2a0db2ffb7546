//! Checks that overtake the peer's description.

use crate::path::Path;

use super::generation::Generation;

/// An authentic check of the current generation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrival<'a> {
    /// Canonical.
    pub(crate) path: Path,
    pub(crate) priority: u32,
    pub(crate) use_candidate: bool,
    /// The number of the nomination, where the peer numbers them.
    pub(crate) nomination: Option<u32>,
    /// It came before the peer's description.
    pub(crate) early: bool,
    /// The ufrag that the peer says is its own.
    pub(crate) ufrag: &'a [u8],
}

/// An [`Arrival`] from a peer whose credentials are not known yet.
#[derive(Clone, Debug)]
pub(crate) struct EarlyCheck {
    pub(crate) path: Path,
    priority: u32,
    use_candidate: bool,
    nomination: Option<u32>,
    ufrag: Box<[u8]>,
}

impl EarlyCheck {
    pub(crate) fn arrival(&self) -> Arrival<'_> {
        let Self { path, priority, use_candidate, nomination, ref ufrag } = *self;
        Arrival { path, priority, use_candidate, nomination, early: true, ufrag }
    }
}

impl Generation {
    /// Keeps a check until the peer's credentials are known. One per path, and not too many.
    //= rfc8445#7.3
    // Checks that come before the peer's description are answered, and used once it is known.
    pub(crate) fn keep_early(&mut self, check: Arrival<'_>, limit: usize) {
        let Arrival { path, priority, use_candidate, nomination, ufrag, .. } = check;
        let ufrag = ufrag.into();
        let mut fresh = EarlyCheck { path, priority, use_candidate, nomination, ufrag };
        if let Some(known) = self.early.iter_mut().find(|known| known.path == path) {
            if known.ufrag == fresh.ufrag {
                fresh.use_candidate |= known.use_candidate;
                fresh.nomination = fresh.nomination.max(known.nomination);
            }
            *known = fresh;
        } else if self.early.len() < limit {
            self.early.push(fresh);
        }
    }

    /// Takes the kept checks of the peer that `ufrag` belongs to; the others are forgotten.
    pub(crate) fn take_early(&mut self, ufrag: &str) -> Vec<EarlyCheck> {
        let mut early = std::mem::take(&mut self.early);
        early.retain(|check| *check.ufrag == *ufrag.as_bytes());
        early
    }
}
