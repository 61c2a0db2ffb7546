use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::time::Duration;

use antiphon_stun::NatBehaviourServer;

use super::error::ConfigError;
use super::policy::PeerPolicy;
use super::quota::Quotas;
use super::token::TokenKey;

/// An address that relayed transport addresses are on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RelayAddress {
    /// The local address that sockets are bound to.
    pub ip: IpAddr,
    /// What clients and peers see instead, behind a one-to-one NAT; of the same family.
    pub external: Option<IpAddr>,
}

impl RelayAddress {
    /// An address that everybody sees as it is.
    #[must_use]
    pub const fn new(ip: IpAddr) -> Self {
        Self { ip, external: None }
    }

    pub(crate) fn seen(&self) -> IpAddr {
        self.external.unwrap_or(self.ip)
    }
}

/// Where to send clients instead (RFC 8489 section 10).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Redirect {
    /// The other server for clients that come over IPv4.
    pub v4: Option<SocketAddr>,
    /// The other server for clients that come over IPv6.
    pub v6: Option<SocketAddr>,
    /// From how many allocations on; 0 redirects everybody.
    pub above: usize,
}

/// RFC 7635: tokens of an authorization server.
#[derive(Clone, Debug)]
pub struct TokenConfig {
    /// The server's name in THIRD-PARTY-AUTHORIZATION and in the tokens, at most 128 bytes.
    pub server_name: String,
    /// The keys shared with the authorization server.
    pub keys: Vec<TokenKey>,
    /// The difference of clocks that is forgiven. Default 5 s (RFC 7635 section 7).
    pub delta: Duration,
}

/// A realm and where it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Realm {
    /// Its name, 1 to 128 bytes, as `OpaqueString` of RFC 8265 leaves it.
    pub name: String,
    /// The server's addresses on which it is announced; empty for all others.
    pub listeners: Vec<SocketAddr>,
}

/// How a [`Server`](super::Server) behaves. Made by [`Config::new`], then changed.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// The realms. The first whose listeners include the address asked is announced there, else
    /// the first without listeners, else the first.
    pub realms: Vec<Realm>,
    /// The addresses that the server listens on; never peers.
    pub listeners: Vec<SocketAddr>,
    /// The addresses that relays are on, of one or both families.
    pub relays: Vec<RelayAddress>,
    /// Relayed ports. Default 49152 to 65535 (RFC 8656 section 7.2); never below 1024. Shards have
    /// ranges of their own that begin with an even port.
    pub ports: RangeInclusive<u16>,
    /// Relayed ports of all machines that share the relay addresses; [`ports`](Self::ports) are
    /// among them. Only these are peers with [`PeerPolicy::allow_relay_to_relay`]. Default none:
    /// this machine's alone.
    pub ports_of_all: Option<RangeInclusive<u16>>,
    /// How long a port rests before somebody else gets it, as long as others are left.
    /// Default 2 min.
    pub port_cool_down: Duration,
    /// Number of this machine among its siblings; in tokens, tickets and connection ids. Default 0.
    pub shard: u8,
    /// Key of nonces, the same for all shards and, if wanted, after a restart. Random.
    pub secret: [u8; 32],
    /// How long a nonce is good: this at most, half of it at least. Default and maximum 1 h
    /// (RFC 8656 section 5).
    pub nonce_lifetime: Duration,
    /// Whether SHA-256 keys are offered with PASSWORD-ALGORITHMS (RFC 8489 section 9.2).
    /// Default `true`; `false` saves 24 bytes in each 401.
    pub password_algorithms: bool,
    /// Whether USERHASH is offered (RFC 8489 section 9.2); the store must know it. Default `true`.
    pub username_anonymity: bool,
    /// Tokens of RFC 7635. Default none.
    pub tokens: Option<TokenConfig>,
    /// The lifetime without a wish, and the shortest. Default 600 s (RFC 8656 section 3.2).
    pub default_lifetime: Duration,
    /// The longest lifetime. Default 3600 s (RFC 8656 section 7.2).
    pub max_lifetime: Duration,
    /// How long a port is held for a RESERVATION-TOKEN. Default and minimum 30 s.
    pub reservation_lifetime: Duration,
    /// Whether channel numbers up to 0x7ffe of RFC 5766 are taken. Default `false`.
    pub rfc5766_channels: bool,
    /// Whether the driver can send with DF set. Default `true`.
    pub dont_fragment: bool,
    /// Whether RFC 6062's TCP allocations are offered. Default `true`.
    pub tcp_relays: bool,
    /// Whether RFC 8016's mobility is offered. Default `true`.
    pub mobility: bool,
    /// Whether Binding requests are answered. Default `true`.
    pub binding: bool,
    /// Whether Binding requests over UDP may ask for answers from elsewhere (RFC 5780): the driver
    /// has sockets on all four combinations, and sends from [`FiveTuple::server`] of each
    /// [`Transmit`]. Default none.
    ///
    /// [`FiveTuple::server`]: super::FiveTuple::server
    /// [`Transmit`]: super::Transmit
    pub nat_behaviour: Option<NatBehaviourServer>,
    /// SOFTWARE in responses to authenticated requests. Default none.
    pub software: Option<String>,
    /// Who may be a peer.
    pub policy: PeerPolicy,
    /// Another server for clients. Default none.
    pub redirect: Option<Redirect>,
    /// Allocations per user over all machines that share the table; see [`Quotas::new`].
    pub quotas: Quotas,
    /// Bytes per second of one allocation, both ways together and without headers, where each
    /// datagram counts as 64 bytes at least; an account can say otherwise. Default none.
    pub bytes_per_second: Option<u64>,
    /// Allocations of this machine. Default 16,384.
    pub max_allocations: usize,
    /// Permissions of one allocation that hold at one time. Default 128.
    pub max_permissions: usize,
    /// Channels of one allocation that are bound at one time. Default 128.
    pub max_channels: usize,
    /// TCP connections of one allocation, and incoming ones that wait. Default 16.
    pub max_connections: usize,
    /// Responses and indications that wait to be fetched. Default 4096.
    pub max_output: usize,
    /// Look-ups that the driver has not answered yet. Default 256.
    pub max_look_ups: usize,
    /// How long a look-up may take. Default 5 s.
    pub look_up_timeout: Duration,
    /// Answers per second to one address (IPv4) or /64 (IPv6) without proof. Default 50.
    pub challenges_per_second: u32,
    /// Such answers that may come at once. Default 200.
    pub challenge_burst: u32,
    /// How long a peer may take to answer Connect. Default and minimum 30 s (RFC 6062 5.2).
    pub connect_timeout: Duration,
    /// How long a peer's connection waits for ConnectionBind. Default 30 s (RFC 6062 5.3).
    pub bind_timeout: Duration,
}

impl Config {
    /// One realm, relays on these addresses, and a random secret; defaults otherwise.
    #[must_use]
    pub fn new(realm: &str, relays: Vec<RelayAddress>, secret: [u8; 32]) -> Self {
        Self {
            realms: vec![Realm { name: realm.to_owned(), listeners: Vec::new() }],
            listeners: Vec::new(),
            relays,
            ports: 49_152..=65_535,
            ports_of_all: None,
            port_cool_down: Duration::from_secs(120),
            shard: 0,
            secret,
            nonce_lifetime: Duration::from_secs(3600),
            password_algorithms: true,
            username_anonymity: true,
            tokens: None,
            default_lifetime: Duration::from_secs(600),
            max_lifetime: Duration::from_secs(3600),
            reservation_lifetime: Duration::from_secs(30),
            rfc5766_channels: false,
            dont_fragment: true,
            tcp_relays: true,
            mobility: true,
            binding: true,
            nat_behaviour: None,
            software: None,
            policy: PeerPolicy::default(),
            redirect: None,
            quotas: Quotas::default(),
            bytes_per_second: None,
            max_allocations: 16_384,
            max_permissions: 128,
            max_channels: 128,
            max_connections: 16,
            max_output: 4096,
            max_look_ups: 256,
            look_up_timeout: Duration::from_secs(5),
            challenges_per_second: 50,
            challenge_burst: 200,
            connect_timeout: Duration::from_secs(30),
            bind_timeout: Duration::from_secs(30),
        }
    }

    /// Checks ranges, and names the server's own addresses to the policy.
    pub(crate) fn prepare(&mut self) -> Result<(), ConfigError> {
        if self.realms.is_empty() {
            return Err(ConfigError::Realm { index: 0, len: 0 });
        }
        for (index, realm) in self.realms.iter().enumerate() {
            let len = realm.name.len();
            if !(1..=128).contains(&len) {
                return Err(ConfigError::Realm { index, len });
            }
        }
        if self.relays.is_empty() {
            return Err(ConfigError::NoRelay);
        }
        let (first, last) = (*self.ports.start(), *self.ports.end());
        //= rfc8656#7.2
        // Well-known ports are never relayed from.
        if first < 1024 || first > last {
            return Err(ConfigError::Ports { first, last });
        }
        let (hour, half_minute) = (Duration::from_secs(3600), Duration::from_secs(30));
        let week = hour.saturating_mul(168);
        for (what, value, least, most) in [
            ("nonce lifetime", self.nonce_lifetime, Duration::from_secs(2), hour),
            ("default lifetime", self.default_lifetime, Duration::from_secs(1), week),
            ("longest lifetime", self.max_lifetime, self.default_lifetime, week),
            ("reservation lifetime", self.reservation_lifetime, half_minute, hour),
            ("connect timeout", self.connect_timeout, half_minute, hour),
            ("bind timeout", self.bind_timeout, half_minute, hour),
        ] {
            if value < least || value > most {
                return Err(ConfigError::Duration { what, seconds: value.as_secs() });
            }
        }
        if let Some(all) = &self.ports_of_all
            && !(all.contains(&first) && all.contains(&last) && *all.start() >= 1024)
        {
            return Err(ConfigError::Ports { first: *all.start(), last: *all.end() });
        }
        self.deny_own();
        Ok(())
    }

    /// Names the server's own addresses to the policy.
    pub(crate) fn deny_own(&mut self) {
        for listener in &self.listeners {
            if !listener.ip().is_unspecified() {
                self.policy.deny_own(listener.ip());
            }
        }
        for relay in &self.relays {
            self.policy.deny_own(relay.ip);
            self.policy.deny_own(relay.seen());
        }
    }

    /// Whether `ip` is one that relays are on, or are seen on.
    pub(crate) fn is_relay_ip(&self, ip: IpAddr) -> bool {
        self.relays.iter().any(|relay| relay.seen() == ip || relay.ip == ip)
    }

    /// Whether any port of `ip`, in canonical form, may be a peer.
    pub(crate) fn admits_ip(&self, ip: IpAddr) -> bool {
        self.policy.check_ip(ip, |ip| self.is_relay_ip(ip))
    }

    /// The peer in its canonical form, when the policy lets it be one.
    pub(crate) fn admit(&self, peer: SocketAddr) -> Option<SocketAddr> {
        let ports = self.ports_of_all.as_ref().unwrap_or(&self.ports);
        self.policy.check(peer, ports, |ip| self.is_relay_ip(ip), &self.listeners)
    }

    /// The index of the realm that is announced on `server`.
    pub(crate) fn realm_at(&self, server: SocketAddr) -> usize {
        let named = |realm: &Realm| realm.listeners.contains(&server);
        let open = |realm: &Realm| realm.listeners.is_empty();
        self.realms
            .iter()
            .position(named)
            .or_else(|| self.realms.iter().position(open))
            .unwrap_or(0)
    }

    pub(crate) fn realm_name(&self, index: usize) -> &str {
        self.realms.get(index).map_or("", |realm| &realm.name)
    }
}
