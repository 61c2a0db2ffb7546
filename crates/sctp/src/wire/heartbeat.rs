use std::time::Duration;

use super::bytes_at::Fields;
use super::chunk::kind;
use super::packet::PacketWriter;
use super::parameter::Parameters;

const HEARTBEAT_INFO: u16 = 1;
const INFO: usize = 16;

/// What our HEARTBEAT carries and its answer repeats ([RFC 9260 section 3.3.5]).
///
/// ```text
///  0                   1                   2                   3
/// +---------------+---------------+-------------------------------+
/// |   type = 4    |       0       |          length = 24          |
/// +---------------+---------------+-------------------------------+
/// |           type = 1            |          length = 20          |
/// +-------------------------------+-------------------------------+
/// |                        nonce, 8 bytes                         |
/// +---------------------------------------------------------------+
/// |             when it was sent, microseconds, 8 bytes           |
/// +---------------------------------------------------------------+
/// ```
///
/// [RFC 9260 section 3.3.5]: https://www.rfc-editor.org/rfc/rfc9260#section-3.3.5
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct HeartbeatInfo {
    pub(crate) nonce: u64,
    pub(crate) sent: Duration,
}

impl HeartbeatInfo {
    /// Reads the value of a HEARTBEAT ACK; `None` when it is not of our making.
    pub(crate) fn parse(value: &[u8]) -> Option<Self> {
        let info = Parameters::over(value).find(|parameter| parameter.kind == HEARTBEAT_INFO)?;
        let (nonce, sent) = info.value.split_first_chunk::<8>()?;
        let (sent, []) = sent.split_first_chunk::<8>()? else {
            return None;
        };
        Some(Self {
            nonce: u64::from_be_bytes(*nonce),
            sent: Duration::from_micros(u64::from_be_bytes(*sent)),
        })
    }
}

/// Appends a HEARTBEAT; `false` when it does not fit.
pub(crate) fn write_heartbeat(packet: &mut PacketWriter<'_>, info: HeartbeatInfo) -> bool {
    let Some(value) = packet.chunk(kind::HEARTBEAT, 0, INFO.saturating_add(4)) else {
        return false;
    };
    let micros = u64::try_from(info.sent.as_micros()).unwrap_or(u64::MAX);
    Fields(value).parameter(HEARTBEAT_INFO, &[&info.nonce.to_be_bytes(), &micros.to_be_bytes()]);
    true
}

/// Appends a HEARTBEAT ACK with the value of the HEARTBEAT; `false` when it does not fit.
pub(crate) fn write_heartbeat_ack(packet: &mut PacketWriter<'_>, value: &[u8]) -> bool {
    let Some(place) = packet.chunk(kind::HEARTBEAT_ACK, 0, value.len()) else {
        return false;
    };
    Fields(place).put(value);
    true
}

/// Appends a PAD chunk that fills the packet to `len` bytes, if that takes one
/// ([RFC 4820 section 3]).
///
/// [RFC 4820 section 3]: https://www.rfc-editor.org/rfc/rfc4820#section-3
//= rfc4820#3
// The filling is zeros, and all of the chunk is in the packet.
pub(crate) fn write_pad(packet: &mut PacketWriter<'_>, len: usize) -> bool {
    let missing = (len & !3).saturating_sub(packet.len());
    let Some(value) = missing.checked_sub(4) else { return false };
    let Some(place) = packet.chunk(kind::PAD, 0, value) else { return false };
    place.fill(0);
    true
}

#[cfg(test)]
mod tests {
    use super::super::{Chunk, Header, PacketView};
    use super::*;

    #[test]
    fn an_answer_repeats_what_was_asked() {
        let mut buf = [0; 256];
        let header = Header { source_port: 1, destination_port: 2, tag: 3 };
        let info = HeartbeatInfo { nonce: 0xdead, sent: Duration::from_micros(1234) };
        let mut packet = PacketWriter::new(&mut buf, header);
        assert!(write_heartbeat(&mut packet, info));
        let len = packet.finish();
        assert_eq!(len, 12 + 24);
        let view = PacketView::parse(&buf[..len]).expect("sound");
        let Some(Chunk::Heartbeat(value)) = view.chunks().next() else { panic!("wrong type") };
        assert_eq!(HeartbeatInfo::parse(value), Some(info));
        assert_eq!(HeartbeatInfo::parse(&value[..18]), None);
    }
}
