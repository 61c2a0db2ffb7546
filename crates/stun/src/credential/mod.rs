//! Who sent this? Short-term and long-term credentials (RFC 8489 section 9).

pub(crate) mod client;
pub(crate) mod error;
pub(crate) mod features;
pub(crate) mod key;
pub(crate) mod nonce;
pub(crate) mod opaque;
pub(crate) mod server;
pub(crate) mod short_term;

/// The hashes that credentials need, over whatever cryptography the owner has.
///
/// The codec takes closures, one hash at a time; a credential mechanism needs four and chooses
/// between them by what arrives, so here they come together. Parts are hashed one after the other.
/// `None` says that there is no such hash (a FIPS module has no MD5): what depends on it is refused.
pub trait Hashes: Send + Sync {
    /// MD5, for keys of the time before RFC 8489.
    fn md5(&self, parts: &[&[u8]]) -> Option<[u8; 16]>;

    /// SHA-256.
    fn sha256(&self, parts: &[&[u8]]) -> Option<[u8; 32]>;

    /// HMAC-SHA1 with `key`.
    fn hmac_sha1(&self, key: &[u8], parts: &[&[u8]]) -> Option<[u8; 20]>;

    /// HMAC-SHA256 with `key`.
    fn hmac_sha256(&self, key: &[u8], parts: &[&[u8]]) -> Option<[u8; 32]>;
}

impl std::fmt::Debug for dyn Hashes + '_ {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Hashes")
    }
}
