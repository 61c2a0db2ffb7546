use std::time::{Duration, Instant};

/// The only place that touches `Instant`: inside the machine, time is a [`Duration`] since birth.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    birth: Instant,
    now: Duration,
}

impl Clock {
    pub(crate) fn starting(birth: Instant) -> Self {
        Self { birth, now: Duration::ZERO }
    }

    /// Moves to `now`; an older instant changes nothing.
    pub(crate) fn advance(&mut self, now: Instant) {
        self.now = self.now.max(now.saturating_duration_since(self.birth));
    }

    pub(crate) fn now(&self) -> Duration {
        self.now
    }

    /// The moment `delay` from now. `Duration::MAX` means never.
    pub(crate) fn after(&self, delay: Duration) -> Duration {
        self.now.saturating_add(delay)
    }

    /// `None` for a moment too far away for the caller's clock.
    pub(crate) fn instant(&self, moment: Duration) -> Option<Instant> {
        self.birth.checked_add(moment)
    }
}
