use antiphon_crypto::{CryptoError, CryptoProvider, Digest, HashAlgorithm};

use crate::wire::handshake::{FragmentHeader, HandshakeType};

/// All messages of the handshake, as signatures and Finished see them.
///
/// Kept as bytes, not as a running hash: a client's signature may use another hash than the
/// cipher suite. A few kilobytes, gone when the handshake is over.
#[derive(Debug, Default)]
pub(crate) struct Transcript {
    bytes: Vec<u8>,
}

impl Transcript {
    //= rfc6347#4.2.6
    // Each message counts with its DTLS header, as if it had never been split.
    pub(crate) fn push(&mut self, kind: HandshakeType, seq: u16, body: &[u8]) {
        let header = FragmentHeader::whole(kind, seq, body.len());
        self.bytes.extend_from_slice(&header.to_bytes());
        self.bytes.extend_from_slice(body);
    }

    /// Forgets everything: a cookie exchange leaves no trace.
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(crate) fn hash(&self, provider: &dyn CryptoProvider) -> Result<Digest, CryptoError> {
        provider.hash(HashAlgorithm::Sha256, &self.bytes)
    }
}
