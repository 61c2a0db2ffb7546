//! Alerts ([RFC 5246 section 7.2]).
//!
//! [RFC 5246 section 7.2]: https://www.rfc-editor.org/rfc/rfc5246#section-7.2

use std::fmt;

use crate::wire::cursor::{ParseError, Reader};

/// Bytes of an alert.
pub(crate) const ALERT_LEN: usize = 2;

/// An alert's description, by its number in IANA's "TLS Alerts".
///
/// This is the number of `sentAlert` and `receivedAlert` in W3C's `RTCError`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Alert(pub u8);

impl Alert {
    /// The sender is done.
    pub const CLOSE_NOTIFY: Self = Self(0);
    /// A message that does not belong here.
    pub const UNEXPECTED_MESSAGE: Self = Self(10);
    /// A record that is longer than agreed on.
    pub const RECORD_OVERFLOW: Self = Self(22);
    /// No set of parameters suits both.
    pub const HANDSHAKE_FAILURE: Self = Self(40);
    /// The certificate is not acceptable.
    pub const BAD_CERTIFICATE: Self = Self(42);
    /// The certificate's key is of a kind that is not accepted.
    pub const UNSUPPORTED_CERTIFICATE: Self = Self(43);
    /// A field is out of range or contradicts another one.
    pub const ILLEGAL_PARAMETER: Self = Self(47);
    /// A message cannot be read.
    pub const DECODE_ERROR: Self = Self(50);
    /// A signature or the Finished message is wrong.
    pub const DECRYPT_ERROR: Self = Self(51);
    /// No common version.
    pub const PROTOCOL_VERSION: Self = Self(70);
    /// The peer was downgraded, or a weak parameter was chosen.
    pub const INSUFFICIENT_SECURITY: Self = Self(71);
    /// Something failed that has nothing to do with the peer.
    pub const INTERNAL_ERROR: Self = Self(80);
    /// The sender gives up for reasons of its own. It does not end anything by itself.
    pub const USER_CANCELED: Self = Self(90);
    /// Renegotiation is refused.
    pub const NO_RENEGOTIATION: Self = Self(100);
    /// An extension that is needed is missing.
    pub const MISSING_EXTENSION: Self = Self(109);
    /// An extension that nobody asked for.
    pub const UNSUPPORTED_EXTENSION: Self = Self(110);
    /// A certificate is required, and none was shown.
    pub const CERTIFICATE_REQUIRED: Self = Self(116);
    /// No common application protocol.
    pub const NO_APPLICATION_PROTOCOL: Self = Self(120);
}

impl fmt::Display for Alert {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match *self {
            Self::CLOSE_NOTIFY => "close_notify",
            Self::UNEXPECTED_MESSAGE => "unexpected_message",
            Self::RECORD_OVERFLOW => "record_overflow",
            Self::HANDSHAKE_FAILURE => "handshake_failure",
            Self::BAD_CERTIFICATE => "bad_certificate",
            Self::UNSUPPORTED_CERTIFICATE => "unsupported_certificate",
            Self::ILLEGAL_PARAMETER => "illegal_parameter",
            Self::DECODE_ERROR => "decode_error",
            Self::DECRYPT_ERROR => "decrypt_error",
            Self::PROTOCOL_VERSION => "protocol_version",
            Self::INSUFFICIENT_SECURITY => "insufficient_security",
            Self::USER_CANCELED => "user_canceled",
            Self::MISSING_EXTENSION => "missing_extension",
            Self::CERTIFICATE_REQUIRED => "certificate_required",
            Self::NO_APPLICATION_PROTOCOL => "no_application_protocol",
            Self::INTERNAL_ERROR => "internal_error",
            Self::NO_RENEGOTIATION => "no_renegotiation",
            Self::UNSUPPORTED_EXTENSION => "unsupported_extension",
            Self(other) => return write!(f, "alert {other}"),
        };
        f.write_str(name)
    }
}

/// An alert as it goes on the wire.
///
/// ```text
///  0       1             2
/// +-------+-------------+
/// | level | description |
/// +-------+-------------+
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct AlertMessage {
    /// 1 for a warning, 2 for the end.
    pub(crate) level: u8,
    pub(crate) alert: Alert,
}

/// The level of a warning.
pub(crate) const WARNING: u8 = 1;

/// The level of what ends a connection.
pub(crate) const FATAL: u8 = 2;

impl AlertMessage {
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, ParseError> {
        let mut reader = Reader::new(bytes);
        let message = Self { level: reader.u8()?, alert: Alert(reader.u8()?) };
        reader.finish()?;
        Ok(message)
    }

    pub(crate) fn to_bytes(self) -> [u8; ALERT_LEN] {
        [self.level, self.alert.0]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alert_reads_back_as_it_was_written() {
        for level in [WARNING, FATAL, 0x42] {
            let message = AlertMessage { level, alert: Alert::BAD_CERTIFICATE };
            assert_eq!(AlertMessage::parse(&message.to_bytes()), Ok(message));
        }
        assert_eq!(AlertMessage::parse(&[2]), Err(ParseError::Truncated { need: 1, have: 0 }));
        assert_eq!(AlertMessage::parse(&[2, 40, 0]), Err(ParseError::Trailing(1)));
    }
}
