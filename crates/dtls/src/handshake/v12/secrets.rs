use antiphon_crypto::{CryptoError, CryptoProvider, Secret};
use zeroize::Zeroizing;

use crate::handshake::v12::prf::prf;
use crate::record::DirectionKeys;
use crate::wire::RANDOM_LEN;
use crate::{ExportError, Role};

/// Bytes of the master secret.
const MASTER_LEN: usize = 48;

/// Bytes of the proof in a Finished message.
pub(crate) const VERIFY_DATA_LEN: usize = 12;

/// Bytes of an AES-128 key.
const KEY_LEN: usize = 16;

/// The salts' bytes.
const SALT_LEN: usize = crate::record::SALT_LEN;

/// Both hellos' randoms.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Randoms {
    pub(crate) client: [u8; RANDOM_LEN],
    pub(crate) server: [u8; RANDOM_LEN],
}

/// The master secret and what is derived from it.
#[derive(Debug)]
pub(crate) struct Secrets {
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
    /// Derives the master secret from the agreed secret and the hash of the handshake up to
    /// ClientKeyExchange.
    pub(crate) fn derive(
        provider: &dyn CryptoProvider,
        agreed: &Secret,
        session_hash: &[u8],
        randoms: Randoms,
    ) -> Result<Self, CryptoError> {
        let mut master = Zeroizing::new([0; MASTER_LEN]);
        //= rfc7627#4
        // The hash of the handshake takes the place of the randoms.
        let label = b"extended master secret";
        prf(provider, agreed.expose(), label, &[session_hash], &mut *master)?;
        Ok(Self { master: Secret::from(&master[..]), randoms })
    }

    /// The keys and salts that protect records (RFC 5246 section 6.3).
    pub(crate) fn keys(&self, provider: &dyn CryptoProvider) -> Result<Keys, CryptoError> {
        let mut block = Zeroizing::new([0; 2 * (KEY_LEN + SALT_LEN)]);
        let seeds: [&[u8]; 2] = [&self.randoms.server, &self.randoms.client];
        prf(provider, self.master.expose(), b"key expansion", &seeds, &mut *block)?;
        let (client_key, rest) = block.split_at(KEY_LEN);
        let (server_key, rest) = rest.split_at(KEY_LEN);
        let (client_salt, server_salt) = rest.split_at(SALT_LEN);
        let direction = |key: &[u8], salt: &[u8]| DirectionKeys {
            key: Zeroizing::new(key.to_vec()),
            salt: Zeroizing::new(salt.first_chunk().copied().unwrap_or_default()),
        };
        Ok(Keys {
            client: direction(client_key, client_salt),
            server: direction(server_key, server_salt),
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
        prf(provider, self.master.expose(), label, &[handshake_hash], &mut data)?;
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
        let master = self.master.expose();
        let Some(context) = context else {
            return Ok(prf(provider, master, label, &[client, server], out)?);
        };
        let len = u16::try_from(context.len()).map_err(|_| ExportError::ContextTooLong {
            len: context.len(),
            limit: usize::from(u16::MAX),
        })?;
        let seeds = [client, server, &len.to_be_bytes()[..], context];
        Ok(prf(provider, master, label, &seeds, out)?)
    }
}
