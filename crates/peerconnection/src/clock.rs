use std::time::{Duration, Instant};

/// The only place that touches `Instant`: time here is the latest instant seen.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    birth: Instant,
    now: Instant,
}

impl Clock {
    pub(crate) fn starting(birth: Instant) -> Self {
        Self { birth, now: birth }
    }

    /// Moves to `now`; an older instant changes nothing. Returns the time that holds.
    pub(crate) fn advance(&mut self, now: Instant) -> Instant {
        self.now = self.now.max(now);
        self.now
    }

    pub(crate) fn now(&self) -> Instant {
        self.now
    }

    /// Time since birth.
    pub(crate) fn age(&self) -> Duration {
        self.now.saturating_duration_since(self.birth)
    }
}
