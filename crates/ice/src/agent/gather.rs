//! Local candidates: RFC 8445 section 5.1.

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use antiphon_stun::{Class, MessageView};

use crate::candidate::{
    Address, Candidate, CandidateKind, Foundation, Protocol, candidate_priority,
};
use crate::error::{AddressError, InputError};
use crate::event::{ConnectionState, Event, GatheringState, StunServerFailure};
use crate::message::KNOWN_IN_RESPONSES;
use crate::path::{LocalAddress, Path, canonical, is_loopback, is_usable, pairable};

use super::Agent;
use super::transactions::{Entry, Purpose};

/// One socket of ours.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Base {
    /// As the driver named it.
    pub(crate) addr: SocketAddr,
    pub(crate) canonical: SocketAddr,
    pub(crate) preference: u16,
}

/// What decides about a foundation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Origin {
    kind: CandidateKind,
    base: IpAddr,
    server: Option<IpAddr>,
}

/// The search for candidates.
#[derive(Debug, Default)]
pub(crate) struct Gathering {
    pub(crate) servers: Vec<SocketAddr>,
    /// From which base to which server, in this order, and why.
    pub(crate) queries: VecDeque<(Path, Purpose)>,
    /// The driver has named all its sockets.
    pub(crate) ended: bool,
    /// Base and server of each reflexive candidate.
    bindings: Vec<Path>,
    pub(crate) next_keepalive: Option<Duration>,
    origins: Vec<Origin>,
}

impl Gathering {
    /// Equal for candidates of equal origin, whatever the generation.
    //= rfc8445#5.1.1.3
    // Two candidates have the same foundation when type, base address, server and protocol agree.
    fn foundation(&mut self, origin: Origin) -> Foundation {
        let index = self.origins.iter().position(|known| *known == origin).unwrap_or_else(|| {
            self.origins.push(origin);
            self.origins.len() - 1
        });
        Foundation::from_number(u64::try_from(index).unwrap_or(u64::MAX).saturating_add(1))
    }

    /// Asks all servers that `base` can reach.
    fn query_from(&mut self, base: SocketAddr) {
        for server in self.servers.iter().filter(|server| pairable(base, **server)) {
            self.queries.push_back((Path::new(base, *server), Purpose::Query));
        }
    }
}

impl Agent {
    /// Adds a bound socket: a host candidate, for which STUN servers are asked too.
    ///
    /// # Errors
    ///
    /// [`AddressError`] when the address cannot be a candidate, or comes too late in this
    /// generation; [`restart`](Self::restart) first then.
    pub fn add_local_address(
        &mut self,
        now: Instant,
        address: impl Into<LocalAddress>,
    ) -> Result<(), AddressError> {
        self.handle_timeout(now);
        let LocalAddress { addr, preference } = address.into();
        let base = canonical(addr);
        self.check_address(base)?;
        //= rfc8838#13
        // After the end of candidates, or a nomination, no more are trickled.
        if self.gathering.ended || self.current.concluded().is_some() {
            return Err(AddressError::AfterEnd);
        }
        if self.bases.iter().any(|known| known.canonical == base) {
            return Err(AddressError::Duplicate);
        }
        let limit = self.config.max_local_addresses;
        if self.bases.len() >= limit {
            return Err(AddressError::LimitReached { limit });
        }
        //= rfc8445#5.1.2.1
        // The local preference tells the addresses of one machine apart; the first is the best.
        let preference = preference.unwrap_or_else(|| self.free_preference());
        let base = Base { addr, canonical: base, preference };
        self.bases.push(base);
        self.gather_from(base);
        self.settle();
        Ok(())
    }

    /// Says that all sockets were added. Gathering completes when the STUN servers have answered.
    /// It must be said again after each [`restart`](Self::restart).
    pub fn end_of_local_addresses(&mut self, now: Instant) {
        self.handle_timeout(now);
        if self.state == ConnectionState::Closed {
            return;
        }
        self.gathering.ended = true;
        self.settle();
    }

    /// Takes a socket away: its candidates and pairs are gone at once.
    pub fn remove_local_address(&mut self, now: Instant, addr: SocketAddr) {
        self.handle_timeout(now);
        let base = canonical(addr);
        self.bases.retain(|known| known.canonical != base);
        self.gathering.queries.retain(|(path, _)| path.local != base);
        self.gathering.bindings.retain(|path| path.local != base);
        self.transactions.forget_base(base);
        self.outbox.retain(|reply| reply.path.local != base);
        let previous = self.previous.as_mut().map(|previous| &mut previous.generation);
        for generation in std::iter::once(&mut self.current).chain(previous) {
            generation.checklist.retain(|pair| pair.path.local != base);
            generation.early.retain(|check| check.path.local != base);
            generation.local_candidates.retain(|candidate| {
                let own = candidate.related.or(candidate.addr.socket_addr());
                own.map(canonical) != Some(base)
            });
        }
        self.settle();
    }

    /// Asks one more STUN server, from all sockets.
    ///
    /// # Errors
    ///
    /// [`AddressError`] when the address is not that of a server, known already, or one too many.
    pub fn add_stun_server(
        &mut self,
        now: Instant,
        server: SocketAddr,
    ) -> Result<(), AddressError> {
        self.handle_timeout(now);
        let server = canonical(server);
        self.check_address(server)?;
        if self.gathering.servers.contains(&server) {
            return Err(AddressError::Duplicate);
        }
        let limit = self.config.max_stun_servers;
        if self.gathering.servers.len() >= limit {
            return Err(AddressError::LimitReached { limit });
        }
        self.gathering.servers.push(server);
        if self.gathering_state != GatheringState::Complete {
            let paths = self.bases.iter().map(|base| Path::new(base.canonical, server));
            let reachable = paths.filter(|path| pairable(path.local, path.remote));
            self.gathering.queries.extend(reachable.map(|path| (path, Purpose::Query)));
        }
        self.settle();
        Ok(())
    }

    fn check_address(&self, addr: SocketAddr) -> Result<(), AddressError> {
        if self.state == ConnectionState::Closed {
            return Err(AddressError::Closed);
        }
        if !is_usable(addr) {
            return Err(AddressError::Unusable);
        }
        //= rfc8445#5.1.1.1
        // Loopback addresses are no candidates, unless both ends are known to share a machine.
        if is_loopback(addr) && !self.config.include_loopback {
            return Err(AddressError::Loopback);
        }
        Ok(())
    }

    fn free_preference(&self) -> u16 {
        let taken = |preference| self.bases.iter().any(|base| base.preference == preference);
        (0..=u16::MAX).rev().find(|preference| !taken(*preference)).unwrap_or(0)
    }

    /// The host candidate of a base, and what its STUN servers will say.
    pub(super) fn gather_from(&mut self, base: Base) {
        self.add_candidate(base, CandidateKind::Host, base.canonical, None);
        self.gathering.query_from(base.canonical);
    }

    /// Gathers once more, for a new generation.
    pub(super) fn gather_again(&mut self) {
        self.gathering.queries.clear();
        self.gathering.bindings.clear();
        self.gathering.ended = false;
        for base in self.bases.clone() {
            self.gather_from(base);
        }
    }

    fn add_candidate(
        &mut self,
        base: Base,
        kind: CandidateKind,
        addr: SocketAddr,
        server: Option<IpAddr>,
    ) {
        let foundation =
            self.gathering.foundation(Origin { kind, base: base.canonical.ip(), server });
        let candidate = Candidate {
            foundation,
            component: 1,
            protocol: Protocol::Udp,
            priority: candidate_priority(kind, base.preference),
            addr: Address::Ip(addr),
            kind,
            related: (kind != CandidateKind::Host).then_some(base.canonical),
            tcp_type: None,
            ufrag: Some(self.current.credentials.ufrag().to_owned()),
        };
        self.events.push(Event::LocalCandidate(candidate.clone()));
        self.current.local_candidates.push(candidate);
        //= rfc8445#6.1.2.4
        // A reflexive candidate is checked from its base, so it forms no pairs of its own.
        if kind == CandidateKind::Host {
            self.pair_base(base.canonical);
        }
    }

    /// Takes a STUN server's answer.
    pub(super) fn handle_query_response(
        &mut self,
        path: Path,
        entry: Entry,
        response: &MessageView<'_>,
    ) -> Result<(), InputError> {
        // Servers answer from where they were asked; others could guess nothing but flood.
        if path != entry.path {
            return Err(InputError::UnknownTransaction);
        }
        if response.has_fingerprint() && !response.verify_fingerprint() {
            return Err(InputError::Fingerprint);
        }
        self.transactions.take(entry.id());
        if !entry.is_query() {
            return Ok(());
        }
        let unknown = response.unknown_comprehension_required(&KNOWN_IN_RESPONSES).next();
        let mapped = response.xor_mapped_address().or_else(|| response.mapped_address());
        let mapped = mapped.map(canonical).filter(|addr| is_usable(*addr) && unknown.is_none());
        match (response.class(), mapped) {
            (Class::Success, Some(mapped)) => self.add_reflexive(path, mapped),
            (Class::Error, _) => {
                let code = response.error_code().map_or(0, |error| error.code());
                self.report_server(path, StunServerFailure::Refused(code));
            }
            (Class::Success | Class::Request | Class::Indication, _) => {
                self.report_server(path, StunServerFailure::NoAddress);
            }
        }
        Ok(())
    }

    fn add_reflexive(&mut self, path: Path, mapped: SocketAddr) {
        let Some(base) = self.bases.iter().find(|base| base.canonical == path.local).copied()
        else {
            return;
        };
        //= rfc8445#5.1.3
        // A candidate with the address and the base of another one is redundant.
        let redundant = self.current.local_candidates.iter().any(|known| {
            let same_base = known.related.unwrap_or(base.canonical) == base.canonical;
            same_base && known.addr.socket_addr() == Some(mapped)
        });
        if redundant || self.current.concluded().is_some() {
            return;
        }
        self.gathering.bindings.push(path);
        let server = Some(path.remote.ip());
        self.add_candidate(base, CandidateKind::ServerReflexive, mapped, server);
    }

    pub(super) fn report_server(&mut self, path: Path, reason: StunServerFailure) {
        let Path { local, remote: server } = path;
        self.events.push(Event::StunServerError { server, local, reason });
    }

    /// Asks the servers again, so that NATs keep our reflexive addresses.
    pub(super) fn keep_bindings(&mut self) {
        if self.gathering.next_keepalive.is_some_and(|next| next <= self.clock.now()) {
            let bindings = self.gathering.bindings.iter();
            let again: Vec<_> = bindings.map(|path| (*path, Purpose::Keepalive)).collect();
            self.gathering.queries.extend(again);
            self.gathering.next_keepalive =
                Some(self.clock.after(self.config.keepalive_interval.max(Duration::from_secs(1))));
        }
    }

    /// Moves the gathering state on.
    pub(super) fn update_gathering(&mut self) {
        let open = self.gathering.queries.iter().any(|(_, why)| matches!(why, Purpose::Query))
            || self.transactions.has_query();
        let state = match (self.gathering.ended, open, self.bases.is_empty()) {
            (true, false, _) => GatheringState::Complete,
            (false, false, true) => GatheringState::New,
            _ => GatheringState::Gathering,
        };
        if state != self.gathering_state {
            self.gathering_state = state;
            self.gathering.queries.shrink_to_fit();
            self.events.push(Event::GatheringState(state));
        }
        //= rfc8445#5.1.1.4
        // Reflexive addresses are kept alive by more requests until a pair is selected.
        let needed = !self.gathering.bindings.is_empty() && self.current.concluded().is_none();
        self.gathering.next_keepalive = match self.gathering.next_keepalive {
            next @ Some(_) if needed => next,
            _ if needed => Some(self.clock.after(self.config.keepalive_interval)),
            _ => None,
        };
    }
}
