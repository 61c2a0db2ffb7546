use std::cell::{Cell, RefCell};

use bytes::{Buf as _, BytesMut};
use tokio::net::TcpStream;
use tokio::sync::Notify;

use antiphon_turn::server::ConnectionId;

/// Bytes that wait for a client that does not read. Then packets are dropped, as a full network
/// would drop them.
const MOST_DATA: usize = 256 * 1024;
/// Bytes that wait, answers included. A client that sends requests and reads no answers is closed.
const MOST: usize = 512 * 1024;

/// What waits to be written to the connection of one client, and what its task has to know.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    queue: RefCell<BytesMut>,
    changed: Notify,
    closing: Cell<bool>,
    /// Whether the client has an allocation, and so may be silent.
    allocated: Cell<bool>,
    splice: RefCell<Option<(ConnectionId, TcpStream)>>,
}

impl Outbox {
    /// Queues a message of the machine.
    pub(super) fn control(&self, message: &[u8]) {
        let mut queue = self.queue.borrow_mut();
        if queue.len().saturating_add(message.len()) > MOST {
            self.closing.set(true);
        } else {
            queue.extend_from_slice(message);
        }
        self.changed.notify_one();
    }

    /// Queues a packet of a peer; `false` if there is no room and it is dropped.
    pub(super) fn packet(&self, header: &[u8], payload: &[u8], padding: usize) -> bool {
        let mut queue = self.queue.borrow_mut();
        let len = header.len().saturating_add(payload.len()).saturating_add(padding);
        if queue.len().saturating_add(len) > MOST_DATA {
            return false;
        }
        queue.extend_from_slice(header);
        queue.extend_from_slice(payload);
        let padded = queue.len().saturating_add(padding);
        queue.resize(padded, 0);
        self.changed.notify_one();
        true
    }

    /// Has the connection closed, after what is queued.
    pub(super) fn close(&self) {
        self.closing.set(true);
        self.changed.notify_one();
    }

    pub(super) fn is_closing(&self) -> bool {
        self.closing.get()
    }

    pub(super) fn set_allocated(&self, allocated: bool) {
        self.allocated.set(allocated);
        self.changed.notify_one();
    }

    pub(super) fn is_allocated(&self) -> bool {
        self.allocated.get()
    }

    /// Joins the connection with one to a peer, after what is queued.
    pub(super) fn splice(&self, connection: ConnectionId, peer: TcpStream) {
        *self.splice.borrow_mut() = Some((connection, peer));
        self.changed.notify_one();
    }

    pub(super) fn has_splice(&self) -> bool {
        self.splice.borrow().is_some()
    }

    pub(super) fn take_splice(&self) -> Option<(ConnectionId, TcpStream)> {
        self.splice.borrow_mut().take()
    }

    /// Moves what waits into `writing`, if that is empty.
    pub(super) fn refill(&self, writing: &mut BytesMut) {
        if !writing.has_remaining() {
            std::mem::swap(writing, &mut self.queue.borrow_mut());
        }
    }

    /// Waits until something has changed.
    pub(super) async fn changed(&self) {
        self.changed.notified().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // attack: a client that never reads
    #[test]
    fn a_client_that_never_reads_costs_bounded_memory() {
        let outbox = Outbox::default();
        let taken = (0..1000).filter(|_| outbox.packet(&[0; 4], &[0; 1000], 0)).count();
        assert_eq!(taken, MOST_DATA / 1004);
        assert!(!outbox.is_closing());
        for _ in 0..10_000 {
            outbox.control(&[0; 100]);
        }
        assert!(outbox.is_closing());
        let mut writing = BytesMut::new();
        outbox.refill(&mut writing);
        assert!(writing.len() <= MOST && outbox.queue.borrow().is_empty());
    }
}
