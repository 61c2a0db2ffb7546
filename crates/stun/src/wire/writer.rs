use std::net::SocketAddr;

use super::address::{self, Mask};
use super::attribute::{self, MAX_TEXT_SENT, MAX_USERNAME_SENT, Stage};
use super::error_code::ErrorCode;
use super::header::{Class, HEADER_LEN, Header, Method, TransactionId};
use super::integrity::fingerprint;
use crate::{BufferTooSmall, WriteError};

/// The most bytes that can follow a header: a 16-bit length, in whole words.
const MAX_BODY_LEN: usize = 65_532;

/// Writes a message into the caller's buffer, attribute by attribute.
///
/// The buffer holds a complete message after each call. The order is that of the calls;
/// integrity and fingerprint come last ([RFC 8489 sections 14.5 to 14.7]). A call that fails
/// leaves the message as it was.
///
/// [RFC 8489 sections 14.5 to 14.7]: https://www.rfc-editor.org/rfc/rfc8489#section-14.5
#[derive(Debug)]
pub struct MessageWriter<'b> {
    buf: &'b mut [u8],
    len: usize,
    stage: Stage,
    id: TransactionId,
}

impl<'b> MessageWriter<'b> {
    /// Writes the header.
    ///
    /// # Errors
    ///
    /// [`BufferTooSmall`] when `buf` is shorter than 20 bytes.
    pub fn new(
        buf: &'b mut [u8],
        class: Class,
        method: Method,
        id: TransactionId,
    ) -> Result<Self, BufferTooSmall> {
        let Some(front) = buf.first_chunk_mut::<HEADER_LEN>() else {
            return Err(BufferTooSmall { need: HEADER_LEN });
        };
        *front = Header { class, method, id }.to_bytes();
        Ok(Self { buf, len: HEADER_LEN, stage: Stage::Open, id })
    }

    /// The length of the message; send that many bytes of the buffer.
    #[must_use]
    pub fn finish(self) -> usize {
        self.len
    }

    /// Length of the message so far, in bytes.
    #[must_use]
    pub const fn written(&self) -> usize {
        self.len
    }

    /// Any attribute but integrity and fingerprint, which have methods of their own.
    ///
    /// # Errors
    ///
    /// See [`WriteError`]; this holds for all methods that write an attribute.
    pub fn attribute(&mut self, kind: u16, value: &[u8]) -> Result<&mut Self, WriteError> {
        self.plain(kind, value.len())?.copy_from_slice(value);
        Ok(self)
    }

    /// USERNAME (RFC 8489 section 14.3), at most 508 bytes.
    ///
    /// # Errors
    ///
    /// As [`attribute`](Self::attribute).
    pub fn username(&mut self, username: &[u8]) -> Result<&mut Self, WriteError> {
        self.text(attribute::USERNAME, username, MAX_USERNAME_SENT)
    }

    /// REALM (RFC 8489 section 14.9), at most 509 bytes.
    ///
    /// # Errors
    ///
    /// As [`attribute`](Self::attribute).
    pub fn realm(&mut self, realm: &[u8]) -> Result<&mut Self, WriteError> {
        self.text(attribute::REALM, realm, MAX_TEXT_SENT)
    }

    /// NONCE (RFC 8489 section 14.10), at most 509 bytes.
    ///
    /// # Errors
    ///
    /// As [`attribute`](Self::attribute).
    pub fn nonce(&mut self, nonce: &[u8]) -> Result<&mut Self, WriteError> {
        self.text(attribute::NONCE, nonce, MAX_TEXT_SENT)
    }

    /// SOFTWARE (RFC 8489 section 14.14), at most 509 bytes.
    ///
    /// # Errors
    ///
    /// As [`attribute`](Self::attribute).
    pub fn software(&mut self, software: &[u8]) -> Result<&mut Self, WriteError> {
        self.text(attribute::SOFTWARE, software, MAX_TEXT_SENT)
    }

    /// XOR-MAPPED-ADDRESS (RFC 8489 section 14.2).
    ///
    /// # Errors
    ///
    /// As [`attribute`](Self::attribute).
    pub fn xor_mapped_address(&mut self, address: SocketAddr) -> Result<&mut Self, WriteError> {
        self.xor_address(attribute::XOR_MAPPED_ADDRESS, address)
    }

    /// MAPPED-ADDRESS (RFC 8489 section 14.1).
    ///
    /// # Errors
    ///
    /// As [`attribute`](Self::attribute).
    pub fn mapped_address(&mut self, address: SocketAddr) -> Result<&mut Self, WriteError> {
        self.address(attribute::MAPPED_ADDRESS, address, Mask::PLAIN)
    }

    /// An address of type `kind`, hidden as XOR-MAPPED-ADDRESS is.
    ///
    /// # Errors
    ///
    /// As [`attribute`](Self::attribute).
    pub fn xor_address(&mut self, kind: u16, address: SocketAddr) -> Result<&mut Self, WriteError> {
        self.address(kind, address, Mask::xor(self.id))
    }

    /// PRIORITY (RFC 8445 section 16.1).
    ///
    /// # Errors
    ///
    /// As [`attribute`](Self::attribute).
    pub fn priority(&mut self, priority: u32) -> Result<&mut Self, WriteError> {
        self.attribute(attribute::PRIORITY, &priority.to_be_bytes())
    }

    /// USE-CANDIDATE (RFC 8445 section 16.1).
    ///
    /// # Errors
    ///
    /// As [`attribute`](Self::attribute).
    pub fn use_candidate(&mut self) -> Result<&mut Self, WriteError> {
        self.attribute(attribute::USE_CANDIDATE, &[])
    }

    /// ICE-CONTROLLING (RFC 8445 section 16.1).
    ///
    /// # Errors
    ///
    /// As [`attribute`](Self::attribute).
    pub fn ice_controlling(&mut self, tie_breaker: u64) -> Result<&mut Self, WriteError> {
        self.attribute(attribute::ICE_CONTROLLING, &tie_breaker.to_be_bytes())
    }

    /// ICE-CONTROLLED (RFC 8445 section 16.1).
    ///
    /// # Errors
    ///
    /// As [`attribute`](Self::attribute).
    pub fn ice_controlled(&mut self, tie_breaker: u64) -> Result<&mut Self, WriteError> {
        self.attribute(attribute::ICE_CONTROLLED, &tie_breaker.to_be_bytes())
    }

    /// ERROR-CODE (RFC 8489 section 14.8); the reason is at most 509 bytes and may be empty.
    ///
    /// # Errors
    ///
    /// As [`attribute`](Self::attribute), and [`WriteError::NoErrorCode`].
    pub fn error_code(&mut self, code: u16, reason: &str) -> Result<&mut Self, WriteError> {
        let kind = attribute::ERROR_CODE;
        let front = ErrorCode::front(code).ok_or(WriteError::NoErrorCode { code })?;
        within(kind, reason.len(), MAX_TEXT_SENT)?;
        let value = self.plain(kind, reason.len().saturating_add(front.len()))?;
        if let Some((head, tail)) = value.split_first_chunk_mut() {
            *head = front;
            tail.copy_from_slice(reason.as_bytes());
        }
        Ok(self)
    }

    /// UNKNOWN-ATTRIBUTES (RFC 8489 section 14.13).
    ///
    /// # Errors
    ///
    /// As [`attribute`](Self::attribute).
    pub fn unknown_attributes(
        &mut self,
        kinds: impl Iterator<Item = u16> + Clone,
    ) -> Result<&mut Self, WriteError> {
        let len = kinds.clone().count().saturating_mul(2);
        let value = self.plain(attribute::UNKNOWN_ATTRIBUTES, len)?;
        for (room, kind) in value.chunks_exact_mut(2).zip(kinds) {
            room.copy_from_slice(&kind.to_be_bytes());
        }
        Ok(self)
    }

    /// MESSAGE-INTEGRITY over all before it; `hmac_sha1` hashes the parts one after the other
    /// with the key (RFC 8489 section 14.5).
    ///
    /// # Errors
    ///
    /// As [`attribute`](Self::attribute).
    pub fn message_integrity(
        &mut self,
        hmac_sha1: impl FnOnce(&[&[u8]]) -> [u8; 20],
    ) -> Result<&mut Self, WriteError> {
        self.seal(attribute::MESSAGE_INTEGRITY, |covered| hmac_sha1(&[covered]))
    }

    /// MESSAGE-INTEGRITY-SHA256 over all before it, of full length (RFC 8489 section 14.6).
    ///
    /// # Errors
    ///
    /// As [`attribute`](Self::attribute).
    pub fn message_integrity_sha256(
        &mut self,
        hmac_sha256: impl FnOnce(&[&[u8]]) -> [u8; 32],
    ) -> Result<&mut Self, WriteError> {
        self.seal(attribute::MESSAGE_INTEGRITY_SHA256, |covered| hmac_sha256(&[covered]))
    }

    /// FINGERPRINT over all before it (RFC 8489 section 14.7). Nothing can follow.
    ///
    /// # Errors
    ///
    /// As [`attribute`](Self::attribute).
    pub fn fingerprint(&mut self) -> Result<&mut Self, WriteError> {
        self.seal(attribute::FINGERPRINT, |covered| fingerprint(covered).to_be_bytes())
    }

    pub(super) fn text(
        &mut self,
        kind: u16,
        value: &[u8],
        limit: usize,
    ) -> Result<&mut Self, WriteError> {
        within(kind, value.len(), limit)?;
        self.attribute(kind, value)
    }

    pub(super) fn address(
        &mut self,
        kind: u16,
        address: SocketAddr,
        mask: Mask,
    ) -> Result<&mut Self, WriteError> {
        let (bytes, len) = address::to_bytes(address, mask);
        self.attribute(kind, bytes.get(..len).unwrap_or_default())
    }

    /// Room for an attribute that neither covers the message nor follows one that does.
    pub(super) fn plain(&mut self, kind: u16, len: usize) -> Result<&mut [u8], WriteError> {
        if self.stage.admit(kind) != Some(Stage::Open) {
            return Err(WriteError::OutOfOrder { kind });
        }
        let (_, value) = self.push(kind, len)?;
        Ok(value)
    }

    fn seal<const N: usize>(
        &mut self,
        kind: u16,
        tag: impl FnOnce(&[u8]) -> [u8; N],
    ) -> Result<&mut Self, WriteError> {
        let next = self.stage.admit(kind).ok_or(WriteError::OutOfOrder { kind })?;
        let (covered, value) = self.push(kind, N)?;
        value.copy_from_slice(&tag(covered));
        self.stage = next;
        Ok(self)
    }

    /// Appends an attribute, counts it in the header, and lends the message before it and the room
    /// for its value.
    fn push(&mut self, kind: u16, len: usize) -> Result<(&[u8], &mut [u8]), WriteError> {
        let padded = len.checked_next_multiple_of(4).unwrap_or(usize::MAX);
        let before = self.len;
        let need = before.saturating_add(4).saturating_add(padded);
        let body_len = need.saturating_sub(HEADER_LEN);
        let limit = MAX_BODY_LEN.saturating_sub(before.saturating_sub(HEADER_LEN - 4));
        let (Ok(value_len), Ok(body_len)) = (u16::try_from(len), u16::try_from(body_len)) else {
            return Err(WriteError::ValueTooLong { kind, len, limit });
        };
        let Some(message) = self.buf.get_mut(..need) else {
            return Err(BufferTooSmall { need }.into());
        };
        if let Some([_, _, header_len @ ..]) = message.first_chunk_mut::<4>() {
            *header_len = body_len.to_be_bytes();
        }
        let (covered, added) = message.split_at_mut(before);
        let Some((front, room)) = added.split_first_chunk_mut::<4>() else {
            return Err(BufferTooSmall { need }.into());
        };
        let ([k0, k1], [l0, l1]) = (kind.to_be_bytes(), value_len.to_be_bytes());
        *front = [k0, k1, l0, l1];
        let (value, padding) = room.split_at_mut(len);
        padding.fill(0);
        self.len = need;
        Ok((covered, value))
    }
}

fn within(kind: u16, len: usize, limit: usize) -> Result<(), WriteError> {
    if len <= limit { Ok(()) } else { Err(WriteError::ValueTooLong { kind, len, limit }) }
}
