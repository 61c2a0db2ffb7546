//! Who may connect: caps on stream connections, over all and per source address.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

/// Counts the stream connections of all shards.
#[derive(Debug, Default)]
pub(crate) struct Doors {
    inside: Mutex<Inside>,
}

#[derive(Debug, Default)]
struct Inside {
    total: usize,
    per_address: HashMap<IpAddr, usize>,
}

/// A place for one connection; free again when it is dropped.
#[derive(Debug)]
pub(crate) struct Seat {
    doors: Arc<Doors>,
    address: IpAddr,
}

impl Doors {
    /// A place for a connection from `address`, if both limits leave one.
    pub(crate) fn enter(
        self: &Arc<Self>,
        address: IpAddr,
        limit: usize,
        limit_per_address: usize,
    ) -> Option<Seat> {
        let address = source(address);
        let mut inside = self.inside.lock().unwrap_or_else(PoisonError::into_inner);
        let have = inside.per_address.get(&address).copied().unwrap_or_default();
        if inside.total >= limit || have >= limit_per_address {
            return None;
        }
        inside.total = inside.total.saturating_add(1);
        inside.per_address.insert(address, have.saturating_add(1));
        Some(Seat { doors: Arc::clone(self), address })
    }

    /// Connections now.
    #[cfg(test)]
    fn total(&self) -> usize {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner).total
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut inside = self.doors.inside.lock().unwrap_or_else(PoisonError::into_inner);
        inside.total = inside.total.saturating_sub(1);
        let left = inside.per_address.get(&self.address).copied().unwrap_or_default();
        if left <= 1 {
            inside.per_address.remove(&self.address);
        } else {
            inside.per_address.insert(self.address, left.saturating_sub(1));
        }
    }
}

/// What counts as one source: an IPv4 address, or the /64 that an IPv6 host has for itself.
fn source(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => IpAddr::V6((address.to_bits() & !u128::from(u64::MAX)).into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_are_limited_per_source_and_over_all() {
        let doors = Arc::new(Doors::default());
        let enter = |address: &str| doors.enter(address.parse().unwrap(), 4, 2);
        let first = enter("192.0.2.1").unwrap();
        let _second = enter("192.0.2.1").unwrap();
        assert!(enter("192.0.2.1").is_none(), "two per source");
        assert!(enter("::ffff:192.0.2.1").is_none(), "the same source in other words");
        let _third = enter("2001:db8::1").unwrap();
        let _fourth = enter("2001:db8::2").unwrap();
        assert_eq!(doors.total(), 4);
        assert!(enter("192.0.2.2").is_none(), "four over all");
        drop(first);
        assert!(enter("2001:db8::3").is_none(), "a /64 is one source");
        assert!(enter("192.0.2.2").is_some());
        assert_eq!(doors.total(), 3);
    }
}
