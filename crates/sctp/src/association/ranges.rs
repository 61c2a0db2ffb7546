use crate::serial::Tsn;

/// Sorted, disjoint, non-adjacent ranges of TSNs, ends included.
pub(crate) type Range = (Tsn, Tsn);

/// Calls `f` for every maximal part of `a` that `b` does not cover. Both are sorted; the cost is
/// the number of ranges, not of TSNs.
pub(crate) fn difference(a: &[Range], b: &[Range], mut f: impl FnMut(Tsn, Tsn)) {
    let mut cover = b.iter().peekable();
    for (first, last) in a {
        let mut at = *first;
        loop {
            while cover.next_if(|(_, end)| *end < at).is_some() {}
            match cover.peek() {
                Some((start, end)) if start <= last => {
                    if at < *start {
                        f(at, start.previous());
                    }
                    at = end.next();
                    if at > *last {
                        break;
                    }
                }
                Some(_) | None => {
                    f(at, *last);
                    break;
                }
            }
        }
    }
}

/// Adds one TSN; `false` when it would need a range beyond `limit`.
pub(crate) fn insert(ranges: &mut Vec<Range>, tsn: Tsn, limit: usize) -> bool {
    // Nearly always the newest: at or right after the end.
    let at = match ranges.last() {
        Some((_, last)) if *last < tsn => ranges.len(),
        Some(_) | None => ranges.partition_point(|(_, last)| *last < tsn),
    };
    let joins_before = at
        .checked_sub(1)
        .and_then(|before| ranges.get(before))
        .is_some_and(|(_, last)| last.next() == tsn);
    let joins_after = ranges.get(at).is_some_and(|(first, _)| *first == tsn.next());
    match (joins_before, joins_after) {
        (true, true) => {
            let (_, last) = ranges.remove(at);
            if let Some(range) = ranges.get_mut(at.saturating_sub(1)) {
                range.1 = last;
            }
        }
        (true, false) => {
            if let Some(range) = ranges.get_mut(at.saturating_sub(1)) {
                range.1 = tsn;
            }
        }
        (false, true) => {
            if let Some(range) = ranges.get_mut(at) {
                range.0 = tsn;
            }
        }
        (false, false) if ranges.len() >= limit => return false,
        (false, false) => ranges.insert(at, (tsn, tsn)),
    }
    true
}

/// Whether a range holds `tsn`.
pub(crate) fn contains(ranges: &[Range], tsn: Tsn) -> bool {
    let at = ranges.partition_point(|(_, last)| *last < tsn);
    ranges.get(at).is_some_and(|(first, _)| *first <= tsn)
}

/// Drops everything up to `tsn`.
pub(crate) fn trim(ranges: &mut Vec<Range>, tsn: Tsn) {
    let gone = ranges.partition_point(|(_, last)| *last <= tsn);
    ranges.drain(..gone);
    if let Some((first, _)) = ranges.first_mut() {
        *first = (*first).max(tsn.next());
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    use super::*;

    fn tsn(offset: u64) -> Tsn {
        Tsn::initial(u32::MAX - 20).plus(offset)
    }

    fn build(offsets: &BTreeSet<u64>) -> Vec<Range> {
        let mut ranges = Vec::new();
        for offset in offsets {
            assert!(insert(&mut ranges, tsn(*offset), usize::MAX));
        }
        ranges
    }

    fn expand(ranges: &[Range]) -> BTreeSet<u64> {
        ranges.iter().flat_map(|(first, last)| first.above(tsn(0))..=last.above(tsn(0))).collect()
    }

    proptest! {
        #[test]
        fn insertion_in_any_order_gives_the_same_disjoint_ranges(offsets in prop::collection::vec(0u64..60, 0..60)) {
            let mut ranges = Vec::new();
            let mut model = BTreeSet::new();
            for offset in offsets {
                if model.insert(offset) {
                    prop_assert!(!contains(&ranges, tsn(offset)));
                    insert(&mut ranges, tsn(offset), usize::MAX);
                }
                prop_assert!(contains(&ranges, tsn(offset)));
            }
            prop_assert_eq!(expand(&ranges), model);
            prop_assert!(ranges.windows(2).all(|pair| pair[0].1.next() < pair[1].0));
        }

        #[test]
        fn the_difference_is_that_of_sets(
            a in prop::collection::btree_set(0u64..60, 0..60),
            b in prop::collection::btree_set(0u64..60, 0..60),
        ) {
            let mut found = BTreeSet::new();
            difference(&build(&a), &build(&b), |first, last| {
                found.extend(first.above(tsn(0))..=last.above(tsn(0)));
            });
            prop_assert_eq!(found, a.difference(&b).copied().collect::<BTreeSet<_>>());
        }

        #[test]
        fn trimming_drops_up_to_and_including(
            a in prop::collection::btree_set(0u64..60, 0..60),
            upto in 0u64..60,
        ) {
            let mut ranges = build(&a);
            trim(&mut ranges, tsn(upto));
            prop_assert_eq!(expand(&ranges), a.into_iter().filter(|o| *o > upto).collect::<BTreeSet<_>>());
        }
    }
}
