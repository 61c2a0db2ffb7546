use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::TransactionId;
use crate::clock::Clock;

/// As long a client may repeat a request.
const KEPT: Duration = Duration::from_secs(40);

type Key = (SocketAddr, TransactionId);

/// The responses of the last 40 seconds, so that a repeated request gets the same one
/// ([RFC 8489 section 6.3.1](https://www.rfc-editor.org/rfc/rfc8489#section-6.3.1)).
///
/// For requests that change something and are authenticated; Binding needs none. Bounded by number
/// and bytes: the oldest makes room.
#[derive(Debug)]
pub struct ResponseCache {
    clock: Clock,
    max_entries: usize,
    max_bytes: usize,
    bytes: usize,
    responses: HashMap<Key, Box<[u8]>>,
    /// By age; each key once.
    order: VecDeque<(Duration, Key)>,
}

impl ResponseCache {
    /// An empty cache with its limits.
    #[must_use]
    pub fn new(max_entries: usize, max_bytes: usize, now: Instant) -> Self {
        Self {
            clock: Clock::starting(now),
            max_entries,
            max_bytes,
            bytes: 0,
            responses: HashMap::new(),
            order: VecDeque::new(),
        }
    }

    /// The response to a request with that id from `source`, if it was given lately.
    pub fn find(&mut self, now: Instant, source: SocketAddr, id: TransactionId) -> Option<&[u8]> {
        self.forget(now);
        self.responses.get(&(source, id)).map(|response| &**response)
    }

    /// Remembers a response. A second one for the same request changes nothing.
    pub fn insert(&mut self, now: Instant, source: SocketAddr, id: TransactionId, response: &[u8]) {
        self.forget(now);
        let key = (source, id);
        if self.responses.contains_key(&key) || response.len() > self.max_bytes {
            return;
        }
        self.responses.insert(key, response.into());
        self.order.push_back((self.clock.after(KEPT), key));
        self.bytes = self.bytes.saturating_add(response.len());
        while self.responses.len() > self.max_entries || self.bytes > self.max_bytes {
            self.drop_oldest();
        }
    }

    /// Responses remembered.
    #[must_use]
    pub fn len(&self) -> usize {
        self.responses.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.responses.is_empty()
    }

    fn forget(&mut self, now: Instant) {
        self.clock.advance(now);
        while self.order.front().is_some_and(|(until, _)| *until <= self.clock.now()) {
            self.drop_oldest();
        }
    }

    fn drop_oldest(&mut self) {
        let Some((_, key)) = self.order.pop_front() else { return };
        if let Some(response) = self.responses.remove(&key) {
            self.bytes = self.bytes.saturating_sub(response.len());
        }
    }
}
