use std::collections::BTreeMap;

use bytes::Bytes;

use super::cost;

/// Messages for streams that are no channel yet, within a limit for all together.
#[derive(Debug)]
pub(super) struct Early {
    streams: BTreeMap<u16, Vec<(u32, Bytes)>>,
    bytes: usize,
    limit: usize,
}

impl Early {
    pub(super) fn new(limit: usize) -> Self {
        Self { streams: BTreeMap::new(), bytes: 0, limit }
    }

    /// Keeps a message; `false` when there is no room.
    pub(super) fn keep(&mut self, stream: u16, ppid: u32, payload: Bytes) -> bool {
        let bytes = self.bytes.saturating_add(cost(&payload));
        if bytes > self.limit {
            return false;
        }
        self.bytes = bytes;
        self.streams.entry(stream).or_default().push((ppid, payload));
        true
    }

    /// What was kept for `stream`, oldest first.
    pub(super) fn take(&mut self, stream: u16) -> Vec<(u32, Bytes)> {
        let messages = self.streams.remove(&stream).unwrap_or_default();
        let bytes: usize = messages.iter().map(|(_, payload)| cost(payload)).sum();
        self.bytes = self.bytes.saturating_sub(bytes);
        messages
    }
}
