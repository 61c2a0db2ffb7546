//! Requests on their way, whatever they are for.

use std::time::Duration;

use antiphon_stun::{Retransmission, Transaction, TransactionId, TransactionState};

use crate::clock::Clock;
use crate::message::Check;
use crate::path::{BaseId, Path};

/// Room for so many is kept, so that consent does not allocate; checking takes more for a while.
const FEW: usize = 8;

/// What a request is for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Purpose {
    /// Finding out whether a pair works, or nominating it.
    Check { generation: u32, check: Check },
    /// Keeping consent fresh.
    Consent { generation: u32, check: Check },
    /// Asking a STUN server for our address.
    Query,
    /// Keeping such an address alive.
    Keepalive,
}

impl Purpose {
    fn generation(self) -> Option<u32> {
        match self {
            Self::Check { generation, .. } | Self::Consent { generation, .. } => Some(generation),
            Self::Query | Self::Keepalive => None,
        }
    }
}

/// One request on its way.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    transaction: Transaction,
    max_transmissions: u32,
    stopped: bool,
    /// Canonical.
    pub(crate) path: Path,
    pub(crate) purpose: Purpose,
}

impl Entry {
    pub(crate) fn id(&self) -> TransactionId {
        self.transaction.id()
    }

    /// Whether it is the check that decides about its pair: not one that a newer one replaced.
    pub(crate) fn is_live_check(&self) -> bool {
        !self.stopped && matches!(self.purpose, Purpose::Check { .. })
    }

    pub(crate) fn is_query(&self) -> bool {
        matches!(self.purpose, Purpose::Query)
    }

    fn wants_sending(&self) -> bool {
        !self.stopped && self.transaction.transmissions() < self.max_transmissions
    }

    fn next(&self, clock: &Clock) -> Duration {
        self.transaction.poll_timeout().map_or(Duration::MAX, |next| clock.moment(next))
    }

    fn is_of_pair(&self, generation: u32, path: Path) -> bool {
        self.path == path && self.purpose.generation() == Some(generation)
    }

    /// The round trip, when it is known which transmission was answered.
    pub(crate) fn complete(mut self, clock: &Clock) -> Option<Duration> {
        self.transaction.complete(clock.now_instant())
    }
}

/// All requests on their way.
#[derive(Debug, Default)]
pub(crate) struct Transactions(Vec<Entry>);

impl Transactions {
    /// Begins a transaction; the caller sends its request now.
    pub(crate) fn begin(
        &mut self,
        clock: &Clock,
        id: TransactionId,
        path: Path,
        purpose: Purpose,
        schedule: Retransmission,
    ) {
        let now = clock.now_instant();
        let mut transaction = Transaction::new(schedule, id, now);
        transaction.poll_transmit(now);
        let max_transmissions = schedule.max_transmissions;
        self.0.push(Entry { transaction, max_transmissions, stopped: false, path, purpose });
    }

    /// The pending transaction with this id.
    pub(crate) fn find(&self, id: TransactionId) -> Option<&Entry> {
        self.0.iter().find(|entry| entry.id() == id)
    }

    /// Ends a transaction.
    pub(crate) fn take(&mut self, id: TransactionId) -> Option<Entry> {
        let index = self.0.iter().position(|entry| entry.id() == id)?;
        let entry = self.0.swap_remove(index);
        if self.0.is_empty() && self.0.capacity() > FEW {
            self.0 = Vec::new();
        }
        Some(entry)
    }

    /// The request to send again now, if there is one. It counts as sent.
    pub(crate) fn poll_resend(&mut self, clock: &Clock) -> Option<Entry> {
        let now = clock.now();
        let due = |entry: &&mut Entry| entry.wants_sending() && entry.next(clock) <= now;
        let entry = self.0.iter_mut().filter(due).min_by_key(|entry| entry.next(clock))?;
        entry.transaction.poll_transmit(clock.now_instant()).then_some(*entry)
    }

    /// Takes a transaction that nobody answered in time.
    pub(crate) fn poll_timed_out(&mut self, clock: &Clock) -> Option<Entry> {
        let now = clock.now_instant();
        let index = self.0.iter_mut().position(|entry| {
            entry.transaction.handle_timeout(now);
            entry.transaction.state() == TransactionState::TimedOut
        })?;
        Some(self.0.swap_remove(index))
    }

    /// When the next retransmission is due.
    pub(crate) fn next_resend(&self, clock: &Clock) -> Duration {
        let waiting = self.0.iter().filter(|entry| entry.wants_sending());
        waiting.map(|entry| entry.next(clock)).min().unwrap_or(Duration::MAX)
    }

    /// When the next transaction times out.
    pub(crate) fn next_timeout(&self, clock: &Clock) -> Duration {
        let waiting = self.0.iter().filter(|entry| !entry.wants_sending());
        waiting.map(|entry| entry.next(clock)).min().unwrap_or(Duration::MAX)
    }

    /// Checks of a pair that may still be answered.
    pub(crate) fn checks_of(&self, generation: u32, path: Path) -> usize {
        self.0
            .iter()
            .filter(|entry| {
                entry.is_of_pair(generation, path) && matches!(entry.purpose, Purpose::Check { .. })
            })
            .count()
    }

    /// Stops sending the checks of a pair; their answers still count.
    //= rfc8445#7.3.1.4
    // A cancelled check is not sent again and does not fail its pair, but may still succeed.
    pub(crate) fn stop_checks_of(&mut self, clock: &Clock, generation: u32, path: Path) {
        for entry in &mut self.0 {
            if entry.is_of_pair(generation, path) && entry.is_live_check() {
                entry.transaction.stop_retransmitting(clock.now_instant());
                entry.stopped = true;
            }
        }
    }

    /// Stops sending all checks of a generation except those of one pair.
    pub(crate) fn stop_checks_except(&mut self, clock: &Clock, generation: u32, path: Path) {
        for entry in &mut self.0 {
            let other = entry.path != path && entry.purpose.generation() == Some(generation);
            if other && entry.is_live_check() {
                entry.transaction.stop_retransmitting(clock.now_instant());
                entry.stopped = true;
            }
        }
    }

    /// Forgets the requests of one pair.
    pub(crate) fn forget_pair(&mut self, generation: u32, path: Path) {
        self.0.retain(|entry| !entry.is_of_pair(generation, path));
    }

    /// Forgets the checks of one pair; its consent requests stay.
    pub(crate) fn forget_checks_of(&mut self, generation: u32, path: Path) {
        self.0.retain(|entry| {
            !(entry.is_of_pair(generation, path) && matches!(entry.purpose, Purpose::Check { .. }))
        });
    }

    /// Forgets everything that one of our addresses sent.
    pub(crate) fn forget_base(&mut self, base: BaseId) {
        self.0.retain(|entry| entry.path.base() != base);
    }

    /// Forgets everything that went along a path.
    pub(crate) fn forget_path(&mut self, path: Path) {
        self.0.retain(|entry| entry.path != path);
    }

    /// Forgets the checks of all generations but `current`, the consent requests of all but
    /// `current` and `previous`, and what STUN servers were asked.
    pub(crate) fn forget_for_restart(&mut self, current: u32, previous: Option<u32>) {
        self.0.retain(|entry| match entry.purpose {
            Purpose::Check { generation, .. } => generation == current,
            Purpose::Consent { generation, .. } => {
                generation == current || Some(generation) == previous
            }
            Purpose::Query | Purpose::Keepalive => false,
        });
    }

    /// Forgets the requests of all generations but `current`.
    pub(crate) fn forget_for_previous(&mut self, current: u32) {
        self.0.retain(|entry| entry.purpose.generation().is_none_or(|number| number == current));
    }

    /// Forgets everything.
    pub(crate) fn clear(&mut self) {
        self.0 = Vec::new();
    }

    pub(crate) fn has_query(&self) -> bool {
        self.0.iter().any(Entry::is_query)
    }
}
