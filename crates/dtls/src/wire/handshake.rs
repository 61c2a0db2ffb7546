//! The header of a handshake message's fragment ([RFC 6347 section 4.2.2]).
//!
//! [RFC 6347 section 4.2.2]: https://www.rfc-editor.org/rfc/rfc6347#section-4.2.2

use crate::wire::cursor::{ParseError, Reader, u24};

/// Bytes of the header.
pub(crate) const HEADER_LEN: usize = 12;

/// Which handshake message it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum HandshakeType {
    /// The server would like to renegotiate. Refused.
    HelloRequest,
    /// The client's offer.
    ClientHello,
    /// The server's choice.
    ServerHello,
    /// The server wants to see its cookie first.
    HelloVerifyRequest,
    /// A session ticket. Never asked for.
    NewSessionTicket,
    /// Extensions of the server that nobody else may read. DTLS 1.3.
    EncryptedExtensions,
    /// The peer would like to have more connection ids. DTLS 1.3.
    RequestConnectionId,
    /// Connection ids of the peer. DTLS 1.3.
    NewConnectionId,
    /// A certificate chain.
    Certificate,
    /// The server's signed key share.
    ServerKeyExchange,
    /// The server wants a certificate.
    CertificateRequest,
    /// The end of the server's flight.
    ServerHelloDone,
    /// The client's proof that its certificate is its own.
    CertificateVerify,
    /// The client's key share.
    ClientKeyExchange,
    /// The proof that both saw the same handshake.
    Finished,
    /// The sender goes on with new keys. DTLS 1.3.
    KeyUpdate,
    /// The hash of a first ClientHello, in the transcript only. DTLS 1.3.
    MessageHash,
    /// Another one.
    Unknown(u8),
}

impl HandshakeType {
    /// The number on the wire.
    #[must_use]
    pub const fn to_wire(self) -> u8 {
        match self {
            Self::HelloRequest => 0,
            Self::ClientHello => 1,
            Self::ServerHello => 2,
            Self::HelloVerifyRequest => 3,
            Self::NewSessionTicket => 4,
            Self::EncryptedExtensions => 8,
            Self::RequestConnectionId => 9,
            Self::NewConnectionId => 10,
            Self::Certificate => 11,
            Self::ServerKeyExchange => 12,
            Self::CertificateRequest => 13,
            Self::ServerHelloDone => 14,
            Self::CertificateVerify => 15,
            Self::ClientKeyExchange => 16,
            Self::Finished => 20,
            Self::KeyUpdate => 24,
            Self::MessageHash => 254,
            Self::Unknown(number) => number,
        }
    }

    /// The message of that number.
    #[must_use]
    pub const fn from_wire(number: u8) -> Self {
        match number {
            0 => Self::HelloRequest,
            1 => Self::ClientHello,
            2 => Self::ServerHello,
            3 => Self::HelloVerifyRequest,
            4 => Self::NewSessionTicket,
            8 => Self::EncryptedExtensions,
            9 => Self::RequestConnectionId,
            10 => Self::NewConnectionId,
            11 => Self::Certificate,
            12 => Self::ServerKeyExchange,
            13 => Self::CertificateRequest,
            14 => Self::ServerHelloDone,
            15 => Self::CertificateVerify,
            16 => Self::ClientKeyExchange,
            20 => Self::Finished,
            24 => Self::KeyUpdate,
            254 => Self::MessageHash,
            other => Self::Unknown(other),
        }
    }
}

/// The header in front of each fragment.
///
/// ```text
///  0      1                4             6                 9                 12
/// +------+----------------+-------------+-----------------+-----------------+
/// | type | length         | message_seq | fragment_offset | fragment_length |
/// +------+----------------+-------------+-----------------+-----------------+
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FragmentHeader {
    pub(crate) kind: HandshakeType,
    /// Bytes of the whole message, without any header.
    pub(crate) len: usize,
    pub(crate) message_seq: u16,
    pub(crate) offset: usize,
    pub(crate) fragment_len: usize,
}

impl FragmentHeader {
    /// The header of a message that is not split, which is also how the transcript sees it.
    pub(crate) fn whole(kind: HandshakeType, message_seq: u16, len: usize) -> Self {
        Self { kind, len, message_seq, offset: 0, fragment_len: len }
    }

    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Self, ParseError> {
        Ok(Self {
            kind: HandshakeType::from_wire(reader.u8()?),
            len: reader.u24()?,
            message_seq: reader.u16()?,
            offset: reader.u24()?,
            fragment_len: reader.u24()?,
        })
    }

    pub(crate) fn to_bytes(self) -> [u8; HEADER_LEN] {
        let [a, b, c] = u24(self.len);
        let [d, e] = self.message_seq.to_be_bytes();
        let [f, g, h] = u24(self.offset);
        let [i, j, k] = u24(self.fragment_len);
        [self.kind.to_wire(), a, b, c, d, e, f, g, h, i, j, k]
    }

    /// Whether the fragment carries the message's last byte.
    pub(crate) fn is_last(self) -> bool {
        self.offset.saturating_add(self.fragment_len) == self.len
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_reads_back_as_it_was_written() {
        let header = FragmentHeader {
            kind: HandshakeType::ClientHello,
            len: 1413,
            message_seq: 0,
            offset: 1175,
            fragment_len: 238,
        };
        let bytes = header.to_bytes();
        assert_eq!(bytes, [1, 0, 5, 133, 0, 0, 0, 4, 151, 0, 0, 238]);
        assert_eq!(FragmentHeader::read(&mut Reader::new(&bytes)), Ok(header));
        assert!(header.is_last());
    }

    #[test]
    fn every_number_names_a_message_and_back() {
        for number in 0..=255 {
            assert_eq!(HandshakeType::from_wire(number).to_wire(), number);
        }
    }
}
