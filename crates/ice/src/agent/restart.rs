//! A new generation: RFC 8445 section 9.

use std::time::{Duration, Instant};

use antiphon_crypto::CryptoError;

use crate::credentials::Credentials;
use crate::diagnosis::Trace;
use crate::event::ConnectionState;

use super::Agent;
use super::gather::LocalCandidate;
use super::generation::{Generation, RemoteCandidate};

/// The generation before the current one.
#[derive(Debug)]
pub(crate) struct Previous {
    pub(crate) generation: Generation,
    /// Data has moved on; the old credentials are answered until then.
    pub(crate) until: Option<Duration>,
}

/// What taking the latest restart back leads to.
#[derive(Debug, Default)]
pub(crate) enum Undo {
    #[default]
    Nothing,
    /// The previous generation, of this number, goes on.
    Previous(u32),
    /// A generation that was agreed on begins anew: it had not come to life.
    Displaced(Box<Displaced>),
}

/// What there is to know of a generation to begin its checks anew.
#[derive(Debug)]
pub(crate) struct Displaced {
    credentials: Credentials,
    local_candidates: Vec<LocalCandidate>,
    remote: Credentials,
    candidates: Vec<RemoteCandidate>,
    remote_complete: bool,
}

impl Undo {
    /// How to return to `old`. `None`: it was never agreed on, so what led back before does still.
    fn to(old: &Generation) -> Option<Self> {
        let remote = old.remote.as_ref()?;
        if old.concluded().is_some() {
            return Some(Self::Previous(old.number));
        }
        Some(Self::Displaced(Box::new(Displaced {
            credentials: old.credentials.clone(),
            local_candidates: old.local_candidates.clone(),
            remote: remote.credentials.clone(),
            candidates: old.remote_candidates.clone(),
            remote_complete: old.remote_complete,
        })))
    }
}

impl Agent {
    /// Begins a new generation with new credentials, which it returns.
    ///
    /// The sockets are the same unless they are changed, and become candidates of the new
    /// generation; say [`end_of_local_addresses`](Self::end_of_local_addresses) again. The peer's
    /// new credentials and candidates are awaited. Data goes over the old pair until a new one is
    /// nominated. The role stays.
    ///
    /// # Errors
    ///
    /// [`CryptoError`] when the provider has no randomness; nothing has changed then.
    pub fn restart(&mut self, now: Instant) -> Result<&Credentials, CryptoError> {
        let credentials = Credentials::generate(&*self.config.provider)?;
        self.restart_with(now, credentials)
    }

    /// [`restart`](Self::restart) with credentials that were generated before, because they had to
    /// stand in an offer first.
    ///
    /// # Errors
    ///
    /// [`CryptoError`] when the provider has no HMAC for them; nothing has changed then.
    pub fn restart_with(
        &mut self,
        now: Instant,
        credentials: Credentials,
    ) -> Result<&Credentials, CryptoError> {
        self.handle_timeout(now);
        if self.state == ConnectionState::Closed {
            return Ok(&self.current.credentials);
        }
        //= rfc8445#9
        // A restart changes ufrag and password; roles are not determined again.
        let number = self.current.number.wrapping_add(1);
        let fresh = Generation::new(&*self.config.provider, number, credentials)?;
        let mut old = std::mem::replace(&mut self.current, fresh);
        let carries_data = self.previous.as_ref().is_some_and(|previous| {
            previous.until.is_none() && previous.generation.selected().is_some()
        });
        // A generation that never came to life does not displace the one that carries data.
        if let Some(undo) = Undo::to(&old) {
            self.undo = undo;
        }
        if old.concluded().is_some() || !carries_data {
            old.checklist.retain(|pair| pair.valid().is_some() || pair.heard);
            old.early = Vec::new();
            old.remote_candidates = Vec::new();
            self.previous = Some(Box::new(Previous { generation: old, until: None }));
        }
        let kept = self.previous.as_ref().map(|previous| previous.generation.number);
        self.forget_but(kept);
        self.permissions.forget_refusals();
        self.evidence.begin_again();
        self.ignored = 0;
        self.trace(Trace::Restarted);
        self.gather_again();
        self.settle();
        Ok(&self.current.credentials)
    }

    /// Takes a restart back whose offer was rolled back, so that the peer does not know of it.
    /// `false`: there is nothing to go back to; [`restart`](Self::restart) then.
    pub fn take_back_restart(&mut self, now: Instant) -> bool {
        self.handle_timeout(now);
        let done = match std::mem::take(&mut self.undo) {
            Undo::Nothing => false,
            Undo::Previous(number) => self.resume_previous(number),
            Undo::Displaced(displaced) => self.resume_displaced(now, *displaced),
        };
        self.settle();
        done
    }

    fn resume_previous(&mut self, number: u32) -> bool {
        let is_it = |previous: &mut Box<Previous>| previous.generation.number == number;
        let Some(previous) = self.previous.take_if(is_it) else { return false };
        self.current = previous.generation;
        self.forget_but(None);
        true
    }

    /// Begins the checks of that generation anew.
    fn resume_displaced(&mut self, now: Instant, displaced: Displaced) -> bool {
        let number = self.current.number.wrapping_add(1);
        let Displaced { credentials, local_candidates, remote, mut candidates, remote_complete } =
            displaced;
        let stripped =
            |previous: &mut Box<Previous>| previous.generation.credentials == credentials;
        let _ = self.previous.take_if(stripped);
        let Ok(fresh) = Generation::new(&*self.config.provider, number, credentials) else {
            return false;
        };
        let abandoned = std::mem::replace(&mut self.current, fresh);
        let kept = self.previous.as_ref().map(|previous| previous.generation.number);
        self.forget_but(kept);
        candidates.extend(abandoned.remote_candidates);
        candidates.truncate(self.config.max_remote_candidates);
        self.current.remote_candidates = candidates;
        self.current.remote_complete = remote_complete;
        self.current.local_candidates = local_candidates;
        self.set_remote_credentials(now, remote).is_ok()
    }

    /// Forgets what was sent and received for all generations but the current one and `kept`.
    fn forget_but(&mut self, kept: Option<u32>) {
        let number = self.current.number;
        self.transactions.forget_for_restart(number, kept);
        self.outbox.retain(|reply| {
            reply.generation.is_none_or(|known| known == number || Some(known) == kept)
        });
    }

    /// Lets the previous generation go when the current one has taken over.
    //= rfc8445#9
    // Until the new generation has a selected pair data goes over the old one.
    pub(super) fn retire_previous(&mut self) {
        let until = self.clock.after(self.config.linger);
        let Some(previous) = &mut self.previous else { return };
        let took_over = self.current.concluded().is_some() && self.current.selected().is_some();
        let took_over = took_over
            || (self.current.selected().is_some() && previous.generation.selected().is_none());
        if took_over && previous.until.is_none() {
            previous.until = Some(until);
        }
    }

    /// Forgets the previous generation some time after that.
    pub(super) fn expire_previous(&mut self) {
        let now = self.clock.now();
        let until = self.previous.as_ref().and_then(|previous| previous.until);
        if until.is_some_and(|until| until <= now) {
            self.previous = None;
            let number = self.current.number;
            self.transactions.forget_for_previous(number);
            self.outbox.retain(|reply| reply.generation.is_none_or(|known| known == number));
        }
    }
}
