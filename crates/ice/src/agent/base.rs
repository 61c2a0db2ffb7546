//! The addresses that the owner has told us.

use std::net::SocketAddr;
use std::time::Instant;

use crate::candidate::{CandidateKind, Protocol, TcpType, tcp_local_preference};
use crate::diagnosis::Trace;
use crate::error::AddressError;
use crate::event::{ConnectionState, Event, RestartReason};
use crate::local::{LocalAddress, LocalKind};
use crate::path::{BaseId, Path, canonical, is_loopback, is_usable};
use crate::policy::TransportPolicy;

use super::Agent;

/// One address of ours: where datagrams leave and arrive.
#[derive(Clone, Debug)]
pub(crate) struct Base {
    /// As the driver named it.
    pub(crate) addr: SocketAddr,
    pub(crate) id: BaseId,
    pub(crate) kind: LocalKind,
    pub(crate) preference: u16,
    pub(crate) related: Option<SocketAddr>,
    pub(crate) hidden_as: Option<String>,
}

impl Base {
    pub(crate) fn is_relayed(&self) -> bool {
        matches!(self.kind, LocalKind::Relayed { .. })
    }

    pub(crate) fn tcp_type(&self) -> Option<TcpType> {
        match self.kind {
            LocalKind::Tcp(tcp_type) => Some(tcp_type),
            LocalKind::Socket | LocalKind::Relayed { .. } => None,
        }
    }

    /// What its own candidate is.
    pub(crate) fn candidate_kind(&self) -> CandidateKind {
        match self.kind {
            LocalKind::Relayed { .. } => CandidateKind::Relayed,
            LocalKind::Socket | LocalKind::Tcp(_) => CandidateKind::Host,
        }
    }

    /// The local preference of a candidate of this kind.
    pub(crate) fn local_preference(&self, kind: CandidateKind) -> u16 {
        match self.kind {
            LocalKind::Socket => self.preference,
            // Relays come after all sockets with default preferences, sorted by protocol.
            LocalKind::Relayed { protocol, .. } => (protocol.rank() << 13) | (self.preference >> 3),
            LocalKind::Tcp(tcp_type) => tcp_local_preference(kind, tcp_type, self.preference),
        }
    }

    /// Whether the preferences of the two must differ.
    fn is_alike(&self, kind: LocalKind) -> bool {
        match (self.kind, kind) {
            (LocalKind::Socket, LocalKind::Socket)
            | (LocalKind::Relayed { .. }, LocalKind::Relayed { .. }) => true,
            (LocalKind::Tcp(one), LocalKind::Tcp(other)) => one == other,
            (LocalKind::Socket | LocalKind::Relayed { .. } | LocalKind::Tcp(_), _) => false,
        }
    }
}

impl Agent {
    /// Adds an address: a candidate; STUN servers are asked from sockets too.
    ///
    /// # Errors
    ///
    /// [`AddressError`] when the address cannot be a candidate, is excluded by a policy, or comes
    /// too late in this generation; [`restart`](Self::restart) first then.
    pub fn add_local_address(
        &mut self,
        now: Instant,
        address: impl Into<LocalAddress>,
    ) -> Result<(), AddressError> {
        self.handle_timeout(now);
        let address: LocalAddress = address.into();
        let base = BaseId { addr: canonical(address.addr), protocol: address.protocol() };
        self.check_address(checked(&address))?;
        self.check_kind(&address, base)?;
        //= rfc8838#13
        // After the end of candidates, or a nomination, no more are trickled.
        let late = self.gathering.ended || self.current.concluded().is_some();
        if late && !self.config.continual_gathering {
            self.events.push(Event::RestartAdvised(RestartReason::NewAddress));
            return Err(AddressError::AfterEnd);
        }
        if self.bases.iter().any(|known| known.id == base) {
            return Err(AddressError::Duplicate);
        }
        let limit = self.config.max_local_addresses;
        if self.bases.len() >= limit {
            return Err(AddressError::LimitReached { limit });
        }
        let preference = address.preference.unwrap_or_else(|| self.free_preference(&address));
        let base = Base {
            addr: address.addr,
            id: base,
            kind: address.kind,
            preference,
            related: address.related.map(canonical),
            hidden_as: address.hidden_as,
        };
        self.trace(Trace::LocalAddress { addr: base.id.addr, kind: base.candidate_kind() });
        self.bases.push(base.clone());
        self.gather_from(&base);
        self.settle();
        Ok(())
    }

    /// Takes a UDP socket or a relayed address away: its candidates and pairs are gone at once.
    pub fn remove_local_address(&mut self, now: Instant, addr: SocketAddr) {
        self.remove_local(now, addr, Protocol::Udp);
    }

    /// Takes an address away: its candidates, pairs and connections are gone at once. Where there
    /// are spare pairs, or others that work, one of them takes over.
    pub fn remove_local(&mut self, now: Instant, addr: SocketAddr, protocol: Protocol) {
        self.handle_timeout(now);
        let base = BaseId { addr: canonical(addr), protocol };
        if !self.bases.iter().any(|known| known.id == base) {
            return;
        }
        self.bases.retain(|known| known.id != base);
        self.gathering.forget(base);
        self.transactions.forget_base(base);
        self.outbox.retain(|reply| reply.path.base() != base);
        self.permissions.forget_relay(base.addr);
        let previous = self.previous.as_mut().map(|previous| &mut previous.generation);
        for generation in std::iter::once(&mut self.current).chain(previous) {
            generation.checklist.retain(|pair| pair.path.base() != base);
            generation.early.retain(|check| check.path.base() != base);
            generation.local_candidates.retain(|known| known.base != base);
        }
        self.trace(Trace::LocalAddressGone { addr: base.addr });
        self.settle();
    }

    /// The check of an address, whatever it is for.
    pub(super) fn check_address(&self, addr: SocketAddr) -> Result<(), AddressError> {
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

    /// What the policies say.
    // attack: addresses leak that a policy hides
    fn check_kind(&self, address: &LocalAddress, base: BaseId) -> Result<(), AddressError> {
        let is_relayed = matches!(address.kind, LocalKind::Relayed { .. });
        let excluded = (self.config.transport_policy == TransportPolicy::Relay && !is_relayed)
            || !self.config.address_policy.admits(address.kind, address.route)
            || self.config.local_filter.as_ref().is_some_and(|filter| !filter.admits(base.addr));
        if excluded {
            return Err(AddressError::Excluded);
        }
        //= rfc6544#4.1
        // Whether there are TCP candidates is for the owner to choose.
        let is_tcp = base.protocol == Protocol::Tcp;
        //= rfc8445#5.2
        // A lite agent has host candidates only.
        if (is_tcp && !self.config.tcp) || (self.config.lite && (is_relayed || is_tcp)) {
            return Err(AddressError::Kind);
        }
        Ok(())
    }

    //= rfc8445#5.1.2.1
    // The local preference tells the addresses of one machine apart; the first is the best, and an
    // only one has the highest there is.
    //= rfc8421#5
    // The families take turns, so that one that is broken does not hold up the other.
    fn free_preference(&self, address: &LocalAddress) -> u16 {
        let alike = || self.bases.iter().filter(|base| base.is_alike(address.kind));
        let is_v4 = canonical(address.addr).is_ipv4();
        let leads = alike().next().is_none_or(|first| first.id.addr.is_ipv4() == is_v4);
        let first: u16 = match (address.unreliable, leads) {
            //= rfc8421#3
            // What is not reliable comes after everything that is.
            (true, true) => 32767,
            (true, false) => 32766,
            (false, true) => u16::MAX,
            (false, false) => u16::MAX - 1,
        };
        let taken = |wanted: u16| {
            // What becomes of a relay's preference has three bits less.
            let shift = if matches!(address.kind, LocalKind::Relayed { .. }) { 3 } else { 0 };
            alike().any(|base| base.preference >> shift == wanted >> shift)
        };
        let step = if matches!(address.kind, LocalKind::Relayed { .. }) { 8 } else { 2 };
        (0..=first).rev().step_by(step).find(|wanted| !taken(*wanted)).unwrap_or(0)
    }

    pub(super) fn base(&self, id: BaseId) -> Option<&Base> {
        self.bases.iter().find(|base| base.id == id)
    }

    /// The path with our address as the driver named it.
    pub(super) fn driver_path(&self, path: Path) -> Path {
        let local = self.base(path.base()).map_or(path.local, |base| base.addr);
        let mut remote = path.remote;
        if let (SocketAddr::V6(local), SocketAddr::V6(remote)) = (local, &mut remote) {
            // A link-local peer is on the link of our own address.
            remote.set_scope_id(local.scope_id());
        }
        Path { local, remote, ..path }
    }
}

/// The address to check: the port of an active TCP address may be anything.
fn checked(address: &LocalAddress) -> SocketAddr {
    let mut addr = canonical(address.addr);
    if address.kind == LocalKind::Tcp(TcpType::Active) {
        addr.set_port(DISCARD);
    }
    addr
}

/// The port in place of one that is not known yet (RFC 6544 section 4.5).
pub(super) const DISCARD: u16 = 9;
