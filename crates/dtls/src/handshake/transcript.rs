use antiphon_crypto::{CryptoError, CryptoProvider, Digest, HashAlgorithm, Hasher};

use crate::wire::cursor::{Reader, u24};
use crate::wire::handshake::{FragmentHeader, HandshakeType};

/// All messages of the handshake, as signatures and Finished see them.
///
/// Until version and hash function are chosen, and with DTLS 1.2 until the end, the messages are
/// kept as bytes: a client's signature may use another hash than the cipher suite. A few
/// kilobytes, gone when the handshake is over.
#[derive(Debug, Default)]
pub(crate) struct Transcript {
    bytes: Vec<u8>,
    hasher: Option<Box<dyn Hasher>>,
    is_13: bool,
}

impl Transcript {
    /// Appends a message.
    pub(crate) fn push(&mut self, kind: HandshakeType, seq: u16, body: &[u8]) {
        if self.is_13 {
            if let Some(hasher) = &mut self.hasher {
                hash_message(&mut **hasher, kind, body);
            }
            return;
        }
        //= rfc6347#4.2.6
        // Each message counts with its DTLS header, as if it had never been split.
        let header = FragmentHeader::whole(kind, seq, body.len()).to_bytes();
        for part in [&header[..], body] {
            self.bytes.extend_from_slice(part);
            if let Some(hasher) = &mut self.hasher {
                hasher.update(part);
            }
        }
    }

    /// The version is 1.2, the hash function this one.
    pub(crate) fn choose_12(
        &mut self,
        provider: &dyn CryptoProvider,
        algorithm: HashAlgorithm,
    ) -> Result<(), CryptoError> {
        let mut hasher = provider.hasher(algorithm)?;
        hasher.update(&self.bytes);
        self.hasher = Some(hasher);
        Ok(())
    }

    //= rfc9147#5.2
    // From now on each message counts with the header of TLS: without number and fragment.
    pub(crate) fn choose_13(
        &mut self,
        provider: &dyn CryptoProvider,
        algorithm: HashAlgorithm,
    ) -> Result<(), CryptoError> {
        if self.is_13 {
            return Ok(());
        }
        let mut hasher = provider.hasher(algorithm)?;
        let bytes = std::mem::take(&mut self.bytes);
        let mut reader = Reader::new(&bytes);
        while let Ok(header) = FragmentHeader::read(&mut reader) {
            let body = reader.take(header.len).unwrap_or_default();
            hash_message(&mut *hasher, header.kind, body);
        }
        (self.hasher, self.is_13) = (Some(hasher), true);
        Ok(())
    }

    //= rfc8446#4.4.1
    // Where the server asks for a second hello, the hash of the first takes its place.
    pub(crate) fn begin_with_hash(
        &mut self,
        provider: &dyn CryptoProvider,
        algorithm: HashAlgorithm,
        first_hello: &[u8],
    ) -> Result<(), CryptoError> {
        let mut hasher = provider.hasher(algorithm)?;
        hash_message(&mut *hasher, HandshakeType::MessageHash, first_hello);
        (self.hasher, self.is_13) = (Some(hasher), true);
        self.bytes.clear();
        Ok(())
    }

    /// Whether DTLS 1.3 was chosen.
    pub(crate) fn is_13(&self) -> bool {
        self.is_13
    }

    /// Forgets everything: a cookie exchange of DTLS 1.2 leaves no trace.
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    /// The messages as bytes; empty with DTLS 1.3.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The hash so far. Before a hash function is chosen there is none.
    pub(crate) fn hash(&self) -> Digest {
        self.hasher.as_ref().map_or_else(|| Digest::new(&[]), |hasher| hasher.digest())
    }
}

fn hash_message(hasher: &mut dyn Hasher, kind: HandshakeType, body: &[u8]) {
    let [a, b, c] = u24(body.len());
    hasher.update(&[kind.to_wire(), a, b, c]);
    hasher.update(body);
}

#[cfg(test)]
mod tests {
    use antiphon_crypto_rust::RustCrypto;

    use super::*;

    const SHA256: HashAlgorithm = HashAlgorithm::Sha256;

    #[test]
    fn the_two_versions_see_different_headers() {
        let provider = RustCrypto::new();
        let (mut old, mut new) = (Transcript::default(), Transcript::default());
        for transcript in [&mut old, &mut new] {
            transcript.push(HandshakeType::ClientHello, 7, b"hello");
        }
        old.choose_12(&provider, SHA256).unwrap();
        new.choose_13(&provider, SHA256).unwrap();
        for transcript in [&mut old, &mut new] {
            transcript.push(HandshakeType::ServerHello, 8, b"hi");
        }
        let old_bytes = b"\x01\0\0\x05\0\x07\0\0\0\0\0\x05hello\x02\0\0\x02\0\x08\0\0\0\0\0\x02hi";
        assert_eq!(old.bytes(), old_bytes);
        assert_eq!(old.hash(), provider.hash(SHA256, old_bytes).unwrap());
        let new_bytes = b"\x01\0\0\x05hello\x02\0\0\x02hi";
        assert_eq!(new.hash(), provider.hash(SHA256, new_bytes).unwrap());
        assert_eq!(new.bytes(), b"");
    }

    //= rfc8446#4.4.1
    //= type=test
    #[test]
    fn a_retried_hello_counts_as_its_hash() {
        let provider = RustCrypto::new();
        let first = provider.hash(SHA256, b"\x01\0\0\x05hello").unwrap();
        let mut transcript = Transcript::default();
        transcript.begin_with_hash(&provider, SHA256, first.as_bytes()).unwrap();
        let expected = [b"\xfe\0\0\x20", first.as_bytes()].concat();
        assert_eq!(transcript.hash(), provider.hash(SHA256, &expected).unwrap());
    }
}
