use std::time::{Duration, Instant};

use crate::clock::Clock;
use crate::{MessageView, TransactionId};

/// When a request is sent again, and when to stop waiting (RFC 8489 section 6.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Retransmission {
    /// The wait after the first transmission; each next wait is twice as long. Default 500 ms,
    /// the least that RFC 8489 allows before the round trip is known; ICE computes it
    /// (RFC 8445 section 14.3).
    pub rto: Duration,
    /// How often the request is sent at most, Rc. Default 7; 0 counts as 1.
    pub max_transmissions: u32,
    /// The wait after the last transmission in units of `rto`, Rm. Default 16.
    pub last_wait: u32,
}

impl Default for Retransmission {
    /// Over UDP: sent at 0, 0.5, 1.5, 3.5, 7.5, 15.5 and 31.5 s, given up at 39.5 s.
    fn default() -> Self {
        Self { rto: Duration::from_millis(500), max_transmissions: 7, last_wait: 16 }
    }
}

impl Retransmission {
    /// Over TCP and TLS: sent once, given up after 39.5 s, Ti (RFC 8489 section 6.2.2).
    pub const OVER_STREAM: Self =
        Self { rto: Duration::from_millis(39_500), max_transmissions: 1, last_wait: 1 };

    /// The default with another first wait.
    #[must_use]
    pub fn with_rto(rto: Duration) -> Self {
        Self { rto, ..Self::default() }
    }
}

/// One request on its way: says when to send it and when to give up (RFC 8489 section 6.2.1).
///
/// It holds no bytes: the owner writes the same message, with the same id, each time
/// [`poll_transmit`](Self::poll_transmit) says so. Whether a response is acceptable (its integrity,
/// its source) is the owner's decision too; a forged one must not end the transaction.
///
/// ```text
///            poll_transmit (Rc times)
///              +-----+
///              v     |
///  new ----> Pending-+--- complete ----> Completed
///              |
///              +--------- Rm x RTO ----> TimedOut
/// ```
///
/// ```
/// use antiphon_stun::{Retransmission, Transaction, TransactionId, TransactionState};
/// use std::time::Duration;
/// # let start = std::time::Instant::now();
///
/// let mut transaction =
///     Transaction::new(Retransmission::default(), TransactionId([1; 12]), start);
/// assert!(transaction.poll_transmit(start));  // the first time at once
/// assert!(!transaction.poll_transmit(start)); // and not again before poll_timeout()
/// assert_eq!(transaction.poll_timeout(), Some(start + Duration::from_millis(500)));
///
/// let answered = start + Duration::from_millis(20);
/// assert_eq!(transaction.complete(answered), Some(Duration::from_millis(20)));
/// assert_eq!(transaction.state(), TransactionState::Completed);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Transaction {
    id: TransactionId,
    clock: Clock,
    retransmission: Retransmission,
    phase: Phase,
}

/// How a [`Transaction`] stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransactionState {
    /// Waiting for the response, and sending again in the meantime.
    Pending,
    /// Answered.
    Completed,
    /// Nobody answered in time.
    TimedOut,
}

#[derive(Clone, Copy, Debug)]
enum Phase {
    /// To be sent at `due`, for the time after `sent`.
    Sending {
        sent: u32,
        first: Duration,
        due: Duration,
    },
    /// Sent for the last time; given up at `until`.
    Waiting {
        sent: u32,
        first: Duration,
        until: Duration,
    },
    Completed,
    TimedOut,
}

impl Transaction {
    /// A request that is due at `now`.
    #[must_use]
    pub fn new(retransmission: Retransmission, id: TransactionId, now: Instant) -> Self {
        let clock = Clock::starting(now);
        let due = clock.now();
        Self { id, clock, retransmission, phase: Phase::Sending { sent: 0, first: due, due } }
    }

    /// The id that each transmission and the response carry.
    #[must_use]
    pub const fn id(&self) -> TransactionId {
        self.id
    }

    /// How it stands, as of the latest `now`.
    #[must_use]
    pub const fn state(&self) -> TransactionState {
        match self.phase {
            Phase::Sending { .. } | Phase::Waiting { .. } => TransactionState::Pending,
            Phase::Completed => TransactionState::Completed,
            Phase::TimedOut => TransactionState::TimedOut,
        }
    }

    /// How often the request was sent; 0 once the transaction is over.
    #[must_use]
    pub const fn transmissions(&self) -> u32 {
        match self.phase {
            Phase::Sending { sent, .. } | Phase::Waiting { sent, .. } => sent,
            Phase::Completed | Phase::TimedOut => 0,
        }
    }

    /// Whether `response` is a response and carries this transaction's id, while it is pending.
    #[must_use]
    pub fn is_answered_by(&self, response: &MessageView<'_>) -> bool {
        let is_response = match response.class() {
            crate::Class::Success | crate::Class::Error => true,
            crate::Class::Request | crate::Class::Indication => false,
        };
        is_response
            && response.transaction_id() == self.id
            && self.state() == TransactionState::Pending
    }

    /// Whether to send the request now. A `true` counts as sent at `now`.
    pub fn poll_transmit(&mut self, now: Instant) -> bool {
        self.handle_timeout(now);
        let Phase::Sending { sent, first, due } = self.phase else { return false };
        if due > self.clock.now() {
            return false;
        }
        let first = if sent == 0 { self.clock.now() } else { first };
        let sent = sent.saturating_add(1);
        let Retransmission { rto, max_transmissions, last_wait } = self.retransmission;
        self.phase = if sent >= max_transmissions {
            //= rfc8489#6.2.1
            // After the last transmission the client waits Rm times the RTO.
            let until = self.clock.after(rto.saturating_mul(last_wait));
            Phase::Waiting { sent, first, until }
        } else {
            //= rfc8489#6.2.1
            // The wait doubles with each transmission.
            let doubled = 1u32.checked_shl(sent.saturating_sub(1)).unwrap_or(u32::MAX);
            Phase::Sending { sent, first, due: self.clock.after(rto.saturating_mul(doubled)) }
        };
        true
    }

    /// Sends no more but still takes a response, as long as the whole schedule would have lasted
    /// from now (ICE: RFC 8445 section 7.3.1.4, a check that a newer one replaces).
    pub fn stop_retransmitting(&mut self, now: Instant) {
        self.handle_timeout(now);
        let Phase::Sending { sent, first, .. } = self.phase else { return };
        let Retransmission { rto, max_transmissions, last_wait } = self.retransmission;
        let done = 1u32.checked_shl(sent.saturating_sub(1)).unwrap_or(u32::MAX);
        let all = 1u32.checked_shl(max_transmissions.max(1).saturating_sub(1)).unwrap_or(u32::MAX);
        let units = all.saturating_sub(if sent == 0 { 1 } else { done });
        let until = self.clock.after(rto.saturating_mul(units.saturating_add(last_wait)));
        self.phase = Phase::Waiting { sent, first, until };
    }

    /// Takes note that an acceptable response arrived. `Some` is the round trip, known only when
    /// the request was sent once: otherwise nobody knows which transmission was answered (Karn).
    pub fn complete(&mut self, now: Instant) -> Option<Duration> {
        self.clock.advance(now);
        let round_trip = match self.phase {
            Phase::Sending { sent: 1, first, .. } | Phase::Waiting { sent: 1, first, .. } => {
                Some(self.clock.now().saturating_sub(first))
            }
            Phase::Sending { .. } | Phase::Waiting { .. } => None,
            Phase::Completed | Phase::TimedOut => return None,
        };
        self.phase = Phase::Completed;
        round_trip
    }

    /// Lets time pass until `now`.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.clock.advance(now);
        if matches!(self.phase, Phase::Waiting { until, .. } if until <= self.clock.now()) {
            self.phase = Phase::TimedOut;
        }
    }

    /// When to call [`poll_transmit`](Self::poll_transmit) next; `None` once it is over.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        match self.phase {
            Phase::Sending { due, .. } => self.clock.instant(due),
            Phase::Waiting { until, .. } => self.clock.instant(until),
            Phase::Completed | Phase::TimedOut => None,
        }
    }
}
