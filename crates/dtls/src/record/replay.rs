/// Words of the bitmap. One word is always being vacated.
const WORDS: usize = 16;

/// How many sequence numbers below the highest are told apart.
const WINDOW: u64 = (WORDS as u64 - 1) * 64;

/// The sliding window against replays ([RFC 6347 section 4.1.2.6]).
///
/// 960 numbers wide: SCTP and media reorder more than the 64 of the RFC's default. The bitmap is a
/// ring, so moving on costs a word now and then and never a shift.
///
/// [RFC 6347 section 4.1.2.6]: https://www.rfc-editor.org/rfc/rfc6347#section-4.1.2.6
#[derive(Clone, Debug)]
pub(crate) struct ReplayWindow {
    /// One more than the highest number accepted.
    next: u64,
    bits: [u64; WORDS],
}

impl ReplayWindow {
    pub(crate) fn new() -> Self {
        Self { next: 0, bits: [0; WORDS] }
    }

    /// One more than the highest number accepted.
    pub(crate) fn next(&self) -> u64 {
        self.next
    }

    /// Whether `number` is new, and recent enough to know.
    pub(crate) fn is_new(&self, number: u64) -> bool {
        if number >= self.next {
            return true;
        }
        if number.saturating_add(WINDOW) < self.next {
            return false;
        }
        self.bits.get(slot(number / 64)).is_some_and(|word| word & bit(number) == 0)
    }

    /// Remembers `number`, whose record was authentic.
    pub(crate) fn accept(&mut self, number: u64) {
        if number >= self.next {
            // Word of the highest number so far; the words after it are stale.
            let current = self.next.saturating_sub(1) / 64;
            let steps = (number / 64).saturating_sub(current).min(WORDS as u64);
            for step in 1..=steps {
                if let Some(word) = self.bits.get_mut(slot(current.saturating_add(step))) {
                    *word = 0;
                }
            }
            self.next = number.saturating_add(1);
        }
        if let Some(word) = self.bits.get_mut(slot(number / 64)) {
            *word |= bit(number);
        }
    }
}

fn slot(word: u64) -> usize {
    usize::try_from(word % WORDS as u64).unwrap_or(0)
}

fn bit(number: u64) -> u64 {
    1 << (number % 64)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    fn take(window: &mut ReplayWindow, number: u64) -> bool {
        let new = window.is_new(number);
        if new {
            window.accept(number);
        }
        new
    }

    // attack: replay at 0, at the window's edge and at the last number
    #[test]
    fn a_number_passes_once_at_zero_at_the_edge_and_at_the_end() {
        let mut window = ReplayWindow::new();
        assert!(take(&mut window, 0));
        assert!(!take(&mut window, 0));
        let last = (1 << 48) - 1;
        assert!(take(&mut window, last));
        assert!(!take(&mut window, last));
        let edge = last + 1 - WINDOW;
        assert!(!window.is_new(edge - 1), "older than the window");
        assert!(take(&mut window, edge));
        assert!(!take(&mut window, edge));
    }

    proptest! {
        /// The window agrees with a set that remembers everything.
        #[test]
        fn no_number_passes_twice_and_recent_ones_pass(steps in prop::collection::vec(0u64..1200, 1..400)) {
            let mut window = ReplayWindow::new();
            let mut seen = HashSet::new();
            let (mut base, mut highest) = (0u64, 0u64);
            for step in steps {
                base += step % 97;
                let number = base.saturating_sub(step);
                let recent = number + WINDOW > highest;
                let expected = recent && !seen.contains(&number);
                if seen.is_empty() || recent {
                    prop_assert_eq!(take(&mut window, number), expected || seen.is_empty());
                } else {
                    prop_assert!(!window.is_new(number));
                }
                seen.insert(number);
                highest = highest.max(number);
            }
        }
    }
}
