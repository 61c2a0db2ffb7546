//! Packets that are ready for the network, oldest first, in one buffer.

use std::collections::VecDeque;

/// The largest packet that is queued: what fits an Ethernet frame.
pub(crate) const MAX_PACKET: usize = 1500;

/// What a drained outbox keeps allocated.
const KEEP: usize = 4 * MAX_PACKET;

/// A bounded queue of packets. Pushing and popping allocate nothing once it has grown.
#[derive(Debug)]
pub(crate) struct Outbox {
    bytes: Vec<u8>,
    /// Where the oldest packet begins.
    head: usize,
    lengths: VecDeque<usize>,
    limit: usize,
}

/// The outbox holds all it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Full {
    pub(crate) queued: usize,
    pub(crate) limit: usize,
}

impl Outbox {
    /// Holds at most `limit` bytes.
    pub(crate) fn new(limit: usize) -> Self {
        Self { bytes: Vec::new(), head: 0, lengths: VecDeque::new(), limit }
    }

    /// Whether another packet fits.
    pub(crate) fn room(&self) -> Result<(), Full> {
        let queued = self.bytes.len().saturating_sub(self.head);
        if queued.saturating_add(MAX_PACKET) > self.limit {
            return Err(Full { queued, limit: self.limit });
        }
        Ok(())
    }

    /// Lets `write` put a packet into [`MAX_PACKET`] bytes and queues what it says it wrote;
    /// an error queues nothing.
    pub(crate) fn push_with<E>(
        &mut self,
        write: impl FnOnce(&mut [u8]) -> Result<usize, E>,
    ) -> Result<(), E> {
        let start = self.bytes.len();
        self.bytes.resize(start.saturating_add(MAX_PACKET), 0);
        let written = write(self.bytes.get_mut(start..).unwrap_or_default());
        let len = *written.as_ref().unwrap_or(&0);
        self.bytes.truncate(start.saturating_add(len));
        if len > 0 {
            self.lengths.push_back(len);
        }
        written.map(drop)
    }

    /// Queues a packet as it is.
    pub(crate) fn push(&mut self, packet: &[u8]) {
        if !packet.is_empty() {
            self.bytes.extend_from_slice(packet);
            self.lengths.push_back(packet.len());
        }
    }

    /// Length of the oldest packet.
    pub(crate) fn next_len(&self) -> Option<usize> {
        self.lengths.front().copied()
    }

    /// Moves the oldest packet to the front of `buf`; `None` when there is none or it does not fit.
    pub(crate) fn pop(&mut self, buf: &mut [u8]) -> Option<usize> {
        let len = self.next_len()?;
        let end = self.head.saturating_add(len);
        buf.get_mut(..len)?.copy_from_slice(self.bytes.get(self.head..end)?);
        self.lengths.pop_front();
        self.head = end;
        if self.lengths.is_empty() {
            self.clear();
        } else if self.head > self.limit / 2 {
            self.bytes.drain(..self.head);
            self.head = 0;
        }
        Some(len)
    }

    /// Throws all packets away.
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.bytes.shrink_to(KEEP);
        self.lengths.clear();
        self.head = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_come_out_in_order() {
        let mut outbox = Outbox::new(10_000);
        let mut buf = [0; 16];
        for round in 0..100_u8 {
            outbox.push(&[round; 3]);
            outbox
                .push_with(|slot| {
                    slot[..5].fill(round);
                    Ok::<_, ()>(5)
                })
                .unwrap();
            assert_eq!(outbox.pop(&mut buf), Some(3));
            assert_eq!(buf[..3], [round; 3]);
            assert_eq!(outbox.next_len(), Some(5));
            assert_eq!(outbox.pop(&mut buf[..4]), None);
            assert_eq!(outbox.pop(&mut buf), Some(5));
            assert_eq!(buf[..5], [round; 5]);
        }
        assert_eq!(outbox.next_len(), None);
    }

    #[test]
    fn a_failed_write_queues_nothing() {
        let mut outbox = Outbox::new(10_000);
        assert_eq!(outbox.push_with(|_| Err("no")), Err("no"));
        assert_eq!(outbox.next_len(), None);
        assert_eq!(outbox.pop(&mut [0; 16]), None);
    }

    #[test]
    fn the_limit_holds() {
        let mut outbox = Outbox::new(2 * MAX_PACKET);
        assert_eq!(outbox.room(), Ok(()));
        outbox.push(&[1; 1400]);
        assert_eq!(outbox.room(), Ok(()));
        outbox.push(&[2; 1400]);
        assert_eq!(outbox.room(), Err(Full { queued: 2800, limit: 3000 }));
    }
}
