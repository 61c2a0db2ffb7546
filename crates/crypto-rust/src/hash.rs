use antiphon_crypto::{CryptoError, Digest, HashAlgorithm, Hasher, Hmac};
use hmac::{EagerHash, KeyInit as _, Mac as _};
use md5::Md5;
use sha1::Sha1;
use sha2::{Sha256, Sha384, Sha512};

/// A hash of the RustCrypto family as a running hash of ours.
struct Running<D>(D);

impl<D: sha2::Digest + Clone + Send + Sync> Hasher for Running<D> {
    fn update(&mut self, data: &[u8]) {
        self.0.update(data);
    }

    fn digest(&self) -> Digest {
        Digest::new(&self.0.clone().finalize())
    }
}

/// An HMAC with the key worked in: the state after the inner and after the outer pad. Signing
/// copies both to the stack.
struct Keyed<D: EagerHash>(hmac::Hmac<D>);

impl<D: EagerHash> Hmac for Keyed<D>
where
    hmac::Hmac<D>: Send + Sync,
{
    fn sign(&self, parts: &[&[u8]]) -> Digest {
        let mut mac = self.0.clone();
        for part in parts {
            mac.update(part);
        }
        Digest::new(&mac.finalize().into_bytes())
    }
}

pub(crate) fn hasher(algorithm: HashAlgorithm) -> Result<Box<dyn Hasher>, CryptoError> {
    Ok(match algorithm {
        HashAlgorithm::Md5 => Box::new(Running(Md5::default())),
        HashAlgorithm::Sha1 => Box::new(Running(Sha1::default())),
        HashAlgorithm::Sha256 => Box::new(Running(Sha256::default())),
        HashAlgorithm::Sha384 => Box::new(Running(Sha384::default())),
        HashAlgorithm::Sha512 => Box::new(Running(Sha512::default())),
        _ => return Err(CryptoError::Unsupported),
    })
}

pub(crate) fn hmac(algorithm: HashAlgorithm, key: &[u8]) -> Result<Box<dyn Hmac>, CryptoError> {
    match algorithm {
        HashAlgorithm::Md5 => keyed::<Md5>(key),
        HashAlgorithm::Sha1 => keyed::<Sha1>(key),
        HashAlgorithm::Sha256 => keyed::<Sha256>(key),
        HashAlgorithm::Sha384 => keyed::<Sha384>(key),
        HashAlgorithm::Sha512 => keyed::<Sha512>(key),
        _ => Err(CryptoError::Unsupported),
    }
}

fn keyed<D: EagerHash + 'static>(key: &[u8]) -> Result<Box<dyn Hmac>, CryptoError>
where
    hmac::Hmac<D>: Send + Sync,
{
    // HMAC takes keys of any length: long ones are hashed first (RFC 2104 section 2).
    match hmac::Hmac::<D>::new_from_slice(key) {
        Ok(mac) => Ok(Box::new(Keyed(mac))),
        Err(_) => Err(CryptoError::Unsupported),
    }
}
