use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::channel::Outbox;
use crate::{ChannelId, Priority};

/// Channels that have something to send, in the order of their turns: weighted fair queueing.
///
/// Each message moves its channel's place by its bytes, divided by the channel's priority; the
/// channel that is least far is next. The transport's scheduler does the same with what it was
/// given, so the two agree about who is next.
#[derive(Debug, Default)]
pub(super) struct Line {
    heap: BinaryHeap<Reverse<Place>>,
    /// The place of the channel that was served last.
    clock: u64,
    /// Places given so far: who comes first is first among equals.
    turn: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    position: u64,
    turn: u64,
    id: ChannelId,
}

/// How far one byte moves a channel of priority 1.
const BYTE: u64 = 1 << 16;

impl Line {
    //= rfc8831#6.4
    // The priority decides who is served: bytes go out in proportion to it.
    pub(super) fn push(&mut self, id: ChannelId, outbox: &mut Outbox) {
        self.turn = self.turn.saturating_add(1);
        // A channel that was idle starts from now: it saves nothing up.
        outbox.position = outbox.position.max(self.clock);
        self.heap.push(Reverse(Place { position: outbox.position, turn: self.turn, id }));
    }

    pub(super) fn first(&self) -> Option<ChannelId> {
        self.heap.peek().map(|Reverse(place)| place.id)
    }

    pub(super) fn pop(&mut self) -> Option<ChannelId> {
        self.heap.pop().map(|Reverse(place)| place.id)
    }

    /// So many bytes of the channel were served.
    pub(super) fn charge(&mut self, outbox: &mut Outbox, priority: Priority, bytes: usize) {
        self.clock = self.clock.max(outbox.position);
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX).saturating_mul(BYTE);
        let step = bytes.checked_div(u64::from(priority.0)).unwrap_or(bytes);
        outbox.position = self.clock.saturating_add(step);
    }

    pub(super) fn remove(&mut self, id: ChannelId) {
        self.heap.retain(|Reverse(place)| place.id != id);
    }

    pub(super) fn clear(&mut self) {
        self.heap.clear();
    }
}
