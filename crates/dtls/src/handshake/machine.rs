use std::time::Duration;

use crate::clock::Clock;
use crate::handshake::client::Client;
use crate::handshake::delivery::{Delivery, Expiry, Received, Taken, fragments};
use crate::handshake::dialogue::{Dialogue, Step};
use crate::handshake::failure::Failure;
use crate::handshake::reassembly::Message;
use crate::handshake::server::Server;
use crate::record::{HANDSHAKE, PLAIN};
use crate::wire::RANDOM_LEN;
use crate::wire::ack::{Ack, RecordNumber};
use crate::wire::handshake::{FragmentHeader, HandshakeType};
use crate::{CloseReason, Config, Role, Stats, Version, Violation};

/// A handshake on its way: everything that exists only until it is over.
#[derive(Debug)]
pub(crate) struct Handshake {
    roles: Roles,
    dialogue: Dialogue,
    pub(crate) delivery: Delivery,
    version: Option<Version>,
    /// When the handshake is given up. A server that heard nothing yet waits for ever.
    deadline: Option<Duration>,
    doubt: Option<Doubt>,
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

/// What outlives a handshake.
#[derive(Debug)]
pub(crate) struct Remains {
    pub(crate) peer_certificate: Vec<u8>,
    pub(crate) delivery: Delivery,
    /// The number of our next message.
    pub(crate) next_seq: u32,
}

impl Handshake {
    pub(crate) fn start(
        role: Role,
        random: [u8; RANDOM_LEN],
        config: &Config,
        clock: &Clock,
        round_trip: Option<Duration>,
    ) -> Result<Self, Failure> {
        let mut dialogue = Dialogue::default();
        let (roles, deadline) = match role {
            Role::Client => (
                Roles::Client(Client::start(config, random, &mut dialogue)?),
                Some(clock.after(config.handshake_timeout)),
            ),
            Role::Server => (Roles::Server(Server::start(random)), None),
        };
        let delivery = Delivery::new(config, round_trip);
        let mut handshake =
            Self { roles, dialogue, delivery, version: None, deadline, doubt: None };
        handshake.send_outgoing(config);
        Ok(handshake)
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

    /// Hands over what outlives the handshake.
    pub(crate) fn into_remains(self) -> Remains {
        let next_seq = self.dialogue.next_seq();
        Remains {
            peer_certificate: self.dialogue.peer_certificate.unwrap_or_default(),
            next_seq,
            delivery: self.delivery,
        }
    }

    fn awaits_hello(&self) -> bool {
        match &self.roles {
            Roles::Client(client) => client.awaits_hello(),
            Roles::Server(server) => server.awaits_hello(),
        }
    }

    /// Takes the payload of a handshake record: fragments of one or more messages. Says whether
    /// any of them was of use.
    pub(crate) fn handle_record(
        &mut self,
        payload: &[u8],
        number: RecordNumber,
        config: &Config,
        clock: &Clock,
        stats: &mut Stats,
    ) -> Result<bool, Failure> {
        let knew_version = self.version.is_some();
        let mut received = Received::nothing_yet();
        for fragment in fragments(payload) {
            let taken = match fragment {
                Ok((header, bytes)) => {
                    self.handle_fragment(header, bytes, number.epoch, config, clock, stats)
                }
                Err(_) => Taken::Wrong(Violation::HandshakeRecord),
            };
            received.add(taken, stats);
        }
        if received.used {
            self.deadline.get_or_insert(clock.after(config.handshake_timeout));
        }
        if received.complete {
            self.delivery.remember(number, knew_version, clock);
        }
        // In epoch 0 anybody could have made us believe that our flight arrived.
        let credible = number.epoch != PLAIN || config.trust_plaintext_acks;
        if received.new && knew_version && credible && self.version == Some(Version::Dtls13) {
            self.delivery.acknowledge_implicitly();
        }
        match received.wrong {
            Some(violation) if number.epoch != PLAIN => return Err(violation.into()),
            Some(violation) => {
                self.suspect(CloseReason::PeerMisbehaved(violation), config, clock);
            }
            None => {}
        }
        Ok(received.used)
    }

    fn handle_fragment(
        &mut self,
        header: FragmentHeader,
        bytes: &[u8],
        epoch: u64,
        config: &Config,
        clock: &Clock,
        stats: &mut Stats,
    ) -> Taken {
        if !self.belongs(header.kind, epoch) {
            return Taken::Refused;
        }
        self.follow_cookie(header, config);
        if u32::from(header.message_seq) < self.delivery.reassembly.next_seq() {
            if self.handle_old(header, bytes, config, clock) {
                self.delivery.repeat(stats);
            }
            return Taken::Old;
        }
        self.delivery.insert(header, bytes)
    }

    /// Whether a message of this kind may come in this epoch.
    fn belongs(&self, kind: HandshakeType, epoch: u64) -> bool {
        let hello = matches!(
            kind,
            HandshakeType::ClientHello
                | HandshakeType::ServerHello
                | HandshakeType::HelloVerifyRequest
        );
        match self.version {
            Some(Version::Dtls13) => epoch == if hello { PLAIN } else { HANDSHAKE },
            // Finished is the one message under the new keys.
            Some(Version::Dtls12) | None => epoch == u64::from(kind == HandshakeType::Finished),
        }
    }

    /// A server without memory sees a second hello as the first.
    fn follow_cookie(&mut self, header: FragmentHeader, config: &Config) {
        let waits = matches!(&self.roles, Roles::Server(Server::Hello { .. }));
        let reassembly = &mut self.delivery.reassembly;
        if waits
            && config.cookie.is_some()
            && reassembly.next_seq() == 0
            && header.message_seq == 1
            && header.kind == HandshakeType::ClientHello
        {
            reassembly.restart_at(1);
        }
    }

    /// A message that was handled before: the peer repeats itself. Says whether our flight is to
    /// go out again.
    fn handle_old(
        &mut self,
        header: FragmentHeader,
        bytes: &[u8],
        config: &Config,
        clock: &Clock,
    ) -> bool {
        if let Roles::Client(client) = &mut self.roles
            && header.kind == HandshakeType::HelloVerifyRequest
            && bytes.len() == header.len
            && client.handle_late_cookie(bytes, config, &mut self.dialogue)
        {
            self.send_outgoing(config);
            return false;
        }
        self.delivery.repeats_flight(header, clock)
    }

    /// Takes an acknowledgement of the peer's.
    pub(crate) fn handle_ack(
        &mut self,
        ack: Ack<'_>,
        epoch: u64,
        config: &Config,
        clock: &Clock,
        stats: &mut Stats,
    ) -> Result<(), Failure> {
        let known = self.version == Some(Version::Dtls13);
        if !known || (epoch == PLAIN && !config.trust_plaintext_acks) {
            stats.acks_ignored = stats.acks_ignored.saturating_add(1);
            return Ok(());
        }
        match self.delivery.handle_ack(ack, epoch, config, stats) {
            Ok(_) => Ok(()),
            Err(violation) if epoch != PLAIN => Err(violation.into()),
            Err(violation) => {
                self.suspect(CloseReason::PeerMisbehaved(violation), config, clock);
                Ok(())
            }
        }
    }

    /// Handles the next message when it is complete; `None` when it is not.
    pub(crate) fn step(
        &mut self,
        config: &Config,
        clock: &Clock,
        stats: &mut Stats,
    ) -> Result<Option<Step>, Failure> {
        let Some(message) = self.delivery.reassembly.pop() else { return Ok(None) };
        let handled = match &mut self.roles {
            Roles::Client(client) => client.handle(&message, config, &mut self.dialogue),
            Roles::Server(server) => server.handle(&message, config, &mut self.dialogue),
        };
        if let Err(failure) = handled {
            return self.refuse(failure, &message, config, clock, stats);
        }
        self.doubt = None;
        let step = std::mem::take(&mut self.dialogue.step);
        if let Some(version) = step.version {
            self.version = Some(version);
            self.delivery.set_version(version);
        }
        self.check_boundary(&message, &step)?;
        self.send_outgoing(config);
        if step.acknowledge {
            self.delivery.acks.hasten();
        }
        Ok(Some(step))
    }

    /// Nothing may follow in an epoch that ends.
    fn check_boundary(&self, message: &Message, step: &Step) -> Result<(), Failure> {
        let ends = self.version == Some(Version::Dtls13)
            && !step.read.is_empty()
            && message.kind != HandshakeType::ServerHello;
        if ends && !self.delivery.reassembly.is_empty() {
            return Err(Violation::ExcessData(message.kind).into());
        }
        Ok(())
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
        if !self.awaits_hello() || matches!(failure, Failure::Crypto(_)) {
            return Err(failure);
        }
        stats.hellos_refused = stats.hellos_refused.saturating_add(1);
        self.dialogue.step = Step::default();
        self.delivery.reassembly.restart_at(message.seq);
        self.doubt(failure.reason(), config, clock);
        Ok(Some(Step::default()))
    }

    /// Notes a sign that there will be no agreement. The first one counts.
    pub(crate) fn doubt(&mut self, reason: CloseReason, config: &Config, clock: &Clock) {
        let until = clock.after(config.refusal_grace);
        self.doubt.get_or_insert(Doubt { reason, until });
    }

    /// Notes something that a peer in its right mind does not send. Strangers send much: it counts
    /// only where every sign counts at once.
    pub(crate) fn suspect(&mut self, reason: CloseReason, config: &Config, clock: &Clock) {
        if config.refusal_grace.is_zero() {
            self.doubt(reason, config, clock);
        }
    }

    /// Makes what the last step said our new flight.
    fn send_outgoing(&mut self, config: &Config) {
        let outgoing = self.dialogue.take_outgoing();
        if !outgoing.is_empty() {
            self.delivery.send(outgoing, config);
            // The flight answers the peer's.
            self.delivery.acks.clear();
        }
    }

    /// Lets time pass; the reason to give up, when there is one.
    pub(crate) fn handle_timeout(
        &mut self,
        clock: &Clock,
        config: &Config,
        stats: &mut Stats,
    ) -> Option<CloseReason> {
        if let Some(doubt) = self.doubt
            && doubt.until <= clock.now()
        {
            return Some(doubt.reason);
        }
        let late = self.deadline.is_some_and(|deadline| deadline <= clock.now());
        if late || self.delivery.handle_timeout(clock, config, stats) == Expiry::GiveUp {
            return Some(self.doubt.map_or(CloseReason::TimedOut, |doubt| doubt.reason));
        }
        None
    }

    pub(crate) fn poll_timeout(&self) -> Option<Duration> {
        let doubt = self.doubt.map(|doubt| doubt.until);
        [self.delivery.poll_timeout(), self.deadline, doubt].into_iter().flatten().min()
    }
}
