use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Hashes;
use super::error::CredentialError;
use super::features::SecurityFeatures;
use super::key::{Integrity, IntegrityKey};
use super::nonce::{Nonce, Nonces};
use super::opaque::opaque_string;
use crate::wire::attribute::MAX_TEXT_SENT;
use crate::{ErrorCode, MessageView, MessageWriter, PasswordAlgorithm, WriteError};

/// By what a request names its user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Identity<'a> {
    /// USERNAME.
    Name(&'a str),
    /// USERHASH, see [`userhash`](crate::userhash).
    Hash(&'a [u8; 32]),
}

/// The question to a [`Users`].
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Lookup<'a> {
    /// Who it claims to be.
    pub identity: Identity<'a>,
    /// The server's realm.
    pub realm: &'a str,
    /// How the key is derived.
    pub algorithm: PasswordAlgorithm,
    /// The request, for what else identifies a user (RFC 7635: ACCESS-TOKEN).
    pub request: &'a MessageView<'a>,
    /// Where it came from.
    pub source: SocketAddr,
    /// When it came, for credentials that expire.
    pub now: Instant,
}

/// The answer of a [`Users`].
#[derive(Clone, Debug)]
pub enum Found {
    /// That user, with the key for the algorithm asked for.
    User(KnownUser),
    /// Nobody.
    Unknown,
    /// Somebody else is being asked; the owner offers the request again once there is an answer.
    Later,
}

/// A user and what proves it.
#[derive(Clone, Debug)]
pub struct KnownUser {
    username: String,
    keys: Vec<IntegrityKey>,
}

impl KnownUser {
    /// A user with its key.
    #[must_use]
    pub fn new(username: String, key: IntegrityKey) -> Self {
        Self { username, keys: vec![key] }
    }

    /// The same user, who may have another key as well: while a secret is being replaced.
    #[must_use]
    pub fn or(mut self, key: IntegrityKey) -> Self {
        self.keys.push(key);
        self
    }
}

/// Who may use the server: a table, a shared secret, or the door to a database.
///
/// A lookup by [`Identity::Hash`] needs an index by [`userhash`](crate::userhash), or a walk.
pub trait Users: Send + Sync {
    /// The user, if there is one.
    fn find(&self, lookup: &Lookup<'_>) -> Found;
}

/// Options of a [`LongTermServer`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct LongTermServerConfig {
    /// The realm: preferably the provider's domain.
    pub realm: String,
    /// What PASSWORD-ALGORITHMS lists, the favourite first. Default SHA-256, then MD5. Without MD5,
    /// clients from before RFC 8489 (browsers) are refused; empty, the attribute is not sent and
    /// the key is MD5's.
    pub algorithms: Vec<PasswordAlgorithm>,
    /// Whether clients are told to hide their names behind USERHASH. Default `false`: the
    /// [`Users`] must be able to look them up.
    pub username_anonymity: bool,
    /// How long a nonce is good, from a minute to a day. Default one hour, the most that RFC 8656
    /// section 5 recommends.
    pub nonce_lifetime: Duration,
}

impl LongTermServerConfig {
    /// Everything by default.
    #[must_use]
    pub fn new(realm: impl Into<String>) -> Self {
        Self {
            realm: realm.into(),
            algorithms: vec![PasswordAlgorithm::Sha256, PasswordAlgorithm::Md5],
            username_anonymity: false,
            nonce_lifetime: Duration::from_secs(3600),
        }
    }
}

/// The server's side of long-term credentials: the checks of [RFC 8489 section 9.2.4], in order.
///
/// It remembers nothing about clients: a flood from invented addresses leaves no trace.
///
/// [RFC 8489 section 9.2.4]: https://www.rfc-editor.org/rfc/rfc8489#section-9.2.4
#[derive(Debug)]
pub struct LongTermServer {
    realm: Arc<str>,
    algorithms: Arc<[PasswordAlgorithm]>,
    nonces: Nonces,
    hashes: Arc<dyn Hashes>,
}

/// What became of a request.
#[derive(Clone, Debug)]
pub enum Check {
    /// It comes from that user.
    Passed(Authenticated),
    /// Answer it with this error.
    Refused(Refusal),
    /// The [`Users`] said [`Found::Later`]: nothing to answer yet.
    Later,
}

/// A user that proved its password, and how to sign what it is told.
#[derive(Clone, Debug)]
pub struct Authenticated {
    /// Its name; for a USERHASH that which [`Users`] found.
    pub username: String,
    /// The key of request and response.
    pub key: IntegrityKey,
    /// The attribute that signs the response.
    pub integrity: Integrity,
}

impl Authenticated {
    /// Ends a response to that request; only FINGERPRINT may follow.
    ///
    /// # Errors
    ///
    /// As [`IntegrityKey::sign`].
    pub fn sign(
        &self,
        response: &mut MessageWriter<'_>,
        hashes: &dyn Hashes,
    ) -> Result<(), WriteError> {
        self.key.sign(self.integrity, response, hashes)
    }
}

/// Why a request was refused, for counters: a client learns only the code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RefusalReason {
    /// No integrity at all: the first request of every client. 401.
    NoIntegrity,
    /// Integrity without USERNAME or USERHASH, REALM or NONCE. 400.
    Incomplete,
    /// PASSWORD-ALGORITHM(S) are not what was offered: bidding down. 400.
    Algorithms,
    /// Nobody of that name, or another realm. 401.
    UnknownUser,
    /// Wrong password. 401.
    WrongIntegrity,
    /// A nonce too old, of another address, or not ours. 438.
    StaleNonce,
}

/// An error to answer with.
#[derive(Clone)]
pub struct Refusal {
    reason: RefusalReason,
    challenge: Option<Challenge>,
}

#[derive(Clone)]
struct Challenge {
    realm: Arc<str>,
    nonce: Nonce,
    algorithms: Arc<[PasswordAlgorithm]>,
}

impl fmt::Debug for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Refusal({}, {:?})", self.code(), self.reason)
    }
}

impl Refusal {
    /// Why, for counters.
    #[must_use]
    pub const fn reason(&self) -> RefusalReason {
        self.reason
    }

    /// The error code: 400, 401 or 438.
    #[must_use]
    pub const fn code(&self) -> u16 {
        match self.reason {
            RefusalReason::Incomplete | RefusalReason::Algorithms => ErrorCode::BAD_REQUEST,
            RefusalReason::NoIntegrity
            | RefusalReason::UnknownUser
            | RefusalReason::WrongIntegrity => ErrorCode::UNAUTHENTICATED,
            RefusalReason::StaleNonce => ErrorCode::STALE_NONCE,
        }
    }

    /// Writes ERROR-CODE and, with 401 and 438, REALM, NONCE and PASSWORD-ALGORITHMS. No reason
    /// phrase: a challenge goes to whoever the source address says, and must stay small.
    ///
    /// # Errors
    ///
    /// As [`MessageWriter::attribute`].
    pub fn write_attributes(&self, response: &mut MessageWriter<'_>) -> Result<(), WriteError> {
        response.error_code(self.code(), "")?;
        if let Some(challenge) = &self.challenge {
            response.realm(challenge.realm.as_bytes())?.nonce(challenge.nonce.as_bytes())?;
            if !challenge.algorithms.is_empty() {
                response.password_algorithms(&challenge.algorithms)?;
            }
        }
        Ok(())
    }
}

impl LongTermServer {
    /// A server. `nonce_key` is drawn at random; servers that share it, and were given the same
    /// `birth`, take each other's nonces.
    ///
    /// # Errors
    ///
    /// [`CredentialError`] for a realm that cannot be one.
    pub fn new(
        config: LongTermServerConfig,
        nonce_key: [u8; 32],
        hashes: Arc<dyn Hashes>,
        birth: Instant,
    ) -> Result<Self, CredentialError> {
        let realm = opaque_string(&config.realm).map_err(CredentialError::Realm)?;
        if realm.len() > MAX_TEXT_SENT {
            return Err(CredentialError::TooLong { len: realm.len(), limit: MAX_TEXT_SENT });
        }
        //= rfc8489#9.2.4
        // The bits in the nonce say what the challenge contains.
        let mut features = SecurityFeatures::NONE;
        if !config.algorithms.is_empty() {
            features = features.with(SecurityFeatures::PASSWORD_ALGORITHMS);
        }
        if config.username_anonymity {
            features = features.with(SecurityFeatures::USERNAME_ANONYMITY);
        }
        let lifetime = config.nonce_lifetime;
        Ok(Self {
            realm: realm.into(),
            algorithms: config.algorithms.into(),
            nonces: Nonces::new(nonce_key, lifetime, features, Arc::clone(&hashes), birth),
            hashes,
        })
    }

    /// The realm.
    #[must_use]
    pub fn realm(&self) -> &str {
        &self.realm
    }

    /// The hashes it was given, to sign with.
    #[must_use]
    pub fn hashes(&self) -> &Arc<dyn Hashes> {
        &self.hashes
    }

    /// A nonce for `source`; `None` where the provider has no HMAC-SHA256.
    pub fn issue_nonce(&mut self, now: Instant, source: SocketAddr) -> Option<Nonce> {
        self.nonces.issue(now, source)
    }

    /// Checks who sent `request`. Unknown attributes come after it: what is unknown is nobody's
    /// business before (RFC 8489 section 6.3).
    pub fn check(
        &mut self,
        now: Instant,
        source: SocketAddr,
        request: &MessageView<'_>,
        users: &dyn Users,
    ) -> Check {
        let found = self.find_user(now, source, request, users);
        let reason = match found {
            Ok(Some((user, integrity, answer))) => {
                match self.prove(now, source, request, user, integrity, answer) {
                    Ok(authenticated) => return Check::Passed(authenticated),
                    Err(reason) => reason,
                }
            }
            Ok(None) => return Check::Later,
            Err(reason) => reason,
        };
        Check::Refused(self.refuse(now, source, reason))
    }

    /// The checks before the user's key matters.
    fn find_user(
        &self,
        now: Instant,
        source: SocketAddr,
        request: &MessageView<'_>,
        users: &dyn Users,
    ) -> Result<Option<(Option<KnownUser>, Integrity, Integrity)>, RefusalReason> {
        //= rfc8489#9.2.4
        // The order: integrity there, the names complete, the algorithm agreed, the user known.
        let integrity = Integrity::of(request).ok_or(RefusalReason::NoIntegrity)?;
        let name = request.username().map(std::str::from_utf8);
        let identity = match (name, request.userhash()) {
            (Some(Ok(name)), _) => Some(Identity::Name(name)),
            (Some(Err(_)), _) => None,
            (None, Some(hash)) => Some(Identity::Hash(hash)),
            (None, None) => return Err(RefusalReason::Incomplete),
        };
        let (Some(realm), Some(nonce)) = (request.realm(), request.nonce()) else {
            return Err(RefusalReason::Incomplete);
        };
        let (algorithm, answer) = self.algorithm(request, nonce)?;
        let known = realm == self.realm.as_bytes()
            && (self.algorithms.is_empty() || self.algorithms.contains(&algorithm));
        let found = match identity.filter(|_| known) {
            None => Found::Unknown,
            Some(identity) => {
                let realm = &self.realm;
                users.find(&Lookup { identity, realm, algorithm, request, source, now })
            }
        };
        Ok(match found {
            Found::User(user) => Some((Some(user), integrity, answer)),
            Found::Unknown => Some((None, integrity, answer)),
            Found::Later => None,
        })
    }

    /// The algorithm of the key, and what signs the response.
    fn algorithm(
        &self,
        request: &MessageView<'_>,
        nonce: &[u8],
    ) -> Result<(PasswordAlgorithm, Integrity), RefusalReason> {
        let offered = request.find(crate::attribute::PASSWORD_ALGORITHMS).is_some();
        let chosen = request.password_algorithm();
        let bound = SecurityFeatures::of_nonce(nonce)
            .is_some_and(|features| features.contains(SecurityFeatures::PASSWORD_ALGORITHMS));
        //= rfc8489#9.2.4
        // Whoever names no algorithm means MD5, and is answered with MESSAGE-INTEGRITY.
        if !bound || (!offered && chosen.is_none()) {
            return Ok((PasswordAlgorithm::Md5, Integrity::Sha1));
        }
        //= rfc8489#9.2.4
        // Whoever names one must repeat the whole offer, so that nobody can shorten it.
        let repeated = request.password_algorithms().map(|algorithm| algorithm.known()).eq(self
            .algorithms
            .iter()
            .copied()
            .map(Some));
        match chosen.and_then(|algorithm| algorithm.known()) {
            Some(algorithm) if repeated && self.algorithms.contains(&algorithm) => {
                Ok((algorithm, Integrity::Sha256))
            }
            _ => Err(RefusalReason::Algorithms),
        }
    }

    /// Password, then nonce.
    fn prove(
        &mut self,
        now: Instant,
        source: SocketAddr,
        request: &MessageView<'_>,
        user: Option<KnownUser>,
        integrity: Integrity,
        answer: Integrity,
    ) -> Result<Authenticated, RefusalReason> {
        let Some(KnownUser { username, keys }) = user else {
            // Costs what a known user costs, so that the time tells nobody who exists.
            let nobody = IntegrityKey::raw(&[0; 32]);
            let _ = nobody.verify(integrity, request, &*self.hashes);
            return Err(RefusalReason::UnknownUser);
        };
        let key = keys
            .into_iter()
            .find(|key| key.verify(integrity, request, &*self.hashes).is_ok())
            .ok_or(RefusalReason::WrongIntegrity)?;
        //= rfc8489#9.2.4
        // The nonce comes last: only who knows the password learns that it was stale.
        if !self.nonces.is_valid(now, source, request.nonce().unwrap_or_default()) {
            return Err(RefusalReason::StaleNonce);
        }
        Ok(Authenticated { username, key, integrity: answer })
    }

    fn refuse(&mut self, now: Instant, source: SocketAddr, reason: RefusalReason) -> Refusal {
        let challenge = match reason {
            RefusalReason::Incomplete | RefusalReason::Algorithms => None,
            RefusalReason::NoIntegrity
            | RefusalReason::UnknownUser
            | RefusalReason::WrongIntegrity
            | RefusalReason::StaleNonce => self.nonces.issue(now, source).map(|nonce| Challenge {
                realm: Arc::clone(&self.realm),
                nonce,
                algorithms: Arc::clone(&self.algorithms),
            }),
        };
        Refusal { reason, challenge }
    }
}
