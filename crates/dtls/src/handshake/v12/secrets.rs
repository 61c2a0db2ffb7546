use antiphon_crypto::{AeadAlgorithm, CryptoError, CryptoProvider, NONCE_LEN, Secret};
use zeroize::Zeroizing;

use crate::handshake::v12::prf::prf;
use crate::record::{DirectionKeys, SALT_LEN};
use crate::wire::RANDOM_LEN;
use crate::{CipherSuite, ExportError, Role};

/// Bytes of the master secret.
const MASTER_LEN: usize = 48;

/// Bytes of the proof in a Finished message.
pub(crate) const VERIFY_DATA_LEN: usize = 12;

/// Both hellos' randoms.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Randoms {
    pub(crate) client: [u8; RANDOM_LEN],
    pub(crate) server: [u8; RANDOM_LEN],
}

/// The master secret and what is derived from it.
#[derive(Debug)]
pub(crate) struct Secrets {
    suite: CipherSuite,
    master: Secret,
    randoms: Randoms,
}

/// The keys of both directions.
#[derive(Debug)]
pub(crate) struct Keys {
    pub(crate) client: DirectionKeys,
    pub(crate) server: DirectionKeys,
}

impl Secrets {
    /// Derives the master secret from the agreed secret, and from the hash of the handshake up to
    /// ClientKeyExchange; without that, as it was before RFC 7627, from the randoms.
    pub(crate) fn derive(
        provider: &dyn CryptoProvider,
        suite: CipherSuite,
        agreed: &Secret,
        session_hash: Option<&[u8]>,
        randoms: Randoms,
    ) -> Result<Self, CryptoError> {
        let mut master = Zeroizing::new([0; MASTER_LEN]);
        let (hash, agreed) = (suite.hash(), agreed.expose());
        match session_hash {
            //= rfc7627#4
            // The hash of the handshake takes the place of the randoms.
            Some(session_hash) => {
                let label = b"extended master secret";
                prf(provider, hash, agreed, label, &[session_hash], &mut *master)?;
            }
            None => {
                let seeds: [&[u8]; 2] = [&randoms.client, &randoms.server];
                prf(provider, hash, agreed, b"master secret", &seeds, &mut *master)?;
            }
        }
        Ok(Self { suite, master: Secret::from(&master[..]), randoms })
    }

    /// The master secret, for a key log.
    pub(crate) fn master(&self) -> &[u8] {
        self.master.expose()
    }

    /// The keys and IVs that protect records (RFC 5246 section 6.3).
    pub(crate) fn keys(&self, provider: &dyn CryptoProvider) -> Result<Keys, CryptoError> {
        let aead = self.suite.aead();
        let iv_len = if aead == AeadAlgorithm::ChaCha20Poly1305 { NONCE_LEN } else { SALT_LEN };
        let len = aead.key_len().saturating_add(iv_len).saturating_mul(2);
        let mut block = Zeroizing::new(vec![0; len]);
        let seeds: [&[u8]; 2] = [&self.randoms.server, &self.randoms.client];
        let hash = self.suite.hash();
        prf(provider, hash, self.master.expose(), b"key expansion", &seeds, &mut block)?;
        let (client_key, rest) = block.split_at_checked(aead.key_len()).unwrap_or_default();
        let (server_key, rest) = rest.split_at_checked(aead.key_len()).unwrap_or_default();
        let (client_iv, server_iv) = rest.split_at_checked(iv_len).unwrap_or_default();
        let direction = |key: &[u8], bytes: &[u8]| {
            let mut iv = Zeroizing::new([0; NONCE_LEN]);
            for (to, from) in iv.iter_mut().zip(bytes) {
                *to = *from;
            }
            DirectionKeys { aead, key: Zeroizing::new(key.to_vec()), iv, sn_key: None }
        };
        Ok(Keys {
            client: direction(client_key, client_iv),
            server: direction(server_key, server_iv),
        })
    }

    /// What the Finished message of `sender` has to say after a handshake with this hash.
    pub(crate) fn verify_data(
        &self,
        provider: &dyn CryptoProvider,
        sender: Role,
        handshake_hash: &[u8],
    ) -> Result<[u8; VERIFY_DATA_LEN], CryptoError> {
        let label: &[u8] = match sender {
            Role::Client => b"client finished",
            Role::Server => b"server finished",
        };
        let mut data = [0; VERIFY_DATA_LEN];
        let (hash, master) = (self.suite.hash(), self.master.expose());
        prf(provider, hash, master, label, &[handshake_hash], &mut data)?;
        Ok(data)
    }

    /// Exports keying material (RFC 5705 section 4).
    pub(crate) fn export(
        &self,
        provider: &dyn CryptoProvider,
        label: &[u8],
        context: Option<&[u8]>,
        out: &mut [u8],
    ) -> Result<(), ExportError> {
        let (client, server) = (&self.randoms.client[..], &self.randoms.server[..]);
        let (hash, master) = (self.suite.hash(), self.master.expose());
        let Some(context) = context else {
            return Ok(prf(provider, hash, master, label, &[client, server], out)?);
        };
        let len = u16::try_from(context.len()).map_err(|_| ExportError::ContextTooLong {
            len: context.len(),
            limit: usize::from(u16::MAX),
        })?;
        let seeds = [client, server, &len.to_be_bytes()[..], context];
        Ok(prf(provider, hash, master, label, &seeds, out)?)
    }
}
