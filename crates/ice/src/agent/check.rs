//! Sending: what goes out next, and when. RFC 8445 sections 6.1.4.2 and 14.

use std::time::Duration;

use antiphon_stun::{Retransmission, WriteError};

use crate::candidate::Protocol;
use crate::config::{DEFAULT_TA, MIN_TA, Role};
use crate::diagnosis::Trace;
use crate::message::{Check, write_query};
use crate::path::Path;

use super::Agent;
use super::generation::{Generation, Nomination};
use super::pair::State;
use super::transactions::{Entry, Purpose};

/// When transactions begin.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Pacer {
    /// The start of the latest one.
    last: Option<Duration>,
    last_resend: Option<Duration>,
    /// The latest one asked a STUN server; the next is a check, if there is one.
    last_was_query: bool,
}

/// What kind of transaction may begin.
#[derive(Clone, Copy, Debug)]
enum Next {
    Nomination(Path),
    Triggered,
    Ordinary(Path),
    Query,
}

impl Agent {
    /// The pause between two transactions that nobody asked us for.
    //= rfc8445#14.2
    // The higher of what both agents propose; who proposes nothing proposes the default.
    pub(super) fn ta(&self) -> Duration {
        self.config.ta.max(self.remote_pacing.unwrap_or(DEFAULT_TA)).max(MIN_TA)
    }

    /// The moment from which a transaction may begin that keeps `gap` to the one before.
    fn slot(&self, gap: Duration) -> Duration {
        self.pacer.last.map_or(Duration::ZERO, |last| last.saturating_add(gap))
    }

    /// What may begin next, and when.
    fn next_transaction(&self) -> Option<(Duration, Next)> {
        //= rfc8445#8.1.1
        // A nomination does not wait behind other checks, only for the floor of all transactions.
        if let Nomination::Asked { path, sent: false, .. } = self.current.nomination {
            return Some((self.slot(MIN_TA), Next::Nomination(path)));
        }
        //= rfc8445#2.5
        // A lite agent sends no checks.
        let checks = self.current.remote.is_some() && !self.current.failed && !self.config.lite;
        //= rfc8445#6.1.4.2
        // Triggered checks come first. Their peer proved itself and paces them, so they keep only
        // the distance that RFC 8445 section 14.2 demands of all transactions.
        if checks && self.current.checklist.has_triggered() {
            return Some((self.slot(MIN_TA), Next::Triggered));
        }
        let ordinary = checks.then(|| self.current.checklist.next_ordinary()).flatten();
        let has_query = !self.gathering.queries.is_empty();
        // Checks and queries take turns.
        match ordinary {
            Some(path) if self.pacer.last_was_query || !has_query => {
                // The first check of a checklist does not wait for what was sent before it.
                let gap = if self.current.has_checked { self.ta() } else { MIN_TA };
                Some((self.slot(gap), Next::Ordinary(path)))
            }
            Some(path) if !self.current.has_checked => {
                Some((self.slot(MIN_TA), Next::Ordinary(path)))
            }
            Some(_) | None => has_query.then(|| (self.slot(self.ta()), Next::Query)),
        }
    }

    /// The moment of the next transaction that is paced.
    pub(super) fn next_paced(&self) -> Duration {
        self.next_transaction().map_or(Duration::MAX, |(due, _)| due)
    }

    /// The moment of the next retransmission. They keep a distance too.
    pub(super) fn next_resend(&self) -> Duration {
        let due = self.transactions.next_resend(&self.clock);
        let slot =
            self.pacer.last_resend.map_or(Duration::ZERO, |last| last.saturating_add(MIN_TA));
        due.max(slot)
    }

    /// Sends a request again, if one is due.
    pub(super) fn resend(&mut self, buf: &mut [u8]) -> Option<(Path, usize)> {
        if self.next_resend() > self.clock.now() {
            return None;
        }
        let entry = self.transactions.poll_resend(&self.clock)?;
        self.pacer.last_resend = Some(self.clock.now());
        let len = self.write_request(&entry, buf).ok()?;
        Some((entry.path, len))
    }

    /// Begins the next transaction, if its time has come.
    pub(super) fn send_paced(&mut self, buf: &mut [u8]) -> Option<(Path, usize)> {
        let (due, next) = self.next_transaction()?;
        if due > self.clock.now() {
            return None;
        }
        let (path, purpose) = match next {
            Next::Nomination(path) => (path, self.begin_nomination(path)),
            Next::Query => self.gathering.queries.pop_front()?,
            Next::Triggered => {
                let path = self.current.checklist.pop_triggered()?;
                (path, self.begin_check(path)?)
            }
            Next::Ordinary(path) => (path, self.begin_check(path)?),
        };
        self.note_start(matches!(next, Next::Query));
        self.send(path, purpose, buf)
    }

    fn note_start(&mut self, is_query: bool) {
        self.pacer.last = Some(self.clock.now());
        self.pacer.last_was_query = is_query;
    }

    /// Marks a pair as being checked; `None` when there is nothing to send yet.
    fn begin_check(&mut self, path: Path) -> Option<Purpose> {
        let pair = self.current.checklist.get_mut(path)?;
        if !pair.is_pending() {
            return None;
        }
        pair.state = State::InProgress;
        self.current.has_checked = true;
        self.trace(Trace::CheckSent { path });
        if !self.is_connected(path) {
            // Opening a connection is paced like a check.
            self.note_start(false);
            self.connect(path);
            return None;
        }
        Some(Purpose::Check { generation: self.current.number, check: self.check(path, None) })
    }

    /// Repeats the check of the pair that is to be nominated, now with USE-CANDIDATE.
    fn begin_nomination(&mut self, path: Path) -> Purpose {
        if let Nomination::Asked { sent, .. } = &mut self.current.nomination {
            *sent = true;
        }
        let number = self.current.nomination_number.map_or(1, |known| known.saturating_add(1));
        self.current.nomination_number = Some(number);
        let check = self.check(path, Some(number));
        Purpose::Check { generation: self.current.number, check }
    }

    /// What a request along this path says; `nomination` is the number of the nomination, if it is
    /// one.
    pub(super) fn check(&self, path: Path, nomination: Option<u32>) -> Check {
        let nomination = nomination.filter(|_| self.role == Role::Controlling);
        let form = self.renomination();
        Check {
            priority: self.check_priority(path.base()),
            role: self.role,
            tie_breaker: self.tie_breaker,
            use_candidate: nomination.is_some(),
            nomination: form.zip(nomination),
        }
    }

    /// Begins a transaction and writes its request.
    pub(super) fn send(
        &mut self,
        path: Path,
        purpose: Purpose,
        buf: &mut [u8],
    ) -> Option<(Path, usize)> {
        let schedule = self.schedule(path, purpose);
        let id = self.random.transaction_id();
        self.transactions.begin(&self.clock, id, path, purpose, schedule);
        let entry = *self.transactions.find(id)?;
        let len = self.write_request(&entry, buf).ok()?;
        Some((path, len))
    }

    fn schedule(&self, path: Path, purpose: Purpose) -> Retransmission {
        let active = match purpose {
            //= rfc7675#5.1
            // A consent request is sent once.
            Purpose::Consent { .. } => {
                let mut once = Retransmission::with_rto(self.config.consent_lifetime());
                once.max_transmissions = 1;
                once.last_wait = 1;
                return once;
            }
            Purpose::Check { .. } => self.current.checklist.active(),
            Purpose::Query | Purpose::Keepalive => {
                self.bases.len().saturating_mul(self.gathering.servers.len())
            }
        };
        //= rfc6544#7.1
        // Nothing is sent again over TCP, which does that by itself.
        if path.protocol == Protocol::Tcp {
            return Retransmission::OVER_STREAM;
        }
        //= rfc8445#14.3
        // The more checks are active the longer each of them waits, but never less than 500 ms.
        let active = u32::try_from(active).unwrap_or(u32::MAX);
        let rto = self.ta().saturating_mul(active).max(Duration::from_millis(500));
        Retransmission::with_rto(rto)
    }

    fn write_request(&mut self, entry: &Entry, buf: &mut [u8]) -> Result<usize, WriteError> {
        self.count_request(entry);
        match entry.purpose {
            Purpose::Query | Purpose::Keepalive => write_query(entry.id(), buf),
            Purpose::Check { generation, check } | Purpose::Consent { generation, check } => {
                match self.generation(generation).and_then(|known| known.remote.as_ref()) {
                    Some(remote) => check.write(entry.id(), &remote.username, &remote.key, buf),
                    // Requests of a generation are forgotten with it.
                    None => Ok(0),
                }
            }
        }
    }

    fn count_request(&mut self, entry: &Entry) {
        self.counters.requests_sent = self.counters.requests_sent.saturating_add(1);
        let (generation, is_consent) = match entry.purpose {
            Purpose::Query | Purpose::Keepalive => return,
            Purpose::Check { generation, .. } => (generation, false),
            Purpose::Consent { generation, .. } => (generation, true),
        };
        if !is_consent {
            self.evidence.checks_sent = self.evidence.checks_sent.saturating_add(1);
        }
        let generation = self.generation_mut(generation);
        if let Some(pair) = generation.and_then(|known| known.checklist.get_mut(entry.path)) {
            let counters = &mut pair.counters;
            counters.requests_sent = counters.requests_sent.saturating_add(1);
            if is_consent {
                counters.consent_requests_sent = counters.consent_requests_sent.saturating_add(1);
            }
        }
    }

    pub(super) fn generation(&self, number: u32) -> Option<&Generation> {
        let previous = self.previous.as_ref().map(|previous| &previous.generation);
        std::iter::once(&self.current).chain(previous).find(|known| known.number == number)
    }

    pub(super) fn generation_mut(&mut self, number: u32) -> Option<&mut Generation> {
        let previous = self.previous.as_mut().map(|previous| &mut previous.generation);
        std::iter::once(&mut self.current).chain(previous).find(|known| known.number == number)
    }
}
