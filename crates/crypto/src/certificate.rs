use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use subtle::ConstantTimeEq as _;

use crate::{
    CertificateError, CryptoProvider, Digest, FingerprintError, HashAlgorithm, PublicKeyKind,
    SigningKey,
};

/// A certificate of ours with its private key. Clones share both.
#[derive(Clone, Debug)]
pub struct Certificate {
    der: Arc<[u8]>,
    key: Arc<dyn SigningKey>,
    expires: Duration,
}

impl Certificate {
    /// Joins a DER-encoded certificate and its key. `expires` counts from the Unix epoch.
    #[must_use]
    pub fn new(der: Vec<u8>, key: Arc<dyn SigningKey>, expires: Duration) -> Self {
        Self { der: der.into(), key, expires }
    }

    /// The certificate, DER-encoded.
    #[must_use]
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// The private key.
    #[must_use]
    pub fn key(&self) -> &dyn SigningKey {
        &*self.key
    }

    /// The end of its validity, since the Unix epoch. W3C webrtc-pc section 4.9.
    #[must_use]
    pub fn expires(&self) -> Duration {
        self.expires
    }

    /// The certificate's fingerprint with `algorithm`.
    ///
    /// # Errors
    ///
    /// [`CertificateError::Crypto`] when the provider lacks the hash function.
    pub fn fingerprint(
        &self,
        provider: &dyn CryptoProvider,
        algorithm: HashAlgorithm,
    ) -> Result<Fingerprint, CertificateError> {
        Ok(Fingerprint { algorithm, digest: provider.hash(algorithm, &self.der)? })
    }
}

/// What to put into a new certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CertificateParams {
    /// Kind of key; the default is [`PublicKeyKind::EcdsaP256`].
    pub kind: PublicKeyKind,
    /// The current time since the Unix epoch. Validity starts a day before, for peers whose
    /// clocks are late.
    pub now: Duration,
    /// How long from `now` on it is valid: at least 1 s, 30 days by default, at most
    /// [`MAX_LIFETIME`](Self::MAX_LIFETIME). W3C webrtc-pc section 4.9.
    pub lifetime: Duration,
}

impl CertificateParams {
    /// The longest lifetime: 365 days.
    pub const MAX_LIFETIME: Duration = Duration::from_secs(365 * 86_400);

    /// A P-256 key and 30 days, from `now` (since the Unix epoch) on.
    #[must_use]
    pub const fn new(now: Duration) -> Self {
        Self { kind: PublicKeyKind::EcdsaP256, now, lifetime: Duration::from_secs(30 * 86_400) }
    }

    /// The moment the certificate expires, since the Unix epoch.
    ///
    /// # Errors
    ///
    /// [`CertificateError::Lifetime`].
    pub fn expires(&self) -> Result<Duration, CertificateError> {
        let (seconds, limit) = (self.lifetime.as_secs(), Self::MAX_LIFETIME.as_secs());
        match self.now.checked_add(self.lifetime) {
            Some(expires) if (1..=limit).contains(&seconds) => Ok(expires),
            _ => Err(CertificateError::Lifetime { seconds, limit }),
        }
    }
}

/// What a peer's certificate says about itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CertificateInfo {
    /// The kind of its key.
    pub kind: PublicKeyKind,
}

impl CertificateInfo {
    /// Describes a certificate with a key of this kind.
    #[must_use]
    pub const fn new(kind: PublicKeyKind) -> Self {
        Self { kind }
    }
}

/// A certificate's fingerprint, as `a=fingerprint` carries it ([RFC 8122] section 5).
///
/// `Display` writes the hash function in lower and the digest in upper case, as the grammar has
/// it; parsing takes any case. MD5 and SHA-1 are refused: they bind nothing any more.
///
/// [RFC 8122]: https://www.rfc-editor.org/rfc/rfc8122
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fingerprint {
    algorithm: HashAlgorithm,
    digest: Digest,
}

impl Fingerprint {
    /// A fingerprint from its parts.
    ///
    /// # Errors
    ///
    /// [`FingerprintError::Algorithm`] for MD5 and SHA-1, [`FingerprintError::Length`].
    pub fn new(algorithm: HashAlgorithm, digest: &[u8]) -> Result<Self, FingerprintError> {
        //= rfc8122#5
        // Weak hash functions must not be used to bind a certificate.
        match algorithm {
            HashAlgorithm::Md5 | HashAlgorithm::Sha1 => return Err(FingerprintError::Algorithm),
            HashAlgorithm::Sha256 | HashAlgorithm::Sha384 | HashAlgorithm::Sha512 => {}
        }
        let (need, len) = (algorithm.digest_len(), digest.len());
        if need != len {
            return Err(FingerprintError::Length { algorithm, need, len });
        }
        Ok(Self { algorithm, digest: Digest::new(digest) })
    }

    /// The hash function.
    #[must_use]
    pub fn algorithm(&self) -> HashAlgorithm {
        self.algorithm
    }

    /// The digest over the DER-encoded certificate.
    #[must_use]
    pub fn digest(&self) -> &[u8] {
        self.digest.as_bytes()
    }

    /// Whether `digest` is this one, compared in constant time.
    #[must_use]
    pub fn matches(&self, digest: &[u8]) -> bool {
        self.digest.as_bytes().ct_eq(digest).into()
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.algorithm.name())?;
        for (index, byte) in self.digest().iter().enumerate() {
            write!(f, "{}{byte:02X}", if index == 0 { ' ' } else { ':' })?;
        }
        Ok(())
    }
}

impl FromStr for Fingerprint {
    type Err = FingerprintError;

    fn from_str(text: &str) -> Result<Self, FingerprintError> {
        let (name, hex) =
            text.split_once(' ').ok_or(FingerprintError::Malformed { at: text.len() })?;
        let algorithm = HashAlgorithm::from_name(name).ok_or(FingerprintError::Algorithm)?;
        let mut digest = Vec::with_capacity(algorithm.digest_len());
        let mut at = name.len().saturating_add(1);
        for pair in hex.split(':') {
            // Two hex digits exactly; `from_str_radix` alone would take a sign.
            let byte = match pair.as_bytes() {
                [high, low] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                    u8::from_str_radix(pair, 16).ok()
                }
                _ => None,
            };
            digest.push(byte.ok_or(FingerprintError::Malformed { at })?);
            if digest.len() > crate::MAX_DIGEST_LEN {
                return Err(FingerprintError::Malformed { at });
            }
            at = at.saturating_add(3);
        }
        Self::new(algorithm, &digest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_reads_back_as_it_was_written() {
        let fingerprint = Fingerprint::new(HashAlgorithm::Sha256, &[0xab; 32]).unwrap();
        let text = fingerprint.to_string();
        assert!(text.starts_with("sha-256 AB:AB:"), "{text}");
        assert_eq!(text.parse(), Ok(fingerprint));
    }

    #[test]
    fn weak_hashes_bind_nothing() {
        let sha1 = format!("sha-1 {}", ["00"; 20].join(":"));
        assert_eq!(sha1.parse::<Fingerprint>(), Err(FingerprintError::Algorithm));
    }

    #[test]
    fn malformed_digests_name_the_place() {
        let cases = [
            ("sha-256", FingerprintError::Malformed { at: 7 }),
            ("sha-256 0", FingerprintError::Malformed { at: 8 }),
            ("sha-256 00:+1", FingerprintError::Malformed { at: 11 }),
            (
                "sha-256 00:01",
                FingerprintError::Length { algorithm: HashAlgorithm::Sha256, need: 32, len: 2 },
            ),
            ("md2 00", FingerprintError::Algorithm),
        ];
        for (text, error) in cases {
            assert_eq!(text.parse::<Fingerprint>(), Err(error), "{text}");
        }
    }

    #[test]
    fn a_year_is_the_longest_lifetime() {
        let mut params = CertificateParams::new(Duration::from_secs(1_000_000));
        assert_eq!(params.expires(), Ok(Duration::from_secs(1_000_000 + 30 * 86_400)));
        params.lifetime = Duration::from_secs(366 * 86_400);
        assert!(matches!(params.expires(), Err(CertificateError::Lifetime { .. })));
        params.lifetime = Duration::ZERO;
        assert!(matches!(params.expires(), Err(CertificateError::Lifetime { .. })));
    }
}
