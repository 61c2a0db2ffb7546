//! Sends a track back to where it came from.

use std::collections::BTreeMap;
use std::time::Duration;

use antiphon::{RtpOutgoing, RtpPacket, RtpSender, Transceiver};
use tokio::time::Instant;

/// How long a gap may hold up the packets behind it: about two retransmissions on a fast path.
const PATIENCE: Duration = Duration::from_millis(60);

/// Sends what the transceiver receives, in its original order, until the connection ends.
pub(crate) async fn echo(transceiver: Transceiver) {
    let (receiver, sender) = (transceiver.receiver(), transceiver.sender());
    let mut queue = Reorder::default();
    loop {
        let overdue = queue.deadline;
        tokio::select! {
            packet = receiver.recv() => match packet {
                Some(packet) => queue.push(packet),
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
#[derive(Default)]
struct Reorder {
    waiting: BTreeMap<i64, RtpPacket>,
    /// The place of the packet that is due.
    next: Option<i64>,
    deadline: Option<Instant>,
}

impl Reorder {
    fn push(&mut self, packet: RtpPacket) {
        let number = i64::from(packet.sequence_number);
        let next = *self.next.get_or_insert(number);
        // The place nearest to the one that is due.
        let ahead = (number - next).rem_euclid(1 << 16);
        let place = if ahead < 1 << 15 { next + ahead } else { next + ahead - (1 << 16) };
        if place >= next {
            self.waiting.insert(place, packet);
        }
    }

    /// The packet that is due, if it is there.
    fn pop(&mut self) -> Option<RtpPacket> {
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
