//! The packet index: 32 bits of roll-over counter that nobody transmits, and the sequence number.

#![warn(clippy::arithmetic_side_effects)]

/// The last index of an SRTP stream.
pub(crate) const RTP_MAX: u64 = (1 << 48) - 1;

/// The last index of an SRTCP stream.
pub(crate) const RTCP_MAX: u32 = (1 << 31) - 1;

const HALF: u16 = 1 << 15;

/// The roll-over counter would exceed 32 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Exhausted;

/// The index of the packet with `sequence_number` that lies closest to `highest`, the largest
/// index so far ([RFC 3711] section 3.3.1 and appendix A).
///
/// Where the closest one would lie before the beginning, it is the one in the first round:
/// a stream may jump ahead, and nothing was ever sent with a negative index.
///
/// [RFC 3711]: https://www.rfc-editor.org/rfc/rfc3711
#[inline]
pub(crate) fn estimate(highest: u64, sequence_number: u16) -> Result<u64, Exhausted> {
    let round = highest >> 16;
    let newest = low_16(highest);
    //= rfc3711#3.3.1
    // One of three neighbouring values of the counter is taken, whichever leads closest.
    let round = if newest < HALF {
        if sequence_number.saturating_sub(newest) > HALF { round.saturating_sub(1) } else { round }
    } else if newest.saturating_sub(HALF) > sequence_number {
        round.saturating_add(1)
    } else {
        round
    };
    if round > u64::from(u32::MAX) {
        return Err(Exhausted);
    }
    Ok(join(round, sequence_number))
}

/// The index of `sequence_number` in that round of the roll-over counter.
#[inline]
pub(crate) fn join(round: u64, sequence_number: u16) -> u64 {
    (round << 16) | u64::from(sequence_number)
}

/// The roll-over counter of `index`.
#[inline]
pub(crate) fn rollover_counter(index: u64) -> u32 {
    let [_, _, a, b, c, d, _, _] = index.to_be_bytes();
    u32::from_be_bytes([a, b, c, d])
}

#[inline]
fn low_16(index: u64) -> u16 {
    let [.., high, low] = index.to_be_bytes();
    u16::from_be_bytes([high, low])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_closest_round_is_taken() {
        let cases: &[(u64, u16, u64)] = &[
            // Forward, within a round and over its end.
            (0x1_0005, 6, 0x1_0006),
            (0x1_ffff, 0, 0x2_0000),
            (0x1_fff0, 0x100, 0x2_0100),
            // Late, within a round and over its beginning.
            (0x1_0005, 4, 0x1_0004),
            (0x1_0000, 0xffff, 0x0_ffff),
            (0x1_0100, 0xfff0, 0x0_fff0),
            // As far as it goes: 2^15 packets lost, or late.
            (0x1_0000, 0x8000, 0x1_8000),
            (0x1_0000, 0x8001, 0x0_8001),
            (0x1_8000, 0x0000, 0x1_0000),
            (0x1_8001, 0x0000, 0x2_0000),
            (0x1_ffff, 0x7fff, 0x1_7fff),
            (0x1_ffff, 0x7ffe, 0x2_7ffe),
            // Before the first round there is nothing: this is a jump ahead.
            (0x0_0005, 0xffff, 0x0_ffff),
            // At the very end.
            (0xffff_ffff_fffe, 0xffff, 0xffff_ffff_ffff),
        ];
        for &(highest, sequence_number, index) in cases {
            assert_eq!(estimate(highest, sequence_number), Ok(index), "{highest:#x}");
        }
    }

    //= rfc3711#3.3.1
    //= type=test
    #[test]
    fn there_is_no_round_after_the_last() {
        assert_eq!(estimate(RTP_MAX, 0), Err(Exhausted));
        assert_eq!(estimate(RTP_MAX, 0x7ffe), Err(Exhausted));
        assert_eq!(estimate(RTP_MAX, 0x7fff), Ok(0xffff_ffff_7fff));
    }

    #[test]
    fn an_index_comes_apart_as_it_was_joined() {
        let index = join(0xffee_ddcc, 0xbbaa);
        assert_eq!(index, 0xffee_ddcc_bbaa);
        assert_eq!((rollover_counter(index), low_16(index)), (0xffee_ddcc, 0xbbaa));
    }
}
