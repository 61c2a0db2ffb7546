//! Who may use the server: users, secrets and keys of the configuration, then Redis.

use std::fmt;
use std::sync::Arc;

use antiphon_crypto::{CryptoError, CryptoProvider, Secret};
use antiphon_turn::server::{
    Account, Answer, CredentialStore, Keys, Query, StaticUsers, TimeLimited, TokenConfig, TokenKey,
};
use base64::Engine as _;
use thiserror::Error;

use crate::config::{Config, Oauth, User, UserSecret};
use crate::shared::Shared;

/// Why a credential of the configuration cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CredentialsError {
    /// The provider of cryptography lacks what it takes.
    #[error(transparent)]
    Crypto(#[from] CryptoError),
    /// A password has characters that `OpaqueString` (RFC 8265) forbids.
    #[error("user number {index}: name or password has characters that are not allowed in one")]
    Text {
        /// Which user, from 1.
        index: usize,
    },
    /// A key is not what it should be; the check of the configuration finds that first.
    #[error("key number {index} is malformed")]
    Key {
        /// Which one, from 1.
        index: usize,
    },
}

/// What the configuration says about credentials, ready for use.
pub(crate) struct Credentials {
    users: StaticUsers,
    secrets: Option<TimeLimited>,
    tokens: Option<TokenConfig>,
    remote: bool,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").finish_non_exhaustive()
    }
}

impl Credentials {
    pub(crate) fn new(
        config: &Config,
        provider: &Arc<dyn CryptoProvider>,
    ) -> Result<Self, CredentialsError> {
        let mut users = StaticUsers::new();
        for (index, user) in config.auth.users.iter().enumerate() {
            let index = index.saturating_add(1);
            let (name, account) = account(user, &config.realm, &**provider, index)?;
            users.add_account(&**provider, &config.realm, &name, account);
        }
        let secrets: Vec<Secret> = config
            .auth
            .rest_secrets
            .iter()
            .map(|secret| Secret::from(secret.reveal().as_bytes()))
            .collect();
        let secrets = match secrets.as_slice() {
            [] => None,
            secrets => Some(TimeLimited::new(Arc::clone(provider), secrets)?),
        };
        let tokens = config.auth.oauth.as_ref().map(|oauth| tokens(oauth, &**provider));
        Ok(Self {
            users,
            secrets,
            tokens: tokens.transpose()?,
            remote: config.auth.redis.is_some(),
        })
    }

    pub(crate) fn tokens(&self) -> Option<TokenConfig> {
        self.tokens.clone()
    }

    fn look_up(&self, query: &Query<'_>) -> Answer {
        if let answer @ Answer::Known(_) = self.users.look_up(query) {
            return answer;
        }
        if let Some(secrets) = &self.secrets
            && let answer @ Answer::Known(_) = secrets.look_up(query)
        {
            return answer;
        }
        if self.remote { Answer::Later } else { Answer::Unknown }
    }
}

/// A user's name as it is compared, and the keys.
fn account(
    user: &User,
    realm: &str,
    provider: &dyn CryptoProvider,
    index: usize,
) -> Result<(String, Account), CredentialsError> {
    let wrong = |_| CredentialsError::Text { index };
    let name = antiphon_stun::opaque_string(&user.name).map_err(wrong)?.into_owned();
    let keys = match &user.secret {
        UserSecret::Password(password) => {
            let password = antiphon_stun::opaque_string(password.reveal()).map_err(wrong)?;
            Keys::from_password(provider, name.as_bytes(), realm, password.as_bytes())?
        }
        UserSecret::Key(key) => {
            let md5 = hex(key.reveal()).ok_or(CredentialsError::Key { index })?;
            Keys { md5: Some(Secret::new(md5)), sha256: None }
        }
    };
    let account = Account::new(name.as_bytes(), keys);
    Ok((name, account))
}

/// 32 hexadecimal digits.
pub(crate) fn hex(text: &str) -> Option<Vec<u8>> {
    if text.len() != 32 || !text.is_ascii() {
        return None;
    }
    let digits = text.as_bytes().chunks(2);
    digits.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect()
}

fn tokens(oauth: &Oauth, provider: &dyn CryptoProvider) -> Result<TokenConfig, CredentialsError> {
    let mut keys = Vec::new();
    for (index, key) in oauth.keys.iter().enumerate() {
        let wrong = CredentialsError::Key { index: index.saturating_add(1) };
        let decoded = base64::engine::general_purpose::STANDARD.decode(key.key.reveal());
        let decoded: [u8; 32] =
            decoded.ok().and_then(|bytes| bytes.try_into().ok()).ok_or(wrong)?;
        keys.push(TokenKey::new(&key.id, &decoded, provider)?);
    }
    Ok(TokenConfig {
        server_name: oauth.server_name.clone(),
        keys,
        delta: std::time::Duration::from_secs(5),
    })
}

/// The store of one shard: whatever the configuration says at the moment.
#[derive(Debug)]
pub(crate) struct Store(pub(crate) Arc<Shared>);

impl CredentialStore for Store {
    fn look_up(&self, query: &Query<'_>) -> Answer {
        self.0.live().credentials.look_up(query)
    }
}
