//! A peer whose DTLS has no SRTP profile in common with ours.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::cast_possible_truncation,
    clippy::wildcard_enum_match_arm,
    reason = "a failed expectation is a failed test"
)]

mod common;

use std::time::{Duration, Instant};

use antiphon_dtls as dtls;
use antiphon_ice as ice;
use antiphon_peerconnection::{
    ConnectionState, DataChannelInit, Event, Kind, PeerConnection, SdpType, SessionDescription,
    TransceiverInit,
};
use antiphon_testkit::{Machine, Pair, Path, Sent, start};
use common::{Peer, SECOND, address, certificate, connection, fingerprint, provider};

/// ICE and DTLS without anything above them.
#[derive(Debug)]
struct Bare {
    ice: ice::Agent,
    dtls: dtls::Connection,
    closed: Option<dtls::CloseReason>,
}

impl Machine for Bare {
    type Event = dtls::Event;
    type Error = String;

    fn handle_input(&mut self, now: Instant, path: Path, bytes: &mut [u8]) -> Result<(), String> {
        let path = ice::Path::new(path.local, path.remote);
        let result = match bytes[0] {
            0..=3 => self.ice.handle_input(now, path, bytes).map_err(|error| error.to_string()),
            _ => self.dtls.handle_input(now, bytes).map_err(|error| error.to_string()),
        };
        while let Some(event) = self.ice.poll_event() {
            if matches!(event, ice::Event::SelectedPath(_)) && self.dtls.role().is_none() {
                self.dtls.start(now, dtls::Role::Client).unwrap();
            }
        }
        result
    }

    fn poll_output(&mut self, now: Instant, buf: &mut [u8]) -> Option<Sent> {
        if let Some(sent) = self.ice.poll_output(now, buf).unwrap() {
            return Some(Sent::to(Path::new(sent.path.local, sent.path.remote), sent.len));
        }
        let path = self.ice.selected_path()?;
        let sent = self.dtls.poll_output(now, buf).unwrap()?;
        Some(Sent::to(Path::new(path.local, path.remote), sent.len))
    }

    fn poll_event(&mut self) -> Option<dtls::Event> {
        let event = self.dtls.poll_event()?;
        if let dtls::Event::Closed(reason) = event {
            self.closed = Some(reason);
        }
        Some(event)
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.ice.handle_timeout(now);
        self.dtls.handle_timeout(now);
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.ice.poll_timeout().into_iter().chain(self.dtls.poll_timeout()).min()
    }
}

fn attribute<'a>(sdp: &'a str, name: &str) -> &'a str {
    sdp.lines().find_map(|line| line.strip_prefix(&format!("a={name}:"))).unwrap()
}

/// A connection and a bare peer that both know each other.
fn pair(media: bool, profiles: Vec<dtls::SrtpProfile>) -> Pair<Peer, Bare> {
    let now = start();
    let mut a = Peer::new(connection(0, 40), address(0));
    a.pc.create_data_channel("chat", DataChannelInit::default()).unwrap();
    if media {
        a.pc.add_transceiver(Kind::Audio, TransceiverInit::default()).unwrap();
    }
    a.pc.set_local_description(now, None).unwrap();
    while a.poll_event().is_some() {}
    let offer = a.pc.local_description().unwrap();

    let mut ice_config = ice::Config::new(provider(41), ice::Role::Controlled);
    ice_config.include_loopback = true;
    let mut agent = ice::Agent::new(ice_config, [4; 32], now).unwrap();
    agent.add_local_address(now, address(1)).unwrap();
    let (ufrag, pwd) = (attribute(&offer.sdp, "ice-ufrag"), attribute(&offer.sdp, "ice-pwd"));
    agent.set_remote_credentials(now, ice::Credentials::new(ufrag, pwd).unwrap()).unwrap();
    let candidate = attribute(&offer.sdp, "candidate").parse().unwrap();
    agent.add_remote_candidate(now, candidate).unwrap();
    let mut dtls_config = dtls::Config::new(provider(42), certificate(1));
    dtls_config.srtp_profiles = profiles;
    let mut dtls = dtls::Connection::new(dtls_config, [5; 32], now);
    dtls.set_remote_fingerprints(now, &[fingerprint(0).parse().unwrap()]);

    // The answer of a whole peer, with the credentials of the bare one.
    let mut template: PeerConnection = connection(1, 40);
    template.set_remote_description(now, offer).unwrap();
    let answer = template.create_answer(now).unwrap().sdp;
    let (ufrag, pwd) = (attribute(&answer, "ice-ufrag"), attribute(&answer, "ice-pwd"));
    let own = agent.local_credentials();
    let answer = answer.replace(ufrag, own.ufrag()).replace(pwd, own.pwd());
    let answer = SessionDescription { kind: SdpType::Answer, sdp: answer };
    a.pc.set_remote_description(now, answer).unwrap();
    Pair::new(now, a, Bare { ice: agent, dtls, closed: None })
}

fn states(events: &[(Duration, Event)]) -> Vec<ConnectionState> {
    let state = |event: &Event| match event {
        Event::ConnectionStateChange(state) => Some(*state),
        _ => None,
    };
    events.iter().filter_map(|(_, event)| state(event)).collect()
}

#[test]
fn media_without_a_common_profile_fails() {
    let mut pair = pair(true, Vec::new());
    pair.run_until(20 * SECOND);
    let expected = [ConnectionState::Connecting, ConnectionState::Failed];
    assert_eq!(states(&pair.a.events), expected);
    assert_eq!(pair.b.machine.closed, Some(dtls::CloseReason::PeerClosed), "the peer is told");
}

#[test]
fn data_alone_needs_no_profile() {
    let mut pair = pair(false, Vec::new());
    pair.run_until(2 * SECOND);
    let expected = [ConnectionState::Connecting, ConnectionState::Connected];
    assert_eq!(states(&pair.a.events), expected);
}

#[test]
fn a_common_profile_connects() {
    let mut pair = pair(true, vec![dtls::SrtpProfile::Aes128CmSha1_80]);
    pair.run_until(2 * SECOND);
    let expected = [ConnectionState::Connecting, ConnectionState::Connected];
    assert_eq!(states(&pair.a.events), expected);
}

#[test]
fn a_handshake_that_breaks_off_ends_in_failed() {
    let mut pair = pair(true, vec![dtls::SrtpProfile::Aes128CmSha1_80]);
    // Nothing after the first flight of the peer arrives.
    let mut flights = 0;
    pair.drop_when(move |datagram| {
        let is_dtls = (20..64).contains(&datagram.bytes[0]);
        flights += u64::from(is_dtls && datagram.from == 1);
        is_dtls && flights > 1
    });
    pair.run_until(90 * SECOND);
    assert_eq!(states(&pair.a.events).last(), Some(&ConnectionState::Failed));
}
