use std::time::Duration;

use antiphon_crypto::{Aead, NONCE_LEN, Secret, TAG_LEN};

/// The longest session key that a token carries, in bytes: one of HMAC-SHA-512.
pub const MAX_MAC_KEY: usize = 64;

/// A self-contained access token, closed ([RFC 7635 section 6.2]).
///
/// ```text
/// +---------------+--------------+------------------------------------+
/// | length, 2 B   | nonce        | encrypted: key length, 2 B; key;   |
/// | of the nonce  |              | timestamp, 8 B; lifetime, 4 B; tag |
/// +---------------+--------------+------------------------------------+
/// ```
///
/// [RFC 7635 section 6.2]: https://www.rfc-editor.org/rfc/rfc7635#section-6.2
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccessToken<'a> {
    nonce: &'a [u8; NONCE_LEN],
    sealed: &'a [u8],
    tag: &'a [u8; TAG_LEN],
}

/// What a token says once it is opened.
#[derive(Clone, Debug)]
pub struct TokenContent {
    /// The key of MESSAGE-INTEGRITY.
    pub mac_key: Secret,
    /// When the token was made, since the Unix epoch, to 1/64000 s.
    pub timestamp: Duration,
    /// How long it is good.
    pub lifetime: Duration,
}

impl<'a> AccessToken<'a> {
    /// Splits the value of ACCESS-TOKEN; `None` when it cannot be a token of AES-GCM.
    #[must_use]
    pub fn parse(value: &'a [u8]) -> Option<Self> {
        let (nonce_len, rest) = value.split_first_chunk::<2>()?;
        if usize::from(u16::from_be_bytes(*nonce_len)) != NONCE_LEN {
            return None;
        }
        let (nonce, rest) = rest.split_first_chunk::<NONCE_LEN>()?;
        let (sealed, tag) = rest.split_last_chunk::<TAG_LEN>()?;
        // Key length, timestamp and lifetime take 14 bytes.
        (14..=MAX_MAC_KEY.saturating_add(14)).contains(&sealed.len()).then_some(Self {
            nonce,
            sealed,
            tag,
        })
    }

    //= rfc7635#6.2
    // The server's name is the associated data.
    /// Opens the token for the server called `server_name`; `None` when it is not authentic.
    #[must_use]
    pub fn open(self, aead: &dyn Aead, server_name: &[u8]) -> Option<TokenContent> {
        let mut text = self.sealed.to_vec();
        aead.open(self.nonce, server_name, &mut text, self.tag).ok()?;
        let text = Secret::new(text);
        let (key_len, rest) = text.expose().split_first_chunk::<2>()?;
        let (mac_key, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes(*key_len)))?;
        let (timestamp, rest) = rest.split_first_chunk::<8>()?;
        let lifetime = u32::from_be_bytes(<[u8; 4]>::try_from(rest).ok()?);
        let timestamp = u64::from_be_bytes(*timestamp);
        let nanos = (timestamp & 0xffff).saturating_mul(15_625);
        Some(TokenContent {
            mac_key: Secret::from(mac_key),
            timestamp: Duration::from_secs(timestamp >> 16)
                .saturating_add(Duration::from_nanos(nanos)),
            lifetime: Duration::from_secs(u64::from(lifetime)),
        })
    }
}

impl TokenContent {
    /// Seals a token, as an authorization server does; the nonce is never used twice with one key.
    /// `None` when the key is longer than [`MAX_MAC_KEY`].
    #[must_use]
    pub fn seal(
        &self,
        aead: &dyn Aead,
        server_name: &[u8],
        nonce: &[u8; NONCE_LEN],
    ) -> Option<Vec<u8>> {
        let key = self.mac_key.expose();
        let key_len = u16::try_from(key.len()).ok().filter(|_| key.len() <= MAX_MAC_KEY)?;
        let fraction = u64::from(self.timestamp.subsec_nanos().checked_div(15_625)?);
        let timestamp = self.timestamp.as_secs().checked_shl(16)? | fraction;
        let lifetime = u32::try_from(self.lifetime.as_secs()).ok()?;
        let mut text = Vec::with_capacity(key.len().saturating_add(14));
        text.extend_from_slice(&key_len.to_be_bytes());
        text.extend_from_slice(key);
        text.extend_from_slice(&timestamp.to_be_bytes());
        text.extend_from_slice(&lifetime.to_be_bytes());
        let tag = aead.seal(nonce, server_name, &mut text).ok()?;
        let mut token = Vec::with_capacity(text.len().saturating_add(30));
        token.extend_from_slice(&u16::try_from(NONCE_LEN).ok()?.to_be_bytes());
        token.extend_from_slice(nonce);
        token.extend_from_slice(&text);
        token.extend_from_slice(&tag);
        Some(token)
    }
}
