use std::borrow::Cow;

use super::error::OpaqueStringError;

/// The form in which usernames, realms and passwords are compared and hashed: `OpaqueString`
/// ([RFC 8265 section 4.2](https://www.rfc-editor.org/rfc/rfc8265#section-4.2)).
///
/// ASCII stays as it is. Other text needs the feature `precis`: spaces of any kind become the
/// ASCII one, and characters are composed (NFC).
///
/// # Errors
///
/// See [`OpaqueStringError`].
pub fn opaque_string(text: &str) -> Result<Cow<'_, str>, OpaqueStringError> {
    //= rfc8265#4.1
    // An empty password is none; nothing here becomes empty later.
    if text.is_empty() {
        return Err(OpaqueStringError::Empty);
    }
    //= rfc8265#4.2.1
    // Of ASCII the class of free forms takes what can be seen, and the space.
    if let Some(at) = text.bytes().position(|byte| byte.is_ascii_control()) {
        return Err(OpaqueStringError::Forbidden { at });
    }
    match text.bytes().position(|byte| !byte.is_ascii()) {
        None => Ok(Cow::Borrowed(text)),
        Some(at) => beyond_ascii(text, at),
    }
}

#[cfg(feature = "precis")]
fn beyond_ascii(text: &str, _: usize) -> Result<Cow<'_, str>, OpaqueStringError> {
    use precis_profiles::precis_core::profile::PrecisFastInvocation as _;

    //= rfc8265#4.2.2
    // No width and no case mapping; spaces become one space, then NFC.
    precis_profiles::OpaqueString::enforce(text).map_err(|_| OpaqueStringError::Forbidden { at: 0 })
}

#[cfg(not(feature = "precis"))]
fn beyond_ascii(_: &str, at: usize) -> Result<Cow<'_, str>, OpaqueStringError> {
    Err(OpaqueStringError::NotAscii { at })
}

/// Without surrounding quotes and trailing zeros, as RFC 8489 section 9.2.2 wants names to be
/// hashed.
pub(crate) fn bare(text: &str) -> &str {
    let text = text.trim_end_matches('\0');
    text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text)
}
