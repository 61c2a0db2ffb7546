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
        assert_eq!(protocol(&[0x81, 206]), Some(Protocol::Rtcp));
        assert_eq!(protocol(&[0x80]), None);
        assert_eq!(protocol(&[]), None);
    }
}
