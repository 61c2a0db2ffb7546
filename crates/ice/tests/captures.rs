//! Checks that browsers sent, with the credentials of their session descriptions.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "a failed expectation is a failed test"
)]

mod common;

use antiphon_ice::{Agent, Candidate, ConnectionState, Credentials, Path, Role};
use antiphon_stun::{Class, MessageView};
use antiphon_testkit::{fixtures, start};

use common::{addr, config, tag};

struct Capture {
    request: &'static [u8],
    /// What the other browser said to it.
    response: &'static [u8],
    from: (&'static str, &'static str),
    to: (&'static str, &'static str),
    source: &'static str,
    destination: &'static str,
    /// The role of the browser that checks.
    role: Role,
    nominates: bool,
}

const CHROMIUM: [(&str, &str); 2] =
    [("BjwY", "ZhTb6+eKMbGeHb8BKroLxauz"), ("n8uA", "93PpbMFpxQst/WdT4nuoEUIP")];
const FIREFOX: [(&str, &str); 2] = [
    ("bb9a33d0", "bb9db40b71c97c6e1631f6e011646b42"),
    ("14473149", "ba1966fb23647b7441a196b2b296b917"),
];

fn captures() -> [Capture; 4] {
    [
        Capture {
            request: include_bytes!("fixtures/chromium-1-request.bin"),
            response: include_bytes!("fixtures/chromium-2-response.bin"),
            from: CHROMIUM[1],
            to: CHROMIUM[0],
            source: "127.0.0.1:40107",
            destination: "127.0.0.1:41958",
            role: Role::Controlled,
            nominates: false,
        },
        Capture {
            request: include_bytes!("fixtures/chromium-3-request-controlling.bin"),
            response: include_bytes!("fixtures/chromium-4-response.bin"),
            from: CHROMIUM[0],
            to: CHROMIUM[1],
            source: "127.0.0.1:41958",
            destination: "127.0.0.1:40107",
            role: Role::Controlling,
            nominates: true,
        },
        Capture {
            request: include_bytes!("fixtures/firefox-1-request.bin"),
            response: include_bytes!("fixtures/firefox-2-response.bin"),
            from: FIREFOX[1],
            to: FIREFOX[0],
            source: "10.77.0.1:41723",
            destination: "10.77.0.1:39297",
            role: Role::Controlled,
            nominates: false,
        },
        Capture {
            request: include_bytes!("fixtures/firefox-3-request-nominating.bin"),
            response: include_bytes!("fixtures/firefox-4-response.bin"),
            from: FIREFOX[0],
            to: FIREFOX[1],
            source: "10.77.0.1:45164",
            destination: "10.77.0.1:41723",
            role: Role::Controlling,
            nominates: true,
        },
    ]
}

fn credentials((ufrag, pwd): (&str, &str)) -> Credentials {
    Credentials::new(ufrag, pwd).unwrap()
}

#[test]
fn checks_of_browsers_are_answered_as_browsers_answer_them() {
    for capture in captures() {
        let now = start();
        let mut config = config(capture.role.opposite(), 1);
        config.include_loopback = true;
        let mut agent =
            Agent::with_credentials(config, credentials(capture.to), [1; 32], now).unwrap();
        agent.add_local_address(now, addr(capture.destination)).unwrap();
        agent.set_remote_credentials(now, credentials(capture.from)).unwrap();
        let path = Path::new(addr(capture.destination), addr(capture.source));
        agent.handle_input(now, path, capture.request).unwrap();

        let mut buf = [0; 500];
        let sent = agent.poll_output(now, &mut buf).unwrap().unwrap();
        assert_eq!(sent.path, path);
        let (ours, theirs) = (&buf[..sent.len], capture.response);
        assert_eq!(ours, theirs, "the same to the byte");

        // Our own check follows, and with its answer the connection.
        let sent = agent.poll_output(now, &mut buf).unwrap().unwrap();
        let check = buf[..sent.len].to_vec();
        let view = MessageView::parse(&check).unwrap();
        assert_eq!(view.class(), Class::Request);
        assert!(view.verify_message_integrity(|parts| tag(capture.from.1, parts)).is_ok());
        let answer = common::success(&check, addr(capture.destination), capture.from.1);
        agent.handle_input(now, path, &answer).unwrap();
        assert_eq!(agent.state(), ConnectionState::Connected);
        assert_eq!(agent.stats().selected.unwrap().nominated, capture.nominates);
    }
}

#[test]
fn responses_of_browsers_are_authentic() {
    for capture in captures() {
        let response = MessageView::parse(capture.response).unwrap();
        let request = MessageView::parse(capture.request).unwrap();
        assert_eq!(response.transaction_id(), request.transaction_id());
        assert_eq!(response.xor_mapped_address(), Some(addr(capture.source)));
        assert!(response.verify_fingerprint());
        assert!(response.verify_message_integrity(|parts| tag(capture.to.1, parts)).is_ok());
    }
}

#[test]
fn every_candidate_in_every_captured_description_is_understood() {
    let mut seen = 0;
    for (name, text) in fixtures::sdp() {
        for line in text.lines().filter(|line| line.starts_with("a=candidate:")) {
            let candidate: Candidate = line.parse().unwrap_or_else(|error| {
                panic!("{name}: {line}: {error}");
            });
            let again: Candidate = candidate.to_string().parse().unwrap();
            assert_eq!(candidate, again, "{name}: {line}");
            seen += 1;
        }
    }
    assert!(seen > 20, "{seen}");
}
