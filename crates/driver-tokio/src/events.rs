use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use antiphon_peerconnection::{
    ConnectionState, IceCandidate, IceConnectionState, IceGatheringState, SignalingState,
};
use futures_core::Stream;

use crate::shared::Shared;
use crate::{DataChannel, RtpReceiver, Transceiver};

/// What a connection tells its owner. Names are those of W3C's events.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event {
    /// The session has to be negotiated anew: make an offer.
    NegotiationNeeded,
    /// The signaling state changed.
    SignalingStateChange(SignalingState),
    /// A local candidate for the peer; with an empty `candidate`: the last of this generation.
    IceCandidate(IceCandidate),
    /// A STUN server did not answer, or with an error.
    IceCandidateError {
        /// The server.
        server: std::net::SocketAddr,
        /// STUN's error code, or 701 when the server did not answer.
        code: u16,
    },
    /// The gathering state changed.
    IceGatheringStateChange(IceGatheringState),
    /// The state of ICE changed.
    IceConnectionStateChange(IceConnectionState),
    /// The state of the connection changed.
    ConnectionStateChange(ConnectionState),
    /// The peer sends media.
    Track(TrackEvent),
    /// The peer no longer sends media on this transceiver.
    TrackRemoved(Transceiver),
    /// The peer opened a data channel.
    DataChannel(DataChannel),
}

/// A track of the peer. `RTCTrackEvent`, webrtc-pc section 5.7.
#[derive(Clone, Debug)]
#[doc(alias = "RTCTrackEvent")]
pub struct TrackEvent {
    /// The transceiver that receives it.
    pub transceiver: Transceiver,
    /// Where its packets come from.
    pub receiver: RtpReceiver,
    /// The streams that the peer put it into.
    pub stream_ids: Vec<String>,
}

/// The events of a connection that no handler takes, as a stream. It ends when the connection is
/// closed. Only one reader at a time is woken.
#[derive(Debug)]
pub struct Events {
    shared: Arc<Shared>,
}

impl Events {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// The next event; `None` when the connection is closed.
    pub async fn next(&mut self) -> Option<Event> {
        std::future::poll_fn(|cx| self.poll(cx)).await
    }

    fn poll(&self, cx: &Context<'_>) -> Poll<Option<Event>> {
        let mut state = self.shared.lock();
        match state.events.pop_front() {
            Some(event) => Poll::Ready(Some(event)),
            None if state.finished => Poll::Ready(None),
            None => {
                state.events_reader = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }
}

impl Stream for Events {
    type Item = Event;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        self.poll(cx)
    }
}

type Handler<T> = Option<Box<dyn FnMut(T) + Send>>;

/// What is called instead of putting an event into the stream. Called by the connection's task,
/// one at a time, outside of any lock of the connection.
#[derive(Default)]
pub(crate) struct Handlers {
    pub(crate) negotiation_needed: Handler<()>,
    pub(crate) ice_candidate: Handler<IceCandidate>,
    pub(crate) connection_state: Handler<ConnectionState>,
    pub(crate) track: Handler<TrackEvent>,
    pub(crate) data_channel: Handler<DataChannel>,
}

impl fmt::Debug for Handlers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Handlers")
    }
}

impl Handlers {
    /// Gives the event to its handler, or back.
    pub(crate) fn handle(&mut self, event: Event) -> Option<Event> {
        match (event, self) {
            (Event::NegotiationNeeded, Self { negotiation_needed: Some(call), .. }) => call(()),
            (Event::IceCandidate(candidate), Self { ice_candidate: Some(call), .. }) => {
                call(candidate);
            }
            (Event::ConnectionStateChange(state), Self { connection_state: Some(call), .. }) => {
                call(state);
            }
            (Event::Track(track), Self { track: Some(call), .. }) => call(track),
            (Event::DataChannel(channel), Self { data_channel: Some(call), .. }) => call(channel),
            (event, _) => return Some(event),
        }
        None
    }
}
