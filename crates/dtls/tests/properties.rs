//! Any order of calls, and the contract that all machines share.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "a failed expectation is a failed test"
)]

mod common;

use std::time::Instant;

use antiphon_crypto::NamedGroup;
use antiphon_dtls::{Connection, InputError, Role};
use antiphon_testkit::conformance::Suite;
use antiphon_testkit::{Machine, start};
use common::{Peer, config, config_13, connection, fingerprint};
use proptest::prelude::*;

#[test]
fn the_contract_of_all_machines_holds() {
    for make in [config, config_13] {
        Suite::new(|side, _| {
            let mut config = make(side);
            config.groups = vec![NamedGroup::Secp256r1];
            Peer::new(connection(side, config))
        })
        .command(|peer: &mut Peer, now: Instant, chance: u64| match chance % 40 {
            0 => peer.dtls.close(now),
            1..=30 if peer.dtls.is_connected() => peer.send(&chance.to_be_bytes()),
            31..=33 => drop(peer.dtls.update_keys(now, chance.is_multiple_of(2))),
            _ => peer.dtls.set_round_trip(std::time::Duration::from_millis(chance % 1000)),
        })
        .run();
    }
}

#[test]
fn the_contract_holds_while_the_peer_is_not_verified() {
    Suite::new(|side, now| Peer::new(Connection::new(config(side), [side as u8 + 1; 32], now)))
        .command(|peer: &mut Peer, now: Instant, chance: u64| {
            let side = (chance / 8 % 2) as usize;
            match chance % 8 {
                0 => {
                    let role = if side == 0 { Role::Client } else { Role::Server };
                    let _ = peer.dtls.start(now, role);
                }
                1 => peer.dtls.set_remote_fingerprints(now, &[fingerprint(side)]),
                _ => {}
            }
        })
        .run();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Whatever comes in, whenever: no panic, and an idle machine has nothing to say.
    #[test]
    fn any_bytes_in_any_order_are_survived(
        calls in prop::collection::vec((0u8..7, 0u64..2_000, prop::collection::vec(any::<u8>(), 0..60)), 0..80),
        server in any::<bool>(),
    ) {
        let mut dtls = Connection::new(config(0), [3; 32], start());
        let mut buf = [0; 1500];
        for (verb, millis, mut bytes) in calls {
            let now = start() + std::time::Duration::from_millis(millis);
            // Half of the datagrams look like records of ours.
            if let [kind, a, b, c, d, rest @ ..] = &mut bytes[..]
                && *kind % 2 == 0
            {
                (*kind, *a, *b, *c, *d) = (20 + *kind % 4, 254, 253, 0, *d % 2);
                if let Some(len) = rest.len().checked_sub(8) {
                    rest[6] = 0;
                    rest[7] = len as u8;
                }
            }
            match verb {
                0 | 1 => drop(dtls.handle_input(now, &mut bytes)),
                2 => drop(dtls.poll_output(now, &mut buf)),
                3 => drop(dtls.poll_event()),
                4 => dtls.handle_timeout(now),
                5 => drop(dtls.start(now, if server { Role::Server } else { Role::Client })),
                _ => drop(dtls.poll_timeout()),
            }
        }
        let late = start() + std::time::Duration::from_secs(3600);
        dtls.handle_timeout(late);
        while dtls.poll_output(late, &mut buf).unwrap().is_some() {}
        prop_assert!(dtls.poll_timeout().is_none_or(|at| at > late));
    }
}

#[test]
fn a_short_buffer_is_asked_to_grow_and_nothing_is_lost() {
    let mut client = connection(0, config(0));
    let need = antiphon_dtls::BufferTooSmall { need: 1200 };
    assert_eq!(client.poll_output(start(), &mut [0; 1199]), Err(need));
    assert!(client.poll_output(start(), &mut [0; 1200]).unwrap().is_some());
    assert_eq!(client.poll_output(start(), &mut []), Ok(None));
}

#[test]
fn the_machine_may_move_between_threads() {
    fn assert_send<T: Send + 'static>() {}
    assert_send::<Connection>();
    let mut peer = Peer::new(connection(1, config(1)));
    let path = antiphon_testkit::Path::default();
    let refused = Machine::handle_input(&mut peer, start(), path, &mut []);
    assert_eq!(refused, Err(InputError::NotARecord(0)));
}
