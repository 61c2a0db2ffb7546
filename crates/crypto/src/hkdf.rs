//! HKDF ([RFC 5869]) over the HMAC of any provider.
//!
//! [RFC 5869]: https://www.rfc-editor.org/rfc/rfc5869

use zeroize::Zeroizing;

use crate::{CryptoError, CryptoProvider, Digest, HashAlgorithm, Secret};

/// The most blocks that [`expand`] gives.
const MAX_BLOCKS: usize = 255;

/// Concentrates `key_material` into one key as long as the digest of `algorithm` ([RFC 5869]
/// section 2.2). An empty `salt` stands for a digest's length of zeros.
///
/// # Errors
///
/// [`CryptoError::Unsupported`] when the provider lacks the HMAC.
///
/// [RFC 5869]: https://www.rfc-editor.org/rfc/rfc5869#section-2.2
pub fn extract(
    provider: &dyn CryptoProvider,
    algorithm: HashAlgorithm,
    salt: &[u8],
    key_material: &[u8],
) -> Result<Secret, CryptoError> {
    // HMAC pads a short key with zeros, so that an empty salt already is a salt of zeros.
    let mut key = provider.hmac(algorithm, salt)?.sign(&[key_material]);
    let secret = Secret::from(key.as_bytes());
    key.wipe();
    Ok(secret)
}

/// Fills `out` with what follows from `key` and the concatenation of the parts of `info`
/// ([RFC 5869] section 2.3).
///
/// # Errors
///
/// [`CryptoError::Unsupported`] when the provider lacks the HMAC, [`CryptoError::OutputLength`]
/// when `out` is longer than 255 digests; `out` is untouched then.
///
/// [RFC 5869]: https://www.rfc-editor.org/rfc/rfc5869#section-2.3
pub fn expand(
    provider: &dyn CryptoProvider,
    algorithm: HashAlgorithm,
    key: &[u8],
    info: &[&[u8]],
    out: &mut [u8],
) -> Result<(), CryptoError> {
    let (limit, len) = (algorithm.digest_len() * MAX_BLOCKS, out.len());
    if len > limit {
        return Err(CryptoError::OutputLength { limit, len });
    }
    let hmac = provider.hmac(algorithm, key)?;
    let info = Zeroizing::new(info.concat());
    let mut block = Digest::new(&[]);
    for (counter, chunk) in (1..=u8::MAX).zip(out.chunks_mut(algorithm.digest_len())) {
        let next = hmac.sign(&[block.as_bytes(), &info, &[counter]]);
        block.wipe();
        block = next;
        for (to, from) in chunk.iter_mut().zip(block.as_bytes()) {
            *to = *from;
        }
    }
    block.wipe();
    Ok(())
}
