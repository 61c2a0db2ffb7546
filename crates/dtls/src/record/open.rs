//! Opens what the peer sends, in place, each record once.

use std::ops::Range;

use antiphon_crypto::{CryptoError, CryptoProvider, TAG_LEN};

use crate::InputError;
use crate::record::keys::{Cipher, DirectionKeys, EXPLICIT_NONCE_LEN, Form};
use crate::record::replay::ReplayWindow;
use crate::record::seal::{CidAad, additional_data};
use crate::wire::record::{HEADER_LEN, RecordHeader};
use crate::wire::unified::{self, UnifiedHeader};

/// More refused records than this, and the key must not be used any more (RFC 9147 section 4.5.3).
const FORGERY_LIMIT: u64 = 1 << 36;

/// A record that was authentic: its sequence number, and where its plaintext lies in it.
#[derive(Clone, Debug)]
pub(super) struct Authentic {
    pub(super) sequence: u64,
    pub(super) plaintext: Range<usize>,
}

/// Opens what the peer sends in one epoch.
#[derive(Debug)]
pub(crate) struct Opener {
    cipher: Cipher,
    window: ReplayWindow,
    forgeries: u64,
}

impl Opener {
    pub(crate) fn new(
        provider: &dyn CryptoProvider,
        keys: &DirectionKeys,
    ) -> Result<Self, CryptoError> {
        let cipher = Cipher::new(provider, keys)?;
        Ok(Self { cipher, window: ReplayWindow::new(), forgeries: 0 })
    }

    /// Checks and decrypts a record of DTLS 1.2 in place. With a connection id (`cid` not empty)
    /// the plaintext ends with type and padding.
    pub(super) fn open_12(
        &mut self,
        header: RecordHeader,
        cid: &[u8],
        record: &mut [u8],
    ) -> Result<Authentic, InputError> {
        //= rfc6347#4.1.2.6
        // The window is asked before the tag, and learns the number only after it.
        if !self.window.is_new(header.sequence) {
            return Err(InputError::Replayed(header.sequence));
        }
        let plaintext = self.authentic_12(header, cid, record);
        self.conclude(header.sequence, plaintext)
    }

    fn authentic_12(
        &self,
        header: RecordHeader,
        cid: &[u8],
        record: &mut [u8],
    ) -> Option<Range<usize>> {
        let start = HEADER_LEN.checked_add(cid.len())?;
        let payload = record.get_mut(start..)?;
        let (number, rest) = match self.cipher.form {
            Form::Explicit => {
                let (explicit, rest) = payload.split_first_chunk_mut::<EXPLICIT_NONCE_LEN>()?;
                (u64::from_be_bytes(*explicit), rest)
            }
            Form::Implicit | Form::Hidden(_) => (header.number(), payload),
        };
        let (text, tag) = rest.split_last_chunk_mut::<TAG_LEN>()?;
        let nonce = self.cipher.nonce(number);
        if cid.is_empty() {
            let aad = additional_data(header, text.len());
            self.cipher.aead.open(&nonce, &aad, text, tag).ok()?;
        } else {
            let aad = CidAad::new(header, cid, text.len())?;
            self.cipher.aead.open(&nonce, aad.as_bytes(), text, tag).ok()?;
        }
        let start = start.checked_add(self.cipher.explicit_len())?;
        Some(start..start.checked_add(text.len())?)
    }

    /// Checks and decrypts a record of DTLS 1.3 in place. The plaintext ends with type and padding.
    pub(super) fn open_13(
        &mut self,
        header: UnifiedHeader,
        record: &mut [u8],
    ) -> Result<Authentic, InputError> {
        let sequence = self.reveal(header, record).ok_or(InputError::NotAuthentic)?;
        //= rfc9147#4.5.1
        // The window is asked before the tag, and learns the number only after it.
        if !self.window.is_new(sequence) {
            return Err(InputError::Replayed(sequence));
        }
        let plaintext = self.authentic_13(header, sequence, record);
        self.conclude(sequence, plaintext)
    }

    /// Uncovers the sequence number in the header and completes it.
    fn reveal(&self, header: UnifiedHeader, record: &mut [u8]) -> Option<u64> {
        let Form::Hidden(mask) = &self.cipher.form else { return None };
        let (front, payload) = record.split_at_mut_checked(header.len)?;
        //= rfc9147#4.2.3
        // Less than sixteen bytes of ciphertext make no sample, and no record.
        let mask = mask.mask(payload.first_chunk::<16>()?);
        let end = header.sequence_at.checked_add(header.sequence_len)?;
        let numbers = front.get_mut(header.sequence_at..end)?;
        let mut low = 0;
        for (byte, mask) in numbers.iter_mut().zip(mask) {
            *byte ^= mask;
            low = (low << 8) | u64::from(*byte);
        }
        let bits = if header.sequence_len == 1 { 8 } else { 16 };
        Some(unified::reconstruct(self.window.next(), low, bits))
    }

    fn authentic_13(
        &self,
        header: UnifiedHeader,
        sequence: u64,
        record: &mut [u8],
    ) -> Option<Range<usize>> {
        let (front, rest) = record.split_at_mut_checked(header.len)?;
        let (text, tag) = rest.split_last_chunk_mut::<TAG_LEN>()?;
        self.cipher.aead.open(&self.cipher.nonce(sequence), front, text, tag).ok()?;
        Some(header.len..header.len.checked_add(text.len())?)
    }

    fn conclude(
        &mut self,
        sequence: u64,
        plaintext: Option<Range<usize>>,
    ) -> Result<Authentic, InputError> {
        let Some(plaintext) = plaintext else {
            //= rfc9147#4.5.3
            // Records that fail count towards the end of the key.
            self.forgeries = self.forgeries.saturating_add(1);
            return Err(InputError::NotAuthentic);
        };
        self.window.accept(sequence);
        Ok(Authentic { sequence, plaintext })
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
