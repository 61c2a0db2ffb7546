//! Descriptions of browsers and stacks, as they were sent.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "a failed expectation is a failed test"
)]

use std::path::Path;

use antiphon_sdp::{Attribute, Direction, SessionDescription, Setup};

fn read(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../testkit/fixtures/sdp");
    std::fs::read_to_string(folder.join(name)).unwrap()
}

fn all() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../testkit/fixtures/sdp");
    let names = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
    let names = names.map(|name| name.into_string().unwrap());
    names.filter(|name| name.ends_with(".sdp")).map(|name| (name.clone(), read(&name))).collect()
}

#[test]
fn every_capture_is_written_back_byte_for_byte() {
    let captures = all();
    assert!(captures.len() >= 35, "{}", captures.len());
    for (name, text) in captures {
        let description =
            SessionDescription::parse(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(description.to_string(), text, "{name}");
    }
}

#[test]
fn bare_line_feeds_are_understood() {
    for (name, text) in all() {
        let bare = text.replace("\r\n", "\n");
        let description = SessionDescription::parse(&bare).unwrap();
        assert_eq!(description.to_string(), text, "{name}");
        let open = bare.trim_end();
        assert_eq!(SessionDescription::parse(open).unwrap().to_string(), text, "{name}");
    }
}

#[test]
fn little_of_a_capture_stays_untyped() {
    for (name, text) in all() {
        let description = SessionDescription::parse(&text).unwrap();
        let sections = description.media.iter().flat_map(|media| &media.attributes);
        for attribute in description.attributes.iter().chain(sections) {
            if let Attribute::Other { name: other, .. } = attribute {
                assert!(["rtcp-xr", "sctp-init"].contains(&&**other), "{name}: {other}");
            }
        }
    }
}

#[test]
fn a_chromium_offer_is_typed() {
    let text = read("chromium-offer-av-data.sdp");
    let offer = SessionDescription::parse(&text).unwrap();
    assert_eq!(offer.origin.version(), Some(2));
    let group = offer.groups().next().unwrap();
    assert_eq!((&*group.semantics, group.mids.as_str()), ("BUNDLE", "0 1 2"));
    let [audio, video, data] = &offer.media[..] else { panic!("three sections") };
    assert_eq!(audio.setup(), Some(Setup::ActPass));
    assert_eq!(audio.direction(), Some(Direction::SendRecv));
    assert_eq!(audio.rtp_maps().count(), 8);
    assert_eq!(video.ext_maps().count(), 11);
    assert_eq!(video.fmtps().filter(|fmtp| fmtp.parameters.starts_with("apt=")).count(), 11);
    assert_eq!(video.msids().count(), 1);
    assert_eq!(video.candidates().count(), 1);
    assert!(data.has(&Attribute::SctpPort(5000)));
    assert!(data.has(&Attribute::MaxMessageSize(262_144)));
}
