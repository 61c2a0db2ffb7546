use thiserror::Error;

/// Why a string is no username, realm or password (RFC 8265 section 4.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum OpaqueStringError {
    /// There is nothing in it.
    #[error("empty")]
    Empty,
    /// A character that the profile does not allow, such as a control character.
    #[error("forbidden character at byte {at}")]
    Forbidden {
        /// Where it stands; 0 where only the whole is known to be wrong.
        at: usize,
    },
    /// Beyond ASCII, and this crate is built without its feature `precis`.
    #[error("not ASCII at byte {at}, which needs the feature `precis`")]
    NotAscii {
        /// Where the first such character stands.
        at: usize,
    },
}

/// Why credentials cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CredentialError {
    /// The username is no `OpaqueString`.
    #[error("username: {0}")]
    Username(OpaqueStringError),
    /// The realm is no `OpaqueString`.
    #[error("realm: {0}")]
    Realm(OpaqueStringError),
    /// The password is no `OpaqueString`.
    #[error("password: {0}")]
    Password(OpaqueStringError),
    /// Longer than its attribute may be.
    #[error("{len} bytes, at most {limit} are allowed")]
    TooLong {
        /// Bytes.
        len: usize,
        /// Bytes allowed.
        limit: usize,
    },
    /// The provider lacks the hash that makes the key.
    #[error("no hash to derive the key with")]
    NoHash,
}

/// Why a request cannot succeed with these credentials. It is over; no retry would help.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum AuthError {
    /// The server refused username and password (401 to a request that carried them).
    #[error("username or password refused")]
    Refused,
    /// The challenge lacks what its nonce promises, so somebody took it out (RFC 8489 section
    /// 9.2.5), or a server that used SHA-256 before no longer does.
    #[error("somebody tries to bid the security down")]
    BidDown,
    /// The server lists no password algorithm that can be used here.
    #[error("no password algorithm in common")]
    NoCommonAlgorithm,
    /// The challenge has no realm or nonce, or ones that cannot be.
    #[error("malformed challenge")]
    BadChallenge,
    /// One challenge after the other.
    #[error("{count} challenges in a row")]
    TooManyChallenges {
        /// As many came.
        count: u8,
    },
    /// A response over a reliable transport did not prove that it comes from the server (RFC 8489
    /// section 9.2.5).
    #[error("response with wrong or no integrity")]
    IntegrityViolated,
}
