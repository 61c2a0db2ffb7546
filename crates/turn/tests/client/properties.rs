//! Whatever comes in whatever order.

use std::net::SocketAddr;
use std::time::Duration;

use antiphon_testkit::start;
use antiphon_turn::client::{Client, Framing, Via};
use antiphon_turn::wire::attribute::Protocol;
use proptest::prelude::*;

use crate::hosts::{SERVER, addr, client_with, config};
use crate::script::Script;

#[derive(Clone, Debug)]
enum Call {
    Input(Vec<u8>),
    Output,
    Event,
    Timeout,
    Permission(u8),
    Channel(u8, u16),
    Connect(u8),
    Bind(u32),
    Remove(u8),
    Moved,
    Release,
    Allocate,
    Reconnected,
    Wrap(u8, u16, usize),
    Success,
    Error(u16),
    Challenge,
}

fn call() -> impl Strategy<Value = Call> {
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..60).prop_map(Call::Input),
        Just(Call::Output),
        Just(Call::Event),
        Just(Call::Timeout),
        (0u8..4).prop_map(Call::Permission),
        (0u8..4, 0u16..3).prop_map(|(n, port)| Call::Channel(n, port)),
        (0u8..4).prop_map(Call::Connect),
        (0u32..4).prop_map(Call::Bind),
        (0u8..4).prop_map(Call::Remove),
        Just(Call::Moved),
        Just(Call::Release),
        Just(Call::Allocate),
        Just(Call::Reconnected),
        (0u8..4, 0u16..3, 0usize..120).prop_map(|(n, port, len)| Call::Wrap(n, port, len)),
        Just(Call::Success),
        prop::sample::select(vec![300, 400, 401, 403, 420, 437, 438, 441, 446, 486, 508])
            .prop_map(Call::Error),
        Just(Call::Challenge),
    ]
}

fn peer(n: u8, port: u16) -> SocketAddr {
    ([198, 41, 0, n], port).into()
}

fn apply(script: &mut Script, call: Call) {
    let now = script.now;
    let client: &mut Client = &mut script.client;
    match call {
        Call::Input(bytes) => {
            let _ = client.handle_input(now, addr(SERVER), &bytes);
        }
        Call::Output => {
            let _ = client.poll_output(now, &mut [0; 5000]);
        }
        Call::Event => drop(client.poll_event()),
        Call::Timeout => client.handle_timeout(now),
        Call::Permission(n) => drop(client.create_permission(now, peer(n, 0).ip())),
        Call::Channel(n, port) => drop(client.bind_channel(now, peer(n, port))),
        Call::Connect(n) => drop(client.connect(now, peer(n, 1))),
        Call::Bind(id) => drop(client.bind_connection(now, id)),
        Call::Remove(n) => drop(client.remove_permission(now, peer(n, 0).ip())),
        Call::Moved => drop(client.moved(now)),
        Call::Release => drop(client.release(now)),
        Call::Allocate => drop(client.allocate(now)),
        Call::Reconnected => drop(client.reconnected(now, addr(SERVER))),
        Call::Wrap(n, port, len) => {
            let mut buf = [0; 200];
            if let Ok(range) = client.wrap(peer(n, port), &mut buf, 60..60 + len) {
                assert!(range.start >= 8 && range.end <= 200 && range.len() >= len + 4);
            }
        }
        Call::Success => {
            if script.next_request().is_some() && script.via == Via::Control {
                let _ = script.answer_again(antiphon_stun::Class::Success, |writer| {
                    use antiphon_turn::wire::TurnWriter as _;
                    writer.xor_relayed_address(addr("198.41.0.9:50000")).unwrap();
                    writer.xor_mapped_address(addr("203.0.113.5:40000")).unwrap();
                    writer.lifetime(Duration::from_secs(600)).unwrap();
                    writer.connection_id(3).unwrap().mobility_ticket(b"ticket").unwrap();
                });
            }
        }
        Call::Error(code) => {
            if script.next_request().is_some() {
                let _ = script.answer_again(antiphon_stun::Class::Error, |writer| {
                    writer.error_code(code, "").unwrap();
                    writer.alternate_server(addr("192.0.2.20:3478")).unwrap();
                });
            }
        }
        Call::Challenge => {
            if script.next_request().is_some() {
                let _ = script.answer_again(antiphon_stun::Class::Error, |writer| {
                    writer.error_code(401, "").unwrap().realm(b"example.org").unwrap();
                    writer.nonce(b"nonce").unwrap();
                });
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn any_order_of_calls_is_fine_and_a_drained_client_is_quiet(
        calls in prop::collection::vec((call(), 0u64..60_000), 0..80),
        tcp in any::<bool>(),
    ) {
        let mut config = config();
        config.mobility = true;
        if tcp {
            (config.framing, config.protocol) = (Framing::Stream, Protocol::Tcp);
        }
        let mut script = Script::new(config);
        for (call, millis) in calls {
            script.now += Duration::from_millis(millis);
            apply(&mut script, call);
        }
        let now = script.now;
        let mut buf = [0; 5000];
        while script.client.poll_output(now, &mut buf).unwrap().is_some() {}
        while script.client.poll_event().is_some() {}
        prop_assert_eq!(script.client.poll_output(now, &mut buf), Ok(None));
        prop_assert!(script.client.poll_timeout().is_none_or(|due| due > now));
    }

    #[test]
    fn junk_from_the_server_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let mut client = client_with(config());
        let _ = client.handle_input(start(), addr(SERVER), &bytes);
        let _ = client.handle_stream(start(), addr(SERVER), &bytes);
        let _ = client.handle_data_connection(start(), 1, &bytes);
    }
}
