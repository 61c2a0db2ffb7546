use std::net::IpAddr;
use std::time::{Duration, Instant};

use crate::Retransmission;
use crate::clock::Clock;

/// After that long without a transaction a server's estimate is forgotten.
const IDLE: Duration = Duration::from_secs(600);

/// What the clock resolves: retransmission timeouts are kept to the millisecond.
const GRANULARITY: Duration = Duration::from_millis(1);

/// Longer than that no estimate gets; RFC 6298 allows a bound of a minute.
const LONGEST: Duration = Duration::from_secs(60);

/// Round trips per server, so that the next request starts with the right timeout
/// ([RFC 8489 section 6.2.1](https://www.rfc-editor.org/rfc/rfc8489#section-6.2.1)).
///
/// Feed it what [`Transaction::complete`](crate::Transaction::complete) returns, which by Karn's
/// rule is nothing for a request that was sent twice.
///
/// ```
/// use antiphon_stun::RtoCache;
/// use std::time::Duration;
/// # let now = std::time::Instant::now();
/// # let server = std::net::IpAddr::from([192, 0, 2, 1]);
///
/// let mut cache = RtoCache::new(16, now);
/// assert_eq!(cache.retransmission(now, server).rto, Duration::from_millis(500));
/// cache.record(now, server, Some(Duration::from_millis(40)));
/// assert_eq!(cache.retransmission(now, server).rto, Duration::from_millis(120)); // 40 + 4 x 20
/// ```
#[derive(Debug)]
pub struct RtoCache {
    clock: Clock,
    capacity: usize,
    floor: Duration,
    /// Few servers: a list is the fastest map.
    servers: Vec<Server>,
}

#[derive(Debug)]
struct Server {
    address: IpAddr,
    used: Duration,
    estimate: Option<Estimate>,
}

/// Of RFC 6298 section 2.
#[derive(Clone, Copy, Debug)]
struct Estimate {
    smoothed: Duration,
    variation: Duration,
}

impl Estimate {
    fn first(sample: Duration) -> Self {
        Self { smoothed: sample, variation: sample / 2 }
    }

    /// A quarter of the new deviation, an eighth of the new round trip.
    fn update(&mut self, sample: Duration) {
        let deviation = self.smoothed.abs_diff(sample);
        self.variation = (self.variation.saturating_mul(3).saturating_add(deviation)) / 4;
        self.smoothed = (self.smoothed.saturating_mul(7).saturating_add(sample)) / 8;
    }

    fn timeout(&self) -> Duration {
        self.smoothed.saturating_add(self.variation.saturating_mul(4).max(GRANULARITY))
    }
}

impl RtoCache {
    /// Remembers up to `capacity` servers; the one that was not used for longest makes room.
    #[must_use]
    pub fn new(capacity: usize, now: Instant) -> Self {
        let floor = Duration::from_millis(100);
        Self { clock: Clock::starting(now), capacity: capacity.max(1), floor, servers: vec![] }
    }

    /// The least timeout ever used, however fast the server. Default 100 ms.
    #[must_use]
    pub fn with_floor(mut self, floor: Duration) -> Self {
        self.floor = floor;
        self
    }

    /// The schedule for a new request to `server` over UDP: that of the estimate, or the default
    /// of 500 ms.
    pub fn retransmission(&mut self, now: Instant, server: IpAddr) -> Retransmission {
        self.forget(now);
        let known = self.servers.iter().find(|known| known.address == server);
        match known.and_then(|known| known.estimate) {
            None => Retransmission::default(),
            Some(estimate) => {
                //= rfc8489#6.2.1
                // In whole milliseconds, not rounded up to seconds.
                let rto = estimate.timeout().clamp(self.floor.min(LONGEST), LONGEST);
                let millis = u64::try_from(rto.as_millis()).unwrap_or(u64::MAX);
                Retransmission::with_rto(Duration::from_millis(millis))
            }
        }
    }

    /// Takes note of a transaction with `server`: its round trip, or `None` if that is not known.
    pub fn record(&mut self, now: Instant, server: IpAddr, round_trip: Option<Duration>) {
        self.forget(now);
        let used = self.clock.now();
        if let Some(known) = self.servers.iter_mut().find(|known| known.address == server) {
            known.used = used;
            match (&mut known.estimate, round_trip) {
                (Some(estimate), Some(sample)) => estimate.update(sample),
                (empty @ None, Some(sample)) => *empty = Some(Estimate::first(sample)),
                (_, None) => {}
            }
            return;
        }
        if self.servers.len() >= self.capacity {
            let oldest = self.servers.iter().enumerate().min_by_key(|(_, known)| known.used);
            if let Some((index, _)) = oldest {
                self.servers.swap_remove(index);
            }
        }
        let estimate = round_trip.map(Estimate::first);
        self.servers.push(Server { address: server, used, estimate });
    }

    /// Servers remembered.
    #[must_use]
    pub fn len(&self) -> usize {
        self.servers.len()
    }

    /// Whether none is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.servers.is_empty()
    }

    //= rfc8489#6.2.1
    // Ten minutes without a transaction, and the estimate is stale.
    fn forget(&mut self, now: Instant) {
        self.clock.advance(now);
        let now = self.clock.now();
        self.servers.retain(|known| now.saturating_sub(known.used) < IDLE);
    }
}
