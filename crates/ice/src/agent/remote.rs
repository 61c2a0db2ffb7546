//! The peer's credentials and candidates, and the pairs they form.

use std::net::SocketAddr;
use std::time::Instant;

use antiphon_crypto::CryptoProvider;

use crate::candidate::{
    Address, Candidate, CandidateKind, Foundation, Protocol, TcpType, candidate_priority,
};
use crate::config::{Renomination, Role};
use crate::credentials::{Credentials, Key};
use crate::diagnosis::Trace;
use crate::error::{CandidateError, CredentialsError};
use crate::event::ConnectionState;
use crate::path::{BaseId, Path, canonical, is_loopback, is_usable, pairable};

use super::Agent;
use super::base::{Base, DISCARD};
use super::generation::{Remote, RemoteCandidate};
use super::pair::{End, Pair};
use super::permissions::Standing;

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
        let bases: Vec<BaseId> = self.bases.iter().map(|base| base.id).collect();
        bases.into_iter().for_each(|base| self.pair_base(base));
        self.take_lite_role();
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
        if lite && !self.config.lite {
            self.change_role(Role::Controlling);
        }
        self.take_lite_role();
        self.settle();
    }

    /// Says that the peer has the extension that lets the controlling side change the nominated
    /// pair without a restart, and which of its two forms; `None`: it has not. It is in use only
    /// where [`Config::renomination`](crate::Config::renomination) is on, too.
    pub fn set_remote_renomination(&mut self, now: Instant, form: Option<Renomination>) {
        self.handle_timeout(now);
        self.remote_renomination = form;
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
        let taken = self.check_candidate(&candidate).and_then(|()| match candidate.addr {
            Address::Name { .. } => {
                self.trace(Trace::RemoteCandidate { addr: None, kind: candidate.kind });
                self.look_up(candidate)
            }
            Address::Ip(addr) => {
                let addr = self.check_remote_address(addr, candidate.tcp_type)?;
                self.trace(Trace::RemoteCandidate { addr: Some(addr), kind: candidate.kind });
                self.take_candidate(candidate, addr, false)
            }
        });
        if taken.is_err_and(|error| error != CandidateError::Redundant) {
            self.ignored = self.ignored.saturating_add(1);
            self.trace(Trace::RemoteCandidateIgnored);
        }
        self.settle();
        taken
    }

    /// Takes a candidate whose address is known.
    pub(super) fn take_candidate(
        &mut self,
        candidate: Candidate,
        addr: SocketAddr,
        hidden: bool,
    ) -> Result<(), CandidateError> {
        let end = End {
            addr,
            protocol: candidate.protocol,
            tcp_type: candidate.tcp_type,
            kind: candidate.kind,
            foundation: candidate.foundation,
            priority: candidate.priority,
            hidden,
        };
        let ufrag = candidate.ufrag.filter(|_| self.current.remote.is_none());
        let fresh = RemoteCandidate { end, signalled: true, ufrag };
        let mut known = self.current.remote_candidates.iter_mut();
        match known.find(|known| known.end.is_alike(&end)) {
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
                self.forget_stale_candidates(limit);
                if self.current.remote_candidates.len() >= limit {
                    return Err(CandidateError::LimitReached { limit });
                }
                self.current.remote_candidates.push(fresh);
                self.pair_remote(end);
            }
        }
        self.evidence.signalled = self.evidence.signalled.saturating_add(1);
        Ok(())
    }

    /// Says that the peer has no more candidates in this generation; later ones are ignored.
    pub fn end_of_remote_candidates(&mut self, now: Instant) {
        self.handle_timeout(now);
        self.current.remote_complete = true;
        self.settle();
    }

    /// Where addresses come and go for days, those of long ago make room.
    fn forget_stale_candidates(&mut self, limit: usize) {
        let room = self.current.remote_candidates.len() < limit;
        if room || !self.keeps_spares() || self.current.remote.is_none() {
            return;
        }
        let checklist = &self.current.checklist;
        self.current.remote_candidates.retain(|known| {
            checklist.iter().any(|pair| {
                pair.path.remote == known.end.addr && (pair.is_pending() || pair.valid().is_some())
            })
        });
    }

    fn check_candidate(&self, candidate: &Candidate) -> Result<(), CandidateError> {
        if self.state == ConnectionState::Closed {
            return Err(CandidateError::Closed);
        }
        if candidate.component != 1 {
            return Err(CandidateError::Component { component: candidate.component });
        }
        match candidate.protocol {
            Protocol::Udp => {}
            Protocol::Tcp if self.config.tcp && candidate.tcp_type.is_some() => {}
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
        Ok(())
    }

    /// The address of a candidate, canonical, if it may be checked.
    // attack: a hostile description names addresses inside the machine or network
    pub(super) fn check_remote_address(
        &mut self,
        addr: SocketAddr,
        tcp_type: Option<TcpType>,
    ) -> Result<SocketAddr, CandidateError> {
        let mut addr = canonical(addr);
        if tcp_type == Some(TcpType::Active) {
            // Nobody ever connects there.
            addr.set_port(DISCARD);
        }
        if !is_usable(addr) {
            return Err(CandidateError::Unusable);
        }
        if is_loopback(addr) && !self.config.include_loopback {
            return Err(CandidateError::Loopback);
        }
        if !self.admits_remote(addr) {
            self.evidence.filtered = self.evidence.filtered.saturating_add(1);
            return Err(CandidateError::Filtered);
        }
        Ok(addr)
    }

    /// Whether the owner's filter lets us talk to this address.
    pub(super) fn admits_remote(&self, addr: SocketAddr) -> bool {
        self.config.remote_filter.as_ref().is_none_or(|filter| filter.admits(addr))
    }

    fn previous_remote_ufrag(&self) -> Option<&str> {
        let remote = self.previous.as_ref()?.generation.remote.as_ref()?;
        Some(remote.credentials.ufrag())
    }

    /// Pairs one of our bases with all candidates of the peer.
    pub(super) fn pair_base(&mut self, base: BaseId) {
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
        let bases: Vec<BaseId> = self.bases.iter().map(|base| base.id).collect();
        for base in bases {
            self.form_pair(base, &remote);
        }
    }

    /// Forms one pair, unless it is forbidden, redundant or one too many.
    pub(super) fn form_pair(&mut self, base: BaseId, remote: &End) {
        //= rfc8445#8.1.2
        // Once a pair is nominated the checklist gets no more ordinary pairs, except as spares.
        let settled = self.current.concluded().is_some() && !self.keeps_spares();
        //= rfc8445#2.5
        // A lite agent has no checklist; two of them pair what they have all the same.
        let answers_only = self.config.lite && !self.remote_lite;
        let fits = self.base(base).is_some_and(|base| base.pairs_with(remote));
        if fits && !settled && !answers_only {
            self.insert_pair(base, remote);
        }
    }

    /// Forms one pair for a check that the peer sent.
    pub(super) fn insert_pair(&mut self, base: BaseId, remote: &End) {
        let Some(known) = self.base(base) else { return };
        let Some(local) = self.local_end(known) else { return };
        let path = base.to(remote.addr);
        let mut pair = Pair::new(&local, remote, self.role);
        if known.is_relayed() && self.current.checklist.get(path).is_none() {
            match self.permission(base, remote.addr.ip()) {
                Standing::Granted => {}
                Standing::Asked { .. } => pair.blocked = true,
                Standing::Refused => return,
            }
        }
        if self.current.checklist.insert(pair, self.config.max_pairs) {
            self.current.failed = false;
        }
    }

    /// The candidate of a base that its pairs have.
    fn local_end(&self, base: &Base) -> Option<End> {
        let kind = base.candidate_kind();
        let mut known = self.current.local_candidates.iter();
        let own = known.find(|known| known.base == base.id && known.candidate.kind == kind)?;
        Some(End {
            addr: base.id.addr,
            protocol: base.id.protocol,
            tcp_type: base.tcp_type(),
            kind,
            foundation: own.candidate.foundation,
            priority: own.candidate.priority,
            hidden: false,
        })
    }

    /// What PRIORITY says in checks from this base.
    pub(super) fn check_priority(&self, base: BaseId) -> u32 {
        let kind = CandidateKind::PeerReflexive;
        let preference = self.base(base).map_or(0, |base| base.local_preference(kind));
        candidate_priority(kind, base.protocol, preference)
    }

    /// Lets the pairs of an address know what the peer's description says about it.
    fn upgrade_pairs(&mut self, end: End, was_peer_reflexive: bool) {
        let role = self.role;
        let pairs = self.current.checklist.iter_mut();
        let is_here = |path: Path| path.remote == end.addr && path.protocol == end.protocol;
        for pair in pairs.filter(|pair| is_here(pair.path)) {
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
    pub(super) fn learn_remote(&mut self, path: Path, priority: u32) -> Option<End> {
        let Path { remote: addr, protocol, .. } = path;
        if let Some(known) = self.current.remote_candidate(addr, protocol) {
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
        let kind = CandidateKind::PeerReflexive;
        let tcp_type = (protocol == Protocol::Tcp).then_some(TcpType::Active);
        let end = End { addr, protocol, tcp_type, kind, foundation, priority, hidden: false };
        self.current.remote_candidates.push(RemoteCandidate { end, signalled: false, ufrag: None });
        Some(end)
    }
}

impl End {
    /// Whether both are the same place.
    fn is_alike(&self, other: &Self) -> bool {
        //= rfc6544#4.5
        // All active candidates of an address share a port that means nothing.
        let is_active =
            |end: &Self| end.tcp_type == Some(TcpType::Active) && end.addr.port() == DISCARD;
        self.addr == other.addr
            && self.protocol == other.protocol
            && is_active(self) == is_active(other)
    }
}

impl Base {
    /// Whether a pair of the two makes sense and is allowed.
    fn pairs_with(&self, remote: &End) -> bool {
        let fits = match (self.tcp_type(), remote.tcp_type) {
            (None, None) => true,
            //= rfc6544#6.2
            // Pairs whose local candidate is passive are pruned: the peer connects.
            (Some(TcpType::Passive), Some(_)) => false,
            (Some(ours), Some(theirs)) => ours.meets(theirs),
            (None, Some(_)) | (Some(_), None) => false,
        };
        // A relay would learn the address that hides behind the name.
        let betrays = self.is_relayed() && remote.hidden;
        let reaches = pairable(self.id.addr, remote.addr);
        self.id.protocol == remote.protocol && fits && !betrays && reaches
    }
}
