use std::time::Duration;

use super::tcb::{Identity, Tcb};
use crate::Config;

/// INIT or COOKIE ECHO and its repetition: the T1 timers of RFC 9260 section 5.1.
#[derive(Debug)]
pub(crate) struct Opening {
    pub(crate) local: Identity,
    /// To be sent now.
    pub(crate) due: bool,
    /// When it was sent last.
    pub(crate) sent: Option<Duration>,
    at: Option<Duration>,
    /// Timeouts of INIT and COOKIE ECHO together.
    pub(crate) attempts: u32,
}

/// After INIT ACK: the association is built, and the peer has to confirm.
#[derive(Debug)]
pub(crate) struct Echoed {
    pub(crate) opening: Opening,
    pub(crate) cookie: Box<[u8]>,
    pub(crate) tcb: Tcb,
}

impl Opening {
    pub(crate) fn new(local: Identity) -> Self {
        Self { local, due: true, sent: None, at: None, attempts: 0 }
    }

    /// The next chunk of the handshake, with a timer of its own.
    pub(crate) fn again(&mut self) {
        self.due = true;
        self.sent = None;
        self.at = None;
        self.attempts = 0;
    }

    //= rfc9260#5.1
    // The T1 timers follow the rules of T3: doubled each time.
    pub(crate) fn was_sent(&mut self, now: Duration, config: &Config) {
        self.due = false;
        self.sent = Some(now);
        let wait = config.rto_initial.saturating_mul(1_u32 << self.attempts.min(16));
        self.at = Some(now.saturating_add(wait.min(config.rto_max)));
    }

    /// How long the answer took, when there is no doubt which packet it answers.
    pub(crate) fn round_trip(&self, now: Duration) -> Option<Duration> {
        let sent = self.sent.filter(|_| self.attempts == 0)?;
        Some(now.saturating_sub(sent).max(Duration::from_micros(1)))
    }

    pub(crate) fn timeout(&self) -> Option<Duration> {
        self.at
    }

    /// Lets time pass; `false` when it is time to give up.
    pub(crate) fn run_timer(&mut self, now: Duration, config: &Config) -> bool {
        if self.at.is_none_or(|at| at > now) {
            return true;
        }
        self.at = None;
        self.due = true;
        self.attempts = self.attempts.saturating_add(1);
        self.attempts <= config.max_init_retransmits
    }
}
