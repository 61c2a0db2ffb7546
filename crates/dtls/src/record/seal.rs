//! Protects what we send, in place.

use antiphon_crypto::{CryptoError, CryptoProvider, TAG_LEN};

use crate::record::keys::{Cipher, DirectionKeys, EXPLICIT_NONCE_LEN, Form};
use crate::wire::record::{ContentType, HEADER_LEN, RecordHeader};
use crate::wire::{DTLS_1_2, unified};

/// Bytes of the additional data of DTLS 1.2.
const AAD_LEN: usize = 13;

/// Bytes of the additional data of DTLS 1.2 besides the connection id.
const CID_AAD_LEN: usize = 23;

/// The longest additional data: with a connection id of the longest kind.
const MAX_AAD: usize = CID_AAD_LEN + crate::config::MAX_CONNECTION_ID;

/// Epoch and sequence number, type, version, and the length of the plaintext.
pub(super) fn additional_data(header: RecordHeader, plaintext_len: usize) -> [u8; AAD_LEN] {
    let [a, b, c, d, e, f, g, h] = header.number().to_be_bytes();
    let [i, j] = header.version.to_be_bytes();
    let [k, l] = u16::try_from(plaintext_len).unwrap_or(u16::MAX).to_be_bytes();
    [a, b, c, d, e, f, g, h, header.kind, i, j, k, l]
}

/// The additional data of a record of DTLS 1.2 with a connection id (RFC 9146 section 5.3).
#[derive(Debug)]
pub(super) struct CidAad {
    bytes: [u8; MAX_AAD],
    len: usize,
}

impl CidAad {
    pub(super) fn new(header: RecordHeader, cid: &[u8], inner_len: usize) -> Option<Self> {
        let mut aad = Self { bytes: [0xff; MAX_AAD], len: 8 };
        let kind = ContentType::Tls12Cid.to_wire();
        //= rfc9146#5.3
        // A placeholder of ones where the number stood, the type twice around the id's length.
        aad.put(&[kind, u8::try_from(cid.len()).ok()?, kind])?;
        aad.put(&header.version.to_be_bytes())?;
        aad.put(&header.number().to_be_bytes())?;
        aad.put(cid)?;
        aad.put(&u16::try_from(inner_len).ok()?.to_be_bytes())?;
        Some(aad)
    }

    fn put(&mut self, bytes: &[u8]) -> Option<()> {
        let end = self.len.checked_add(bytes.len())?;
        self.bytes.get_mut(self.len..end)?.copy_from_slice(bytes);
        self.len = end;
        Some(())
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }
}

/// Protects what we send in one epoch.
#[derive(Debug)]
pub(crate) struct Sealer(Cipher);

impl Sealer {
    pub(crate) fn new(
        provider: &dyn CryptoProvider,
        keys: &DirectionKeys,
    ) -> Result<Self, CryptoError> {
        Cipher::new(provider, keys).map(Self)
    }

    /// Bytes in front of a payload.
    pub(crate) fn before(&self, cid: &[u8]) -> usize {
        match self.0.form {
            Form::Explicit | Form::Implicit => {
                HEADER_LEN.saturating_add(cid.len()).saturating_add(self.0.explicit_len())
            }
            Form::Hidden(_) => unified::WRITTEN_LEN.saturating_add(cid.len()),
        }
    }

    /// Bytes behind a payload.
    pub(crate) fn after(&self, cid: &[u8]) -> usize {
        self.0.after(!cid.is_empty())
    }

    /// How many records this key may protect.
    pub(crate) fn record_limit(&self) -> u64 {
        self.0.record_limit()
    }

    /// Encrypts the payload in the middle of `record` and fills in everything around it.
    /// `None` when `record` is too short or the payload too long.
    pub(crate) fn seal(
        &self,
        kind: ContentType,
        epoch: u64,
        sequence: u64,
        cid: &[u8],
        record: &mut [u8],
    ) -> Option<()> {
        match &self.0.form {
            Form::Hidden(_) => self.seal_hidden(kind, epoch, sequence, cid, record),
            Form::Explicit | Form::Implicit => {
                let epoch = u16::try_from(epoch).ok()?;
                let kind = kind.to_wire();
                let header =
                    RecordHeader { kind, version: DTLS_1_2, epoch, sequence, len: record.len() };
                if cid.is_empty() {
                    self.seal_12(header, record)
                } else {
                    self.seal_cid(header, cid, record)
                }
            }
        }
    }

    fn seal_12(&self, header: RecordHeader, record: &mut [u8]) -> Option<()> {
        let len = record.len().checked_sub(HEADER_LEN)?;
        let (front, rest) = record.split_first_chunk_mut::<HEADER_LEN>()?;
        let number = header.number();
        let rest = match self.0.form {
            Form::Explicit => {
                //= rfc5288#3
                // Epoch and sequence number together never repeat under one key, so they are the
                // nonce.
                let (explicit, rest) = rest.split_first_chunk_mut::<EXPLICIT_NONCE_LEN>()?;
                *explicit = number.to_be_bytes();
                rest
            }
            Form::Implicit | Form::Hidden(_) => rest,
        };
        let (text, tag) = rest.split_last_chunk_mut::<TAG_LEN>()?;
        let aad = additional_data(header, text.len());
        *tag = self.0.aead.seal(&self.0.nonce(number), &aad, text).ok()?;
        *front = RecordHeader { len, ..header }.to_bytes();
        Some(())
    }

    /// A record whose type is inside (RFC 9146 section 3).
    fn seal_cid(&self, header: RecordHeader, cid: &[u8], record: &mut [u8]) -> Option<()> {
        let header_len = HEADER_LEN.checked_add(cid.len())?;
        let len = record.len().checked_sub(header_len)?;
        let (front, rest) = record.split_at_mut_checked(header_len)?;
        let number = header.number();
        let (explicit, rest) = rest.split_at_mut_checked(self.0.explicit_len())?;
        if let Some(nonce) = explicit.first_chunk_mut::<EXPLICIT_NONCE_LEN>() {
            *nonce = number.to_be_bytes();
        }
        let (text, tag) = rest.split_last_chunk_mut::<TAG_LEN>()?;
        *text.last_mut()? = header.kind;
        let aad = CidAad::new(header, cid, text.len())?;
        *tag = self.0.aead.seal(&self.0.nonce(number), aad.as_bytes(), text).ok()?;
        let outer = RecordHeader { kind: ContentType::Tls12Cid.to_wire(), len, ..header };
        let bytes = outer.to_bytes();
        let (start, length) = bytes.split_at_checked(HEADER_LEN.checked_sub(2)?)?;
        let (numbers, rest) = front.split_at_mut_checked(start.len())?;
        numbers.copy_from_slice(start);
        let (id, last) = rest.split_at_mut_checked(cid.len())?;
        id.copy_from_slice(cid);
        last.get_mut(..2)?.copy_from_slice(length);
        Some(())
    }

    fn seal_hidden(
        &self,
        kind: ContentType,
        epoch: u64,
        sequence: u64,
        cid: &[u8],
        record: &mut [u8],
    ) -> Option<()> {
        let Form::Hidden(mask) = &self.0.form else { return None };
        let header_len = unified::WRITTEN_LEN.checked_add(cid.len())?;
        let len = record.len().checked_sub(header_len)?;
        unified::write(record, epoch, cid, sequence, len)?;
        let (header, rest) = record.split_at_mut_checked(header_len)?;
        let (text, tag) = rest.split_last_chunk_mut::<TAG_LEN>()?;
        *text.last_mut()? = kind.to_wire();
        //= rfc9147#4
        // The header is authenticated as it is before the number is hidden.
        *tag = self.0.aead.seal(&self.0.nonce(sequence), header, text).ok()?;
        let mask = mask.mask(rest.first_chunk::<16>()?);
        let numbers = header.get_mut(cid.len().checked_add(1)?..)?;
        for (byte, mask) in numbers.iter_mut().take(2).zip(mask) {
            *byte ^= mask;
        }
        Some(())
    }
}
