use std::sync::Arc;

use antiphon_crypto::{CryptoProvider, HashAlgorithm};
use antiphon_stun::Hashes;

/// STUN's hashes over a provider.
#[derive(Debug)]
pub(crate) struct ProviderHashes(pub(crate) Arc<dyn CryptoProvider>);

impl ProviderHashes {
    fn hash<const N: usize>(&self, algorithm: HashAlgorithm, parts: &[&[u8]]) -> Option<[u8; N]> {
        let mut hasher = self.0.hasher(algorithm).ok()?;
        parts.iter().for_each(|part| hasher.update(part));
        hasher.digest().prefix()
    }

    fn hmac<const N: usize>(
        &self,
        algorithm: HashAlgorithm,
        key: &[u8],
        parts: &[&[u8]],
    ) -> Option<[u8; N]> {
        self.0.hmac(algorithm, key).ok()?.sign(parts).prefix()
    }
}

impl Hashes for ProviderHashes {
    fn md5(&self, parts: &[&[u8]]) -> Option<[u8; 16]> {
        self.hash(HashAlgorithm::Md5, parts)
    }

    fn sha256(&self, parts: &[&[u8]]) -> Option<[u8; 32]> {
        self.hash(HashAlgorithm::Sha256, parts)
    }

    fn hmac_sha1(&self, key: &[u8], parts: &[&[u8]]) -> Option<[u8; 20]> {
        self.hmac(HashAlgorithm::Sha1, key, parts)
    }

    fn hmac_sha256(&self, key: &[u8], parts: &[&[u8]]) -> Option<[u8; 32]> {
        self.hmac(HashAlgorithm::Sha256, key, parts)
    }
}
