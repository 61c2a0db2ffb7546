//! The machine: what it has, and the five verbs.

mod own;
mod query;
mod resolve;
mod respond;
mod send;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::IpAddr;
use std::time::{Duration, Instant};

use rand_chacha::ChaCha12Rng;
use rand_core::{Rng as _, SeedableRng as _};

use crate::clock::Clock;
use crate::interface::Interface;
use crate::wire::MessageView;
use crate::{
    BufferTooSmall, Config, Event, From, InputError, InterfaceId, Name, PORT, Stats, Subnet,
    Transmit,
};
use own::Own;
use query::Query;
use send::{Reply, Send};

/// Whose names: those of one scope are not given to another, so that nobody can tell that two
/// sessions run on one host (section 3.3.3 of the draft). The owner counts them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Scope(pub u64);

/// Multicast DNS for candidates, on all interfaces of a host. The crate's page tells how to use it.
pub struct Mdns {
    config: Config,
    clock: Clock,
    random: ChaCha12Rng,
    interfaces: BTreeMap<InterfaceId, Interface>,
    own: BTreeMap<Name, Own>,
    addresses: BTreeMap<(Scope, IpAddr), Name>,
    queries: BTreeMap<Name, Query>,
    timers: BTreeSet<(Duration, Task)>,
    /// Replies that wait for their time, by it and their number.
    replies: BTreeMap<(Duration, u64), Reply>,
    next_reply: u64,
    /// Those, and the ones in the outbox.
    waiting_replies: usize,
    outbox: VecDeque<Send>,
    events: VecDeque<Event>,
    stats: Stats,
}

/// What is to do at some moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Task {
    /// Send a record of ours to everybody.
    Multicast(Name),
    /// Ask once more, or give up.
    Query(Name),
    /// Answer one host.
    Reply(u64),
}

impl std::fmt::Debug for Mdns {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mdns")
            .field("interfaces", &self.interfaces.len())
            .field("names", &self.own.len())
            .field("queries", &self.queries.len())
            .field("stats", &self.stats)
            .finish_non_exhaustive()
    }
}

impl Mdns {
    /// A machine that knows no interface yet. Names follow from `seed`: it must be unpredictable.
    #[must_use]
    pub fn new(config: Config, seed: [u8; 32], now: Instant) -> Self {
        Self {
            config,
            clock: Clock::starting(now),
            random: ChaCha12Rng::from_seed(seed),
            interfaces: BTreeMap::new(),
            own: BTreeMap::new(),
            addresses: BTreeMap::new(),
            queries: BTreeMap::new(),
            timers: BTreeSet::new(),
            replies: BTreeMap::new(),
            next_reply: 0,
            waiting_replies: 0,
            outbox: VecDeque::new(),
            events: VecDeque::new(),
            stats: Stats::default(),
        }
    }

    /// What happened so far.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.stats
    }

    /// Tells which addresses an interface has, and so what is on its link. Call it again when that
    /// changes, or when the link was down: names of its addresses are announced anew.
    pub fn set_interface(&mut self, now: Instant, id: InterfaceId, addresses: &[Subnet]) {
        self.clock.advance(now);
        self.interfaces.insert(id, Interface::new(addresses));
        self.assign_names(Some(id));
    }

    /// Forgets an interface: nothing is sent there or taken from there any more.
    pub fn remove_interface(&mut self, now: Instant, id: InterfaceId) {
        self.clock.advance(now);
        self.interfaces.remove(&id);
        self.assign_names(None);
    }

    /// Takes one datagram.
    ///
    /// # Errors
    ///
    /// Why it was dropped. Messages about other names than ours and those being resolved are no
    /// errors: they are most of what goes on in a network.
    pub fn handle_input(
        &mut self,
        now: Instant,
        from: From,
        datagram: &[u8],
    ) -> Result<(), InputError> {
        self.clock.advance(now);
        self.fire();
        let taken = self.take(from, datagram);
        if let Err(error) = &taken {
            let counter = match error {
                InputError::Malformed(_) | InputError::Operation { .. } => {
                    &mut self.stats.malformed
                }
                InputError::UnknownInterface(_) | InputError::OffLink { .. } => {
                    &mut self.stats.off_link
                }
                InputError::ResponsePort { .. } | InputError::Unsolicited => {
                    &mut self.stats.unsolicited
                }
            };
            *counter = counter.saturating_add(1);
        }
        taken
    }

    fn take(&mut self, from: From, datagram: &[u8]) -> Result<(), InputError> {
        let source = from.source.ip();
        match self.interfaces.get(&from.interface) {
            None => return Err(InputError::UnknownInterface(from.interface)),
            //= rfc6762#11
            // Only what comes from the link is taken, query or response: nobody else should hear
            // which addresses we have, or tell us others.
            Some(interface) if !interface.reaches(source) => {
                return Err(InputError::OffLink { source_address: source });
            }
            Some(_) => {}
        }
        let message = MessageView::parse(datagram)?;
        let (opcode, rcode) = (message.opcode(), message.rcode());
        //= rfc6762#18.3
        // Only standard queries and their responses are taken.
        //= rfc6762#18.11
        // A response code says that the message is for somebody else.
        if opcode != 0 || rcode != 0 {
            return Err(InputError::Operation { opcode, rcode });
        }
        if !message.is_response() {
            self.handle_query(from, &message);
            return Ok(());
        }
        //= rfc6762#6
        // A response that does not come from the port of multicast DNS is ignored.
        if from.source.port() != PORT {
            return Err(InputError::ResponsePort { port: from.source.port() });
        }
        self.handle_response(from, &message)
    }

    /// Writes the next datagram into `buf`, which should hold 1,200 bytes; 256 are enough.
    ///
    /// # Errors
    ///
    /// [`BufferTooSmall`]; the datagram stays queued.
    pub fn poll_output(
        &mut self,
        now: Instant,
        buf: &mut [u8],
    ) -> Result<Option<Transmit>, BufferTooSmall> {
        self.clock.advance(now);
        self.fire();
        self.write_next(buf)
    }

    /// The next event, oldest first.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Lets time pass.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.clock.advance(now);
        self.fire();
    }

    /// When to call [`handle_timeout`](Self::handle_timeout); `None` when nothing is pending.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.timers.first().and_then(|(at, _)| self.clock.instant(*at))
    }

    /// Does what has become due.
    fn fire(&mut self) {
        while let Some((at, task)) = self.timers.first().copied() {
            if at > self.clock.now() {
                return;
            }
            self.timers.pop_first();
            match task {
                Task::Multicast(name) => self.multicast(name),
                Task::Query(name) => self.ask_again(name),
                Task::Reply(number) => {
                    if let Some(reply) = self.replies.remove(&(at, number)) {
                        self.outbox.push_back(Send::Reply(reply));
                    }
                }
            }
        }
    }

    /// A random time between two, in milliseconds.
    fn between(&mut self, from_ms: u64, to_ms: u64) -> Duration {
        let span = to_ms.saturating_sub(from_ms).saturating_add(1);
        let offset = self.random.next_u64().checked_rem(span).unwrap_or(0);
        Duration::from_millis(from_ms.saturating_add(offset))
    }
}
