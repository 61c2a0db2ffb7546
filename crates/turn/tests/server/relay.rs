//! Data, both ways, alone and in batches.

use std::net::SocketAddr;
use std::time::Duration;

use antiphon_stun::{Class, MessageView, MessageWriter, Method, TransactionId};
use antiphon_turn::server::{Deliver, HEADROOM, IcmpError, Input, InputError, Relay, RelayId};
use antiphon_turn::wire::attribute::{Icmp, Protocol};
use antiphon_turn::wire::{ChannelData, Frame, StreamFramer, TurnMessage as _, TurnWriter};

use crate::common::*;

fn start_at(at: antiphon_turn::server::FiveTuple) -> (World, Client, RelayId, SocketAddr) {
    let mut world = World::new();
    let mut client = Client::new(at);
    let relayed = client.relayed(&mut world);
    let (relay, peer) = (world.relay(relayed), addr(PEER));
    assert_eq!(client.bind(&mut world, 0x4000, peer).code(), 200);
    (world, client, relay, peer)
}

fn relayed(input: Result<Input, InputError>) -> Relay {
    match input {
        Ok(Input::Relay(relay)) => relay,
        other => panic!("{other:?}"),
    }
}

//= rfc8656#11.2
//= type=test
//= rfc8656#12.6
//= type=test
#[test]
fn data_goes_from_the_relayed_address_to_the_peer() {
    let (mut world, client, relay, peer) = start_at(udp("203.0.113.1:1"));
    let now = world.now;
    for (bytes, offset) in [(channel(0x4000, b"hello"), 4), (send(peer, b"hello"), 36)] {
        let found = relayed(world.server.handle_input(now, client.at, &bytes));
        assert_eq!((found.relay, found.to, found.dont_fragment), (relay, peer, false));
        assert_eq!(found.run.offset, offset);
        assert_eq!(&bytes[found.run.payload(0)], b"hello");
    }
    for bytes in [channel(0x4000, b""), send(peer, b"")] {
        let found = relayed(world.server.handle_input(now, client.at, &bytes));
        assert_eq!((found.run.segments, found.run.total()), (1, 0), "empty is data, too");
    }
    assert_eq!((world.stats().packets_to_peer, world.stats().bytes_to_peer), (4, 10));
    let traffic = world.allocations().next().unwrap().traffic;
    assert_eq!((traffic.packets_to_peer, traffic.bytes_to_peer), (4, 10));
}

//= rfc8656#11.2
//= type=test
#[test]
fn a_send_indication_lacks_nothing_and_carries_nothing_unknown() {
    let (mut world, client, _, peer) = start_at(udp("203.0.113.1:1"));
    let now = world.now;
    let mut tell = |write: &dyn Fn(&mut MessageWriter<'_>)| {
        let mut buf = [0; 256];
        let id = TransactionId([1; 12]);
        let mut w = MessageWriter::new(&mut buf, Class::Indication, Method::SEND, id).unwrap();
        write(&mut w);
        let len = w.finish();
        world.server.handle_input(now, client.at, &buf[..len])
    };
    let refused = Err(InputError::Indication);
    assert_eq!(tell(&|w| assert!(w.xor_peer_address(peer).is_ok())), refused);
    assert_eq!(tell(&|w| assert!(TurnWriter::data(w, b"x").is_ok())), refused);
    let unknown = |w: &mut MessageWriter<'_>| {
        w.xor_peer_address(peer).unwrap().attribute(0x7abc, b"").unwrap();
        TurnWriter::data(w, b"x").unwrap();
    };
    assert_eq!(tell(&unknown), refused);
    let whole = |w: &mut MessageWriter<'_>| {
        w.xor_peer_address(peer).unwrap().dont_fragment().unwrap();
        TurnWriter::data(w, b"x").unwrap();
    };
    assert!(relayed(tell(&whole)).dont_fragment);
    let mut config = config();
    config.dont_fragment = false;
    let mut other = World::with(config);
    let mut client = Client::new(udp("203.0.113.1:1"));
    client.relayed(&mut other);
    client.permit(&mut other, &[peer]);
    let mut buf = [0; 256];
    let id = TransactionId([1; 12]);
    let mut w = MessageWriter::new(&mut buf, Class::Indication, Method::SEND, id).unwrap();
    whole(&mut w);
    let len = w.finish();
    assert_eq!(other.server.handle_input(now, client.at, &buf[..len]), refused);
}

//= rfc8656#5
//= type=test
#[test]
fn data_without_an_allocation_is_dropped_without_a_word() {
    let mut world = World::new();
    let at = udp("203.0.113.1:1");
    for bytes in [channel(0x4000, b"x"), send(addr(PEER), b"x")] {
        let now = world.now;
        let dropped = Err(InputError::NoAllocation);
        assert_eq!(world.server.handle_input(now, at, &bytes), dropped);
        assert!(world.output().is_empty());
    }
    assert_eq!(world.stats().dropped_to_peer, 2);
}

//= rfc8656#11.3
//= type=test
//= rfc8656#12.5
//= type=test
#[test]
fn data_of_a_peer_comes_over_its_channel_or_as_an_indication() {
    let (mut world, mut client, relay, peer) = start_at(udp("203.0.113.1:1"));
    let mut buf = [0_u8; 200];
    buf[HEADROOM..HEADROOM + 5].copy_from_slice(b"hello");
    let now = world.now;
    let step = world.server.handle_relayed(now, relay, peer, &buf[HEADROOM..HEADROOM + 5], 5);
    let deliver = step.outcome.unwrap();
    assert_eq!((deliver.to, step.consumed), (client.at, 5));
    let at = deliver.write_in_place(&mut buf, HEADROOM).unwrap();
    let message = ChannelData::parse(&buf[at.clone()]).unwrap();
    assert_eq!((message.number.number(), message.data), (0x4000, &b"hello"[..]));
    assert_eq!(at.len(), 9, "no padding over UDP");

    // Another port of the same address: permitted, not bound.
    let other = addr("198.41.0.4:9999");
    let step = world.server.handle_relayed(now, relay, other, &buf[HEADROOM..HEADROOM + 5], 5);
    let at = step.outcome.unwrap().write_in_place(&mut buf, HEADROOM).unwrap();
    let view = MessageView::parse(&buf[at]).unwrap();
    assert_eq!((view.class(), view.method()), (Class::Indication, Method::DATA));
    assert_eq!(view.xor_peer_address(), Ok(Some(other)));
    assert_eq!(view.data(), Some(&b"hello"[..]));

    // Another address is nobody.
    let stranger = addr("198.41.0.5:9000");
    let step = world.server.handle_relayed(now, relay, stranger, b"x", 1);
    assert_eq!(step.outcome, Err(InputError::NoPermission));
    client.refresh(&mut world, Some(0));
    let step = world.server.handle_relayed(now, relay, peer, b"x", 1);
    assert_eq!(step.outcome, Err(InputError::RelayClosed));
}

#[test]
fn an_indication_of_an_ipv6_peer_reads_back() {
    let mut world = World::new();
    let mut client = Client::new(udp("203.0.113.1:1"));
    client.ask(&mut world, Method::ALLOCATE, |w| {
        w.requested_transport(Protocol::Udp).unwrap();
        w.requested_address_family(antiphon_turn::wire::attribute::Family::V6).unwrap();
    });
    let peer = addr(PEER6);
    client.permit(&mut world, &[peer]);
    let (relay, _, _) = world.open[0];
    for len in 0..9 {
        let data = &b"12345678"[..len];
        let step = world.server.handle_relayed(world.now, relay, peer, data, len);
        let deliver = step.outcome.unwrap();
        let mut out = [0xff; 128];
        let written = deliver.write(data, &mut out).unwrap();
        assert_eq!((written, deliver.segment_len()), (deliver.total(), deliver.total()));
        assert!(deliver.write(data, &mut out[..written - 1]).is_err());
        let view = MessageView::parse(&out[..written]).unwrap();
        assert_eq!((view.xor_peer_address(), view.data()), (Ok(Some(peer)), Some(data)));
    }
}

//= rfc8656#12.5
//= type=test
#[test]
fn on_a_stream_channel_data_is_padded_and_cut_anywhere() {
    let (mut world, client, relay, peer) = start_at(tcp("203.0.113.1:1"));
    let now = world.now;
    let mut stream = Vec::new();
    for len in 0..6 {
        let data = &b"12345"[..len];
        let deliver = world.server.handle_relayed(now, relay, peer, data, len).outcome.unwrap();
        let mut out = [0; 64];
        let written = deliver.write(data, &mut out).unwrap();
        assert!(written.is_multiple_of(4));
        stream.extend_from_slice(&out[..written]);
    }
    // The client echoes all of it; the stream arrives byte by byte.
    let framer = StreamFramer::new(2048);
    let (mut held, mut seen) = (Vec::new(), Vec::new());
    for byte in stream {
        held.push(byte);
        while let Frame::Complete { message, consumed } = framer.next(&held).unwrap() {
            let found = relayed(world.server.handle_input(now, client.at, &held[..message]));
            seen.push(held[found.run.payload(0)].to_vec());
            held.drain(..consumed);
        }
    }
    assert_eq!(seen, [&b""[..], b"1", b"12", b"123", b"1234", b"12345"]);
}

fn batch(parts: &[(u16, &[u8])]) -> Vec<u8> {
    parts.iter().flat_map(|(number, data)| channel(*number, data)).collect()
}

#[test]
fn a_batch_of_one_channel_is_one_step() {
    let (mut world, client, _, peer) = start_at(udp("203.0.113.1:1"));
    let mut bytes = batch(&[(0x4000, b"aaaa"), (0x4000, b"bbbb"), (0x4000, b"cc")]);
    let now = world.now;
    let step = world.server.handle_batch(now, client.at, &bytes, 8);
    let found = relayed(step.outcome);
    assert_eq!((step.consumed, found.run.segments, found.to), (22, 3, peer));
    let parts: Vec<&[u8]> = (0..3).map(|i| &bytes[found.run.payload(i)]).collect();
    assert_eq!(parts, [&b"aaaa"[..], b"bbbb", b"cc"]);
    let at = found.run.compact(&mut bytes);
    assert_eq!(&bytes[at], b"aaaabbbbcc");
    assert_eq!(world.stats().packets_to_peer, 3);
}

#[test]
fn a_mixed_batch_is_cut_where_it_changes() {
    let (mut world, mut client, _, peer) = start_at(udp("203.0.113.1:1"));
    let other = addr("198.41.0.4:9001");
    client.bind(&mut world, 0x4001, other);
    let mut bytes = batch(&[
        (0x4000, b"aaaa"),
        (0x4001, b"bbbb"),
        (0x4001, b"cccc"),
        (0x4002, b"dddd"),
        (0x4000, b"ee\0\0"),
    ]);
    let last = bytes.len() - 8;
    bytes[last + 3] = 2; // padded, so shorter than the others
    bytes.extend(channel(0x4000, b"ff"));
    let (now, mut rest, mut seen) = (world.now, &bytes[..], Vec::new());
    while !rest.is_empty() {
        let step = world.server.handle_batch(now, client.at, rest, 8);
        assert!(step.consumed > 0);
        if let Ok(Input::Relay(found)) = step.outcome {
            let data: Vec<Vec<u8>> =
                (0..found.run.segments).map(|i| rest[found.run.payload(i)].to_vec()).collect();
            seen.push((found.to, data.concat()));
        }
        rest = &rest[step.consumed..];
    }
    let expected =
        [(peer, b"aaaa".to_vec()), (other, b"bbbbcccc".to_vec()), (peer, b"eeff".to_vec())];
    assert_eq!(seen, expected);
}

#[test]
fn a_batch_of_a_peer_is_one_step_with_a_header_each() {
    let (mut world, client, relay, peer) = start_at(udp("203.0.113.1:1"));
    let step = world.server.handle_relayed(world.now, relay, peer, b"aaaabbbbc", 4);
    let deliver: Deliver = step.outcome.unwrap();
    assert_eq!((step.consumed, deliver.run.segments, deliver.segment_len()), (9, 3, 8));
    let mut out = [0; 64];
    let len = deliver.write(b"aaaabbbbc", &mut out).unwrap();
    let expected = batch(&[(0x4000, b"aaaa"), (0x4000, b"bbbb"), (0x4000, b"c")]);
    assert_eq!(&out[..len], expected);
    assert_eq!(deliver.to, client.at);
    // Without a channel, one by one.
    let other = addr("198.41.0.4:1");
    let step = world.server.handle_relayed(world.now, relay, other, b"aaaabbbbc", 4);
    assert_eq!((step.consumed, step.outcome.unwrap().run.total()), (4, 4));
}

#[test]
fn bandwidth_is_capped_for_each_allocation() {
    let mut config = config();
    config.bytes_per_second = Some(1000);
    let mut world = World::with(config);
    let mut client = Client::new(udp("203.0.113.1:1"));
    let address = client.relayed(&mut world);
    let (relay, peer) = (world.relay(address), addr(PEER));
    client.bind(&mut world, 0x4000, peer);
    let data = [7; 100];
    let bytes = batch(&[(0x4000, &data[..]); 8]);
    let found = relayed(world.server.handle_batch(world.now, client.at, &bytes, 104).outcome);
    assert_eq!(found.run.segments, 8);
    let found = relayed(world.server.handle_batch(world.now, client.at, &bytes, 104).outcome);
    assert_eq!(found.run.segments, 2, "the rest of the second's thousand");
    let step = world.server.handle_relayed(world.now, relay, peer, &data, 100);
    assert_eq!(step.outcome, Err(InputError::Bandwidth { bytes: 100 }), "both ways together");
    assert_eq!(world.stats().over_bandwidth, 7);
    world.now += Duration::from_millis(100);
    let step = world.server.handle_relayed(world.now, relay, peer, &data, 100);
    assert!(step.outcome.is_ok());
}

//= rfc8656#11.5
//= type=test
//= rfc8656#18.13
//= type=test
#[test]
fn icmp_errors_of_permitted_peers_go_to_the_client() {
    let (mut world, client, relay, peer) = start_at(udp("203.0.113.1:1"));
    let now = world.now;
    let mut tell = |peer, kind, code, data| {
        let result = world.server.handle_icmp(now, relay, IcmpError { peer, kind, code, data });
        (result, world.output())
    };
    for (kind, code, data, passed_on) in [(3, 4, 1280, 1280), (3, 3, 77, 0), (11, 0, 5, 0)] {
        let (result, messages) = tell(peer, kind, code, data);
        assert_eq!((result, messages[0].to), (Ok(()), client.at));
        let view = messages[0].view();
        assert_eq!(view.xor_peer_address(), Ok(Some(peer)));
        assert_eq!(view.icmp(), Ok(Some(Icmp { kind, code, data: passed_on })));
        assert_eq!(view.data(), None);
    }
    for (peer, kind) in [(peer, 8), (peer, 5), (addr("198.41.0.5:1"), 3)] {
        let (result, messages) = tell(peer, kind, 0, 0);
        assert_eq!((result, messages.len()), (Err(InputError::Icmp { kind }), 0));
    }
}

// attack: short, odd, huge and impossible messages; message type zero
#[test]
fn junk_is_dropped_and_counted() {
    let (mut world, client, _, _) = start_at(udp("203.0.113.1:1"));
    let now = world.now;
    let before = world.sizes();
    let mut zero = vec![0; 20];
    zero[4..8].copy_from_slice(&[0x21, 0x12, 0xa4, 0x42]);
    let mut long = zero.clone();
    long[2..4].copy_from_slice(&[0xff, 0xff]);
    let mut odd = zero.clone();
    odd[3] = 3;
    odd.extend([0; 3]);
    let response = {
        let mut bytes = zero.clone();
        bytes[..2].copy_from_slice(&[0x01, 0x03]);
        bytes
    };
    let junk: Vec<Vec<u8>> = vec![
        vec![],
        vec![0],
        vec![0x40],
        vec![0x40, 0, 0, 9, 1],
        vec![0x7f, 0xff, 0, 0],
        vec![0x80; 40],
        vec![20; 40],
        zero,
        long,
        odd,
        response,
    ];
    for bytes in &junk {
        assert!(world.server.handle_input(now, client.at, bytes).is_err(), "{bytes:?}");
        assert!(world.output().is_empty());
    }
    assert_eq!(world.stats().malformed, junk.len() as u64);
    assert_eq!(world.sizes(), before);
}

//= rfc8656#13.1
//= type=test
//= rfc8656#13.2
//= type=test
//= rfc8656#13.3
//= type=test
#[test]
fn dont_fragment_counts_where_no_datagram_is_translated() {
    let (v4, v6) = ("203.0.113.1:1", "[2600::1]:1");
    for (at, peer, kept) in [
        (udp(v4), PEER, true),
        (udp(v4), PEER6, false),
        (udp(v6), PEER, false),
        (udp(v6), PEER6, false),
        (tcp(v6), PEER6, true),
        (tcp(v4), PEER, true),
    ] {
        let mut world = World::new();
        let mut client = Client::new(at);
        client.ask(&mut world, Method::ALLOCATE, |w| {
            w.requested_transport(Protocol::Udp).unwrap().additional_address_family().unwrap();
        });
        let peer = addr(peer);
        assert_eq!(client.permit(&mut world, &[peer]).code(), 200);
        let mut buf = [0; 256];
        let id = TransactionId([1; 12]);
        let mut w = MessageWriter::new(&mut buf, Class::Indication, Method::SEND, id).unwrap();
        w.xor_peer_address(peer).unwrap().dont_fragment().unwrap();
        TurnWriter::data(&mut w, b"x").unwrap();
        let len = w.finish();
        let found = relayed(world.server.handle_input(world.now, at, &buf[..len]));
        assert_eq!(found.dont_fragment, kept, "{at:?} {peer}");
    }
}

// attack: a flood of empty datagrams under the bandwidth cap
#[test]
fn empty_datagrams_are_not_free() {
    let mut config = config();
    config.bytes_per_second = Some(6400);
    let mut world = World::with(config);
    let mut client = Client::new(udp("203.0.113.1:1"));
    client.relayed(&mut world);
    client.bind(&mut world, 0x4000, addr(PEER));
    let bytes = channel(0x4000, b"");
    let now = world.now;
    let passed = (0..1000).filter(|_| world.server.handle_input(now, client.at, &bytes).is_ok());
    assert_eq!(passed.count(), 100);
}
