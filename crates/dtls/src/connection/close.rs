use crate::connection::{Connection, State};
use crate::wire::Alert;
use crate::wire::alert::AlertMessage;
use crate::{CloseReason, Event};

impl Connection {
    /// The end, with an alert where the reason has one and the peer can know of us.
    pub(super) fn finish(&mut self, reason: CloseReason) {
        let role = self.role();
        let silent = match &self.state {
            State::Closed(_) => return,
            State::Idle { .. } => true,
            State::Handshake(_) | State::Established(_) => false,
        };
        self.alert = reason
            .sent_alert()
            .filter(|_| !silent)
            .map(|alert| AlertMessage { fatal: alert != Alert::CLOSE_NOTIFY, alert });
        if self.alert.is_none() {
            self.records.forget();
        }
        self.held.take();
        self.fingerprints = Vec::new();
        self.state = State::Closed(role);
        self.events.push_back(Event::Closed(reason));
    }

    /// An authentic alert of the peer.
    pub(super) fn handle_alert(&mut self, message: AlertMessage) {
        if message.alert == Alert::CLOSE_NOTIFY {
            //= rfc5246#7.2.1
            // A close_notify is answered with one.
            self.finish(CloseReason::PeerClosed);
        } else if message.fatal {
            self.finish(CloseReason::PeerAlert(message.alert));
        }
    }
}
