//! The machine: states, verbs, and one file per procedure.

mod abandon;
mod acknowledge;
mod congestion;
mod delivery;
mod forward;
mod handover;
mod handshake;
mod heartbeat;
mod inbound;
mod inbox;
mod input;
mod interleaved;
mod losses;
mod more_streams;
mod opening;
mod output;
mod outstanding;
mod path;
mod probes;
mod rack;
mod ranges;
mod reassembly;
mod receive;
mod received;
mod reply;
mod reset;
mod rtt;
mod schedule;
mod send_queue;
mod shutdown;
mod snap;
mod stream_table;
mod streams;
mod tcb;
mod transmit;
mod turns;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use rand_chacha::ChaCha12Rng;
use rand_core::{Rng, SeedableRng};

use crate::clock::Clock;
use crate::event::CloseReason;
use crate::wire::{Cause, Header, PacketView, PacketWriter, write_cookie_echo};
use crate::{
    BufferTooSmall, Config, Event, InputError, Message, Outgoing, SendError, Stats, Transmit,
};
use inbox::Inbox;
use opening::{Echoed, Opening};
use reply::{Body, Reply};
use tcb::{Context, End, Farewell, Identity, Phase, Tcb};

/// An SCTP association with one peer over one path (RFC 9260).
///
/// Call the verbs in any order and as often as you like: each of them leaves the machine
/// consistent. Time never runs backwards here; an older `now` counts as the latest one seen.
/// After any call that may have something to say, call [`poll_output`](Self::poll_output) until
/// it returns `None`.
#[derive(Debug)]
pub struct Association {
    config: Config,
    clock: Clock,
    random: ChaCha12Rng,
    /// Seals the state cookies.
    secret: [u8; 32],
    inbox: Inbox,
    /// Packets of their own, outside of any association.
    replies: VecDeque<Reply>,
    /// What [`snap_init`](Association::snap_init) has promised the peer.
    promised: Option<Identity>,
    state: State,
}

/// The states of RFC 9260 section 4; those with an association are a [`Phase`] of its [`Tcb`].
///
/// ```text
///            connect()                INIT ACK                    COOKIE ACK
///   CLOSED ------------> COOKIE-WAIT ---------> COOKIE-ECHOED ---------------> ESTABLISHED, ..
///      |                      |                        |                           |
///      +----------------------+------ COOKIE ECHO -----+-------------------------->|
///                                                                                  v
///                                    ABORT, time-out, the end of a shutdown --> (ended)
/// ```
#[derive(Debug)]
enum State {
    /// Nothing is kept: an INIT is answered from the cookie alone.
    Closed,
    CookieWait(Opening),
    CookieEchoed(Box<Echoed>),
    Open(Box<Tcb>),
    Ended(Option<Tags>),
}

/// What remains of an association, to tell the peer that it is gone.
#[derive(Clone, Copy, Debug)]
struct Tags {
    local: u32,
    peer: u32,
}

impl Association {
    /// A fresh association. It answers an INIT; [`connect`](Self::connect) sends one.
    ///
    /// `seed` decides tags, initial TSN and the cookies' secret, so draw it from the operating
    /// system. Tests pass a constant and get the same run every time.
    #[must_use]
    pub fn new(config: Config, seed: [u8; 32], now: Instant) -> Self {
        let mut random = ChaCha12Rng::from_seed(seed);
        let mut secret = [0; 32];
        random.fill_bytes(&mut secret);
        Self {
            config: config.sane(),
            clock: Clock::starting(now),
            random,
            secret,
            inbox: Inbox::default(),
            replies: VecDeque::new(),
            promised: None,
            state: State::Closed,
        }
    }

    /// Sends an INIT. Both sides may do so at the same time, as data channels do. Does nothing
    /// on an association that is no longer fresh.
    pub fn connect(&mut self, now: Instant) {
        self.handle_timeout(now);
        if matches!(self.state, State::Closed) {
            let drawn = Identity::draw(&self.config, &mut self.random);
            let local = self.promised.unwrap_or(drawn);
            self.state = State::CookieWait(Opening::new(local));
        }
    }

    /// Takes one SCTP packet that arrived at `now`.
    ///
    /// # Errors
    ///
    /// Says why the packet was dropped. Nothing has changed then.
    pub fn handle_input(&mut self, now: Instant, packet: &[u8]) -> Result<(), InputError> {
        self.handle_timeout(now);
        let view = PacketView::parse_with(packet, self.config.zero_checksum)?;
        let Header { source_port, destination_port, .. } = view.header;
        if source_port != self.config.remote_port || destination_port != self.config.local_port {
            return Err(InputError::Ports { source_port, destination_port });
        }
        self.dispatch(&view)
    }

    /// Writes the next packet to send into `buf`, or returns `None` when there is none.
    ///
    /// # Errors
    ///
    /// [`BufferTooSmall`] when `buf` is shorter than [`Config::max_packet`], or than
    /// [`Config::packet_ceiling`] where that is set. Nothing is lost.
    pub fn poll_output(
        &mut self,
        now: Instant,
        buf: &mut [u8],
    ) -> Result<Option<Transmit>, BufferTooSmall> {
        self.handle_timeout(now);
        let need = self.config.packet_ceiling;
        let Some(buf) = buf.get_mut(..need) else { return Err(BufferTooSmall { need }) };
        if let Some(reply) = self.replies.pop_front() {
            if self.replies.is_empty() {
                // Replies are rare, and large.
                self.replies = VecDeque::new();
            }
            return Ok(Some(Transmit { len: reply.write(buf, &self.config, &self.secret) }));
        }
        let (state, mut context) = self.split();
        let len = match state {
            State::Closed | State::Ended(_) => None,
            State::CookieWait(opening) if opening.due => {
                opening.was_sent(context.now, context.config);
                Some(write_init(opening, buf, context.config))
            }
            State::CookieEchoed(echoed) if echoed.opening.due => {
                echoed.opening.was_sent(context.now, context.config);
                let mut packet = PacketWriter::new(buf, echoed.tcb.header(context.config));
                packet.set_limit(context.config.max_packet);
                write_cookie_echo(&mut packet, &echoed.cookie);
                Some(packet.finish())
            }
            State::CookieWait(_) | State::CookieEchoed(_) => None,
            State::Open(tcb) => tcb.write_packet(buf, &mut context),
        };
        Ok(len.map(|len| Transmit { len }))
    }

    /// Returns the next event.
    pub fn poll_event(&mut self) -> Option<Event> {
        if let State::Open(tcb) = &mut self.state
            && !self.inbox.is_news()
        {
            if let Some(stream) = tcb.queue.poll_low() {
                return Some(Event::BufferedLow(stream));
            }
            if tcb.transmission.refused && tcb.queue.buffered() <= self.config.send_buffer / 2 {
                tcb.transmission.refused = false;
                return Some(Event::Writable);
            }
        }
        self.inbox.poll_event()
    }

    /// Lets time pass until `now`.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.clock.advance(now);
        let (state, mut context) = self.split();
        let end = match state {
            State::Closed | State::Ended(_) => return,
            State::CookieWait(opening) => {
                if opening.run_timer(context.now, context.config) {
                    return;
                }
                End::silent(CloseReason::ConnectTimeout)
            }
            State::CookieEchoed(echoed) => {
                if echoed.opening.run_timer(context.now, context.config) {
                    return;
                }
                End::silent(CloseReason::ConnectTimeout)
            }
            State::Open(tcb) => match tcb.run_timers(&mut context) {
                Ok(()) => return,
                Err(end) => end,
            },
        };
        self.end(end);
    }

    /// When to call [`handle_timeout`](Self::handle_timeout) and
    /// [`poll_output`](Self::poll_output) next.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let at = match &self.state {
            State::Closed | State::Ended(_) => None,
            State::CookieWait(opening) => opening.timeout(),
            State::CookieEchoed(echoed) => echoed.opening.timeout(),
            State::Open(tcb) => tcb.timers.next(),
        };
        self.clock.instant(at?)
    }

    /// Queues a message. Its payload is referred to, not copied, until it is acknowledged.
    ///
    /// # Errors
    ///
    /// Says why the message was not taken.
    pub fn send(&mut self, now: Instant, message: Outgoing) -> Result<(), SendError> {
        self.handle_timeout(now);
        let now = self.clock.now();
        let State::Open(tcb) = &mut self.state else {
            return Err(match self.state {
                State::Ended(_) => SendError::Closing,
                State::Closed | State::CookieWait(_) | State::CookieEchoed(_) | State::Open(_) => {
                    SendError::NotConnected
                }
            });
        };
        if tcb.phase != Phase::Established {
            return Err(SendError::Closing);
        }
        let (stream, len) = (message.stream, message.payload.len());
        if stream >= tcb.outgoing_streams {
            return Err(SendError::NoSuchStream { stream, limit: tcb.outgoing_streams });
        }
        if len == 0 {
            return Err(SendError::Empty);
        }
        let limit = self.config.max_send_message_size;
        if len > limit {
            return Err(SendError::MessageTooLarge { len, limit });
        }
        if tcb.queue.is_resetting(stream) {
            return Err(SendError::Resetting { stream });
        }
        let (buffered, limit) = (tcb.queue.buffered(), self.config.send_buffer);
        if buffered > 0 && buffered.saturating_add(len) > limit {
            tcb.transmission.refused = true;
            return Err(SendError::BufferFull { buffered, limit });
        }
        let partial = tcb.peer_can.forward_tsn;
        tcb.queue.push(message, partial, now);
        let (state, context) = self.split();
        if let State::Open(tcb) = state {
            tcb.arm_probes(&context);
        }
        Ok(())
    }

    /// Takes the next message received, in the order in which they became deliverable.
    ///
    /// This frees receive window, which may be worth a packet: poll for output afterwards.
    pub fn recv(&mut self) -> Option<Message> {
        let message = self.inbox.take()?;
        let (state, context) = self.split();
        if let State::Open(tcb) = state {
            tcb.window_opened(&context);
        }
        Some(message)
    }

    /// Payload bytes handed to [`send`](Self::send) on this stream and not yet put on the wire.
    #[must_use]
    pub fn buffered(&self, stream: u16) -> usize {
        self.tcb().map_or(0, |tcb| tcb.queue.buffered_on(stream))
    }

    /// Payload bytes handed to [`send`](Self::send) and not yet put on the wire.
    #[must_use]
    pub fn buffered_total(&self) -> usize {
        self.tcb().map_or(0, |tcb| tcb.queue.buffered())
    }

    /// Sets the threshold of [`Event::BufferedLow`] for a stream. Default 0. Has no effect
    /// before [`Event::Connected`].
    pub fn set_buffered_low(&mut self, stream: u16, bytes: usize) {
        if let State::Open(tcb) = &mut self.state
            && stream < tcb.outgoing_streams
        {
            tcb.queue.set_low(stream, bytes);
        }
    }

    /// Changes [`Config::max_send_message_size`], when the peer's limit is learned late.
    pub fn set_max_send_message_size(&mut self, bytes: usize) {
        self.config.max_send_message_size = bytes;
    }

    /// Ends gracefully: what is queued is still delivered. [`Event::Closed`] follows.
    ///
    /// Before [`Event::Connected`] this is the same as [`abort`](Self::abort).
    pub fn shutdown(&mut self, now: Instant) {
        self.handle_timeout(now);
        let (state, context) = self.split();
        match state {
            State::Open(tcb) => tcb.shut_down(&context),
            State::Closed | State::CookieWait(_) | State::CookieEchoed(_) => self.abort(now),
            State::Ended(_) => {}
        }
    }

    /// Ends at once: what is queued is lost. One more packet tells the peer.
    pub fn abort(&mut self, now: Instant) {
        self.handle_timeout(now);
        if !self.is_closed() {
            let farewell = Farewell::Abort(Cause::UserInitiated);
            self.end(End { reason: CloseReason::LocalAbort, farewell });
        }
    }

    /// Whether messages can be sent.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.tcb().is_some_and(|tcb| tcb.phase == Phase::Established)
    }

    /// Whether the association has ended.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        matches!(self.state, State::Ended(_))
    }

    /// Streams we may send on, once connected.
    #[must_use]
    pub fn outgoing_streams(&self) -> Option<u16> {
        self.tcb().map(|tcb| tcb.outgoing_streams)
    }

    /// Streams the peer may send on, once connected.
    #[must_use]
    pub fn incoming_streams(&self) -> Option<u16> {
        self.tcb().map(|tcb| tcb.incoming_streams)
    }

    /// The smoothed round-trip time, once measured.
    #[must_use]
    pub fn round_trip(&self) -> Option<Duration> {
        self.tcb().and_then(|tcb| tcb.rtt.smoothed())
    }

    /// Counters and present values; zeros before the association is established.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.tcb().map(Tcb::snapshot).unwrap_or_default()
    }

    fn tcb(&self) -> Option<&Tcb> {
        match &self.state {
            State::Open(tcb) => Some(tcb),
            State::Closed | State::CookieWait(_) | State::CookieEchoed(_) | State::Ended(_) => None,
        }
    }

    /// The state, and beside it what its procedures may use.
    fn split(&mut self) -> (&mut State, Context<'_>) {
        let context = Context {
            now: self.clock.now(),
            config: &self.config,
            random: &mut self.random,
            inbox: &mut self.inbox,
        };
        (&mut self.state, context)
    }

    /// Everything ends but the inbox.
    fn end(&mut self, end: End) {
        let tags = match &self.state {
            State::Open(tcb) => Some(Tags { local: tcb.local.tag, peer: tcb.peer_tag }),
            State::CookieEchoed(echoed) => {
                Some(Tags { local: echoed.opening.local.tag, peer: echoed.tcb.peer_tag })
            }
            State::Closed | State::CookieWait(_) | State::Ended(_) => None,
        };
        self.replies.clear();
        if let Some(Tags { peer, .. }) = tags {
            match end.farewell {
                Farewell::None => {}
                Farewell::Abort(cause) => self.reply(peer, Body::Abort(cause)),
                Farewell::ShutdownComplete => {
                    self.reply(peer, Body::ShutdownComplete { reflected: false });
                }
            }
        }
        self.state = State::Ended(tags);
        self.inbox.event(Event::Closed(end.reason));
    }

    fn reply(&mut self, tag: u32, body: Body) {
        if self.replies.len() < MAX_REPLIES {
            self.replies.push_back(Reply { tag, body });
        }
    }
}

/// Packets outside of an association that wait to be sent; floods get no more answers.
const MAX_REPLIES: usize = 4;

fn write_init(opening: &Opening, buf: &mut [u8], config: &Config) -> usize {
    //= rfc9260#8.5.1
    // A: the tag of a packet with INIT is 0.
    let header =
        Header { source_port: config.local_port, destination_port: config.remote_port, tag: 0 };
    let mut packet = PacketWriter::new(buf, header);
    packet.set_limit(config.max_packet);
    opening.local.init(config).write(&mut packet, config.capabilities());
    packet.finish()
}

const _: fn() = || {
    fn is_send<T: Send + 'static>() {}
    is_send::<Association>();
};
