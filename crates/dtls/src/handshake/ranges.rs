use std::ops::Range;

/// Stretches of a message, sorted, and with gaps between them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Ranges(Vec<Range<usize>>);

impl Ranges {
    /// Adds a stretch; what touches becomes one.
    pub(crate) fn add(&mut self, mut range: Range<usize>) {
        self.0.retain(|known| {
            let apart = known.end < range.start || known.start > range.end;
            if !apart {
                range = range.start.min(known.start)..range.end.max(known.end);
            }
            apart
        });
        let at = self.0.partition_point(|known| known.start < range.start);
        self.0.insert(at, range);
    }

    /// The first gap from `offset` on, up to `len`; `None` when there is none.
    pub(crate) fn gap(&self, offset: usize, len: usize) -> Option<Range<usize>> {
        let mut start = offset;
        for known in &self.0 {
            if known.end <= start {
                continue;
            }
            if known.start > start {
                return Some(start..known.start.min(len)).filter(|gap| !gap.is_empty());
            }
            start = known.end;
        }
        (start < len).then_some(start..len)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn gaps_are_what_was_not_added() {
        let mut ranges = Ranges::default();
        assert_eq!(ranges.gap(0, 10), Some(0..10));
        ranges.add(3..5);
        ranges.add(7..8);
        assert_eq!(ranges.gap(0, 10), Some(0..3));
        assert_eq!(ranges.gap(3, 10), Some(5..7));
        assert_eq!(ranges.gap(7, 10), Some(8..10));
        ranges.add(5..7);
        assert_eq!(ranges.gap(3, 10), Some(8..10));
        assert_eq!(ranges.gap(3, 8), None);
    }

    proptest! {
        #[test]
        fn it_behaves_like_a_list_of_bits(adds in prop::collection::vec((0usize..40, 1usize..10), 0..12)) {
            let (mut ranges, mut bits) = (Ranges::default(), [false; 60]);
            for (start, len) in adds {
                ranges.add(start..start + len);
                bits[start..start + len].fill(true);
            }
            let mut offset = 0;
            while let Some(gap) = ranges.gap(offset, 60) {
                prop_assert!(bits[offset..gap.start].iter().all(|bit| *bit));
                prop_assert!(bits[gap.clone()].iter().all(|bit| !*bit));
                offset = gap.end;
            }
            prop_assert!(bits[offset..].iter().all(|bit| *bit));
        }
    }
}
