//! Which of the latest indices have been seen ([RFC 3711] section 3.3.2).
//!
//! [RFC 3711]: https://www.rfc-editor.org/rfc/rfc3711

use crate::{Config, SetupError};

/// A window's size in packets: a power of two, from 64 to 2^15.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct WindowSize(u64);

impl WindowSize {
    pub(crate) fn new(packets: usize) -> Result<Self, SetupError> {
        let (min, max) = (Config::MIN_REPLAY_WINDOW, Config::MAX_REPLAY_WINDOW);
        match u64::try_from(packets) {
            //= rfc3711#3.3.2
            // A window has at least 64 places.
            Ok(size) if (min..=max).contains(&packets) => Ok(Self(size.next_power_of_two())),
            _ => Err(SetupError::ReplayWindow { packets, min, max }),
        }
    }
}

/// What the window says to an index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Fresh,
    Seen,
    Old,
}

/// A ring of bits, one for each of the latest indices; an index finds its bit by its low bits.
///
/// The bit of an index from `next` on still speaks of the index one ring before it, until
/// [`mark`](Self::mark) moves past and clears it.
pub(crate) struct ReplayWindow {
    ring: Box<[u64]>,
    /// One more than the highest index seen; 0 when none was.
    next: u64,
}

impl ReplayWindow {
    pub(crate) fn new(size: WindowSize) -> Self {
        let words = usize::try_from(size.0 / 64).unwrap_or(1);
        Self { ring: vec![0; words].into(), next: 0 }
    }

    /// The highest index seen.
    pub(crate) fn highest(&self) -> Option<u64> {
        self.next.checked_sub(1)
    }

    /// Whether `index` may still come. Changes nothing.
    #[inline]
    pub(crate) fn check(&self, index: u64) -> Verdict {
        if index >= self.next {
            return Verdict::Fresh;
        }
        if self.next.saturating_sub(index) > self.size() {
            return Verdict::Old;
        }
        let (word, bit) = self.place(index);
        match self.ring.get(word) {
            Some(word) if word & bit == 0 => Verdict::Fresh,
            _ => Verdict::Seen,
        }
    }

    /// Notes that `index` came. It has been checked before.
    #[inline]
    pub(crate) fn mark(&mut self, index: u64) {
        if index == self.next {
            // The usual case: nothing was skipped, so nothing has to be cleared.
            self.next = index.saturating_add(1);
        } else if index > self.next {
            self.advance(index);
        }
        let (word, bit) = self.place(index);
        if let Some(word) = self.ring.get_mut(word) {
            *word |= bit;
        }
    }

    /// Takes everything up to `highest` as seen.
    pub(crate) fn resume(&mut self, highest: u64) {
        self.next = highest.saturating_add(1);
        self.ring.fill(u64::MAX);
    }

    /// Clears the places of the indices from `next` to `index`.
    #[cold]
    fn advance(&mut self, index: u64) {
        if index.saturating_sub(self.next) >= self.size() {
            self.ring.fill(0);
        } else {
            for skipped in self.next..=index {
                let (word, bit) = self.place(skipped);
                if let Some(word) = self.ring.get_mut(word) {
                    *word &= !bit;
                }
            }
        }
        self.next = index.saturating_add(1);
    }

    /// Places in the ring: a power of two.
    #[inline]
    fn size(&self) -> u64 {
        u64::try_from(self.ring.len()).unwrap_or(0).saturating_mul(64)
    }

    /// The word and the bit that stand for `index`.
    #[inline]
    fn place(&self, index: u64) -> (usize, u64) {
        let word = (index / 64) & (self.size() / 64).saturating_sub(1);
        (usize::try_from(word).unwrap_or(0), 1 << (index % 64))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn window(packets: usize) -> ReplayWindow {
        ReplayWindow::new(WindowSize::new(packets).unwrap())
    }

    #[test]
    fn sizes_are_powers_of_two_within_limits() {
        for (packets, size) in [(64, Some(64)), (65, Some(128)), (1 << 15, Some(1 << 15))]
            .into_iter()
            .chain([(0, None), (63, None), ((1 << 15) + 1, None), (usize::MAX, None)])
        {
            assert_eq!(WindowSize::new(packets).ok().map(|s| s.0), size, "{packets}");
        }
    }

    //= rfc3711#3.3.2
    //= type=test
    #[test]
    fn the_edges_of_the_window_are_exact() {
        for size in [64, 128, 1024] {
            let mut window = window(size);
            let (size, newest) = (u64::try_from(size).unwrap(), 5000);
            assert_eq!(window.check(0), Verdict::Fresh);
            window.mark(newest);
            assert_eq!(window.highest(), Some(newest));
            assert_eq!(window.check(newest), Verdict::Seen);
            assert_eq!(window.check(newest + 1), Verdict::Fresh);
            assert_eq!(window.check(newest - size + 1), Verdict::Fresh);
            assert_eq!(window.check(newest - size), Verdict::Old);
            window.mark(newest - size + 1);
            assert_eq!(window.check(newest - size + 1), Verdict::Seen);
            window.mark(newest + 1);
            assert_eq!(window.check(newest - size + 1), Verdict::Old);
            assert_eq!(window.check(newest - size + 2), Verdict::Fresh);
        }
    }

    #[test]
    fn index_zero_is_an_index_like_others() {
        let mut window = window(64);
        window.mark(0);
        assert_eq!((window.check(0), window.check(1)), (Verdict::Seen, Verdict::Fresh));
    }

    #[test]
    fn everything_before_a_resumption_counts_as_seen() {
        let mut window = window(64);
        window.resume(100);
        assert_eq!(window.check(100), Verdict::Seen);
        assert_eq!(window.check(37), Verdict::Seen);
        assert_eq!(window.check(36), Verdict::Old);
        window.mark(102);
        assert_eq!(window.check(101), Verdict::Fresh);
        assert_eq!(window.check(100), Verdict::Seen);
    }

    proptest! {
        /// The ring knows what a set without end knows.
        #[test]
        fn the_window_agrees_with_a_set(
            start in prop_oneof![Just(0u64), Just((1 << 48) - 3000)],
            steps in prop::collection::vec(
                prop_oneof![8 => -80i64..80, 1 => -1500i64..1500],
                1..300,
            ),
        ) {
            for size in [64u64, 1024] {
                let mut window = window(usize::try_from(size).unwrap());
                let (mut seen, mut at) = (BTreeSet::new(), start);
                for step in &steps {
                    at = at.saturating_add_signed(*step);
                    let expected = match seen.last() {
                        Some(last) if at + size <= *last => Verdict::Old,
                        _ if seen.contains(&at) => Verdict::Seen,
                        _ => Verdict::Fresh,
                    };
                    prop_assert_eq!(window.check(at), expected);
                    if expected == Verdict::Fresh {
                        window.mark(at);
                        seen.insert(at);
                    }
                    prop_assert_eq!(window.highest(), seen.last().copied());
                }
            }
        }
    }
}
