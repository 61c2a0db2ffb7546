use std::time::Duration;

use crate::clock::Clock;

/// The shortest first wait that a round trip leads to.
const FLOOR: Duration = Duration::from_millis(50);

/// The longest first wait that a round trip leads to, and the wait while none is known.
const CEILING: Duration = Duration::from_millis(400);

/// When to send a flight again ([RFC 6347 section 4.2.4.1]).
///
/// [RFC 6347 section 4.2.4.1]: https://www.rfc-editor.org/rfc/rfc6347#section-4.2.4.1
#[derive(Debug)]
pub(crate) struct RetransmissionTimer {
    max: Duration,
    wait: Duration,
    /// When the flight was sent last, while an answer is awaited.
    sent: Option<Duration>,
    /// How often the flight was sent again because nothing came.
    pub(crate) expirations: u32,
}

impl RetransmissionTimer {
    pub(crate) fn new(initial: Duration, max: Duration) -> Self {
        Self { max, wait: initial, sent: None, expirations: 0 }
    }

    /// A flight is complete on its way: the wait for an answer begins.
    pub(crate) fn start(&mut self, now: Duration) {
        self.sent = Some(now);
    }

    /// The flight is going out, or answered: nothing to wait for.
    pub(crate) fn stop(&mut self) {
        self.sent = None;
    }

    /// A new flight begins, with a first wait of `initial`.
    pub(crate) fn reset(&mut self, initial: Duration) {
        (self.wait, self.sent, self.expirations) = (initial, None, 0);
    }

    /// The first wait turns out to be another one.
    pub(crate) fn adjust(&mut self, initial: Duration) {
        self.wait = initial;
    }

    pub(crate) fn deadline(&self) -> Option<Duration> {
        self.sent.map(|sent| sent.saturating_add(self.wait))
    }

    /// How long the flight waits now.
    pub(crate) fn wait(&self) -> Duration {
        self.wait
    }

    /// Says whether the wait is over, and doubles the next one if so.
    pub(crate) fn expire(&mut self, clock: &Clock) -> bool {
        let expired = self.deadline().is_some_and(|deadline| deadline <= clock.now());
        if expired {
            //= rfc6347#4.2.4.1
            // Each wait is twice the one before.
            self.wait = self.wait.saturating_mul(2).min(self.max);
            self.sent = None;
            self.expirations = self.expirations.saturating_add(1);
        }
        expired
    }

    /// Whether the flight went out so long ago that the peer's repetition may mean that it got
    /// lost, and is not just a datagram that the network doubled.
    pub(crate) fn is_answer_lost(&self, clock: &Clock) -> bool {
        self.sent.is_some_and(|sent| clock.now().saturating_sub(sent) >= self.wait / 2)
    }
}

/// The first wait for a path with this round trip.
pub(crate) fn initial_wait(configured: Option<Duration>, round_trip: Option<Duration>) -> Duration {
    let measured = round_trip.map_or(CEILING, |trip| trip.saturating_mul(3) / 2);
    configured.unwrap_or_else(|| measured.clamp(FLOOR, CEILING))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_wait_follows_the_round_trip_within_bounds() {
        let wait = |millis| initial_wait(None, Some(Duration::from_millis(millis))).as_millis();
        assert_eq!([wait(1), wait(100), wait(1000)], [50, 150, 400]);
        assert_eq!(initial_wait(None, None), CEILING);
        assert_eq!(initial_wait(Some(Duration::from_secs(1)), None), Duration::from_secs(1));
    }
}
