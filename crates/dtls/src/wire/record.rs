//! The record header of DTLS 1.2 ([RFC 6347 section 4.1]).
//!
//! [RFC 6347 section 4.1]: https://www.rfc-editor.org/rfc/rfc6347#section-4.1

use crate::wire::cursor::{ParseError, Reader};

/// Bytes of the header.
pub(crate) const HEADER_LEN: usize = 13;

/// The longest plaintext of a record, in bytes.
pub(crate) const MAX_PLAINTEXT: usize = 1 << 14;

/// The longest payload on the wire: plaintext and what protection may add (RFC 5246 section 6.2.3).
pub(crate) const MAX_CIPHERTEXT: usize = MAX_PLAINTEXT + 2048;

/// The longest payload of a record of DTLS 1.3 on the wire (RFC 9147 section 4).
pub(crate) const MAX_CIPHERTEXT_13: usize = MAX_PLAINTEXT + 256;

/// The highest sequence number of an epoch.
pub(crate) const MAX_SEQUENCE: u64 = (1 << 48) - 1;

/// What a record carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ContentType {
    ChangeCipherSpec,
    Alert,
    Handshake,
    ApplicationData,
    /// A record of DTLS 1.2 with a connection id (RFC 9146 section 3). The real type is inside.
    Tls12Cid,
    /// Acknowledgement (RFC 9147 section 7).
    Ack,
}

impl ContentType {
    pub(crate) const fn to_wire(self) -> u8 {
        match self {
            Self::ChangeCipherSpec => 20,
            Self::Alert => 21,
            Self::Handshake => 22,
            Self::ApplicationData => 23,
            Self::Tls12Cid => 25,
            Self::Ack => 26,
        }
    }

    pub(crate) const fn from_wire(number: u8) -> Option<Self> {
        match number {
            20 => Some(Self::ChangeCipherSpec),
            21 => Some(Self::Alert),
            22 => Some(Self::Handshake),
            23 => Some(Self::ApplicationData),
            25 => Some(Self::Tls12Cid),
            26 => Some(Self::Ack),
            _ => None,
        }
    }
}

/// The header of one record.
///
/// ```text
///  0      1               3         5                            11        13
/// +------+---------------+---------+----------------------------+---------+
/// | type | version       | epoch   | sequence number            | length  |
/// +------+---------------+---------+----------------------------+---------+
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RecordHeader {
    /// Number of the content type; unknown ones are read too, so that the next record is found.
    pub(crate) kind: u8,
    pub(crate) version: u16,
    pub(crate) epoch: u16,
    /// 48 bits.
    pub(crate) sequence: u64,
    /// Bytes of the payload that follows.
    pub(crate) len: usize,
}

impl RecordHeader {
    #[cfg(test)]
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, ParseError> {
        Self::parse_with(bytes, &[])
    }

    /// Reads the header of a record that carries the connection id `cid`, or none when that is
    /// empty.
    pub(crate) fn parse_with(bytes: &[u8], cid: &[u8]) -> Result<Self, ParseError> {
        let mut reader = Reader::new(bytes);
        let (kind, version, epoch) = (reader.u8()?, reader.u16()?, reader.u16()?);
        let [a, b, c, d, e, f] = reader.array()?;
        let sequence = u64::from_be_bytes([0, 0, a, b, c, d, e, f]);
        if reader.take(cid.len())? != cid {
            return Err(ParseError::ConnectionId);
        }
        Ok(Self { kind, version, epoch, sequence, len: usize::from(reader.u16()?) })
    }

    pub(crate) fn to_bytes(self) -> [u8; HEADER_LEN] {
        let [a, b] = self.version.to_be_bytes();
        let [c, d, e, f, g, h, i, j] = self.number().to_be_bytes();
        let [k, l] = u16::try_from(self.len).unwrap_or(u16::MAX).to_be_bytes();
        [self.kind, a, b, c, d, e, f, g, h, i, j, k, l]
    }

    /// Epoch and sequence number as one number of 64 bits.
    pub(crate) fn number(self) -> u64 {
        (u64::from(self.epoch) << 48) | self.sequence
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::fixture::{self, Capture};

    #[test]
    fn record_headers_of_a_real_handshake_read_back_as_they_were_written() {
        for capture in [Capture::AIORTC, Capture::FIREFOX_12] {
            for (_, datagram) in fixture::datagrams(capture) {
                let mut rest = datagram;
                while !rest.is_empty() {
                    let header = RecordHeader::parse(rest).unwrap();
                    assert_eq!(header.to_bytes(), rest[..HEADER_LEN]);
                    rest = &rest[HEADER_LEN..][header.len..];
                }
            }
        }
    }
}
