use std::fmt;

use antiphon_crypto::{CryptoError, CryptoProvider, HashAlgorithm, Hmac};
use subtle::ConstantTimeEq as _;
use zeroize::{Zeroize as _, ZeroizeOnDrop};

use crate::candidate::is_ice_char;
use crate::error::CredentialsError;

/// Characters of a ufrag of ours: 48 bits of randomness.
const UFRAG_LEN: usize = 8;
/// Characters of a password of ours: 144 bits of randomness.
const PWD_LEN: usize = 24;

/// The user name fragment and the password of one end, for one generation of candidates.
///
/// `Debug` shows the ufrag only. The password is wiped when the value is dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    ufrag: String,
    pwd: String,
}

impl Credentials {
    /// What a description carries as `a=ice-ufrag` and `a=ice-pwd`.
    ///
    /// # Errors
    ///
    /// [`CredentialsError::Ufrag`] and [`CredentialsError::Pwd`] unless they are 4 to 256 and 22 to
    /// 256 letters, digits, `+` and `/` (RFC 8839 section 5.4).
    pub fn new(ufrag: &str, pwd: &str) -> Result<Self, CredentialsError> {
        //= rfc8839#5.4
        // 4 to 256 characters of ufrag and 22 to 256 of password, all of them ice-chars.
        if !(4..=256).contains(&ufrag.len()) || !ufrag.bytes().all(is_ice_char) {
            return Err(CredentialsError::Ufrag { len: ufrag.len() });
        }
        if !(22..=256).contains(&pwd.len()) || !pwd.bytes().all(is_ice_char) {
            return Err(CredentialsError::Pwd { len: pwd.len() });
        }
        Ok(Self { ufrag: ufrag.to_owned(), pwd: pwd.to_owned() })
    }

    /// Draws new credentials: 48 random bits of ufrag and 144 of password.
    ///
    /// # Errors
    ///
    /// [`CryptoError`] when the provider has no randomness.
    pub fn generate(provider: &dyn CryptoProvider) -> Result<Self, CryptoError> {
        //= rfc8445#5.3
        // At least 24 random bits of ufrag and 128 of password.
        let mut random = [0; UFRAG_LEN + PWD_LEN];
        provider.fill_random(&mut random)?;
        let mut chars = random.iter().map(|byte| char::from(ice_char(*byte)));
        let ufrag = chars.by_ref().take(UFRAG_LEN).collect();
        let pwd = chars.collect();
        random.zeroize();
        Ok(Self { ufrag, pwd })
    }

    /// The user name fragment.
    #[must_use]
    pub fn ufrag(&self) -> &str {
        &self.ufrag
    }

    /// The password.
    #[must_use]
    pub fn pwd(&self) -> &str {
        &self.pwd
    }

    /// Whether `ufrag` is ours, in the same time wherever it differs.
    pub(crate) fn has_ufrag(&self, ufrag: &[u8]) -> bool {
        self.ufrag.as_bytes().ct_eq(ufrag).into()
    }
}

/// Six random bits as one of the 64 characters.
const fn ice_char(byte: u8) -> u8 {
    match byte & 63 {
        n @ 0..=25 => b'A' + n,
        n @ 26..=51 => b'a' + (n - 26),
        n @ 52..=61 => b'0' + (n - 52),
        62 => b'+',
        _ => b'/',
    }
}

impl Drop for Credentials {
    fn drop(&mut self) {
        self.pwd.zeroize();
    }
}

impl ZeroizeOnDrop for Credentials {}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("ufrag", &self.ufrag).finish_non_exhaustive()
    }
}

/// HMAC-SHA1, keyed once with a password.
pub(crate) struct Key(Box<dyn Hmac>);

impl Key {
    pub(crate) fn new(
        provider: &dyn CryptoProvider,
        credentials: &Credentials,
    ) -> Result<Self, CryptoError> {
        provider.hmac(HashAlgorithm::Sha1, credentials.pwd.as_bytes()).map(Self)
    }

    /// The value of MESSAGE-INTEGRITY.
    pub(crate) fn tag(&self, parts: &[&[u8]]) -> [u8; 20] {
        // SHA-1 has 20 bytes; the comparison with another length would fail anyway.
        self.0.sign(parts).prefix().unwrap_or_default()
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_six_bits_give_an_ice_char_of_their_own() {
        let mut chars: Vec<u8> = (0..64).map(ice_char).collect();
        assert!(chars.iter().all(|c| is_ice_char(*c)));
        chars.sort_unstable();
        chars.dedup();
        assert_eq!(chars.len(), 64);
    }

    //= rfc8839#5.4
    //= type=test
    #[test]
    fn lengths_and_characters_are_checked() {
        let pwd = "p".repeat(22);
        assert!(Credentials::new("abcd", &pwd).is_ok());
        assert!(Credentials::new(&"u".repeat(256), &"p".repeat(256)).is_ok());
        assert_eq!(Credentials::new("abc", &pwd), Err(CredentialsError::Ufrag { len: 3 }));
        assert_eq!(Credentials::new("ab:d", &pwd), Err(CredentialsError::Ufrag { len: 4 }));
        assert_eq!(Credentials::new("abcd", "p"), Err(CredentialsError::Pwd { len: 1 }));
        assert_eq!(
            Credentials::new("abcd", &"p".repeat(257)),
            Err(CredentialsError::Pwd { len: 257 })
        );
    }

    #[test]
    fn debug_keeps_the_password_secret() {
        let credentials = Credentials::new("abcd", &"s".repeat(22)).unwrap();
        assert!(!format!("{credentials:?}").contains("ssss"));
    }
}
