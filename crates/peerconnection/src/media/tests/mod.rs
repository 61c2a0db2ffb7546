//! Two machines back to back on a small wire, and hostile peers.

mod loss;
mod parts;
mod reports;
mod routing;
mod steady;
mod storms;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use antiphon_rtp::{ExtensionKind, ExtensionMap, Header, PacketView, PacketWriter, Ssrc};
use antiphon_testkit::start;

use super::event::Output;
use super::output::MAX_OUTPUT;
use super::{
    Announced, Config, Event, Feedback, Format, Media, Outgoing, OutputKind, Packet, ReceiveSide,
    Section, SendSide,
};
use crate::{Kind, TransceiverId};

antiphon_testkit::install_counting_allocator!();

const AUDIO: TransceiverId = TransceiverId::new(0);
const VIDEO: TransceiverId = TransceiverId::new(1);
const OPUS: u8 = 111;
const VP8: u8 = 96;
const RTX: u8 = 97;

fn extensions() -> ExtensionMap {
    let mut map = ExtensionMap::new();
    map.insert(1, ExtensionKind::AudioLevel).unwrap();
    map.insert(4, ExtensionKind::Mid).unwrap();
    map.insert(13, ExtensionKind::VideoOrientation).unwrap();
    map
}

fn opus() -> Format {
    let feedback = Feedback::default();
    Format { payload_type: OPUS, clock_rate: 48_000, rtx: None, feedback }
}

fn vp8() -> Format {
    let feedback = Feedback { nack: true, pli: true, fir: true };
    Format { payload_type: VP8, clock_rate: 90_000, rtx: Some(RTX), feedback }
}

/// Sections that send with SSRCs of this hundred, and announce nothing.
fn sections(hundred: u32) -> Vec<Section> {
    let section = |transceiver, mid: &str, kind, format, ssrc, rtx: Option<u32>| Section {
        transceiver,
        mid: mid.to_owned(),
        kind,
        send: Some(SendSide {
            ssrc: Ssrc(hundred + ssrc),
            rtx_ssrc: rtx.map(|rtx| Ssrc(hundred + rtx)),
            formats: vec![format],
        }),
        receive: Some(ReceiveSide { formats: vec![format], sources: vec![] }),
        extensions: extensions(),
        reduced_size: true,
    };
    vec![
        section(AUDIO, "0", Kind::Audio, opus(), 1, None),
        section(VIDEO, "1", Kind::Video, vp8(), 2, Some(3)),
    ]
}

fn media(hundred: u32) -> Media {
    let unix_time = Duration::from_secs(1_700_000_000);
    let config = Config::new(format!("cname{hundred}"), unix_time);
    let seed = [u8::try_from(hundred / 100).unwrap(); 32];
    let mut media = Media::new(config, seed, start());
    media.configure(start(), sections(hundred));
    media
}

fn announce(section: &mut Section, ssrc: u32, rtx: Option<u32>) {
    let side = section.receive.as_mut().unwrap();
    side.sources.push(Announced { ssrc: Ssrc(ssrc), rtx: rtx.map(Ssrc) });
}

fn outgoing(payload_type: u8, timestamp: u32, payload: &[u8]) -> Outgoing<'_> {
    Outgoing {
        payload_type,
        marker: false,
        timestamp,
        payload,
        audio_level: None,
        orientation: None,
    }
}

/// A packet as a peer could send it.
fn rtp(ssrc: u32, payload_type: u8, number: u16, mid: Option<&str>) -> Vec<u8> {
    let header = Header {
        payload_type,
        marker: false,
        sequence_number: number,
        timestamp: u32::from(number) * 3000,
        ssrc: Ssrc(ssrc),
    };
    let mut buf = [0; 200];
    let mut writer = PacketWriter::new(&mut buf, &header).unwrap();
    if let Some(mid) = mid {
        let element = antiphon_rtp::Element { id: 4, value: mid.as_bytes() };
        writer.extensions(antiphon_rtp::Form::OneByte, &[element]).unwrap();
    }
    writer.payload(&number.to_be_bytes()).unwrap();
    writer.payload(b"media").unwrap();
    let len = writer.finish();
    buf[..len].to_vec()
}

fn events(media: &mut Media) -> Vec<Event> {
    std::iter::from_fn(|| media.poll_event()).collect()
}

fn outputs(media: &mut Media, now: Instant) -> Vec<(OutputKind, Vec<u8>)> {
    let mut buf = [0; MAX_OUTPUT];
    let poll = || {
        let Output { len, kind } = media.poll_output(now, &mut buf).unwrap()?;
        Some((kind, buf[..len].to_vec()))
    };
    std::iter::from_fn(poll).collect()
}

/// One side of the wire.
struct Side {
    media: Media,
    /// What was received: source, sequence number, whether it was recovered.
    received: Vec<Packet>,
    payloads: Vec<Vec<u8>>,
    events: Vec<Event>,
    /// What was sent by itself.
    rtcp: Vec<Vec<u8>>,
    resent: usize,
    inbox: VecDeque<(Instant, OutputKind, Vec<u8>)>,
    sent: usize,
}

impl Side {
    fn new(media: Media) -> Self {
        Self {
            media,
            received: vec![],
            payloads: vec![],
            events: vec![],
            rtcp: vec![],
            resent: 0,
            inbox: VecDeque::new(),
            sent: 0,
        }
    }

    fn take(&mut self, now: Instant) {
        while self.inbox.front().is_some_and(|(at, ..)| *at <= now) {
            let (_, kind, mut bytes) = self.inbox.pop_front().unwrap();
            match kind {
                OutputKind::Rtp => {
                    if let Ok(packet) = self.media.handle_rtp(now, &mut bytes) {
                        self.payloads.push(bytes[packet.payload.clone()].to_vec());
                        self.received.push(packet);
                    }
                }
                OutputKind::Rtcp => self.media.handle_rtcp(now, &bytes).unwrap(),
            }
        }
        self.events.extend(events(&mut self.media));
    }
}

/// Two sides, a delay, and a rule for what is lost.
struct Wire {
    now: Instant,
    delay: Duration,
    side: [Side; 2],
    /// By side, count of its datagrams, kind and bytes.
    lose: fn(usize, usize, OutputKind, &[u8]) -> bool,
}

impl Wire {
    fn new() -> Self {
        Self {
            now: start(),
            delay: Duration::from_millis(20),
            side: [Side::new(media(100)), Side::new(media(200))],
            lose: |_, _, _, _| false,
        }
    }

    fn send(&mut self, from: usize, transceiver: TransceiverId, packet: &Outgoing<'_>) {
        let mut buf = [0; MAX_OUTPUT];
        let len = self.side[from].media.send(self.now, transceiver, packet, &mut buf).unwrap();
        self.put(from, OutputKind::Rtp, buf[..len].to_vec());
    }

    fn put(&mut self, from: usize, kind: OutputKind, bytes: Vec<u8>) {
        self.side[from].sent += 1;
        if !(self.lose)(from, self.side[from].sent, kind, &bytes) {
            self.side[1 - from].inbox.push_back((self.now + self.delay, kind, bytes));
        }
    }

    fn exchange(&mut self) {
        for i in 0..2 {
            self.side[i].take(self.now);
            for (kind, bytes) in outputs(&mut self.side[i].media, self.now) {
                match kind {
                    OutputKind::Rtp => self.side[i].resent += 1,
                    OutputKind::Rtcp => self.side[i].rtcp.push(bytes.clone()),
                }
                self.put(i, kind, bytes);
            }
            let next = self.side[i].media.poll_timeout();
            assert!(next.is_none_or(|next| next > self.now), "a drained machine waits");
        }
    }

    /// Lets time pass, event by event.
    fn run(&mut self, duration: Duration) {
        let end = self.now + duration;
        loop {
            self.exchange();
            let arrivals = self.side.iter().filter_map(|s| s.inbox.front().map(|(at, ..)| *at));
            let timeouts = self.side.iter().filter_map(|s| s.media.poll_timeout());
            match arrivals.chain(timeouts).min() {
                Some(next) if next <= end => self.now = self.now.max(next),
                _ => break,
            }
        }
        self.now = end;
    }

    /// Video and audio from side 0 for so long: a frame of three packets each 20 ms.
    fn stream(&mut self, duration: Duration) {
        let frames = u32::try_from(duration.as_millis() / 20).unwrap();
        for frame in 0..frames {
            self.send(0, AUDIO, &outgoing(OPUS, frame * 960, b"sound"));
            for part in 0..3_u8 {
                let payload = [frame.to_be_bytes().as_slice(), &[part; 900]].concat();
                self.send(0, VIDEO, &outgoing(VP8, frame * 1800, &payload));
            }
            self.run(Duration::from_millis(20));
        }
    }
}

fn view(bytes: &[u8]) -> PacketView<'_> {
    PacketView::parse(bytes).unwrap()
}
