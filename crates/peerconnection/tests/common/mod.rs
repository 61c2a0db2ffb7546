//! What the tests share: a peer on the simulated network, and two of them with their signalling.
#![allow(dead_code, reason = "each test file uses a part of this")]

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, LazyLock, Mutex};
use std::time::{Duration, Instant};

use antiphon_crypto::{Certificate, CertificateParams, CryptoProvider, HashAlgorithm};
use antiphon_crypto_rust::RustCrypto;
use antiphon_peerconnection::{
    Configuration, ConnectionState, DataChannelId, DataChannelInit, DataChannelMessage,
    DataChannelState, Event, IceCandidate, InputError, Kind, PeerConnection, Received, RtpOutgoing,
    RtpReceived, SdpType, SessionDescription, TransceiverId, TransceiverInit,
};
use antiphon_testkit::{Machine, Pair, Path, Random, Sent, start};

pub(crate) const MS: Duration = Duration::from_millis(1);
pub(crate) const SECOND: Duration = Duration::from_secs(1);

/// A provider whose entropy is a function of `seed`.
pub(crate) fn provider(seed: u64) -> Arc<dyn CryptoProvider> {
    let random = Mutex::new(Random::new(seed));
    Arc::new(RustCrypto::with_entropy(move |out| {
        random.lock().unwrap().fill(out);
        Ok(())
    }))
}

/// Certificates cost time; each side has one for all tests.
static CERTIFICATES: LazyLock<[Certificate; 3]> = LazyLock::new(|| {
    [1, 2, 3].map(|seed| {
        let params = CertificateParams::new(Duration::from_secs(1_790_000_000));
        provider(seed).generate_certificate(&params).unwrap()
    })
});

pub(crate) fn certificate(side: usize) -> Certificate {
    CERTIFICATES[side].clone()
}

pub(crate) fn fingerprint(side: usize) -> String {
    certificate(side).fingerprint(&*provider(0), HashAlgorithm::Sha256).unwrap().to_string()
}

pub(crate) fn address(side: usize) -> SocketAddr {
    SocketAddr::from(([203, 0, 113, side as u8 + 1], 5000))
}

pub(crate) fn config(side: usize, seed: u64) -> Configuration {
    let mut config = Configuration::new(provider(seed * 8 + side as u64), certificate(side));
    config.unix_time = Duration::from_secs(1_790_000_000);
    config
}

/// A connection that did nothing yet.
pub(crate) fn connection(side: usize, seed: u64) -> PeerConnection {
    let seed = Random::new(seed * 2 + side as u64).seed();
    PeerConnection::new(config(side, seed.len() as u64 + u64::from(seed[0])), seed, start())
        .unwrap()
}

/// An RTP packet that rose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Packet {
    pub(crate) header: RtpReceived,
    pub(crate) payload: Vec<u8>,
}

/// A connection with its socket, what it received, and what it wants signalled.
#[derive(Debug)]
pub(crate) struct Peer {
    pub(crate) pc: PeerConnection,
    pub(crate) address: SocketAddr,
    pub(crate) packets: Vec<Packet>,
    pub(crate) messages: Vec<(DataChannelId, DataChannelMessage)>,
    pub(crate) candidates: Vec<IceCandidate>,
    /// Messages that are read as they come.
    pub(crate) reads: bool,
    now: Instant,
}

impl Peer {
    pub(crate) fn new(pc: PeerConnection, address: SocketAddr) -> Self {
        Self {
            pc,
            address,
            packets: Vec::new(),
            messages: Vec::new(),
            candidates: Vec::new(),
            reads: true,
            now: start(),
        }
    }

    pub(crate) fn is_connected(&self) -> bool {
        self.pc.connection_state() == ConnectionState::Connected
    }

    /// Reads what waits in all of its channels.
    pub(crate) fn read(&mut self, id: DataChannelId) {
        while let Some(message) = self.pc.receive_message(id) {
            self.messages.push((id, message));
        }
    }

    /// The first payload type of that name.
    pub(crate) fn payload_type(&self, id: TransceiverId, name: &str) -> u8 {
        let codecs = self.pc.transceiver(id).unwrap().codecs;
        codecs.iter().find(|codec| codec.name == name).unwrap().payload_type
    }

    pub(crate) fn of_kind(&self, kind: Kind) -> TransceiverId {
        let has = |id: &TransceiverId| self.pc.transceiver(*id).unwrap().kind == kind;
        self.pc.transceivers().into_iter().find(has).unwrap()
    }
}

impl Machine for Peer {
    type Event = Event;
    type Error = InputError;

    fn handle_input(
        &mut self,
        now: Instant,
        path: Path,
        datagram: &mut [u8],
    ) -> Result<(), InputError> {
        self.now = now;
        let received = Received { local: path.local, remote: path.remote };
        if let Some(header) = self.pc.handle_input(now, received, datagram)? {
            let payload = datagram[header.payload.clone()].to_vec();
            self.packets.push(Packet { header, payload });
        }
        Ok(())
    }

    fn poll_output(&mut self, now: Instant, buf: &mut [u8]) -> Option<Sent> {
        self.now = now;
        let sent = self.pc.poll_output(now, buf)?;
        let path = Path::new(sent.local, sent.remote);
        Some(Sent { path, len: sent.len, segment_size: sent.segment_size })
    }

    fn poll_event(&mut self) -> Option<Event> {
        let event = self.pc.poll_event()?;
        match &event {
            Event::GatherAddresses => {
                self.pc.add_local_address(self.now, self.address);
                self.pc.end_of_local_addresses(self.now);
            }
            Event::IceCandidate(candidate) => self.candidates.push(candidate.clone()),
            Event::DataChannelReadable(id) if self.reads => self.read(*id),
            _ => {}
        }
        Some(event)
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.now = now;
        self.pc.handle_timeout(now);
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.pc.poll_timeout()
    }
}

/// What travels through signalling.
#[derive(Clone, Debug)]
pub(crate) enum Signal {
    Description(SessionDescription),
    Candidate(IceCandidate),
}

/// Two peers on the network, and the signalling between them.
pub(crate) struct Call {
    pub(crate) pair: Pair<Peer>,
    /// Who gets what when, since the start: in order for each side.
    pub(crate) signals: BTreeMap<(Duration, u64), (usize, Signal)>,
    /// How long signalling takes.
    pub(crate) signalling: Duration,
    /// Candidates of offers that were taken back may arrive.
    pub(crate) lenient: bool,
    count: u64,
}

impl Call {
    pub(crate) fn new(seed: u64) -> Self {
        Self::with(connection(0, seed), connection(1, seed))
    }

    pub(crate) fn with(a: PeerConnection, b: PeerConnection) -> Self {
        Self::of(Pair::new(start(), Peer::new(a, address(0)), Peer::new(b, address(1))))
    }

    pub(crate) fn of(pair: Pair<Peer>) -> Self {
        Self {
            pair,
            signals: BTreeMap::new(),
            signalling: Duration::ZERO,
            lenient: false,
            count: 0,
        }
    }

    pub(crate) fn with_delay(mut self, delay: Duration) -> Self {
        self.pair = self.pair.with_delay(delay);
        self
    }

    pub(crate) fn peer(&mut self, side: usize) -> &mut Peer {
        if side == 0 { &mut self.pair.a.machine } else { &mut self.pair.b.machine }
    }

    pub(crate) fn pc(&mut self, side: usize) -> &mut PeerConnection {
        &mut self.peer(side).pc
    }

    pub(crate) fn now(&self) -> Instant {
        self.pair.now()
    }

    pub(crate) fn events(&self, side: usize) -> Vec<Event> {
        let side = if side == 0 { &self.pair.a } else { &self.pair.b };
        side.events.iter().map(|(_, event)| event.clone()).collect()
    }

    /// Puts a signal on its way to `to`.
    pub(crate) fn signal(&mut self, to: usize, signal: Signal) {
        self.count += 1;
        let due = self.pair.elapsed() + self.signalling;
        // Signalling keeps the order.
        let last = self.signals.iter().filter(|(_, (side, _))| *side == to).map(|(k, _)| k.0).max();
        let due = last.unwrap_or_default().max(due);
        self.signals.insert((due, self.count), (to, signal));
    }

    fn carry_candidates(&mut self) {
        for side in 0..2 {
            for candidate in std::mem::take(&mut self.peer(side).candidates) {
                self.signal(1 - side, Signal::Candidate(candidate));
            }
        }
    }

    /// Runs until `end` (from the start); `deliver` handles what signalling brings.
    pub(crate) fn run_with(
        &mut self,
        end: Duration,
        mut deliver: impl FnMut(&mut Self, usize, Signal),
        mut done: impl FnMut(&mut Self) -> bool,
    ) -> bool {
        loop {
            self.pair.exchange();
            self.carry_candidates();
            while let Some(entry) = self.signals.first_entry() {
                if entry.key().0 > self.pair.elapsed() {
                    break;
                }
                let (to, signal) = entry.remove();
                deliver(self, to, signal);
                self.pair.exchange();
                self.carry_candidates();
            }
            if done(self) {
                return true;
            }
            if self.pair.elapsed() >= end {
                return false;
            }
            let next = self.signals.first_key_value().map_or(end, |(key, _)| key.0.min(end));
            // Stops at the first event, for it may have to be signalled or be what was waited for.
            let before = self.pair.a.events.len() + self.pair.b.events.len();
            let received = self.received();
            self.pair.run_while(next, |pair| {
                pair.a.events.len() + pair.b.events.len() == before
                    && received == pair.a.machine.packets.len() + pair.b.machine.packets.len()
            });
        }
    }

    fn received(&self) -> usize {
        self.pair.a.machine.packets.len() + self.pair.b.machine.packets.len()
    }

    /// Runs until `done`; descriptions are answered as they come. False: the time passed.
    pub(crate) fn run_until(&mut self, end: Duration, done: impl FnMut(&mut Self) -> bool) -> bool {
        self.run_with(end, Self::take, done)
    }

    pub(crate) fn run_for(&mut self, time: Duration) {
        let end = self.pair.elapsed() + time;
        self.run_until(end, |_| false);
    }

    /// Takes a signal as an application does that never offers at the same time.
    pub(crate) fn take(&mut self, side: usize, signal: Signal) {
        let now = self.now();
        match signal {
            Signal::Candidate(candidate) => {
                let taken = self.pc(side).add_ice_candidate(now, candidate);
                assert!(taken.is_ok() || self.lenient, "{taken:?}");
            }
            Signal::Description(description) => {
                let kind = description.kind;
                self.pc(side).set_remote_description(now, description).unwrap();
                if kind == SdpType::Offer {
                    self.pc(side).set_local_description(now, None).unwrap();
                    let answer = self.pc(side).local_description().unwrap();
                    self.signal(1 - side, Signal::Description(answer));
                }
            }
        }
    }

    /// `side` offers.
    pub(crate) fn offer(&mut self, side: usize) {
        let now = self.now();
        self.pc(side).set_local_description(now, None).unwrap();
        let offer = self.pc(side).local_description().unwrap();
        self.signal(1 - side, Signal::Description(offer));
    }

    pub(crate) fn connect(&mut self) {
        self.offer(0);
        let end = self.pair.elapsed() + 30 * SECOND;
        let connected = |call: &mut Self| (0..2).all(|side| call.peer(side).is_connected());
        assert!(self.run_until(end, connected), "not connected: {:?}", self.states());
    }

    pub(crate) fn states(&self) -> [ConnectionState; 2] {
        [&self.pair.a, &self.pair.b].map(|side| side.machine.pc.connection_state())
    }

    /// Makes a channel at side 0 and connects; returns it as both sides see it.
    pub(crate) fn connect_with_channel(&mut self, init: DataChannelInit) -> [DataChannelId; 2] {
        let id = self.pc(0).create_data_channel("chat", init).unwrap();
        self.connect();
        [id, self.await_channel(id)]
    }

    /// Runs until the channel is open at both sides.
    pub(crate) fn await_channel(&mut self, id: DataChannelId) -> DataChannelId {
        let end = self.pair.elapsed() + 30 * SECOND;
        let mut other = None;
        let open = self.run_until(end, |call| {
            other = call.events(1).into_iter().rev().find_map(|event| match event {
                Event::DataChannel(id) => Some(id),
                _ => None,
            });
            other.is_some() && call.pc(0).data_channel_state(id) == DataChannelState::Open
        });
        assert!(open, "the channel never opened");
        other.unwrap()
    }

    /// Audio and video, both ways.
    pub(crate) fn add_media(&mut self) {
        for kind in [Kind::Audio, Kind::Video] {
            let init =
                TransceiverInit { stream_ids: vec!["s".into()], ..TransceiverInit::default() };
            self.pc(0).add_transceiver(kind, init).unwrap();
            self.pc(1).add_track(kind, vec!["t".into()]).unwrap();
        }
    }

    pub(crate) fn send_rtp(&mut self, side: usize, kind: Kind, timestamp: u32, payload: &[u8]) {
        let id = self.peer(side).of_kind(kind);
        let name = if kind == Kind::Audio { "opus" } else { "VP8" };
        let payload_type = self.peer(side).payload_type(id, name);
        let now = self.now();
        let packet = RtpOutgoing { payload_type, marker: true, timestamp, payload };
        self.pc(side).send_rtp(now, id, packet).unwrap();
    }
}

/// Payload `number`, recognisable.
pub(crate) fn payload(number: u32, len: usize) -> Vec<u8> {
    let mut bytes = number.to_be_bytes().to_vec();
    bytes.resize(len.max(4), number as u8);
    bytes
}
