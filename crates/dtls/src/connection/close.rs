use crate::connection::{Connection, State};
use crate::wire::Alert;
use crate::wire::alert::{AlertMessage, FATAL, WARNING};
use crate::{CloseReason, Event, Version, Violation};

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
            .map(|alert| AlertMessage { level: level(alert), alert });
        if self.alert.is_none() {
            self.records.forget();
        }
        self.held.take();
        self.unverified.take();
        self.fingerprints = Vec::new();
        self.state = State::Closed(role);
        self.events.push_back(Event::Closed(reason));
    }

    /// An authentic alert of the peer.
    pub(super) fn handle_alert(&mut self, message: AlertMessage) {
        let is_13 = self.records.version() == Some(Version::Dtls13);
        if message.level != WARNING && message.level != FATAL {
            let violation = Violation::AlertLevel(message.level);
            self.finish(CloseReason::PeerMisbehaved(violation));
        } else if message.alert == Alert::CLOSE_NOTIFY {
            //= rfc5246#7.2.1
            // A close_notify is answered with one.
            self.finish(CloseReason::PeerClosed);
        } else if message.level == FATAL || (is_13 && message.alert != Alert::USER_CANCELED) {
            //= rfc8446#6
            // With DTLS 1.3 the level means nothing: what is no closure is an error.
            self.finish(CloseReason::PeerAlert(message.alert));
        }
    }
}

fn level(alert: Alert) -> u8 {
    if alert == Alert::CLOSE_NOTIFY { WARNING } else { FATAL }
}
