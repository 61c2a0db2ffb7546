//! Numbers that wrap on the wire and do not wrap inside.
//!
//! A TSN or SSN is widened to 64 bits as soon as it is read, to the value nearest to one already
//! known. Comparisons are then plain comparisons, and a wrap is nothing special.

/// A transmission sequence number, widened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Tsn(u64);

impl Tsn {
    /// The first TSN of a direction. There is room below it, so that older numbers widen too.
    pub(crate) fn initial(wire: u32) -> Self {
        Self((1 << 32) | u64::from(wire))
    }

    /// The number on the wire.
    pub(crate) fn wire(self) -> u32 {
        let [_, _, _, _, a, b, c, d] = self.0.to_be_bytes();
        u32::from_be_bytes([a, b, c, d])
    }

    /// Widens `wire` to the value nearest to `self` (RFC 1982 arithmetic).
    pub(crate) fn near(self, wire: u32) -> Self {
        let difference = wire.wrapping_sub(self.wire()).cast_signed();
        Self(self.0.saturating_add_signed(i64::from(difference)))
    }

    pub(crate) fn next(self) -> Self {
        self.plus(1)
    }

    pub(crate) fn previous(self) -> Self {
        Self(self.0.saturating_sub(1))
    }

    pub(crate) fn plus(self, count: u64) -> Self {
        Self(self.0.saturating_add(count))
    }

    pub(crate) fn minus(self, count: u64) -> Self {
        Self(self.0.saturating_sub(count))
    }

    /// How far `self` lies above `base`; 0 when it lies below.
    pub(crate) fn above(self, base: Self) -> u64 {
        self.0.saturating_sub(base.0)
    }

    /// The index in a ring that starts at `base`; `None` when it lies below.
    pub(crate) fn index(self, base: Self) -> Option<usize> {
        usize::try_from(self.0.checked_sub(base.0)?).ok()
    }
}

/// A stream sequence number (16 bits) or message identifier (32 bits), widened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Ssn(u64);

impl Ssn {
    pub(crate) const MIN: Self = Self(0);
    pub(crate) const MAX: Self = Self(u64::MAX);

    /// The number on the wire.
    pub(crate) fn wire(self) -> u16 {
        let [_, _, _, _, _, _, a, b] = self.0.to_be_bytes();
        u16::from_be_bytes([a, b])
    }

    /// Widens `wire` to the value nearest to `self`; `None` when that lies before 0, the
    /// number after a reset.
    pub(crate) fn near(self, wire: u16) -> Option<Self> {
        let difference = wire.wrapping_sub(self.wire()).cast_signed();
        self.0.checked_add_signed(i64::from(difference)).map(Self)
    }

    /// The message identifier on the wire (RFC 8260).
    pub(crate) fn wire_mid(self) -> u32 {
        let [_, _, _, _, a, b, c, d] = self.0.to_be_bytes();
        u32::from_be_bytes([a, b, c, d])
    }

    /// Widens a message identifier as [`near`](Self::near) widens a stream sequence number.
    pub(crate) fn near_mid(self, wire: u32) -> Option<Self> {
        let difference = wire.wrapping_sub(self.wire_mid()).cast_signed();
        self.0.checked_add_signed(i64::from(difference)).map(Self)
    }

    /// The number itself, for a handover.
    pub(crate) fn whole(self) -> u64 {
        self.0
    }

    /// What [`whole`](Self::whole) returned.
    pub(crate) fn from_whole(number: u64) -> Self {
        Self(number)
    }

    pub(crate) fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tsn_widens_across_the_wrap_in_both_directions() {
        let last = Tsn::initial(u32::MAX);
        assert_eq!(last.next().wire(), 0);
        assert_eq!(last.near(0), last.next());
        assert_eq!(last.next().near(u32::MAX), last);
        assert!(last.near(0) > last);
    }

    #[test]
    fn an_ssn_widens_across_the_wrap_and_never_below_zero() {
        let mut ssn = Ssn::MIN;
        for _ in 0..65_536 {
            ssn = ssn.next();
        }
        assert_eq!(ssn.wire(), 0);
        assert_eq!(ssn.near(65_535).map(Ssn::next), Some(ssn));
        assert_eq!(Ssn::MIN.near(65_535), None);
    }
}
