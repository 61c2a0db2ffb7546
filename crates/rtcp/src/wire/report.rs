use std::time::Duration;

use super::header::split_u32;
use crate::ntp::{NtpTime, from_short, to_short};

/// The most report blocks in one packet.
pub const MAX_BLOCKS: usize = 31;
const BLOCK_LEN: usize = 24;

/// What a sender says about its own stream. [RFC 3550 section 6.4.1].
///
/// ```text
/// +---------------------------------------------------------------+
/// |                            SSRC                               |
/// |              NTP timestamp, 64 bits                           |
/// |              RTP timestamp of the same moment                 |
/// |              packets sent                                     |
/// |              bytes of payload sent                            |
/// +---------------------------------------------------------------+
/// ```
///
/// [RFC 3550 section 6.4.1]: https://www.rfc-editor.org/rfc/rfc3550#section-6.4.1
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SenderInfo {
    /// The stream.
    pub ssrc: u32,
    /// When this report was made.
    pub ntp: NtpTime,
    /// The same moment on the stream's media clock.
    pub rtp_timestamp: u32,
    /// Packets since the stream began, modulo 2^32.
    pub packets: u32,
    /// Bytes of payload since the stream began, modulo 2^32.
    pub octets: u32,
}

/// A sender report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SenderReport<'a> {
    info: SenderInfo,
    blocks: &'a [[u8; BLOCK_LEN]],
}

/// A receiver report. [RFC 3550 section 6.4.2].
///
/// [RFC 3550 section 6.4.2]: https://www.rfc-editor.org/rfc/rfc3550#section-6.4.2
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReceiverReport<'a> {
    ssrc: u32,
    blocks: &'a [[u8; BLOCK_LEN]],
}

/// How one stream arrives. [RFC 3550 section 6.4.1].
///
/// ```text
/// +---------------------------------------------------------------+
/// |                 SSRC of the stream                            |
/// | fraction lost |       cumulative number of packets lost       |
/// |           extended highest sequence number received           |
/// |                      interarrival jitter                      |
/// |                         last SR (LSR)                         |
/// |                   delay since last SR (DLSR)                  |
/// +---------------------------------------------------------------+
/// ```
///
/// [RFC 3550 section 6.4.1]: https://www.rfc-editor.org/rfc/rfc3550#section-6.4.1
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReportBlock {
    /// The stream that is reported on.
    pub ssrc: u32,
    /// Lost since the report before, of 256.
    pub fraction_lost: u8,
    /// Lost altogether, negative when duplicates came; written with 24 bits.
    pub cumulative_lost: i32,
    /// The greatest sequence number, with the count of its cycles in the upper half.
    pub extended_sequence_number: u32,
    /// In units of the stream's media clock.
    pub jitter: u32,
    /// The middle of the NTP time in the last sender report, 0 for none.
    pub last_sender_report: u32,
    /// Since that report came, in 1/65536 s.
    pub delay_since_last: u32,
}

impl<'a> SenderReport<'a> {
    pub(crate) fn read(count: u8, body: &'a [u8]) -> Option<Self> {
        let (ssrc, rest) = split_u32(body)?;
        let (ntp, rest) = rest.split_first_chunk::<8>()?;
        let (rtp_timestamp, rest) = split_u32(rest)?;
        let (packets, rest) = split_u32(rest)?;
        let (octets, rest) = split_u32(rest)?;
        let ntp = NtpTime(u64::from_be_bytes(*ntp));
        let info = SenderInfo { ssrc, ntp, rtp_timestamp, packets, octets };
        Some(Self { info, blocks: blocks(count, rest)? })
    }

    /// What the sender says about its stream.
    #[must_use]
    pub fn info(&self) -> SenderInfo {
        self.info
    }

    /// How it receives others.
    pub fn blocks(&self) -> impl ExactSizeIterator<Item = ReportBlock> + use<'a> {
        self.blocks.iter().map(ReportBlock::read)
    }
}

impl<'a> ReceiverReport<'a> {
    pub(crate) fn read(count: u8, body: &'a [u8]) -> Option<Self> {
        let (ssrc, rest) = split_u32(body)?;
        Some(Self { ssrc, blocks: blocks(count, rest)? })
    }

    /// Who reports.
    #[must_use]
    pub fn ssrc(&self) -> u32 {
        self.ssrc
    }

    /// How it receives others.
    pub fn blocks(&self) -> impl ExactSizeIterator<Item = ReportBlock> + use<'a> {
        self.blocks.iter().map(ReportBlock::read)
    }
}

/// The first `count` blocks; what follows them is for profiles.
fn blocks(count: u8, bytes: &[u8]) -> Option<&[[u8; BLOCK_LEN]]> {
    bytes.as_chunks().0.get(..usize::from(count))
}

impl ReportBlock {
    fn read(block: &[u8; BLOCK_LEN]) -> Self {
        let words = block.as_chunks::<4>().0;
        let &[ssrc, [fraction_lost, a, b, c], highest, jitter, last, delay] = words else {
            return Self::default();
        };
        Self {
            ssrc: u32::from_be_bytes(ssrc),
            fraction_lost,
            cumulative_lost: i32::from_be_bytes([a, b, c, 0]) >> 8,
            extended_sequence_number: u32::from_be_bytes(highest),
            jitter: u32::from_be_bytes(jitter),
            last_sender_report: u32::from_be_bytes(last),
            delay_since_last: u32::from_be_bytes(delay),
        }
    }

    pub(crate) fn write(&self) -> [[u8; 4]; 6] {
        //= rfc3550#6.4.1
        // The count is clamped to what 24 bits can say.
        let [_, a, b, c] = self.cumulative_lost.clamp(-0x80_0000, 0x7f_ffff).to_be_bytes();
        [
            self.ssrc.to_be_bytes(),
            [self.fraction_lost, a, b, c],
            self.extended_sequence_number.to_be_bytes(),
            self.jitter.to_be_bytes(),
            self.last_sender_report.to_be_bytes(),
            self.delay_since_last.to_be_bytes(),
        ]
    }

    /// Says when the last sender report came: its NTP time, and how long ago.
    #[must_use]
    pub fn with_last_sender_report(self, ntp: NtpTime, ago: Duration) -> Self {
        Self { last_sender_report: ntp.middle(), delay_since_last: to_short(ago), ..self }
    }

    /// The round trip, if this block came at `arrival` of the clock that our sender reports carry.
    ///
    /// `None` as long as the peer has seen no sender report. Never negative.
    #[must_use]
    pub fn round_trip(&self, arrival: NtpTime) -> Option<Duration> {
        if self.last_sender_report == 0 {
            return None;
        }
        //= rfc3550#6.4.1
        // The round trip is what is left of the time since our report without the peer's delay.
        let since = arrival.middle().wrapping_sub(self.last_sender_report);
        let round_trip = since.wrapping_sub(self.delay_since_last);
        // Clocks that run apart can make it negative, which counts as nothing.
        Some(from_short(if round_trip.cast_signed() < 0 { 0 } else { round_trip }))
    }
}
