use std::fmt;
use std::sync::Arc;

use super::Hashes;
use super::client::{Attempt, Verdict};
use super::error::{AuthError, CredentialError};
use super::key::{Integrity, IntegrityKey};
use super::opaque::opaque_string;
use super::server::Authenticated;
use crate::{Class, ErrorCode, MessageView, MessageWriter, WriteError};

/// The client's side of short-term credentials
/// ([RFC 8489 section 9.1](https://www.rfc-editor.org/rfc/rfc8489#section-9.1)).
///
/// ICE has its own, stricter rules and does without it.
pub struct ShortTermClient {
    username: String,
    key: IntegrityKey,
    hashes: Arc<dyn Hashes>,
    choice: Option<Integrity>,
}

impl fmt::Debug for ShortTermClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ShortTermClient")
            .field("username", &self.username)
            .field("choice", &self.choice)
            .finish_non_exhaustive()
    }
}

impl ShortTermClient {
    /// A client. `choice` says which attribute the server understands; `None` sends both at first
    /// and keeps to that with which the server answers.
    ///
    /// # Errors
    ///
    /// [`CredentialError`] where username or password cannot be one.
    pub fn new(
        username: &str,
        password: &str,
        choice: Option<Integrity>,
        hashes: Arc<dyn Hashes>,
    ) -> Result<Self, CredentialError> {
        let username = opaque_string(username).map_err(CredentialError::Username)?.into_owned();
        Ok(Self { username, key: IntegrityKey::short_term(password)?, hashes, choice })
    }

    /// Ends a request or indication: USERNAME, and what proves it.
    ///
    /// # Errors
    ///
    /// As [`MessageWriter::attribute`], and [`WriteError::NoHash`].
    pub fn sign(&self, request: &mut MessageWriter<'_>) -> Result<Attempt, WriteError> {
        //= rfc8489#9.1.2
        // Who does not know better sends both.
        request.username(self.username.as_bytes())?;
        if self.choice != Some(Integrity::Sha256) {
            self.key.sign(Integrity::Sha1, request, &*self.hashes)?;
        }
        if self.choice != Some(Integrity::Sha1) {
            self.key.sign(Integrity::Sha256, request, &*self.hashes)?;
        }
        Ok(Attempt::default())
    }

    /// Judges a response whose transaction id is right.
    pub fn handle_response(
        &mut self,
        response: &MessageView<'_>,
        attempt: &mut Attempt,
        reliable: bool,
    ) -> Verdict {
        //= rfc8489#9.1.4
        // The attribute must be the one that was sent, and right; else nobody said anything.
        let proven = Integrity::of(response).filter(|found| {
            self.choice.is_none_or(|choice| choice == *found)
                && self.key.verify(*found, response, &*self.hashes).is_ok()
        });
        match proven {
            Some(found) => {
                //= rfc8489#9.1.5
                // From now on only what the server chose.
                self.choice = Some(found);
                Verdict::Authenticated
            }
            None if reliable => Verdict::Failed(AuthError::IntegrityViolated),
            None => {
                attempt.violate();
                Verdict::Discard
            }
        }
    }
}

/// What becomes of a message with short-term credentials.
#[derive(Clone, Debug)]
pub enum ShortTermCheck {
    /// It comes from that user.
    Passed(Authenticated),
    /// Answer with this code, 400 or 401, unsigned.
    Refused(u16),
    /// Drop it: an indication is not answered.
    Discard,
}

/// Checks a request or indication with short-term credentials
/// ([RFC 8489 section 9.1.3](https://www.rfc-editor.org/rfc/rfc8489#section-9.1.3)).
///
/// `key_of` says the key of a username, `None` for one that is not valid.
pub fn check_short_term(
    message: &MessageView<'_>,
    key_of: impl FnOnce(&str) -> Option<IntegrityKey>,
    hashes: &dyn Hashes,
) -> ShortTermCheck {
    let refuse = |code| match message.class() {
        Class::Request => ShortTermCheck::Refused(code),
        //= rfc8489#9.1.3
        // An indication is dropped without a word.
        Class::Indication | Class::Success | Class::Error => ShortTermCheck::Discard,
    };
    let (Some(integrity), Some(username)) = (Integrity::of(message), message.username()) else {
        return refuse(ErrorCode::BAD_REQUEST);
    };
    let known =
        std::str::from_utf8(username).ok().and_then(|username| Some((username, key_of(username)?)));
    let Some((username, key)) = known else {
        return refuse(ErrorCode::UNAUTHENTICATED);
    };
    if key.verify(integrity, message, hashes).is_err() {
        return refuse(ErrorCode::UNAUTHENTICATED);
    }
    //= rfc8489#9.1.3
    // The response is signed with the attribute that was verified, and names nobody.
    ShortTermCheck::Passed(Authenticated { username: username.to_owned(), key, integrity })
}
