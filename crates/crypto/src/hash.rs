use std::fmt::{self, Debug};

use subtle::ConstantTimeEq as _;
use zeroize::Zeroize as _;

/// Bytes of the longest digest, SHA-512's.
pub const MAX_DIGEST_LEN: usize = 64;

/// A hash function, by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum HashAlgorithm {
    /// MD5: only for STUN's long-term keys (RFC 8489 section 18.5.1.1).
    Md5,
    /// SHA-1: only inside HMAC.
    Sha1,
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}

impl HashAlgorithm {
    /// Length of the digest in bytes.
    #[must_use]
    pub const fn digest_len(self) -> usize {
        match self {
            Self::Md5 => 16,
            Self::Sha1 => 20,
            Self::Sha256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
        }
    }

    /// The name in IANA's registry of hash function textual names, as `a=fingerprint` has it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Md5 => "md5",
            Self::Sha1 => "sha-1",
            Self::Sha256 => "sha-256",
            Self::Sha384 => "sha-384",
            Self::Sha512 => "sha-512",
        }
    }

    /// The algorithm of that name, whatever its case.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Md5, Self::Sha1, Self::Sha256, Self::Sha384, Self::Sha512]
            .into_iter()
            .find(|algorithm| algorithm.name().eq_ignore_ascii_case(name))
    }
}

/// A digest of any algorithm, on the stack. Comparing takes the same time wherever two differ.
#[derive(Clone, Copy)]
pub struct Digest {
    bytes: [u8; MAX_DIGEST_LEN],
    len: usize,
}

impl Digest {
    /// Copies `bytes`, of which at most [`MAX_DIGEST_LEN`] are kept.
    #[must_use]
    pub fn new(bytes: &[u8]) -> Self {
        let kept = bytes.get(..MAX_DIGEST_LEN).unwrap_or(bytes);
        let mut digest = Self { bytes: [0; MAX_DIGEST_LEN], len: kept.len() };
        if let Some(to) = digest.bytes.get_mut(..kept.len()) {
            to.copy_from_slice(kept);
        }
        digest
    }

    /// The first `N` bytes, as a protocol truncates a tag; `None` when it has fewer.
    #[must_use]
    pub fn prefix<const N: usize>(&self) -> Option<[u8; N]> {
        self.as_bytes().first_chunk().copied()
    }

    /// Overwrites the bytes, for a digest that was a key.
    pub fn wipe(&mut self) {
        self.bytes.zeroize();
    }

    /// The digest's bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }
}

impl PartialEq for Digest {
    fn eq(&self, other: &Self) -> bool {
        self.as_bytes().ct_eq(other.as_bytes()).into()
    }
}

impl Eq for Digest {}

impl AsRef<[u8]> for Digest {
    fn as_ref(&self) -> &[u8] {
        self.as_bytes()
    }
}

impl Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for byte in self.as_bytes() {
            write!(f, "{byte:02x}")?;
        }
        Ok(())
    }
}

/// A running hash: feed it, look at the digest so far, go on feeding.
pub trait Hasher: Send + Sync {
    /// Appends `data` to what is hashed.
    fn update(&mut self, data: &[u8]);

    /// The digest of everything so far. The hash goes on.
    fn digest(&self) -> Digest;
}

impl Debug for dyn Hasher + '_ {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hasher")
    }
}

/// A keyed HMAC (RFC 2104). Signing does not allocate.
pub trait Hmac: Send + Sync {
    /// The tag over the concatenation of `parts`.
    fn sign(&self, parts: &[&[u8]]) -> Digest;
}

impl Debug for dyn Hmac + '_ {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hmac")
    }
}

impl dyn Hmac + '_ {
    /// Whether `tag` is the tag over `parts`, or a prefix of it, compared in constant time.
    ///
    /// Refuses a tag that is empty or longer than the digest. Which truncations are allowed is
    /// for the protocol to say: check `tag.len()` before.
    #[must_use]
    pub fn verify(&self, parts: &[&[u8]], tag: &[u8]) -> bool {
        let expected = self.sign(parts);
        match expected.as_bytes().get(..tag.len()) {
            Some(prefix) if !tag.is_empty() => prefix.ct_eq(tag).into(),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Answers every message with the sum of its bytes, four times.
    struct Sum;

    impl Hmac for Sum {
        fn sign(&self, parts: &[&[u8]]) -> Digest {
            let sum =
                parts.iter().flat_map(|part| part.iter()).fold(0u8, |a, b| a.wrapping_add(*b));
            Digest::new(&[sum; 4])
        }
    }

    #[test]
    fn a_tag_may_be_a_prefix_but_neither_empty_nor_too_long() {
        let hmac: &dyn Hmac = &Sum;
        for (tag, good) in [
            (&[6u8; 4][..], true),
            (&[6; 2], true),
            (&[6, 7], false),
            (&[], false),
            (&[6; 5], false),
        ] {
            assert_eq!(hmac.verify(&[&[1, 2], &[3]], tag), good, "{tag:?}");
        }
    }

    #[test]
    fn a_digest_keeps_what_it_is_given_up_to_its_size() {
        assert_eq!(Digest::new(&[1, 2, 3]).as_bytes(), [1, 2, 3]);
        assert_eq!(Digest::new(&[5; 100]).as_bytes(), [5; MAX_DIGEST_LEN]);
        assert_eq!(Digest::new(&[1, 2, 3]).prefix(), Some([1, 2]));
        assert_eq!(Digest::new(&[1, 2, 3]).prefix::<4>(), None);
        assert_eq!(Digest::new(&[1, 2]), Digest::new(&[1, 2]));
        assert_ne!(Digest::new(&[1, 2]), Digest::new(&[1, 2, 0]));
    }
}
