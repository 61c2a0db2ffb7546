//! Which of the latest counters of a key have been seen.

#![warn(clippy::arithmetic_side_effects)]

use crate::{Config, KeyError};

/// A window's size in frames: a power of two, from 64 to 2^15.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct WindowSize(u64);

impl WindowSize {
    pub(crate) fn new(frames: usize) -> Result<Self, KeyError> {
        let wide = |frames| u64::try_from(frames).unwrap_or(u64::MAX);
        let (value, min, max) =
            (wide(frames), wide(Config::MIN_REPLAY_WINDOW), wide(Config::MAX_REPLAY_WINDOW));
        if (min..=max).contains(&value) {
            Ok(Self(value.next_power_of_two()))
        } else {
            Err(KeyError::Size { value, min, max })
        }
    }
}

/// What the window says to a counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Fresh,
    Seen,
    Old,
}

/// A ring of bits, one for each of the latest counters; a counter finds its bit by its low bits.
#[derive(Debug)]
pub(crate) struct ReplayWindow {
    ring: Box<[u64]>,
    highest: Option<u64>,
}

impl ReplayWindow {
    pub(crate) fn new(size: WindowSize) -> Self {
        let words = usize::try_from(size.0 / 64).unwrap_or(1);
        Self { ring: vec![0; words].into(), highest: None }
    }

    /// Whether `counter` may still come. Changes nothing.
    pub(crate) fn check(&self, counter: u64) -> Verdict {
        let Some(highest) = self.highest.filter(|highest| counter <= *highest) else {
            return Verdict::Fresh;
        };
        if highest.saturating_sub(counter) >= self.size() {
            return Verdict::Old;
        }
        let (word, bit) = self.place(counter);
        match self.ring.get(word) {
            Some(word) if word & bit == 0 => Verdict::Fresh,
            _ => Verdict::Seen,
        }
    }

    /// Notes that `counter` came. It has been checked before.
    pub(crate) fn mark(&mut self, counter: u64) {
        if self.highest.is_none_or(|highest| counter > highest) {
            self.advance(counter);
        }
        let (word, bit) = self.place(counter);
        if let Some(word) = self.ring.get_mut(word) {
            *word |= bit;
        }
    }

    /// Clears the places of the counters behind the highest one, up to `counter`.
    fn advance(&mut self, counter: u64) {
        match self.highest {
            Some(highest) if counter.saturating_sub(highest) < self.size() => {
                for skipped in highest.saturating_add(1)..=counter {
                    let (word, bit) = self.place(skipped);
                    if let Some(word) = self.ring.get_mut(word) {
                        *word &= !bit;
                    }
                }
            }
            _ => self.ring.fill(0),
        }
        self.highest = Some(counter);
    }

    /// Places in the ring: a power of two.
    fn size(&self) -> u64 {
        u64::try_from(self.ring.len()).unwrap_or(0).saturating_mul(64)
    }

    /// The word and the bit that stand for `counter`.
    fn place(&self, counter: u64) -> (usize, u64) {
        let word = (counter / 64) & (self.size() / 64).saturating_sub(1);
        (usize::try_from(word).unwrap_or(0), 1 << (counter % 64))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn sizes_have_limits() {
        for (frames, size) in [(64, Some(64)), (65, Some(128)), (63, None), ((1 << 15) + 1, None)] {
            assert_eq!(WindowSize::new(frames).ok().map(|size| size.0), size);
        }
    }

    proptest! {
        /// The ring knows what a set without end knows, up to the very last counter.
        #[test]
        fn the_window_agrees_with_a_set(
            start in prop_oneof![Just(0u64), Just(u64::MAX - 500), any::<u64>()],
            steps in prop::collection::vec(
                prop_oneof![8 => -80i64..80, 1 => -1500i64..1500], 1..300),
        ) {
            for size in [64usize, 1024] {
                let mut window = ReplayWindow::new(WindowSize::new(size).unwrap());
                let size = u64::try_from(size).unwrap();
                let (mut seen, mut at) = (BTreeSet::<u64>::new(), start);
                for step in &steps {
                    at = at.saturating_add_signed(*step);
                    let expected = match seen.last() {
                        Some(last) if *last >= at && last.abs_diff(at) >= size => Verdict::Old,
                        _ if seen.contains(&at) => Verdict::Seen,
                        _ => Verdict::Fresh,
                    };
                    prop_assert_eq!(window.check(at), expected);
                    if expected == Verdict::Fresh {
                        window.mark(at);
                        seen.insert(at);
                    }
                }
            }
        }
    }
}
