//! Packets that were sent and may be asked for again.

use std::collections::VecDeque;
use std::time::Duration;

/// The last packets of one stream, in one ring of bytes that is allocated once.
#[derive(Debug)]
pub(super) struct History {
    bytes: Vec<u8>,
    limit: usize,
    /// Where the next packet goes.
    head: usize,
    entries: VecDeque<Entry>,
    max_entries: usize,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    number: u16,
    start: usize,
    len: usize,
    sent: Duration,
    resent: Option<Duration>,
}

/// Older packets come too late to be played.
const MAX_AGE: Duration = Duration::from_secs(2);

impl History {
    pub(super) fn new(limit: usize, max_entries: usize) -> Self {
        Self { bytes: Vec::new(), limit, head: 0, entries: VecDeque::new(), max_entries }
    }

    /// Keeps a packet, in the place of the oldest ones.
    pub(super) fn push(&mut self, number: u16, packet: &[u8], now: Duration) {
        if packet.is_empty() || packet.len() > self.limit || self.max_entries == 0 {
            return;
        }
        if self.bytes.is_empty() {
            self.bytes = vec![0; self.limit];
            self.entries.reserve_exact(self.max_entries);
        }
        if self.entries.len() >= self.max_entries {
            self.entries.pop_front();
        }
        if self.limit.saturating_sub(self.head) < packet.len() {
            self.free_until(self.limit);
            self.head = 0;
        }
        let (start, end) = (self.head, self.head.saturating_add(packet.len()));
        self.free_until(end);
        if let Some(slot) = self.bytes.get_mut(start..end) {
            slot.copy_from_slice(packet);
            self.head = end;
            let entry = Entry { number, start, len: packet.len(), sent: now, resent: None };
            self.entries.push_back(entry);
        }
    }

    /// Forgets the oldest packets that lie between the head and `end`.
    fn free_until(&mut self, end: usize) {
        while let Some(oldest) = self.entries.front() {
            if !(self.head..end).contains(&oldest.start) {
                break;
            }
            self.entries.pop_front();
        }
    }

    /// The packet with this number, unless it is too old.
    pub(super) fn packet(&self, number: u16, now: Duration) -> Option<&[u8]> {
        let entry = self.entries.get(self.index(number)?)?;
        if entry.sent.saturating_add(MAX_AGE) < now {
            return None;
        }
        self.bytes.get(entry.start..entry.start.checked_add(entry.len)?)
    }

    /// Whether the packet with this number may be sent again: nobody who asks hears of an answer
    /// sooner than after `interval`. If so, it counts as sent.
    pub(super) fn take_turn(&mut self, number: u16, now: Duration, interval: Duration) -> bool {
        let Some(entry) = self.index(number).and_then(|index| self.entries.get_mut(index)) else {
            return false;
        };
        let waits = entry.resent.is_some_and(|resent| resent.saturating_add(interval) > now);
        if waits || entry.sent.saturating_add(MAX_AGE) < now {
            return false;
        }
        entry.resent = Some(now);
        true
    }

    /// Numbers follow each other, so the place of one is its distance from the first.
    fn index(&self, number: u16) -> Option<usize> {
        let first = self.entries.front()?;
        let index = usize::from(number.wrapping_sub(first.number));
        self.entries.get(index).filter(|entry| entry.number == number).map(|_| index)
    }
}
