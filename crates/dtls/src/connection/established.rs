use std::time::Duration;

use crate::clock::Clock;
use crate::handshake::Flight;
use crate::handshake::v12::Secrets;
use crate::{Connected, Role};

/// Our last flight is repeated at most this often.
const LINGER_GAP: Duration = Duration::from_millis(25);

/// Renegotiation is refused at most this often.
const REFUSAL_GAP: Duration = Duration::from_secs(1);

/// What is left when the handshake is over.
#[derive(Debug)]
pub(crate) struct Established {
    pub(crate) role: Role,
    pub(crate) secrets: Secrets,
    pub(crate) connected: Connected,
    pub(crate) peer_certificate: Vec<u8>,
    /// Whether the peer's certificate is the announced one.
    pub(crate) verified: bool,
    /// Our last flight, for as long as the peer may not have received it.
    pub(crate) linger: Option<Linger>,
    /// When a renegotiation was refused last.
    refused: Option<Duration>,
}

/// The last flight, kept.
#[derive(Debug)]
pub(crate) struct Linger {
    pub(crate) flight: Flight,
    until: Duration,
    repeated: Duration,
}

impl Established {
    pub(crate) fn new(
        role: Role,
        secrets: Secrets,
        connected: Connected,
        peer_certificate: Vec<u8>,
    ) -> Self {
        Self {
            role,
            secrets,
            connected,
            peer_certificate,
            verified: false,
            linger: None,
            refused: None,
        }
    }

    //= rfc6347#4.2.4
    // Whoever sends the last flight answers a peer that repeats its own, for twice the maximum
    // segment lifetime.
    pub(crate) fn keep(&mut self, flight: Flight, lifetime: Duration, clock: &Clock) {
        if self.role == Role::Server && !flight.is_empty() {
            let until = clock.after(lifetime);
            self.linger = Some(Linger { flight, until, repeated: clock.now() });
        }
    }

    /// The peer's Finished came again. Says whether our last flight goes out again.
    pub(crate) fn repeat(&mut self, clock: &Clock) -> bool {
        let Some(linger) = &mut self.linger else { return false };
        let due = clock.now().saturating_sub(linger.repeated) >= LINGER_GAP;
        if due && !linger.flight.is_pending() {
            linger.repeated = clock.now();
            linger.flight.rewind();
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

    pub(crate) fn handle_timeout(&mut self, clock: &Clock) {
        let over = |linger: &Linger| linger.until <= clock.now() && !linger.flight.is_pending();
        if self.linger.as_ref().is_some_and(over) {
            self.linger = None;
        }
    }

    pub(crate) fn poll_timeout(&self) -> Option<Duration> {
        self.linger.as_ref().map(|linger| linger.until)
    }
}
