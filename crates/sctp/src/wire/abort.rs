use super::bytes_at::Fields;
use super::cause::Cause;
use super::chunk::kind;
use super::packet::PacketWriter;

/// Appends an ABORT ([RFC 9260 section 3.3.7]); `false` when it does not fit.
///
/// ```text
///  0                   1                   2                   3
/// +---------------+-------------+-+-------------------------------+
/// |   type = 6    |             |T|            length             |
/// +---------------+-------------+-+-------------------------------+
/// | error causes                                                  |
/// +---------------------------------------------------------------+
/// ```
///
/// [RFC 9260 section 3.3.7]: https://www.rfc-editor.org/rfc/rfc9260#section-3.3.7
pub(crate) fn write_abort(packet: &mut PacketWriter<'_>, cause: &Cause) -> bool {
    write_causes(packet, kind::ABORT, cause)
}

/// Appends an ERROR ([RFC 9260 section 3.3.10]) with one cause; `false` when it does not fit.
///
/// [RFC 9260 section 3.3.10]: https://www.rfc-editor.org/rfc/rfc9260#section-3.3.10
pub(crate) fn write_error(packet: &mut PacketWriter<'_>, cause: &Cause) -> bool {
    write_causes(packet, kind::ERROR, cause)
}

fn write_causes(packet: &mut PacketWriter<'_>, kind: u8, cause: &Cause) -> bool {
    let Some(value) = packet.chunk(kind, 0, cause.len()) else {
        return false;
    };
    cause.write(&mut Fields(value));
    true
}

#[cfg(test)]
mod tests {
    use super::super::{Chunk, Header, PacketView, first_cause};
    use super::*;

    #[test]
    fn causes_read_back() {
        for cause in [
            Cause::InvalidStream(9),
            Cause::MissingCookie,
            Cause::StaleCookie(1000),
            Cause::unrecognized(&[0x3f; 300]),
            Cause::NoUserData(1),
            Cause::UserInitiated,
        ] {
            let mut buf = [0; 256];
            let header = Header { source_port: 1, destination_port: 2, tag: 3 };
            let mut packet = PacketWriter::new(&mut buf, header);
            assert!(write_abort(&mut packet, &cause));
            let len = packet.finish();
            let view = PacketView::parse(&buf[..len]).expect("sound");
            let Some(Chunk::Abort { reflected: false, causes }) = view.chunks().next() else {
                panic!("not ABORT")
            };
            assert_eq!(first_cause(causes), Some(cause.code()));
        }
    }
}
