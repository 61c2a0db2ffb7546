use std::fmt::{self, Debug};

use crate::AeadError;

/// Bytes of the nonce of every AEAD here.
pub const NONCE_LEN: usize = 12;

/// Bytes of the tag of every AEAD here.
pub const TAG_LEN: usize = 16;

/// Bytes of the mask of a [`HeaderProtection`].
pub const MASK_LEN: usize = 5;

/// Authenticated encryption, by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AeadAlgorithm {
    /// AES-128-GCM, 16-byte key.
    Aes128Gcm,
    /// AES-256-GCM, 32-byte key.
    Aes256Gcm,
    /// ChaCha20-Poly1305 (RFC 8439), 32-byte key.
    ChaCha20Poly1305,
}

impl AeadAlgorithm {
    /// Length of the key in bytes.
    #[must_use]
    pub const fn key_len(self) -> usize {
        match self {
            Self::Aes128Gcm => 16,
            Self::Aes256Gcm | Self::ChaCha20Poly1305 => 32,
        }
    }
}

/// A keyed AEAD that works in place and keeps the tag apart. Neither direction allocates.
///
/// The caller never uses a nonce twice with one key; the protocol crates count them.
pub trait Aead: Send + Sync {
    /// Encrypts `text` in place and returns the tag over `aad` and the ciphertext.
    ///
    /// # Errors
    ///
    /// [`AeadError`] when `text` is longer than the algorithm can take.
    fn seal(
        &self,
        nonce: &[u8; NONCE_LEN],
        aad: &[u8],
        text: &mut [u8],
    ) -> Result<[u8; TAG_LEN], AeadError>;

    /// Checks `tag` in constant time, then decrypts `text` in place.
    ///
    /// # Errors
    ///
    /// [`AeadError`] when the tag is wrong; what `text` holds then must not be used.
    fn open(
        &self,
        nonce: &[u8; NONCE_LEN],
        aad: &[u8],
        text: &mut [u8],
        tag: &[u8; TAG_LEN],
    ) -> Result<(), AeadError>;
}

impl Debug for dyn Aead + '_ {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Aead")
    }
}

/// A stream cipher, by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StreamAlgorithm {
    /// AES-128 in counter mode, 16-byte key.
    Aes128Ctr,
    /// AES-256 in counter mode, 32-byte key.
    Aes256Ctr,
}

impl StreamAlgorithm {
    /// Length of the key in bytes.
    #[must_use]
    pub const fn key_len(self) -> usize {
        match self {
            Self::Aes128Ctr => 16,
            Self::Aes256Ctr => 32,
        }
    }
}

/// A keyed stream cipher. Applying it does not allocate.
pub trait StreamCipher: Send + Sync {
    /// XORs the key stream that starts at the big-endian 128-bit counter block `iv` onto `data`.
    fn apply(&self, iv: &[u8; 16], data: &mut [u8]);
}

impl Debug for dyn StreamCipher + '_ {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StreamCipher")
    }
}

/// The keyed function that hides record and packet numbers ([RFC 9147] section 4.2.3, [RFC 9001]
/// section 5.4). Making a mask does not allocate.
///
/// [RFC 9147]: https://www.rfc-editor.org/rfc/rfc9147#section-4.2.3
/// [RFC 9001]: https://www.rfc-editor.org/rfc/rfc9001#section-5.4
pub trait HeaderProtection: Send + Sync {
    /// The mask that goes with a sample of the ciphertext, its first 16 bytes: the start of the
    /// sample encrypted with AES, or that of ChaCha20's block whose counter are the first 4 bytes of
    /// the sample (little-endian) and whose nonce are the other 12. DTLS 1.3 needs 2 bytes at most,
    /// QUIC [`MASK_LEN`].
    fn mask(&self, sample: &[u8; 16]) -> [u8; MASK_LEN];
}

impl Debug for dyn HeaderProtection + '_ {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HeaderProtection")
    }
}
