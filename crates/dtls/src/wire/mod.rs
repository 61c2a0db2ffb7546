//! Bytes on the wire: one record, message or extension per file.
//!
//! Views borrow and are checked once, when they are parsed. Handshake messages are written into a
//! `Vec`, because a flight keeps its messages for retransmission; records are written into the
//! caller's buffer.

#![warn(clippy::arithmetic_side_effects)]

pub(crate) mod ack;
pub(crate) mod alert;
pub(crate) mod certificate;
pub(crate) mod certificate13;
pub(crate) mod certificate_request;
pub(crate) mod certificate_request13;
pub(crate) mod certificate_verify;
pub(crate) mod client_hello;
pub(crate) mod client_key_exchange;
pub(crate) mod connection_ids;
pub(crate) mod cursor;
pub(crate) mod extension;
#[cfg(test)]
pub(crate) mod fixture;
pub(crate) mod handshake;
pub(crate) mod hello_verify_request;
pub(crate) mod key_update;
pub(crate) mod record;
pub(crate) mod server_hello;
pub(crate) mod server_key_exchange;
pub(crate) mod unified;

pub(crate) use alert::Alert;
pub(crate) use certificate::CertificateChain;
pub(crate) use certificate_request::CertificateRequest;
pub(crate) use certificate_verify::CertificateVerify;
pub(crate) use client_hello::ClientHello;
pub(crate) use client_key_exchange::ClientKeyExchange;
pub(crate) use cursor::ParseError;
pub(crate) use hello_verify_request::HelloVerifyRequest;
pub(crate) use server_hello::ServerHello;
pub(crate) use server_key_exchange::ServerKeyExchange;

/// DTLS 1.0 on the wire: only in the record header of a first ClientHello, and in
/// HelloVerifyRequest.
pub(crate) const DTLS_1_0: u16 = 0xfeff;

/// DTLS 1.2 on the wire.
pub(crate) const DTLS_1_2: u16 = 0xfefd;

/// DTLS 1.3 on the wire: only in supported_versions.
pub(crate) const DTLS_1_3: u16 = 0xfefc;

/// The cipher suite number with which a client says what an empty `renegotiation_info` says
/// (RFC 5746 section 3.3).
pub(crate) const EMPTY_RENEGOTIATION_INFO_SCSV: u16 = 0x00ff;

/// The only compression method: none.
pub(crate) const NULL_COMPRESSION: u8 = 0;

/// Bytes of the random in both hellos.
pub(crate) const RANDOM_LEN: usize = 32;

/// Reads a list of 16-bit numbers whose length was checked to be even.
pub(crate) fn numbers(list: &[u8]) -> impl Iterator<Item = u16> + '_ {
    list.as_chunks::<2>().0.iter().map(|number| u16::from_be_bytes(*number))
}
