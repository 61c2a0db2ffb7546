use std::fmt;
use std::sync::Arc;

use zeroize::Zeroizing;

use super::Hashes;
use super::error::{AuthError, CredentialError};
use super::features::SecurityFeatures;
use super::key::{Integrity, IntegrityKey, userhash};
use super::opaque::opaque_string;
use crate::wire::attribute::{self, MAX_USERNAME_SENT};
use crate::{Class, ErrorCode, MessageView, MessageWriter, PasswordAlgorithm, WriteError};

/// Challenges that one request follows in a row.
const MAX_CHALLENGES: u8 = 3;

/// Longest PASSWORD-ALGORITHMS that is sent back: a server has two, not hundreds.
const MAX_ALGORITHMS_LEN: usize = 128;

/// The client's side of long-term credentials
/// ([RFC 8489 section 9.2](https://www.rfc-editor.org/rfc/rfc8489#section-9.2)).
///
/// The first request goes out bare; the server answers with a challenge; each one after that is
/// signed. One value serves all requests from one address to one server; a copy serves another
/// connection with the same server, which binds its nonces to addresses.
///
/// ```text
///              401                        success, or an error that is signed
///  (nothing) -------> realm, nonce, key --------------------------------------> proven
///                       ^          |
///                       +-- 438 ---+  new nonce
/// ```
#[derive(Clone)]
pub struct LongTermClient {
    username: String,
    secret: Secret,
    hashes: Arc<dyn Hashes>,
    session: Option<Session>,
    /// Counts up whenever realm, username or password change.
    epoch: u32,
    accept_unsigned_errors: bool,
}

#[derive(Clone)]
enum Secret {
    Password(Zeroizing<String>),
    Key(IntegrityKey),
}

/// What the last challenge brought.
#[derive(Clone)]
struct Session {
    realm: Vec<u8>,
    nonce: Vec<u8>,
    /// PASSWORD-ALGORITHMS as it came, and which of them is used.
    algorithms: Option<(Vec<u8>, PasswordAlgorithm)>,
    userhash: Option<[u8; 32]>,
    key: IntegrityKey,
}

impl Session {
    const fn integrity(&self) -> Integrity {
        if self.algorithms.is_some() { Integrity::Sha256 } else { Integrity::Sha1 }
    }
}

/// One request's way through challenges: made by [`LongTermClient::sign`], kept with the request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Attempt {
    challenges: u8,
    signed: Option<(Integrity, u32)>,
    violated: bool,
}

impl Attempt {
    /// Whether the request carried credentials.
    #[must_use]
    pub const fn is_signed(&self) -> bool {
        self.signed.is_some()
    }

    pub(super) fn violate(&mut self) {
        self.violated = true;
    }

    /// Whether a response was discarded for its integrity. When the request then times out, this is
    /// the reason to tell (RFC 8489 section 9.2.5).
    #[must_use]
    pub const fn integrity_violated(&self) -> bool {
        self.violated
    }
}

/// What to do with a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The server said it: look at it.
    Authenticated,
    /// It answers a request that carried no credentials, so anybody could have said it.
    Unproven,
    /// Send the request again: signed anew, with a new transaction id.
    Retry,
    /// As if it had never come. The transaction goes on.
    Discard,
    /// The request is over.
    Failed(AuthError),
}

impl fmt::Debug for LongTermClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LongTermClient")
            .field("username", &self.username)
            .field("challenged", &self.session.is_some())
            .finish_non_exhaustive()
    }
}

impl LongTermClient {
    /// A client that knows its password.
    ///
    /// # Errors
    ///
    /// [`CredentialError`] where one of the two cannot be sent.
    pub fn new(
        username: &str,
        password: &str,
        hashes: Arc<dyn Hashes>,
    ) -> Result<Self, CredentialError> {
        let password = opaque_string(password).map_err(CredentialError::Password)?;
        let secret = Secret::Password(Zeroizing::new(password.into_owned()));
        Self::from_secret(username, secret, hashes)
    }

    /// A client whose key is given: the `mac_key` of a token, whose key id is the username
    /// (RFC 7635).
    ///
    /// # Errors
    ///
    /// [`CredentialError`] where the name cannot be sent.
    pub fn with_key(
        username: &str,
        key: IntegrityKey,
        hashes: Arc<dyn Hashes>,
    ) -> Result<Self, CredentialError> {
        Self::from_secret(username, Secret::Key(key), hashes)
    }

    fn from_secret(
        username: &str,
        secret: Secret,
        hashes: Arc<dyn Hashes>,
    ) -> Result<Self, CredentialError> {
        let username = opaque_string(username).map_err(CredentialError::Username)?.into_owned();
        if username.len() > MAX_USERNAME_SENT {
            let (len, limit) = (username.len(), MAX_USERNAME_SENT);
            return Err(CredentialError::TooLong { len, limit });
        }
        Ok(Self {
            username,
            secret,
            hashes,
            session: None,
            epoch: 0,
            accept_unsigned_errors: false,
        })
    }

    /// Takes errors without integrity at their word when they answer a signed request. Default
    /// `false`: anybody on the path can invent them, and RFC 8489 wants them discarded. Some
    /// servers sign none.
    pub fn accept_unsigned_errors(&mut self, accept: bool) {
        self.accept_unsigned_errors = accept;
    }

    /// Other credentials from now on: a fresh password for the same server, say.
    ///
    /// # Errors
    ///
    /// [`CredentialError`]; the old ones then stay.
    pub fn replace(&mut self, username: &str, password: &str) -> Result<(), CredentialError> {
        let fresh = Self::new(username, password, Arc::clone(&self.hashes))?;
        let session = match self.session.take() {
            None => None,
            Some(old) => {
                let algorithm = old.algorithms.as_ref().map(|(_, algorithm)| *algorithm);
                let key = fresh.derive(&old.realm, algorithm).map_err(|_| CredentialError::NoHash);
                let hash = fresh.hide(&old.realm, old.userhash.is_some());
                match (key, hash) {
                    (Ok(key), Ok(userhash)) => Some(Session { key, userhash, ..old }),
                    (Err(_), _) | (_, Err(_)) => None,
                }
            }
        };
        self.username = fresh.username;
        self.secret = fresh.secret;
        self.session = session;
        self.epoch = self.epoch.wrapping_add(1);
        Ok(())
    }

    /// The username.
    #[must_use]
    pub fn username(&self) -> &str {
        &self.username
    }

    /// Whether a challenge has come, so that requests are signed.
    #[must_use]
    pub const fn is_challenged(&self) -> bool {
        self.session.is_some()
    }

    /// The hashes it was given.
    #[must_use]
    pub fn hashes(&self) -> &Arc<dyn Hashes> {
        &self.hashes
    }

    /// Bytes that [`sign`](Self::sign) adds to a request now.
    #[must_use]
    pub fn overhead(&self) -> usize {
        let Some(session) = &self.session else { return 0 };
        let padded = |len: usize| len.saturating_add(7) & !3;
        let name = if session.userhash.is_some() { 32 } else { self.username.len() };
        let algorithms =
            session.algorithms.as_ref().map_or(0, |(raw, _)| padded(raw.len()).saturating_add(8));
        [name, session.realm.len(), session.nonce.len(), 32]
            .into_iter()
            .fold(algorithms, |sum, len| sum.saturating_add(padded(len)))
    }

    /// Ends a request: adds who we are and proves it. Before the first challenge it adds nothing.
    ///
    /// `previous` is the attempt that this one repeats, or the default for a new request. A
    /// *retransmission* is not signed again: it repeats the same bytes.
    ///
    /// # Errors
    ///
    /// As [`MessageWriter::attribute`], and [`WriteError::NoHash`].
    pub fn sign(
        &self,
        request: &mut MessageWriter<'_>,
        previous: Attempt,
    ) -> Result<Attempt, WriteError> {
        let unsigned = Attempt { signed: None, violated: false, ..previous };
        //= rfc8489#9.2.3.1
        // A first request looks as if there were no credentials.
        let Some(session) = &self.session else { return Ok(unsigned) };
        //= rfc8489#9.2.3.2
        // Later ones repeat what the challenge brought.
        match &session.userhash {
            Some(hash) => request.userhash(hash)?,
            None => request.username(self.username.as_bytes())?,
        };
        request.attribute(attribute::REALM, &session.realm)?;
        request.attribute(attribute::NONCE, &session.nonce)?;
        if let Some((offered, chosen)) = &session.algorithms {
            request.attribute(attribute::PASSWORD_ALGORITHMS, offered)?;
            request.password_algorithm(*chosen)?;
        }
        session.key.sign(session.integrity(), request, &*self.hashes)?;
        Ok(Attempt { signed: Some((session.integrity(), self.epoch)), ..unsigned })
    }

    /// Judges a response whose transaction id is right. `reliable` says that the request went over
    /// TCP or TLS, where nothing better can still come.
    pub fn handle_response(
        &mut self,
        response: &MessageView<'_>,
        attempt: &mut Attempt,
        reliable: bool,
    ) -> Verdict {
        let code = match response.class() {
            Class::Success => None,
            Class::Error => match response.error_code() {
                Some(error) => Some(error.code()),
                None => return Verdict::Discard,
            },
            Class::Request | Class::Indication => return Verdict::Discard,
        };
        if matches!(code, Some(ErrorCode::UNAUTHENTICATED | ErrorCode::STALE_NONCE)) {
            return self.handle_challenge(response, attempt);
        }
        //= rfc8489#9.2.5
        // A nonce that promises algorithms which are not there was tampered with.
        if promises_algorithms(response) && !has_algorithms(response) {
            return Verdict::Discard;
        }
        let Some((integrity, epoch)) = attempt.signed else { return Verdict::Unproven };
        let found = Integrity::of(response);
        //= rfc8489#9.2.5
        // A 400 that nobody signed is as if it had never come.
        if found.is_none() && code == Some(ErrorCode::BAD_REQUEST) && !self.accept_unsigned_errors {
            attempt.violated = true;
            return Verdict::Discard;
        }
        if found.is_none() && code.is_some() && self.accept_unsigned_errors {
            return Verdict::Unproven;
        }
        let proven = match (&self.session, found) {
            // What we signed with SHA-256 is not answered with SHA-1.
            (Some(session), Some(found)) if self.epoch == epoch => {
                (found == integrity || found == Integrity::Sha256)
                    && session.key.verify(found, response, &*self.hashes).is_ok()
            }
            _ => false,
        };
        if proven {
            return Verdict::Authenticated;
        }
        attempt.violated = true;
        if reliable { Verdict::Failed(AuthError::IntegrityViolated) } else { Verdict::Discard }
    }

    fn handle_challenge(&mut self, response: &MessageView<'_>, attempt: &mut Attempt) -> Verdict {
        let stale = response.error_code().map(|e| e.code()) == Some(ErrorCode::STALE_NONCE);
        attempt.challenges = attempt.challenges.saturating_add(1);
        let count = attempt.challenges;
        if count > MAX_CHALLENGES {
            return Verdict::Failed(AuthError::TooManyChallenges { count });
        }
        let before = self.epoch;
        match self.learn(response, stale) {
            Ok(()) => {}
            Err(error) => return Verdict::Failed(error),
        }
        match attempt.signed {
            //= rfc8489#9.2.5
            // Who was refused and has nothing new to say does not try again.
            Some((_, epoch)) if !stale && epoch == self.epoch && before == self.epoch => {
                Verdict::Failed(AuthError::Refused)
            }
            _ => Verdict::Retry,
        }
    }

    /// Takes over realm, nonce and algorithms.
    fn learn(&mut self, response: &MessageView<'_>, stale: bool) -> Result<(), AuthError> {
        let nonce = response.nonce().ok_or(AuthError::BadChallenge)?;
        let features = SecurityFeatures::of_nonce(nonce).unwrap_or_default();
        //= rfc8489#9.2.5
        // Bit and attribute go together, or somebody took the attribute out.
        if promises_algorithms(response) && !has_algorithms(response) {
            return Err(AuthError::BidDown);
        }
        let realm = match (response.realm(), &self.session) {
            (Some(realm), _) => realm.to_vec(),
            // Some servers leave it out of a 438; it is that of before.
            (None, Some(session)) if stale => session.realm.clone(),
            (None, _) => return Err(AuthError::BadChallenge),
        };
        if nonce.is_empty() {
            return Err(AuthError::BadChallenge);
        }
        let algorithms = self.choose(response)?;
        let was_sha256 = self.session.as_ref().is_some_and(|s| s.algorithms.is_some());
        //= rfc8489#9.2.5
        // Who listed algorithms once keeps to SHA-256.
        if was_sha256 && algorithms.is_none() {
            return Err(AuthError::BidDown);
        }
        let algorithm = algorithms.as_ref().map(|(_, algorithm)| *algorithm);
        let key = self.derive(&realm, algorithm)?;
        let hide = features.contains(SecurityFeatures::USERNAME_ANONYMITY);
        let userhash = self.hide(&realm, hide)?;
        let unchanged = self.session.as_ref().is_some_and(|old| {
            old.realm == realm
                && old.userhash == userhash
                && old.algorithms.as_ref().map(|(_, algorithm)| *algorithm) == algorithm
        });
        if !unchanged {
            self.epoch = self.epoch.wrapping_add(1);
        }
        let nonce = nonce.to_vec();
        self.session = Some(Session { realm, nonce, algorithms, userhash, key });
        Ok(())
    }

    /// The first algorithm on the list that can be used.
    fn choose(
        &self,
        response: &MessageView<'_>,
    ) -> Result<Option<(Vec<u8>, PasswordAlgorithm)>, AuthError> {
        let Some(raw) = response.find(attribute::PASSWORD_ALGORITHMS) else { return Ok(None) };
        if raw.len() > MAX_ALGORITHMS_LEN {
            return Err(AuthError::BadChallenge);
        }
        //= rfc8489#9.2.5
        // The server's order decides; with nothing in common there is no retry.
        response
            .password_algorithms()
            .filter_map(|algorithm| algorithm.known())
            .find(|algorithm| match algorithm {
                PasswordAlgorithm::Md5 => self.hashes.md5(&[]).is_some(),
                PasswordAlgorithm::Sha256 => self.hashes.sha256(&[]).is_some(),
            })
            .map(|algorithm| Some((raw.to_vec(), algorithm)))
            .ok_or(AuthError::NoCommonAlgorithm)
    }

    fn derive(
        &self,
        realm: &[u8],
        algorithm: Option<PasswordAlgorithm>,
    ) -> Result<IntegrityKey, AuthError> {
        match &self.secret {
            Secret::Key(key) => Ok(key.clone()),
            Secret::Password(password) => {
                let realm = std::str::from_utf8(realm).map_err(|_| AuthError::BadChallenge)?;
                let algorithm = algorithm.unwrap_or(PasswordAlgorithm::Md5);
                let hashes = &*self.hashes;
                IntegrityKey::long_term(algorithm, &self.username, realm, password, hashes).map_err(
                    |error| match error {
                        CredentialError::NoHash => AuthError::NoCommonAlgorithm,
                        CredentialError::Username(_)
                        | CredentialError::Realm(_)
                        | CredentialError::Password(_)
                        | CredentialError::TooLong { .. } => AuthError::BadChallenge,
                    },
                )
            }
        }
    }

    fn hide(&self, realm: &[u8], wanted: bool) -> Result<Option<[u8; 32]>, AuthError> {
        if !wanted {
            return Ok(None);
        }
        //= rfc8489#9.2.5
        // A server that says it understands USERHASH gets no USERNAME.
        let realm = std::str::from_utf8(realm).map_err(|_| AuthError::BadChallenge)?;
        userhash(&self.username, realm, &*self.hashes)
            .map(Some)
            .map_err(|_| AuthError::BadChallenge)
    }
}

fn promises_algorithms(response: &MessageView<'_>) -> bool {
    response
        .nonce()
        .and_then(SecurityFeatures::of_nonce)
        .is_some_and(|features| features.contains(SecurityFeatures::PASSWORD_ALGORITHMS))
}

fn has_algorithms(response: &MessageView<'_>) -> bool {
    response.find(attribute::PASSWORD_ALGORITHMS).is_some()
}
