//! Chunks of one number, one blob or nothing: COOKIE ECHO, COOKIE ACK, SHUTDOWN, SHUTDOWN ACK,
//! SHUTDOWN COMPLETE ([RFC 9260 sections 3.3.8 to 3.3.13]).
//!
//! [RFC 9260 sections 3.3.8 to 3.3.13]: https://www.rfc-editor.org/rfc/rfc9260#section-3.3.8

use crate::serial::Tsn;

use super::bytes_at::Fields;
use super::chunk::kind;
use super::packet::PacketWriter;

/// Appends a COOKIE ECHO; `false` when it does not fit.
pub(crate) fn write_cookie_echo(packet: &mut PacketWriter<'_>, cookie: &[u8]) -> bool {
    let Some(value) = packet.chunk(kind::COOKIE_ECHO, 0, cookie.len()) else {
        return false;
    };
    Fields(value).put(cookie);
    true
}

/// Appends a COOKIE ACK; `false` when it does not fit.
pub(crate) fn write_cookie_ack(packet: &mut PacketWriter<'_>) -> bool {
    packet.chunk(kind::COOKIE_ACK, 0, 0).is_some()
}

/// Appends a SHUTDOWN that acknowledges up to `cumulative`; `false` when it does not fit.
pub(crate) fn write_shutdown(packet: &mut PacketWriter<'_>, cumulative: Tsn) -> bool {
    let Some(value) = packet.chunk(kind::SHUTDOWN, 0, 4) else {
        return false;
    };
    Fields(value).u32(cumulative.wire());
    true
}

/// Appends a SHUTDOWN ACK; `false` when it does not fit.
pub(crate) fn write_shutdown_ack(packet: &mut PacketWriter<'_>) -> bool {
    packet.chunk(kind::SHUTDOWN_ACK, 0, 0).is_some()
}

/// Appends a SHUTDOWN COMPLETE, with the T bit when its tag is a reflected one.
pub(crate) fn write_shutdown_complete(packet: &mut PacketWriter<'_>, reflected: bool) -> bool {
    packet.chunk(kind::SHUTDOWN_COMPLETE, u8::from(reflected), 0).is_some()
}
