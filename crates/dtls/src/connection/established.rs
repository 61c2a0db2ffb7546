use std::time::Duration;

use crate::clock::Clock;
use crate::handshake::{Delivery, Expiry, Item, Remains, SessionSecrets, Step};
use crate::wire::handshake::HandshakeType;
use crate::wire::key_update;
use crate::{CloseReason, Config, Connected, Role, Stats, Version};

/// Our last flight is repeated at most this often.
const LINGER_GAP: Duration = Duration::from_millis(25);

/// Renegotiation is refused at most this often.
const REFUSAL_GAP: Duration = Duration::from_secs(1);

/// What is left when the handshake is over.
#[derive(Debug)]
pub(crate) struct Established {
    pub(crate) role: Role,
    pub(crate) secrets: SessionSecrets,
    pub(crate) connected: Connected,
    pub(crate) protocol: Option<Vec<u8>>,
    pub(crate) peer_certificate: Vec<u8>,
    /// Whether the peer's certificate is the announced one.
    pub(crate) verified: bool,
    pub(crate) delivery: Delivery,
    /// The number of our next handshake message; more than any when all are used up.
    pub(crate) next_seq: u32,
    /// New keys are to be used, and whether the peer is to change its own, too.
    update: Option<bool>,
    /// With DTLS 1.2: until when a server repeats its last flight.
    linger: Option<Duration>,
    /// When our last flight was repeated last.
    repeated: Option<Duration>,
    /// When a renegotiation was refused last.
    refused: Option<Duration>,
}

impl Established {
    /// `None` when the step was not the last one.
    pub(crate) fn new(role: Role, step: &mut Step, remains: Remains) -> Option<Self> {
        let outcome = step.outcome.take()?;
        Some(Self {
            role,
            secrets: outcome.secrets,
            connected: outcome.connected,
            protocol: outcome.protocol,
            peer_certificate: remains.peer_certificate,
            verified: false,
            delivery: remains.delivery,
            next_seq: remains.next_seq,
            update: None,
            linger: None,
            repeated: None,
            refused: None,
        })
    }

    pub(crate) fn is_13(&self) -> bool {
        self.connected.version == Version::Dtls13
    }

    //= rfc6347#4.2.4
    // Whoever sends the last flight answers a peer that repeats its own, for twice the maximum
    // segment lifetime.
    pub(crate) fn settle(&mut self, config: &Config, clock: &Clock) {
        match (self.connected.version, self.role) {
            (Version::Dtls12, Role::Server) => {
                self.delivery.expect_no_answer();
                self.linger = Some(clock.after(config.linger));
            }
            (Version::Dtls12, Role::Client) | (Version::Dtls13, Role::Server) => {
                // The peer's last flight answers ours.
                self.delivery.conclude();
            }
            (Version::Dtls13, Role::Client) => {}
        }
    }

    /// The peer's Finished came again. Says whether our last flight goes out again.
    pub(crate) fn repeat(&mut self, clock: &Clock, stats: &mut Stats) -> bool {
        let since = self.repeated.map(|last| clock.now().saturating_sub(last));
        let due = self.linger.is_some() && since.is_none_or(|since| since >= LINGER_GAP);
        if due && !self.delivery.flight.is_pending() {
            self.repeated = Some(clock.now());
            self.delivery.repeat(stats);
            return true;
        }
        false
    }

    /// Whether an attempt to renegotiate is to be answered.
    pub(crate) fn refuses(&mut self, clock: &Clock) -> bool {
        let quiet = self.refused.is_some_and(|last| clock.now().saturating_sub(last) < REFUSAL_GAP);
        if !quiet {
            self.refused = Some(clock.now());
        }
        !quiet
    }

    /// New keys are wanted. One change that is under way, or waits for its turn, is enough.
    pub(crate) fn want_update(&mut self, request_peer: bool) {
        if self.delivery.flight.only() != Some(HandshakeType::KeyUpdate) {
            let request = self.update.unwrap_or_default() || request_peer;
            self.update = Some(request);
        }
    }

    /// Says the change of keys that waits for its turn, when there is one and it is its turn.
    pub(crate) fn say_update(&mut self, epoch: u64, config: &Config) {
        //= rfc9147#5.8.4
        // One message after the handshake at a time.
        if !self.delivery.flight.is_empty() {
            return;
        }
        let Some(request) = self.update.take() else { return };
        let Ok(seq) = u16::try_from(self.next_seq) else { return };
        self.next_seq = u32::from(seq).saturating_add(1);
        let body = key_update::write(request);
        let item = Item::message(HandshakeType::KeyUpdate, seq, epoch, body);
        self.delivery.send(vec![item], config);
    }

    pub(crate) fn handle_timeout(
        &mut self,
        clock: &Clock,
        config: &Config,
        stats: &mut Stats,
    ) -> Option<CloseReason> {
        if self.linger.is_some_and(|until| until <= clock.now())
            && !self.delivery.flight.is_pending()
        {
            self.linger = None;
            self.delivery.conclude();
        }
        let expiry = self.delivery.handle_timeout(clock, config, stats);
        (expiry == Expiry::GiveUp).then_some(CloseReason::TimedOut)
    }

    pub(crate) fn poll_timeout(&self) -> Option<Duration> {
        self.linger.into_iter().chain(self.delivery.poll_timeout()).min()
    }
}
