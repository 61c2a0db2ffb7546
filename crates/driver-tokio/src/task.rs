//! The task of a connection: from the sockets into the machine, and back, in batches.

mod gather;

use std::cell::RefCell;
use std::future::Future;
use std::io::IoSliceMut;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use antiphon_peerconnection as peer;
use antiphon_peerconnection::{Received, RtpReceived, StreamEnd, StreamStep, Transmit};
use bytes::Buf as _;
use quinn_udp::RecvMeta;
use tokio::time::Sleep;

use crate::events::{Handlers, Raised};
use crate::mdns::Names;
use crate::shared::{Receivers, Shared, State};
use crate::socket::Socket;
use crate::streams::{Listener, Step, Stream};
use crate::wait::{Topic, Waiters};
use crate::{Configuration, Event};

/// Batches that one system call may bring.
const RECEIVE_SLOTS: usize = 8;
/// The largest batch: what a UDP datagram could hold.
const BATCH_BYTES: usize = 65_536;
/// Rounds of receiving and sending before other tasks get their turn.
const ROUNDS: usize = 32;
/// Errors of a socket, one after the other and no datagram between them, that show that it is gone.
const MAX_FAILURES: u8 = 16;
/// How long the last datagrams of a closed connection wait for room in the kernel.
const LINGER: Duration = Duration::from_secs(1);

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
    config: Configuration,
    sockets: Vec<Socket>,
    listeners: Vec<Listener>,
    streams: Vec<Stream>,
    /// Our names in multicast DNS, once there are any or the peer has some.
    names: Option<Names>,
    /// When the machine's addresses are looked at again, once there are sockets.
    looks_again: Option<Instant>,
    /// A batch, or the rest of one, that the kernel had no room for yet.
    unsent: Option<(Transmit, Vec<u8>)>,
    timer: Pin<Box<Sleep>>,
    deadline: Option<Instant>,
    /// When a closed connection gives up its last datagrams.
    gives_up: Option<Instant>,
}

impl Task {
    pub(crate) fn new(shared: Arc<Shared>, config: Configuration) -> Self {
        Self {
            shared,
            config,
            sockets: Vec::new(),
            listeners: Vec::new(),
            streams: Vec::new(),
            names: None,
            looks_again: None,
            unsent: None,
            timer: Box::pin(tokio::time::sleep(Duration::ZERO)),
            deadline: None,
            gives_up: None,
        }
    }

    /// One round of all that can be done now. `true`: there may be more.
    fn round(
        &mut self,
        cx: &mut Context<'_>,
        state: &mut State,
        scratch: &mut Scratch,
        raised: &mut Vec<Raised>,
    ) -> bool {
        let mut progress = self.receive(cx, state, &mut scratch.receive);
        progress |= self.accept(cx, state);
        progress |= self.move_streams(cx, state);
        let now = Instant::now();
        self.look_at_addresses(state, now);
        if state.machine.poll_timeout().is_some_and(|deadline| deadline <= now) {
            state.machine.handle_timeout(now);
            progress = true;
        }
        progress |= self.transmit(cx, state, &mut scratch.send);
        while let Some(event) = state.machine.poll_event() {
            raised.extend(self.raise(state, event));
            progress = true;
        }
        state.wake_writers();
        progress
    }

    fn receive(&mut self, cx: &mut Context<'_>, state: &mut State, buffer: &mut Vec<u8>) -> bool {
        if buffer.is_empty() {
            buffer.resize(RECEIVE_SLOTS * BATCH_BYTES, 0);
        }
        let mut progress = false;
        for socket in &mut self.sockets {
            let mut metas = [RecvMeta::default(); RECEIVE_SLOTS];
            let received = {
                let mut slots = buffer.chunks_mut(BATCH_BYTES);
                let mut slices: [IoSliceMut<'_>; RECEIVE_SLOTS] =
                    std::array::from_fn(|_| IoSliceMut::new(slots.next().unwrap_or_default()));
                match socket.poll_receive(cx, &mut slices, &mut metas) {
                    Poll::Ready(Some(count)) => count,
                    Poll::Ready(None) => {
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
        self.sockets.retain(|socket| {
            let works = socket.failures() < MAX_FAILURES;
            if !works {
                tracing::warn!(local = %socket.local(), "this socket works no more");
                state.machine.remove_local_address(Instant::now(), socket.local());
            }
            works
        });
        progress
    }

    fn transmit(&mut self, cx: &mut Context<'_>, state: &mut State, buffer: &mut Vec<u8>) -> bool {
        if let Some((transmit, batch)) = self.unsent.take()
            && !self.send(cx, transmit, &batch)
        {
            return false;
        }
        if buffer.is_empty() {
            buffer.resize(BATCH_BYTES, 0);
        }
        let mut progress = false;
        while let Some(transmit) = state.machine.poll_output(Instant::now(), buffer) {
            progress = true;
            if !self.send(cx, transmit, buffer.get(..transmit.len).unwrap_or_default()) {
                break;
            }
        }
        progress
    }

    /// Hands a batch to the kernel. `false`: there is no room for all of it; the rest is kept.
    fn send(&mut self, cx: &mut Context<'_>, transmit: Transmit, batch: &[u8]) -> bool {
        if let Some(id) = transmit.stream {
            let Some(stream) = self.streams.iter_mut().find(|stream| stream.id == id) else {
                return true;
            };
            let sent = stream.send(batch);
            if !sent {
                self.unsent = Some((transmit, batch.to_vec()));
            }
            return sent;
        }
        let Some(socket) = self.sockets.iter().find(|socket| socket.local() == transmit.local)
        else {
            return true;
        };
        let sent = socket.poll_send(cx, transmit.remote, batch, transmit.segment_size);
        let rest = batch.get(sent..).unwrap_or_default();
        if !rest.is_empty() {
            self.unsent = Some((transmit, rest.to_vec()));
        }
        rest.is_empty()
    }

    /// Wakes who waits for what the event says, and says it to the owner, where it is for the owner.
    fn raise(&mut self, state: &mut State, event: peer::Event) -> Option<Raised> {
        use peer::Event as From;
        Some(Raised::Plain(match event {
            From::GatherAddresses => {
                self.gather(state);
                return None;
            }
            From::OpenStream(request) => {
                self.streams.push(Stream::open(request, &self.config));
                return None;
            }
            From::CloseStream(id) => {
                self.streams.iter_mut().filter(|stream| stream.id == id).for_each(Stream::close);
                return None;
            }
            From::ResolveName(name) => {
                self.resolve(state, name);
                return None;
            }
            From::IceFailure(failure) => Event::IceFailure(failure),
            From::IceRestartAdvised => Event::IceRestartAdvised,
            From::NegotiationNeeded => Event::NegotiationNeeded,
            From::SignalingStateChange(to) => {
                state.settle_transceivers();
                Event::SignalingStateChange(to)
            }
            From::IceCandidate(candidate) => Event::IceCandidate(candidate),
            From::IceCandidateError { server, code } => Event::IceCandidateError { server, code },
            From::IceGatheringStateChange(to) => Event::IceGatheringStateChange(to),
            From::IceConnectionStateChange(to) => Event::IceConnectionStateChange(to),
            From::ConnectionStateChange(to) => {
                state.waiters.wake(Topic::Connection);
                Event::ConnectionStateChange(to)
            }
            From::Track { transceiver, stream_ids } => {
                // Packets may come before anybody has seen the event.
                state.receivers.entry(transceiver).or_default();
                return Some(Raised::Track { transceiver, stream_ids });
            }
            From::TrackRemoved(id) => return Some(Raised::TrackRemoved(id)),
            From::KeyFrameRequested(id) => {
                state.key_frames.insert(id);
                state.waiters.wake(Topic::KeyFrame(id));
                return None;
            }
            From::DataChannel(id) => {
                let info = state.machine.data_channel(id).map(Box::new);
                return Some(Raised::DataChannel { id, info });
            }
            From::DataChannelReadable(id) => {
                state.waiters.wake(Topic::Message(id));
                return None;
            }
            From::DataChannelOpen(id)
            | From::DataChannelClosing(id)
            | From::DataChannelClosed(id)
            | From::DataChannelError(id)
            | From::DataChannelBufferedAmountLow(id) => {
                state.wake_channel(id);
                return None;
            }
            // Mute and unmute change what the receiver yields, which says it all; so does the end.
            From::TrackUnmuted(_) | From::TrackMuted(_) | From::Closed | _ => return None,
        }))
    }

    /// Takes in those who connect to us.
    fn accept(&mut self, cx: &mut Context<'_>, state: &mut State) -> bool {
        let mut progress = false;
        for listener in &mut self.listeners {
            while let Poll::Ready((stream, remote)) = listener.poll_accept(cx) {
                progress = true;
                let remote = canonical(remote);
                if let Some(id) = state.machine.accept_stream(listener.local(), remote) {
                    self.streams.push(Stream::accepted(id, stream, Instant::now()));
                }
            }
        }
        progress
    }

    /// Sends and receives on all streams.
    fn move_streams(&mut self, cx: &mut Context<'_>, state: &mut State) -> bool {
        let mut progress = false;
        for stream in &mut self.streams {
            stream.judge(&state.machine, Instant::now());
        }
        let State { machine, receivers, waiters, .. } = state;
        self.streams.retain_mut(|stream| {
            let step = stream.poll(cx);
            progress |= step != Step::Idle;
            let now = Instant::now();
            let end = match step {
                Step::Idle => return true,
                Step::Opened => {
                    machine.stream_opened(now, stream.id);
                    return true;
                }
                Step::Readable => match read(machine, receivers, waiters, now, stream) {
                    Ok(()) => return true,
                    Err(end) => end,
                },
                Step::Ended(end) => end,
            };
            machine.stream_closed(now, stream.id, end);
            false
        });
        progress
    }

    /// Whether all is over, under the lock. Otherwise sees to it that the task is woken in time.
    fn is_over(&mut self, cx: &mut Context<'_>, state: &State, more: bool) -> bool {
        if state.machine.connection_state() == peer::ConnectionState::Closed {
            let now = Instant::now();
            let gives_up = *self.gives_up.get_or_insert_with(|| now + LINGER);
            if (state.machine.is_closed() && !more) || gives_up <= now {
                return true;
            }
        }
        let machine = state.machine.poll_timeout().or(self.gives_up);
        let streams = self.streams.iter().filter_map(Stream::deadline);
        let next = streams.chain(machine).chain(self.looks_again).min();
        if more || self.arm(cx, next) {
            cx.waker().wake_by_ref();
        }
        false
    }

    /// Sets the timer. `true`: it is that late already.
    fn arm(&mut self, cx: &mut Context<'_>, next: Option<Instant>) -> bool {
        if next != self.deadline {
            self.deadline = next;
            if let Some(deadline) = next {
                self.timer.as_mut().reset(deadline.into());
            }
        }
        self.deadline.is_some() && self.timer.as_mut().poll(cx).is_ready()
    }
}

impl Future for Task {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        let shared = Arc::clone(&this.shared);
        shared.lock().task = Some(cx.waker().clone());
        let mut raised = Vec::new();
        let mut more = true;
        SCRATCH.with_borrow_mut(|scratch| {
            for _ in 0..ROUNDS {
                // Handles get the lock between two rounds.
                more = this.round(cx, &mut shared.lock(), scratch, &mut raised);
                if !more {
                    break;
                }
            }
        });
        Handlers::dispatch(&shared, raised);
        let over = this.is_over(cx, &shared.lock(), more);
        if !over {
            return Poll::Pending;
        }
        this.sockets.clear();
        this.streams.clear();
        this.names = None;
        shared.finish();
        Poll::Ready(())
    }
}

impl Drop for Task {
    /// The runtime was shut down, a handler panicked, or the connection is closed: nobody waits for
    /// ever.
    fn drop(&mut self) {
        self.shared.finish();
    }
}

fn take_in(state: &mut State, now: Instant, from: Received, datagram: &mut [u8]) {
    match state.machine.handle_input(now, from, datagram) {
        Ok(None) => {}
        Ok(Some(packet)) => hand_over(&mut state.receivers, &mut state.waiters, &packet, datagram),
        Err(error) => tracing::trace!(%error, remote = %from.remote, "dropped a datagram"),
    }
}

/// Gives all messages of a stream that are there to the machine.
fn read(
    machine: &mut peer::PeerConnection,
    receivers: &mut Receivers,
    waiters: &mut Waiters,
    now: Instant,
    stream: &mut Stream,
) -> Result<(), StreamEnd> {
    let id = stream.id;
    loop {
        let bytes = stream.unread();
        match machine.handle_stream(now, id, bytes) {
            Ok(StreamStep { consumed: 0, .. }) => return Ok(()),
            Ok(StreamStep { consumed, rtp }) => {
                if let Some(packet) = rtp {
                    hand_over(receivers, waiters, &packet, bytes);
                }
                bytes.advance(consumed.min(bytes.len()));
            }
            Err(error) => {
                tracing::debug!(%error, "closing a stream");
                return Err(StreamEnd::Closed);
            }
        }
    }
}

/// Puts a packet where its receiver finds it.
fn hand_over(
    receivers: &mut Receivers,
    waiters: &mut Waiters,
    packet: &RtpReceived,
    datagram: &[u8],
) {
    let payload = datagram.get(packet.payload.clone()).unwrap_or_default();
    if let Some(queue) = receivers.get_mut(&packet.transceiver) {
        queue.push(packet, payload);
        waiters.wake(Topic::Packet(packet.transceiver));
    }
}

/// IPv4 written as IPv6 is IPv4.
fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}
