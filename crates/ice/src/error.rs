use antiphon_crypto::CryptoError;
use thiserror::Error;

/// Why a socket cannot be used, or a STUN server cannot be asked. Nothing has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum AddressError {
    /// Not the address of one host and one port.
    #[error("a wildcard, multicast, broadcast or deprecated address, or port 0")]
    Unusable,
    /// A loopback address, and [`Config::include_loopback`](crate::Config::include_loopback) is off.
    #[error("loopback addresses are not included")]
    Loopback,
    /// The address is known already.
    #[error("the address is known already")]
    Duplicate,
    /// A policy or a filter of [`Config`](crate::Config) excludes the address.
    #[error("excluded by a policy or filter")]
    Excluded,
    /// A lite agent takes no such address, or [`Config::tcp`](crate::Config::tcp) is off.
    #[error("addresses of this kind are not used")]
    Kind,
    /// The reflexive address has a base that was not added.
    #[error("the base is not known")]
    UnknownBase,
    /// There are as many as [`Config`](crate::Config) allows.
    #[error("the limit of {limit} is reached")]
    LimitReached {
        /// How many there may be.
        limit: usize,
    },
    /// [`end_of_local_addresses`](crate::Agent::end_of_local_addresses) was called in this
    /// generation, or a pair was nominated; new candidates need a restart.
    #[error("candidates of this generation are complete")]
    AfterEnd,
    /// The agent is closed.
    #[error("the agent is closed")]
    Closed,
}

/// Why a remote candidate was ignored. That is no reason to refuse its description.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CandidateError {
    /// Only component 1 is used: RTCP is multiplexed.
    #[error("component {component} is not used")]
    Component {
        /// The candidate's component.
        component: u16,
    },
    /// A TCP candidate, and [`Config::tcp`](crate::Config::tcp) is off; or one that does not say
    /// who connects.
    #[error("the transport protocol is not used")]
    Protocol,
    /// The address is a name, and not one of mDNS that hides an address.
    #[error("the address is a name")]
    Name,
    /// [`Config::remote_filter`](crate::Config::remote_filter) excludes the address.
    #[error("excluded by a filter")]
    Filtered,
    /// Not the address of one host and one port.
    #[error("a wildcard, multicast, broadcast or deprecated address, or port 0")]
    Unusable,
    /// A loopback address, and [`Config::include_loopback`](crate::Config::include_loopback) is off.
    #[error("loopback addresses are not included")]
    Loopback,
    /// The candidate names another generation than the current one.
    #[error("the candidate belongs to another generation")]
    OtherGeneration,
    /// [`end_of_remote_candidates`](crate::Agent::end_of_remote_candidates) came before.
    #[error("the candidate comes after the end of candidates")]
    AfterEnd,
    /// The same address is known with this or a higher priority.
    #[error("the address is known already")]
    Redundant,
    /// There are as many as [`Config::max_remote_candidates`](crate::Config::max_remote_candidates)
    /// allows.
    #[error("the limit of {limit} remote candidates is reached")]
    LimitReached {
        /// How many there may be.
        limit: usize,
    },
    /// The agent is closed.
    #[error("the agent is closed")]
    Closed,
}

/// Why credentials were refused. Nothing has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CredentialsError {
    /// A ufrag is 4 to 256 letters, digits, `+` and `/`.
    #[error("a ufrag of {len} bytes that is too long, too short or has other characters")]
    Ufrag {
        /// Bytes of the ufrag.
        len: usize,
    },
    /// A password is 22 to 256 letters, digits, `+` and `/`.
    #[error("a password of {len} bytes that is too long, too short or has other characters")]
    Pwd {
        /// Bytes of the password.
        len: usize,
    },
    /// This generation has other remote credentials: the peer restarts, so call
    /// [`restart`](crate::Agent::restart) first.
    #[error("other remote credentials than before need a restart")]
    RestartFirst,
    /// The provider cannot key HMAC-SHA1.
    #[error(transparent)]
    Crypto(#[from] CryptoError),
    /// The agent is closed.
    #[error("the agent is closed")]
    Closed,
}

/// Why a datagram was thrown away. The agent is unchanged whenever this is returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum InputError {
    /// Not a well-formed STUN message.
    #[error("{len} bytes that are no STUN message")]
    Malformed {
        /// Bytes of the datagram.
        len: usize,
    },
    /// A STUN message that ICE has no use for.
    #[error("unexpected STUN method {method:#05x}")]
    Unexpected {
        /// The method.
        method: u16,
    },
    /// It arrived at an address that is none of ours.
    #[error("arrived at an unknown local address")]
    UnknownLocalAddress,
    /// It comes from an address that [`Config::remote_filter`](crate::Config::remote_filter)
    /// excludes.
    #[error("comes from an address that a filter excludes")]
    FilteredRemoteAddress,
    /// It comes from an address that no datagram of ours may go to.
    #[error("comes from an address that is not usable")]
    UnusableRemoteAddress,
    /// FINGERPRINT is missing or wrong.
    #[error("missing or wrong fingerprint")]
    Fingerprint,
    /// Nobody who knows the password wrote this, and enough such requests were answered lately.
    #[error("not authentic")]
    Unauthenticated,
    /// A response to no outstanding request: late, duplicated or forged.
    #[error("response to no outstanding request")]
    UnknownTransaction,
    /// There are as many TCP connections as
    /// [`Config::max_connections`](crate::Config::max_connections) allows.
    #[error("{limit} connections are open already")]
    TooManyConnections {
        /// How many there may be.
        limit: usize,
    },
    /// There are as many answers to send as [`Config::max_replies`](crate::Config::max_replies)
    /// allows.
    #[error("{limit} answers wait to be sent already")]
    TooManyReplies {
        /// How many there may be.
        limit: usize,
    },
    /// The agent is closed.
    #[error("the agent is closed")]
    Closed,
}

/// The buffer offered to [`poll_output`](crate::Agent::poll_output) may not hold the datagram.
///
/// Nothing is lost: the datagram stays queued for the next call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("output needs a buffer of {need} bytes")]
pub struct BufferTooSmall {
    /// Bytes to offer.
    pub need: usize,
}

/// Why a pair cannot be nominated. Nothing has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum NominateError {
    /// The other side nominates.
    #[error("only the controlling agent nominates")]
    NotControlling,
    /// No check of this pair has succeeded.
    #[error("the pair is not known to work")]
    NotValid,
    /// Another pair is nominated, and renomination was not agreed on.
    #[error("another pair is nominated, and that is final without renomination")]
    Final,
}
