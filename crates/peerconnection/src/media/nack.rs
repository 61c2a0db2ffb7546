//! What one source lost, and when to ask for it again.

use std::collections::VecDeque;
use std::time::Duration;

use super::sequence::Window;

/// So many lost packets are asked for at a time; beyond, only a key frame helps.
const MAX_MISSING: usize = 1000;
const MAX_TRIES: u8 = 10;
/// Older packets come too late to be played.
const MAX_AGE: Duration = Duration::from_secs(1);

#[derive(Clone, Copy, Debug)]
struct Missing {
    place: u64,
    since: Duration,
    asked: Option<Duration>,
    tries: u8,
}

/// The lost packets of one source, in their order.
#[derive(Debug, Default)]
pub(super) struct NackList {
    missing: VecDeque<Missing>,
}

impl NackList {
    /// Remembers that the `count` places before `place` are missing, but for those that have come
    /// already. True if there are too many, and all are given up.
    pub(super) fn gap(&mut self, place: u64, count: u16, come: &Window, now: Duration) -> bool {
        if self.missing.len().saturating_add(usize::from(count)) > MAX_MISSING {
            self.missing.clear();
            return true;
        }
        let first = place.saturating_sub(u64::from(count));
        let entry = |place| Missing { place, since: now, asked: None, tries: 0 };
        self.missing.extend((first..place).filter(|place| !come.contains(*place)).map(entry));
        false
    }

    /// A packet has come, by itself or again.
    pub(super) fn arrived(&mut self, place: u64) {
        if let Ok(index) = self.missing.binary_search_by_key(&place, |entry| entry.place) {
            self.missing.remove(index);
        }
    }

    pub(super) fn contains(&self, place: u64) -> bool {
        self.missing.binary_search_by_key(&place, |entry| entry.place).is_ok()
    }

    pub(super) fn clear(&mut self) {
        self.missing.clear();
    }

    /// Gives up what is too old or was asked for too often; true if there was such a packet.
    pub(super) fn expire(&mut self, now: Duration, interval: Duration) -> bool {
        let before = self.missing.len();
        self.missing.retain(|entry| {
            let waits = entry.tries < MAX_TRIES || !entry.is_due(now, interval);
            waits && entry.since.saturating_add(MAX_AGE) > now
        });
        self.missing.len() < before
    }

    /// What has to be asked for now.
    pub(super) fn due(&self, now: Duration, interval: Duration) -> impl Iterator<Item = u64> {
        self.missing.iter().filter(move |e| e.is_due(now, interval)).map(|entry| entry.place)
    }

    /// The first `count` of those that are due were asked for.
    pub(super) fn asked(&mut self, now: Duration, interval: Duration, count: usize) {
        for entry in self.missing.iter_mut().filter(|e| e.is_due(now, interval)).take(count) {
            entry.asked = Some(now);
            entry.tries = entry.tries.saturating_add(1);
        }
    }

    /// When something is due next.
    pub(super) fn next_due(&self, interval: Duration) -> Option<Duration> {
        self.missing.iter().map(|entry| entry.due_at(interval)).min()
    }
}

impl Missing {
    fn due_at(&self, interval: Duration) -> Duration {
        //= rfc4585#6.2.1
        // The first request goes out at once; another one only when an answer could be here.
        let due = self.asked.map_or(self.since, |asked| asked.saturating_add(interval));
        due.min(self.since.saturating_add(MAX_AGE))
    }

    fn is_due(&self, now: Duration, interval: Duration) -> bool {
        self.due_at(interval) <= now
    }
}
