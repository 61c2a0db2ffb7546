use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use antiphon_crypto::CryptoProvider;

use crate::policy::{AddressFilter, AddressPolicy, NatMapping, Permissions, TransportPolicy};

/// Who decides which pair is used (RFC 8445 section 6.1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// Nominates. The offerer, and everybody who faces a lite agent.
    Controlling,
    /// Follows.
    Controlled,
}

impl Role {
    /// The other role.
    #[must_use]
    pub const fn opposite(self) -> Self {
        match self {
            Self::Controlling => Self::Controlled,
            Self::Controlled => Self::Controlling,
        }
    }
}

/// Which attribute carries the number of a nomination, and so which option the peer announced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Renomination {
    /// `renomination`: attribute 0xC001, as Chromium has had it since 2016.
    Legacy,
    /// `renomination2` of draft-thatcher-tsvwg-renomination: attribute 0x0030.
    Draft,
}

/// Every option of an [`Agent`](crate::Agent).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// Where HMAC-SHA1 and the credentials' randomness come from.
    pub provider: Arc<dyn CryptoProvider>,
    /// The role to start with; a conflict is settled by the protocol.
    pub role: Role,
    /// STUN servers to ask for reflexive addresses. Default none.
    pub stun_servers: Vec<SocketAddr>,
    /// Whether loopback addresses may be candidates, ours and theirs. Default `false`: a peer
    /// must not make us knock at our own machine. Turn it on when both ends share one machine.
    pub include_loopback: bool,
    /// Which kinds of candidates take part. Default all.
    pub transport_policy: TransportPolicy,
    /// Which addresses of ours may be used and shown (RFC 8828). Default all: an application that
    /// acts for a page that nobody trusts chooses another.
    pub address_policy: AddressPolicy,
    /// Which addresses of the peer may be checked. Default `None`: all.
    pub remote_filter: Option<AddressFilter>,
    /// Which addresses of ours may be used. Default `None`: all.
    pub local_filter: Option<AddressFilter>,
    /// Static mappings of a NAT in front of this machine. Default none.
    pub nat_mappings: Vec<NatMapping>,
    /// Who sees to permissions on relays. Default: the agent asks.
    pub permissions: Permissions,
    /// Whether candidates for TCP take part (RFC 6544). Default `false`.
    pub tcp: bool,
    /// Whether this is a lite agent (RFC 8445 section 2.5): on the public internet, it sends no
    /// checks and only answers. Default `false`.
    pub lite: bool,
    /// Whether we may change the nominated pair, or follow a peer that does, without a restart;
    /// to be announced in `a=ice-options`. It is in use once
    /// [`set_remote_renomination`](crate::Agent::set_remote_renomination) says that the peer does
    /// the same. Default `false`.
    pub renomination: bool,
    /// Whether addresses may come and go while the connection is up: new ones are checked, pairs
    /// that work are kept as spares and take over when the pair in use dies. Default `false`.
    ///
    /// A peer that keeps to RFC 8445 section 8.1.1 follows the nomination of a spare only when it
    /// can tell that the old pair is dead; with renomination it always does.
    pub continual_gathering: bool,
    /// The pause between the starts of two transactions. Default 50 ms, at least 5 ms
    /// (RFC 8445 section 14.2). What differs from the default must be announced as
    /// `a=ice-pacing` and counts only as far as the peer agrees:
    /// [`set_remote_pacing`](crate::Agent::set_remote_pacing).
    pub ta: Duration,
    /// How long a controlling agent waits for better pairs that are still being checked before it
    /// nominates the best valid one. Default 100 ms. Data does not wait for this.
    pub nomination_wait: Duration,
    /// The same while the best valid pair goes through a relay. Default 2 s: a direct way may need a
    /// check to be sent a second or third time, and the nomination is for good.
    pub relayed_nomination_wait: Duration,
    /// The mean pause between two consent requests. Default 5 s; the pause is random, from 0.8 to
    /// 1.2 times this, and never below 4 s (RFC 7675 section 5.1).
    pub consent_interval: Duration,
    /// How long an answer keeps consent fresh. Default and upper limit 30 s (RFC 7675 section 5.1).
    pub consent_lifetime: Duration,
    /// Without a sign of the peer for so long the state is
    /// [`Disconnected`](crate::ConnectionState::Disconnected). Default 7 s: consent requests of
    /// both sides every 4 to 6 s, so that the loss of one datagram goes unnoticed.
    pub disconnected_timeout: Duration,
    /// The PAC timer (RFC 8863): how long checks may fail before the agent gives up. Default 39.5 s.
    pub failure_patience: Duration,
    /// How long to wait for further candidates when nobody says that there are no more. Default 60 s.
    pub trickle_patience: Duration,
    /// How long, after a pair is selected, other valid pairs and old credentials still count.
    /// Default 3 s (RFC 8445 section 8.3.1).
    pub linger: Duration,
    /// The pause between two requests that keep a reflexive address alive until the connection is
    /// up. Default 15 s (RFC 8445 section 11).
    pub keepalive_interval: Duration,
    /// How long a TCP connection may take to open. Default 10 s.
    pub connect_timeout: Duration,
    /// How long the owner may take to answer for a permission on a relay. Default 10 s.
    pub permission_timeout: Duration,
    /// How long the owner may take to find the address behind a name. Default 5 s.
    pub name_timeout: Duration,
    /// Pairs in the checklist. Default 100 (RFC 8445 section 6.1.2.5).
    pub max_pairs: usize,
    /// Sockets of ours. Default 32.
    pub max_local_addresses: usize,
    /// STUN servers. Default 8.
    pub max_stun_servers: usize,
    /// Candidates of the peer, peer-reflexive ones included. Default 64.
    pub max_remote_candidates: usize,
    /// Peer-reflexive candidates of the peer. Default 16.
    pub max_peer_reflexive: usize,
    /// Checks that arrive before the peer's credentials do. Default 16.
    pub max_early_checks: usize,
    /// Answers waiting to be sent. Default 64.
    pub max_replies: usize,
    /// Unauthenticated requests answered with an error, per second and source (an IPv4 address, or
    /// 64 bits of an IPv6 address). Default 10; all sources together get eight times as many.
    pub max_refusals_per_second: u32,
    /// Names of the peer that are looked up, per generation. Default 16.
    pub max_names: usize,
    /// TCP connections. Default 32.
    pub max_connections: usize,
    /// Pairs kept as spares beside the one in use, where there are spares at all. Default 4.
    pub max_spare_pairs: usize,
    /// Entries of the trace. Default 64; once a pair is nominated the last 8 are kept.
    pub max_trace: usize,
}

impl Config {
    /// The defaults, with what has none.
    #[must_use]
    pub fn new(provider: Arc<dyn CryptoProvider>, role: Role) -> Self {
        Self {
            provider,
            role,
            stun_servers: Vec::new(),
            include_loopback: false,
            transport_policy: TransportPolicy::default(),
            address_policy: AddressPolicy::default(),
            remote_filter: None,
            local_filter: None,
            nat_mappings: Vec::new(),
            permissions: Permissions::default(),
            tcp: false,
            lite: false,
            renomination: false,
            continual_gathering: false,
            ta: DEFAULT_TA,
            nomination_wait: Duration::from_millis(100),
            relayed_nomination_wait: Duration::from_secs(2),
            consent_interval: Duration::from_secs(5),
            consent_lifetime: Duration::from_secs(30),
            disconnected_timeout: Duration::from_secs(7),
            failure_patience: Duration::from_millis(39_500),
            trickle_patience: Duration::from_secs(60),
            linger: Duration::from_secs(3),
            keepalive_interval: Duration::from_secs(15),
            connect_timeout: Duration::from_secs(10),
            permission_timeout: Duration::from_secs(10),
            name_timeout: Duration::from_secs(5),
            max_pairs: 100,
            max_local_addresses: 32,
            max_stun_servers: 8,
            max_remote_candidates: 64,
            max_peer_reflexive: 16,
            max_early_checks: 16,
            max_replies: 64,
            max_refusals_per_second: 10,
            max_names: 16,
            max_connections: 32,
            max_spare_pairs: 4,
            max_trace: 64,
        }
    }

    /// Consent as configured, within what RFC 7675 allows.
    pub(crate) fn consent_lifetime(&self) -> Duration {
        self.consent_lifetime.min(MAX_CONSENT_LIFETIME)
    }
}

/// Ta when nobody proposes another (RFC 8445 section 14.2).
pub(crate) const DEFAULT_TA: Duration = Duration::from_millis(50);
/// Transactions never start closer together (RFC 8445 section 14.2).
pub(crate) const MIN_TA: Duration = Duration::from_millis(5);
/// Consent requests never follow closer (RFC 7675 section 5.1).
pub(crate) const MIN_CONSENT_PAUSE: Duration = Duration::from_secs(4);
const MAX_CONSENT_LIFETIME: Duration = Duration::from_secs(30);
