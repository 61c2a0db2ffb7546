/// Makes a sequence that never wraps out of 16-bit sequence numbers.
///
/// A number is taken to be the one nearest to the greatest seen. The first number `n` becomes
/// `65536 + n`, so that what was sent before it, and comes late, has a place too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SequenceUnwrapper {
    greatest: Option<u64>,
}

impl SequenceUnwrapper {
    /// Knows no number yet.
    #[must_use]
    pub const fn new() -> Self {
        Self { greatest: None }
    }

    /// The place of `number`, which is remembered if it is the greatest so far.
    pub fn unwrap(&mut self, number: u16) -> u64 {
        let place = self.peek(number);
        self.greatest = self.greatest.max(Some(place));
        place
    }

    /// The place of `number`, without remembering it.
    #[must_use]
    pub fn peek(&self, number: u16) -> u64 {
        let Some(greatest) = self.greatest else {
            return 0x1_0000 + u64::from(number);
        };
        let [.., high, low] = greatest.to_be_bytes();
        let ahead = number.wrapping_sub(u16::from_be_bytes([high, low]));
        if ahead < 0x8000 {
            greatest.saturating_add(u64::from(ahead))
        } else {
            // Numbers before the first one of all stay above zero by the place it got.
            greatest.saturating_sub(0x1_0000 - u64::from(ahead))
        }
    }

    /// The greatest place so far.
    #[must_use]
    pub const fn greatest(&self) -> Option<u64> {
        self.greatest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_go_on_where_they_wrap() {
        let mut sequence = SequenceUnwrapper::new();
        let first = sequence.unwrap(65_534);
        assert_eq!(sequence.unwrap(65_535), first + 1);
        assert_eq!(sequence.unwrap(1), first + 3);
        assert_eq!(sequence.unwrap(0), first + 2);
        assert_eq!(sequence.unwrap(65_533), first - 1);
        assert_eq!(sequence.greatest(), Some(first + 3));
    }

    #[test]
    fn what_was_sent_before_the_first_number_has_a_place() {
        let mut sequence = SequenceUnwrapper::new();
        let first = sequence.unwrap(0);
        assert_eq!(sequence.unwrap(65_535), first - 1);
        assert_eq!(sequence.unwrap(0), first);
    }
}
