use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use antiphon_crypto::CryptoProvider;

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
    /// The pause between the starts of two transactions. Default 50 ms, at least 5 ms
    /// (RFC 8445 section 14.2). What differs from the default must be announced as
    /// `a=ice-pacing` and counts only as far as the peer agrees:
    /// [`set_remote_pacing`](crate::Agent::set_remote_pacing).
    pub ta: Duration,
    /// How long a controlling agent waits for better pairs that are still being checked before it
    /// nominates the best valid one. Default 100 ms. Data does not wait for this.
    pub nomination_wait: Duration,
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
    /// Unauthenticated requests answered with an error, per second. Default 10.
    pub max_refusals_per_second: u32,
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
            ta: DEFAULT_TA,
            nomination_wait: Duration::from_millis(100),
            consent_interval: Duration::from_secs(5),
            consent_lifetime: Duration::from_secs(30),
            disconnected_timeout: Duration::from_secs(7),
            failure_patience: Duration::from_millis(39_500),
            trickle_patience: Duration::from_secs(60),
            linger: Duration::from_secs(3),
            keepalive_interval: Duration::from_secs(15),
            max_pairs: 100,
            max_local_addresses: 32,
            max_stun_servers: 8,
            max_remote_candidates: 64,
            max_peer_reflexive: 16,
            max_early_checks: 16,
            max_replies: 64,
            max_refusals_per_second: 10,
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
