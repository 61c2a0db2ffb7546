//! The agent: its parts, the five verbs, and what can be asked of it.

mod answer;
mod base;
mod check;
mod checklist;
mod connections;
mod consent;
mod diagnose;
mod early;
mod gather;
mod generation;
mod lite;
mod names;
mod nominate;
mod outbox;
mod outcome;
mod pair;
mod permissions;
mod query;
mod remote;
mod restart;
mod state;
mod transactions;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use antiphon_crypto::CryptoError;
use antiphon_stun::MessageView;

use crate::clock::Clock;
use crate::config::{Config, Renomination, Role};
use crate::credentials::Credentials;
use crate::diagnosis::{Evidence, IceFailure, TraceLog};
use crate::error::{BufferTooSmall, InputError};
use crate::event::{ConnectionState, Event, Events, GatheringState};
use crate::message::MAX_OUTPUT;
use crate::path::{Path, Transmit, canonical, is_usable};
use crate::random::Random;
use crate::stats::Counters;

use base::Base;
use check::Pacer;
use connections::Connections;
use gather::Gathering;
use generation::Generation;
use outbox::{Limiter, Outbox};
use permissions::PermissionTable;
use restart::{Previous, Undo};
use transactions::Transactions;

/// An ICE agent for one component of one data stream, which is all that a bundled and multiplexed
/// connection has.
///
/// Call the verbs in any order and as often as you like: each of them leaves the agent consistent.
/// Time never runs backwards here; an older `now` counts as the latest one seen.
#[derive(Debug)]
pub struct Agent {
    config: Config,
    clock: Clock,
    random: Random,
    role: Role,
    tie_breaker: u64,
    remote_lite: bool,
    remote_pacing: Option<Duration>,
    remote_renomination: Option<Renomination>,
    bases: Vec<Base>,
    gathering: Gathering,
    current: Generation,
    previous: Option<Box<Previous>>,
    /// The way back from the latest restart.
    undo: Undo,
    transactions: Transactions,
    permissions: PermissionTable,
    connections: Connections,
    pacer: Pacer,
    outbox: Outbox,
    refusals: Limiter,
    events: Events,
    state: ConnectionState,
    gathering_state: GatheringState,
    /// Where data goes, with our address as the driver named it.
    selected: Option<Path>,
    selected_changes: u64,
    counters: Counters,
    state_since: Duration,
    evidence: Evidence,
    /// Candidates of the peer that were ignored, in this generation.
    ignored: u64,
    trace_log: TraceLog,
    /// Why the state is `Failed`, if it is.
    failure: Option<IceFailure>,
    /// Before this moment `poll_output` has nothing.
    send_at: Duration,
    /// Before this moment `handle_timeout` does nothing.
    wake_at: Duration,
}

impl Agent {
    /// An agent without addresses and without a peer.
    ///
    /// `seed` decides transaction ids and tiebreakers, so draw it from the operating system; the
    /// credentials come from the provider. Tests pass constants and get the same run every time.
    ///
    /// # Errors
    ///
    /// [`CryptoError`] when the provider has no randomness or no HMAC-SHA1.
    pub fn new(config: Config, seed: [u8; 32], now: Instant) -> Result<Self, CryptoError> {
        let credentials = Credentials::generate(&*config.provider)?;
        Self::with_credentials(config, credentials, seed, now)
    }

    /// An agent whose credentials were told to the peer before it was made. They must be new and
    /// random: whoever knows them can take part.
    ///
    /// # Errors
    ///
    /// [`CryptoError`] when the provider has no HMAC-SHA1.
    pub fn with_credentials(
        config: Config,
        credentials: Credentials,
        seed: [u8; 32],
        now: Instant,
    ) -> Result<Self, CryptoError> {
        let mut random = Random::new(seed);
        let current = Generation::new(&*config.provider, 0, credentials)?;
        let mut agent = Self {
            clock: Clock::starting(now),
            role: config.role,
            tie_breaker: random.tie_breaker(),
            random,
            remote_lite: false,
            remote_pacing: None,
            remote_renomination: None,
            bases: Vec::new(),
            gathering: Gathering::default(),
            current,
            previous: None,
            undo: Undo::Nothing,
            transactions: Transactions::default(),
            permissions: PermissionTable::default(),
            connections: Connections::default(),
            pacer: Pacer::default(),
            outbox: Outbox::default(),
            refusals: Limiter::default(),
            events: Events::default(),
            state: ConnectionState::New,
            gathering_state: GatheringState::New,
            selected: None,
            selected_changes: 0,
            counters: Counters::default(),
            state_since: Duration::ZERO,
            evidence: Evidence::default(),
            ignored: 0,
            trace_log: TraceLog::default(),
            failure: None,
            send_at: Duration::MAX,
            wake_at: Duration::MAX,
            config,
        };
        agent.gathering.servers = agent.usable_servers();
        Ok(agent)
    }

    fn usable_servers(&self) -> Vec<SocketAddr> {
        let mut servers: Vec<SocketAddr> = Vec::new();
        for server in self.config.stun_servers.iter().copied().map(canonical) {
            let fits = servers.len() < self.config.max_stun_servers;
            if fits && is_usable(server) && !servers.contains(&server) {
                servers.push(server);
            }
        }
        servers
    }

    /// Takes one STUN datagram that arrived at `now`.
    ///
    /// `path.local` is the address of the socket, as it was added; everything whose first byte is
    /// 0 to 3 belongs here (RFC 7983).
    ///
    /// # Errors
    ///
    /// Says why the datagram was dropped. That is information for a log or a counter: a stranger
    /// can cause it at will, and it never ends the agent.
    pub fn handle_input(
        &mut self,
        now: Instant,
        path: Path,
        datagram: &[u8],
    ) -> Result<(), InputError> {
        self.handle_timeout(now);
        if self.state == ConnectionState::Closed {
            return Err(InputError::Closed);
        }
        let path = path.canonical();
        if self.base(path.base()).is_none() {
            return Err(InputError::UnknownLocalAddress);
        }
        let message = MessageView::parse(datagram)
            .map_err(|_| InputError::Malformed { len: datagram.len() })?;
        self.handle_message(path, &message)?;
        self.settle();
        Ok(())
    }

    /// Writes the next datagram to send into `buf`, or returns `None` when there is none.
    ///
    /// # Errors
    ///
    /// [`BufferTooSmall`] when something is to be sent and `buf` is shorter than [`MAX_OUTPUT`].
    pub fn poll_output(
        &mut self,
        now: Instant,
        buf: &mut [u8],
    ) -> Result<Option<Transmit>, BufferTooSmall> {
        self.handle_timeout(now);
        if self.send_at > self.clock.now() {
            return Ok(None);
        }
        if buf.len() < MAX_OUTPUT {
            return Err(BufferTooSmall { need: MAX_OUTPUT });
        }
        // What turns out to be obsolete is dropped on the way, and the next thing takes its place.
        while self.send_at <= self.clock.now() {
            let sent = self.send_reply(buf);
            let sent = sent.or_else(|| self.resend(buf)).or_else(|| self.send_consent(buf));
            let sent = sent.or_else(|| self.send_paced(buf));
            self.settle();
            if let Some((path, len)) = sent {
                return Ok(Some(Transmit { path: self.driver_path(path), len }));
            }
        }
        Ok(None)
    }

    fn send_reply(&mut self, buf: &mut [u8]) -> Option<(Path, usize)> {
        let reply = self.outbox.pop()?;
        let key = match reply.generation {
            Some(number) => Some(&self.generation(number)?.key),
            None => None,
        };
        let len = reply.answer.write(reply.id, key, buf).ok()?;
        let counter = match reply.generation {
            Some(_) => &mut self.counters.responses_sent,
            None => &mut self.counters.refusals_sent,
        };
        *counter = counter.saturating_add(1);
        Some((reply.path, len))
    }

    /// Returns the next event, oldest first.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop()
    }

    /// Lets time pass until `now`.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.clock.advance(now);
        if self.wake_at > self.clock.now() {
            return;
        }
        self.expire_transactions();
        self.expire_consent();
        self.expire_linger();
        self.expire_previous();
        self.keep_bindings();
        self.expire_names();
        self.expire_permissions();
        self.expire_connections();
        self.settle();
    }

    /// When to call [`handle_timeout`](Self::handle_timeout) and
    /// [`poll_output`](Self::poll_output) next; `None` when nothing is pending.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        match self.send_at.min(self.wake_at) {
            Duration::MAX => None,
            next => self.clock.instant(next),
        }
    }

    /// Ends the agent: it sends and takes nothing any more.
    pub fn close(&mut self, now: Instant) {
        self.handle_timeout(now);
        self.transactions.clear();
        self.outbox.clear();
        self.previous = None;
        self.undo = Undo::Nothing;
        self.bases.clear();
        self.permissions.clear();
        self.connections.clear();
        self.gathering = Gathering::default();
        self.current.checklist.retain(|_| false);
        self.current.early.clear();
        self.selected = None;
        self.set_state(ConnectionState::Closed);
        self.settle();
    }
}
