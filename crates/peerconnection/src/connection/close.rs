//! The end, by us or by the peer.

use std::time::Instant;

use crate::transport::MAX_PACKET;
use crate::{ConnectionState, Event, IceConnectionState, PeerConnection};

use super::Closing;

impl PeerConnection {
    /// Closes the connection. webrtc-pc section 4.4.1.8, except that [`Event::Closed`] tells of it.
    ///
    /// The peer is told on every layer: BYE, ABORT, `close_notify`. Poll
    /// [`poll_output`](Self::poll_output) until it is `None` to send that. A second call changes
    /// nothing.
    pub fn close(&mut self, now: Instant) {
        if self.closing != Closing::Open {
            return;
        }
        let now = self.clock.advance(now);
        self.media.close(now);
        self.data.abort(now);
        self.settle_data(now);
        self.queue_farewell(now);
        self.transport.dtls.close(now);
        self.negotiation.close();
        self.ice_state = IceConnectionState::Closed;
        self.state = ConnectionState::Closed;
        self.closing = Closing::Draining;
        self.raise(Event::Closed);
    }

    /// All was sent: what is left is given back.
    pub(super) fn done(&mut self, now: Instant) {
        self.closing = Closing::Done;
        self.transport.ice.close(now);
        self.transport.outbox.clear();
    }

    /// Encrypts the last packets while there are keys.
    fn queue_farewell(&mut self, now: Instant) {
        let mut buf = [0; MAX_PACKET];
        while self.transport.has_srtp() {
            let Some(packet) = self.next_media(now, &mut buf) else { break };
            if let Some(len) = self.transport.protect(&mut buf, packet) {
                self.transport.outbox.push(buf.get(..len).unwrap_or_default());
            }
        }
        if let Some(len) = self.next_record(now, &mut buf) {
            self.transport.outbox.push(buf.get(..len).unwrap_or_default());
        }
    }
}
