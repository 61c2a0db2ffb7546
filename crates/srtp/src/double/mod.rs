//! Double encryption ([RFC 8723]): end to end, and once more hop by hop.
//!
//! A [`DoubleSender`] encrypts a payload with the *inner* key, which only endpoints have, and the
//! packet with the *outer* key, which it shares with a media distributor. The distributor is an
//! [`SrtpReceiver`](crate::SrtpReceiver) and an [`SrtpSender`](crate::SrtpSender) with outer keys;
//! in between it may change payload type, sequence number and marker with [`rewrite`], which keeps
//! the original values in a block at the end of the payload. A [`DoubleReceiver`] undoes both.
//!
//! ```
//! use antiphon_crypto_rust::RustCrypto;
//! use antiphon_srtp::double::{Changes, DoubleProfile, DoubleReceiver, DoubleSender, rewrite};
//! use antiphon_srtp::{Config, SrtpReceiver, SrtpSender};
//!
//! let (provider, config) = (RustCrypto::new(), Config::default());
//! let profile = DoubleProfile::AeadAes128GcmAeadAes128Gcm;
//! let (inner, up, down) = ([1; 16], [2; 16], [3; 16]);
//! let (salt, both) = ([4; 12], [4; 24]);
//! let mut alice = DoubleSender::new(&provider, profile, &[inner, up].concat(), &both, &config)?;
//! let mut bob = DoubleReceiver::new(&provider, profile, &[inner, down].concat(), &both, &config)?;
//! // The distributor has the outer keys alone, and another one towards each receiver.
//! let mut from_alice = SrtpReceiver::new(&provider, profile.outer(), &up, &salt, &config)?;
//! let mut to_bob = SrtpSender::new(&provider, profile.outer(), &down, &salt, &config)?;
//!
//! let mut buf = [0; 128];
//! buf[..20].copy_from_slice(b"\x80\x60\x00\x01\x00\x00\x00\x02\x00\x00\x00\x03versicle");
//! let len = alice.protect(&mut buf, 20)?;
//!
//! let len = from_alice.unprotect(&mut buf[..len])?;
//! let changes = Changes { payload_type: Some(97), sequence_number: Some(777), marker: None };
//! let len = rewrite(&mut buf, len, changes)?;
//! let len = to_bob.protect(&mut buf, len)?;
//!
//! let opened = bob.unprotect(&mut buf[..len])?;
//! assert_eq!(&buf[12..opened.len], b"versicle");
//! assert_eq!((opened.payload_type, opened.sequence_number), (96, 1));
//! assert_eq!((buf[1], buf[2], buf[3]), (97, 3, 9));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! [RFC 8723]: https://www.rfc-editor.org/rfc/rfc8723

mod header_block;
mod inner;
mod receiver;
mod sender;

pub use header_block::{Changes, RewriteError, rewrite};
pub use receiver::{DoubleReceiver, DoubleUnprotectError, Opened};
pub use sender::DoubleSender;

use crate::Profile;

/// Bytes that suffice behind a packet for [`DoubleSender::protect`]: what the outer profile adds,
/// the inner tag and an empty original header block.
pub const MAX_DOUBLE_TRAILER: usize = crate::MAX_TRAILER + 16 + 1;

/// A pair of profiles, by its number in DTLS-SRTP ([RFC 8723] section 10.1).
///
/// [RFC 8723]: https://www.rfc-editor.org/rfc/rfc8723
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DoubleProfile {
    /// AES-128-GCM twice, 0x0009.
    AeadAes128GcmAeadAes128Gcm,
    /// AES-256-GCM twice, 0x000a.
    AeadAes256GcmAeadAes256Gcm,
}

impl DoubleProfile {
    /// The number on the wire.
    #[must_use]
    pub const fn to_wire(self) -> u16 {
        match self {
            Self::AeadAes128GcmAeadAes128Gcm => 0x0009,
            Self::AeadAes256GcmAeadAes256Gcm => 0x000a,
        }
    }

    /// The profile of that number, if it is one of these.
    #[must_use]
    pub const fn from_wire(number: u16) -> Option<Self> {
        match number {
            0x0009 => Some(Self::AeadAes128GcmAeadAes128Gcm),
            0x000a => Some(Self::AeadAes256GcmAeadAes256Gcm),
            _ => None,
        }
    }

    /// The profile between neighbours: that of a media distributor.
    #[must_use]
    pub const fn outer(self) -> Profile {
        self.inner()
    }

    /// The profile between the endpoints.
    #[must_use]
    pub const fn inner(self) -> Profile {
        match self {
            Self::AeadAes128GcmAeadAes128Gcm => Profile::AeadAes128Gcm,
            Self::AeadAes256GcmAeadAes256Gcm => Profile::AeadAes256Gcm,
        }
    }

    /// Bytes of the master key: the inner one and the outer one.
    #[must_use]
    pub const fn key_len(self) -> usize {
        self.inner().key_len().saturating_add(self.outer().key_len())
    }

    /// Bytes of the master salt: the inner one and the outer one.
    #[must_use]
    pub const fn salt_len(self) -> usize {
        self.inner().salt_len().saturating_add(self.outer().salt_len())
    }

    /// The inner half and the outer half of a master key or salt. The profile sees to their
    /// lengths when they are used.
    pub(crate) fn split(both: &[u8]) -> (&[u8], &[u8]) {
        //= rfc8723#3.1
        // The first halves are for the inner algorithm, the second for the outer one; the
        // derivation works on each half alone.
        both.split_at_checked(both.len() / 2).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_lead_back_to_their_profiles() {
        for profile in
            [DoubleProfile::AeadAes128GcmAeadAes128Gcm, DoubleProfile::AeadAes256GcmAeadAes256Gcm]
        {
            assert_eq!(DoubleProfile::from_wire(profile.to_wire()), Some(profile));
            assert_eq!(profile.key_len(), 2 * profile.inner().key_len());
            assert_eq!(profile.salt_len(), 24);
        }
        assert_eq!(DoubleProfile::from_wire(0x0007), None);
        assert_eq!(DoubleProfile::split(&[1, 1, 2, 2]), (&[1, 1][..], &[2, 2][..]));
    }
}
