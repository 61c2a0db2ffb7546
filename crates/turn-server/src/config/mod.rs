//! The configuration: a TOML file, read once at the start and again on SIGHUP, checked as a whole.

mod check;
mod check_auth;
mod check_discovery;
mod error;
mod raw;
mod value;

use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub use error::{ConfigError, Problem};
pub use value::{Hidden, Prefix};

use error::Problems;

/// Everything that can be chosen about a server. `antiphon-turn-server.toml` describes each option.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Config {
    /// The realm of all credentials.
    pub realm: String,
    /// What SOFTWARE says; `None`, the default, leaves it out, because it makes answers longer.
    pub software: Option<String>,
    /// Threads that serve, each with sockets and relayed ports of its own; one per core by default.
    pub shards: usize,
    /// Where clients come in.
    pub listeners: Vec<Listener>,
    /// Where packets go out.
    pub relay: Relay,
    /// Whether clients can find out what their NAT does; `None`, the default, is no.
    pub discovery: Option<Discovery>,
    /// Which peers are out of bounds.
    pub peers: Peers,
    /// The identity for TLS and DTLS.
    pub tls: Option<Tls>,
    /// Who may use the server.
    pub auth: Auth,
    /// How much of it.
    pub limits: Limits,
    /// Where metrics are served, over HTTP at `/metrics`.
    pub metrics: Option<SocketAddr>,
    /// What is written to standard error.
    pub log: Log,
    /// How the server ends.
    pub drain: Drain,
}

/// A port that clients reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listener {
    /// What is spoken below TURN.
    pub transport: Transport,
    /// The address and port, of IPv4 or IPv6; an unspecified address stands for all of its family.
    pub address: SocketAddr,
}

/// What TURN runs over between a client and the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Transport {
    /// Datagrams.
    Udp,
    /// A stream.
    Tcp,
    /// A stream in TLS 1.2 or 1.3.
    Tls,
    /// Datagrams in DTLS.
    Dtls,
}

impl Transport {
    /// All of them, in the order of their names in a configuration.
    pub const ALL: [Self; 4] = [Self::Udp, Self::Tcp, Self::Tls, Self::Dtls];

    /// Its name in a configuration, a log and a metric.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
            Self::Tls => "tls",
            Self::Dtls => "dtls",
        }
    }

    /// Whether a certificate is needed.
    #[must_use]
    pub const fn is_secure(self) -> bool {
        matches!(self, Self::Tls | Self::Dtls)
    }
}

/// Relayed transport addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Relay {
    /// One per address family at most.
    pub addresses: Vec<RelayAddress>,
    /// Ports that are handed out, 49152-65535 by default (RFC 8656 section 7.2).
    pub ports: RangeInclusive<u16>,
    /// Whether TCP is relayed, too (RFC 6062).
    pub tcp: bool,
    /// Whether an allocation may move with its client to another address (RFC 8016).
    pub mobility: bool,
    /// Whether channels 0x5000-0x7FFF are accepted, which RFC 5766 allowed and RFC 8656 does not.
    pub wide_channels: bool,
    /// How long a port rests before somebody else gets it, as long as others are left; 2 min by
    /// default.
    pub port_rest: Duration,
    /// SO_SNDBUF and SO_RCVBUF of each listening UDP socket; relay sockets get a quarter.
    pub socket_buffer_bytes: usize,
}

/// An address that packets to peers leave from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RelayAddress {
    /// What sockets are bound to.
    pub local: IpAddr,
    /// What clients and peers are told: another one behind a one-to-one NAT.
    pub public: IpAddr,
}

/// NAT behaviour discovery (RFC 5780): UDP listeners on both ports of both addresses, each of which
/// answers for the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Discovery {
    /// Two addresses of one family.
    pub addresses: [IpAddr; 2],
    /// Two ports.
    pub ports: [u16; 2],
}

impl Discovery {
    /// The four sockets.
    pub(crate) fn sockets(self) -> [SocketAddr; 4] {
        let ([a, b], [p, q]) = (self.addresses, self.ports);
        [(a, p), (a, q), (b, p), (b, q)].map(SocketAddr::from)
    }
}

/// Exceptions from the built-in list of peers that are out of bounds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Peers {
    /// Allowed although the built-in list forbids them: each an opening into your network.
    pub allow: Vec<Prefix>,
    /// Forbidden besides; it wins over `allow`.
    pub deny: Vec<Prefix>,
    /// Whether clients may reach each other's relayed addresses; both ends of a call need it when both
    /// use relayed candidates of this server. Default `false`.
    pub relay_to_relay: bool,
}

/// Files in PEM format.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tls {
    /// The certificate, then those that issued it.
    pub certificate: PathBuf,
    /// Its private key; PKCS#8 where DTLS is served.
    pub key: PathBuf,
}

/// Where credentials come from. They are asked in this order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Auth {
    /// Users with a password or key that does not change.
    pub users: Vec<User>,
    /// Secrets shared with the service that hands out credentials limited in time
    /// (draft-uberti-behave-turn-rest). Several may be valid while one replaces another.
    pub rest_secrets: Vec<Hidden>,
    /// Tokens of a third party (RFC 7635).
    pub oauth: Option<Oauth>,
    /// A store that several nodes share.
    pub redis: Option<Redis>,
}

/// A user of the long-term mechanism (RFC 8489 section 9.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// The name.
    pub name: String,
    /// What proves it.
    pub secret: UserSecret,
}

/// What a user proves to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UserSecret {
    /// The password.
    Password(Hidden),
    /// MD5 of name, realm and password (RFC 8489 section 9.2.2), so that the file holds none.
    Key(Hidden),
}

/// Third-party authorization (RFC 7635).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Oauth {
    /// What THIRD-PARTY-AUTHORIZATION says, and what tokens are bound to.
    pub server_name: String,
    /// Keys shared with the authorization server.
    pub keys: Vec<OauthKey>,
}

/// A key that tokens are sealed with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OauthKey {
    /// The `kid`, which clients send as USERNAME.
    pub id: String,
    /// 32 bytes for AES-256-GCM, in base64.
    pub key: Hidden,
}

/// Users and secrets in Redis.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redis {
    /// `redis://[user:password@]host:port[/database]` or `unix:///path`.
    pub url: Hidden,
    /// In front of all keys; `turn:` by default.
    pub prefix: String,
    /// How long a lookup may take; 2 s by default.
    pub timeout: Duration,
    /// How long an answer is kept; 30 s by default, 0 for never.
    pub cache: Duration,
}

/// Limits. Each protects the server from its clients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Allocations at a time, over all shards; 100,000 by default.
    pub allocations: usize,
    /// Allocations of one user at a time; 0 for no limit, the default.
    pub allocations_per_user: usize,
    /// Bits per second of one allocation, both directions together; 0 for no limit, the default.
    pub bandwidth_bits_per_second: u64,
    /// The longest lifetime that is granted; 1 h by default (RFC 8656 section 7.2).
    pub lifetime: Duration,
    /// Challenges and errors that one source address is sent per second without a valid credential;
    /// 50 by default.
    pub unauthenticated_per_second: u32,
    /// Stream connections at a time, over all shards; 100,000 by default.
    pub connections: usize,
    /// Stream connections of one source address; 1,000 by default.
    pub connections_per_address: usize,
    /// How long a connection may take to an allocation; 10 s by default.
    pub idle: Duration,
}

/// What is written to standard error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// Lines for people or JSON.
    pub format: LogFormat,
    /// A filter such as `info` or `info,antiphon_turn_server=debug`.
    pub level: String,
}

/// The form of a log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object per line.
    Json,
}

/// How the server ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drain {
    /// How long allocations may go on after SIGTERM; 5 min by default.
    pub limit: Duration,
    /// Where clients are sent instead (ALTERNATE-SERVER), one per address family at most.
    pub alternate: Vec<SocketAddr>,
    /// Whether they are sent there always, not only while draining.
    pub redirect: bool,
}

impl Relay {
    /// Everything that sockets and ports depend on.
    fn sockets(&self) -> Self {
        Self { mobility: false, wide_channels: false, ..self.clone() }
    }
}

impl Config {
    /// Reads and checks a file.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] with everything that is wrong, each with its line.
    pub fn load(file: &Path) -> Result<Self, ConfigError> {
        match std::fs::read_to_string(file) {
            Ok(text) => Self::parse(file, &text),
            Err(error) => {
                let mut problems = Problems::new(file, "");
                problems.whole(format!("cannot be read: {error}"));
                problems.finish().and_then(|()| Self::parse(file, ""))
            }
        }
    }

    /// Checks `text`; `file` is for messages, and relative paths begin in its folder.
    ///
    /// # Errors
    ///
    /// As [`load`](Self::load).
    pub fn parse(file: &Path, text: &str) -> Result<Self, ConfigError> {
        check::file(file, text)
    }

    /// Whether `other` differs in something that needs a restart: sockets and threads.
    #[must_use]
    pub fn needs_restart(&self, other: &Self) -> bool {
        self.shards != other.shards
            || self.listeners != other.listeners
            || self.relay.sockets() != other.relay.sockets()
            || self.discovery != other.discovery
            || self.metrics != other.metrics
            || self.realm != other.realm
            || self.log != other.log
    }
}
