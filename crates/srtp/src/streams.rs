//! What is remembered of each SSRC, found fast.

use std::fmt::{self, Debug};

/// States of at most `limit` SSRCs, in the order of their numbers.
///
/// Packets come in runs of one SSRC: the place used last is tried first.
pub(crate) struct Streams<S> {
    entries: Vec<(u32, S)>,
    last: usize,
    limit: usize,
}

/// Where an SSRC stands, or would stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Known(usize),
    Unknown(usize),
}

impl<S> Streams<S> {
    pub(crate) fn new(limit: usize) -> Self {
        Self { entries: Vec::new(), last: 0, limit }
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn limit(&self) -> usize {
        self.limit
    }

    /// Finds the place of `ssrc`. Changes nothing.
    #[inline]
    pub(crate) fn find(&self, ssrc: u32) -> Place {
        match self.entries.get(self.last) {
            Some((known, _)) if *known == ssrc => Place::Known(self.last),
            _ => match self.entries.binary_search_by_key(&ssrc, |(known, _)| *known) {
                Ok(at) => Place::Known(at),
                Err(at) => Place::Unknown(at),
            },
        }
    }

    /// The state at `place`, if it is known.
    #[inline]
    pub(crate) fn get(&self, place: Place) -> Option<&S> {
        match place {
            Place::Known(at) => self.entries.get(at).map(|(_, state)| state),
            Place::Unknown(_) => None,
        }
    }

    /// Whether a state can be had at `place`.
    #[inline]
    pub(crate) fn has_room(&self, place: Place) -> bool {
        matches!(place, Place::Known(_)) || self.entries.len() < self.limit
    }

    /// The state at `place`, which [`find`](Self::find) gave for `ssrc` just now; made if it is
    /// unknown. `None` when there is no room.
    #[inline]
    pub(crate) fn enter(
        &mut self,
        place: Place,
        ssrc: u32,
        make: impl FnOnce() -> S,
    ) -> Option<&mut S> {
        let at = match place {
            Place::Known(at) => at,
            Place::Unknown(at) if self.entries.len() < self.limit => {
                self.entries.insert(at.min(self.entries.len()), (ssrc, make()));
                at
            }
            Place::Unknown(_) => return None,
        };
        self.last = at;
        self.entries.get_mut(at).map(|(_, state)| state)
    }
}

impl<S> Debug for Streams<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of at most {}", self.entries.len(), self.limit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_are_found_again_until_the_table_is_full() {
        let mut streams = Streams::new(5);
        for (number, ssrc) in [7, 3, 9, u32::MAX, 0].into_iter().enumerate() {
            let place = streams.find(ssrc);
            assert!(streams.get(place).is_none() && streams.has_room(place));
            assert_eq!(streams.enter(place, ssrc, || number), Some(&mut number.clone()));
        }
        for (number, ssrc) in [7, 3, 9, u32::MAX, 0].into_iter().enumerate() {
            let place = streams.find(ssrc);
            assert_eq!(streams.get(place), Some(&number));
            assert_eq!(streams.enter(place, ssrc, || 99), Some(&mut number.clone()));
            assert_eq!(streams.find(ssrc), place);
        }
        let place = streams.find(8);
        assert!(!streams.has_room(place));
        assert_eq!(streams.enter(place, 8, || 99), None);
        assert_eq!((streams.len(), streams.limit()), (5, 5));
    }
}
