//! AES-GCM around a record, as TLS 1.2 does it ([RFC 5288 section 3]).
//!
//! [RFC 5288 section 3]: https://www.rfc-editor.org/rfc/rfc5288#section-3

use std::ops::Range;

use antiphon_crypto::{Aead, AeadAlgorithm, CryptoError, CryptoProvider, NONCE_LEN, TAG_LEN};
use zeroize::Zeroizing;

use crate::InputError;
use crate::record::replay::ReplayWindow;
use crate::wire::record::{HEADER_LEN, RecordHeader};

/// Bytes of the nonce that every record carries.
const EXPLICIT_NONCE_LEN: usize = 8;

/// Bytes of the nonce that come from the key block.
pub(crate) const SALT_LEN: usize = 4;

/// What protection puts in front of a payload: header and explicit nonce.
pub(crate) const PROTECTION_BEFORE: usize = HEADER_LEN + EXPLICIT_NONCE_LEN;

/// What protection puts behind a payload: the tag.
pub(crate) const PROTECTION_AFTER: usize = TAG_LEN;

/// More refused records than this, and the key must not be used any more (RFC 9147 section 4.5.3).
const FORGERY_LIMIT: u64 = 1 << 36;

/// Bytes that the additional data have.
const AAD_LEN: usize = 13;

/// Key and salt of one direction.
pub(crate) struct DirectionKeys {
    pub(crate) key: Zeroizing<Vec<u8>>,
    pub(crate) salt: Zeroizing<[u8; SALT_LEN]>,
}

impl std::fmt::Debug for DirectionKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("DirectionKeys")
    }
}

/// A keyed AEAD and the fixed part of its nonces.
#[derive(Debug)]
struct Gcm {
    aead: Box<dyn Aead>,
    salt: Zeroizing<[u8; SALT_LEN]>,
}

impl Gcm {
    fn new(provider: &dyn CryptoProvider, keys: DirectionKeys) -> Result<Self, CryptoError> {
        Ok(Self { aead: provider.aead(AeadAlgorithm::Aes128Gcm, &keys.key)?, salt: keys.salt })
    }

    fn nonce(&self, explicit: [u8; EXPLICIT_NONCE_LEN]) -> [u8; NONCE_LEN] {
        let [a, b, c, d] = *self.salt;
        let [e, f, g, h, i, j, k, l] = explicit;
        [a, b, c, d, e, f, g, h, i, j, k, l]
    }
}

/// Epoch and sequence number, type, version, and the length of the plaintext.
fn additional_data(header: RecordHeader, plaintext_len: usize) -> [u8; AAD_LEN] {
    let [a, b, c, d, e, f, g, h] = header.number().to_be_bytes();
    let [i, j] = header.version.to_be_bytes();
    let [k, l] = u16::try_from(plaintext_len).unwrap_or(u16::MAX).to_be_bytes();
    [a, b, c, d, e, f, g, h, header.kind, i, j, k, l]
}

/// Protects what we send.
#[derive(Debug)]
pub(crate) struct Sealer(Gcm);

impl Sealer {
    pub(crate) fn new(
        provider: &dyn CryptoProvider,
        keys: DirectionKeys,
    ) -> Result<Self, CryptoError> {
        Gcm::new(provider, keys).map(Self)
    }

    /// Encrypts the payload in the middle of `record` and fills in everything around it.
    /// `None` when `record` is too short or the payload too long.
    pub(crate) fn seal(&self, header: RecordHeader, record: &mut [u8]) -> Option<()> {
        let len = record.len().checked_sub(HEADER_LEN)?;
        let (front, rest) = record.split_first_chunk_mut::<HEADER_LEN>()?;
        let (explicit, rest) = rest.split_first_chunk_mut::<EXPLICIT_NONCE_LEN>()?;
        let (text, tag) = rest.split_last_chunk_mut::<TAG_LEN>()?;
        //= rfc5288#3
        // Epoch and sequence number together never repeat under one key, so they are the nonce.
        *explicit = header.number().to_be_bytes();
        let aad = additional_data(header, text.len());
        *tag = self.0.aead.seal(&self.0.nonce(*explicit), &aad, text).ok()?;
        *front = RecordHeader { len, ..header }.to_bytes();
        Some(())
    }
}

/// Opens what the peer sends, each record once.
#[derive(Debug)]
pub(crate) struct Opener {
    gcm: Gcm,
    window: ReplayWindow,
    forgeries: u64,
}

impl Opener {
    pub(crate) fn new(
        provider: &dyn CryptoProvider,
        keys: DirectionKeys,
    ) -> Result<Self, CryptoError> {
        Ok(Self { gcm: Gcm::new(provider, keys)?, window: ReplayWindow::new(), forgeries: 0 })
    }

    /// Checks and decrypts a record's payload in place; says where the plaintext lies in it.
    pub(crate) fn open(
        &mut self,
        header: RecordHeader,
        payload: &mut [u8],
    ) -> Result<Range<usize>, InputError> {
        //= rfc6347#4.1.2.6
        // The window is asked before the tag, and learns the number only after it.
        if !self.window.is_new(header.sequence) {
            return Err(InputError::Replayed(header.sequence));
        }
        let plaintext = self.authentic(header, payload);
        match plaintext {
            Some(_) => self.window.accept(header.sequence),
            None => self.forgeries = self.forgeries.saturating_add(1),
        }
        plaintext.ok_or(InputError::NotAuthentic)
    }

    fn authentic(&self, header: RecordHeader, payload: &mut [u8]) -> Option<Range<usize>> {
        let (explicit, rest) = payload.split_first_chunk_mut::<EXPLICIT_NONCE_LEN>()?;
        let (text, tag) = rest.split_last_chunk_mut::<TAG_LEN>()?;
        let aad = additional_data(header, text.len());
        self.gcm.aead.open(&self.gcm.nonce(*explicit), &aad, text, tag).ok()?;
        Some(EXPLICIT_NONCE_LEN..EXPLICIT_NONCE_LEN.saturating_add(text.len()))
    }

    /// Whether the key has refused so many records that it must not be used any more.
    pub(crate) fn is_exhausted(&self) -> bool {
        self.forgeries >= FORGERY_LIMIT
    }

    #[cfg(test)]
    pub(crate) fn set_forgeries(&mut self, forgeries: u64) {
        self.forgeries = forgeries;
    }
}
