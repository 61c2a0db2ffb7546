//! Any order of calls, any bytes, and the rules every machine keeps.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "a failed expectation is a failed test"
)]

mod common;

use antiphon_sctp::{Association, Config, Outgoing, Reliability};
use antiphon_testkit::{conformance::Suite, start};
use common::{MS, Manual, Peer, chunk, message};
use proptest::prelude::*;

fn peer(side: usize, now: std::time::Instant) -> Peer {
    let config = common::config(|c| c.initial_tsn = Some(u32::MAX - 3));
    Peer::new(Association::new(config, [side as u8 + 1; 32], now))
}

#[test]
fn the_rules_of_every_machine_hold() {
    Suite::new(peer)
        .command(|peer, now, _| peer.sctp.connect(now))
        .command(|peer, now, chance| {
            let reliability = match chance % 3 {
                0 => Reliability::Reliable,
                1 => Reliability::Retransmits((chance >> 8) as u16 % 3),
                _ => Reliability::Lifetime(MS * ((chance >> 8) as u32 % 100)),
            };
            let payload = vec![7; (chance >> 32) as usize % 5000 + 1];
            let stream = (chance >> 16) as u16 % 4;
            let ordered = chance & 0x80 == 0;
            let _ =
                peer.sctp.send(now, Outgoing { reliability, ordered, ..message(stream, payload) });
        })
        .command(|peer, now, chance| {
            let _ = peer.sctp.reset_streams(now, &[chance as u16 % 4]);
        })
        .command(|peer, _, _| {
            peer.sctp.recv();
        })
        .command(|peer, now, chance| {
            if chance % 50 == 0 {
                peer.sctp.shutdown(now);
            }
        })
        .command(|peer, now, chance| {
            if chance % 100 == 0 {
                peer.sctp.abort(now);
            }
        })
        .run();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Chunks of any type with any content, under the right tag, in any order with anything else.
    #[test]
    fn any_chunks_in_any_order_are_survived(
        steps in prop::collection::vec((0u8..10, any::<u8>(), prop::collection::vec(any::<u8>(), 0..40), 0u64..3000), 0..60)
    ) {
        let mut manual = Manual::open(Config::default());
        for (verb, kind, bytes, millis) in steps {
            match verb {
                0..=5 => {
                    // Mostly the types that exist.
                    let kind = match kind % 20 { 18 => 130, 19 => 192, other => other };
                    let mut bytes = bytes;
                    // Numbers near those in use reach deeper.
                    if let Some(first) = bytes.first_chunk_mut::<4>() {
                        let near = if verb % 2 == 0 { manual.tsn } else { common::PEER_TSN };
                        *first = near.wrapping_add(u32::from(first[3] % 16)).to_be_bytes();
                    }
                    let _ = manual.chunks(&[chunk(kind, verb, &bytes)]);
                }
                6 => manual.wait(MS * millis as u32),
                7 => drop(manual.sctp.send(manual.now, message(u16::from(kind), vec![1; millis as usize + 1]))),
                8 => drop(manual.sctp.recv()),
                _ => drop(manual.drain()),
            }
        }
        manual.drain();
        manual.wait(MS * 100_000);
        manual.drain();
    }

    #[test]
    fn any_bytes_are_survived(packets in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..100), 0..20)) {
        let mut association = Association::new(Config::default(), [1; 32], start());
        association.connect(start());
        for mut packet in packets {
            let _ = association.handle_input(start(), &packet);
            if packet.len() >= 12 {
                packet[..4].copy_from_slice(&[0x13, 0x88, 0x13, 0x88]);
                common::seal(&mut packet);
                let _ = association.handle_input(start(), &packet);
            }
        }
    }
}
