//! The places of one source's packets, and which of them have come.

use antiphon_rtp::SequenceUnwrapper;

/// Unwraps sequence numbers over restarts of their source.
#[derive(Debug, Default)]
pub(super) struct Sequence {
    unwrapper: SequenceUnwrapper,
    /// A multiple of 65,536, so that the lower 16 bits of a place are its number.
    offset: u64,
}

impl Sequence {
    pub(super) fn peek(&self, number: u16) -> u64 {
        self.offset.saturating_add(self.unwrapper.peek(number))
    }

    pub(super) fn unwrap(&mut self, number: u16) -> u64 {
        self.offset.saturating_add(self.unwrapper.unwrap(number))
    }

    /// Starts anew with this number, behind everything before.
    pub(super) fn restart(&mut self, number: u16) -> u64 {
        self.renew();
        self.unwrap(number)
    }

    /// What comes next lies behind everything before, whatever its number.
    pub(super) fn renew(&mut self) {
        let used = self.unwrapper.greatest().unwrap_or(0);
        self.offset = self.offset.saturating_add(used & !0xffff);
        self.unwrapper = SequenceUnwrapper::new();
    }
}

/// Places that are told apart.
const SPAN: u64 = 2048;
const WORDS: usize = 32;

/// Which of the last places have come. Older ones count as come.
#[derive(Debug)]
pub(super) struct Window {
    greatest: Option<u64>,
    seen: [u64; WORDS],
}

impl Window {
    pub(super) fn new() -> Self {
        Self { greatest: None, seen: [0; WORDS] }
    }

    /// Whether a place lies so far ahead that to mark it would forget too many others.
    pub(super) fn is_far_ahead(&self, place: u64) -> bool {
        self.greatest.is_some_and(|greatest| place > greatest.saturating_add(SPAN / 4))
    }

    /// Whether a place is marked.
    pub(super) fn contains(&self, place: u64) -> bool {
        let near = self.greatest.is_some_and(|g| place <= g && g.saturating_sub(place) < SPAN);
        let word = usize::try_from(place % SPAN / 64).ok().and_then(|index| self.seen.get(index));
        near && word.is_some_and(|word| word >> (place % 64) & 1 == 1)
    }

    /// Marks a place; false if it was marked before or is too old.
    pub(super) fn insert(&mut self, place: u64) -> bool {
        let Some(greatest) = self.greatest else {
            self.greatest = Some(place);
            return self.mark(place);
        };
        if place > greatest {
            if place.saturating_sub(greatest) >= SPAN {
                self.seen = [0; WORDS];
            } else {
                for skipped in greatest.saturating_add(1)..place {
                    self.clear(skipped);
                }
                self.clear(place);
            }
            self.greatest = Some(place);
        } else if greatest.saturating_sub(place) >= SPAN {
            return false;
        }
        self.mark(place)
    }

    fn word(&mut self, place: u64) -> Option<(&mut u64, u64)> {
        let index = usize::try_from(place % SPAN / 64).ok()?;
        Some((self.seen.get_mut(index)?, 1 << (place % 64)))
    }

    fn clear(&mut self, place: u64) {
        if let Some((word, bit)) = self.word(place) {
            *word &= !bit;
        }
    }

    fn mark(&mut self, place: u64) -> bool {
        self.word(place).is_some_and(|(word, bit)| {
            let fresh = *word & bit == 0;
            *word |= bit;
            fresh
        })
    }
}
