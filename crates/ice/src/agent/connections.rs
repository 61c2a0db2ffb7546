//! TCP connections (RFC 6544 section 7): who opens them, and what becomes of their pairs. They
//! belong to the agent and not to a generation: a restart goes on using them.

use std::time::{Duration, Instant};

use crate::candidate::{Protocol, TcpType};
use crate::diagnosis::Trace;
use crate::event::Event;
use crate::path::Path;

use super::Agent;
use super::pair::State;

/// The connections that the agent knows of.
#[derive(Debug, Default)]
pub(crate) struct Connections(Vec<Connection>);

#[derive(Debug)]
struct Connection {
    /// Canonical.
    path: Path,
    state: Link,
}

/// How a connection stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Link {
    /// The owner opens it and has until then.
    Opening {
        until: Duration,
    },
    Open,
}

impl Connections {
    fn find(&mut self, path: Path) -> Option<&mut Connection> {
        self.0.iter_mut().find(|known| known.path == path)
    }

    fn is_open(&self, path: Path) -> bool {
        self.0.iter().any(|known| known.path == path && known.state == Link::Open)
    }

    pub(crate) fn next_expiry(&self) -> Duration {
        let opening = self.0.iter().filter_map(|known| match known.state {
            Link::Opening { until } => Some(until),
            Link::Open => None,
        });
        opening.min().unwrap_or(Duration::MAX)
    }

    pub(crate) fn clear(&mut self) {
        self.0 = Vec::new();
    }
}

impl Agent {
    //= rfc6544#9.2
    // A restart closes no connection that is in use, and opens no second one beside it.
    /// Whether datagrams can go along a path now. Paths over UDP are always open.
    pub(super) fn is_connected(&self, path: Path) -> bool {
        match path.protocol {
            Protocol::Udp => true,
            Protocol::Tcp => self.connections.is_open(path),
        }
    }

    /// Opens the connection that the check of a pair needs.
    //= rfc6544#7.1
    // Before a check there has to be a connection; the active end opens it, from its own address.
    pub(super) fn connect(&mut self, path: Path) {
        let opens = self.base(path.base()).and_then(|base| base.tcp_type());
        let simultaneous = match opens {
            Some(TcpType::Active) => false,
            Some(TcpType::SimultaneousOpen) => true,
            // The peer has to come again.
            Some(TcpType::Passive) | None => return self.current.checklist.fail(path),
        };
        if self.connections.find(path).is_some() {
            return; // being opened already
        }
        // attack: a description makes us open connections without end
        if self.connections.0.len() >= self.config.max_connections {
            return self.current.checklist.fail(path);
        }
        let until = self.clock.after(self.config.connect_timeout);
        self.connections.0.push(Connection { path, state: Link::Opening { until } });
        self.trace(Trace::Connecting { path });
        self.events.push(Event::Connect { path: self.driver_path(path), simultaneous });
    }

    /// The connection that [`Event::Connect`] asked for is open.
    pub fn connection_established(&mut self, now: Instant, path: Path) {
        self.handle_timeout(now);
        let path = path.canonical();
        let Some(known) = self.connections.find(path) else { return };
        known.state = Link::Open;
        if self.current.checklist.get(path).is_some_and(|pair| pair.is_pending()) {
            self.current.checklist.trigger(path);
        }
        self.settle();
    }

    /// The connection could not be opened, or is closed. Its pair is dead at once.
    pub fn connection_failed(&mut self, now: Instant, path: Path) {
        self.handle_timeout(now);
        self.connection_lost(path.canonical());
        self.settle();
    }

    fn connection_lost(&mut self, path: Path) {
        let before = self.connections.0.len();
        self.connections.0.retain(|known| known.path != path);
        if self.connections.0.len() == before {
            return;
        }
        self.evidence.connections_failed = self.evidence.connections_failed.saturating_add(1);
        self.trace(Trace::ConnectionFailed { path });
        self.kill_path(path);
    }

    /// Ends what a path carried, in all generations.
    fn kill_path(&mut self, path: Path) {
        self.transactions.forget_path(path);
        self.outbox.retain(|reply| reply.path != path);
        if let Some(previous) = &mut self.previous {
            previous.generation.checklist.fail(path);
        }
        let Some(pair) = self.current.checklist.get(path) else { return };
        let was_valid = pair.valid().is_some();
        //= rfc6544#7.1
        // A connection that cannot be opened is a check that failed.
        self.current.checklist.fail(path);
        self.current.nomination.abandon(path);
        if was_valid && self.current.concluded() == Some(path) {
            self.reopen(path);
        }
    }

    /// The connection of the nominated pair is gone: it gets another chance, as long as consent
    /// would have lasted.
    //= rfc6544#11.1
    // The active end opens the connection of the selected pair again and checks it; the passive end
    // waits for that.
    fn reopen(&mut self, path: Path) {
        self.current.reconnect_until = Some(self.clock.after(self.config.consent_lifetime()));
        let opens = self.base(path.base()).and_then(|base| base.tcp_type());
        if matches!(opens, Some(TcpType::Active | TcpType::SimultaneousOpen)) {
            self.current.checklist.trigger(path);
        }
    }

    /// Whether the nominated pair may come back over another connection.
    pub(super) fn is_reconnecting(&self) -> bool {
        self.current.reconnect_until.is_some_and(|until| until > self.clock.now())
    }

    /// Notes the connection that an authentic request came over; `false` when there are too many.
    //= rfc6544#7.2
    // Connections that arrive at passive and simultaneous-open candidates are accepted.
    pub(super) fn connection_seen(&mut self, path: Path) -> bool {
        if path.protocol == Protocol::Udp {
            return true;
        }
        if let Some(known) = self.connections.find(path) {
            known.state = Link::Open;
            return true;
        }
        if self.connections.0.len() >= self.config.max_connections {
            return false;
        }
        self.connections.0.push(Connection { path, state: Link::Open });
        true
    }

    /// Gives up on connections that do not open.
    pub(super) fn expire_connections(&mut self) {
        let now = self.clock.now();
        let overdue =
            |known: &&Connection| matches!(known.state, Link::Opening { until } if until <= now);
        let late: Vec<_> = self.connections.0.iter().filter(overdue).map(|c| c.path).collect();
        for path in late {
            self.events.push(Event::Disconnect(self.driver_path(path)));
            self.connection_lost(path);
        }
    }

    /// Closes the connections that no pair needs any more.
    //= rfc6544#11.1
    // The connection of a selected pair stays as long as the pair, through restarts too; the others
    // go when ICE has chosen.
    //= rfc6544#8
    // When ICE concludes, connections close that are not those of the selected pair.
    pub(super) fn close_unused_connections(&mut self) {
        if self.connections.0.is_empty() {
            return;
        }
        let previous = self.previous.as_ref().map(|previous| &previous.generation);
        let generations = || std::iter::once(&self.current).chain(previous);
        let needed = |path: Path| {
            generations().any(|generation| {
                generation
                    .checklist
                    .get(path)
                    .is_some_and(|pair| !matches!(pair.state, State::Failed | State::Revoked))
            }) || generations().any(|known| known.early.iter().any(|check| check.path == path))
                || self.outbox.has(path)
        };
        let unused: Vec<Path> =
            self.connections.0.iter().map(|c| c.path).filter(|path| !needed(*path)).collect();
        for path in unused {
            self.connections.0.retain(|known| known.path != path);
            self.transactions.forget_path(path);
            self.events.push(Event::Disconnect(self.driver_path(path)));
        }
    }
}
