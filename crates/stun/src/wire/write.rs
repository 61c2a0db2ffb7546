//! Attributes of credentials, redirection and RFC 5780.

use std::net::SocketAddr;

use super::address::Mask;
use super::algorithm::PasswordAlgorithm;
use super::attribute::{self, MAX_DOMAIN};
use super::lookup::ChangeRequest;
use super::writer::MessageWriter;
use crate::WriteError;

impl MessageWriter<'_> {
    /// USERHASH (RFC 8489 section 14.4).
    ///
    /// # Errors
    ///
    /// As [`attribute`](Self::attribute).
    pub fn userhash(&mut self, userhash: &[u8; 32]) -> Result<&mut Self, WriteError> {
        self.attribute(attribute::USERHASH, userhash)
    }

    /// PASSWORD-ALGORITHM (RFC 8489 section 14.12).
    ///
    /// # Errors
    ///
    /// As [`attribute`](Self::attribute).
    pub fn password_algorithm(
        &mut self,
        algorithm: PasswordAlgorithm,
    ) -> Result<&mut Self, WriteError> {
        self.attribute(attribute::PASSWORD_ALGORITHM, &algorithm.to_bytes())
    }

    /// PASSWORD-ALGORITHMS (RFC 8489 section 14.11), the favourite first.
    ///
    /// # Errors
    ///
    /// As [`attribute`](Self::attribute).
    pub fn password_algorithms(
        &mut self,
        algorithms: &[PasswordAlgorithm],
    ) -> Result<&mut Self, WriteError> {
        let len = algorithms.len().saturating_mul(4);
        let value = self.plain(attribute::PASSWORD_ALGORITHMS, len)?;
        for (room, algorithm) in value.chunks_exact_mut(4).zip(algorithms) {
            room.copy_from_slice(&algorithm.to_bytes());
        }
        Ok(self)
    }

    /// ALTERNATE-SERVER (RFC 8489 section 14.15).
    ///
    /// # Errors
    ///
    /// As [`attribute`](Self::attribute).
    pub fn alternate_server(&mut self, server: SocketAddr) -> Result<&mut Self, WriteError> {
        self.address(attribute::ALTERNATE_SERVER, server, Mask::PLAIN)
    }

    /// ALTERNATE-DOMAIN (RFC 8489 section 14.16): a DNS name with A-labels, at most 255 bytes.
    ///
    /// # Errors
    ///
    /// As [`attribute`](Self::attribute), and [`WriteError::NotAscii`].
    pub fn alternate_domain(&mut self, domain: &str) -> Result<&mut Self, WriteError> {
        if !domain.is_ascii() {
            return Err(WriteError::NotAscii { kind: attribute::ALTERNATE_DOMAIN });
        }
        self.text(attribute::ALTERNATE_DOMAIN, domain.as_bytes(), MAX_DOMAIN)
    }

    /// CHANGE-REQUEST (RFC 5780 section 7.2).
    ///
    /// # Errors
    ///
    /// As [`attribute`](Self::attribute).
    pub fn change_request(&mut self, change: ChangeRequest) -> Result<&mut Self, WriteError> {
        self.attribute(attribute::CHANGE_REQUEST, &change.to_bits().to_be_bytes())
    }

    /// RESPONSE-ORIGIN (RFC 5780 section 7.3).
    ///
    /// # Errors
    ///
    /// As [`attribute`](Self::attribute).
    pub fn response_origin(&mut self, origin: SocketAddr) -> Result<&mut Self, WriteError> {
        self.address(attribute::RESPONSE_ORIGIN, origin, Mask::PLAIN)
    }

    /// OTHER-ADDRESS (RFC 5780 section 7.4).
    ///
    /// # Errors
    ///
    /// As [`attribute`](Self::attribute).
    pub fn other_address(&mut self, other: SocketAddr) -> Result<&mut Self, WriteError> {
        self.address(attribute::OTHER_ADDRESS, other, Mask::PLAIN)
    }

    /// RESPONSE-PORT (RFC 5780 section 7.5).
    ///
    /// # Errors
    ///
    /// As [`attribute`](Self::attribute).
    pub fn response_port(&mut self, port: u16) -> Result<&mut Self, WriteError> {
        self.attribute(attribute::RESPONSE_PORT, &port.to_be_bytes())
    }

    /// PADDING of `len` zeros (RFC 5780 section 7.6).
    ///
    /// # Errors
    ///
    /// As [`attribute`](Self::attribute).
    pub fn padding(&mut self, len: usize) -> Result<&mut Self, WriteError> {
        self.plain(attribute::PADDING, len)?.fill(0);
        Ok(self)
    }
}
