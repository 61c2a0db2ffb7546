//! The task of a connection: from the sockets into the machine, and back, in batches.

use std::cell::RefCell;
use std::future::Future;
use std::io::IoSliceMut;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Instant;

use antiphon_peerconnection as peer;
use antiphon_peerconnection::{Received, Transmit};
use quinn_udp::RecvMeta;
use tokio::time::Sleep;

use crate::events::Handlers;
use crate::shared::{Shared, State};
use crate::socket::Socket;
use crate::{Configuration, DataChannel, Event, RtpReceiver, TrackEvent, Transceiver, addresses};

/// Batches that one system call may bring.
const RECEIVE_SLOTS: usize = 8;
/// The largest batch: what a UDP datagram could hold.
const BATCH_BYTES: usize = 65_536;
/// Rounds of receiving and sending before other tasks get their turn.
const ROUNDS: usize = 32;

/// Buffers that all connections of a thread share: none of them holds any while it is idle.
struct Scratch {
    receive: Vec<u8>,
    send: Vec<u8>,
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = const {
        RefCell::new(Scratch { receive: Vec::new(), send: Vec::new() })
    };
}

/// Drives one connection until it is closed. Ends by itself; dropping it frees the sockets.
pub(crate) struct Task {
    shared: Arc<Shared>,
    handlers: Arc<Mutex<Handlers>>,
    config: Configuration,
    sockets: Vec<Socket>,
    /// A batch that the kernel had no room for yet.
    unsent: Option<(Transmit, Vec<u8>)>,
    timer: Pin<Box<Sleep>>,
    deadline: Option<Instant>,
}

impl Task {
    pub(crate) fn new(
        shared: Arc<Shared>,
        handlers: Arc<Mutex<Handlers>>,
        config: Configuration,
    ) -> Self {
        Self {
            shared,
            handlers,
            config,
            sockets: Vec::new(),
            unsent: None,
            timer: Box::pin(tokio::time::sleep(std::time::Duration::ZERO)),
            deadline: None,
        }
    }

    /// One round of all that can be done now. `true`: there may be more.
    fn round(
        &mut self,
        cx: &mut Context<'_>,
        state: &mut State,
        scratch: &mut Scratch,
        events: &mut Vec<Event>,
    ) -> bool {
        let mut progress = self.receive(cx, state, &mut scratch.receive);
        let now = Instant::now();
        if state.machine.poll_timeout().is_some_and(|deadline| deadline <= now) {
            state.machine.handle_timeout(now);
            progress = true;
        }
        progress |= self.transmit(cx, state, &mut scratch.send);
        while let Some(event) = state.machine.poll_event() {
            self.raise(state, event, events);
            progress = true;
        }
        self.wake_writers(state);
        progress
    }

    fn receive(&self, cx: &mut Context<'_>, state: &mut State, buffer: &mut Vec<u8>) -> bool {
        if buffer.is_empty() {
            buffer.resize(RECEIVE_SLOTS * BATCH_BYTES, 0);
        }
        let mut progress = false;
        for socket in &self.sockets {
            let mut metas = [RecvMeta::default(); RECEIVE_SLOTS];
            let received = {
                let mut slots = buffer.chunks_mut(BATCH_BYTES);
                let mut slices: [IoSliceMut<'_>; RECEIVE_SLOTS] =
                    std::array::from_fn(|_| IoSliceMut::new(slots.next().unwrap_or_default()));
                match socket.poll_receive(cx, &mut slices, &mut metas) {
                    Poll::Ready(Ok(count)) => count,
                    // What ICMP says of an earlier datagram is no news of this socket.
                    Poll::Ready(Err(error)) => {
                        tracing::debug!(%error, local = %socket.local(), "receiving");
                        progress = true;
                        continue;
                    }
                    Poll::Pending => continue,
                }
            };
            progress = true;
            let now = Instant::now();
            for (meta, slot) in metas.iter().zip(buffer.chunks_mut(BATCH_BYTES)).take(received) {
                let from = Received { local: socket.local(), remote: canonical(meta.addr) };
                let batch = slot.get_mut(..meta.len).unwrap_or_default();
                for datagram in batch.chunks_mut(meta.stride.max(1)) {
                    take_in(state, now, from, datagram);
                }
            }
        }
        progress
    }

    fn transmit(&mut self, cx: &mut Context<'_>, state: &mut State, buffer: &mut Vec<u8>) -> bool {
        if let Some((transmit, batch)) = self.unsent.take()
            && !self.send(cx, transmit, &batch)
        {
            self.unsent = Some((transmit, batch));
            return false;
        }
        if buffer.is_empty() {
            buffer.resize(BATCH_BYTES, 0);
        }
        let mut progress = false;
        while let Some(transmit) = state.machine.poll_output(Instant::now(), buffer) {
            progress = true;
            let batch = buffer.get(..transmit.len).unwrap_or_default();
            if !self.send(cx, transmit, batch) {
                self.unsent = Some((transmit, batch.to_vec()));
                break;
            }
        }
        progress
    }

    /// Hands a batch to the kernel. `false`: there is no room, try again when woken.
    fn send(&self, cx: &mut Context<'_>, transmit: Transmit, batch: &[u8]) -> bool {
        let Some(socket) = self.sockets.iter().find(|socket| socket.local() == transmit.local)
        else {
            return true;
        };
        // A kernel without segmentation offload, or with a lower limit, gets it in several calls.
        let most = match transmit.segment_size {
            Some(size) => size.saturating_mul(socket.max_segments().max(1)),
            None => transmit.len,
        };
        let mut parts = batch.chunks(most.max(1));
        for part in &mut parts {
            let segment = transmit.segment_size.filter(|size| part.len() > *size);
            match socket.poll_send(cx, transmit.remote, part, segment) {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(error)) => {
                    tracing::debug!(%error, remote = %transmit.remote, "sending");
                }
                Poll::Pending => return false,
            }
        }
        true
    }

    /// Turns the machine's event into what handles see, and wakes who waits for it.
    fn raise(&mut self, state: &mut State, event: peer::Event, events: &mut Vec<Event>) {
        use peer::Event as From;
        let shared = &self.shared;
        let raised = match event {
            From::GatherAddresses => {
                self.gather(state);
                return;
            }
            From::NegotiationNeeded => Event::NegotiationNeeded,
            From::SignalingStateChange(to) => Event::SignalingStateChange(to),
            From::IceCandidate(candidate) => Event::IceCandidate(candidate),
            From::IceCandidateError { server, code } => Event::IceCandidateError { server, code },
            From::IceGatheringStateChange(to) => Event::IceGatheringStateChange(to),
            From::IceConnectionStateChange(to) => Event::IceConnectionStateChange(to),
            From::ConnectionStateChange(to) => {
                state.wake_state_watchers();
                Event::ConnectionStateChange(to)
            }
            From::Track { transceiver, stream_ids } => Event::Track(TrackEvent {
                transceiver: Transceiver::new(Arc::clone(shared), transceiver),
                receiver: RtpReceiver::new(Arc::clone(shared), transceiver, state),
                stream_ids,
            }),
            From::TrackRemoved(id) => Event::TrackRemoved(Transceiver::new(Arc::clone(shared), id)),
            From::KeyFrameRequested(id) => {
                state.senders.entry(id).or_default().request_key_frame();
                return;
            }
            From::DataChannel(id) => {
                Event::DataChannel(DataChannel::new(Arc::clone(shared), id, state))
            }
            From::DataChannelReadable(id) => {
                if let Some(waiters) = state.channels.get_mut(&id) {
                    waiters.readers.drain(..).for_each(std::task::Waker::wake);
                }
                return;
            }
            From::DataChannelOpen(id)
            | From::DataChannelClosing(id)
            | From::DataChannelClosed(id)
            | From::DataChannelError(id)
            | From::DataChannelBufferedAmountLow(id) => {
                if let Some(waiters) = state.channels.get_mut(&id) {
                    waiters.wake_all();
                }
                return;
            }
            // Mute and unmute change what the receiver yields, which says it all.
            _ => return,
        };
        events.push(raised);
    }

    /// Binds a socket for each address of the machine.
    fn gather(&mut self, state: &mut State) {
        let now = Instant::now();
        for address in addresses::local(&self.config) {
            match Socket::bind(address, self.config.socket_buffer_bytes) {
                Ok(socket) => {
                    state.machine.add_local_address(now, socket.local());
                    self.sockets.push(socket);
                }
                Err(error) => tracing::debug!(%error, %address, "this address cannot be bound"),
            }
        }
        state.machine.end_of_local_addresses(now);
    }

    /// Wakes those who wait for room to send and now have it.
    fn wake_writers(&self, state: &mut State) {
        let State { machine, channels, .. } = state;
        for (id, waiters) in channels.iter_mut().filter(|(_, w)| !w.writers.is_empty()) {
            if machine.buffered_amount(*id) <= crate::data_channel::LOW_WATER
                && machine.has_send_room()
            {
                waiters.writers.drain(..).for_each(std::task::Waker::wake);
            }
        }
    }

    /// Sees that the task is woken at the machine's next deadline.
    fn arm(&mut self, cx: &mut Context<'_>, next: Option<Instant>) -> bool {
        if next != self.deadline {
            self.deadline = next;
            if let Some(deadline) = next {
                self.timer.as_mut().reset(deadline.into());
            }
        }
        self.deadline.is_some() && self.timer.as_mut().poll(cx).is_ready()
    }

    /// Calls handlers, and queues the events that have none.
    fn dispatch(&self, events: Vec<Event>) {
        if events.is_empty() {
            return;
        }
        let mut handlers = self.handlers.lock().unwrap_or_else(PoisonError::into_inner);
        for event in events {
            if let Some(event) = handlers.handle(event) {
                self.shared.lock().push_event(event);
            }
        }
    }
}

impl Future for Task {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        let shared = Arc::clone(&this.shared);
        let mut events = Vec::new();
        let mut state = shared.lock();
        state.task = Some(cx.waker().clone());
        let mut more = true;
        SCRATCH.with_borrow_mut(|scratch| {
            for _ in 0..ROUNDS {
                more = this.round(cx, &mut state, scratch, &mut events);
                if !more {
                    break;
                }
            }
        });
        let ended = state.machine.is_closed() && !more && this.unsent.is_none();
        if ended {
            state.finish();
        } else if more || this.arm(cx, state.machine.poll_timeout()) {
            cx.waker().wake_by_ref();
        }
        drop(state);
        this.dispatch(events);
        if ended { Poll::Ready(()) } else { Poll::Pending }
    }
}

impl Drop for Task {
    /// The runtime was shut down, or the connection is closed: nobody waits for ever.
    fn drop(&mut self) {
        self.shared.lock().finish();
    }
}

fn take_in(state: &mut State, now: Instant, from: Received, datagram: &mut [u8]) {
    match state.machine.handle_input(now, from, datagram) {
        Ok(None) => {}
        Ok(Some(packet)) => {
            let payload = datagram.get(packet.payload.clone()).unwrap_or_default();
            if let Some(queue) = state.receivers.get_mut(&packet.transceiver) {
                queue.push(&packet, payload);
            }
        }
        Err(error) => tracing::trace!(%error, remote = %from.remote, "dropped a datagram"),
    }
}

/// IPv4 written as IPv6 is IPv4.
fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}
