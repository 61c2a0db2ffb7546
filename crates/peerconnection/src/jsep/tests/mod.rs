//! Two engines talk to each other, and to the recorded descriptions of browsers.

mod browsers;
mod candidates;
mod exchange;
mod hostile;
mod renegotiation;
mod rollback;

use super::{Change, Init, LocalTransport, Negotiation, RtpSection, Settings};
use crate::{Direction, Kind, SdpType, TransceiverId};

const FINGERPRINT: &str = "sha-256 4A:AD:B9:B1:3F:82:18:3B:54:02:12:DF:3E:5D:49:6B:\
                           19:E5:7C:AB:3E:4B:65:2E:7D:46:3F:54:42:CD:54:F1";

/// One side: an engine and the transport that it describes.
#[derive(Debug)]
struct Side {
    engine: Negotiation,
    transport: LocalTransport,
}

fn settings(seed: u8) -> Settings {
    let fingerprint = FINGERPRINT.replace("4A", &format!("{seed:02X}"));
    let session_id = 1000 + u64::from(seed);
    Settings::new(session_id, [seed; 32], format!("cname{seed}"), vec![fingerprint])
}

fn transport(name: &str) -> LocalTransport {
    let pwd = format!("{name}{}", "0".repeat(24));
    LocalTransport { ufrag: name.to_owned(), pwd, ..LocalTransport::default() }
}

fn side(seed: u8) -> Side {
    side_with(settings(seed))
}

fn side_with(settings: Settings) -> Side {
    let name = format!("side{}", settings.session_id);
    Side { engine: Negotiation::new(settings), transport: transport(&name) }
}

impl Side {
    fn add(&mut self, kind: Kind, direction: Direction) -> TransceiverId {
        let init = Init { direction, streams: vec!["stream".to_owned()] };
        self.engine.add_transceiver(kind, init).unwrap()
    }

    fn track(&mut self, kind: Kind) -> TransceiverId {
        self.engine.add_track(kind, vec!["stream".to_owned()]).unwrap()
    }

    fn offer(&mut self) -> String {
        let offer = self.engine.create_offer(&self.transport).unwrap();
        self.engine.set_local_description(SdpType::Offer, &offer).unwrap();
        offer
    }

    fn answer(&mut self) -> (String, Change) {
        let answer = self.engine.create_answer(&self.transport).unwrap();
        let change = self.engine.set_local_description(SdpType::Answer, &answer).unwrap();
        (answer, change)
    }

    fn take_offer(&mut self, offer: &str) -> Change {
        self.engine.set_remote_description(SdpType::Offer, offer).unwrap()
    }

    fn take_answer(&mut self, answer: &str) -> Change {
        self.engine.set_remote_description(SdpType::Answer, answer).unwrap()
    }

    fn sections(&self) -> Vec<RtpSection> {
        self.engine.rtp_sections()
    }

    fn local(&self) -> String {
        self.engine.local_description().unwrap().1.to_owned()
    }
}

/// What both sides saw of one exchange.
#[derive(Debug)]
struct Seen {
    offer: String,
    answer: String,
    /// By the answerer: of the offer, then of its own answer.
    offered: Change,
    answering: Change,
    /// By the offerer.
    answered: Change,
}

fn exchange(offerer: &mut Side, answerer: &mut Side) -> Seen {
    let offer = offerer.offer();
    let offered = answerer.take_offer(&offer);
    let (answer, answering) = answerer.answer();
    let answered = offerer.take_answer(&answer);
    Seen { offer, answer, offered, answering, answered }
}

/// The lines of section `index` of a description.
fn section(text: &str, index: usize) -> Vec<&str> {
    let mut sections = text.split("\r\nm=").skip(1);
    sections.nth(index).unwrap().trim_end().split("\r\n").collect()
}

fn count(text: &str, line: &str) -> usize {
    text.split("\r\n").filter(|other| other.starts_with(line)).count()
}
