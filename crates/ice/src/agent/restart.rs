//! A new generation: RFC 8445 section 9.

use std::time::{Duration, Instant};

use antiphon_crypto::CryptoError;

use crate::credentials::Credentials;
use crate::event::ConnectionState;

use super::Agent;
use super::generation::Generation;

/// The generation before the current one.
#[derive(Debug)]
pub(crate) struct Previous {
    pub(crate) generation: Generation,
    /// Data has moved on; the old credentials are answered until then.
    pub(crate) until: Option<Duration>,
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
        if old.concluded().is_some() || !carries_data {
            old.checklist.retain(|pair| pair.valid().is_some() || pair.heard);
            old.early = Vec::new();
            old.remote_candidates = Vec::new();
            self.previous = Some(Box::new(Previous { generation: old, until: None }));
        }
        let kept = self.previous.as_ref().map(|previous| previous.generation.number);
        self.transactions.forget_for_restart(number, kept);
        self.outbox.retain(|reply| reply.generation.is_none_or(|number| Some(number) == kept));
        self.gather_again();
        self.settle();
        Ok(&self.current.credentials)
    }

    /// Takes the latest restart back: its offer was rolled back, and the peer does not know of it.
    /// `false`: there is nothing to go back to, or not to what the peer knows; restart then.
    pub fn take_back_restart(&mut self, now: Instant) -> bool {
        self.handle_timeout(now);
        let latest = self.current.number;
        let agreed = self.previous.take_if(|previous| {
            previous.until.is_none() && previous.generation.number.wrapping_add(1) == latest
        });
        let Some(previous) = agreed else { return false };
        self.current = previous.generation;
        let number = self.current.number;
        self.transactions.forget_for_restart(number, None);
        self.outbox.retain(|reply| reply.generation.is_none_or(|known| known == number));
        self.settle();
        true
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
