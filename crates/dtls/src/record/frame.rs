//! Finds records in datagrams.

use crate::wire::record::{
    ContentType, HEADER_LEN, MAX_CIPHERTEXT, MAX_CIPHERTEXT_13, MAX_PLAINTEXT, RecordHeader,
};
use crate::wire::unified::UnifiedHeader;
use crate::wire::{DTLS_1_0, DTLS_1_2, ParseError};
use crate::{InputError, Version};

/// A record found in a datagram. What it carries is not checked yet.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Incoming {
    /// With the header of DTLS 1.2.
    Classic { header: RecordHeader, kind: ContentType },
    /// With the header of DTLS 1.3.
    Unified(UnifiedHeader),
}

/// What [`frame`] found.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Framed {
    pub(crate) incoming: Result<Incoming, InputError>,
    /// How long the whole record is, so that the next one can be found even when this one is of no
    /// use; `None` when it cannot.
    pub(crate) len: Option<usize>,
}

impl Framed {
    fn lost(error: InputError) -> Self {
        Self { incoming: Err(error), len: None }
    }
}

/// Reads the header at the front of `bytes`. `version` is the one chosen, if any, `cid` our
/// connection id, empty when there is none.
pub(crate) fn frame(bytes: &[u8], version: Option<Version>, cid: &[u8]) -> Framed {
    // The first byte comes before the length: the two headers differ in form.
    let first = bytes.first().copied().unwrap_or_default();
    if UnifiedHeader::starts(first) && version != Some(Version::Dtls12) {
        return frame_unified(bytes, cid);
    }
    if !(20..=26).contains(&first) {
        return Framed::lost(InputError::NotARecord(first));
    }
    let named = first == ContentType::Tls12Cid.to_wire();
    let cid = if named { cid } else { &[] };
    if named && cid.is_empty() {
        return Framed::lost(InputError::Unexpected(first));
    }
    let header_len = HEADER_LEN.saturating_add(cid.len());
    let header = match RecordHeader::parse_with(bytes, cid) {
        Ok(header) => header,
        Err(ParseError::ConnectionId) => return Framed::lost(InputError::ConnectionId),
        Err(_) => {
            return Framed::lost(InputError::Truncated { need: header_len, have: bytes.len() });
        }
    };
    let need = header_len.saturating_add(header.len);
    if need > bytes.len() {
        return Framed::lost(InputError::Truncated { need, have: bytes.len() });
    }
    Framed { incoming: check(header), len: Some(need) }
}

fn frame_unified(bytes: &[u8], cid: &[u8]) -> Framed {
    let header = match UnifiedHeader::parse(bytes, cid) {
        Ok(header) => header,
        Err(ParseError::Truncated { need, have }) => {
            return Framed::lost(InputError::Truncated { need, have });
        }
        Err(_) => return Framed::lost(InputError::ConnectionId),
    };
    let need = header.len.saturating_add(header.payload_len);
    if need > bytes.len() {
        return Framed::lost(InputError::Truncated { need, have: bytes.len() });
    }
    let (len, limit) = (header.payload_len, MAX_CIPHERTEXT_13);
    let incoming = if len > limit {
        Err(InputError::TooLong { len, limit })
    } else {
        Ok(Incoming::Unified(header))
    };
    Framed { incoming, len: Some(need) }
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
        return Err(InputError::Epoch(u64::from(header.epoch)));
    }
    Ok(Incoming::Classic { header, kind })
}
