use ::hmac::{KeyInit as _, Mac as _};
use antiphon_crypto::{CryptoError, Digest, HashAlgorithm, Hasher, Hmac};
use aws_lc_rs::{digest, hmac};
use md5::{Digest as _, Md5};

/// A running hash of AWS-LC. Looking at the digest copies its state, which lives on the heap.
struct Running(digest::Context);

impl Hasher for Running {
    fn update(&mut self, data: &[u8]) {
        self.0.update(data);
    }

    fn digest(&self) -> Digest {
        Digest::new(self.0.clone().finish().as_ref())
    }
}

/// MD5, which aws-lc-rs leaves out.
struct RunningMd5(Md5);

impl Hasher for RunningMd5 {
    fn update(&mut self, data: &[u8]) {
        self.0.update(data);
    }

    fn digest(&self) -> Digest {
        Digest::new(&self.0.clone().finalize())
    }
}

/// An HMAC with the key worked in. Signing copies its state to the stack.
struct Keyed(hmac::Key);

impl Hmac for Keyed {
    fn sign(&self, parts: &[&[u8]]) -> Digest {
        let mut context = hmac::Context::with_key(&self.0);
        for part in parts {
            context.update(part);
        }
        Digest::new(context.sign().as_ref())
    }
}

struct KeyedMd5(::hmac::Hmac<Md5>);

impl Hmac for KeyedMd5 {
    fn sign(&self, parts: &[&[u8]]) -> Digest {
        let mut mac = self.0.clone();
        for part in parts {
            mac.update(part);
        }
        Digest::new(&mac.finalize().into_bytes())
    }
}

pub(crate) fn hasher(algorithm: HashAlgorithm) -> Result<Box<dyn Hasher>, CryptoError> {
    if algorithm == HashAlgorithm::Md5 {
        return Ok(Box::new(RunningMd5(Md5::default())));
    }
    Ok(Box::new(Running(digest::Context::new(digest_of(algorithm)?))))
}

pub(crate) fn hash(algorithm: HashAlgorithm, data: &[u8]) -> Result<Digest, CryptoError> {
    if algorithm == HashAlgorithm::Md5 {
        return Ok(Digest::new(&Md5::digest(data)));
    }
    Ok(Digest::new(digest::digest(digest_of(algorithm)?, data).as_ref()))
}

pub(crate) fn hmac(algorithm: HashAlgorithm, key: &[u8]) -> Result<Box<dyn Hmac>, CryptoError> {
    let algorithm = match algorithm {
        HashAlgorithm::Md5 => {
            let mac = ::hmac::Hmac::new_from_slice(key).map_err(|_| CryptoError::Unsupported)?;
            return Ok(Box::new(KeyedMd5(mac)));
        }
        HashAlgorithm::Sha1 => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
        HashAlgorithm::Sha256 => hmac::HMAC_SHA256,
        HashAlgorithm::Sha384 => hmac::HMAC_SHA384,
        HashAlgorithm::Sha512 => hmac::HMAC_SHA512,
        _ => return Err(CryptoError::Unsupported),
    };
    Ok(Box::new(Keyed(hmac::Key::new(algorithm, key))))
}

fn digest_of(algorithm: HashAlgorithm) -> Result<&'static digest::Algorithm, CryptoError> {
    Ok(match algorithm {
        HashAlgorithm::Sha1 => &digest::SHA1_FOR_LEGACY_USE_ONLY,
        HashAlgorithm::Sha256 => &digest::SHA256,
        HashAlgorithm::Sha384 => &digest::SHA384,
        HashAlgorithm::Sha512 => &digest::SHA512,
        HashAlgorithm::Md5 | _ => return Err(CryptoError::Unsupported),
    })
}
