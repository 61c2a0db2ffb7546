use std::fmt;

use zeroize::Zeroizing;

use super::Hashes;
use super::error::CredentialError;
use super::opaque::{bare, opaque_string};
use crate::{IntegrityError, MessageView, MessageWriter, PasswordAlgorithm, WriteError};

/// Which of the two attributes proves a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Integrity {
    /// MESSAGE-INTEGRITY, HMAC-SHA1 (RFC 8489 section 14.5).
    Sha1,
    /// MESSAGE-INTEGRITY-SHA256, of full length (RFC 8489 section 14.6).
    Sha256,
}

/// A key that proves messages. Wiped when it is dropped, and never printed.
#[derive(Clone)]
pub struct IntegrityKey(Zeroizing<Vec<u8>>);

impl fmt::Debug for IntegrityKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "IntegrityKey({} bytes)", self.0.len())
    }
}

impl IntegrityKey {
    /// These bytes: H(A1) from a password store, or the `mac_key` of a token (RFC 7635).
    #[must_use]
    pub fn raw(key: &[u8]) -> Self {
        Self(Zeroizing::new(key.to_vec()))
    }

    /// The key of short-term credentials: the password itself (RFC 8489 section 9.1.1).
    ///
    /// # Errors
    ///
    /// [`CredentialError::Password`].
    pub fn short_term(password: &str) -> Result<Self, CredentialError> {
        let password = opaque_string(password).map_err(CredentialError::Password)?;
        Ok(Self::raw(password.as_bytes()))
    }

    /// The key of long-term credentials: a hash over the three (RFC 8489 section 9.2.2).
    ///
    /// # Errors
    ///
    /// See [`CredentialError`].
    pub fn long_term(
        algorithm: PasswordAlgorithm,
        username: &str,
        realm: &str,
        password: &str,
        hashes: &dyn Hashes,
    ) -> Result<Self, CredentialError> {
        let username = opaque_string(bare(username)).map_err(CredentialError::Username)?;
        let realm = opaque_string(bare(realm)).map_err(CredentialError::Realm)?;
        let password = password.trim_end_matches('\0');
        let password = opaque_string(password).map_err(CredentialError::Password)?;
        let parts: [&[u8]; 5] =
            [username.as_bytes(), b":", realm.as_bytes(), b":", password.as_bytes()];
        match algorithm {
            PasswordAlgorithm::Md5 => hashes.md5(&parts).map(|key| Self::raw(&key)),
            PasswordAlgorithm::Sha256 => hashes.sha256(&parts).map(|key| Self::raw(&key)),
        }
        .ok_or(CredentialError::NoHash)
    }

    /// The key's bytes. Handle with care.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Adds the attribute that proves all that was written so far.
    ///
    /// # Errors
    ///
    /// As [`MessageWriter::attribute`], and [`WriteError::NoHash`]: the message then must not be
    /// sent.
    pub fn sign(
        &self,
        integrity: Integrity,
        message: &mut MessageWriter<'_>,
        hashes: &dyn Hashes,
    ) -> Result<(), WriteError> {
        let mut missing = false;
        match integrity {
            Integrity::Sha1 => message.message_integrity(|parts| {
                hashes.hmac_sha1(&self.0, parts).unwrap_or_else(|| {
                    missing = true;
                    [0; 20]
                })
            })?,
            Integrity::Sha256 => message.message_integrity_sha256(|parts| {
                hashes.hmac_sha256(&self.0, parts).unwrap_or_else(|| {
                    missing = true;
                    [0; 32]
                })
            })?,
        };
        if missing { Err(WriteError::NoHash) } else { Ok(()) }
    }

    /// Whether `message` was signed with this key.
    ///
    /// # Errors
    ///
    /// See [`IntegrityError`].
    pub fn verify(
        &self,
        integrity: Integrity,
        message: &MessageView<'_>,
        hashes: &dyn Hashes,
    ) -> Result<(), IntegrityError> {
        // A hash that is missing must never look like one that an attacker can guess.
        let mut missing = false;
        let verified = match integrity {
            Integrity::Sha1 => message.verify_message_integrity(|parts| {
                hashes.hmac_sha1(&self.0, parts).unwrap_or_else(|| {
                    missing = true;
                    [0; 20]
                })
            }),
            Integrity::Sha256 => message.verify_message_integrity_sha256(|parts| {
                hashes.hmac_sha256(&self.0, parts).unwrap_or_else(|| {
                    missing = true;
                    [0; 32]
                })
            }),
        };
        if missing { Err(IntegrityError::NoHash) } else { verified }
    }
}

impl Integrity {
    /// The stronger of those in `message`; `None` when it has neither.
    #[must_use]
    pub const fn of(message: &MessageView<'_>) -> Option<Self> {
        if message.has_message_integrity_sha256() {
            Some(Self::Sha256)
        } else if message.has_message_integrity() {
            Some(Self::Sha1)
        } else {
            None
        }
    }
}

/// USERHASH: what stands for a username that shall not be seen (RFC 8489 section 14.4).
///
/// # Errors
///
/// See [`CredentialError`].
//= rfc8489#14.4
// Both halves are hashed in the form of OpaqueString.
pub fn userhash(
    username: &str,
    realm: &str,
    hashes: &dyn Hashes,
) -> Result<[u8; 32], CredentialError> {
    let username = opaque_string(bare(username)).map_err(CredentialError::Username)?;
    let realm = opaque_string(bare(realm)).map_err(CredentialError::Realm)?;
    hashes.sha256(&[username.as_bytes(), b":", realm.as_bytes()]).ok_or(CredentialError::NoHash)
}
