//! What is remembered of each SSRC, found fast.

use std::fmt::{self, Debug};

/// States of at most `limit` SSRCs.
///
/// Packets come in runs of one SSRC: the one used last is tried first. Otherwise the SSRCs, in
/// order and close together in memory, are searched; a peer that chooses its SSRCs with care can
/// make that no slower.
pub(crate) struct Streams<S> {
    ssrcs: Vec<u32>,
    /// Where the state of each of `ssrcs` is.
    places: Vec<u32>,
    /// In the order in which they came.
    states: Vec<S>,
    /// The SSRC used last, and where its state is.
    last: (u32, usize),
    limit: usize,
}

/// Where the state of an SSRC is, or where the SSRC would stand in the order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Known(usize),
    Unknown(usize),
}

impl<S> Streams<S> {
    pub(crate) fn new(limit: usize) -> Self {
        let (ssrcs, places, states) = (Vec::new(), Vec::new(), Vec::new());
        Self { ssrcs, places, states, last: (0, usize::MAX), limit }
    }

    pub(crate) fn len(&self) -> usize {
        self.states.len()
    }

    pub(crate) fn limit(&self) -> usize {
        self.limit
    }

    /// Finds the place of `ssrc`. Changes nothing.
    #[inline]
    pub(crate) fn find(&self, ssrc: u32) -> Place {
        match self.last {
            (last, at) if last == ssrc && at < self.states.len() => Place::Known(at),
            _ => self.search(ssrc),
        }
    }

    fn search(&self, ssrc: u32) -> Place {
        match self.ssrcs.binary_search(&ssrc) {
            Ok(at) => match self.places.get(at).map(|place| usize::try_from(*place)) {
                Some(Ok(place)) => Place::Known(place),
                _ => Place::Unknown(at),
            },
            Err(at) => Place::Unknown(at),
        }
    }

    /// The state at `place`, if it is known.
    #[inline]
    pub(crate) fn get(&self, place: Place) -> Option<&S> {
        match place {
            Place::Known(at) => self.states.get(at),
            Place::Unknown(_) => None,
        }
    }

    /// Whether a state can be had at `place`.
    #[inline]
    pub(crate) fn has_room(&self, place: Place) -> bool {
        matches!(place, Place::Known(_)) || self.states.len() < self.limit
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
            Place::Unknown(order) => self.insert(order, ssrc, make)?,
        };
        self.last = (ssrc, at);
        self.states.get_mut(at)
    }

    #[cold]
    fn insert(&mut self, order: usize, ssrc: u32, make: impl FnOnce() -> S) -> Option<usize> {
        let at = self.states.len();
        let place = u32::try_from(at).ok().filter(|_| at < self.limit)?;
        self.ssrcs.insert(order.min(at), ssrc);
        self.places.insert(order.min(at), place);
        self.states.push(make());
        Some(at)
    }
}

impl<S> Debug for Streams<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of at most {}", self.len(), self.limit)
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
