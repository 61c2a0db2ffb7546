use std::time::Instant;

use antiphon_crypto::{CryptoError, CryptoProvider, Digest, Fingerprint, HashAlgorithm};

use crate::connection::{Connection, State};
use crate::{CloseReason, Event, PeerIdentity};

/// The hash functions of fingerprints, most preferred first.
const PREFERENCE: [HashAlgorithm; 3] =
    [HashAlgorithm::Sha512, HashAlgorithm::Sha384, HashAlgorithm::Sha256];

impl Connection {
    /// Tells the fingerprints that the peer announced, all of them, whatever their hash function.
    /// May come before the handshake, during it or after its end; nothing is delivered and no key
    /// released before. The first non-empty set counts: another peer is another connection (RFC
    /// 8842 section 5).
    pub fn set_remote_fingerprints(&mut self, now: Instant, fingerprints: &[Fingerprint]) {
        self.handle_timeout(now);
        let closed = matches!(self.state, State::Closed(_));
        if !closed && self.fingerprints.is_empty() {
            self.fingerprints = fingerprints.to_vec();
            self.verify_peer();
        }
    }

    /// Compares the peer's certificate with the announced fingerprints, as soon as both are known.
    pub(super) fn verify_peer(&mut self) {
        if self.is_connected() {
            return;
        }
        if self.config.peer_identity == PeerIdentity::Unverified {
            return self.release();
        }
        if self.fingerprints.is_empty() {
            return;
        }
        let Some(certificate) = self.peer_certificate() else { return };
        match matches(&*self.config.provider, &self.fingerprints, certificate) {
            Ok(true) => self.release(),
            //= rfc8122#5.1
            // A certificate that matches none of them ends the connection.
            Ok(false) => self.finish(CloseReason::FingerprintMismatch),
            Err(error) => self.finish(CloseReason::Crypto(error)),
        }
    }

    /// The peer is the announced one: if the handshake is complete too, data may flow.
    fn release(&mut self) {
        let State::Established(established) = &mut self.state else { return };
        established.verified = true;
        self.events.push_back(Event::Connected(established.connected));
        self.fingerprints = Vec::new();
        self.release_data();
    }
}

/// Whether the certificate matches one of the fingerprints with the most preferred hash function
/// among them.
fn matches(
    provider: &dyn CryptoProvider,
    fingerprints: &[Fingerprint],
    certificate: &[u8],
) -> Result<bool, CryptoError> {
    for algorithm in PREFERENCE {
        let mut candidates =
            fingerprints.iter().filter(|print| print.algorithm() == algorithm).peekable();
        if candidates.peek().is_none() {
            continue;
        }
        //= rfc8122#5.1
        // Only the set with the most preferred hash function counts. One that the provider does
        // not have cannot be preferred.
        let digest: Digest = match provider.hash(algorithm, certificate) {
            Err(CryptoError::Unsupported) => continue,
            digest => digest?,
        };
        return Ok(candidates.any(|print| print.matches(digest.as_bytes())));
    }
    Ok(false)
}
