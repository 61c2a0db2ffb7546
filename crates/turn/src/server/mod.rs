//! A TURN server without sockets ([RFC 8656], [RFC 6062], [RFC 7635], [RFC 8016]).
//!
//! [`Server`] is told datagrams and the time. It answers what control messages ask for, and says
//! of data where to send it: the bytes stay where they came in.
//!
//! [RFC 8656]: https://www.rfc-editor.org/rfc/rfc8656
//! [RFC 6062]: https://www.rfc-editor.org/rfc/rfc6062
//! [RFC 7635]: https://www.rfc-editor.org/rfc/rfc7635
//! [RFC 8016]: https://www.rfc-editor.org/rfc/rfc8016

mod allocate;
mod allocation;
mod auth;
mod config;
mod credential;
mod deliver;
mod error;
mod event;
mod hash;
mod limiter;
mod lookup;
mod mobility;
mod nonce;
mod open;
mod peers;
mod permission;
mod policy;
mod ports;
mod quota;
mod reconfigure;
mod refresh;
mod relay;
mod reply;
mod request;
mod shard;
mod stats;
mod table;
mod tcp;
mod timers;
mod token;
mod types;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use antiphon_crypto::{Aead, AeadAlgorithm, CryptoProvider, HashAlgorithm};
use antiphon_stun::BufferTooSmall;
use rand_chacha::ChaCha12Rng;
use rand_core::{Rng as _, SeedableRng as _};

pub use config::{Config, Realm, Redirect, RelayAddress, TokenConfig};
pub use credential::{
    Account, Answer, Chain, CredentialStore, Identity, Keys, Query, Remote, StaticUsers,
    TimeLimited, UserError, UserName,
};
pub use deliver::{Deliver, HEADROOM};
pub use error::{ConfigError, InputError};
pub use event::{AllocationInfo, Event};
pub use policy::{PeerPolicy, canonical};
pub use quota::Quotas;
pub use shard::shard_of;
pub use stats::{Stats, Traffic};
pub use token::TokenKey;
pub use types::{
    ConnectionId, Direction, FiveTuple, IcmpError, Input, LookUpId, Relay, RelayId, Run, Step,
    Transmit, Transport,
};

use crate::clock::Clock;
use crate::wire::attribute::{Family, Protocol};
use allocation::Allocation;
use hash::{Keyed, TupleKey};
use limiter::SourceLimiter;
use lookup::LookUps;
use nonce::Nonces;
use ports::PortPool;
use reply::Outbox;
use stats::bump;
use table::Table;
use tcp::Connection;
use timers::{Timer, Timers};

/// The server, or one shard of it.
///
/// ```
/// use std::sync::Arc;
/// use std::time::Duration;
/// use antiphon_crypto_rust::RustCrypto;
/// use antiphon_turn::server::{Config, RelayAddress, Server, StaticUsers};
///
/// # let now = std::time::Instant::now();
/// let provider = Arc::new(RustCrypto::new());
/// let mut users = StaticUsers::new();
/// users.add(&*provider, "example.org", "ann", "secret")?;
/// let relays = vec![RelayAddress::new("198.41.0.9".parse()?)];
/// let config = Config::new("example.org", relays, [1; 32]);
/// let unix = Duration::from_secs(1_800_000_000);
/// let server = Server::new(config, Box::new(users), provider, [2; 32], now, unix)?;
/// assert_eq!(server.poll_timeout(), None);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Server {
    config: Config,
    provider: Arc<dyn CryptoProvider>,
    store: Box<dyn CredentialStore>,
    random: ChaCha12Rng,
    clock: Clock,
    /// The time since the Unix epoch at birth.
    unix_at_birth: Duration,
    nonces: Nonces,
    ticket_key: Box<dyn Aead>,
    limiter: SourceLimiter,
    table: Table,
    pools: Vec<Pool>,
    timers: Timers,
    reservations: BTreeMap<[u8; 8], Reservation>,
    connections: BTreeMap<u32, Connection>,
    /// Clients' data connections (RFC 6062).
    spliced: BTreeMap<TupleKey, u32>,
    look_ups: LookUps,
    out: Outbox,
    events: VecDeque<Event>,
    stats: Stats,
    is_draining: bool,
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server")
            .field("shard", &self.config.shard)
            .field("stats", &self.stats)
            .finish_non_exhaustive()
    }
}

/// The ports of one address and protocol.
#[derive(Debug)]
struct Pool {
    address: RelayAddress,
    protocol: Protocol,
    ports: PortPool,
}

/// A port that waits for its RESERVATION-TOKEN.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reservation {
    pub(crate) pool: usize,
    pub(crate) port: u16,
    pub(crate) until: Duration,
}

impl Server {
    /// A server without allocations. `unix` is the time since the Unix epoch at `now`.
    ///
    /// `seed` decides ports, tokens and tickets: draw it from the operating system.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] names the option.
    pub fn new(
        mut config: Config,
        store: Box<dyn CredentialStore>,
        provider: Arc<dyn CryptoProvider>,
        seed: [u8; 32],
        now: Instant,
        unix: Duration,
    ) -> Result<Self, ConfigError> {
        config.prepare()?;
        let mut random = ChaCha12Rng::from_seed(seed);
        let mut hash = || Keyed::new(std::array::from_fn(|_| random.next_u64()));
        let (table, limits) = (hash(), hash());
        let hmac = provider.hmac(HashAlgorithm::Sha256, &config.secret)?;
        let ticket_key = hmac.sign(&[b"mobility ticket"]);
        let ticket_key = provider.aead(AeadAlgorithm::Aes256Gcm, ticket_key.as_bytes())?;
        let mut features = 0;
        if config.password_algorithms {
            features |= 0x80_0000;
        }
        if config.username_anonymity {
            features |= 0x40_0000;
        }
        let mut pools = Vec::new();
        for address in &config.relays {
            for protocol in [Protocol::Udp, Protocol::Tcp] {
                if protocol == Protocol::Udp || config.tcp_relays {
                    let ports = PortPool::new(config.ports.clone(), config.port_cool_down);
                    pools.push(Pool { address: *address, protocol, ports });
                }
            }
        }
        Ok(Self {
            nonces: Nonces::new(hmac, features, config.nonce_lifetime),
            ticket_key,
            limiter: SourceLimiter::new(
                limits,
                config.challenges_per_second,
                config.challenge_burst,
            ),
            table: Table::new(table),
            pools,
            timers: Timers::default(),
            reservations: BTreeMap::new(),
            connections: BTreeMap::new(),
            spliced: BTreeMap::new(),
            look_ups: LookUps::default(),
            out: Outbox::new(config.max_output),
            events: VecDeque::new(),
            stats: Stats::default(),
            is_draining: false,
            clock: Clock::starting(now),
            unix_at_birth: unix,
            random,
            store,
            provider,
            config,
        })
    }

    /// Writes the next response or indication into `buf`; `None` when there is none.
    ///
    /// # Errors
    ///
    /// [`BufferTooSmall`] names the length to offer; 1,232 bytes always do. The message stays.
    pub fn poll_output(
        &mut self,
        now: Instant,
        buf: &mut [u8],
    ) -> Result<Option<Transmit>, BufferTooSmall> {
        self.clock.advance(now);
        self.out.poll(buf)
    }

    /// The next event, oldest first.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Lets time pass until `now`.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.clock.advance(now);
        while let Some(timer) = self.timers.pop(self.clock.now()) {
            match timer {
                Timer::Relay(slot, v6) => {
                    let family = if v6 { Family::V6 } else { Family::V4 };
                    self.close_family(slot, family);
                }
                Timer::Reservation(token) => {
                    if let Some(reservation) = self.reservations.remove(&token) {
                        self.give_back(reservation.pool, reservation.port);
                    }
                }
                Timer::Connection(id) => self.connection_timed_out(id),
                Timer::LookUp(id) => {
                    self.look_ups.remove(id);
                    bump(&mut self.stats.look_ups_expired);
                }
            }
        }
    }

    /// When to call [`handle_timeout`](Self::handle_timeout) next.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.clock.instant(self.timers.next()?)
    }

    /// Sets the time since the Unix epoch, for nonces, tokens and time-limited credentials.
    pub fn set_unix_time(&mut self, now: Instant, unix: Duration) {
        self.clock.advance(now);
        self.unix_at_birth = unix.saturating_sub(self.clock.now());
    }

    /// Refuses new allocations from now on, with 300 where another server is configured and 508
    /// otherwise. Those that exist live on and can be refreshed.
    pub fn drain(&mut self) {
        self.is_draining = true;
    }

    /// Whether it refuses new allocations.
    #[must_use]
    pub const fn is_draining(&self) -> bool {
        self.is_draining
    }

    /// Whether it drains and no allocation is left.
    #[must_use]
    pub fn is_drained(&self) -> bool {
        self.is_draining && self.table.len() == 0
    }

    /// Counters.
    #[must_use]
    pub const fn stats(&self) -> &Stats {
        &self.stats
    }

    /// The allocations that exist.
    pub fn allocations(&self) -> impl Iterator<Item = AllocationInfo> + '_ {
        let now = self.clock.now();
        self.table.iter().map(move |allocation| allocation.info(now))
    }

    /// Ends the allocation of a 5-tuple; `false` when there is none.
    pub fn close_allocation(&mut self, now: Instant, tuple: &FiveTuple) -> bool {
        self.clock.advance(now);
        let slot = self.table.find(tuple);
        slot.map(|slot| self.close(slot)).is_some()
    }

    /// Sizes of everything that grows, for tests and gauges.
    #[must_use]
    pub fn sizes(&self) -> Sizes {
        let mut ports = (0_usize, 0_usize, 0_usize);
        for pool in &self.pools {
            let (free, cooling, total) = pool.ports.count();
            ports.0 = ports.0.saturating_add(free);
            ports.1 = ports.1.saturating_add(cooling);
            ports.2 = ports.2.saturating_add(total);
        }
        let (mut permissions, mut channels, mut relays) = (0_usize, 0_usize, 0_usize);
        for allocation in self.table.iter() {
            let (p, c) = allocation.peers.len();
            permissions = permissions.saturating_add(p);
            channels = channels.saturating_add(c);
            relays = relays.saturating_add(allocation.families().count());
        }
        Sizes {
            allocations: self.table.len(),
            tuples: self.table.names(),
            relays,
            permissions,
            channels,
            reservations: self.reservations.len(),
            connections: self.connections.len(),
            look_ups: self.look_ups.len(),
            timers: self.timers.len(),
            free_ports: ports.0,
            cooling_ports: ports.1,
            ports: ports.2,
        }
    }

    fn unix(&self) -> Duration {
        self.unix_at_birth.saturating_add(self.clock.now())
    }

    /// The peer in its canonical form, when the policy lets it be one.
    fn admit(&mut self, peer: std::net::SocketAddr) -> Option<std::net::SocketAddr> {
        let admitted = self.config.admit(peer);
        if admitted.is_none() {
            bump(&mut self.stats.forbidden);
        }
        admitted
    }
}

/// How much of everything a [`Server`] holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Sizes {
    /// Allocations.
    pub allocations: usize,
    /// 5-tuples that name an allocation: one each, two while it moves.
    pub tuples: usize,
    /// Relayed addresses.
    pub relays: usize,
    /// Permissions, expired ones that were not forgotten yet included.
    pub permissions: usize,
    /// Channels, likewise.
    pub channels: usize,
    /// Ports that wait for a RESERVATION-TOKEN.
    pub reservations: usize,
    /// Connections with peers.
    pub connections: usize,
    /// Look-ups without an answer.
    pub look_ups: usize,
    /// Timers.
    pub timers: usize,
    /// Ports that can be taken.
    pub free_ports: usize,
    /// Ports that cool down.
    pub cooling_ports: usize,
    /// All ports.
    pub ports: usize,
}

const _: () = {
    const fn assert_send<T: Send + 'static>() {}
    assert_send::<Server>();
};
