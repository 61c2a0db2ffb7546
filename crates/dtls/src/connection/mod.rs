//! The connection: its states and its verbs.

mod close;
mod established;
mod export;
mod input;
mod output;
mod post;
#[cfg(test)]
mod tests;
mod verify;

use std::collections::VecDeque;
use std::ops::Range;
use std::time::{Duration, Instant};

use antiphon_crypto::Fingerprint;
use rand_chacha::ChaCha12Rng;
use rand_core::{Rng as _, SeedableRng as _};

use crate::clock::Clock;
use crate::config::MIN_MTU;
use crate::connection::established::Established;
use crate::handshake::{Delivery, Handshake};
use crate::record::{Held, RecordLayer};
use crate::wire::RANDOM_LEN;
use crate::wire::alert::AlertMessage;
use crate::wire::record::MAX_PLAINTEXT;
use crate::{
    BufferTooSmall, CloseReason, Config, Data, Event, InputError, Overhead, ProtectError, Role,
    StartError, Stats, Transmit,
};

/// What protection of application data takes around a payload at most, whatever the version and
/// the cipher suite, without connection ids.
pub const OVERHEAD: Overhead = Overhead { before: 21, after: 17 };

/// One end of a DTLS connection, client or server.
///
/// ```text
///            start              last message         verified
///   Idle ------------> Handshake ------------> Established ------> data and keys flow
///     |                    |                       |
///     +--------------------+-----------------------+-----------> Closed
/// ```
///
/// Call the verbs in any order and as often as you like. Time never runs backwards here; an older
/// `now` counts as the latest one seen.
#[derive(Debug)]
pub struct Connection {
    config: Config,
    clock: Clock,
    records: RecordLayer,
    state: State,
    fingerprints: Vec<Fingerprint>,
    round_trip: Option<Duration>,
    /// Records for which there are no keys yet.
    held: Held,
    /// Application data that waits for the peer to be verified.
    unverified: Held,
    data: VecDeque<Data>,
    events: VecDeque<Event>,
    alert: Option<AlertMessage>,
    stats: Stats,
}

/// What exists only in one state lives in it.
#[derive(Debug)]
enum State {
    Idle { random: [u8; RANDOM_LEN] },
    Handshake(Box<Handshake>),
    Established(Box<Established>),
    Closed(Option<Role>),
}

impl Connection {
    /// A connection that waits for [`start`](Self::start), and until then keeps early datagrams.
    ///
    /// `seed` decides our random in the hello: draw it from the operating system. Keys come from
    /// the provider. Tests pass a constant and get the same run every time.
    #[must_use]
    pub fn new(config: Config, seed: [u8; 32], now: Instant) -> Self {
        let config = Config { mtu: config.mtu.clamp(MIN_MTU, MAX_PLAINTEXT), ..config };
        let mut random = [0; RANDOM_LEN];
        ChaCha12Rng::from_seed(seed).fill_bytes(&mut random);
        Self {
            clock: Clock::starting(now),
            records: RecordLayer::new(),
            state: State::Idle { random },
            fingerprints: Vec::new(),
            round_trip: None,
            held: Held::new(config.max_early_bytes),
            unverified: Held::new(config.max_early_bytes),
            data: VecDeque::new(),
            events: VecDeque::new(),
            alert: None,
            stats: Stats::default(),
            config,
        }
    }

    /// Takes the role that was negotiated, for good. A client says hello at once; a server handles
    /// a hello that came before.
    ///
    /// # Errors
    ///
    /// [`StartError`] when the connection has a role already or is closed.
    pub fn start(&mut self, now: Instant, role: Role) -> Result<(), StartError> {
        self.handle_timeout(now);
        let State::Idle { random } = self.state else {
            return Err(match self.state {
                State::Closed(_) => StartError::Closed,
                State::Idle { .. } | State::Handshake(_) | State::Established(_) => {
                    StartError::AlreadyStarted
                }
            });
        };
        let (config, clock) = (&self.config, &self.clock);
        match Handshake::start(role, random, config, clock, self.round_trip) {
            Ok(handshake) => {
                self.state = State::Handshake(Box::new(handshake));
                self.handle_early_datagrams();
            }
            Err(failure) => self.finish(failure.reason()),
        }
        Ok(())
    }

    /// Our role, once it is known.
    #[must_use]
    pub fn role(&self) -> Option<Role> {
        match &self.state {
            State::Idle { .. } => None,
            State::Handshake(handshake) => Some(handshake.role()),
            State::Established(established) => Some(established.role),
            State::Closed(role) => *role,
        }
    }

    /// Whether the handshake is complete and the peer is the announced one: data flows, keys are
    /// released.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        matches!(&self.state, State::Established(established) if established.verified)
    }

    /// The peer's certificate, DER-encoded, once its message came. It proves nothing before
    /// [`is_connected`](Self::is_connected).
    #[must_use]
    pub fn peer_certificate(&self) -> Option<&[u8]> {
        match &self.state {
            State::Handshake(handshake) => handshake.peer_certificate(),
            State::Established(established) if established.peer_certificate.is_empty() => None,
            State::Established(established) => Some(&established.peer_certificate),
            State::Idle { .. } | State::Closed(_) => None,
        }
    }

    /// The application protocol that was agreed on (RFC 7301), once connected.
    #[must_use]
    pub fn alpn_protocol(&self) -> Option<&[u8]> {
        match &self.state {
            State::Established(established) if established.verified => {
                established.protocol.as_deref()
            }
            State::Idle { .. } | State::Handshake(_) | State::Established(_) | State::Closed(_) => {
                None
            }
        }
    }

    /// Counters since the beginning.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.stats
    }

    /// Tells the path's round trip, as ICE measured it. The first wait for an answer follows it.
    pub fn set_round_trip(&mut self, round_trip: Duration) {
        self.round_trip = Some(round_trip);
        if let Some(delivery) = self.delivery_mut() {
            delivery.0.set_round_trip(round_trip, delivery.1);
        }
    }

    /// Changes [`Config::mtu`], for what is sent from now on.
    pub fn set_mtu(&mut self, mtu: usize) {
        self.config.mtu = mtu.clamp(MIN_MTU, MAX_PLAINTEXT);
    }

    /// Changes [`Config::initial_timeout`]. A flight that was not sent again yet waits as long.
    pub fn set_initial_timeout(&mut self, timeout: Duration) {
        self.config.initial_timeout = Some(timeout);
        if let Some(delivery) = self.delivery_mut() {
            delivery.0.adjust_timer(delivery.1);
        }
    }

    fn delivery_mut(&mut self) -> Option<(&mut Delivery, &Config)> {
        match &mut self.state {
            State::Handshake(handshake) => Some((&mut handshake.delivery, &self.config)),
            State::Established(established) => Some((&mut established.delivery, &self.config)),
            State::Idle { .. } | State::Closed(_) => None,
        }
    }

    /// Takes one datagram that arrived at `now`, with any number of records, and decrypts it in
    /// place. Fetch what it carried with [`poll_data`](Self::poll_data) before the next one.
    ///
    /// # Errors
    ///
    /// Says why no record of the datagram was of use. A stranger can cause that at will; it never
    /// ends the connection.
    pub fn handle_input(&mut self, now: Instant, datagram: &mut [u8]) -> Result<(), InputError> {
        self.handle_timeout(now);
        self.drop_unread();
        self.stats.datagrams_received = self.stats.datagrams_received.saturating_add(1);
        self.handle_datagram(datagram)
    }

    /// The application data of the next record, oldest first.
    pub fn poll_data(&mut self) -> Option<Data> {
        self.data.pop_front()
    }

    /// Writes the next datagram of the handshake, or an alert, into `buf`; `None` when there is
    /// none.
    ///
    /// # Errors
    ///
    /// [`BufferTooSmall`] names the length to offer: [`Config::mtu`] is always enough.
    pub fn poll_output(
        &mut self,
        now: Instant,
        buf: &mut [u8],
    ) -> Result<Option<Transmit>, BufferTooSmall> {
        self.handle_timeout(now);
        let transmit = self.write_datagram(buf)?;
        if transmit.is_some() {
            self.stats.datagrams_sent = self.stats.datagrams_sent.saturating_add(1);
        }
        Ok(transmit)
    }

    /// The next event, oldest first.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Lets time pass until `now`.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.clock.advance(now);
        let (config, clock, stats) = (&self.config, &self.clock, &mut self.stats);
        let ended = match &mut self.state {
            State::Handshake(handshake) => handshake.handle_timeout(clock, config, stats),
            State::Established(established) => {
                self.records.handle_timeout(clock.now());
                established.handle_timeout(clock, config, stats)
            }
            State::Idle { .. } | State::Closed(_) => None,
        };
        if let Some(reason) = ended {
            self.finish(reason);
        }
    }

    /// When to call [`handle_timeout`](Self::handle_timeout) and
    /// [`poll_output`](Self::poll_output) next; `None` while nothing is pending.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let moment = match &self.state {
            State::Handshake(handshake) => handshake.poll_timeout(),
            State::Established(established) => {
                established.poll_timeout().into_iter().chain(self.records.next_expiry()).min()
            }
            State::Idle { .. } | State::Closed(_) => None,
        };
        self.clock.instant(moment?)
    }

    /// When a flight is sent again, or an acknowledgement is due, unless something comes before: a
    /// part of [`poll_timeout`](Self::poll_timeout), which also knows when to give up or forget.
    #[must_use]
    pub fn retransmission_timeout(&self) -> Option<Instant> {
        let moment = match &self.state {
            State::Handshake(handshake) => handshake.delivery.poll_timeout(),
            State::Established(established) => established.delivery.poll_timeout(),
            State::Idle { .. } | State::Closed(_) => None,
        };
        self.clock.instant(moment?)
    }

    /// The room that [`protect`](Self::protect) takes around a payload: once connected exactly
    /// that, before [`OVERHEAD`]. It changes only when the peer wants another connection id.
    #[must_use]
    pub fn overhead(&self) -> Overhead {
        if self.is_connected() { self.records.room(self.records.newest_write()) } else { OVERHEAD }
    }

    /// Protects application data in place: `payload` is where it lies in `buf`, with
    /// [`overhead`](Self::overhead) around it. Returns where the record lies, ready to be sent as
    /// a datagram, or in one with other records. Where the record starts depends on version and
    /// cipher suite. Allocates nothing.
    ///
    /// # Errors
    ///
    /// [`ProtectError`]. With [`ProtectError::Exhausted`] the connection closes: there is no
    /// number left that was not used, and none is used twice.
    pub fn protect(
        &mut self,
        buf: &mut [u8],
        payload: Range<usize>,
    ) -> Result<Range<usize>, ProtectError> {
        if !self.is_connected() {
            return Err(ProtectError::NotConnected);
        }
        let protected = self.records.protect(buf, payload);
        //= rfc5288#3
        // Numbers are nonces, and no nonce serves twice: the connection ends before.
        if protected == Err(ProtectError::Exhausted) {
            self.finish(CloseReason::KeysExhausted);
        }
        protected
    }

    /// Closes the connection and tells the peer.
    pub fn close(&mut self, now: Instant) {
        self.handle_timeout(now);
        self.finish(CloseReason::Local);
    }
}
