use std::time::Duration;

use bytes::{BufMut as _, Bytes, BytesMut};

use crate::{DcepError, Priority, Reliability};

const MESSAGE_ACK: u8 = 0x02;
const MESSAGE_OPEN: u8 = 0x03;

/// The bit of the channel type that says unordered.
const UNORDERED: u8 = 0x80;

/// Bytes of an OPEN before label and protocol.
const OPEN_LEN: usize = 12;

/// DATA_CHANNEL_ACK, all of it.
pub(crate) const ACK: &[u8] = &[MESSAGE_ACK];

/// A message of the Data Channel Establishment Protocol ([RFC 8832 section 5]).
///
/// [RFC 8832 section 5]: https://www.rfc-editor.org/rfc/rfc8832#section-5
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DcepView<'a> {
    /// DATA_CHANNEL_OPEN.
    Open(OpenView<'a>),
    /// DATA_CHANNEL_ACK.
    Ack,
}

impl<'a> DcepView<'a> {
    /// Reads a whole message.
    ///
    /// # Errors
    ///
    /// See [`DcepError`].
    pub fn parse(bytes: &'a [u8]) -> Result<Self, DcepError> {
        match bytes {
            [MESSAGE_OPEN, ..] => OpenView::parse(bytes).map(Self::Open),
            [MESSAGE_ACK] => Ok(Self::Ack),
            [MESSAGE_ACK, ..] => Err(DcepError::Length { need: 1, have: bytes.len() }),
            [other, ..] => Err(DcepError::UnknownMessage(*other)),
            [] => Err(DcepError::Length { need: 1, have: 0 }),
        }
    }
}

/// DATA_CHANNEL_OPEN where it lies, checked once ([RFC 8832 section 5.1]).
///
/// ```text
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +---------------+---------------+-------------------------------+
/// | message 0x03  | channel type  |           priority            |
/// +---------------+---------------+-------------------------------+
/// |            reliability: retransmissions or milliseconds       |
/// +-------------------------------+-------------------------------+
/// |  bytes of the label           |  bytes of the protocol        |
/// +-------------------------------+-------------------------------+
/// |  label, then protocol, UTF-8                                  |
/// +---------------------------------------------------------------+
/// ```
///
/// [RFC 8832 section 5.1]: https://www.rfc-editor.org/rfc/rfc8832#section-5.1
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenView<'a> {
    /// Whether messages shall arrive in order.
    pub ordered: bool,
    /// How hard delivery shall be tried; more than 65,535 retransmissions read as so many.
    pub reliability: Reliability,
    /// The channel's importance.
    pub priority: Priority,
    /// Its label.
    pub label: &'a str,
    /// Its subprotocol; empty means none.
    pub protocol: &'a str,
}

impl<'a> OpenView<'a> {
    fn parse(bytes: &'a [u8]) -> Result<Self, DcepError> {
        let have = bytes.len();
        let Some(([_, kind, p0, p1, r0, r1, r2, r3, l0, l1, n0, n1], names)) =
            bytes.split_first_chunk::<OPEN_LEN>()
        else {
            return Err(DcepError::Length { need: OPEN_LEN, have });
        };
        let label_len = usize::from(u16::from_be_bytes([*l0, *l1]));
        let protocol_len = usize::from(u16::from_be_bytes([*n0, *n1]));
        let need = OPEN_LEN.saturating_add(label_len).saturating_add(protocol_len);
        //= rfc8832#6
        // A message that is not well formed, trailing bytes included, opens nothing.
        let (Some((label, protocol)), true) = (names.split_at_checked(label_len), need == have)
        else {
            return Err(DcepError::Length { need, have });
        };
        let parameter = u32::from_be_bytes([*r0, *r1, *r2, *r3]);
        let reliability = match kind & !UNORDERED {
            //= rfc8832#5.1
            // Reliable channels ignore the parameter.
            0x00 => Reliability::Reliable,
            0x01 => Reliability::Retransmits(u16::try_from(parameter).unwrap_or(u16::MAX)),
            0x02 => Reliability::Lifetime(Duration::from_millis(u64::from(parameter))),
            _ => return Err(DcepError::UnknownChannelType(*kind)),
        };
        let text = |bytes| str::from_utf8(bytes).map_err(|_| DcepError::NotUtf8);
        Ok(Self {
            ordered: kind & UNORDERED == 0,
            reliability,
            priority: Priority(u16::from_be_bytes([*p0, *p1])),
            label: text(label)?,
            protocol: text(protocol)?,
        })
    }

    /// Length of the message in bytes.
    #[must_use]
    pub const fn wire_len(&self) -> usize {
        OPEN_LEN.saturating_add(self.label.len()).saturating_add(self.protocol.len())
    }

    /// The message; `None` when the label or the protocol is longer than 65,535 bytes. A lifetime of
    /// more milliseconds than 32 bits hold is written as so many.
    #[must_use]
    pub fn to_bytes(&self) -> Option<Bytes> {
        let label_len = u16::try_from(self.label.len()).ok()?;
        let protocol_len = u16::try_from(self.protocol.len()).ok()?;
        let (kind, parameter) = match self.reliability {
            //= rfc8832#5.1
            // Reliable channels carry 0 as the parameter.
            Reliability::Reliable => (0x00, 0),
            Reliability::Retransmits(times) => (0x01, u32::from(times)),
            Reliability::Lifetime(lifetime) => {
                (0x02, u32::try_from(lifetime.as_millis()).unwrap_or(u32::MAX))
            }
        };
        let mut bytes = BytesMut::with_capacity(self.wire_len());
        bytes.put_u8(MESSAGE_OPEN);
        bytes.put_u8(if self.ordered { kind } else { kind | UNORDERED });
        bytes.put_u16(self.priority.0);
        bytes.put_u32(parameter);
        bytes.put_u16(label_len);
        bytes.put_u16(protocol_len);
        bytes.put_slice(self.label.as_bytes());
        bytes.put_slice(self.protocol.as_bytes());
        Some(bytes.freeze())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // What a browser sends for createDataChannel("chat"), and for an unordered channel with three
    // retransmissions and a subprotocol.
    const CHAT: &[u8] = b"\x03\x00\x01\x00\x00\x00\x00\x00\x00\x04\x00\x00chat";
    const GAME: &[u8] = b"\x03\x81\x02\x00\x00\x00\x00\x03\x00\x04\x00\x05gamev1.io";

    #[test]
    fn announcements_read_and_write_to_the_byte() {
        let chat = OpenView {
            ordered: true,
            reliability: Reliability::Reliable,
            priority: Priority::LOW,
            label: "chat",
            protocol: "",
        };
        let game = OpenView {
            ordered: false,
            reliability: Reliability::Retransmits(3),
            priority: Priority::MEDIUM,
            label: "game",
            protocol: "v1.io",
        };
        for (open, bytes) in [(chat, CHAT), (game, GAME)] {
            assert_eq!(DcepView::parse(bytes), Ok(DcepView::Open(open)));
            assert_eq!(open.to_bytes().as_deref(), Some(bytes));
            assert_eq!(open.wire_len(), bytes.len());
        }
        assert_eq!(DcepView::parse(ACK), Ok(DcepView::Ack));
    }

    #[test]
    fn malformed_messages_are_told_apart() {
        assert_eq!(DcepView::parse(&[]), Err(DcepError::Length { need: 1, have: 0 }));
        assert_eq!(DcepView::parse(&[2, 0]), Err(DcepError::Length { need: 1, have: 2 }));
        for unknown in [0, 1, 4, 0xff] {
            assert_eq!(DcepView::parse(&[unknown]), Err(DcepError::UnknownMessage(unknown)));
        }
        for len in 1..CHAT.len() {
            assert!(matches!(DcepView::parse(&CHAT[..len]), Err(DcepError::Length { .. })));
        }
        let longer = [CHAT, b"!"].concat();
        assert_eq!(DcepView::parse(&longer), Err(DcepError::Length { need: 16, have: 17 }));
        for kind in [0x03, 0x7f, 0x83, 0xff] {
            let mut bytes = CHAT.to_vec();
            bytes[1] = kind;
            assert_eq!(DcepView::parse(&bytes), Err(DcepError::UnknownChannelType(kind)));
        }
        let mut bytes = CHAT.to_vec();
        bytes[15] = 0xff;
        assert_eq!(DcepView::parse(&bytes), Err(DcepError::NotUtf8));
    }

    #[test]
    fn the_parameter_of_reliable_channels_is_ignored_and_great_ones_are_clamped() {
        let mut bytes = CHAT.to_vec();
        bytes[4..8].fill(0xff);
        let reliability = |bytes: &[u8]| match DcepView::parse(bytes) {
            Ok(DcepView::Open(open)) => open.reliability,
            other => panic!("{other:?}"),
        };
        assert_eq!(reliability(&bytes), Reliability::Reliable);
        bytes[1] = 1;
        assert_eq!(reliability(&bytes), Reliability::Retransmits(u16::MAX));
        bytes[1] = 2;
        assert_eq!(
            reliability(&bytes),
            Reliability::Lifetime(Duration::from_millis(u64::from(u32::MAX)))
        );
    }
}
