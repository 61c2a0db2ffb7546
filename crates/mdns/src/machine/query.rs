//! Names of peers: asking until somebody answers.

use std::time::{Duration, Instant};

use super::send::Send;
use super::{Mdns, Task};
use crate::interface::Family;
use crate::{Event, InterfaceId, Name, ResolveError, Unresolved};

/// Replies to us alone are taken so long after we asked for them.
const UNICAST_WINDOW: Duration = Duration::from_secs(2);

/// The interval between the first two queries; each later one is twice as long.
const FIRST_INTERVAL: Duration = Duration::from_secs(1);

/// A name that is being resolved.
#[derive(Debug)]
pub(super) struct Query {
    /// Queries sent.
    sent: u32,
    /// When it is given up.
    deadline: Duration,
    /// When the query that wants a unicast response was sent.
    asked_unicast: Option<Duration>,
    /// What the timer waits for.
    next: Duration,
}

impl Query {
    /// Whether a unicast response is expected now.
    pub(super) fn expects_unicast(&self, now: Duration) -> bool {
        self.asked_unicast.is_some_and(|asked| now.saturating_sub(asked) <= UNICAST_WINDOW)
    }
}

impl Mdns {
    /// Starts to resolve the name of a peer's candidate; an [`Event`] tells the end. A name that is
    /// being resolved is not asked for twice: one event tells all who wait for it.
    ///
    /// Nothing is kept after that event: a name is resolved once, and asked for again when it is
    /// resolved again.
    ///
    /// # Errors
    ///
    /// [`ResolveError::TooMany`]; events that nobody fetched count, too.
    pub fn resolve(&mut self, now: Instant, name: Name) -> Result<(), ResolveError> {
        self.clock.advance(now);
        if self.queries.contains_key(&name) {
            return Ok(());
        }
        if self.queries.len().saturating_add(self.events.len()) >= self.config.max_queries {
            return Err(ResolveError::TooMany { limit: self.config.max_queries });
        }
        if let Some(address) = self.address_of(name) {
            self.stats.resolved = self.stats.resolved.saturating_add(1);
            self.events.push_back(Event::Resolved { name, address, interface: None });
            return Ok(());
        }
        //= rfc6762#5.2
        // The first query waits a moment, so that not all ask at once.
        let delay = self.between(20, 120);
        let deadline = self.clock.after(self.config.query_timeout);
        let next = self.clock.after(delay).min(deadline);
        self.queries.insert(name, Query { sent: 0, deadline, asked_unicast: None, next });
        self.timers.insert((next, Task::Query(name)));
        Ok(())
    }

    /// Resolves a name no longer; no event tells it.
    pub fn cancel(&mut self, now: Instant, name: Name) {
        self.clock.advance(now);
        self.end_query(name);
    }

    fn end_query(&mut self, name: Name) -> Option<Query> {
        let query = self.queries.remove(&name)?;
        self.timers.remove(&(query.next, Task::Query(name)));
        Some(query)
    }

    /// Tells how a query ended.
    pub(super) fn conclude(&mut self, name: Name, event: Event) {
        if self.end_query(name).is_none() {
            return;
        }
        let counter = match event {
            Event::Resolved { .. } => &mut self.stats.resolved,
            Event::Unresolved { .. } => &mut self.stats.unresolved,
        };
        *counter = counter.saturating_add(1);
        self.events.push_back(event);
    }

    /// Asks on all interfaces and families, or gives up.
    pub(super) fn ask_again(&mut self, name: Name) {
        let now = self.clock.now();
        let Some(query) = self.queries.get_mut(&name) else { return };
        if now >= query.deadline {
            self.conclude(name, Event::Unresolved { name, reason: Unresolved::TimedOut });
            return;
        }
        // The draft wants a unicast response to the first query (section 3.2.1), which is the one
        // that most likely finds the only host that cares; RFC 6762 section 5.4 wants the others
        // to be usual ones.
        let unicast = query.sent == 0;
        if unicast {
            query.asked_unicast = Some(now);
        }
        //= rfc6762#5.2
        // The second query follows after a second, and each later interval is twice as long.
        let interval = FIRST_INTERVAL.saturating_mul(2_u32.saturating_pow(query.sent));
        query.sent = query.sent.saturating_add(1);
        query.next = now.saturating_add(interval).min(query.deadline);
        self.timers.insert((query.next, Task::Query(name)));
        let groups: Vec<(InterfaceId, Family)> = self
            .interfaces
            .iter()
            .flat_map(|(id, interface)| {
                let speaks = move |family: &Family| interface.speaks(*family);
                Family::ALL.into_iter().filter(speaks).map(move |family| (*id, family))
            })
            .collect();
        //= rfc6762#3
        // Names under .local are asked for nowhere but in the groups of the links.
        for (interface, family) in groups {
            self.push(Send::Query { interface, family, name, unicast });
        }
    }
}
