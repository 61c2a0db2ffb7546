//! The peer connection: its parts, its states, and the five verbs.

mod channels;
mod close;
mod data;
mod gather;
mod input;
mod media;
mod negotiate;
mod output;
mod relay;
mod states;
mod stats;
mod streams;
mod tracks;

use std::collections::{HashSet, VecDeque};
use std::time::Instant;

use antiphon_ice as ice;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rand_chacha::ChaCha12Rng;
use rand_core::{Rng as _, SeedableRng as _};

use crate::clock::Clock;
use crate::jsep::{Negotiation, Settings};
use crate::media::Media;
use crate::transport::{MAX_PACKET, Transport};

use crate::{
    Configuration, ConnectionState, DataChannelId, Error, Event, IceConnectionState,
    IceGatheringState, InvalidState, OperationError, Received, RtpReceived, Transmit,
};
use data::Data;
use relay::Ways;
pub use streams::StreamStep;

/// A WebRTC peer connection without sockets, clock or threads. `RTCPeerConnection`, webrtc-pc
/// section 4.4.
///
/// Hand it datagrams and the time; it hands you datagrams, events and the next time it wants to be
/// called. Verbs may be called in any order and as often as you like. Time never runs backwards
/// here; an older `now` counts as the latest one seen.
///
/// ```text
///   create_offer, set_*_description          create_data_channel, send_*           send_rtp
///                 |                                    |                              |
///            negotiation                       data channels, SCTP              media (RTP, RTCP)
///                 |                                    |  DTLS records                |  SRTP
///                 +-------------------------> transport (ICE) <-----------------------+
/// ```
#[derive(Debug)]
#[doc(alias = "RTCPeerConnection")]
pub struct PeerConnection {
    config: Configuration,
    clock: Clock,
    negotiation: Negotiation,
    transport: Transport,
    data: Data,
    media: Media,
    events: VecDeque<Event>,
    /// Channels that the peer announced and that are not open yet.
    announced: HashSet<DataChannelId>,
    /// ICE credentials of an offer that was made and not yet set.
    next_credentials: Option<ice::Credentials>,
    /// Addresses of sockets that came too late for this generation of ICE.
    late_addresses: Vec<ice::LocalAddress>,
    ways: Ways,
    /// ICE was restarted for an offer that waits for its answer.
    ice_restart_pending: bool,
    /// Whether the role in ICE was decided: it never changes with a later description.
    ice_role_decided: bool,
    gathering: IceGatheringState,
    ice_state: IceConnectionState,
    state: ConnectionState,
    /// DTLS ended in an error: nothing can come of this connection any more.
    dtls_failed: bool,
    /// [`Event::NegotiationNeeded`] was raised and nothing was negotiated since.
    negotiation_announced: bool,
    closing: Closing,
}

/// Room for a packet, and for what a relay puts around it.
const MIN_BUFFER: usize = MAX_PACKET + antiphon_turn::client::HEADROOM + 3;

/// How far the end has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Closing {
    /// Not begun.
    Open,
    /// Closed; the last datagrams wait to be sent.
    Draining,
    /// Nothing will ever happen again.
    Done,
}

impl PeerConnection {
    /// A connection that waits for its first description.
    ///
    /// `seed` decides every random number but the keys, which come from the provider: draw it from
    /// the operating system. Tests pass a constant and get the same run every time.
    ///
    /// # Errors
    ///
    /// [`Error::Operation`] when the crypto provider fails.
    pub fn new(config: Configuration, seed: [u8; 32], now: Instant) -> Result<Self, Error> {
        let mut random = ChaCha12Rng::from_seed(seed);
        let mut next_seed = || {
            let mut seed = [0; 32];
            random.fill_bytes(&mut seed);
            seed
        };
        let crypto = Error::Operation(OperationError::Crypto);
        let fingerprint = config
            .certificate
            .fingerprint(&*config.provider, antiphon_crypto::HashAlgorithm::Sha256)
            .map_err(|_| crypto)?
            .to_string();
        let seeds = [next_seed(), next_seed(), next_seed()];
        let [settings_seed, media_seed, data_seed] = [next_seed(), next_seed(), next_seed()];
        let cname = negotiate::cname(&mut random);
        // 63 bits: the number must stay below 2^63 (RFC 9429 section 5.2.1).
        let session_id = random.next_u64() >> 1;
        let mut settings =
            Settings::new(session_id, settings_seed, cname.clone(), vec![fingerprint]);
        settings.bundle_policy = config.bundle_policy;
        settings.ice_lite = config.ice_lite;
        settings.max_message_size = u64::try_from(config.max_message_bytes).unwrap_or(u64::MAX);
        let data = Data::new(&config, data_seed, now);
        settings.sctp_init = data.init().map(|init| STANDARD.encode(init));
        Ok(Self {
            transport: Transport::new(&config, seeds, now)?,
            negotiation: Negotiation::new(settings),
            data,
            media: Media::new(media::config(&config, cname), media_seed, now),
            clock: Clock::starting(now),
            config,
            events: VecDeque::new(),
            announced: HashSet::new(),
            next_credentials: None,
            late_addresses: Vec::new(),
            ways: Ways::default(),
            ice_restart_pending: false,
            ice_role_decided: false,
            gathering: IceGatheringState::New,
            ice_state: IceConnectionState::New,
            state: ConnectionState::New,
            dtls_failed: false,
            negotiation_announced: false,
            closing: Closing::Open,
        })
    }

    /// Takes one datagram that arrived at `now`, and decrypts it where it lies.
    ///
    /// An RTP packet of a track rises as a range of `datagram`; everything else shows in events.
    ///
    /// # Errors
    ///
    /// Says why the datagram was dropped: information for a counter. A stranger can cause it at
    /// will, and it never ends the connection.
    pub fn handle_input(
        &mut self,
        now: Instant,
        received: Received,
        datagram: &mut [u8],
    ) -> Result<Option<RtpReceived>, crate::InputError> {
        let now = self.clock.advance(now);
        if self.closing != Closing::Open {
            return Err(crate::InputError::Closed);
        }
        self.pass_time(now);
        let result = self.take_in(now, received, datagram);
        self.settle(now);
        result
    }

    /// Writes the next datagrams to send into `buf`, or returns `None` when there are none.
    ///
    /// Offer 64 KiB, so that bulk goes to the kernel in batches ([`Transmit::segment_size`]); at
    /// least 2 KiB are needed, and with less nothing is written.
    pub fn poll_output(&mut self, now: Instant, buf: &mut [u8]) -> Option<Transmit> {
        let now = self.clock.advance(now);
        if buf.len() < MIN_BUFFER || self.closing == Closing::Done {
            return None;
        }
        let mut transmit = self.put_out(now, buf);
        // A check that was to be sent may need a connection first.
        if transmit.is_none() && self.closing == Closing::Open && self.settle_ice(now) {
            self.settle(now);
            transmit = self.put_out(now, buf);
        }
        if transmit.is_some() || self.closing != Closing::Draining {
            return transmit;
        }
        // The farewell went through the relays; now they may go, too.
        if !self.transport.relays.release(now) {
            self.done(now);
            return None;
        }
        self.put_out(now, buf)
    }

    /// The next event, oldest first.
    pub fn poll_event(&mut self) -> Option<Event> {
        let full = self.is_event_queue_full();
        let event = self.events.pop_front();
        if full {
            // What the queue had no room for waits in the parts.
            let now = self.clock.now();
            self.settle(now);
        }
        event
    }

    /// Lets time pass until `now`.
    pub fn handle_timeout(&mut self, now: Instant) {
        let now = self.clock.advance(now);
        if self.closing != Closing::Open {
            return;
        }
        self.pass_time(now);
        self.settle(now);
    }

    /// Where nothing is due this looks at a few numbers.
    fn pass_time(&mut self, now: Instant) {
        self.transport.handle_timeout(now);
        self.data.handle_timeout(now);
        self.media.handle_timeout(now);
    }

    /// When to call [`handle_timeout`](Self::handle_timeout) and
    /// [`poll_output`](Self::poll_output) next; `None` while nothing is pending.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        if self.closing != Closing::Open {
            return None;
        }
        // Without a path and keys media has to wait, even for what is due.
        let media = if self.transport.is_open() { self.media.poll_timeout() } else { None };
        [self.transport.poll_timeout(), self.data.poll_timeout(), media].into_iter().flatten().min()
    }

    /// Whether the connection is closed and all that was to be said has been polled.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.closing == Closing::Done
    }

    /// Carries what the parts have to say to each other and to the owner.
    fn settle(&mut self, now: Instant) {
        if self.closing != Closing::Open {
            return;
        }
        self.settle_gathering(now);
        while self.settle_relays(now) | self.settle_ice(now) {
            self.settle_gathering(now);
        }
        self.settle_dtls(now);
        self.settle_data(now);
        self.settle_media();
        self.settle_states();
    }

    fn raise(&mut self, event: Event) {
        self.events.push_back(event);
    }

    /// Whether what the peer can cause at will has to wait until the owner has polled.
    fn is_event_queue_full(&self) -> bool {
        self.events.len() >= self.config.max_events
    }

    fn open(&self) -> Result<(), Error> {
        match self.closing {
            Closing::Open => Ok(()),
            Closing::Draining | Closing::Done => Err(Error::InvalidState(InvalidState::Closed)),
        }
    }
}

const _: fn() = || {
    fn machine<T: Send + 'static>() {}
    machine::<PeerConnection>();
};
