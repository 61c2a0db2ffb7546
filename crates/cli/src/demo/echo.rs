//! Sends a track back to where it came from.

use std::collections::BTreeMap;
use std::time::Duration;

use antiphon::{RtpOutgoing, RtpPacket, RtpSender, Transceiver};
use tokio::time::Instant;

/// How long a gap may hold up the packets behind it: about two retransmissions on a fast path.
const PATIENCE: Duration = Duration::from_millis(60);
/// How many packets may wait behind a gap: a second of a fast stream.
const MAX_WAITING: usize = 2048;

/// Sends what the transceiver receives, in its original order, until the connection ends.
pub(crate) async fn echo(transceiver: Transceiver) {
    let (receiver, sender) = (transceiver.receiver(), transceiver.sender());
    let mut queue = Reorder::default();
    loop {
        let overdue = queue.deadline;
        tokio::select! {
            packet = receiver.recv() => match packet {
                Some(packet) => queue.push(packet.ssrc, packet.sequence_number, packet),
                None => return,
            },
            open = sender.key_frame_requested() => {
                if !open {
                    return;
                }
                // Who watches the returned picture needs a key frame: only its source can make one.
                receiver.request_key_frame();
            }
            () = tokio::time::sleep_until(overdue.unwrap_or_else(Instant::now)),
                if overdue.is_some() => queue.skip(),
        }
        while let Some(packet) = queue.pop() {
            send(&sender, &packet);
        }
    }
}

fn send(sender: &RtpSender, packet: &RtpPacket) {
    let sent = sender.send(RtpOutgoing {
        payload_type: packet.payload_type,
        marker: packet.marker,
        timestamp: packet.timestamp,
        payload: &packet.payload,
    });
    if let Err(error) = sent {
        // A packet that cannot go now would be late.
        tracing::trace!(%error, "not echoed");
    }
}

/// Puts packets that were retransmitted back into their place.
struct Reorder<T> {
    waiting: BTreeMap<i64, T>,
    source: Option<u32>,
    /// The place of the packet that is due.
    next: Option<i64>,
    deadline: Option<Instant>,
}

impl<T> Default for Reorder<T> {
    fn default() -> Self {
        Self { waiting: BTreeMap::new(), source: None, next: None, deadline: None }
    }
}

impl<T> Reorder<T> {
    fn push(&mut self, source: u32, sequence_number: u16, packet: T) {
        if self.source != Some(source) {
            // Another source numbers its packets anew.
            *self = Self { source: Some(source), ..Self::default() };
        }
        let number = i64::from(sequence_number);
        let next = *self.next.get_or_insert(number);
        // The place nearest to the one that is due.
        let ahead = (number - next).rem_euclid(1 << 16);
        let place = if ahead < 1 << 15 { next + ahead } else { next + ahead - (1 << 16) };
        if place >= next {
            self.waiting.insert(place, packet);
        }
        if self.waiting.len() > MAX_WAITING {
            self.skip();
        }
    }

    /// The packet that is due, if it is there.
    fn pop(&mut self) -> Option<T> {
        let next = self.next?;
        if let Some(packet) = self.waiting.remove(&next) {
            self.next = Some(next + 1);
            self.deadline = None;
            return Some(packet);
        }
        if self.waiting.is_empty() {
            self.deadline = None;
        } else if self.deadline.is_none() {
            self.deadline = Some(Instant::now() + PATIENCE);
        }
        None
    }

    /// Gives up on what is missing.
    fn skip(&mut self) {
        self.deadline = None;
        self.next = self.waiting.keys().next().copied().or(self.next);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn push(queue: &mut Reorder<u16>, source: u32, number: u16) {
        queue.push(source, number, number);
    }

    fn popped(queue: &mut Reorder<u16>) -> Vec<u16> {
        std::iter::from_fn(|| queue.pop()).collect()
    }

    #[tokio::test]
    async fn packets_leave_in_order_and_once() {
        let mut queue = Reorder::default();
        let mut left = Vec::new();
        for number in [65_534, 65_535, 1, 1, 0, 2, 0] {
            push(&mut queue, 7, number);
            left.extend(popped(&mut queue));
        }
        assert_eq!(left, [65_534, 65_535, 0, 1, 2]);
        assert_eq!(queue.deadline, None);
    }

    #[tokio::test]
    async fn a_gap_is_given_up() {
        let mut queue = Reorder::default();
        for number in [10, 12, 13] {
            push(&mut queue, 7, number);
        }
        assert_eq!(popped(&mut queue), [10]);
        assert!(queue.deadline.is_some());
        queue.skip();
        assert_eq!(popped(&mut queue), [12, 13]);
    }

    // attack: a gap that is never filled, before an endless stream.
    #[tokio::test]
    async fn what_waits_is_bounded() {
        let mut queue = Reorder::default();
        push(&mut queue, 7, 0);
        assert_eq!(popped(&mut queue), [0]);
        for number in 2..30_000 {
            push(&mut queue, 7, number);
            popped(&mut queue);
            assert!(queue.waiting.len() <= MAX_WAITING + 1);
        }
    }

    #[tokio::test]
    async fn a_new_source_starts_anew() {
        let mut queue = Reorder::default();
        push(&mut queue, 7, 30_000);
        assert_eq!(popped(&mut queue), [30_000]);
        push(&mut queue, 8, 20_000);
        assert_eq!(popped(&mut queue), [20_000]);
    }
}
