use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// Which part of the other end's address a NAT looks at (RFC 4787, sections 4.1 and 5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Dependence {
    /// None of it.
    EndpointIndependent,
    /// Its IP address.
    AddressDependent,
    /// Its IP address and port.
    AddressAndPortDependent,
}

impl Dependence {
    /// The part of `remote` that matters.
    fn key(self, remote: SocketAddr) -> Option<(IpAddr, Option<u16>)> {
        match self {
            Self::EndpointIndependent => None,
            Self::AddressDependent => Some((remote.ip(), None)),
            Self::AddressAndPortDependent => Some((remote.ip(), Some(remote.port()))),
        }
    }
}

/// The behaviour of a NAT in the words of RFC 4787.
#[derive(Clone, Copy, Debug)]
pub struct NatConfig {
    /// When a new external port is taken for the same internal address.
    pub mapping: Dependence,
    /// From whom datagrams are let in.
    pub filtering: Dependence,
    /// Whether hosts behind the NAT reach each other by their external addresses.
    pub hairpin: bool,
    /// Whether the external port is the internal one where that is free.
    pub port_preservation: bool,
    /// Silence after which a mapping is forgotten; outgoing datagrams refresh it. RFC 4787
    /// section 4.3 recommends 5 minutes; 30 s is common.
    pub mapping_lifetime: Duration,
}

impl NatConfig {
    /// "Full cone": maps and filters regardless of the other end.
    #[must_use]
    pub const fn full_cone() -> Self {
        Self {
            mapping: Dependence::EndpointIndependent,
            filtering: Dependence::EndpointIndependent,
            hairpin: true,
            port_preservation: false,
            mapping_lifetime: Duration::from_secs(300),
        }
    }

    /// "Restricted cone": lets in who shares an IP address with somebody written to.
    #[must_use]
    pub const fn address_restricted() -> Self {
        Self { filtering: Dependence::AddressDependent, ..Self::full_cone() }
    }

    /// "Port-restricted cone": lets in who was written to.
    #[must_use]
    pub const fn port_restricted() -> Self {
        Self { filtering: Dependence::AddressAndPortDependent, ..Self::full_cone() }
    }

    /// "Symmetric": a new mapping for each other end, which alone may answer.
    #[must_use]
    pub const fn symmetric() -> Self {
        Self { mapping: Dependence::AddressAndPortDependent, ..Self::port_restricted() }
    }

    /// The same NAT without hairpinning.
    #[must_use]
    pub const fn without_hairpin(self) -> Self {
        Self { hairpin: false, ..self }
    }
}

type MappingKey = (SocketAddr, Option<(IpAddr, Option<u16>)>);

#[derive(Debug)]
struct Mapping {
    internal: SocketAddr,
    key: MappingKey,
    expires: Duration,
    /// Whom the inside wrote to through this mapping.
    written_to: Vec<SocketAddr>,
}

/// A NAT at work: its external address and its table of mappings.
#[derive(Debug)]
pub(super) struct Nat {
    config: NatConfig,
    external: IpAddr,
    next_port: u16,
    ports: BTreeMap<MappingKey, u16>,
    mappings: BTreeMap<u16, Mapping>,
}

impl Nat {
    pub(super) fn new(config: NatConfig, external: IpAddr) -> Self {
        Self {
            config,
            external,
            next_port: 40_000,
            ports: BTreeMap::new(),
            mappings: BTreeMap::new(),
        }
    }

    pub(super) fn external(&self) -> IpAddr {
        self.external
    }

    pub(super) fn hairpin(&self) -> bool {
        self.config.hairpin
    }

    /// Forgets every mapping, as a NAT does that was restarted.
    pub(super) fn reboot(&mut self) {
        self.ports.clear();
        self.mappings.clear();
        self.next_port = self.next_port.wrapping_add(1_000).max(1_024);
    }

    /// The external address for a datagram from `internal` to `remote`; `None` when no port is free.
    pub(super) fn outbound(
        &mut self,
        now: Duration,
        internal: SocketAddr,
        remote: SocketAddr,
    ) -> Option<SocketAddr> {
        self.expire(now);
        let key = (internal, self.config.mapping.key(remote));
        let port = match self.ports.get(&key) {
            Some(port) => *port,
            None => self.allocate(key, internal.port())?,
        };
        let mapping = self.mappings.entry(port).or_insert_with(|| Mapping {
            internal,
            key,
            expires: now,
            written_to: Vec::new(),
        });
        mapping.expires = now.saturating_add(self.config.mapping_lifetime);
        if !mapping.written_to.contains(&remote) {
            mapping.written_to.push(remote);
        }
        Some(SocketAddr::new(self.external, port))
    }

    /// The internal address for a datagram from `remote` to the external `port`; `None` when it is
    /// filtered.
    pub(super) fn inbound(
        &mut self,
        now: Duration,
        remote: SocketAddr,
        port: u16,
    ) -> Option<SocketAddr> {
        self.expire(now);
        let mapping = self.mappings.get(&port)?;
        let filtering = self.config.filtering;
        let wanted = filtering.key(remote);
        let known = mapping.written_to.iter().any(|peer| filtering.key(*peer) == wanted);
        known.then_some(mapping.internal)
    }

    fn expire(&mut self, now: Duration) {
        let ports = &mut self.ports;
        self.mappings.retain(|_, mapping| {
            let alive = mapping.expires > now;
            if !alive {
                ports.remove(&mapping.key);
            }
            alive
        });
    }

    fn allocate(&mut self, key: MappingKey, internal_port: u16) -> Option<u16> {
        let preserved = self.config.port_preservation.then_some(internal_port);
        let port = preserved.filter(|port| !self.mappings.contains_key(port)).or_else(|| {
            (0..=u16::MAX).find_map(|_| {
                let port = self.next_port;
                self.next_port = self.next_port.checked_add(1).unwrap_or(1_024);
                (!self.mappings.contains_key(&port)).then_some(port)
            })
        })?;
        self.ports.insert(key, port);
        Some(port)
    }
}
