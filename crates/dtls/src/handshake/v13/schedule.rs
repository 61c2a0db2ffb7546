//! The key schedule ([RFC 8446 section 7.1], [RFC 9147 section 5.9]), without shared keys known
//! before.
//!
//! [RFC 8446 section 7.1]: https://www.rfc-editor.org/rfc/rfc8446#section-7.1
//! [RFC 9147 section 5.9]: https://www.rfc-editor.org/rfc/rfc9147#section-5.9

use antiphon_crypto::{CryptoError, CryptoProvider, Digest, HashAlgorithm, MAX_DIGEST_LEN, Secret};
use antiphon_crypto::{NONCE_LEN, hkdf};
use zeroize::Zeroizing;

use crate::record::DirectionKeys;
use crate::{CipherSuite, ExportError, Role};

/// What every label begins with.
const PREFIX: &[u8] = b"dtls13";

/// Fills `out` with what follows from `secret` under `label` and `context`.
pub(super) fn expand_label(
    provider: &dyn CryptoProvider,
    hash: HashAlgorithm,
    secret: &[u8],
    label: &[u8],
    context: &[u8],
    out: &mut [u8],
) -> Result<(), CryptoError> {
    let too_long = CryptoError::OutputLength { limit: usize::from(u16::MAX), len: out.len() };
    let len = u16::try_from(out.len()).map_err(|_| too_long)?.to_be_bytes();
    let label_len = [u8::try_from(PREFIX.len().saturating_add(label.len())).unwrap_or(u8::MAX)];
    let context_len = [u8::try_from(context.len()).unwrap_or(u8::MAX)];
    //= rfc9147#5.9
    // The labels of DTLS differ from those of TLS.
    let info: [&[u8]; 6] = [&len, &label_len, PREFIX, label, &context_len, context];
    hkdf::expand(provider, hash, secret, &info, out)
}

/// A secret as long as a digest.
fn derive(
    provider: &dyn CryptoProvider,
    hash: HashAlgorithm,
    secret: &[u8],
    label: &[u8],
    transcript: &[u8],
) -> Result<Secret, CryptoError> {
    let mut out = Zeroizing::new([0; MAX_DIGEST_LEN]);
    let out = out.get_mut(..hash.digest_len()).unwrap_or_default();
    expand_label(provider, hash, secret, label, transcript, out)?;
    Ok(Secret::from(&out[..]))
}

/// Secrets of the handshake, and the one that the rest follows from.
#[derive(Debug)]
pub(crate) struct HandshakeSecrets {
    pub(super) suite: CipherSuite,
    client: Secret,
    server: Secret,
    master: Secret,
}

impl HandshakeSecrets {
    /// From the agreed secret and the hash of both hellos.
    pub(crate) fn derive(
        provider: &dyn CryptoProvider,
        suite: CipherSuite,
        agreed: &Secret,
        hellos: &Digest,
    ) -> Result<Self, CryptoError> {
        let hash = suite.hash();
        let zeros = [0; MAX_DIGEST_LEN];
        let zeros = zeros.get(..hash.digest_len()).unwrap_or_default();
        let nothing = provider.hash(hash, &[])?;
        let early = hkdf::extract(provider, hash, &[], zeros)?;
        let derived = derive(provider, hash, early.expose(), b"derived", nothing.as_bytes())?;
        let handshake = hkdf::extract(provider, hash, derived.expose(), agreed.expose())?;
        let secret = handshake.expose();
        let derived = derive(provider, hash, secret, b"derived", nothing.as_bytes())?;
        Ok(Self {
            suite,
            client: derive(provider, hash, secret, b"c hs traffic", hellos.as_bytes())?,
            server: derive(provider, hash, secret, b"s hs traffic", hellos.as_bytes())?,
            master: hkdf::extract(provider, hash, derived.expose(), zeros)?,
        })
    }

    /// The secret of what `sender` sends.
    pub(crate) fn of(&self, sender: Role) -> &Secret {
        match sender {
            Role::Client => &self.client,
            Role::Server => &self.server,
        }
    }

    /// The keys of what `sender` sends.
    pub(crate) fn keys(
        &self,
        provider: &dyn CryptoProvider,
        sender: Role,
    ) -> Result<DirectionKeys, CryptoError> {
        traffic_keys(provider, self.suite, self.of(sender))
    }

    /// What the Finished message of `sender` has to say.
    pub(crate) fn verify_data(
        &self,
        provider: &dyn CryptoProvider,
        sender: Role,
        transcript: &Digest,
    ) -> Result<Digest, CryptoError> {
        let hash = self.suite.hash();
        let mut key = Zeroizing::new([0; MAX_DIGEST_LEN]);
        let key = key.get_mut(..hash.digest_len()).unwrap_or_default();
        expand_label(provider, hash, self.of(sender).expose(), b"finished", &[], key)?;
        Ok(provider.hmac(hash, key)?.sign(&[transcript.as_bytes()]))
    }

    /// The secrets of application data, from the hash of everything up to the server's Finished.
    pub(crate) fn application(
        &self,
        provider: &dyn CryptoProvider,
        transcript: &Digest,
    ) -> Result<Secrets, CryptoError> {
        let hash = self.suite.hash();
        let secret =
            |label| derive(provider, hash, self.master.expose(), label, transcript.as_bytes());
        Ok(Secrets {
            suite: self.suite,
            client: secret(b"c ap traffic")?,
            server: secret(b"s ap traffic")?,
            exporter: secret(b"exp master")?,
        })
    }
}

/// The secrets of application data.
#[derive(Debug)]
pub(crate) struct Secrets {
    suite: CipherSuite,
    client: Secret,
    server: Secret,
    pub(crate) exporter: Secret,
}

impl Secrets {
    /// The secret of what `sender` sends.
    pub(crate) fn of(&self, sender: Role) -> &Secret {
        match sender {
            Role::Client => &self.client,
            Role::Server => &self.server,
        }
    }

    /// The keys of what `sender` sends.
    pub(crate) fn keys(
        &self,
        provider: &dyn CryptoProvider,
        sender: Role,
    ) -> Result<DirectionKeys, CryptoError> {
        traffic_keys(provider, self.suite, self.of(sender))
    }

    //= rfc8446#7.2
    // Each secret follows from the one before, which is forgotten.
    pub(crate) fn advance(
        &mut self,
        provider: &dyn CryptoProvider,
        sender: Role,
    ) -> Result<DirectionKeys, CryptoError> {
        let hash = self.suite.hash();
        let next = derive(provider, hash, self.of(sender).expose(), b"traffic upd", &[])?;
        match sender {
            Role::Client => self.client = next,
            Role::Server => self.server = next,
        }
        self.keys(provider, sender)
    }

    /// Exports keying material (RFC 8446 section 7.5).
    pub(crate) fn export(
        &self,
        provider: &dyn CryptoProvider,
        label: &[u8],
        context: Option<&[u8]>,
        out: &mut [u8],
    ) -> Result<(), ExportError> {
        let context = context.unwrap_or_default();
        let (len, limit) = (context.len(), usize::from(u16::MAX));
        if len > limit {
            return Err(ExportError::ContextTooLong { len, limit });
        }
        let (len, limit) = (label.len(), usize::from(u8::MAX).saturating_sub(PREFIX.len()));
        if len > limit {
            return Err(ExportError::LabelTooLong { len, limit });
        }
        let hash = self.suite.hash();
        let nothing = provider.hash(hash, &[])?;
        let secret = derive(provider, hash, self.exporter.expose(), label, nothing.as_bytes())?;
        let context = provider.hash(hash, context)?;
        Ok(expand_label(provider, hash, secret.expose(), b"exporter", context.as_bytes(), out)?)
    }
}

/// Key, IV and the key that hides record numbers.
fn traffic_keys(
    provider: &dyn CryptoProvider,
    suite: CipherSuite,
    secret: &Secret,
) -> Result<DirectionKeys, CryptoError> {
    let (hash, secret, len) = (suite.hash(), secret.expose(), suite.aead().key_len());
    let mut key = Zeroizing::new(vec![0; len]);
    expand_label(provider, hash, secret, b"key", &[], &mut key)?;
    let mut iv = Zeroizing::new([0; NONCE_LEN]);
    expand_label(provider, hash, secret, b"iv", &[], &mut *iv)?;
    let mut sn_key = Zeroizing::new(vec![0; len]);
    //= rfc9147#4.2.3
    // Record numbers are hidden under a key of their own.
    expand_label(provider, hash, secret, b"sn", &[], &mut sn_key)?;
    Ok(DirectionKeys { aead: suite.aead(), key, iv, sn_key: Some(sn_key) })
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use antiphon_crypto_rust::RustCrypto;

    use super::*;

    /// Suite, name and value, computed by another program from the definitions in RFC 8446
    /// section 7.1 and RFC 9147 section 5.9, with an agreed secret of the bytes 0 to 63.
    const FIXTURE: &str = include_str!("../../../tests/fixtures/schedule.tsv");

    fn expected(suite: CipherSuite) -> HashMap<&'static str, &'static str> {
        FIXTURE
            .lines()
            .filter_map(|line| line.strip_prefix(&format!("{suite:?}\t")))
            .map(|line| line.split_once('\t').unwrap())
            .collect()
    }

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    //= rfc9147#5.9
    //= type=test
    #[test]
    fn every_secret_is_what_another_program_derives() {
        let provider = RustCrypto::new();
        let agreed = Secret::new((0..64).collect());
        for suite in
            CipherSuite::ALL.into_iter().filter(|suite| suite.version() == crate::Version::Dtls13)
        {
            let expected = expected(suite);
            let hash = |text: &[u8]| provider.hash(suite.hash(), text).unwrap();
            let (hellos, all) = (hash(b"both hellos"), hash(b"up to the server's Finished"));
            let handshake = HandshakeSecrets::derive(&provider, suite, &agreed, &hellos).unwrap();
            let mut found = vec![
                ("client handshake traffic", hex(handshake.of(Role::Client).expose())),
                ("server handshake traffic", hex(handshake.of(Role::Server).expose())),
            ];
            let keys = handshake.keys(&provider, Role::Client).unwrap();
            found.push(("client handshake key", hex(&keys.key)));
            found.push(("client handshake iv", hex(&*keys.iv)));
            found.push(("client handshake sn", hex(&keys.sn_key.unwrap())));
            let finished = handshake.verify_data(&provider, Role::Server, &all).unwrap();
            found.push(("server Finished", hex(finished.as_bytes())));
            let mut secrets = handshake.application(&provider, &all).unwrap();
            found.push(("client application traffic", hex(secrets.of(Role::Client).expose())));
            found.push(("server application traffic", hex(secrets.of(Role::Server).expose())));
            found.push(("exporter", hex(secrets.exporter.expose())));
            let mut exported = [0; 48];
            let context = Some(&b"context"[..]);
            secrets.export(&provider, b"EXPERIMENTAL", context, &mut exported).unwrap();
            found.push(("exported", hex(&exported)));
            secrets.advance(&provider, Role::Client).unwrap();
            let updated = hex(secrets.of(Role::Client).expose());
            found.push(("client application traffic, updated", updated));
            assert_eq!(found.len(), expected.len());
            for (name, value) in found {
                assert_eq!(expected[name], value, "{suite:?} {name}");
            }
        }
    }

    #[test]
    fn labels_and_contexts_have_limits() {
        let provider = RustCrypto::new();
        let suite = CipherSuite::Aes128GcmSha256;
        let agreed = Secret::new(vec![7; 32]);
        let hash = provider.hash(suite.hash(), b"x").unwrap();
        let handshake = HandshakeSecrets::derive(&provider, suite, &agreed, &hash).unwrap();
        let secrets = handshake.application(&provider, &hash).unwrap();
        let error = secrets.export(&provider, &[b'x'; 250], None, &mut [0; 8]);
        assert_eq!(error, Err(ExportError::LabelTooLong { len: 250, limit: 249 }));
        let error = secrets.export(&provider, b"x", Some(&[0; 65_536]), &mut [0; 8]);
        assert_eq!(error, Err(ExportError::ContextTooLong { len: 65_536, limit: 65_535 }));
    }
}
