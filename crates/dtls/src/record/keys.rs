use antiphon_crypto::{Aead, AeadAlgorithm, CryptoError, CryptoProvider, HeaderProtection};
use antiphon_crypto::{NONCE_LEN, TAG_LEN};
use zeroize::Zeroizing;

/// Bytes of the nonce that every record of GCM in DTLS 1.2 carries.
pub(crate) const EXPLICIT_NONCE_LEN: usize = 8;

/// Bytes of the nonce that come from the key block, with GCM in DTLS 1.2.
pub(crate) const SALT_LEN: usize = 4;

/// The keys of one direction in one epoch.
pub(crate) struct DirectionKeys {
    pub(crate) aead: AeadAlgorithm,
    pub(crate) key: Zeroizing<Vec<u8>>,
    /// The IV; with GCM in DTLS 1.2 a salt, and zeros behind it.
    pub(crate) iv: Zeroizing<[u8; NONCE_LEN]>,
    /// Hides record numbers; only in DTLS 1.3.
    pub(crate) sn_key: Option<Zeroizing<Vec<u8>>>,
}

impl std::fmt::Debug for DirectionKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "DirectionKeys({:?})", self.aead)
    }
}

/// How nonces are made, and what stands around the ciphertext.
#[derive(Debug)]
pub(crate) enum Form {
    /// GCM in DTLS 1.2 ([RFC 5288 section 3]): a salt and eight bytes that the record carries.
    ///
    /// [RFC 5288 section 3]: https://www.rfc-editor.org/rfc/rfc5288#section-3
    Explicit,
    /// ChaCha20-Poly1305 in DTLS 1.2 ([RFC 7905 section 2]): epoch and sequence number on the IV.
    ///
    /// [RFC 7905 section 2]: https://www.rfc-editor.org/rfc/rfc7905#section-2
    Implicit,
    /// DTLS 1.3 ([RFC 9147 section 4]): the sequence number on the IV, and hidden.
    ///
    /// [RFC 9147 section 4]: https://www.rfc-editor.org/rfc/rfc9147#section-4
    Hidden(Box<dyn HeaderProtection>),
}

/// A keyed AEAD and how its records look.
#[derive(Debug)]
pub(crate) struct Cipher {
    pub(crate) aead: Box<dyn Aead>,
    pub(crate) algorithm: AeadAlgorithm,
    pub(crate) form: Form,
    iv: Zeroizing<[u8; NONCE_LEN]>,
}

impl Cipher {
    pub(crate) fn new(
        provider: &dyn CryptoProvider,
        keys: &DirectionKeys,
    ) -> Result<Self, CryptoError> {
        let form = match (&keys.sn_key, keys.aead) {
            (Some(sn_key), aead) => Form::Hidden(provider.header_protection(aead, sn_key)?),
            (None, AeadAlgorithm::ChaCha20Poly1305) => Form::Implicit,
            (None, _) => Form::Explicit,
        };
        Ok(Self {
            aead: provider.aead(keys.aead, &keys.key)?,
            algorithm: keys.aead,
            form,
            iv: keys.iv.clone(),
        })
    }

    /// The nonce for `number`: epoch and sequence number in DTLS 1.2, the sequence number alone in
    /// DTLS 1.3.
    pub(crate) fn nonce(&self, number: u64) -> [u8; NONCE_LEN] {
        let [a, b, c, d, rest @ ..] = *self.iv;
        let [e, f, g, h, i, j, k, l] = match self.form {
            Form::Explicit => number,
            Form::Implicit | Form::Hidden(_) => number ^ u64::from_be_bytes(rest),
        }
        .to_be_bytes();
        [a, b, c, d, e, f, g, h, i, j, k, l]
    }

    /// Bytes between the header and the ciphertext.
    pub(crate) fn explicit_len(&self) -> usize {
        match self.form {
            Form::Explicit => EXPLICIT_NONCE_LEN,
            Form::Implicit | Form::Hidden(_) => 0,
        }
    }

    /// Bytes behind the payload: tag, and the type where it is hidden.
    pub(crate) fn after(&self, has_cid: bool) -> usize {
        match self.form {
            Form::Explicit | Form::Implicit => TAG_LEN.saturating_add(usize::from(has_cid)),
            Form::Hidden(_) => TAG_LEN.saturating_add(1),
        }
    }

    /// How many records of full size one key may protect (RFC 8446 section 5.5).
    pub(crate) fn record_limit(&self) -> u64 {
        match (&self.form, self.algorithm) {
            //= rfc9147#4.5.3
            // 2^24.5 records, rounded down.
            (Form::Hidden(_), AeadAlgorithm::Aes128Gcm | AeadAlgorithm::Aes256Gcm) => 23_726_566,
            (Form::Hidden(_) | Form::Explicit | Form::Implicit, _) => u64::MAX,
        }
    }
}
