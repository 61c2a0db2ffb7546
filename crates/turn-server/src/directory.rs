//! Users and secrets in Redis, shared by many servers.
//!
//! | Key | Type | Content |
//! |---|---|---|
//! | `turn:user:NAME` | hash | `password`, or `key`: 32 hexadecimal digits; `allocations` and `kbit_per_second`, both optional |
//! | `turn:hash:HEX` | string | NAME, for USERHASH: SHA-256 of `NAME:realm` |
//! | `turn:secrets` | set | secrets of time-limited credentials |

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt::{self, Write as _};
use std::sync::Arc;
use std::time::{Duration, Instant};

use antiphon_crypto::{CryptoProvider, Secret};
use antiphon_turn::server::{
    Account, Answer, CredentialStore as _, Identity, Keys, Query, TimeLimited, UserName,
};
use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{AsyncTypedCommands as _, Client, RedisError};
use zeroize::Zeroizing;

use crate::config::Redis;
use crate::credentials::hex;

/// Answers that are remembered at one time.
const MOST: usize = 10_000;

/// What Redis said about a name, and when.
type Remembered = (Instant, Option<Account>);

/// One shard's view of Redis.
pub(crate) struct Directory {
    provider: Arc<dyn CryptoProvider>,
    connection: RefCell<Option<(Redis, ConnectionManager)>>,
    users: RefCell<HashMap<Box<[u8]>, Remembered>>,
    secrets: RefCell<Option<(Instant, Vec<Secret>)>>,
}

impl fmt::Debug for Directory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Directory")
    }
}

impl Directory {
    pub(crate) fn new(provider: Arc<dyn CryptoProvider>) -> Self {
        Self {
            provider,
            connection: RefCell::default(),
            users: RefCell::default(),
            secrets: RefCell::default(),
        }
    }

    /// Forgets what it remembers.
    pub(crate) fn clear(&self) {
        self.users.borrow_mut().clear();
        *self.secrets.borrow_mut() = None;
    }

    /// A user, or `None`: there is none, or Redis does not say. The latter is logged.
    pub(crate) async fn find(
        &self,
        config: &Redis,
        realm: &str,
        user: &UserName,
        unix: Duration,
    ) -> Option<Account> {
        let found = match user {
            UserName::Name(name) => self.by_name(config, realm, name, unix).await,
            UserName::Hash(hash) => self.by_hash(config, realm, hash).await,
        };
        found.unwrap_or_else(|error| {
            // Neither the URL nor the user: the one is secret, the other anybody's choice.
            tracing::warn!(kind = ?error.kind(), "Redis does not answer");
            None
        })
    }

    /// The connection, made once and again whenever the configuration names another.
    fn connection(&self, config: &Redis) -> Result<ConnectionManager, RedisError> {
        let mut connection = self.connection.borrow_mut();
        if let Some((known, manager)) = &*connection
            && known == config
        {
            return Ok(manager.clone());
        }
        let options = ConnectionManagerConfig::new()
            .set_response_timeout(Some(config.timeout))
            .set_connection_timeout(Some(config.timeout))
            .set_number_of_retries(2);
        let client = Client::open(config.url.reveal())?;
        let manager = ConnectionManager::new_lazy_with_config(client, options)?;
        *connection = Some((config.clone(), manager.clone()));
        Ok(manager)
    }

    async fn by_name(
        &self,
        config: &Redis,
        realm: &str,
        name: &[u8],
        unix: Duration,
    ) -> Result<Option<Account>, RedisError> {
        if let Some(account) = self.remembered(config, name) {
            return Ok(account);
        }
        if let Some(account) = self.by_secret(config, realm, name, unix).await? {
            return Ok(Some(account));
        }
        let mut key = [config.prefix.as_bytes(), b"user:"].concat();
        key.extend_from_slice(name);
        let mut connection = self.connection(config)?;
        let fields: HashMap<String, String> = connection.hgetall(key).await?;
        let account = self.account(realm, name, fields);
        self.remember(config, name, account.clone());
        Ok(account)
    }

    async fn by_hash(
        &self,
        config: &Redis,
        realm: &str,
        hash: &[u8; 32],
    ) -> Result<Option<Account>, RedisError> {
        let mut key = format!("{}hash:", config.prefix);
        for byte in hash {
            let _ = write!(key, "{byte:02x}");
        }
        let name = self.connection(config)?.get(key).await?;
        let Some(name) = name else { return Ok(None) };
        self.by_name(config, realm, name.as_bytes(), Duration::MAX).await
    }

    /// A time-limited credential, if the name looks like one and there are secrets.
    async fn by_secret(
        &self,
        config: &Redis,
        realm: &str,
        name: &[u8],
        unix: Duration,
    ) -> Result<Option<Account>, RedisError> {
        if !name.first().is_some_and(u8::is_ascii_digit) {
            return Ok(None);
        }
        let secrets = self.secrets(config).await?;
        let store = TimeLimited::new(Arc::clone(&self.provider), &secrets);
        let query = Query { realm, user: Identity::Name(name), unix };
        Ok(match store.map(|store| store.look_up(&query)) {
            Ok(Answer::Known(account)) if !account.keys.is_empty() => Some(account),
            _ => None,
        })
    }

    async fn secrets(&self, config: &Redis) -> Result<Vec<Secret>, RedisError> {
        if let Some((when, secrets)) = &*self.secrets.borrow()
            && when.elapsed() < config.cache
        {
            return Ok(secrets.clone());
        }
        let members =
            self.connection(config)?.smembers(format!("{}secrets", config.prefix)).await?;
        let secrets: Vec<Secret> =
            members.into_iter().map(|secret| Secret::new(secret.into_bytes())).collect();
        *self.secrets.borrow_mut() = Some((Instant::now(), secrets.clone()));
        Ok(secrets)
    }

    fn account(
        &self,
        realm: &str,
        name: &[u8],
        mut fields: HashMap<String, String>,
    ) -> Option<Account> {
        let keys = if let Some(key) = fields.remove("key").map(Zeroizing::new) {
            Keys { md5: Some(Secret::new(hex(&key)?)), sha256: None }
        } else {
            let password = Zeroizing::new(fields.remove("password")?);
            Keys::from_password(&*self.provider, name, realm, password.as_bytes()).ok()?
        };
        let mut account = Account::new(name, keys);
        account.max_allocations = fields.get("allocations").and_then(|text| text.parse().ok());
        let kbit: Option<u64> = fields.get("kbit_per_second").and_then(|text| text.parse().ok());
        account.bytes_per_second = kbit.map(|kbit| kbit.saturating_mul(125));
        Some(account)
    }

    fn remembered(&self, config: &Redis, name: &[u8]) -> Option<Option<Account>> {
        let users = self.users.borrow();
        let (when, account) = users.get(name)?;
        (when.elapsed() < config.cache).then(|| account.clone())
    }

    fn remember(&self, config: &Redis, name: &[u8], account: Option<Account>) {
        if config.cache.is_zero() {
            return;
        }
        let mut users = self.users.borrow_mut();
        if users.len() >= MOST {
            users.retain(|_, (when, _)| when.elapsed() < config.cache);
        }
        // Names that nobody has must not push out those that somebody has.
        if users.len() < MOST {
            users.insert(name.into(), (Instant::now(), account));
        }
    }
}
