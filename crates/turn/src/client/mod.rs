//! The client: obtains relayed addresses, keeps them, and moves data through them.
//!
//! [`Client`] is one allocation on one server. It owns no socket and no clock: the owner gives it
//! what comes from the server and sends what it writes.
//!
//! ```
//! use antiphon_turn::client::{Client, Config, Credentials, Framing};
//! # use antiphon_crypto_rust::RustCrypto;
//! # use std::{sync::Arc, time::Instant};
//!
//! let credentials = Credentials::Password { username: "user".into(), password: "secret".into() };
//! let config = Config::new("192.0.2.1:3478".parse()?, Framing::Datagram, credentials);
//! let now = Instant::now();
//! let mut client = Client::new(config, Arc::new(RustCrypto::new()), [7; 32], now)?;
//! client.allocate(now)?;
//! let mut buf = [0; 1500];
//! let transmit = client.poll_output(now, &mut buf)?.expect("the Allocate request");
//! assert_eq!(transmit.len, 28); // send it to the server, hand back what comes, and so on
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod allocate;
mod channels;
mod command;
mod config;
mod data;
mod error;
mod event;
mod hashes;
mod input;
mod permissions;
mod request;
mod respond;
mod stream;
mod tcp;
mod uri;

pub use config::{Config, Credentials, Families, Framing, Redirects, Token};
pub use data::{HEADROOM, TAILROOM};
pub use error::{
    AllocateError, CommandError, ConfigError, InputError, LossReason, RequestError, WrapError,
};
pub use event::{Allocation, Event, Input, Stats, Transmit, Via};
pub use stream::StreamInput;
pub use uri::{TurnUri, UriTransport};

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use antiphon_crypto::CryptoProvider;
use antiphon_stun::{
    Attempt, BufferTooSmall, Hashes, IntegrityKey, LongTermClient, Retransmission, Transaction,
    TransactionId, TransactionState,
};
use rand_chacha::ChaCha12Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};

use crate::clock::Clock;
use crate::wire::attribute::Protocol;
use channels::Channels;
use hashes::ProviderHashes;
use permissions::Permissions;
use request::{Extras, Purpose, Request};
use tcp::Connections;

/// Longest token that is sent.
const MAX_TOKEN: usize = 1024;
/// Longest SOFTWARE.
const MAX_SOFTWARE: usize = 509;

/// One allocation on one server, as the client has it ([RFC 8656]).
///
/// ```text
///           allocate                 success                release
///   Idle ------------> Allocating ------------> Allocated ----------> Releasing -> Idle
///    ^                  |  ^  | 401 on demand,     |  ^                              
///    |      any other   |  |  | 437, 300           |  | refreshes
///    +--- error --------+  |  v                    +--+
///    |                   Waiting for the owner     |
///    +--------------------- Lost ------------------+
/// ```
///
/// [RFC 8656]: https://www.rfc-editor.org/rfc/rfc8656
#[derive(Debug)]
pub struct Client {
    config: Config,
    clock: Clock,
    random: ChaCha12Rng,
    hashes: Arc<dyn Hashes>,
    auth: Option<LongTermClient>,
    token: Option<Vec<u8>>,
    /// The server in use: that of the configuration, or one that it sent us to.
    server: SocketAddr,
    state: State,
    /// Whether the server knows DONT-FRAGMENT, and we want it.
    dont_fragment: bool,
    /// Before that the server wants to be left alone.
    not_before: Duration,
    requests: Vec<Request>,
    permissions: Permissions,
    channels: Channels,
    connections: Connections,
    /// Where we asked within the last five minutes.
    visited: Vec<(SocketAddr, Duration)>,
    ports_tried: u8,
    events: VecDeque<Event>,
    stats: Stats,
    /// The earliest of all timers, so that an idle machine is asked in no time.
    due: Option<Duration>,
}

#[derive(Debug)]
enum State {
    Idle,
    Allocating,
    /// For a port, a server or a password.
    Waiting(Wanted),
    Allocated(Lease),
    Releasing,
}

/// What an owner has to bring before the allocation goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wanted {
    Connection,
    Credentials,
}

/// What exists only while there is an allocation.
#[derive(Debug)]
struct Lease {
    allocation: Allocation,
    expires: Duration,
    /// `None` while a refresh is on its way.
    refresh: Option<Duration>,
    ticket: Option<Box<[u8]>>,
}

impl Client {
    /// A client that does nothing yet. `seed`: 32 random bytes, for transaction ids and jitter.
    ///
    /// # Errors
    ///
    /// See [`ConfigError`].
    pub fn new(
        config: Config,
        provider: Arc<dyn CryptoProvider>,
        seed: [u8; 32],
        now: Instant,
    ) -> Result<Self, ConfigError> {
        check(&config)?;
        let hashes: Arc<dyn Hashes> = Arc::new(ProviderHashes(provider));
        let (auth, token) = authentication(&config, config.credentials.clone(), &hashes)?;
        Ok(Self {
            clock: Clock::starting(now),
            random: ChaCha12Rng::from_seed(seed),
            hashes,
            auth,
            token,
            server: config.server,
            state: State::Idle,
            dont_fragment: config.dont_fragment,
            not_before: Duration::ZERO,
            requests: vec![],
            permissions: Permissions::default(),
            channels: Channels::default(),
            connections: Connections::default(),
            visited: vec![],
            ports_tried: 0,
            events: VecDeque::new(),
            stats: Stats::default(),
            due: None,
            config,
        })
    }

    /// Writes the next message for the server to `buf`, and says on which connection it goes.
    ///
    /// # Errors
    ///
    /// [`BufferTooSmall`]: the message stays due.
    pub fn poll_output(
        &mut self,
        now: Instant,
        buf: &mut [u8],
    ) -> Result<Option<Transmit>, BufferTooSmall> {
        let now = self.handle_time(now);
        for request in &mut self.requests {
            if !request.is_due(now) {
                continue;
            }
            let len = request.bytes.len();
            let room = buf.get_mut(..len).ok_or(BufferTooSmall { need: len })?;
            if !request.transaction.poll_transmit(now) {
                continue;
            }
            if request.transaction.transmissions() > 1 {
                self.stats.retransmissions = self.stats.retransmissions.saturating_add(1);
            }
            room.copy_from_slice(&request.bytes);
            let transmit = Transmit { via: request.via, len };
            self.schedule();
            return Ok(Some(transmit));
        }
        Ok(None)
    }

    /// The next thing that happened.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Lets time pass until `now`: refreshes what is due, and ends what is over.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.handle_time(now);
    }

    /// When to call [`handle_timeout`](Self::handle_timeout) and
    /// [`poll_output`](Self::poll_output); `None` while nothing is pending.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.clock.instant(self.due?)
    }

    /// The allocation, while there is one.
    #[must_use]
    pub const fn allocation(&self) -> Option<&Allocation> {
        match &self.state {
            State::Allocated(lease) => Some(&lease.allocation),
            State::Idle | State::Allocating | State::Waiting(_) | State::Releasing => None,
        }
    }

    /// The server in use: that of the configuration, or one that it sent us to.
    #[must_use]
    pub const fn server(&self) -> SocketAddr {
        self.server
    }

    /// Counters.
    #[must_use]
    pub const fn stats(&self) -> Stats {
        self.stats
    }

    const fn is_allocated(&self) -> bool {
        matches!(self.state, State::Allocated(_))
    }

    /// Moves the clock, and does what is due. Returns the latest `now` ever seen.
    fn handle_time(&mut self, now: Instant) -> Instant {
        self.clock.advance(now);
        let now = self.clock.instant(self.clock.now()).unwrap_or(now);
        if self.due.is_none_or(|due| due > self.clock.now()) {
            return now;
        }
        self.time_out_requests(now);
        self.keep_allocation();
        self.keep_peers();
        self.connections.expire(self.clock.now());
        self.schedule();
        now
    }

    fn time_out_requests(&mut self, now: Instant) {
        let mut index = 0;
        while let Some(request) = self.requests.get_mut(index) {
            request.transaction.handle_timeout(now);
            if request.transaction.state() != TransactionState::TimedOut {
                index = index.saturating_add(1);
                continue;
            }
            let request = self.requests.remove(index);
            let integrity_violated = request.attempt.integrity_violated();
            self.request_failed(&request, RequestError::Timeout { integrity_violated });
        }
    }

    /// Refreshes the allocation in time, or says that it is gone.
    fn keep_allocation(&mut self) {
        let now = self.clock.now();
        let State::Allocated(lease) = &mut self.state else { return };
        if lease.expires <= now {
            self.lose(LossReason::Expired);
        } else if lease.refresh.is_some_and(|at| at <= now) {
            lease.refresh = None;
            self.ask(Purpose::Refresh, Via::Control, Attempt::default());
        }
    }

    /// Asks for permissions and channels that are wanted or old.
    fn keep_peers(&mut self) {
        let now = self.clock.now();
        if !self.is_allocated() {
            return;
        }
        self.permissions.expire(now);
        self.channels.expire(now);
        loop {
            let peers = self.permissions.due(now);
            if peers.is_empty() {
                break;
            }
            self.ask(Purpose::Permission(peers), Via::Control, Attempt::default());
        }
        while let Some((number, peer)) = self.channels.due(now) {
            self.ask(Purpose::Channel(number, peer), Via::Control, Attempt::default());
        }
    }

    /// Puts a request on its way.
    fn ask(&mut self, purpose: Purpose, via: Via, previous: Attempt) {
        let mut id = [0; 12];
        self.random.fill_bytes(&mut id);
        let id = TransactionId(id);
        let ticket = match &self.state {
            State::Allocated(lease) => lease.ticket.as_deref(),
            State::Idle | State::Allocating | State::Waiting(_) | State::Releasing => None,
        };
        let extras = Extras {
            config: &self.config,
            auth: self.connections.auth(via).or(self.auth.as_ref()),
            token: self.token.as_deref(),
            ticket,
            dont_fragment: self.dont_fragment,
        };
        let retransmission = match self.config.framing {
            Framing::Datagram => self.config.retransmission,
            Framing::Stream => Retransmission::OVER_STREAM,
        };
        let now = self.clock.instant(self.clock.now());
        match (request::write(&purpose, id, previous, &extras), now) {
            (Ok((bytes, attempt)), Some(now)) => {
                self.stats.requests = self.stats.requests.saturating_add(1);
                let transaction = Transaction::new(retransmission, id, now);
                self.requests.push(Request { purpose, via, attempt, transaction, bytes });
            }
            (Err(_), _) | (_, None) => self.purpose_failed(&purpose, via, RequestError::Unwritable),
        }
    }

    /// Sets the timer that `poll_timeout` tells.
    fn schedule(&mut self) {
        let birth = self.clock.instant(Duration::ZERO);
        let requests = self
            .requests
            .iter()
            .filter_map(|request| request.transaction.poll_timeout())
            .min()
            .zip(birth)
            .map(|(at, birth)| at.saturating_duration_since(birth));
        let lease = match &self.state {
            State::Allocated(lease) => {
                let peers = [self.permissions.next(), self.channels.next()];
                let lease = Some(lease.refresh.map_or(lease.expires, |at| at.min(lease.expires)));
                peers.into_iter().chain([lease]).flatten().min()
            }
            State::Idle | State::Allocating | State::Waiting(_) | State::Releasing => None,
        };
        self.due = [requests, lease, self.connections.next()].into_iter().flatten().min();
    }

    /// A little earlier than `delay`, so that clients don't all refresh at once.
    fn jittered(&mut self, delay: Duration) -> Duration {
        let most = self.config.jitter.min(delay / 2);
        let millis = u64::try_from(most.as_millis()).unwrap_or(u64::MAX);
        let early = if millis == 0 { 0 } else { self.random.next_u64() % millis };
        delay.saturating_sub(Duration::from_millis(early))
    }

    fn tell(&mut self, event: Event) {
        self.events.push_back(event);
    }

    /// For events that anybody can cause: they don't pile up.
    fn tell_if_room(&mut self, event: Event) {
        if self.events.len() < self.config.max_events {
            self.events.push_back(event);
        } else {
            self.stats.events_lost = self.stats.events_lost.saturating_add(1);
        }
    }

    /// Forgets the allocation and all that hangs on it.
    fn end(&mut self) {
        self.state = State::Idle;
        self.requests.clear();
        self.permissions.clear();
        self.channels.clear();
        self.connections.clear();
    }

    fn lose(&mut self, reason: LossReason) {
        self.end();
        self.tell(Event::Lost(reason));
    }
}

fn check(config: &Config) -> Result<(), ConfigError> {
    if config.protocol == Protocol::Tcp && config.framing == Framing::Datagram {
        return Err(ConfigError::TcpOverDatagrams);
    }
    //= rfc8656#7.1
    // A reservation, an even port and a second family exclude each other.
    let reserved = config.reservation_token.is_some();
    let even = config.even_port.is_some();
    let both = config.families == Families::Both;
    //= rfc6062#4.1
    // TCP allocations know neither even ports nor reservations nor fragments.
    let tcp = config.protocol == Protocol::Tcp && (reserved || even || config.dont_fragment);
    let one_v4 = Families::One(crate::wire::attribute::Family::V4);
    if tcp
        || (reserved && (even || config.families != one_v4))
        || (config.even_port == Some(true) && both)
    {
        return Err(ConfigError::Contradiction);
    }
    match config.software.as_ref().map(String::len) {
        Some(len) if len > MAX_SOFTWARE => {
            Err(ConfigError::SoftwareTooLong { len, limit: MAX_SOFTWARE })
        }
        Some(_) | None => Ok(()),
    }
}

type Authentication = (Option<LongTermClient>, Option<Vec<u8>>);

fn authentication(
    config: &Config,
    credentials: Credentials,
    hashes: &Arc<dyn Hashes>,
) -> Result<Authentication, ConfigError> {
    let hashes = Arc::clone(hashes);
    let (mut auth, token) = match credentials {
        Credentials::Password { username, password } => {
            (Some(LongTermClient::new(&username, &password, hashes)?), None)
        }
        Credentials::Token(Token { kid, mac_key, token }) => {
            let len = token.len();
            if len > MAX_TOKEN {
                return Err(ConfigError::TokenTooLong { len, limit: MAX_TOKEN });
            }
            let key = IntegrityKey::raw(mac_key.expose());
            (Some(LongTermClient::with_key(&kid, key, hashes)?), Some(token))
        }
        Credentials::OnDemand => (None, None),
    };
    if let Some(auth) = &mut auth {
        auth.accept_unsigned_errors(config.accept_unsigned_errors);
    }
    Ok((auth, token))
}
