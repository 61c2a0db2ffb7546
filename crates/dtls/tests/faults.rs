//! Every datagram of a handshake lost, doubled, late or after the next one, one by one, in both
//! versions and directions, whole and in small pieces.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "a failed expectation is a failed test"
)]

mod common;

use std::time::{Duration, Instant};

use antiphon_crypto::NamedGroup;
use antiphon_dtls::{Connection, Event, Version};
use antiphon_testkit::start;
use common::{config_both, connection};

const ONE_WAY: Duration = Duration::from_millis(20);

/// What happens to one datagram.
#[derive(Clone, Copy, Debug)]
enum Fault {
    Lost,
    Doubled,
    /// By three quarters of a round trip.
    Late,
    /// Behind what follows it at once.
    Overtaken,
    /// Again, long after.
    Echoed,
}

const FAULTS: [Fault; 5] =
    [Fault::Lost, Fault::Doubled, Fault::Late, Fault::Overtaken, Fault::Echoed];

type Flying = (Instant, usize, Vec<u8>);

fn fly(flying: &mut Vec<Flying>, now: Instant, to: usize, datagram: Vec<u8>, fault: Option<Fault>) {
    let mut after = |delay, datagram| flying.push((now + ONE_WAY + delay, to, datagram));
    match fault {
        None => after(Duration::ZERO, datagram),
        Some(Fault::Lost) => {}
        Some(Fault::Doubled) => {
            after(Duration::ZERO, datagram.clone());
            after(Duration::ZERO, datagram);
        }
        Some(Fault::Late) => after(Duration::from_millis(30), datagram),
        Some(Fault::Overtaken) => after(Duration::from_millis(1), datagram),
        Some(Fault::Echoed) => {
            after(Duration::ZERO, datagram.clone());
            after(Duration::from_millis(700), datagram);
        }
    }
}

/// Shakes hands while `fault` befalls datagram `number` of `side`. Returns both ends after another
/// few seconds, and how many datagrams each sent until both were connected.
fn run(version: Version, mtu: usize, side: usize, number: usize, fault: Fault) -> [usize; 2] {
    let mut ends = [0, 1].map(|side| {
        let mut config = config_both(side);
        config.versions = vec![version];
        config.groups = vec![NamedGroup::X25519];
        config.mtu = mtu;
        connection(side, config)
    });
    let (mut now, mut flying, mut buf) = (start(), Vec::<Flying>::new(), vec![0; 1500]);
    let (mut sent, mut until_connected) = ([0; 2], None);
    let what = format!("{version:?}, mtu {mtu}: {fault:?} {number} of {side}");
    while now < start() + Duration::from_secs(5) {
        for (from, end) in ends.iter_mut().enumerate() {
            while let Some(transmit) = end.poll_output(now, &mut buf).unwrap() {
                let hit = from == side && sent[from] == number;
                sent[from] += 1;
                let datagram = buf[..transmit.len].to_vec();
                fly(&mut flying, now, 1 - from, datagram, hit.then_some(fault));
            }
        }
        if until_connected.is_none() && ends.iter().all(Connection::is_connected) {
            assert!(now < start() + Duration::from_secs(2), "{what}: {:?}", now - start());
            until_connected = Some(sent);
        }
        let timers = ends.iter().filter_map(Connection::poll_timeout);
        let Some(next) = flying.iter().map(|(at, ..)| *at).chain(timers).min() else { break };
        assert!(next > now || !flying.is_empty(), "{what}: a busy loop");
        now = next;
        let (due, rest): (Vec<_>, Vec<_>) = flying.into_iter().partition(|(at, ..)| *at <= now);
        flying = rest;
        for (_, to, mut datagram) in due {
            let _ = ends[to].handle_input(now, &mut datagram);
        }
        ends.iter_mut().for_each(|end| end.handle_timeout(now));
    }
    for end in &mut ends {
        assert!(matches!(end.poll_event(), Some(Event::Connected(_))), "{what}");
        assert_eq!(end.poll_event(), None, "{what}: it stays connected");
        assert_eq!(end.retransmission_timeout(), None, "{what}: nothing is sent for ever");
    }
    let keys = ends.each_ref().map(|end| end.srtp_keys().unwrap());
    assert_eq!(keys[0].client_key.expose(), keys[1].client_key.expose(), "{what}");
    until_connected.expect("both are connected")
}

//= rfc9147#5.8.1
//= type=test
// attack: partial retransmissions, reordered and doubled flights
#[test]
fn whatever_befalls_one_datagram_both_connect_and_fall_silent() {
    for version in [Version::Dtls12, Version::Dtls13] {
        for mtu in [300, 1200] {
            let [client, server] = run(version, mtu, 0, usize::MAX, Fault::Lost);
            for (side, count) in [(0, client), (1, server)] {
                for number in 0..count {
                    for fault in FAULTS {
                        run(version, mtu, side, number, fault);
                    }
                }
            }
        }
    }
}
