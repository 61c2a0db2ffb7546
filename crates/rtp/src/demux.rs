use crate::error::ParseError;
use crate::packet::{EXTENSION_HEADER_LEN, FIXED_LEN, VERSION};

/// Whether a datagram that is RTP or RTCP is RTCP, where both share a port.
///
/// Looks at the second byte only; tell STUN and DTLS apart before, by the first byte (RFC 7983).
#[must_use]
pub fn is_rtcp(datagram: &[u8]) -> bool {
    //= rfc5761#4
    // RTCP packet types 192 to 223 lie where RTP would have payload types 64 to 95, which are
    // therefore not used.
    matches!(datagram, [_, 192..=223, ..])
}

/// The length of the RTP header in bytes: fixed part, CSRCs and extension.
///
/// For those who encrypt or decrypt what follows; it reads nothing behind the header, so the
/// payload may still be encrypted.
///
/// # Errors
///
/// [`ParseError::Version`] and [`ParseError::Truncated`].
pub fn header_len(packet: &[u8]) -> Result<usize, ParseError> {
    let have = packet.len();
    let [first, ..] = *packet else {
        return Err(ParseError::Truncated { need: FIXED_LEN, have });
    };
    if first >> 6 != VERSION {
        return Err(ParseError::Version(first >> 6));
    }
    let mut need = FIXED_LEN.saturating_add(usize::from(first & 0x0f).saturating_mul(4));
    if first & 0x10 != 0 {
        let at = need;
        need = need.saturating_add(EXTENSION_HEADER_LEN);
        if let Some([_, _, high, low]) = packet.get(at..need) {
            let words = u16::from_be_bytes([*high, *low]);
            need = need.saturating_add(usize::from(words).saturating_mul(4));
        }
    }
    if have < need {
        return Err(ParseError::Truncated { need, have });
    }
    Ok(need)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_byte_tells_rtcp_from_rtp() {
        assert!(is_rtcp(&[0x80, 200]));
        assert!(is_rtcp(&[0x81, 192]) && is_rtcp(&[0x81, 223]));
        assert!(!is_rtcp(&[0x80, 191]) && !is_rtcp(&[0x80, 224]));
        assert!(!is_rtcp(&[0x80]) && !is_rtcp(&[]));
    }

    #[test]
    fn the_header_length_covers_csrcs_and_extension() {
        let mut packet = [0; 12 + 8 + 4 + 4];
        packet[0] = 0x92;
        packet[20..24].copy_from_slice(&[0xbe, 0xde, 0, 1]);
        assert_eq!(header_len(&packet), Ok(28));
        assert_eq!(header_len(&packet[..27]), Err(ParseError::Truncated { need: 28, have: 27 }));
        assert_eq!(header_len(&packet[..22]), Err(ParseError::Truncated { need: 24, have: 22 }));
        assert_eq!(header_len(&[]), Err(ParseError::Truncated { need: 12, have: 0 }));
        assert_eq!(header_len(&[0x40; 12]), Err(ParseError::Version(1)));
    }
}
