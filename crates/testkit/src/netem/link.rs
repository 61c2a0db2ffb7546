use std::ops::Range;
use std::time::Duration;

use super::Fate;
use crate::Random;

/// One direction of one host's connection to the network: what it does to datagrams.
///
/// The default is perfect: no delay, no loss, unlimited bandwidth, an MTU of 1,500 bytes. Every field may be changed
/// while the simulation runs; datagrams already under way keep their fate.
#[derive(Clone, Debug)]
pub struct Link {
    /// Time from one end to the other.
    pub delay: Duration,
    /// Up to so much more delay, uniformly drawn for each datagram. Order is kept: see `reorder`.
    pub jitter: Duration,
    /// Probability that a datagram is lost.
    pub loss: f64,
    /// Probability that a datagram arrives twice.
    pub duplicate: f64,
    /// Probability that a datagram is held back by `reorder_delay`, so that later ones overtake it.
    pub reorder: f64,
    /// See `reorder`.
    pub reorder_delay: Duration,
    /// Probability that one bit of a datagram flips.
    pub corrupt: f64,
    /// Bits per second on the wire, IP and UDP headers included; `None` is unlimited.
    pub rate_bps: Option<u64>,
    /// Bytes that may wait for a link of limited rate; what does not fit is dropped.
    pub queue_bytes: usize,
    /// The largest IP packet in bytes; larger ones vanish, as they do where "don't fragment" is set.
    pub mtu: usize,
    /// Times since the start in which nothing passes.
    pub blackouts: Vec<Range<Duration>>,
}

impl Default for Link {
    fn default() -> Self {
        Self {
            delay: Duration::ZERO,
            jitter: Duration::ZERO,
            loss: 0.0,
            duplicate: 0.0,
            reorder: 0.0,
            reorder_delay: Duration::from_millis(30),
            corrupt: 0.0,
            rate_bps: None,
            queue_bytes: 64 * 1024,
            mtu: 1500,
            blackouts: Vec::new(),
        }
    }
}

/// The arrival of a datagram at the far end of a link, and of its duplicate.
pub(crate) struct Passage {
    pub(crate) arrival: Duration,
    pub(crate) duplicate: Option<Duration>,
}

/// A link at work.
#[derive(Debug, Default)]
pub(crate) struct Line {
    pub(crate) link: Link,
    /// When the last bit of what was accepted so far leaves the queue.
    busy_until: Duration,
    /// The latest arrival so far: a link keeps the order unless told otherwise.
    last_arrival: Duration,
}

impl Line {
    /// Sends `bytes` in at `at`; `headers` is the size of the IP and UDP headers.
    pub(crate) fn pass(
        &mut self,
        at: Duration,
        headers: usize,
        bytes: &mut [u8],
        random: &mut Random,
    ) -> Result<Passage, Fate> {
        let size = headers.saturating_add(bytes.len());
        if size > self.link.mtu {
            return Err(Fate::TooBig);
        }
        if self.link.blackouts.iter().any(|window| window.contains(&at)) {
            return Err(Fate::Blackout);
        }
        let departure = self.enqueue(at, size)?;
        if random.chance(self.link.loss) {
            return Err(Fate::Lost);
        }
        if random.chance(self.link.corrupt) {
            let bit = random.below(8);
            let place = random.index(bytes.len());
            if let Some(byte) = bytes.get_mut(place) {
                *byte ^= 1 << bit;
            }
        }
        let arrival = self.arrival(departure, random);
        let duplicate = random.chance(self.link.duplicate).then(|| self.arrival(departure, random));
        Ok(Passage { arrival, duplicate })
    }

    /// When the last bit has left a queue of limited rate.
    fn enqueue(&mut self, at: Duration, size: usize) -> Result<Duration, Fate> {
        let Some(rate) = self.link.rate_bps else {
            return Ok(at);
        };
        let start = self.busy_until.max(at);
        let waiting = start.saturating_sub(at).as_nanos().saturating_mul(u128::from(rate));
        let waiting_bytes = waiting / 8_000_000_000;
        if waiting_bytes.saturating_add(size as u128) > self.link.queue_bytes as u128 {
            return Err(Fate::QueueFull);
        }
        let nanos = (size as u128).saturating_mul(8_000_000_000) / u128::from(rate.max(1));
        let transmission = Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
        self.busy_until = start.saturating_add(transmission);
        Ok(self.busy_until)
    }

    fn arrival(&mut self, departure: Duration, random: &mut Random) -> Duration {
        let arrival = departure
            .saturating_add(self.link.delay)
            .saturating_add(random.duration(self.link.jitter));
        if random.chance(self.link.reorder) {
            return arrival.saturating_add(self.link.reorder_delay);
        }
        self.last_arrival = self.last_arrival.max(arrival);
        self.last_arrival
    }
}
