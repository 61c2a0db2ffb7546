use std::ops::Range;

use antiphon_crypto::{CryptoError, CryptoProvider};

use crate::record::protection::{
    DirectionKeys, Opener, PROTECTION_AFTER, PROTECTION_BEFORE, Sealer,
};
use crate::wire::record::{
    ContentType, HEADER_LEN, MAX_CIPHERTEXT, MAX_PLAINTEXT, MAX_SEQUENCE, RecordHeader,
};
use crate::wire::{DTLS_1_0, DTLS_1_2};
use crate::{InputError, ProtectError};

/// Sequence numbers that application data leaves for alerts and the last flight.
const RESERVED: u64 = 64;

/// A record found in a datagram. What it carries is not checked yet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Incoming {
    pub(crate) header: RecordHeader,
    pub(crate) kind: ContentType,
}

/// Numbers and protects what goes out, finds and opens what comes in.
#[derive(Debug)]
pub(crate) struct RecordLayer {
    /// The next sequence number of each epoch we write in.
    next: [u64; 2],
    sealer: Option<Sealer>,
    opener: Option<Opener>,
    /// The epoch in which alerts go out: 1 once a ChangeCipherSpec of ours is on its way.
    pub(crate) write_epoch: u16,
}

impl RecordLayer {
    pub(crate) fn new() -> Self {
        Self { next: [0; 2], sealer: None, opener: None, write_epoch: 0 }
    }

    pub(crate) fn install(
        &mut self,
        provider: &dyn CryptoProvider,
        write: DirectionKeys,
        read: DirectionKeys,
    ) -> Result<(), CryptoError> {
        self.sealer = Some(Sealer::new(provider, write)?);
        self.opener = Some(Opener::new(provider, read)?);
        Ok(())
    }

    /// Forgets the keys.
    pub(crate) fn forget(&mut self) {
        (self.sealer, self.opener) = (None, None);
    }

    pub(crate) fn can_read(&self) -> bool {
        self.opener.is_some()
    }

    pub(crate) fn is_read_exhausted(&self) -> bool {
        self.opener.as_ref().is_some_and(Opener::is_exhausted)
    }

    /// Reads the header at the front of `bytes` and cuts the record's payload off. The second
    /// value says how long the whole record is, so that the next one can be found even when this
    /// one is of no use; `None` when it cannot.
    pub(crate) fn frame(bytes: &[u8]) -> (Result<Incoming, InputError>, Option<usize>) {
        // ContentType::from_wire comes before the length: a header of DTLS 1.3 has another form.
        let first = bytes.first().copied().unwrap_or_default();
        if !(20..=26).contains(&first) {
            return (Err(InputError::NotARecord(first)), None);
        }
        let Ok(header) = RecordHeader::parse(bytes) else {
            return (Err(InputError::Truncated { need: HEADER_LEN, have: bytes.len() }), None);
        };
        let need = HEADER_LEN.saturating_add(header.len);
        if need > bytes.len() {
            return (Err(InputError::Truncated { need, have: bytes.len() }), None);
        }
        (Self::check(header), Some(need))
    }

    fn check(header: RecordHeader) -> Result<Incoming, InputError> {
        let Some(kind) = ContentType::from_wire(header.kind) else {
            return Err(InputError::Unexpected(header.kind));
        };
        //= rfc6347#4.1
        // Only a record that precedes the choice of a version may name an older one.
        if header.version != DTLS_1_2 && (header.version != DTLS_1_0 || header.epoch != 0) {
            return Err(InputError::Version(header.version));
        }
        let limit = if header.epoch == 0 { MAX_PLAINTEXT } else { MAX_CIPHERTEXT };
        if header.len > limit {
            return Err(InputError::TooLong { len: header.len, limit });
        }
        if header.epoch > 1 {
            return Err(InputError::Epoch(header.epoch));
        }
        Ok(Incoming { header, kind })
    }

    /// Opens the payload of a record of epoch 1.
    pub(crate) fn open(
        &mut self,
        header: RecordHeader,
        payload: &mut [u8],
    ) -> Result<Range<usize>, InputError> {
        let opener = self.opener.as_mut().ok_or(InputError::Epoch(header.epoch))?;
        let plaintext = opener.open(header, payload)?;
        if plaintext.len() > MAX_PLAINTEXT {
            return Err(InputError::TooLong { len: plaintext.len(), limit: MAX_PLAINTEXT });
        }
        Ok(plaintext)
    }

    /// Bytes that a record of `epoch` adds in front of its payload.
    pub(crate) fn before(epoch: u16) -> usize {
        if epoch == 0 { HEADER_LEN } else { PROTECTION_BEFORE }
    }

    /// Bytes that a record of `epoch` adds in all.
    pub(crate) fn overhead(epoch: u16) -> usize {
        if epoch == 0 { HEADER_LEN } else { PROTECTION_BEFORE.saturating_add(PROTECTION_AFTER) }
    }

    /// Writes a record of `epoch` around the payload that lies in the middle of `record`, with
    /// the next sequence number. `None` when there are no keys or no numbers left.
    pub(crate) fn write(
        &mut self,
        kind: ContentType,
        version: u16,
        epoch: u16,
        record: &mut [u8],
    ) -> Option<()> {
        let next = self.next.get_mut(usize::from(epoch))?;
        let sequence = *next;
        if sequence > MAX_SEQUENCE {
            return None;
        }
        //= rfc6347#4.2.2
        // A retransmission is a new record with a number of its own.
        *next = sequence.saturating_add(1);
        let len = record.len().checked_sub(HEADER_LEN)?;
        let header = RecordHeader { kind: kind.to_wire(), version, epoch, sequence, len };
        if epoch == 0 {
            *record.first_chunk_mut::<HEADER_LEN>()? = header.to_bytes();
            return Some(());
        }
        self.sealer.as_ref()?.seal(header, record)
    }

    /// Protects application data in place.
    pub(crate) fn protect(
        &mut self,
        buf: &mut [u8],
        payload: Range<usize>,
    ) -> Result<Range<usize>, ProtectError> {
        let no_room = ProtectError::NoRoom { before: PROTECTION_BEFORE, after: PROTECTION_AFTER };
        let len = payload.end.checked_sub(payload.start).ok_or(no_room)?;
        if len > MAX_PLAINTEXT {
            return Err(ProtectError::TooLong { len, limit: MAX_PLAINTEXT });
        }
        let start = payload.start.checked_sub(PROTECTION_BEFORE).ok_or(no_room)?;
        let end = payload.end.checked_add(PROTECTION_AFTER).ok_or(no_room)?;
        let record = buf.get_mut(start..end).ok_or(no_room)?;
        let [_, next] = self.next;
        if next > MAX_SEQUENCE.saturating_sub(RESERVED) {
            return Err(ProtectError::Exhausted);
        }
        self.write(ContentType::ApplicationData, DTLS_1_2, 1, record)
            .ok_or(ProtectError::NotConnected)?;
        Ok(start..end)
    }

    /// Moves the next sequence number of epoch 1.
    #[cfg(test)]
    pub(crate) fn skip_to(&mut self, sequence: u64) {
        self.next[1] = sequence;
    }

    /// Counts that many refused records.
    #[cfg(test)]
    pub(crate) fn set_forgeries(&mut self, forgeries: u64) {
        if let Some(opener) = &mut self.opener {
            opener.set_forgeries(forgeries);
        }
    }
}
