use std::fmt;
use std::time::Duration;

/// A moment as NTP writes it: seconds since 1900 in the upper 32 bits, their fraction below.
/// [RFC 3550 section 4].
///
/// [RFC 3550 section 4]: https://www.rfc-editor.org/rfc/rfc3550#section-4
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NtpTime(pub u64);

/// Seconds from 1900 to 1970.
const UNIX_EPOCH: u64 = 2_208_988_800;

impl NtpTime {
    /// The moment that lies `since_epoch` after the start of 1970. Wraps in 2036, as NTP does.
    #[must_use]
    pub fn from_unix(since_epoch: Duration) -> Self {
        let seconds = since_epoch.as_secs().wrapping_add(UNIX_EPOCH) & 0xffff_ffff;
        let fraction = (u64::from(since_epoch.subsec_nanos()) << 32) / 1_000_000_000;
        Self(seconds << 32 | fraction)
    }

    /// The middle 32 bits: seconds and fraction in 16 bits each.
    #[must_use]
    pub fn middle(self) -> u32 {
        let [_, _, a, b, c, d, _, _] = self.0.to_be_bytes();
        u32::from_be_bytes([a, b, c, d])
    }
}

impl fmt::Display for NtpTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}.{:08x}", self.0 >> 32, self.0 & 0xffff_ffff)
    }
}

/// A duration in units of 1/65536 s, clamped to 32 bits.
pub(crate) fn to_short(duration: Duration) -> u32 {
    let units = duration.as_nanos().saturating_mul(65_536) / 1_000_000_000;
    u32::try_from(units).unwrap_or(u32::MAX)
}

/// What `units` of 1/65536 s last.
pub(crate) fn from_short(units: u32) -> Duration {
    Duration::from_nanos((u64::from(units) * 1_000_000_000) >> 16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unix_time_becomes_ntp_time() {
        let time = NtpTime::from_unix(Duration::from_millis(500));
        assert_eq!(time, NtpTime(0x83aa_7e80_8000_0000));
        assert_eq!(time.middle(), 0x7e80_8000);
        assert_eq!(time.to_string(), "83aa7e80.80000000");
    }

    #[test]
    fn short_times_have_sixteen_bits_of_fraction() {
        assert_eq!(to_short(Duration::from_millis(1500)), 0x1_8000);
        assert_eq!(from_short(0x1_8000), Duration::from_millis(1500));
        assert_eq!(to_short(Duration::MAX), u32::MAX);
    }
}
