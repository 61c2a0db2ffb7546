use std::time::Duration;

/// Every timer an established association can have running.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Timer {
    /// Retransmission of DATA (RFC 9260 section 6.3) and of FORWARD TSN.
    T3,
    /// What may have been overtaken is overdue now (RFC 8985 section 6.2).
    Reorder,
    /// The next burst may go out.
    Pacing,
    /// A probe of the path's packet size is unanswered, or the next is due (RFC 8899).
    PathMtu,
    /// Asks after the tail of a burst before T3 would.
    TailProbe,
    /// Asks whether a closed receive window has opened (RFC 9260 section 6.1 A).
    WindowProbe,
    /// The delayed acknowledgement (RFC 9260 section 6.2).
    Sack,
    /// The next HEARTBEAT (RFC 9260 section 8.3).
    Heartbeat,
    /// The answer to the last HEARTBEAT is overdue.
    HeartbeatAnswer,
    /// Retransmission of RE-CONFIG (RFC 6525 section 5.1.1).
    Reconfig,
    /// Retransmission of SHUTDOWN and SHUTDOWN ACK (RFC 9260 section 9.2).
    T2Shutdown,
    /// The limit of the whole shutdown (RFC 9260 section 9.2).
    T5Guard,
}

impl Timer {
    pub(crate) const ALL: [Self; COUNT] = [
        Self::T3,
        Self::Reorder,
        Self::Pacing,
        Self::PathMtu,
        Self::TailProbe,
        Self::WindowProbe,
        Self::Sack,
        Self::Heartbeat,
        Self::HeartbeatAnswer,
        Self::Reconfig,
        Self::T2Shutdown,
        Self::T5Guard,
    ];
}

const COUNT: usize = 12;

/// When each timer fires; the table is small enough to be scanned.
#[derive(Debug)]
pub(crate) struct Timers {
    at: [Option<Duration>; COUNT],
    /// None fires before this, so that the table is looked at only when one may.
    bound: Duration,
}

impl Timers {
    pub(crate) fn new() -> Self {
        Self { at: [None; COUNT], bound: Duration::MAX }
    }

    pub(crate) fn start(&mut self, timer: Timer, at: Duration) {
        if let Some(slot) = self.at.get_mut(timer as usize) {
            *slot = Some(at);
            self.bound = self.bound.min(at);
        }
    }

    pub(crate) fn stop(&mut self, timer: Timer) {
        if let Some(slot) = self.at.get_mut(timer as usize) {
            *slot = None;
        }
    }

    pub(crate) fn at(&self, timer: Timer) -> Option<Duration> {
        self.at.get(timer as usize).copied().flatten()
    }

    pub(crate) fn is_running(&self, timer: Timer) -> bool {
        self.at(timer).is_some()
    }

    /// The earliest moment any timer fires.
    pub(crate) fn next(&self) -> Option<Duration> {
        self.at.iter().flatten().min().copied()
    }

    /// Stops and returns one timer that is due.
    pub(crate) fn expired(&mut self, now: Duration) -> Option<Timer> {
        if now < self.bound {
            return None;
        }
        let due = Timer::ALL.into_iter().find(|timer| self.at(*timer).is_some_and(|at| at <= now));
        match due {
            Some(timer) => self.stop(timer),
            None => self.bound = self.next().unwrap_or(Duration::MAX),
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_a_row_for_each_timer() {
        for (row, timer) in Timer::ALL.into_iter().enumerate() {
            assert_eq!(timer as usize, row);
        }
    }

    #[test]
    fn a_timer_fires_once() {
        let mut timers = Timers::new();
        timers.start(Timer::Sack, Duration::from_secs(1));
        assert_eq!(timers.expired(Duration::from_millis(999)), None);
        assert_eq!(timers.expired(Duration::from_secs(1)), Some(Timer::Sack));
        assert_eq!(timers.expired(Duration::from_secs(9)), None);
        assert_eq!(timers.next(), None);
    }
}
