use std::collections::VecDeque;
use std::ops::RangeInclusive;
use std::time::Duration;

/// What a request wants of a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Want {
    Any,
    /// EVEN-PORT.
    Even,
    /// EVEN-PORT with the R bit: the next port is taken, too.
    Pair,
}

//= rfc8656#6
// A relayed address belongs to one allocation: what is taken is in no list.
/// The ports of one relay address and protocol. Every port is free, taken or cooling down.
///
/// Free ports lie in two lists, even and odd, so that any of them is drawn with equal chance in
/// O(1) (RFC 6056 section 3.3.1); taken ports are known by their owners.
#[derive(Debug)]
pub(crate) struct PortPool {
    first: u16,
    total: usize,
    free: [Vec<u16>; 2],
    /// Where each port stands in its list, `NOT_FREE` when it does not.
    place: Vec<u16>,
    /// Ports that were given back, oldest first, with the time they become free.
    cooling: VecDeque<(Duration, u16)>,
    cool_down: Duration,
}

const NOT_FREE: u16 = u16::MAX;
/// Draws for a pair before all are looked at.
const DRAWS: usize = 32;

impl PortPool {
    pub(crate) fn new(ports: RangeInclusive<u16>, cool_down: Duration) -> Self {
        let first = *ports.start();
        let total = usize::from(ports.end().saturating_sub(first)).saturating_add(1);
        let mut pool = Self {
            first,
            total,
            free: [Vec::with_capacity(total / 2), Vec::with_capacity(total / 2)],
            place: vec![NOT_FREE; total],
            cooling: VecDeque::new(),
            cool_down,
        };
        for port in ports {
            pool.put(port);
        }
        pool
    }

    /// Takes a random port, or two; `None` when there is none. `draw(n)` is below `n`.
    pub(crate) fn take(
        &mut self,
        want: Want,
        now: Duration,
        mut draw: impl FnMut(usize) -> usize,
    ) -> Option<u16> {
        self.thaw(now);
        let [even, odd] = &self.free;
        let port = match want {
            Want::Any => {
                let at = draw(even.len().saturating_add(odd.len()));
                *even.get(at).or_else(|| odd.get(at.saturating_sub(even.len())))?
            }
            Want::Even => *even.get(draw(even.len()))?,
            Want::Pair => {
                let is_pair = |port: &u16| self.is_free(port.saturating_add(1));
                let drawn = (0..DRAWS)
                    .find_map(|_| even.get(draw(even.len())).copied().filter(|port| is_pair(port)));
                let port = drawn.or_else(|| even.iter().copied().find(is_pair))?;
                self.remove(port.saturating_add(1));
                port
            }
        };
        self.remove(port);
        Some(port)
    }

    /// Gives a port back; it is free again after the cool-down.
    pub(crate) fn give_back(&mut self, port: u16, now: Duration) {
        self.cooling.push_back((now.saturating_add(self.cool_down), port));
    }

    fn thaw(&mut self, now: Duration) {
        while let Some((when, port)) = self.cooling.front().copied() {
            if when > now {
                break;
            }
            self.cooling.pop_front();
            self.put(port);
        }
    }

    fn is_free(&self, port: u16) -> bool {
        let at = usize::from(port.wrapping_sub(self.first));
        self.place.get(at).is_some_and(|place| *place != NOT_FREE)
    }

    fn put(&mut self, port: u16) {
        let at = usize::from(port.wrapping_sub(self.first));
        let [even, odd] = &mut self.free;
        let list = if port.is_multiple_of(2) { even } else { odd };
        if let (Some(place), Ok(end)) = (self.place.get_mut(at), u16::try_from(list.len())) {
            *place = end;
            list.push(port);
        }
    }

    fn remove(&mut self, port: u16) {
        let at = usize::from(port.wrapping_sub(self.first));
        let Some(place) = self.place.get_mut(at) else { return };
        let hole = std::mem::replace(place, NOT_FREE);
        let [even, odd] = &mut self.free;
        let list = if port.is_multiple_of(2) { even } else { odd };
        if usize::from(hole) < list.len() {
            list.swap_remove(usize::from(hole));
            if let Some(moved) = list.get(usize::from(hole)) {
                let at = usize::from(moved.wrapping_sub(self.first));
                if let Some(place) = self.place.get_mut(at) {
                    *place = hole;
                }
            }
        }
    }

    /// Free, cooling and all ports.
    pub(crate) fn count(&self) -> (usize, usize, usize) {
        let [even, odd] = &self.free;
        (even.len().saturating_add(odd.len()), self.cooling.len(), self.total)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_cool_down_before_they_are_used_again() {
        let mut pool = PortPool::new(50_000..=50_003, Duration::from_secs(120));
        let mut taken: Vec<u16> =
            (0..4).map(|_| pool.take(Want::Any, Duration::ZERO, |n| n / 2).unwrap()).collect();
        assert_eq!(pool.take(Want::Any, Duration::ZERO, |_| 0), None);
        let port = taken.pop().unwrap();
        pool.give_back(port, Duration::from_secs(1));
        assert_eq!(pool.take(Want::Any, Duration::from_secs(120), |_| 0), None);
        assert_eq!(pool.take(Want::Any, Duration::from_secs(121), |_| 0), Some(port));
        taken.sort_unstable();
        assert_eq!(taken.len(), 3);
    }

    #[test]
    fn pairs_are_found_to_the_last() {
        let mut pool = PortPool::new(50_001..=50_010, Duration::ZERO);
        let mut pairs = Vec::new();
        while let Some(port) = pool.take(Want::Pair, Duration::ZERO, |n| n.saturating_sub(1)) {
            assert_eq!(port % 2, 0);
            pairs.push(port);
        }
        assert_eq!(pairs.len(), 4, "50002 to 50009; 50010 has no neighbour");
        assert_eq!(pool.take(Want::Even, Duration::ZERO, |_| 0), Some(50_010));
        assert_eq!(pool.take(Want::Even, Duration::ZERO, |_| 0), None);
        assert_eq!(pool.take(Want::Any, Duration::ZERO, |_| 0), Some(50_001));
        assert_eq!(pool.count(), (0, 0, 10));
    }
}
