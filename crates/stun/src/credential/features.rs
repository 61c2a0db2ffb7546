/// What every nonce of a server that knows RFC 8489 begins with.
const COOKIE: &[u8; 9] = b"obMatJos2";

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// What a server can do about passwords, told in its nonce, which nobody can change unnoticed
/// ([RFC 8489 section 9.2.1](https://www.rfc-editor.org/rfc/rfc8489#section-9.2.1)).
///
/// ```text
/// "obMatJos2", then base64 of
/// +---------+---------+-------------------------------------------+
/// | bit 0:  | bit 1:  |  bits 2 to 23: unassigned                 |
/// | pw algs | anonym. |                                           |
/// +---------+---------+-------------------------------------------+
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct SecurityFeatures(u32);

impl SecurityFeatures {
    /// None at all: still said by a cookie.
    pub const NONE: Self = Self(0);
    /// PASSWORD-ALGORITHMS is in the challenge.
    pub const PASSWORD_ALGORITHMS: Self = Self(1 << 23);
    /// USERHASH is understood.
    pub const USERNAME_ANONYMITY: Self = Self(1 << 22);
    /// Bytes of a nonce's cookie.
    pub const COOKIE_LEN: usize = 13;

    /// What a nonce says; `None` where it has no cookie.
    #[must_use]
    pub fn of_nonce(nonce: &[u8]) -> Option<Self> {
        let (digits, _) = nonce.strip_prefix(COOKIE)?.split_first_chunk::<4>()?;
        let mut bits = 0u32;
        for digit in digits {
            let value = ALPHABET.iter().position(|letter| letter == digit)?;
            bits = (bits << 6) | u32::try_from(value).ok()?;
        }
        Some(Self(bits))
    }

    //= rfc8489#9.2
    // Every nonce of a server begins with it, whatever the bits.
    /// The cookie that says this.
    #[must_use]
    pub fn nonce_cookie(self) -> [u8; Self::COOKIE_LEN] {
        let mut cookie = [0; Self::COOKIE_LEN];
        if let Some((front, digits)) = cookie.split_first_chunk_mut::<9>() {
            *front = *COOKIE;
            digits.copy_from_slice(&base64(self.to_bytes()));
        }
        cookie
    }

    pub(crate) const fn to_bytes(self) -> [u8; 3] {
        let [_, a, b, c] = self.0.to_be_bytes();
        [a, b, c]
    }

    /// Both together.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether all of `other` are in it.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

/// Three bytes as four letters.
pub(crate) fn base64([a, b, c]: [u8; 3]) -> [u8; 4] {
    let bits = u32::from_be_bytes([0, a, b, c]);
    [18, 12, 6, 0].map(|shift| {
        let index = usize::try_from((bits >> shift) & 63).unwrap_or(0);
        ALPHABET.get(index).copied().unwrap_or(b'A')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_says_what_the_registry_says() {
        assert_eq!(&SecurityFeatures::NONE.nonce_cookie(), b"obMatJos2AAAA");
        assert_eq!(&SecurityFeatures::PASSWORD_ALGORITHMS.nonce_cookie(), b"obMatJos2gAAA");
        assert_eq!(&SecurityFeatures::USERNAME_ANONYMITY.nonce_cookie(), b"obMatJos2QAAA");
        for bits in [0, 1, 1 << 23, 0x00ff_ffff, 0x00c0_0001] {
            let features = SecurityFeatures(bits);
            assert_eq!(SecurityFeatures::of_nonce(&features.nonce_cookie()), Some(features));
        }
        for none in [&b""[..], b"obMatJos2", b"obMatJos2AAA", b"obMatJos2AA=A", b"obmatjos2AAAA"] {
            assert_eq!(SecurityFeatures::of_nonce(none), None, "{none:?}");
        }
    }
}
