//! Two peer connections, and a third party that knows everything they signal: any calls, any
//! descriptions, any datagrams, any time.

use std::net::SocketAddr;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use antiphon_crypto::{Certificate, CertificateParams, CryptoProvider};
use antiphon_crypto_rust::RustCrypto;
use antiphon_peerconnection::{
    Configuration, DataChannelId, DataChannelInit, Direction, Event, IceCandidate, Kind,
    OfferOptions, PeerConnection, Received, RtpOutgoing, SdpType, SessionDescription,
    TransceiverInit,
};
use antiphon_testkit::fixtures;
use bytes::Bytes;

/// Datagrams under way at most; the oldest are lost.
const MAX_FLYING: usize = 64;

static CERTIFICATE: LazyLock<Certificate> = LazyLock::new(|| {
    let params = CertificateParams::new(Duration::from_secs(1_790_000_000));
    provider().generate_certificate(&params).unwrap()
});
static DESCRIPTIONS: LazyLock<Vec<String>> =
    LazyLock::new(|| fixtures::sdp().map(|(_, text)| text).collect());

fn provider() -> Arc<dyn CryptoProvider> {
    let number = std::sync::atomic::AtomicU8::new(0);
    Arc::new(RustCrypto::with_entropy(move |out| {
        out.fill(number.fetch_add(1, std::sync::atomic::Ordering::Relaxed));
        Ok(())
    }))
}

/// Runs the target over `data`.
///
/// Each step is a byte that names a side and a call, and the bytes it takes; see `World::step`.
pub fn run(data: &[u8]) {
    let mut input = Input(data);
    let mut world = World::new();
    while !input.0.is_empty() {
        world.step(&mut input);
    }
    world.drain();
}

struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    fn bytes(&mut self) -> &'a [u8] {
        let len = usize::from(self.byte()).min(self.0.len());
        let (bytes, rest) = self.0.split_at(len);
        self.0 = rest;
        bytes
    }

    /// Overwrites, cuts out and repeats as the input says.
    fn mutate(&mut self, bytes: &mut Vec<u8>) {
        for _ in 0..self.byte() % 4 {
            let place = usize::from(self.byte()) * 256 + usize::from(self.byte());
            let place = place % bytes.len().max(1);
            match self.byte() % 4 {
                0 => bytes.truncate(place),
                1 => {
                    let part = self.bytes();
                    let end = (place + part.len()).min(bytes.len());
                    bytes.splice(place.min(end)..end, part.iter().copied());
                }
                2 => {
                    let part = self.bytes();
                    bytes.splice(place..place, part.iter().copied());
                }
                _ => {
                    let end = (place + usize::from(self.byte())).min(bytes.len());
                    bytes.drain(place.min(end)..end);
                }
            }
        }
    }
}

struct Side {
    pc: PeerConnection,
    address: SocketAddr,
    channels: Vec<DataChannelId>,
    /// What the other side should get to know.
    candidates: Vec<IceCandidate>,
}

struct World {
    sides: [Side; 2],
    now: Instant,
    /// To which side.
    flying: Vec<(usize, Vec<u8>)>,
    buf: Vec<u8>,
}

impl World {
    fn new() -> Self {
        let now = antiphon_testkit::start();
        let sides = [0, 1].map(|side: u8| Side {
            pc: PeerConnection::new(
                Configuration::new(provider(), CERTIFICATE.clone()),
                [side; 32],
                now,
            )
            .unwrap(),
            address: SocketAddr::from(([203, 0, 113, side + 1], 5000)),
            channels: Vec::new(),
            candidates: Vec::new(),
        });
        Self { sides, now, flying: Vec::new(), buf: vec![0; 65_536] }
    }

    fn step(&mut self, input: &mut Input<'_>) {
        let call = input.byte();
        let side = usize::from(call >> 7);
        match call % 32 {
            0..=2 => self.carry(),
            3 => self.signal(side),
            4 => self.exchange_candidates(),
            5 => self.now += Duration::from_millis(u64::from(input.byte())),
            6 => self.now += Duration::from_millis(u64::from(input.byte()) * 100),
            7 => {
                let captured = DESCRIPTIONS.get(usize::from(input.byte()) % DESCRIPTIONS.len());
                let mut text = captured.unwrap().clone().into_bytes();
                input.mutate(&mut text);
                self.take(side, input.byte(), &String::from_utf8_lossy(&text));
            }
            8 => {
                let other = self.sides[1 - side].pc.local_description();
                let mut text = other.map(|one| one.sdp.into_bytes()).unwrap_or_default();
                input.mutate(&mut text);
                self.take(side, input.byte(), &String::from_utf8_lossy(&text));
            }
            9 => self.receive(side, input.byte(), input.bytes().to_vec()),
            10 => self.damage(input),
            11 => self.candidate(side, input),
            _ => self.command(side, call, input),
        }
    }

    /// Delivers what both want to send.
    fn carry(&mut self) {
        for side in 0..2 {
            self.sides[side].pc.handle_timeout(self.now);
            self.poll(side);
        }
        for (to, bytes) in std::mem::take(&mut self.flying) {
            self.receive(to, 0, bytes);
        }
    }

    /// Polls until there is nothing more: taking events can lead to output.
    fn poll(&mut self, side: usize) {
        for _ in 0..1000 {
            if !self.poll_once(side) {
                return;
            }
        }
        panic!("no end of output");
    }

    fn poll_once(&mut self, side: usize) -> bool {
        let mut any = false;
        let Side { pc, address, channels, candidates } = &mut self.sides[side];
        while let Some(sent) = pc.poll_output(self.now, &mut self.buf) {
            any = true;
            assert!(sent.len <= self.buf.len() && sent.len > 0);
            let segment = sent.segment_size.unwrap_or(sent.len);
            for datagram in self.buf[..sent.len].chunks(segment) {
                self.flying.push((1 - side, datagram.to_vec()));
            }
        }
        let excess = self.flying.len().saturating_sub(MAX_FLYING);
        self.flying.drain(..excess);
        while let Some(event) = pc.poll_event() {
            any = true;
            match event {
                Event::GatherAddresses => {
                    pc.add_local_address(self.now, *address);
                    pc.end_of_local_addresses(self.now);
                }
                Event::IceCandidate(candidate) => candidates.push(candidate),
                Event::DataChannel(id) => channels.push(id),
                Event::DataChannelReadable(id) => while pc.receive_message(id).is_some() {},
                _ => {}
            }
        }
        channels.truncate(16);
        candidates.truncate(64);
        any
    }

    fn receive(&mut self, to: usize, from: u8, mut bytes: Vec<u8>) {
        let remote = match from % 4 {
            3 => SocketAddr::from(([198, 51, 100, 9], 1000 + u16::from(from))),
            _ => self.sides[1 - to].address,
        };
        let received = Received { local: self.sides[to].address, remote };
        let pc = &mut self.sides[to].pc;
        if let Ok(Some(rtp)) = pc.handle_input(self.now, received, &mut bytes) {
            assert!(bytes.get(rtp.payload).is_some_and(|payload| !payload.is_empty()));
        }
    }

    fn damage(&mut self, input: &mut Input<'_>) {
        for side in 0..2 {
            self.poll(side);
        }
        let count = self.flying.len();
        if let Some((_, bytes)) = self.flying.get_mut(usize::from(input.byte()) % count.max(1)) {
            input.mutate(bytes);
        }
    }

    /// The description that `side` has waiting goes to the other one.
    fn signal(&mut self, side: usize) {
        let _ = self.sides[side].pc.set_local_description(self.now, None);
        if let Some(description) = self.sides[side].pc.local_description() {
            let _ = self.sides[1 - side].pc.set_remote_description(self.now, description);
        }
    }

    fn exchange_candidates(&mut self) {
        for side in 0..2 {
            self.poll(side);
            for candidate in std::mem::take(&mut self.sides[side].candidates) {
                let _ = self.sides[1 - side].pc.add_ice_candidate(self.now, candidate);
            }
        }
    }

    fn take(&mut self, side: usize, kind: u8, text: &str) {
        let kind = match kind % 4 {
            0 | 1 => SdpType::Offer,
            2 => SdpType::Answer,
            _ => SdpType::Pranswer,
        };
        let pc = &mut self.sides[side].pc;
        let before = (pc.signaling_state(), pc.remote_description());
        let description = SessionDescription { kind, sdp: text.to_owned() };
        if pc.set_remote_description(self.now, description).is_err() {
            assert_eq!((pc.signaling_state(), pc.remote_description()), before);
        }
    }

    fn candidate(&mut self, side: usize, input: &mut Input<'_>) {
        let mut text = b"candidate:1 1 udp 2130706431 203.0.113.9 5000 typ host".to_vec();
        input.mutate(&mut text);
        let place = input.byte();
        let candidate = IceCandidate {
            candidate: String::from_utf8_lossy(&text).into_owned(),
            sdp_mid: (place & 1 == 0).then(|| (place >> 4).to_string()),
            sdp_m_line_index: (place & 2 == 0).then(|| u16::from(place >> 4)),
            username_fragment: None,
        };
        let _ = self.sides[side].pc.add_ice_candidate(self.now, candidate);
    }

    fn command(&mut self, side: usize, call: u8, input: &mut Input<'_>) {
        let now = self.now;
        let Side { pc, address, channels, .. } = &mut self.sides[side];
        let transceiver = pc.transceivers().first().copied();
        let kind = if call & 64 == 0 { Kind::Audio } else { Kind::Video };
        match call % 32 {
            12 | 13 => {
                let init = DataChannelInit {
                    ordered: call & 64 == 0,
                    negotiated: (input.byte() & 1 == 0).then(|| u16::from(call)),
                    ..DataChannelInit::default()
                };
                channels.extend(pc.create_data_channel("x", init));
            }
            14 | 15 => drop(pc.add_transceiver(kind, TransceiverInit::default())),
            16 => drop(pc.add_track(kind, vec!["s".to_owned()])),
            17 => pc.restart_ice(),
            18 => drop(pc.set_local_description(now, Some(SessionDescription::rollback()))),
            19 => drop(pc.set_remote_description(now, SessionDescription::rollback())),
            20 => drop(pc.create_offer(now, OfferOptions { ice_restart: call & 64 != 0 })),
            21 => drop(pc.create_answer(now)),
            22..=24 => {
                if let Some(id) = channels.get(usize::from(input.byte()) % channels.len().max(1)) {
                    let _ = pc.send_binary(now, *id, Bytes::copy_from_slice(input.bytes()));
                }
            }
            25 => {
                if let Some(id) = channels.pop() {
                    pc.close_data_channel(now, id);
                }
            }
            26 => {
                let packet = RtpOutgoing {
                    payload_type: input.byte(),
                    marker: call & 64 != 0,
                    timestamp: u32::from(call),
                    payload: input.bytes(),
                };
                let _ = transceiver.map(|id| pc.send_rtp(now, id, packet));
            }
            27 => drop(transceiver.map(|id| pc.request_key_frame(now, id))),
            28 => drop(transceiver.map(|id| pc.set_direction(id, Direction::SendOnly))),
            29 => drop(transceiver.map(|id| pc.stop_transceiver(now, id))),
            30 => match input.byte() {
                0 => pc.close(now),
                1 => pc.remove_local_address(now, *address),
                port => pc.add_local_address(now, SocketAddr::new(address.ip(), port.into())),
            },
            _ => drop(pc.stats()),
        }
    }

    /// Nothing spins, whatever has happened.
    fn drain(&mut self) {
        for side in 0..2 {
            self.sides[side].pc.handle_timeout(self.now);
            self.poll(side);
            let next = self.sides[side].pc.poll_timeout();
            assert!(next.is_none_or(|next| next > self.now), "a busy loop");
        }
    }
}
