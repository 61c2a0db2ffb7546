use std::time::Duration;

use crate::clock::Clock;
use crate::handshake::dialogue::{Dialogue, Outcome};
use crate::handshake::failure::Failure;
use crate::handshake::flight::Flight;
use crate::handshake::reassembly::{Message, Reassembly};
use crate::handshake::v12::{Client, Keys, Server};
use crate::record::RecordLayer;
use crate::timer::{RetransmissionTimer, initial_wait};
use crate::wire::RANDOM_LEN;
use crate::wire::cursor::Reader;
use crate::wire::handshake::{FragmentHeader, HandshakeType};
use crate::{CloseReason, Config, Role, Stats};

/// After so many retransmissions without an answer the path may not carry what was assumed.
const EXPIRATIONS_BEFORE_SHRINKING: u32 = 3;

/// What datagrams shrink to: the least that every host takes (576 bytes with IPv4), without the
/// headers of IP and UDP.
const SMALL_MTU: usize = 548;

/// A handshake on its way: everything that exists only until it is over.
#[derive(Debug)]
pub(crate) struct Handshake {
    roles: Roles,
    dialogue: Dialogue,
    reassembly: Reassembly,
    flight: Flight,
    timer: RetransmissionTimer,
    /// The peer's message that follows the flight which ours answers.
    boundary: u16,
    /// When the handshake is given up. A server that heard nothing yet waits for ever.
    deadline: Option<Duration>,
    doubt: Option<Doubt>,
    round_trip: Option<Duration>,
}

#[derive(Debug)]
enum Roles {
    Client(Client),
    Server(Server),
}

/// A sign that there will be no agreement. Anybody could have forged it, so it counts only when
/// nothing better comes until its time is over.
#[derive(Clone, Copy, Debug)]
struct Doubt {
    reason: CloseReason,
    until: Duration,
}

/// What one message in turn led to.
#[derive(Debug, Default)]
pub(crate) struct Step {
    pub(crate) keys: Option<Keys>,
    pub(crate) outcome: Option<Outcome>,
}

impl Handshake {
    pub(crate) fn start(
        role: Role,
        random: [u8; RANDOM_LEN],
        config: &Config,
        clock: &Clock,
        round_trip: Option<Duration>,
    ) -> Self {
        let mut dialogue = Dialogue::default();
        let (roles, deadline) = match role {
            Role::Client => (
                Roles::Client(Client::start(config, random, &mut dialogue)),
                Some(clock.after(config.handshake_timeout)),
            ),
            Role::Server => (Roles::Server(Server::start(random)), None),
        };
        let initial = initial_wait(config.initial_timeout, round_trip);
        Self {
            roles,
            flight: Flight::new(dialogue.take_outgoing()),
            dialogue,
            reassembly: Reassembly::new(config.max_handshake_bytes),
            timer: RetransmissionTimer::new(initial, config.max_timeout),
            boundary: 0,
            deadline,
            doubt: None,
            round_trip,
        }
    }

    pub(crate) fn role(&self) -> Role {
        match self.roles {
            Roles::Client(_) => Role::Client,
            Roles::Server(_) => Role::Server,
        }
    }

    pub(crate) fn peer_certificate(&self) -> Option<&[u8]> {
        self.dialogue.peer_certificate.as_deref()
    }

    /// Hands over what outlives the handshake: the peer's certificate and our last flight.
    pub(crate) fn into_remains(self) -> (Option<Vec<u8>>, Flight) {
        (self.dialogue.peer_certificate, self.flight)
    }

    pub(crate) fn set_round_trip(&mut self, round_trip: Duration, config: &Config) {
        self.round_trip = Some(round_trip);
        if self.timer.expirations == 0 {
            self.timer.adjust(initial_wait(config.initial_timeout, self.round_trip));
        }
    }

    /// Takes the payload of a handshake record: fragments of one or more messages. Says whether
    /// any of them was of use.
    pub(crate) fn handle_record(
        &mut self,
        payload: &[u8],
        epoch: u16,
        config: &Config,
        clock: &Clock,
        stats: &mut Stats,
    ) -> bool {
        let (mut reader, mut used) = (Reader::new(payload), false);
        while !reader.is_empty() {
            let fragment = FragmentHeader::read(&mut reader)
                .and_then(|header| Ok((header, reader.take(header.fragment_len)?)));
            let Ok((header, bytes)) = fragment else {
                stats.fragments_dropped = stats.fragments_dropped.saturating_add(1);
                break;
            };
            if self.handle_fragment(header, bytes, epoch, config, clock, stats) {
                used = true;
            } else {
                stats.fragments_dropped = stats.fragments_dropped.saturating_add(1);
            }
        }
        if used {
            self.deadline.get_or_insert(clock.after(config.handshake_timeout));
        }
        used
    }

    fn handle_fragment(
        &mut self,
        header: FragmentHeader,
        bytes: &[u8],
        epoch: u16,
        config: &Config,
        clock: &Clock,
        stats: &mut Stats,
    ) -> bool {
        // Finished is the one message under the new keys.
        if (header.kind == HandshakeType::Finished) != (epoch == 1) {
            return false;
        }
        if header.message_seq < self.reassembly.next_seq() {
            self.handle_old(header, bytes, config, clock, stats);
            return true;
        }
        self.reassembly.insert(header, bytes)
    }

    /// A message that was handled before: the peer repeats itself.
    fn handle_old(
        &mut self,
        header: FragmentHeader,
        bytes: &[u8],
        config: &Config,
        clock: &Clock,
        stats: &mut Stats,
    ) {
        if let Roles::Client(client) = &mut self.roles
            && header.kind == HandshakeType::HelloVerifyRequest
            && bytes.len() == header.len
            && client.handle_late_cookie(bytes, config, &mut self.dialogue)
        {
            self.send_outgoing(config);
            return;
        }
        //= rfc6347#4.2.4
        // When the end of the peer's flight comes again, ours may be lost: it goes out again.
        let repeats_flight = header.is_last()
            && header.message_seq.checked_add(1) == Some(self.boundary)
            && self.reassembly.next_seq() == self.boundary;
        if repeats_flight && self.timer.is_answer_lost(clock) {
            self.repeat(stats);
        }
    }

    fn repeat(&mut self, stats: &mut Stats) {
        self.timer.stop();
        self.flight.rewind();
        stats.flights_repeated = stats.flights_repeated.saturating_add(1);
    }

    /// Handles the next message when it is complete; `None` when it is not.
    pub(crate) fn step(
        &mut self,
        config: &Config,
        clock: &Clock,
        stats: &mut Stats,
    ) -> Result<Option<Step>, Failure> {
        let Some(message) = self.reassembly.pop() else { return Ok(None) };
        let handled = match &mut self.roles {
            Roles::Client(client) => client.handle(&message, config, &mut self.dialogue),
            Roles::Server(server) => server.handle(&message, config, &mut self.dialogue),
        };
        if let Err(failure) = handled {
            return self.refuse(failure, &message, config, clock, stats);
        }
        self.doubt = None;
        self.send_outgoing(config);
        Ok(Some(Step { keys: self.dialogue.keys.take(), outcome: self.dialogue.outcome.take() }))
    }

    /// A hello that does not suit us may be a forged one: the right one is waited for. Any later
    /// message ends the handshake.
    fn refuse(
        &mut self,
        failure: Failure,
        message: &Message,
        config: &Config,
        clock: &Clock,
        stats: &mut Stats,
    ) -> Result<Option<Step>, Failure> {
        let awaits_hello = match &self.roles {
            Roles::Client(client) => client.awaits_hello(),
            Roles::Server(server) => server.awaits_hello(),
        };
        if !awaits_hello || matches!(failure, Failure::Crypto(_)) {
            return Err(failure);
        }
        stats.hellos_refused = stats.hellos_refused.saturating_add(1);
        self.reassembly.restart_at(message.seq);
        self.doubt(failure.reason(), config, clock);
        Ok(Some(Step::default()))
    }

    /// Notes a sign that there will be no agreement. The first one counts.
    pub(crate) fn doubt(&mut self, reason: CloseReason, config: &Config, clock: &Clock) {
        let until = clock.after(config.refusal_grace);
        self.doubt.get_or_insert(Doubt { reason, until });
    }

    /// Makes what the last step said our new flight.
    fn send_outgoing(&mut self, config: &Config) {
        let outgoing = self.dialogue.take_outgoing();
        if !outgoing.is_empty() {
            self.flight = Flight::new(outgoing);
            self.boundary = self.reassembly.next_seq();
            self.timer.reset(initial_wait(config.initial_timeout, self.round_trip));
        }
    }

    pub(crate) fn has_output(&self) -> bool {
        self.flight.is_pending()
    }

    /// The longest datagram to send now.
    pub(crate) fn mtu(&self, config: &Config) -> usize {
        //= rfc6347#4.1.1.1
        // Repeated silence may mean that the datagrams are too long for the path.
        if self.timer.expirations >= EXPIRATIONS_BEFORE_SHRINKING {
            config.mtu.min(SMALL_MTU)
        } else {
            config.mtu
        }
    }

    /// Fills `buf` with the next part of our flight; the wait for an answer begins behind its end.
    pub(crate) fn write_datagram(
        &mut self,
        records: &mut RecordLayer,
        buf: &mut [u8],
        clock: &Clock,
    ) -> usize {
        let len = self.flight.write_datagram(records, buf);
        if !self.flight.is_pending() {
            self.timer.start(clock.now());
        }
        len
    }

    /// Lets time pass; the reason to give up, when there is one.
    pub(crate) fn handle_timeout(
        &mut self,
        clock: &Clock,
        stats: &mut Stats,
    ) -> Option<CloseReason> {
        if let Some(doubt) = self.doubt
            && doubt.until <= clock.now()
        {
            return Some(doubt.reason);
        }
        if self.deadline.is_some_and(|deadline| deadline <= clock.now()) {
            return Some(self.doubt.map_or(CloseReason::TimedOut, |doubt| doubt.reason));
        }
        if self.timer.expire(clock) {
            self.repeat(stats);
        }
        None
    }

    pub(crate) fn poll_timeout(&self) -> Option<Duration> {
        let doubt = self.doubt.map(|doubt| doubt.until);
        [self.timer.deadline(), self.deadline, doubt].into_iter().flatten().min()
    }
}
