//! The inner encryption: AES-GCM over the payload, with a header that has lost its extension.

#![warn(clippy::arithmetic_side_effects)]

use std::fmt::{self, Debug};

use antiphon_crypto::{CryptoProvider, TAG_LEN};

use crate::derivation::Derivation;
use crate::header::RtpHeader;
use crate::rtp::Failed;
use crate::suite::{Gcm, Suite};
use crate::{Profile, SetupError};

/// Bytes of a header with fifteen CSRCs.
const MAX_HEADER_LEN: usize = 72;

/// Keys of the inner algorithm.
pub(super) struct Inner(Gcm);

/// The header that the inner algorithm authenticates.
pub(super) struct InnerHeader {
    bytes: [u8; MAX_HEADER_LEN],
    len: usize,
}

impl Inner {
    pub(super) fn new(
        provider: &dyn CryptoProvider,
        profile: Profile,
        key: &[u8],
        salt: &[u8],
    ) -> Result<Self, SetupError> {
        let master = Derivation::new(provider, profile, key, salt)?;
        match Suite::rtp(provider, profile, &master)? {
            Suite::Gcm(gcm) => Ok(Self(gcm)),
            Suite::CounterMode(_) => Err(antiphon_crypto::CryptoError::Unsupported.into()),
        }
    }

    pub(super) fn seal(
        &self,
        header: &InnerHeader,
        ssrc: u32,
        index: u64,
        payload: &mut [u8],
    ) -> Result<[u8; TAG_LEN], Failed> {
        let nonce = self.0.nonce(ssrc, index);
        self.0.aead.seal(&nonce, header.bytes(), payload).map_err(|_| Failed)
    }

    pub(super) fn open(
        &self,
        header: &InnerHeader,
        ssrc: u32,
        index: u64,
        payload: &mut [u8],
        tag: &[u8; TAG_LEN],
    ) -> Result<(), Failed> {
        let nonce = self.0.nonce(ssrc, index);
        self.0.aead.open(&nonce, header.bytes(), payload, tag).map_err(|_| Failed)
    }
}

impl Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Inner")
    }
}

impl InnerHeader {
    //= rfc8723#5.1
    // The inner header ends with the CSRCs, and its X bit says so.
    pub(super) fn new(packet: &[u8], header: &RtpHeader) -> Option<Self> {
        let mut bytes = [0; MAX_HEADER_LEN];
        let front = packet.get(..header.extension_at)?;
        bytes.get_mut(..front.len())?.copy_from_slice(front);
        if let Some(first) = bytes.first_mut() {
            *first &= !0x10;
        }
        Some(Self { bytes, len: front.len() })
    }

    /// The fields that a media distributor may change.
    pub(super) fn fields(&mut self) -> Option<&mut [u8; 3]> {
        self.bytes.get_mut(1..)?.first_chunk_mut()
    }

    fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }
}
