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

fn is_even(port: &u16) -> bool {
    port.is_multiple_of(2)
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

    /// Takes the port, or the pair, that has rested longest, although it should rest longer; of a
    /// pair the younger port counts. `None` when none would do.
    pub(crate) fn take_resting(&mut self, want: Want) -> Option<u16> {
        let port = match want {
            Want::Any => self.cooling.front()?.1,
            Want::Even => self.cooling.iter().map(|(_, port)| *port).find(is_even)?,
            Want::Pair => {
                let port = self.resting_pair()?;
                self.wake(port.saturating_add(1));
                port
            }
        };
        self.wake(port);
        Some(port)
    }

    /// The even port of the first pair in which both are free or rest.
    fn resting_pair(&self) -> Option<u16> {
        let mut seen = vec![false; self.total];
        self.cooling.iter().find_map(|(_, port)| {
            *seen.get_mut(self.at(*port))? = true;
            // The other one of the pair: only the lowest bit differs.
            let other = port ^ 1;
            let rests = seen.get(self.at(other)).is_some_and(|seen| *seen);
            (rests || self.is_free(other)).then_some(port & !1)
        })
    }

    /// Takes a port out, whether it is free or rests.
    fn wake(&mut self, port: u16) {
        if self.is_free(port) {
            self.remove(port);
        } else {
            self.cooling.retain(|(_, resting)| *resting != port);
        }
    }

    fn at(&self, port: u16) -> usize {
        usize::from(port.wrapping_sub(self.first))
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
        self.place.get(self.at(port)).is_some_and(|place| *place != NOT_FREE)
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
    fn the_port_that_rested_longest_is_woken_first() {
        let mut pool = PortPool::new(50_000..=50_005, Duration::from_secs(120));
        while pool.take(Want::Any, Duration::ZERO, |_| 0).is_some() {}
        for (second, port) in (1..).zip([50_003, 50_000, 50_004, 50_002]) {
            pool.give_back(port, Duration::from_secs(second));
        }
        assert_eq!(pool.take(Want::Any, Duration::from_secs(9), |_| 0), None);
        assert_eq!(pool.take_resting(Want::Pair), Some(50_002), "50000 and 50004 are single");
        assert_eq!(pool.take_resting(Want::Pair), None);
        assert_eq!(pool.count(), (0, 2, 6));
        pool.give_back(50_001, Duration::from_secs(10));
        assert_eq!(pool.take_resting(Want::Even), Some(50_000));
        assert_eq!(pool.take_resting(Want::Any), Some(50_004));
        assert_eq!(pool.take_resting(Want::Even), None, "50001 is odd");
        assert_eq!(pool.take_resting(Want::Any), Some(50_001));
        assert_eq!(pool.take_resting(Want::Any), None);
        assert_eq!(pool.count(), (0, 0, 6));
    }

    #[test]
    fn a_free_port_and_a_resting_one_make_a_pair() {
        let mut pool = PortPool::new(50_000..=50_001, Duration::from_secs(120));
        while pool.take(Want::Any, Duration::ZERO, |_| 0).is_some() {}
        pool.give_back(50_001, Duration::ZERO);
        pool.give_back(50_000, Duration::from_secs(60));
        assert_eq!(pool.take(Want::Pair, Duration::from_secs(121), |_| 0), None);
        assert_eq!(pool.count(), (1, 1, 2));
        assert_eq!(pool.take_resting(Want::Pair), Some(50_000));
        assert_eq!(pool.count(), (0, 0, 2));
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
