//! Local candidates: RFC 8445 section 5.1.

use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::{Duration, Instant};

use antiphon_stun::{Class, MessageView};

use crate::candidate::{
    Address, Candidate, CandidateKind, Foundation, Protocol, TcpType, candidate_priority,
};
use crate::error::{AddressError, InputError};
use crate::event::{ConnectionState, Event, GatheringState, StunServerFailure};
use crate::local::LocalKind;
use crate::message::KNOWN_IN_RESPONSES;
use crate::path::{BaseId, Path, canonical, is_usable, pairable};
use crate::policy::{NatMappingKind, TransportPolicy};

use super::Agent;
use super::base::{Base, DISCARD};
use super::transactions::{Entry, Purpose};

/// A candidate of ours.
#[derive(Clone, Debug)]
pub(crate) struct LocalCandidate {
    /// As the peer is told.
    pub(crate) candidate: Candidate,
    /// Its address, which the candidate may hide.
    pub(crate) addr: SocketAddr,
    pub(crate) base: BaseId,
    /// Whether the peer is told at all.
    pub(crate) shown: bool,
}

/// What decides about a foundation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Origin {
    kind: CandidateKind,
    base: IpAddr,
    server: Option<IpAddr>,
    protocol: Protocol,
    /// How the server was reached.
    rank: u16,
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
    /// Origins of late, and the numbers that are their foundations.
    origins: VecDeque<(Origin, u64)>,
    numbers: u64,
}

/// So many origins are remembered; addresses may come and go for days.
const MAX_ORIGINS: usize = 128;

impl Gathering {
    /// Equal for candidates of equal origin, whatever the generation.
    //= rfc8445#5.1.1.3
    // Two candidates have the same foundation when type, base address, server and protocol agree.
    fn foundation(&mut self, origin: Origin) -> Foundation {
        let known = self.origins.iter().find(|(known, _)| *known == origin);
        let number = known.map(|(_, number)| *number).unwrap_or_else(|| {
            if self.origins.len() >= MAX_ORIGINS {
                self.origins.pop_front();
            }
            self.numbers = self.numbers.saturating_add(1);
            self.origins.push_back((origin, self.numbers));
            self.numbers
        });
        Foundation::from_number(number)
    }

    /// Asks all servers that `base` can reach.
    fn query_from(&mut self, base: BaseId) {
        for server in self.servers.iter().filter(|server| pairable(base.addr, **server)) {
            self.queries.push_back((base.to(*server), Purpose::Query));
        }
    }

    /// Forgets what concerns an address of ours.
    pub(super) fn forget(&mut self, base: BaseId) {
        self.queries.retain(|(path, _)| path.base() != base);
        self.bindings.retain(|path| path.base() != base);
    }
}

impl Agent {
    /// Says that all addresses were added. Gathering completes when the STUN servers have answered.
    /// It must be said again after each [`restart`](Self::restart).
    pub fn end_of_local_addresses(&mut self, now: Instant) {
        self.handle_timeout(now);
        if self.state == ConnectionState::Closed {
            return;
        }
        self.gathering.ended = true;
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
        if self.gathering_state != GatheringState::Complete && !self.config.lite {
            let sockets = self.bases.iter().filter(|base| base.kind == LocalKind::Socket);
            let paths = sockets.map(|base| base.id.to(server));
            let reachable = paths.filter(|path| pairable(path.local, path.remote));
            self.gathering.queries.extend(reachable.map(|path| (path, Purpose::Query)));
        }
        self.settle();
        Ok(())
    }

    /// Adds a reflexive address that the owner found: the server at `query.remote` saw datagrams
    /// of the base `query.local` come from `mapped`. A TURN server says so with each allocation.
    ///
    /// # Errors
    ///
    /// [`AddressError::UnknownBase`], [`AddressError::Unusable`], and
    /// [`AddressError::AfterEnd`] when a pair is nominated already. One that is known is fine.
    pub fn add_reflexive_address(
        &mut self,
        now: Instant,
        query: Path,
        mapped: SocketAddr,
    ) -> Result<(), AddressError> {
        self.handle_timeout(now);
        let (query, mapped) = (query.canonical(), canonical(mapped));
        self.check_address(mapped)?;
        match self.base(query.base()) {
            Some(base) if !base.is_relayed() => {}
            _ => return Err(AddressError::UnknownBase),
        }
        if self.current.concluded().is_some() && !self.config.continual_gathering {
            return Err(AddressError::AfterEnd);
        }
        self.add_reflexive(query, mapped);
        self.settle();
        Ok(())
    }

    /// The candidate of a base, and what its STUN servers will say.
    pub(super) fn gather_from(&mut self, base: &Base) {
        let mappings = self.config.nat_mappings.iter();
        let mapping =
            mappings.copied().find(|mapping| mapping.internal.to_canonical() == base.id.addr.ip());
        let is_socket = base.kind == LocalKind::Socket;
        let outside = mapping.filter(|_| !base.is_relayed()).map(|mapping| {
            (SocketAddr::new(mapping.external.to_canonical(), base.id.addr.port()), mapping.kind)
        });
        match outside {
            Some((outside, NatMappingKind::Host)) => {
                self.add_candidate(base, CandidateKind::Host, outside, None);
            }
            Some((outside, NatMappingKind::ServerReflexive)) => {
                self.add_candidate(base, CandidateKind::Host, base.id.addr, None);
                self.add_candidate(base, CandidateKind::ServerReflexive, outside, None);
            }
            None => {
                let server = match base.kind {
                    LocalKind::Relayed { server, .. } => Some(canonical(server).ip()),
                    LocalKind::Socket | LocalKind::Tcp(_) => None,
                };
                self.add_candidate(base, base.candidate_kind(), base.id.addr, server);
            }
        }
        if is_socket && !self.config.lite {
            self.gathering.query_from(base.id);
        }
    }

    /// Gathers once more, for a new generation.
    pub(super) fn gather_again(&mut self) {
        self.gathering.queries.clear();
        self.gathering.bindings.clear();
        self.gathering.ended = false;
        for base in self.bases.clone() {
            self.gather_from(&base);
        }
    }

    fn add_candidate(
        &mut self,
        base: &Base,
        kind: CandidateKind,
        addr: SocketAddr,
        server: Option<IpAddr>,
    ) {
        let rank = match base.kind {
            LocalKind::Relayed { protocol, .. } => protocol.rank(),
            LocalKind::Socket | LocalKind::Tcp(_) => 0,
        };
        let protocol = base.id.protocol;
        let origin = Origin { kind, base: base.id.addr.ip(), server, protocol, rank };
        let candidate = Candidate {
            foundation: self.gathering.foundation(origin),
            component: 1,
            protocol,
            priority: candidate_priority(kind, protocol, base.local_preference(kind)),
            addr: shown_address(base, kind, addr),
            kind,
            related: self.shown_related(base, kind),
            tcp_type: base.tcp_type(),
            ufrag: Some(self.current.credentials.ufrag().to_owned()),
        };
        //= rfc8828#5.2
        // Where the machine's own addresses are private, servers tell what the peer may know.
        let shown = kind != CandidateKind::Host || self.config.address_policy.shows_hosts();
        if shown {
            self.events.push(Event::LocalCandidate(candidate.clone()));
        }
        let known = LocalCandidate { candidate, addr, base: base.id, shown };
        self.current.local_candidates.push(known);
        //= rfc8445#6.1.2.4
        // A reflexive candidate is checked from its base, so it forms no pairs of its own.
        if kind != CandidateKind::ServerReflexive {
            self.pair_base(base.id);
        }
    }

    /// What `raddr` and `rport` say.
    // attack: private addresses leak as related addresses
    fn shown_related(&self, base: &Base, kind: CandidateKind) -> Option<SocketAddr> {
        let private = self.config.transport_policy == TransportPolicy::Relay
            || !self.config.address_policy.shows_hosts();
        match kind {
            CandidateKind::Host => None,
            _ if private => None,
            CandidateKind::Relayed => base.related,
            // A name would be of no use here: both are zero.
            _ if base.hidden_as.is_some() => Some(SocketAddr::new(unspecified(base.id.addr), 0)),
            CandidateKind::ServerReflexive | CandidateKind::PeerReflexive => Some(base.id.addr),
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
        self.evidence.stun_answers = self.evidence.stun_answers.saturating_add(1);
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
        let Some(base) = self.base(path.base()).cloned() else { return };
        //= rfc8445#5.1.3
        // A candidate with the address and the base of another one is redundant, unless that one
        // keeps its address secret.
        let redundant = self.current.local_candidates.iter().any(|known| {
            known.base == base.id && known.shown && known.candidate.addr == Address::Ip(mapped)
        });
        let late = self.current.concluded().is_some() && !self.config.continual_gathering;
        if redundant || late {
            return;
        }
        self.gathering.bindings.push(path);
        let server = Some(path.remote.ip());
        self.add_candidate(&base, CandidateKind::ServerReflexive, mapped, server);
    }

    pub(super) fn report_server(&mut self, path: Path, reason: StunServerFailure) {
        let Path { local, remote: server, .. } = path;
        self.evidence.stun_failures = self.evidence.stun_failures.saturating_add(1);
        self.trace(crate::diagnosis::Trace::StunServerFailed { server, code: reason.code() });
        self.events.push(Event::StunServerError { server, local, reason });
    }

    /// Asks the servers again, so that NATs keep our reflexive addresses.
    pub(super) fn keep_bindings(&mut self) {
        if self.gathering.next_keepalive.is_some_and(|next| next <= self.clock.now()) {
            let ours = self.gathering.bindings.iter().filter(|path| {
                self.gathering.servers.contains(&path.remote) && path.protocol == Protocol::Udp
            });
            let again: Vec<_> = ours.map(|path| (*path, Purpose::Keepalive)).collect();
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

/// The address as the peer is told.
fn shown_address(base: &Base, kind: CandidateKind, addr: SocketAddr) -> Address {
    //= rfc6544#4.5
    // The port of an active candidate is not known before it connects; 9 stands in its place.
    let port = match base.kind {
        LocalKind::Tcp(TcpType::Active) => DISCARD,
        LocalKind::Tcp(_) | LocalKind::Socket | LocalKind::Relayed { .. } => addr.port(),
    };
    match &base.hidden_as {
        Some(host) if kind == CandidateKind::Host => Address::Name { host: host.clone(), port },
        _ => Address::Ip(SocketAddr::new(addr.ip(), port)),
    }
}

fn unspecified(addr: SocketAddr) -> IpAddr {
    match addr {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    }
}
