use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::Scheduler;

/// In which order streams get their turn ([RFC 8260 section 3]).
///
/// Every scheduler is a rule for the key a stream gets when it enters the line; the smallest key is
/// served next. One stream costs the logarithm of how many have something to send, whatever the
/// number of streams that exist.
///
/// [RFC 8260 section 3]: https://www.rfc-editor.org/rfc/rfc8260#section-3
#[derive(Debug)]
pub(crate) struct Line {
    scheduler: Scheduler,
    /// May hold places that are no longer valid: see [`Place::stamp`].
    heap: BinaryHeap<Reverse<Place>>,
    /// Turns given so far.
    turn: u64,
    /// The virtual time of fair queueing.
    clock: u64,
    /// Places given so far.
    stamps: u32,
}

/// The place of one stream in the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    key: u64,
    turn: u64,
    pub(crate) stream: u16,
    /// The stream's own number differs once it has got another place, or none.
    pub(crate) stamp: u32,
}

/// What the schedulers know about a stream.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Share {
    /// Low goes first.
    pub(crate) priority: u16,
    /// Of the bytes, relative to the other streams.
    pub(crate) weight: u16,
    /// Where fair queueing has got to.
    finish: u64,
}

impl Default for Share {
    fn default() -> Self {
        Self { priority: 256, weight: 256, finish: 0 }
    }
}

/// One byte at weight 1.
const BYTE: u64 = 1 << 16;

impl Line {
    pub(crate) fn new(scheduler: Scheduler) -> Self {
        Self { scheduler, heap: BinaryHeap::new(), turn: 0, clock: 0, stamps: 0 }
    }

    pub(crate) fn scheduler(&self) -> Scheduler {
        self.scheduler
    }

    pub(crate) fn set_scheduler(&mut self, scheduler: Scheduler) {
        self.scheduler = scheduler;
        self.heap.clear();
    }

    /// Places in the line, valid or not.
    pub(crate) fn len(&self) -> usize {
        self.heap.len()
    }

    pub(crate) fn clear(&mut self) {
        self.heap.clear();
    }

    pub(crate) fn first(&self) -> Option<Place> {
        self.heap.peek().map(|Reverse(place)| *place)
    }

    pub(crate) fn pop(&mut self) {
        if let Some(Reverse(place)) = self.heap.pop() {
            self.clock = match self.scheduler {
                Scheduler::FairBytes | Scheduler::Weighted => self.clock.max(place.key),
                Scheduler::FirstCome
                | Scheduler::RoundRobin
                | Scheduler::RoundRobinPacket
                | Scheduler::Priority => self.clock,
            };
        }
    }

    /// Puts a stream in; `arrival` is the number of its first message. Returns its stamp.
    pub(crate) fn push(&mut self, stream: u16, share: &mut Share, arrival: u64) -> u32 {
        self.turn = self.turn.saturating_add(1);
        self.stamps = self.stamps.wrapping_add(1);
        let key = match self.scheduler {
            Scheduler::FirstCome => arrival,
            Scheduler::RoundRobin | Scheduler::RoundRobinPacket => 0,
            Scheduler::Priority => u64::from(share.priority),
            //= rfc8260#3.6
            // A stream that was idle starts from now: it saves nothing up.
            Scheduler::FairBytes | Scheduler::Weighted => {
                share.finish = share.finish.max(self.clock);
                share.finish
            }
        };
        let stamp = self.stamps;
        self.heap.push(Reverse(Place { key, turn: self.turn, stream, stamp }));
        stamp
    }

    /// So many bytes of the stream have been served.
    pub(crate) fn charge(&mut self, share: &mut Share, bytes: usize) {
        let weight = match self.scheduler {
            Scheduler::FairBytes => 256,
            //= rfc8260#3.6
            // The bytes a stream gets are in proportion to its weight.
            Scheduler::Weighted => u64::from(share.weight.max(1)),
            Scheduler::FirstCome
            | Scheduler::RoundRobin
            | Scheduler::RoundRobinPacket
            | Scheduler::Priority => return,
        };
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX).saturating_mul(BYTE);
        let cost = bytes.checked_div(weight).unwrap_or(bytes);
        share.finish = share.finish.max(self.clock).saturating_add(cost);
    }
}
