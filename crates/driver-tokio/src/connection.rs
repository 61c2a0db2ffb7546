use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use antiphon_peerconnection as peer;
use antiphon_peerconnection::crypto::CertificateParams;
use antiphon_peerconnection::{
    ConnectionState, DataChannelInit, IceCandidate, IceConnectionState, IceGatheringState, Kind,
    OfferOptions, SessionDescription, SignalingState, StatsReport, TransceiverInit,
};
use tokio::runtime::Handle as Runtime;

use crate::events::Handlers;
use crate::servers;
use crate::shared::{Shared, State};
use crate::task::Task;
use crate::wait::{Topic, Wait};
use crate::{Configuration, DataChannel, Error, Events, TrackEvent, Transceiver};

/// A connection to one peer. `RTCPeerConnection`, webrtc-pc section 4.4.
///
/// Clones are handles to the same connection. When the last one is dropped, the connection closes:
/// the peer is told, sockets are freed, and what waits on channels and tracks ends. Channels,
/// transceivers and [`Events`] do not count: they see the end.
///
/// Handlers are dropped when the connection ends, by [`close`](Self::close), by the peer, or with
/// the runtime. A handler that holds a handle of its own connection keeps it open until then: have
/// it hold what it needs, or close the connection. A handler that panics ends the connection.
#[derive(Clone, Debug)]
#[doc(alias = "RTCPeerConnection")]
pub struct PeerConnection {
    owner: Arc<Owner>,
}

/// Closes the connection when the last handle goes.
#[derive(Debug)]
struct Owner {
    shared: Arc<Shared>,
}

impl Drop for Owner {
    fn drop(&mut self) {
        self.shared.command(peer::PeerConnection::close);
    }
}

impl PeerConnection {
    /// Makes a connection and starts its task. Nothing is sent, and no socket bound, before the
    /// first local description is set.
    ///
    /// # Errors
    ///
    /// [`Error::NoRuntime`] outside of a tokio runtime; [`Error::Server`] for a URL that cannot be
    /// used; [`Error::Certificate`] and [`Error::Crypto`] when the provider fails.
    ///
    /// # Panics
    ///
    /// Tokio panics when its runtime was built without time; without I/O it panics in the
    /// connection's task, which ends the connection. `enable_all` gives both.
    pub fn new(config: Configuration) -> Result<Self, Error> {
        let runtime = Runtime::try_current().map_err(|_| Error::NoRuntime)?;
        let servers = servers::parse(&config.ice_servers)?;
        let unix_time = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let certificate = match &config.certificate {
            Some(certificate) => certificate.clone(),
            None => config.provider.generate_certificate(&CertificateParams::new(unix_time))?,
        };
        let mut inner = peer::Configuration::new(Arc::clone(&config.provider), certificate);
        inner.dtls_versions.clone_from(&config.dtls_versions);
        inner.bundle_policy = config.bundle_policy;
        inner.ice_transport_policy = config.ice_transport_policy;
        inner.ice_address_policy = config.ice_address_policy;
        inner.remote_filter.clone_from(&config.remote_filter);
        inner.nat_mappings.clone_from(&config.nat_mappings);
        inner.ice_tcp = config.ice_tcp;
        inner.ice_lite = config.ice_lite;
        inner.unix_time = unix_time;
        inner.send_buffer_bytes = config.send_buffer_bytes;
        inner.receive_buffer_bytes = config.receive_buffer_bytes;
        inner.max_message_bytes = config.max_message_bytes;
        inner.sctp_snap = config.sctp_snap;
        let mut seed = [0; 32];
        config.provider.fill_random(&mut seed)?;
        let mut machine = peer::PeerConnection::new(inner, seed, Instant::now())?;
        if !servers.is_empty() {
            machine.expect_servers();
        }
        let shared = Shared::new(machine);
        runtime.spawn(Task::new(Arc::clone(&shared), config));
        if !servers.is_empty() {
            runtime.spawn(servers::look_up(servers, Arc::downgrade(&shared)));
        }
        Ok(Self { owner: Arc::new(Owner { shared }) })
    }

    fn shared(&self) -> &Arc<Shared> {
        &self.owner.shared
    }

    /// Makes an offer. webrtc-pc section 4.4.2.
    ///
    /// # Errors
    ///
    /// [`Error::Connection`] when the connection is closed or in no state for it.
    #[doc(alias = "createOffer")]
    pub async fn create_offer(&self, options: OfferOptions) -> Result<SessionDescription, Error> {
        Ok(self.shared().command(|machine, now| machine.create_offer(now, options))?)
    }

    /// Makes an answer to the peer's offer. webrtc-pc section 4.4.2.
    ///
    /// # Errors
    ///
    /// [`Error::Connection`] when there is no offer to answer.
    #[doc(alias = "createAnswer")]
    pub async fn create_answer(&self) -> Result<SessionDescription, Error> {
        Ok(self.shared().command(peer::PeerConnection::create_answer)?)
    }

    /// Takes our description into use; `None` makes the one that fits the signaling state. The
    /// first one starts the search for candidates.
    ///
    /// # Errors
    ///
    /// [`Error::Connection`] when the description is not the one that was made, or the state does
    /// not allow it. Nothing changed then.
    #[doc(alias = "setLocalDescription")]
    pub async fn set_local_description(
        &self,
        description: impl Into<Option<SessionDescription>>,
    ) -> Result<(), Error> {
        let description = description.into();
        Ok(self.shared().command(|machine, now| machine.set_local_description(now, description))?)
    }

    /// Takes the peer's description into use.
    ///
    /// # Errors
    ///
    /// [`Error::Connection`] says what is wrong with it. Nothing changed then.
    #[doc(alias = "setRemoteDescription")]
    pub async fn set_remote_description(
        &self,
        description: SessionDescription,
    ) -> Result<(), Error> {
        Ok(self
            .shared()
            .command(|machine, now| machine.set_remote_description(now, description))?)
    }

    /// Takes a candidate of the peer; an empty one says that no more follow.
    ///
    /// # Errors
    ///
    /// [`Error::Connection`] when there is no remote description, or the candidate does not belong
    /// to it.
    #[doc(alias = "addIceCandidate")]
    pub async fn add_ice_candidate(&self, candidate: IceCandidate) -> Result<(), Error> {
        Ok(self.shared().command(|machine, now| machine.add_ice_candidate(now, candidate))?)
    }

    /// Has the next offer search for a path anew; [`Event::NegotiationNeeded`] follows.
    ///
    /// [`Event::NegotiationNeeded`]: crate::Event::NegotiationNeeded
    #[doc(alias = "restartIce")]
    pub fn restart_ice(&self) {
        self.shared().command(|machine, _| machine.restart_ice());
    }

    /// Makes a data channel. webrtc-pc section 6.1.
    ///
    /// # Errors
    ///
    /// [`Error::Connection`]: a label too long, contradicting options, no stream left, or closed.
    #[doc(alias = "createDataChannel")]
    pub async fn create_data_channel(
        &self,
        label: &str,
        init: DataChannelInit,
    ) -> Result<DataChannel, Error> {
        let mut state = self.shared().lock();
        let id = state.command(|machine, _| machine.create_data_channel(label, init))?;
        let info = state.machine.data_channel(id);
        Ok(DataChannel::new(self.shared(), id, info))
    }

    /// Makes a transceiver for sending and receiving. webrtc-pc section 5.1.
    ///
    /// # Errors
    ///
    /// [`Error::Connection`] when the connection is closed or holds all it may.
    #[doc(alias = "addTransceiver")]
    pub async fn add_transceiver(
        &self,
        kind: Kind,
        init: TransceiverInit,
    ) -> Result<Transceiver, Error> {
        let id = self.shared().command(|machine, _| machine.add_transceiver(kind, init))?;
        Ok(Transceiver::new(Arc::clone(self.shared()), id))
    }

    /// Finds a transceiver whose sender is free for a track of this kind, or makes one. Only those
    /// meet the sections of a peer's offer. webrtc-pc section 5.1.
    ///
    /// # Errors
    ///
    /// [`Error::Connection`] when the connection is closed or holds all it may.
    #[doc(alias = "addTrack")]
    pub async fn add_track(
        &self,
        kind: Kind,
        stream_ids: Vec<String>,
    ) -> Result<Transceiver, Error> {
        let id = self.shared().command(|machine, _| machine.add_track(kind, stream_ids))?;
        Ok(Transceiver::new(Arc::clone(self.shared()), id))
    }

    /// Takes the track from a transceiver's sender; its media stops with the next negotiation.
    ///
    /// # Errors
    ///
    /// [`Error::Connection`] when the connection is closed or the transceiver stopped.
    #[doc(alias = "removeTrack")]
    pub async fn remove_track(&self, transceiver: &Transceiver) -> Result<(), Error> {
        Ok(self.shared().command(|machine, _| machine.remove_track(transceiver.id()))?)
    }

    /// The transceivers that are not stopped, in the order they were made.
    #[must_use]
    #[doc(alias = "getTransceivers")]
    pub fn transceivers(&self) -> Vec<Transceiver> {
        let state = self.shared().lock();
        let ids = state.machine.transceivers();
        ids.into_iter().map(|id| Transceiver::new(Arc::clone(self.shared()), id)).collect()
    }

    /// The events that no handler takes, from the first on.
    #[must_use]
    pub fn events(&self) -> Events {
        Events::new(Arc::clone(self.shared()))
    }

    /// Calls `handler` when the session has to be negotiated anew, instead of the event.
    #[doc(alias = "onnegotiationneeded")]
    pub fn on_negotiation_needed(&self, mut handler: impl FnMut() + Send + 'static) {
        let handler = Box::new(move |()| handler());
        self.handle(Handlers { negotiation_needed: Some(handler), ..Handlers::default() });
    }

    /// Calls `handler` with each local candidate, instead of the event.
    #[doc(alias = "onicecandidate")]
    pub fn on_ice_candidate(&self, handler: impl FnMut(IceCandidate) + Send + 'static) {
        self.handle(Handlers { ice_candidate: Some(Box::new(handler)), ..Handlers::default() });
    }

    /// Calls `handler` with each new state of the connection, instead of the event.
    #[doc(alias = "onconnectionstatechange")]
    pub fn on_connection_state_change(
        &self,
        handler: impl FnMut(ConnectionState) + Send + 'static,
    ) {
        self.handle(Handlers { connection_state: Some(Box::new(handler)), ..Handlers::default() });
    }

    /// Calls `handler` with each track of the peer, instead of the event.
    #[doc(alias = "ontrack")]
    pub fn on_track(&self, handler: impl FnMut(TrackEvent) + Send + 'static) {
        self.handle(Handlers { track: Some(Box::new(handler)), ..Handlers::default() });
    }

    /// Calls `handler` with each channel that the peer opens, instead of the event.
    #[doc(alias = "ondatachannel")]
    pub fn on_data_channel(&self, handler: impl FnMut(DataChannel) + Send + 'static) {
        self.handle(Handlers { data_channel: Some(Box::new(handler)), ..Handlers::default() });
    }

    /// Puts the one handler of `new` in its place, unless nothing will ever call it.
    fn handle(&self, mut new: Handlers) {
        let mut state = self.shared().lock();
        if !state.finished {
            new.fill_from(&mut state.handlers);
            std::mem::swap(&mut state.handlers, &mut new);
        }
        drop(state);
        // What was replaced goes here, unlocked: it may hold handles.
        drop(new);
    }

    /// Our description: the pending one, else the current one.
    #[must_use]
    #[doc(alias = "localDescription")]
    pub fn local_description(&self) -> Option<SessionDescription> {
        self.shared().lock().machine.local_description()
    }

    /// The peer's description: the pending one, else the current one.
    #[must_use]
    #[doc(alias = "remoteDescription")]
    pub fn remote_description(&self) -> Option<SessionDescription> {
        self.shared().lock().machine.remote_description()
    }

    /// Where the exchange of descriptions stands.
    #[must_use]
    #[doc(alias = "signalingState")]
    pub fn signaling_state(&self) -> SignalingState {
        self.shared().lock().machine.signaling_state()
    }

    /// Whether local candidates are still being found.
    #[must_use]
    #[doc(alias = "iceGatheringState")]
    pub fn ice_gathering_state(&self) -> IceGatheringState {
        self.shared().lock().machine.ice_gathering_state()
    }

    /// The state of ICE.
    #[must_use]
    #[doc(alias = "iceConnectionState")]
    pub fn ice_connection_state(&self) -> IceConnectionState {
        self.shared().lock().machine.ice_connection_state()
    }

    /// The state of the connection.
    #[must_use]
    #[doc(alias = "connectionState")]
    pub fn connection_state(&self) -> ConnectionState {
        self.shared().lock().machine.connection_state()
    }

    /// Waits until data and media can flow.
    ///
    /// # Errors
    ///
    /// [`Error::Failed`] when no path works or the peer is not who the description says;
    /// [`Error::Closed`].
    pub async fn connected(&self) -> Result<(), Error> {
        self.shared().wait(State::connected).await
    }

    /// What has been counted and measured, all at one moment. webrtc-pc section 8.
    #[must_use]
    #[doc(alias = "getStats")]
    pub fn stats(&self) -> StatsReport {
        self.shared().lock().machine.stats()
    }

    /// What ICE knows of its troubles: the causes, the most telling one first. Ask when connecting
    /// takes long; when it fails, [`Event::IceFailure`](crate::Event::IceFailure) tells the cause.
    #[must_use]
    pub fn diagnose(&self) -> peer::Diagnosis {
        self.shared().lock().machine.diagnose(Instant::now())
    }

    /// What ICE did so far, oldest first: candidates, checks, errors of servers. The last few hundred
    /// entries are kept.
    #[must_use]
    pub fn ice_trace(&self) -> Vec<peer::TraceEntry> {
        self.shared().lock().machine.ice_trace().copied().collect()
    }

    /// Closes the connection: the peer is told, sockets are freed. Returns when that has happened.
    /// A second call changes nothing.
    pub async fn close(&self) {
        self.shared().command(peer::PeerConnection::close);
        self.shared()
            .wait(
                |state| {
                    if state.finished { Wait::Done(()) } else { Wait::For(Topic::Connection) }
                },
            )
            .await;
    }
}
