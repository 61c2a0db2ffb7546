use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use antiphon_peerconnection::{
    ConnectionState, DataChannelId, DataChannelInfo, IceCandidate, IceConnectionState, IceFailure,
    IceGatheringState, SignalingState, TransceiverId,
};
use futures_core::Stream;

use crate::shared::{Shared, State};
use crate::wait::{Slot, Topic, Wait};
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
    /// ICE failed, and this is why, as far as one can tell. The state follows.
    IceFailure(IceFailure),
    /// The network changed: the connection would be better, or go on at all, after an ICE restart.
    IceRestartAdvised,
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

/// An event on its way, without handles: those that nobody takes must not keep the connection.
pub(crate) enum Raised {
    /// An event that has none.
    Plain(Event),
    Track {
        transceiver: TransceiverId,
        stream_ids: Vec<String>,
    },
    TrackRemoved(TransceiverId),
    DataChannel {
        id: DataChannelId,
        /// What it was when it was announced: it may be gone before anybody looks.
        info: Option<Box<DataChannelInfo>>,
    },
}

impl Raised {
    fn into_event(self, shared: &Arc<Shared>, state: &mut State) -> Event {
        match self {
            Self::Plain(event) => event,
            Self::Track { transceiver, stream_ids } => Event::Track(TrackEvent {
                transceiver: Transceiver::new(Arc::clone(shared), transceiver),
                receiver: RtpReceiver::new(shared, transceiver, state),
                stream_ids,
            }),
            Self::TrackRemoved(id) => Event::TrackRemoved(Transceiver::new(Arc::clone(shared), id)),
            Self::DataChannel { id, info } => {
                Event::DataChannel(DataChannel::new(shared, id, info.map(|info| *info)))
            }
        }
    }
}

/// The events of a connection that no handler takes, as a stream. It ends when the connection is
/// closed and all were read.
///
/// It does not keep the connection open. Several readers share the events: each event goes to one
/// of them. Of events that nobody reads the oldest of more than 4,096 are dropped.
#[derive(Debug)]
pub struct Events {
    shared: Arc<Shared>,
    waiting: Slot,
}

impl Events {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { waiting: Slot::new(Arc::clone(&shared)), shared }
    }

    /// The next event; `None` when the connection is closed.
    pub async fn next(&mut self) -> Option<Event> {
        std::future::poll_fn(|cx| self.poll(cx)).await
    }

    fn poll(&mut self, cx: &Context<'_>) -> Poll<Option<Event>> {
        let Self { shared, waiting } = self;
        waiting.poll(cx, |state| match state.events.pop_front() {
            Some(raised) => Wait::Done(Some(raised.into_event(shared, state))),
            None if state.finished => Wait::Done(None),
            None => Wait::For(Topic::Event),
        })
    }
}

impl Stream for Events {
    type Item = Event;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        self.poll(cx)
    }
}

type Handler<T> = Option<Box<dyn FnMut(T) + Send>>;

/// What is called instead of putting an event into the stream: by the connection's task, one at a
/// time, while nothing is locked.
#[derive(Default)]
pub(crate) struct Handlers {
    pub(crate) negotiation_needed: Handler<()>,
    pub(crate) ice_candidate: Handler<IceCandidate>,
    pub(crate) connection_state: Handler<ConnectionState>,
    pub(crate) track: Handler<TrackEvent>,
    pub(crate) data_channel: Handler<DataChannel>,
}

impl Handlers {
    /// Calls the handler of each event, or puts it into the stream.
    pub(crate) fn dispatch(shared: &Arc<Shared>, raised: Vec<Raised>) {
        if raised.is_empty() {
            return;
        }
        // Handlers may set handlers, so they are not in their place while they run.
        let mut handlers = std::mem::take(&mut shared.lock().handlers);
        for raised in raised {
            let mut state = shared.lock();
            if handlers.take(&raised) {
                let event = raised.into_event(shared, &mut state);
                drop(state);
                handlers.call(event);
            } else {
                state.push_event(raised);
            }
        }
        shared.lock().handlers.fill_from(&mut handlers);
        // What was replaced goes here, unlocked: it may hold handles.
        drop(handlers);
    }

    /// Whether there is a handler for it.
    fn take(&self, raised: &Raised) -> bool {
        match raised {
            Raised::Plain(Event::NegotiationNeeded) => self.negotiation_needed.is_some(),
            Raised::Plain(Event::IceCandidate(_)) => self.ice_candidate.is_some(),
            Raised::Plain(Event::ConnectionStateChange(_)) => self.connection_state.is_some(),
            Raised::Track { .. } => self.track.is_some(),
            Raised::DataChannel { .. } => self.data_channel.is_some(),
            Raised::Plain(_) | Raised::TrackRemoved(_) => false,
        }
    }

    fn call(&mut self, event: Event) {
        match event {
            Event::NegotiationNeeded => call(&mut self.negotiation_needed, ()),
            Event::IceCandidate(candidate) => call(&mut self.ice_candidate, candidate),
            Event::ConnectionStateChange(state) => call(&mut self.connection_state, state),
            Event::Track(track) => call(&mut self.track, track),
            Event::DataChannel(channel) => call(&mut self.data_channel, channel),
            Event::SignalingStateChange(_)
            | Event::IceCandidateError { .. }
            | Event::IceFailure(_)
            | Event::IceRestartAdvised
            | Event::IceGatheringStateChange(_)
            | Event::IceConnectionStateChange(_)
            | Event::TrackRemoved(_) => {}
        }
    }

    /// Takes what is not here from `others`.
    pub(crate) fn fill_from(&mut self, others: &mut Self) {
        fill(&mut self.negotiation_needed, &mut others.negotiation_needed);
        fill(&mut self.ice_candidate, &mut others.ice_candidate);
        fill(&mut self.connection_state, &mut others.connection_state);
        fill(&mut self.track, &mut others.track);
        fill(&mut self.data_channel, &mut others.data_channel);
    }
}

fn call<T>(handler: &mut Handler<T>, argument: T) {
    if let Some(handler) = handler {
        handler(argument);
    }
}

fn fill<T>(place: &mut Handler<T>, other: &mut Handler<T>) {
    if place.is_none() {
        *place = other.take();
    }
}
