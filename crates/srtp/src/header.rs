//! The few bytes of RTP and RTCP that stay readable.

#![warn(clippy::arithmetic_side_effects)]

use crate::HeaderError;

/// Bytes of an SRTCP packet that are never encrypted: the first header and the sender's SSRC.
pub(crate) const RTCP_LEN: usize = 8;

/// Bytes of an RTP header without CSRCs and extension.
pub(crate) const RTP_FIXED_LEN: usize = 12;

/// What SRTP needs to know of an RTP packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RtpHeader {
    pub(crate) ssrc: u32,
    pub(crate) sequence_number: u16,
    /// Bytes of the header with CSRCs and extension: what is authenticated but not encrypted.
    pub(crate) len: usize,
    /// Bytes of the fixed header and the CSRCs; there the extension begins, if there is one.
    pub(crate) extension_at: usize,
    /// What the extension says about its form, its first 16 bits; `None` without extension.
    pub(crate) extension: Option<u16>,
}

impl RtpHeader {
    /// Reads the header of `packet` ([RFC 3550] section 5.1).
    ///
    /// ```text
    ///  0                   1                   2                   3
    ///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
    /// |V=2|P|X|  CC   |M|     PT      |       sequence number         |
    /// |                           timestamp                           |
    /// |                             SSRC                              |
    /// |                   CC contributing sources                     |
    /// |   defined by profile (if X)   |   length in words (if X)      |
    /// |                 that many words of extension                  |
    /// ```
    ///
    /// [RFC 3550]: https://www.rfc-editor.org/rfc/rfc3550
    #[inline]
    pub(crate) fn parse(packet: &[u8]) -> Result<Self, HeaderError> {
        let truncated = |need| HeaderError::Truncated { need, len: packet.len() };
        let (fixed, _) =
            packet.split_first_chunk::<RTP_FIXED_LEN>().ok_or(truncated(RTP_FIXED_LEN))?;
        let [first, _, s0, s1, _, _, _, _, c0, c1, c2, c3] = *fixed;
        version(first)?;
        let csrcs = usize::from(first & 0x0f).saturating_mul(4);
        let extension_at = RTP_FIXED_LEN.saturating_add(csrcs);
        let (mut len, mut extension) = (extension_at, None);
        if first & 0x10 != 0 {
            let after = len.saturating_add(4);
            let [p0, p1, high, low] =
                *packet.get(len..).and_then(<[u8]>::first_chunk::<4>).ok_or(truncated(after))?;
            let words = usize::from(u16::from_be_bytes([high, low]));
            len = after.saturating_add(words.saturating_mul(4));
            extension = Some(u16::from_be_bytes([p0, p1]));
        }
        if len > packet.len() {
            return Err(truncated(len));
        }
        Ok(Self {
            ssrc: u32::from_be_bytes([c0, c1, c2, c3]),
            sequence_number: u16::from_be_bytes([s0, s1]),
            len,
            extension_at,
            extension,
        })
    }

    /// Whether there are CSRCs.
    #[inline]
    pub(crate) fn has_csrcs(&self) -> bool {
        self.extension_at > RTP_FIXED_LEN
    }
}

/// The SSRC of an RTCP packet's sender.
pub(crate) fn rtcp_ssrc(packet: &[u8]) -> Result<u32, HeaderError> {
    let Some(([first, _, _, _, c0, c1, c2, c3], _)) = packet.split_first_chunk::<RTCP_LEN>() else {
        return Err(HeaderError::Truncated { need: RTCP_LEN, len: packet.len() });
    };
    version(*first)?;
    Ok(u32::from_be_bytes([*c0, *c1, *c2, *c3]))
}

#[inline]
fn version(first: u8) -> Result<(), HeaderError> {
    match first >> 6 {
        2 => Ok(()),
        other => Err(HeaderError::Version(other)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(first: u8, len: usize) -> Vec<u8> {
        let mut packet = vec![0; len];
        packet[..12].copy_from_slice(&[first, 96, 1, 2, 0, 0, 0, 3, 0xca, 0xfe, 0xba, 0xbe]);
        packet
    }

    #[test]
    fn the_header_ends_after_csrcs_and_extension() {
        let mut with_both = packet(0x92, 40);
        with_both[20..24].copy_from_slice(&[0xbe, 0xde, 0, 2]);
        for (packet, len, extension_at, extension) in [
            (packet(0x80, 12), 12, 12, None),
            (packet(0x8f, 72), 72, 72, None),
            (with_both, 32, 20, Some(0xbede)),
        ] {
            let (ssrc, sequence_number) = (0xcafe_babe, 0x0102);
            let header = RtpHeader { ssrc, sequence_number, len, extension_at, extension };
            assert_eq!(RtpHeader::parse(&packet), Ok(header));
        }
    }

    // attack: an extension or CSRC count that reaches beyond the packet
    #[test]
    fn lengths_beyond_the_packet_are_refused() {
        let mut long_extension = packet(0x90, 16);
        long_extension[14..16].copy_from_slice(&[0xff, 0xff]);
        for (packet, need) in [
            (packet(0x81, 15), 16),
            (packet(0x90, 12), 16),
            (packet(0x9f, 73), 76),
            (long_extension, 16 + 4 * 0xffff),
        ] {
            let len = packet.len();
            assert_eq!(RtpHeader::parse(&packet), Err(HeaderError::Truncated { need, len }));
        }
        for len in 0..12 {
            let truncated = HeaderError::Truncated { need: 12, len };
            assert_eq!(RtpHeader::parse(&[0x80; 12][..len]), Err(truncated));
        }
        assert_eq!(rtcp_ssrc(&[0x80; 7]), Err(HeaderError::Truncated { need: 8, len: 7 }));
    }

    #[test]
    fn only_version_two_is_taken() {
        for first in [0x00, 0x40, 0xc0] {
            let refused = HeaderError::Version(first >> 6);
            assert_eq!(RtpHeader::parse(&packet(first, 12)), Err(refused));
            assert_eq!(rtcp_ssrc(&packet(first, 12)), Err(refused));
        }
        assert_eq!(rtcp_ssrc(&[0x81, 200, 0, 1, 1, 2, 3, 4]), Ok(0x0102_0304));
    }
}
