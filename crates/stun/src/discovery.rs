use std::net::SocketAddr;
use std::time::{Duration, Instant};

use rand_chacha::ChaCha12Rng;
use rand_core::{Rng as _, SeedableRng as _};
use thiserror::Error;

use crate::clock::Clock;
use crate::{
    BufferTooSmall, ChangeRequest, Class, MessageView, MessageWriter, Method, ParseError,
    Retransmission, Transaction, TransactionId, TransactionState, WriteError,
};

/// Options of a [`NatDiscovery`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NatDiscoveryConfig {
    /// The server's primary address and port.
    pub server: SocketAddr,
    /// The address and port of the socket, which must have been silent for a while, or the
    /// filtering looks laxer than it is (RFC 5780 section 4.1).
    pub local: SocketAddr,
    /// Whether to find out what the NAT lets in. Default `true`; costs two timeouts behind strict NATs.
    pub filtering: bool,
    /// Whether to find out if the NAT sends back what is meant for itself. Default `true`.
    pub hairpinning: bool,
    /// The schedule of each request. Default: sent five times, given up after 9.5 s.
    pub retransmission: Retransmission,
    /// The pause before each next test. Default 120 ms: not ten transactions a second (RFC 5780
    /// section 5).
    pub pause: Duration,
}

impl NatDiscoveryConfig {
    /// Everything by default.
    #[must_use]
    pub fn new(server: SocketAddr, local: SocketAddr) -> Self {
        Self {
            server,
            local,
            filtering: true,
            hairpinning: true,
            retransmission: Retransmission {
                max_transmissions: 5,
                last_wait: 4,
                ..Retransmission::default()
            },
            pause: Duration::from_millis(120),
        }
    }
}

/// On what a NAT's mapping, or its filter, depends (RFC 4787 sections 4.1 and 5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Dependence {
    /// On nothing: the same for every peer.
    EndpointIndependent,
    /// On the peer's address.
    AddressDependent,
    /// On the peer's address and port.
    AddressAndPortDependent,
}

/// What was found out. Only the behaviour of this moment and port: NATs change their minds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NatBehaviour {
    /// The socket as the server sees it.
    pub mapped: SocketAddr,
    /// Whether that differs from the local address: there is a NAT.
    pub translated: bool,
    /// How the NAT maps; `None` where the server cannot tell (it has one address).
    pub mapping: Option<Dependence>,
    /// What the NAT lets in; `None` where the server cannot tell, or nobody asked.
    pub filtering: Option<Dependence>,
    /// Whether the NAT sends back what is meant for its own outside; `None` where nobody asked.
    pub hairpinning: Option<bool>,
}

/// Why nothing was found out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum NatDiscoveryError {
    /// The server did not answer: UDP does not get through, or it is down.
    #[error("the server does not answer")]
    NoAnswer,
    /// The server answered with an error.
    #[error("the server refused with {code}")]
    Refused {
        /// The code.
        code: u16,
    },
    /// The server's success says no address.
    #[error("the server says no address")]
    NoAddress,
}

/// The end of a discovery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NatDiscoveryEvent {
    /// All that could be found out.
    Done(NatBehaviour),
    /// Nothing.
    Failed(NatDiscoveryError),
}

/// Why a datagram was thrown away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum NatDiscoveryInputError {
    /// It is no STUN message, or a malformed one.
    #[error(transparent)]
    Parse(#[from] ParseError),
    /// It answers nothing that was asked, or comes from where it should not.
    #[error("answer to no outstanding request")]
    Unexpected,
}

/// A datagram to send from the socket under test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NatDiscoveryTransmit {
    /// Where it goes.
    pub remote: SocketAddr,
    /// Its bytes at the front of the buffer.
    pub len: usize,
}

/// Finds out what NATs in between do ([RFC 5780 section 4]): one test after the other.
///
/// ```text
/// connectivity -> filter, other address -> filter, other port -> map, other address
///                                     -> map, other address and port -> hairpin -> Done
/// ```
///
/// Filtering comes first: what the mapping tests send opens the filter.
///
/// [RFC 5780 section 4]: https://www.rfc-editor.org/rfc/rfc5780#section-4
#[derive(Debug)]
pub struct NatDiscovery {
    config: NatDiscoveryConfig,
    clock: Clock,
    random: ChaCha12Rng,
    state: State,
    /// The other address and port of the server.
    other: Option<SocketAddr>,
    /// What the first test with the other address saw.
    second: Option<SocketAddr>,
    behaviour: Option<NatBehaviour>,
    event: Option<NatDiscoveryEvent>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Test {
    Connectivity,
    FilterBoth,
    FilterPort,
    MapAddress,
    MapBoth,
    Hairpin,
}

#[derive(Debug)]
enum State {
    Pausing { until: Duration, test: Test },
    Asking { test: Test, transaction: Transaction, remote: SocketAddr },
    Over,
}

impl NatDiscovery {
    /// Starts with the first test. `seed` makes transaction ids: 32 random bytes.
    #[must_use]
    pub fn new(config: NatDiscoveryConfig, seed: [u8; 32], now: Instant) -> Self {
        let clock = Clock::starting(now);
        Self {
            config,
            clock,
            random: ChaCha12Rng::from_seed(seed),
            state: State::Pausing { until: Duration::ZERO, test: Test::Connectivity },
            other: None,
            second: None,
            behaviour: None,
            event: None,
        }
    }

    /// Takes a datagram that came to the socket.
    ///
    /// # Errors
    ///
    /// [`NatDiscoveryInputError`]; nothing has changed then.
    pub fn handle_input(
        &mut self,
        now: Instant,
        remote: SocketAddr,
        datagram: &[u8],
    ) -> Result<(), NatDiscoveryInputError> {
        let message = MessageView::parse(datagram)?;
        let State::Asking { test, transaction, remote: asked } = &self.state else {
            return Err(NatDiscoveryInputError::Unexpected);
        };
        let (test, asked) = (*test, *asked);
        let expected = match test {
            Test::Hairpin => {
                message.class() == Class::Request && message.transaction_id() == transaction.id()
            }
            //= rfc5780#4.4
            // An answer proves something only when it comes from where it was asked to come.
            Test::FilterBoth => {
                transaction.is_answered_by(&message)
                    && (Some(remote) == self.other || message.class() == Class::Error)
            }
            Test::FilterPort => {
                let port = self.other.map(|other| other.port());
                transaction.is_answered_by(&message)
                    && ((remote.ip() == asked.ip() && Some(remote.port()) == port)
                        || message.class() == Class::Error)
            }
            Test::Connectivity | Test::MapAddress | Test::MapBoth => {
                transaction.is_answered_by(&message) && remote == asked
            }
        };
        if !expected || message.method() != Method::BINDING {
            return Err(NatDiscoveryInputError::Unexpected);
        }
        self.clock.advance(now);
        let answer = match message.class() {
            Class::Success | Class::Request => Answer::Yes {
                mapped: message.xor_mapped_address().or(message.mapped_address()),
                other: message.other_address(),
            },
            Class::Error | Class::Indication => {
                Answer::Refused(message.error_code().map_or(0, |error| error.code()))
            }
        };
        self.conclude(test, answer);
        Ok(())
    }

    /// Writes the next datagram to `buf`.
    ///
    /// # Errors
    ///
    /// [`BufferTooSmall`] when `buf` is shorter than 28 bytes; the datagram stays due.
    pub fn poll_output(
        &mut self,
        now: Instant,
        buf: &mut [u8],
    ) -> Result<Option<NatDiscoveryTransmit>, BufferTooSmall> {
        const NEED: usize = 28;
        self.handle_timeout(now);
        if buf.len() < NEED {
            let due = self.poll_timeout().is_some_and(|due| due <= now);
            return if due { Err(BufferTooSmall { need: NEED }) } else { Ok(None) };
        }
        let State::Asking { test, transaction, remote } = &mut self.state else { return Ok(None) };
        if !transaction.poll_transmit(now) {
            return Ok(None);
        }
        let change = match test {
            Test::FilterBoth => Some(ChangeRequest { ip: true, port: true }),
            Test::FilterPort => Some(ChangeRequest { ip: false, port: true }),
            Test::Connectivity | Test::MapAddress | Test::MapBoth | Test::Hairpin => None,
        };
        match write(buf, transaction.id(), change) {
            Ok(len) => Ok(Some(NatDiscoveryTransmit { remote: *remote, len })),
            Err(_) => Err(BufferTooSmall { need: NEED }),
        }
    }

    /// The end, once.
    pub fn poll_event(&mut self) -> Option<NatDiscoveryEvent> {
        self.event.take()
    }

    /// Lets time pass until `now`.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.clock.advance(now);
        match &mut self.state {
            State::Pausing { until, test } if *until <= self.clock.now() => {
                let test = *test;
                self.ask(test, now);
            }
            State::Asking { test, transaction, .. } => {
                transaction.handle_timeout(now);
                if transaction.state() == TransactionState::TimedOut {
                    let test = *test;
                    self.conclude(test, Answer::No);
                }
            }
            State::Pausing { .. } | State::Over => {}
        }
    }

    /// When to call [`poll_output`](Self::poll_output) next; `None` once it is over.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        match &self.state {
            State::Pausing { until, .. } => self.clock.instant(*until),
            State::Asking { transaction, .. } => transaction.poll_timeout(),
            State::Over => None,
        }
    }

    fn ask(&mut self, test: Test, now: Instant) {
        let server = self.config.server;
        let remote = match (test, self.other, &self.behaviour) {
            (Test::MapAddress, Some(other), _) => SocketAddr::new(other.ip(), server.port()),
            (Test::MapBoth, Some(other), _) => other,
            (Test::Hairpin, _, Some(behaviour)) => behaviour.mapped,
            _ => server,
        };
        //= rfc8489#6.1
        // A new, random id for each transaction.
        let mut id = [0; 12];
        self.random.fill_bytes(&mut id);
        let transaction = Transaction::new(self.config.retransmission, TransactionId(id), now);
        self.state = State::Asking { test, transaction, remote };
    }

    fn conclude(&mut self, test: Test, answer: Answer) {
        let Some(behaviour) = &mut self.behaviour else {
            self.connected(answer);
            return;
        };
        let seen = match answer {
            Answer::Yes { mapped, .. } => mapped,
            Answer::No | Answer::Refused(_) => None,
        };
        let next = match test {
            Test::Connectivity => None,
            Test::FilterBoth => match answer {
                Answer::Yes { .. } => {
                    behaviour.filtering = Some(Dependence::EndpointIndependent);
                    Some(Test::MapAddress)
                }
                Answer::No => Some(Test::FilterPort),
                // A server that does not know CHANGE-REQUEST says nothing about the NAT.
                Answer::Refused(_) => Some(Test::MapAddress),
            },
            Test::FilterPort => {
                behaviour.filtering = match answer {
                    Answer::Yes { .. } => Some(Dependence::AddressDependent),
                    Answer::No => Some(Dependence::AddressAndPortDependent),
                    Answer::Refused(_) => None,
                };
                Some(Test::MapAddress)
            }
            //= rfc5780#4.3
            // The same address again: independent. Else the third place tells the rest.
            Test::MapAddress if seen.is_none() => Some(Test::Hairpin),
            Test::MapAddress if seen == Some(behaviour.mapped) => {
                behaviour.mapping = Some(Dependence::EndpointIndependent);
                Some(Test::Hairpin)
            }
            Test::MapAddress => {
                self.second = seen;
                Some(Test::MapBoth)
            }
            Test::MapBoth => {
                behaviour.mapping = seen.map(|seen| {
                    if Some(seen) == self.second {
                        Dependence::AddressDependent
                    } else {
                        Dependence::AddressAndPortDependent
                    }
                });
                Some(Test::Hairpin)
            }
            Test::Hairpin => {
                behaviour.hairpinning = Some(matches!(answer, Answer::Yes { .. }));
                None
            }
        };
        let translated = behaviour.translated;
        let skip = |test| match test {
            // Without a NAT the mapping is known, and nothing comes back.
            Test::MapAddress => !translated,
            Test::Hairpin => !self.config.hairpinning || !translated,
            Test::Connectivity | Test::FilterBoth | Test::FilterPort | Test::MapBoth => false,
        };
        let next = match next {
            Some(Test::MapAddress) if skip(Test::MapAddress) => Some(Test::Hairpin),
            other => other,
        };
        self.proceed(next.filter(|test| !skip(*test)));
    }

    /// The first answer.
    fn connected(&mut self, answer: Answer) {
        let (mapped, other) = match answer {
            Answer::Yes { mapped: Some(mapped), other } => (mapped, other),
            Answer::Yes { mapped: None, .. } => return self.fail(NatDiscoveryError::NoAddress),
            Answer::No => return self.fail(NatDiscoveryError::NoAnswer),
            Answer::Refused(code) => return self.fail(NatDiscoveryError::Refused { code }),
        };
        let translated = mapped != self.config.local;
        // An OTHER-ADDRESS that differs in one half only cannot serve.
        let server = self.config.server;
        self.other = other.filter(|other| {
            other.is_ipv4() == server.is_ipv4()
                && other.ip() != server.ip()
                && other.port() != server.port()
        });
        self.behaviour = Some(NatBehaviour {
            mapped,
            translated,
            mapping: (!translated).then_some(Dependence::EndpointIndependent),
            filtering: None,
            hairpinning: None,
        });
        let hairpin = (self.config.hairpinning && translated).then_some(Test::Hairpin);
        self.proceed(match (self.other, self.config.filtering, translated) {
            //= rfc5780#4.3
            // A server without a second address cannot tell.
            (None, _, _) => hairpin,
            (Some(_), true, _) => Some(Test::FilterBoth),
            (Some(_), false, true) => Some(Test::MapAddress),
            (Some(_), false, false) => None,
        });
    }

    fn proceed(&mut self, next: Option<Test>) {
        self.state = match next {
            //= rfc5780#5
            // Not more than ten new transactions a second.
            Some(test) => State::Pausing { until: self.clock.after(self.config.pause), test },
            None => {
                self.event = self.behaviour.map(NatDiscoveryEvent::Done);
                State::Over
            }
        };
    }

    fn fail(&mut self, error: NatDiscoveryError) {
        self.event = Some(NatDiscoveryEvent::Failed(error));
        self.state = State::Over;
    }
}

/// What became of a test.
#[derive(Clone, Copy)]
enum Answer {
    Yes { mapped: Option<SocketAddr>, other: Option<SocketAddr> },
    Refused(u16),
    No,
}

fn write(
    buf: &mut [u8],
    id: TransactionId,
    change: Option<ChangeRequest>,
) -> Result<usize, WriteError> {
    let mut request = MessageWriter::new(buf, Class::Request, Method::BINDING, id)?;
    if let Some(change) = change {
        request.change_request(change)?;
    }
    Ok(request.finish())
}
