//! The states that W3C's interface shows, and how they follow from those of the parts.

use antiphon_ice as ice;

use crate::{
    ConnectionState, Event, IceConnectionState, IceGatheringState, PeerConnection, SignalingState,
};

use super::Closing;

impl PeerConnection {
    /// Where the exchange of descriptions stands.
    #[must_use]
    pub fn signaling_state(&self) -> SignalingState {
        self.negotiation.signaling_state()
    }

    /// Whether local candidates are still being found.
    #[must_use]
    pub fn ice_gathering_state(&self) -> IceGatheringState {
        self.gathering
    }

    /// The state of ICE.
    #[must_use]
    pub fn ice_connection_state(&self) -> IceConnectionState {
        self.ice_state
    }

    /// The state of ICE and DTLS together.
    #[must_use]
    pub fn connection_state(&self) -> ConnectionState {
        self.state
    }

    /// Raises what changed since the last time.
    pub(super) fn settle_states(&mut self) {
        if self.closing != Closing::Open || self.is_event_queue_full() {
            return;
        }
        let ice_state = match self.transport.ice.state() {
            ice::ConnectionState::New => IceConnectionState::New,
            ice::ConnectionState::Checking => IceConnectionState::Checking,
            ice::ConnectionState::Connected => IceConnectionState::Connected,
            ice::ConnectionState::Completed => IceConnectionState::Completed,
            ice::ConnectionState::Disconnected => IceConnectionState::Disconnected,
            ice::ConnectionState::Failed => IceConnectionState::Failed,
            ice::ConnectionState::Closed => IceConnectionState::Closed,
        };
        if ice_state != self.ice_state {
            self.ice_state = ice_state;
            self.raise(Event::IceConnectionStateChange(ice_state));
        }
        let state = self.aggregate();
        if state != self.state {
            self.state = state;
            self.raise(Event::ConnectionStateChange(state));
        }
    }

    /// Raises [`Event::NegotiationNeeded`] when that is new. This looks at all transceivers, so it
    /// follows what can change the answer: a description or a call of the application.
    pub(super) fn settle_negotiation(&mut self) {
        if self.closing == Closing::Open
            && !self.negotiation_announced
            && self.negotiation.negotiation_needed()
        {
            self.negotiation_announced = true;
            self.raise(Event::NegotiationNeeded);
        }
    }

    /// webrtc-pc section 4.3.3: the table, for one transport.
    fn aggregate(&self) -> ConnectionState {
        let dtls = if self.dtls_failed {
            Dtls::Failed
        } else if self.transport.dtls.is_connected() {
            Dtls::Connected
        } else if self.transport.dtls.role().is_some() {
            Dtls::Connecting
        } else {
            Dtls::New
        };
        match (self.ice_state, dtls) {
            (IceConnectionState::Closed, _) => ConnectionState::Closed,
            (IceConnectionState::Failed, _) | (_, Dtls::Failed) => ConnectionState::Failed,
            (IceConnectionState::Disconnected, _) => ConnectionState::Disconnected,
            (IceConnectionState::New, Dtls::New) => ConnectionState::New,
            (IceConnectionState::Connected | IceConnectionState::Completed, Dtls::Connected) => {
                ConnectionState::Connected
            }
            // A restart searches anew while the old path still carries everything.
            (IceConnectionState::Checking, Dtls::Connected)
                if self.transport.ice.selected_path().is_some() =>
            {
                ConnectionState::Connected
            }
            _ => ConnectionState::Connecting,
        }
    }
}

enum Dtls {
    New,
    Connecting,
    Connected,
    Failed,
}
