//! Session descriptions: parse and write what browsers send.

use std::hint::black_box;
use std::process::ExitCode;

#[cfg(feature = "peers")]
use antiphon_benches::Peer;
use antiphon_benches::{Row, Table, Unit, consume, interleaved};
use antiphon_sdp::SessionDescription;
use antiphon_testkit::fixtures;

/// What parsing the long offer of a browser may take.
const PARSE_NANOSECONDS: f64 = 25_000.0;

fn main() -> ExitCode {
    let mut table = Table::new("sdp");
    for (name, text) in fixtures::sdp() {
        if ["chromium-offer-av-data.sdp", "firefox-offer-av-data.sdp", "chromium-data-only.sdp"]
            .contains(&name.as_str())
        {
            if name == "chromium-offer-av-data.sdp" {
                let time = interleaved(&mut [&mut || parse(&text)]);
                for time in time {
                    let row = format!("parse {name}, {} bytes", text.len());
                    table.push(Row::within(&row, time, Unit::Nanoseconds, PARSE_NANOSECONDS));
                }
            }
            compare(&mut table, &name, &text);
        }
    }
    table.finish()
}

#[cfg(not(feature = "peers"))]
fn compare(table: &mut Table, name: &str, text: &str) {
    let times = interleaved(&mut [&mut || parse(text), &mut || parse_and_write(text)]);
    for (what, ours) in ["parse", "parse and write"].into_iter().zip(times) {
        table.compare(&format!("{what} {name}"), ours, Unit::Nanoseconds, Vec::new(), 1.0);
    }
}

#[cfg(feature = "peers")]
fn compare(table: &mut Table, name: &str, text: &str) {
    let rtc = |write: bool| {
        let mut reader = std::io::Cursor::new(black_box(text));
        let session = rtc_sdp::description::session::SessionDescription::unmarshal(&mut reader);
        assert!(session.is_ok(), "the peer reads it");
        if write {
            consume(session.map(|session| session.marshal()));
        }
    };
    let times = interleaved(&mut [
        &mut || parse(text),
        &mut || rtc(false),
        &mut || parse_and_write(text),
        &mut || rtc(true),
    ]);
    for (what, pair) in ["parse", "parse and write"].into_iter().zip(times.chunks(2)) {
        if let [ours, theirs] = pair {
            let peers = vec![Peer::new("rtc-sdp", "0.21", *theirs)];
            table.compare(&format!("{what} {name}"), *ours, Unit::Nanoseconds, peers, 1.0);
        }
    }
}

fn parse(text: &str) {
    let session = SessionDescription::parse(black_box(text));
    assert!(black_box(session).is_ok(), "a capture of a browser");
}

fn parse_and_write(text: &str) {
    let session = SessionDescription::parse(black_box(text));
    consume(session.map(|session| session.to_string()));
}
