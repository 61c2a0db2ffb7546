use std::time::Duration;

use antiphon_testkit::start;
use antiphon_turn::client::{
    CommandError, Event, Framing, HEADROOM, Input, InputError, RequestError, StreamInput, TAILROOM,
    WrapError,
};
use antiphon_turn::wire::ChannelData;

use crate::hosts::{PEER, SERVER, addr, allocated, client_with, config, server_config};
use crate::script::Script;

const SECOND: Duration = Duration::from_secs(1);

//= rfc8656#11.1
//= type=test
#[test]
fn data_goes_in_indications_until_the_channel_is_bound() {
    let (mut pair, heard) = allocated(config(), server_config());
    assert_eq!(pair.a.machine.send(addr(PEER), b"before"), Ok(36 + 2));
    let now = pair.now();
    let number = pair.a.machine.client.bind_channel(now, addr(PEER)).unwrap();
    assert_eq!(pair.a.machine.send(addr(PEER), b"while"), Ok(36 + 3));
    pair.run_for(SECOND);
    let bound = Event::ChannelBound { peer: addr(PEER), number };
    assert!(pair.a.events.iter().any(|(_, event)| *event == bound));
    assert_eq!(pair.a.machine.send(addr(PEER), b"after"), Ok(4));
    pair.run_for(SECOND);
    let heard: Vec<_> = heard.lock().unwrap().iter().map(|(_, bytes)| bytes.clone()).collect();
    assert_eq!(heard, [&b"before"[..], b"while", b"after"]);
    let received: Vec<_> = pair.a.machine.received.iter().map(|(_, b)| b.clone()).collect();
    assert_eq!(received, [&b"before"[..], b"while", b"after"]);
    assert!(pair.a.machine.received.iter().all(|(peer, _)| *peer == addr(PEER)));
    let stats = pair.a.machine.client.stats();
    assert_eq!((stats.indications_sent, stats.channel_data_sent, stats.received), (2, 1, 3));
    // Asked for twice it is the same channel.
    let now = pair.now();
    assert_eq!(pair.a.machine.client.bind_channel(now, addr(PEER)), Ok(number));
}

#[test]
fn nothing_goes_to_a_peer_without_permission() {
    let (mut pair, heard) = allocated(config(), server_config());
    let stranger = addr("198.41.0.200:1");
    assert_eq!(pair.a.machine.send(stranger, b"x"), Err(WrapError::NoPermission));
    let now = pair.now();
    assert!(pair.a.machine.client.remove_permission(now, addr(PEER).ip()));
    assert_eq!(pair.a.machine.send(addr(PEER), b"x"), Err(WrapError::NoPermission));
    assert!(heard.lock().unwrap().is_empty());
    let fresh = client_with(config()).wrap(addr(PEER), &mut [0; 100], 60..61);
    assert_eq!(fresh, Err(WrapError::NotAllocated));
}

#[test]
fn a_forbidden_peer_does_not_take_the_others_along() {
    let (mut pair, _) = allocated(config(), server_config());
    let now = pair.now();
    let good = "198.41.0.7".parse().unwrap();
    let bad = "127.0.0.1".parse().unwrap();
    // Both become due at the same moment, and share a request.
    pair.a.machine.client.handle_timeout(now);
    pair.a.machine.client.create_permission(now, good).unwrap();
    pair.a.machine.client.create_permission(now, bad).unwrap();
    pair.run_for(SECOND);
    let events: Vec<_> = pair.a.events.iter().map(|(_, event)| event.clone()).collect();
    assert!(events.contains(&Event::PermissionCreated { peer: good }));
    let error = RequestError::Forbidden;
    assert!(events.contains(&Event::PermissionFailed { peer: bad, error }));
}

// attack: ChannelBind refused; data must go on, and the channel rest for five minutes
//= rfc8656#12
//= type=test
#[test]
fn after_a_refused_channel_data_goes_on_in_indications_and_the_peer_rests() {
    let mut script = Script::allocated(config());
    script.permit(addr(PEER).ip());
    script.client.bind_channel(script.now, addr(PEER)).unwrap();
    script.answer_error(400);
    let failed = Event::ChannelFailed { peer: addr(PEER), error: RequestError::BadRequest };
    assert_eq!(script.client.poll_event(), Some(failed));
    let mut buf = [0; 200];
    assert_eq!(script.client.wrap(addr(PEER), &mut buf, 60..64), Ok(24..64));
    let again = script.client.bind_channel(script.now, addr(PEER));
    assert_eq!(again, Err(CommandError::TooSoon { wait: 300 * SECOND }));
    // Another peer gets another number meanwhile.
    let other = addr("198.41.0.4:9001");
    let number = script.client.bind_channel(script.now, other).unwrap();
    assert_eq!(number.number(), 0x4001);
    script.answer_success();
    script.pass(300 * SECOND);
    script.drain();
    let number = script.client.bind_channel(script.now, addr(PEER)).unwrap();
    assert_eq!(number.number(), 0x4000);
}

#[test]
fn what_the_buffer_has_no_room_for_is_not_wrapped() {
    let mut script = Script::allocated(config());
    script.permit(addr(PEER).ip());
    let client = &mut script.client;
    let mut buf = [7; 200];
    for (start, end, expected) in [
        (36, 40, Ok(0..40)),
        (35, 39, Err(WrapError::NoRoom { need: 36, have: 35 })),
        (36, 201, Err(WrapError::NoRoom { need: 201, have: 200 })),
        (100, 200, Ok(64..200)),
        (100, 199, Ok(64..200)),
    ] {
        assert_eq!(client.wrap(addr(PEER), &mut buf, start..end), expected, "{start}..{end}");
    }
    let mut large = vec![0; 66_000];
    let too_long = client.wrap(addr(PEER), &mut large, HEADROOM..HEADROOM + 65_500);
    assert!(matches!(too_long, Err(WrapError::TooLong { len: 65_500, .. })));
    let fits = client.wrap(addr(PEER), &mut large, HEADROOM..HEADROOM + 65_480);
    assert!(fits.is_ok());
}

//= rfc8656#12.5
//= type=test
#[test]
fn on_a_stream_channel_data_is_padded_and_read_at_every_cut() {
    let mut config = config();
    config.framing = Framing::Stream;
    let mut script = Script::allocated(config);
    script.permit(addr(PEER).ip());
    let number = script.client.bind_channel(script.now, addr(PEER)).unwrap();
    script.answer_success();
    script.drain();
    let mut stream = vec![];
    for payload in [&b""[..], b"a", b"four", b"seven b"] {
        let mut buf = vec![0xff; HEADROOM + payload.len() + TAILROOM];
        let range = HEADROOM..HEADROOM + payload.len();
        buf[range.clone()].copy_from_slice(payload);
        let range = script.client.wrap(addr(PEER), &mut buf, range).unwrap();
        assert!(range.len().is_multiple_of(4));
        let message = ChannelData::parse(&buf[range.clone()]).unwrap();
        assert_eq!((message.number, message.data), (number, payload));
        stream.extend_from_slice(&buf[range]);
    }
    for cut in 0..=stream.len() {
        let (mut held, mut seen) = (vec![], vec![]);
        for part in [&stream[..cut], &stream[cut..]] {
            held.extend_from_slice(part);
            while let StreamInput::Message { consumed, input } =
                script.client.handle_stream(script.now, addr(SERVER), &held).unwrap()
            {
                let Ok(Input::Data { payload, .. }) = input else { panic!("{input:?}") };
                seen.push(held[payload].to_vec());
                held.drain(..consumed);
            }
        }
        assert_eq!(seen, [&b""[..], b"a", b"four", b"seven b"], "cut at {cut}");
    }
    let junk = script.client.handle_stream(script.now, addr(SERVER), &[0x90; 30]);
    assert!(matches!(junk, Err(InputError::Frame(_))));
}

#[test]
fn icmp_rises_and_is_bounded() {
    let mut config = config();
    config.max_events = 3;
    let mut script = Script::allocated(config);
    script.permit(addr(PEER).ip());
    script.drain();
    for _ in 0..10 {
        assert_eq!(script.icmp(addr(PEER)), Ok(Input::Control));
    }
    let mut seen = 0;
    while let Some(event) = script.client.poll_event() {
        assert!(
            matches!(event, Event::Icmp { peer, icmp } if peer == addr(PEER) && icmp.kind == 3)
        );
        seen += 1;
    }
    assert_eq!((seen, script.client.stats().events_lost), (3, 7));
    let stranger = addr("198.41.0.200:1");
    assert_eq!(script.icmp(stranger), Err(InputError::NoPermission { peer: stranger }));
}

// attack: data from others than the server, or for what was never bound
//= rfc8656#11.4
//= type=test
#[test]
fn what_does_not_belong_to_the_allocation_is_dropped() {
    let mut script = Script::allocated(config());
    script.permit(addr(PEER).ip());
    let now = script.now;
    let from = addr("192.0.2.66:3478");
    let client = &mut script.client;
    assert_eq!(client.handle_input(now, from, &[0x40, 0, 0, 0]), Err(InputError::Source { from }));
    let from = addr(SERVER);
    let unbound = Err(InputError::UnboundChannel { number: 0x4000 });
    assert_eq!(client.handle_input(now, from, &[0x40, 0, 0, 0]), unbound);
    let not_turn = Err(InputError::NotTurn { first: 0x80 });
    assert_eq!(client.handle_input(now, from, &[0x80; 30]), not_turn);
    assert!(matches!(client.handle_input(now, from, &[]), Err(InputError::Parse(_))));
    assert!(matches!(client.handle_input(now, from, &[0; 20]), Err(InputError::Parse(_))));
    let stranger = addr("198.41.0.200:1");
    let refused = Err(InputError::NoPermission { peer: stranger });
    assert_eq!(script.data(stranger, b"x"), refused);
    assert!(matches!(script.data(addr(PEER), b""), Ok(Input::Data { .. })));
    let mut idle = client_with(config());
    let bytes = script.data_bytes(addr(PEER), b"x");
    assert_eq!(idle.handle_input(start(), from, &bytes), Err(InputError::NotAllocated));
}
