use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use antiphon_crypto::{Aead, AeadAlgorithm, CryptoError, CryptoProvider, Secret};

use super::config::TokenConfig;
use crate::wire::AccessToken;

/// A key that an authorization server seals tokens with (RFC 7635 section 4.1): AES-256-GCM.
#[derive(Clone)]
pub struct TokenKey {
    kid: Box<[u8]>,
    aead: Arc<dyn Aead>,
}

impl fmt::Debug for TokenKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TokenKey({} bytes of kid)", self.kid.len())
    }
}

impl TokenKey {
    //= rfc7635#4.1
    //= rfc7635#4.1.1
    // AES-256-GCM is the one algorithm that everybody has.
    /// The key that clients name with `kid` in USERNAME.
    ///
    /// # Errors
    ///
    /// [`CryptoError`] when the provider lacks AES-256-GCM.
    pub fn new(
        kid: &str,
        key: &[u8; 32],
        provider: &dyn CryptoProvider,
    ) -> Result<Self, CryptoError> {
        let aead = provider.aead(AeadAlgorithm::Aes256Gcm, key)?.into();
        Ok(Self { kid: kid.as_bytes().into(), aead })
    }
}

/// What a token that was accepted grants.
#[derive(Clone, Debug)]
pub(crate) struct Grant {
    pub(crate) mac_key: Secret,
    /// Until when, since the Unix epoch, tolerance included.
    pub(crate) until: Duration,
}

impl TokenConfig {
    /// Opens and judges a token; `None` is answered with 401.
    pub(crate) fn open(&self, kid: &[u8], token: &[u8], unix: Duration) -> Option<Grant> {
        let key = self.keys.iter().find(|key| *key.kid == *kid)?;
        //= rfc7635#7
        // What cannot be decrypted is refused.
        let content = AccessToken::parse(token)?.open(&*key.aead, self.server_name.as_bytes())?;
        //= rfc7635#7
        // A token counts from shortly before it was made until its lifetime is over.
        let age = unix.abs_diff(content.timestamp);
        let limit = content.lifetime.saturating_add(self.delta);
        if age >= limit || content.mac_key.expose().is_empty() {
            return None;
        }
        let until = unix.saturating_add(limit.saturating_sub(age));
        Some(Grant { mac_key: content.mac_key, until })
    }
}
