use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use thiserror::Error;

use crate::event::ConnectionState;

/// Why there is no connection. `Display` says it in one sentence, with numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum IceFailure {
    /// We have no address to send from.
    #[error("we have no address to send from")]
    NoLocalCandidates,
    /// The peer's credentials never came.
    #[error("the peer's description has not come")]
    NoRemoteDescription,
    /// The peer named no address, and none of its checks arrived.
    #[error("the peer named no candidate that we can use; {ignored} were ignored")]
    NoRemoteCandidates {
        /// Candidates that were ignored.
        ignored: u64,
    },
    /// All addresses of the peer are excluded by a filter of ours.
    #[error("our filter excludes all {filtered} candidates of the peer")]
    AllFiltered {
        /// Candidates excluded.
        filtered: u64,
    },
    /// One side has IPv4 only and the other IPv6 only.
    #[error("no common address family: we have {} IPv4 and {} IPv6 addresses, the peer {} and {}", .local.0, .local.1, .remote.0, .remote.1)]
    NoCommonFamily {
        /// Addresses of ours: IPv4, IPv6.
        local: (usize, usize),
        /// Candidates of the peer: IPv4, IPv6.
        remote: (usize, usize),
    },
    /// No candidate of ours fits one of the peer's (protocol, kind of TCP, reach).
    #[error("none of our {local} addresses fits one of the peer's {remote} candidates")]
    NothingPairable {
        /// Addresses of ours.
        local: usize,
        /// Candidates of the peer.
        remote: usize,
    },
    /// The names of the peer were not found: no mDNS between the two.
    #[error("{failed} of {names} hidden names of the peer were not found by mDNS")]
    MdnsUnresolved {
        /// Names looked up.
        names: u64,
        /// Names not found.
        failed: u64,
    },
    /// No check was answered.
    #[error("none of {requests} requests on {pairs} pairs was answered")]
    AllChecksTimedOut {
        /// Pairs that were checked.
        pairs: usize,
        /// Requests sent, retransmissions included.
        requests: u64,
    },
    /// The network drops UDP: neither a STUN server nor the peer answered anything.
    #[error(
        "UDP seems to be blocked: {queries} STUN queries and {requests} requests to the peer went unanswered"
    )]
    UdpBlocked {
        /// STUN queries without an answer.
        queries: u64,
        /// Requests to the peer without an answer.
        requests: u64,
    },
    /// STUN servers did not answer, so the peer does not know our public address.
    #[error("{queries} queries to STUN servers failed, our public address is unknown")]
    StunServerUnreachable {
        /// Queries that failed.
        queries: u64,
    },
    /// A TURN server refused user name or password.
    #[error("{} refused user name or password ({code})", name(*.server))]
    TurnUnauthorized {
        /// The server.
        server: Option<SocketAddr>,
        /// Its error code.
        code: u16,
    },
    /// A TURN server does not relay for us.
    #[error("{} does not relay for us", name(*.server))]
    TurnForbidden {
        /// The server.
        server: Option<SocketAddr>,
    },
    /// A TURN server has no more room for us.
    #[error("{} has no more room for us", name(*.server))]
    TurnQuota {
        /// The server.
        server: Option<SocketAddr>,
    },
    /// A TURN server does not answer.
    #[error("{} does not answer", name(*.server))]
    TurnUnreachable {
        /// The server.
        server: Option<SocketAddr>,
    },
    /// No TLS or DTLS with a TURN server.
    #[error("no TLS or DTLS with {}", name(*.server))]
    TlsFailed {
        /// The server.
        server: Option<SocketAddr>,
    },
    /// The name of a server was not found.
    #[error("the name of a server was not found")]
    DnsFailed,
    /// A TURN server said something else.
    #[error("{} answered with error {code}", name(*.server))]
    TurnError {
        /// The server.
        server: Option<SocketAddr>,
        /// Its error code.
        code: u16,
    },
    /// The relay does not let the peer through.
    #[error("the relay refused to let the peer through, {count} times")]
    PermissionRefused {
        /// Peers refused.
        count: u64,
    },
    /// The two sides have different ideas of each other's ufrag: one of them has an old description.
    #[error(
        "the descriptions do not belong together: {received} requests named another ufrag than ours, {refused} of ours were refused"
    )]
    UfragMismatch {
        /// Requests of the peer with another ufrag than ours.
        received: u64,
        /// Requests of ours that the peer refused.
        refused: u64,
    },
    /// The two sides have different ideas of each other's password, or somebody changes datagrams.
    #[error("the passwords differ: {requests} requests and {responses} responses have a wrong tag")]
    IntegrityMismatch {
        /// Requests with a wrong tag.
        requests: u64,
        /// Responses with a wrong tag.
        responses: u64,
    },
    /// The two sides do not agree on who controls.
    #[error("{conflicts} role conflicts: the sides do not agree on who controls")]
    RoleConflictLoop {
        /// Conflicts so far.
        conflicts: u64,
    },
    /// Our checks go out and the peer does not know of us: none of its checks arrived.
    #[error(
        "the peer never sent a check, while we sent {requests}: it may not have our candidates"
    )]
    RemoteNeverChecked {
        /// Requests sent.
        requests: u64,
    },
    /// The peer's checks arrive, ours are not answered: one direction is blocked.
    #[error(
        "one direction is blocked: {received} requests of the peer arrived, {unanswered} of ours went unanswered"
    )]
    OneWay {
        /// Requests of the peer.
        received: u64,
        /// Requests of ours without an answer.
        unanswered: u64,
    },
    /// The peer reached us, but named no candidates of its own that we could check.
    #[error("the peer reached us with {received} requests, but its candidates never came")]
    OnlyOneSideTrickled {
        /// Requests of the peer.
        received: u64,
    },
    /// A pair works, but the controlling side nominates none.
    #[error("a pair works, but none was nominated for {waiting:.1?}")]
    NeverNominated {
        /// Since when.
        waiting: Duration,
    },
    /// The nomination of a pair failed.
    #[error("{count} nominations failed")]
    NominationFailed {
        /// How many.
        count: u64,
    },
    /// No TCP connection could be opened.
    #[error("{count} TCP connections failed")]
    TcpConnectFailed {
        /// Attempts.
        count: u64,
    },
    /// The network says that the peer's addresses lead nowhere.
    #[error("the network reported {count} times that the peer cannot be reached")]
    Unreachable {
        /// Such messages.
        count: u64,
    },
    /// It was connected; then the peer did not answer any more.
    #[error("the peer has not answered for {silent:.1?}")]
    ConsentLost {
        /// How long it was silent.
        silent: Duration,
    },
    /// It was connected; then the address in use was taken away.
    #[error("the address in use was taken away")]
    LocalAddressLost,
    /// Nothing wrong so far; it only takes its time.
    #[error("no result after {since:.1?}, {pending} pairs are pending")]
    TakesLong {
        /// How long it has taken.
        since: Duration,
        /// Pairs that are still to be checked or being checked.
        pending: usize,
    },
}

/// The server, as a sentence names it.
fn name(server: Option<SocketAddr>) -> String {
    server.map_or_else(|| "a TURN server".to_owned(), |server| format!("the TURN server {server}"))
}

/// How things stand, and why. `Display` writes a few lines for people.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Diagnosis {
    /// The state of the agent.
    pub state: ConnectionState,
    /// How long the state has been so.
    pub since: Duration,
    /// The causes that the evidence points to, the most telling first. Empty when all is well.
    pub causes: Vec<IceFailure>,
    /// Pairs by state: to be checked, being checked, working, failed.
    pub pairs: [usize; 4],
    /// Addresses of ours.
    pub local: usize,
    /// Candidates of the peer.
    pub remote: usize,
}

impl fmt::Display for Diagnosis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [waiting, checking, valid, failed] = self.pairs;
        write!(
            f,
            "{:?} for {:.1?}: {} local, {} remote candidates; pairs: {waiting} waiting, \
             {checking} being checked, {valid} working, {failed} failed",
            self.state, self.since, self.local, self.remote
        )?;
        for cause in &self.causes {
            write!(f, "\n  {cause}")?;
        }
        Ok(())
    }
}
