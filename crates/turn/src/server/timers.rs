use std::collections::BTreeSet;
use std::time::Duration;

/// What is due at a time. Each thing has one timer at most, taken out with the thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Timer {
    /// A relay of the allocation in that slot expires.
    Relay(u32, bool),
    /// A reserved port was not asked for.
    Reservation([u8; 8]),
    /// A connection was not established or bound.
    Connection(u32),
    /// Nobody answered a look-up.
    LookUp(u64),
}

#[derive(Debug, Default)]
pub(crate) struct Timers {
    queue: BTreeSet<(Duration, Timer)>,
    /// The first, so that asking costs nothing.
    next: Option<Duration>,
}

impl Timers {
    pub(crate) fn set(&mut self, at: Duration, timer: Timer) {
        self.queue.insert((at, timer));
        self.next = self.queue.first().map(|(at, _)| *at);
    }

    pub(crate) fn cancel(&mut self, at: Duration, timer: Timer) {
        self.queue.remove(&(at, timer));
        self.next = self.queue.first().map(|(at, _)| *at);
    }

    #[inline]
    pub(crate) fn next(&self) -> Option<Duration> {
        self.next
    }

    /// The first timer that is due, taken out.
    pub(crate) fn pop(&mut self, now: Duration) -> Option<Timer> {
        if self.next.is_none_or(|next| next > now) {
            return None;
        }
        let (_, timer) = self.queue.pop_first()?;
        self.next = self.queue.first().map(|(at, _)| *at);
        Some(timer)
    }

    pub(crate) fn len(&self) -> usize {
        self.queue.len()
    }
}
