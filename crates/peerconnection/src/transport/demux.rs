//! Which protocol a datagram belongs to, by its first bytes ([RFC 7983] section 7, as [RFC 9443]
//! updates it, and [RFC 5761] section 4).
//!
//! [RFC 7983]: https://www.rfc-editor.org/rfc/rfc7983
//! [RFC 9443]: https://www.rfc-editor.org/rfc/rfc9443
//! [RFC 5761]: https://www.rfc-editor.org/rfc/rfc5761

/// The protocols that share one transport.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    Stun,
    Dtls,
    Rtp,
    Rtcp,
}

/// The protocol of `datagram`; `None` for what is none of ours.
pub(crate) fn protocol(datagram: &[u8]) -> Option<Protocol> {
    let (&first, rest) = datagram.split_first()?;
    match first {
        0..=3 => Some(Protocol::Stun),
        //= rfc7983#7
        // The whole range is DTLS: the unified header of DTLS 1.3 lies in its upper part.
        20..=63 => Some(Protocol::Dtls),
        //= rfc5761#4
        // Payload types that would look like RTCP's packet types are not used for RTP.
        128..=191 => match rest.first()? {
            192..=223 => Some(Protocol::Rtcp),
            _ => Some(Protocol::Rtp),
        },
        _ => None,
    }
}

/// Whether a datagram from a TURN server concerns the relay: channel data, and STUN of any method
/// but Binding, which is what ICE asks with.
pub(crate) fn is_from_relay(datagram: &[u8]) -> bool {
    const METHOD: u16 = 0x3eef;
    const BINDING: u16 = 0x0001;
    let Some(kind) = datagram.first_chunk() else { return false };
    match datagram.first() {
        Some(0..=3) => u16::from_be_bytes(*kind) & METHOD != BINDING,
        Some(64..=79) => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_first_byte_has_its_protocol() {
        for first in 0..=255_u8 {
            let expected = match first {
                0..=3 => Some(Protocol::Stun),
                20..=63 => Some(Protocol::Dtls),
                128..=191 => Some(Protocol::Rtp),
                _ => None,
            };
            assert_eq!(protocol(&[first, 96]), expected, "{first}");
        }
        // Binding request, indication, success, error; Allocate success; channel data; DTLS.
        for (kind, expected) in [
            ([0x00, 0x01], false),
            ([0x00, 0x11], false),
            ([0x01, 0x01], false),
            ([0x01, 0x11], false),
            ([0x01, 0x03], true),
            ([0x00, 0x17], true),
            ([0x40, 0x00], true),
            ([22, 254], false),
        ] {
            assert_eq!(is_from_relay(&kind), expected, "{kind:?}");
        }
        assert!(!is_from_relay(&[64]));
        assert_eq!(protocol(&[0x81, 206]), Some(Protocol::Rtcp));
        assert_eq!(protocol(&[0x80]), None);
        assert_eq!(protocol(&[]), None);
    }
}
