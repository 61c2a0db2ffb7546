//! The peer's credentials and candidates, and the pairs they form.

use std::net::SocketAddr;
use std::time::Instant;

use antiphon_crypto::CryptoProvider;

use crate::candidate::{
    Address, Candidate, CandidateKind, Foundation, Protocol, candidate_priority,
};
use crate::config::Role;
use crate::credentials::{Credentials, Key};
use crate::error::{CandidateError, CredentialsError};
use crate::event::ConnectionState;
use crate::path::{canonical, is_loopback, is_usable, pairable};

use super::Agent;
use super::gather::Base;
use super::generation::{Remote, RemoteCandidate};
use super::pair::{End, Pair};

impl Agent {
    /// Sets the peer's credentials of this generation; checks begin. Setting the same again
    /// changes nothing.
    ///
    /// # Errors
    ///
    /// [`CredentialsError::RestartFirst`] for other credentials than before,
    /// [`CredentialsError::Crypto`] when the provider cannot use the password.
    pub fn set_remote_credentials(
        &mut self,
        now: Instant,
        credentials: Credentials,
    ) -> Result<(), CredentialsError> {
        self.handle_timeout(now);
        if self.state == ConnectionState::Closed {
            return Err(CredentialsError::Closed);
        }
        if let Some(known) = &self.current.remote {
            let same = known.credentials == credentials;
            return if same { Ok(()) } else { Err(CredentialsError::RestartFirst) };
        }
        let provider: &dyn CryptoProvider = &*self.config.provider;
        let key = Key::new(provider, &credentials)?;
        //= rfc8445#7.2.2
        // The user name of our checks is the peer's ufrag, a colon and ours.
        let username = format!("{}:{}", credentials.ufrag(), self.current.credentials.ufrag());
        let ufrag = credentials.ufrag().to_owned();
        let since = self.clock.now();
        let username = username.into_bytes().into_boxed_slice();
        self.current.remote = Some(Remote { credentials, key, username, since });
        //= rfc8838#11
        // A candidate that names another generation than the current one is dropped.
        self.current
            .remote_candidates
            .retain_mut(|candidate| candidate.ufrag.take().is_none_or(|named| named == ufrag));
        let bases: Vec<SocketAddr> = self.bases.iter().map(|base| base.canonical).collect();
        bases.into_iter().for_each(|base| self.pair_base(base));
        for check in self.current.take_early(&ufrag) {
            self.take_check(check.arrival());
        }
        self.settle();
        Ok(())
    }

    /// Says whether the peer is a lite agent (`a=ice-lite`): it sends no checks and never nominates.
    pub fn set_remote_lite(&mut self, now: Instant, lite: bool) {
        self.handle_timeout(now);
        self.remote_lite = lite;
        //= rfc8445#6.1.1
        // A full agent that faces a lite one is controlling.
        if lite {
            self.change_role(Role::Controlling);
        }
        self.settle();
    }

    /// Takes the pacing that the peer proposes (`a=ice-pacing`).
    pub fn set_remote_pacing(&mut self, now: Instant, ta: std::time::Duration) {
        self.handle_timeout(now);
        self.remote_pacing = Some(ta);
        self.settle();
    }

    /// Adds a candidate of the peer. It may come before the credentials.
    ///
    /// # Errors
    ///
    /// [`CandidateError`] says why the candidate was ignored. That is harmless.
    pub fn add_remote_candidate(
        &mut self,
        now: Instant,
        candidate: Candidate,
    ) -> Result<(), CandidateError> {
        self.handle_timeout(now);
        let addr = self.check_candidate(&candidate)?;
        let end = End {
            addr,
            kind: candidate.kind,
            foundation: candidate.foundation,
            priority: candidate.priority,
        };
        let ufrag = candidate.ufrag.filter(|_| self.current.remote.is_none());
        let fresh = RemoteCandidate { end, signalled: true, ufrag };
        match self.current.remote_candidates.iter_mut().find(|known| known.end.addr == addr) {
            Some(known) if known.signalled => {
                //= rfc8445#6.1.2.4
                // Of redundant pairs the one with the lower priority is dropped.
                if known.end.priority >= end.priority {
                    return Err(CandidateError::Redundant);
                }
                *known = fresh;
                self.upgrade_pairs(end, false);
            }
            Some(known) => {
                //= rfc8838#11
                // What was peer-reflexive turns out to be this candidate; its pairs go on.
                *known = fresh;
                self.upgrade_pairs(end, true);
            }
            None => {
                let limit = self.config.max_remote_candidates;
                if self.current.remote_candidates.len() >= limit {
                    return Err(CandidateError::LimitReached { limit });
                }
                self.current.remote_candidates.push(fresh);
                self.pair_remote(end);
            }
        }
        self.settle();
        Ok(())
    }

    /// Says that the peer has no more candidates in this generation; later ones are ignored.
    pub fn end_of_remote_candidates(&mut self, now: Instant) {
        self.handle_timeout(now);
        self.current.remote_complete = true;
        self.settle();
    }

    fn check_candidate(&self, candidate: &Candidate) -> Result<SocketAddr, CandidateError> {
        if self.state == ConnectionState::Closed {
            return Err(CandidateError::Closed);
        }
        if candidate.component != 1 {
            return Err(CandidateError::Component { component: candidate.component });
        }
        match candidate.protocol {
            Protocol::Udp => {}
            Protocol::Tcp => return Err(CandidateError::Protocol),
        }
        let other_generation = match (&candidate.ufrag, &self.current.remote) {
            (Some(named), Some(remote)) => named != remote.credentials.ufrag(),
            (Some(named), None) => self.previous_remote_ufrag() == Some(named),
            (None, _) => false,
        };
        if other_generation {
            return Err(CandidateError::OtherGeneration);
        }
        //= rfc8838#14
        // After the end of candidates all further ones are ignored.
        if self.current.remote_complete {
            return Err(CandidateError::AfterEnd);
        }
        match &candidate.addr {
            //= rfc8839#5.1
            // Candidates with names are ignored.
            Address::Name { .. } => Err(CandidateError::Name),
            Address::Ip(addr) => {
                let addr = canonical(*addr);
                // attack: a hostile description names addresses inside the machine or network
                if !is_usable(addr) {
                    Err(CandidateError::Unusable)
                } else if is_loopback(addr) && !self.config.include_loopback {
                    Err(CandidateError::Loopback)
                } else {
                    Ok(addr)
                }
            }
        }
    }

    fn previous_remote_ufrag(&self) -> Option<&str> {
        let remote = self.previous.as_ref()?.generation.remote.as_ref()?;
        Some(remote.credentials.ufrag())
    }

    /// Pairs one of our bases with all candidates of the peer.
    pub(super) fn pair_base(&mut self, base: SocketAddr) {
        if self.current.remote.is_none() {
            return;
        }
        let remotes: Vec<End> = self.current.remote_candidates.iter().map(|c| c.end).collect();
        for remote in remotes {
            self.form_pair(base, &remote);
        }
    }

    /// Pairs one candidate of the peer with all our bases.
    fn pair_remote(&mut self, remote: End) {
        if self.current.remote.is_none() {
            return;
        }
        let bases: Vec<SocketAddr> = self.bases.iter().map(|base| base.canonical).collect();
        for base in bases {
            self.form_pair(base, &remote);
        }
    }

    /// Forms one pair, unless it is forbidden, redundant or one too many.
    pub(super) fn form_pair(&mut self, base: SocketAddr, remote: &End) {
        //= rfc8445#8.1.2
        // Once a pair is nominated the checklist gets no more ordinary pairs.
        if !pairable(base, remote.addr) || self.current.concluded().is_some() {
            return;
        }
        self.insert_pair(base, remote);
    }

    /// Forms one pair for a check that the peer sent.
    pub(super) fn insert_pair(&mut self, base: SocketAddr, remote: &End) {
        let Some(base) = self.bases.iter().find(|known| known.canonical == base) else { return };
        let Some(local) = self.local_end(base) else { return };
        let pair = Pair::new(&local, remote, self.role);
        if self.current.checklist.insert(pair, self.config.max_pairs) {
            self.current.failed = false;
        }
    }

    /// The host candidate of a base.
    fn local_end(&self, base: &Base) -> Option<End> {
        let mut known = self.current.local_candidates.iter();
        let host = known.find(|candidate| {
            candidate.kind == CandidateKind::Host
                && candidate.addr.socket_addr() == Some(base.canonical)
        })?;
        Some(End {
            addr: base.canonical,
            kind: CandidateKind::Host,
            foundation: host.foundation,
            priority: host.priority,
        })
    }

    /// What PRIORITY says in checks from this base.
    pub(super) fn check_priority(&self, base: SocketAddr) -> u32 {
        let base = self.bases.iter().find(|known| known.canonical == base);
        candidate_priority(CandidateKind::PeerReflexive, base.map_or(0, |base| base.preference))
    }

    /// Lets the pairs of an address know what the peer's description says about it.
    fn upgrade_pairs(&mut self, end: End, was_peer_reflexive: bool) {
        let role = self.role;
        let pairs = self.current.checklist.iter_mut();
        for pair in pairs.filter(|pair| pair.path.remote == end.addr) {
            pair.learn_remote(end.kind, end.priority, role);
        }
        if !was_peer_reflexive {
            return;
        }
        // Other bases have not met the peer-reflexive candidate yet.
        self.pair_remote(end);
    }

    /// The remote candidate behind an authentic check, learnt if it is new.
    ///
    /// `None` when there are too many already.
    //= rfc8445#7.3.1.3
    // An unknown source is a peer-reflexive candidate; its priority is that of the request, its
    // foundation differs from all others.
    pub(super) fn learn_remote(&mut self, addr: SocketAddr, priority: u32) -> Option<End> {
        if let Some(known) = self.current.remote_candidate(addr) {
            return Some(known.end);
        }
        let known = &self.current.remote_candidates;
        let discovered = known.iter().filter(|candidate| !candidate.signalled).count();
        // attack: a peer floods us with checks from ever new ports
        if known.len() >= self.config.max_remote_candidates
            || discovered >= self.config.max_peer_reflexive
        {
            return None;
        }
        let foundation = Foundation::from_number(u64::from_be_bytes(self.random.bytes()));
        let end = End { addr, kind: CandidateKind::PeerReflexive, foundation, priority };
        self.current.remote_candidates.push(RemoteCandidate { end, signalled: false, ufrag: None });
        Some(end)
    }
}
