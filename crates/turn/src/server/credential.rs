use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use antiphon_crypto::{CryptoError, CryptoProvider, HashAlgorithm, Hmac, Secret};
use antiphon_stun::{OpaqueStringError, opaque_string};

/// How a request names its user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Identity<'a> {
    /// USERNAME, as it came: any bytes, at most 513.
    Name(&'a [u8]),
    /// USERHASH: SHA-256 of `username:realm` (RFC 8489 section 14.4).
    Hash(&'a [u8; 32]),
}

/// The same, owned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UserName {
    /// USERNAME, as it came. Quote it before it goes into a log or a query.
    Name(Box<[u8]>),
    /// USERHASH.
    Hash([u8; 32]),
}

impl From<Identity<'_>> for UserName {
    fn from(identity: Identity<'_>) -> Self {
        match identity {
            Identity::Name(name) => Self::Name(name.into()),
            Identity::Hash(hash) => Self::Hash(*hash),
        }
    }
}

/// Whom the server wants to know.
#[derive(Clone, Copy, Debug)]
pub struct Query<'a> {
    /// The realm that the request is for.
    pub realm: &'a str,
    /// The user.
    pub user: Identity<'a>,
    /// The time since the Unix epoch.
    pub unix: Duration,
}

/// What a store says.
#[derive(Clone, Debug)]
pub enum Answer {
    /// A user, who still has to prove to know a key.
    Known(Account),
    /// Nobody.
    Unknown,
    /// Ask the driver: [`Event::LookUp`](super::Event::LookUp) follows.
    Later,
}

/// The keys of one password (RFC 8489 section 18.5.1).
#[derive(Clone, Debug, Default)]
pub struct Keys {
    /// MD5 of `username:realm:password`, 16 bytes.
    pub md5: Option<Secret>,
    /// SHA-256 of the same, 32 bytes.
    pub sha256: Option<Secret>,
}

impl Keys {
    /// The keys of a password. Texts that are not ASCII must have gone through the `OpaqueString`
    /// profile (RFC 8265) before.
    ///
    /// # Errors
    ///
    /// [`CryptoError`] when the provider has neither hash function.
    pub fn from_password(
        provider: &dyn CryptoProvider,
        username: &[u8],
        realm: &str,
        password: &[u8],
    ) -> Result<Self, CryptoError> {
        let mut text = Vec::with_capacity(
            username.len().saturating_add(realm.len()).saturating_add(password.len()) + 2,
        );
        for part in [username, b":", realm.as_bytes(), b":", password] {
            text.extend_from_slice(part);
        }
        let text = Secret::new(text);
        let key = |algorithm| {
            provider.hash(algorithm, text.expose()).map(|digest| Secret::from(digest.as_bytes()))
        };
        let (md5, sha256) = (key(HashAlgorithm::Md5), key(HashAlgorithm::Sha256));
        match (md5, sha256) {
            (Err(error), Err(_)) => Err(error),
            (md5, sha256) => Ok(Self { md5: md5.ok(), sha256: sha256.ok() }),
        }
    }
}

/// Why a user cannot be added.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UserError {
    /// The name or the password is no `OpaqueString`.
    #[error(transparent)]
    Text(#[from] OpaqueStringError),
    /// The provider has neither hash function.
    #[error(transparent)]
    Crypto(#[from] CryptoError),
}

/// A user and what it takes to be one.
#[derive(Clone, Debug)]
pub struct Account {
    /// Who it is for quotas and for "the same user" (RFC 8656 section 5).
    pub identity: Arc<[u8]>,
    /// The keys of each password that counts, at most four: during a change there are two.
    pub keys: Vec<Keys>,
    /// Allocations at one time; `None` leaves it to the configuration.
    pub max_allocations: Option<u32>,
    /// Bytes per second of each allocation; `None` leaves it to the configuration.
    pub bytes_per_second: Option<u64>,
}

impl Account {
    /// A user with one password and no limits of its own.
    #[must_use]
    pub fn new(identity: &[u8], keys: Keys) -> Self {
        Self {
            identity: identity.into(),
            keys: vec![keys],
            max_allocations: None,
            bytes_per_second: None,
        }
    }
}

/// Knows users. Called for each Allocate and Refresh; other requests of an allocation's user are
/// checked with the key that made the allocation.
pub trait CredentialStore: Send {
    /// Looks a user up. It must not block; what takes time is answered with [`Answer::Later`].
    fn look_up(&self, query: &Query<'_>) -> Answer;
}

/// Users known in advance.
#[derive(Clone, Debug, Default)]
pub struct StaticUsers {
    names: HashMap<(String, Vec<u8>), Account>,
    hashes: HashMap<[u8; 32], (String, Vec<u8>)>,
}

impl StaticUsers {
    /// Nobody yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a user with a password, or replaces it.
    ///
    /// # Errors
    ///
    /// [`UserError`]: a name or password that `OpaqueString` (RFC 8265) refuses, or a provider
    /// that has neither hash function.
    pub fn add(
        &mut self,
        provider: &dyn CryptoProvider,
        realm: &str,
        username: &str,
        password: &str,
    ) -> Result<(), UserError> {
        //= rfc8489#9.2.2
        // Name and password go through the profile that clients use, too.
        let (username, password) = (opaque_string(username)?, opaque_string(password)?);
        let name = username.as_bytes();
        let keys = Keys::from_password(provider, name, realm, password.as_bytes())?;
        self.add_account(provider, realm, &username, Account::new(name, keys));
        Ok(())
    }

    /// Adds a user with keys computed elsewhere, or replaces it.
    pub fn add_account(
        &mut self,
        provider: &dyn CryptoProvider,
        realm: &str,
        username: &str,
        account: Account,
    ) {
        let key = (realm.to_owned(), username.as_bytes().to_vec());
        let text = format!("{username}:{realm}");
        if let Ok(digest) = provider.hash(HashAlgorithm::Sha256, text.as_bytes())
            && let Some(hash) = digest.prefix()
        {
            self.hashes.insert(hash, key.clone());
        }
        self.names.insert(key, account);
    }
}

impl CredentialStore for StaticUsers {
    fn look_up(&self, query: &Query<'_>) -> Answer {
        let found = match query.user {
            Identity::Name(name) => self.names.get(&(query.realm.to_owned(), name.to_vec())),
            Identity::Hash(hash) => self
                .hashes
                .get(hash)
                .filter(|(realm, _)| realm == query.realm)
                .and_then(|key| self.names.get(key)),
        };
        found.map_or(Answer::Unknown, |account| Answer::Known(account.clone()))
    }
}

/// Credentials that a web service hands out and that say themselves when they end
/// (draft-uberti-behave-turn-rest): `username = expiry[:user]`,
/// `password = base64(HMAC-SHA1(secret, username))`.
pub struct TimeLimited {
    provider: Arc<dyn CryptoProvider>,
    secrets: Vec<Box<dyn Hmac>>,
    /// What stands between the two parts of the name. Default a colon.
    pub separator: u8,
}

impl fmt::Debug for TimeLimited {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TimeLimited({} secrets)", self.secrets.len())
    }
}

impl TimeLimited {
    /// Accepts the passwords of each of `secrets`, of which at most four are used.
    ///
    /// # Errors
    ///
    /// [`CryptoError`] when the provider lacks HMAC-SHA-1.
    pub fn new(provider: Arc<dyn CryptoProvider>, secrets: &[Secret]) -> Result<Self, CryptoError> {
        let keyed: Result<Vec<_>, _> = secrets
            .iter()
            .take(4)
            .map(|secret| provider.hmac(HashAlgorithm::Sha1, secret.expose()))
            .collect();
        Ok(Self { secrets: keyed?, provider, separator: b':' })
    }

    /// The password that goes with `username`, by the first secret; for tests and web services.
    #[must_use]
    pub fn password(&self, username: &str) -> Option<String> {
        self.secrets.first().map(|secret| base64(secret.sign(&[username.as_bytes()]).as_bytes()))
    }
}

impl CredentialStore for TimeLimited {
    fn look_up(&self, query: &Query<'_>) -> Answer {
        let Identity::Name(name) = query.user else { return Answer::Unknown };
        let (digits, user) = match name.iter().position(|byte| *byte == self.separator) {
            Some(at) => (name.get(..at).unwrap_or_default(), name.get(at..).unwrap_or_default()),
            None => (name, &[][..]),
        };
        let expiry = std::str::from_utf8(digits).ok().filter(|text| text.len() <= 15);
        let Some(expiry) = expiry.and_then(|text| text.parse::<u64>().ok()) else {
            return Answer::Unknown;
        };
        if Duration::from_secs(expiry) < query.unix {
            return Answer::Unknown;
        }
        let keys: Vec<Keys> = self
            .secrets
            .iter()
            .filter_map(|secret| {
                let password = base64(secret.sign(&[name]).as_bytes());
                Keys::from_password(&*self.provider, name, query.realm, password.as_bytes()).ok()
            })
            .collect();
        // The user behind the expiry is the same with each new password.
        let user = user.get(1..).filter(|user| !user.is_empty()).unwrap_or(name);
        Answer::Known(Account {
            identity: user.into(),
            keys,
            max_allocations: None,
            bytes_per_second: None,
        })
    }
}

fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3).saturating_mul(4));
    for chunk in bytes.chunks(3) {
        let at = |index: usize| chunk.get(index).copied().unwrap_or(0);
        let (a, b, c) = (at(0), at(1), at(2));
        let digits = [a >> 2, (a << 4 | b >> 4) & 63, (b << 2 | c >> 6) & 63, c & 63];
        for (index, digit) in digits.into_iter().enumerate() {
            let there = index <= chunk.len();
            let symbol = ALPHABET.get(usize::from(digit)).filter(|_| there).copied();
            text.push(char::from(symbol.unwrap_or(b'=')));
        }
    }
    text
}

/// Asks one store after the other.
#[derive(Default)]
pub struct Chain(pub Vec<Box<dyn CredentialStore>>);

impl fmt::Debug for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Chain({} stores)", self.0.len())
    }
}

impl CredentialStore for Chain {
    fn look_up(&self, query: &Query<'_>) -> Answer {
        for store in &self.0 {
            match store.look_up(query) {
                Answer::Unknown => {}
                answer @ (Answer::Known(_) | Answer::Later) => return answer,
            }
        }
        Answer::Unknown
    }
}

/// Leaves every user to the driver: a database, a service.
#[derive(Clone, Copy, Debug, Default)]
pub struct Remote;

impl CredentialStore for Remote {
    fn look_up(&self, _: &Query<'_>) -> Answer {
        Answer::Later
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_that_of_rfc_4648() {
        let cases =
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg==")];
        for (text, coded) in cases {
            assert_eq!(base64(text.as_bytes()), coded);
        }
    }
}
