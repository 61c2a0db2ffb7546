//! Interleaving and stream schedulers, clause by clause (RFC 8260).
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "a failed expectation is a failed test"
)]

mod common;

use antiphon_sctp::{CloseReason, Config, Event, Outgoing, Reliability, Scheduler, Violation};
use common::{
    MS, Manual, PEER_TSN, SEC, be32, chunk, config, connected, data, i_data, message, number,
    numbered,
};

const I_DATA: u8 = 64;
const I_FORWARD_TSN: u8 = 194;
const ABORT: u8 = 6;

fn open(scheduler: Scheduler) -> Manual {
    Manual::open_interleaving(config(|c| c.scheduler = scheduler))
}

fn stream(value: &[u8]) -> u16 {
    u16::from_be_bytes([value[4], value[5]])
}

/// The streams of all I-DATA chunks there are to send.
fn streams(manual: &mut Manual) -> Vec<u16> {
    manual.drain_kind(I_DATA).iter().map(|(_, value)| stream(value)).collect()
}

fn send(manual: &mut Manual, stream: u16, len: usize) {
    manual.send(message(stream, vec![1; len]));
}

fn ended_by_violation(manual: &mut Manual) {
    assert_eq!(manual.drain_kind(ABORT).len(), 1);
    let reason = CloseReason::PeerMisbehaved(Violation::NotNegotiated);
    assert_eq!(manual.events().last(), Some(&Event::Closed(reason)));
}

//= rfc8260#2.2.1
//= type=test
#[test]
fn once_agreed_every_message_goes_as_i_data_and_otherwise_none() {
    let mut with = open(Scheduler::RoundRobin);
    send(&mut with, 3, 10);
    let parts: Vec<u8> = with.drain().concat().iter().map(|part| part.0).collect();
    assert_eq!(parts, [I_DATA]);
    let mut without = Manual::open(Config::default());
    send(&mut without, 3, 10);
    assert_eq!(without.drain()[0][0].0, 0);
}

#[test]
fn it_is_announced_only_when_wanted() {
    for wanted in [true, false] {
        let mut manual = Manual::fresh(config(|c| c.interleaving = wanted));
        manual.sctp.connect(manual.now);
        let init = manual.output().unwrap();
        let listed = init.windows(2).any(|pair| pair == [64, 194]);
        assert_eq!(listed, wanted);
    }
}

//= rfc8260#2.2.3
//= type=test
#[test]
fn the_wrong_kind_of_data_ends_the_association() {
    let mut with = open(Scheduler::RoundRobin);
    with.chunks(&[data(3, PEER_TSN, 0, 0, b"old")]).unwrap();
    ended_by_violation(&mut with);
    let mut without = Manual::open(Config::default());
    without.chunks(&[i_data(3, PEER_TSN, 0, 0, 51, b"new")]).unwrap();
    ended_by_violation(&mut without);
}

//= rfc8260#2.3.1
//= type=test
#[test]
fn the_wrong_kind_of_forward_tsn_ends_the_association() {
    let mut with = open(Scheduler::RoundRobin);
    with.chunks(&[chunk(192, 0, &PEER_TSN.to_be_bytes())]).unwrap();
    ended_by_violation(&mut with);
    let mut without = Manual::open(Config::default());
    without.chunks(&[chunk(I_FORWARD_TSN, 0, &PEER_TSN.to_be_bytes())]).unwrap();
    ended_by_violation(&mut without);
}

//= rfc8260#2.1
//= type=test
//= rfc8260#2.2.2
//= type=test
#[test]
fn the_first_fragment_has_b_the_last_e_and_the_others_neither() {
    let mut manual = open(Scheduler::RoundRobin);
    send(&mut manual, 3, 4000);
    let parts = manual.drain_kind(I_DATA);
    assert_eq!(parts.len(), 4);
    for (at, (flags, value)) in parts.iter().enumerate() {
        let expected = match at {
            0 => 2,
            3 => 1,
            _ => 0,
        };
        assert_eq!(flags & 3, expected);
        assert_eq!(be32(value, 8), 0, "the first message of the stream");
        let last = if at == 0 { 53 } else { at as u32 };
        assert_eq!(be32(value, 12), last, "protocol, then fragment numbers");
        assert_eq!(be32(value, 0), manual.tsn.wrapping_add(at as u32));
    }
}

//= rfc8260#2.2.2
//= type=test
#[test]
fn a_stream_sends_one_message_at_a_time() {
    let mut manual = open(Scheduler::RoundRobin);
    for _ in 0..2 {
        send(&mut manual, 1, 3000);
        send(&mut manual, 2, 3000);
    }
    let parts = manual.drain_kind(I_DATA);
    for wanted in [1, 2] {
        let mids: Vec<u32> =
            parts.iter().filter(|(_, v)| stream(v) == wanted).map(|(_, v)| be32(v, 8)).collect();
        assert!(mids.is_sorted(), "{mids:?}");
    }
    let order: Vec<u16> = parts.iter().map(|(_, value)| stream(value)).collect();
    assert_eq!(order[..4], [1, 2, 1, 2], "a chunk of each in turn");
}

//= rfc8260#2.2.3
//= type=test
#[test]
fn fragments_are_put_together_by_stream_identifier_and_number() {
    let mut manual = open(Scheduler::RoundRobin);
    let parts = [
        i_data(0, PEER_TSN + 2, 1, 0, 1, b"b"),
        i_data(2, PEER_TSN, 1, 0, 51, b"a"),
        i_data(2 | 4, PEER_TSN + 1, 1, 0, 52, b"x"),
        i_data(1 | 4, PEER_TSN + 4, 1, 0, 1, b"y"),
        i_data(1, PEER_TSN + 3, 1, 0, 2, b"c"),
    ];
    for part in parts {
        manual.chunks(&[part]).unwrap();
    }
    let first = manual.sctp.recv().unwrap();
    assert_eq!((&first.payload[..], first.ppid, first.ordered), (&b"xy"[..], 52, false));
    let second = manual.sctp.recv().unwrap();
    assert_eq!((&second.payload[..], second.ppid, second.ordered), (&b"abc"[..], 51, true));
}

#[test]
fn message_identifiers_wrap_and_keep_their_order() {
    let mut manual = open(Scheduler::RoundRobin);
    // Everything before 2^32 - 1 is skipped, half the numbers at a time.
    let skip = |tsn: u32, mid: u32| {
        let mut value = tsn.to_be_bytes().to_vec();
        value.extend([0, 1, 0, 0]);
        value.extend(mid.to_be_bytes());
        chunk(I_FORWARD_TSN, 0, &value)
    };
    for (tsn, mid) in [(0, 0x7fff_fff0), (1, 0xf000_0000), (2, 0xffff_fffd)] {
        manual.chunks(&[skip(PEER_TSN + tsn, mid)]).unwrap();
    }
    let tsn = PEER_TSN + 3;
    manual.chunks(&[i_data(3, tsn + 1, 1, 0xffff_ffff, 51, b"b")]).unwrap();
    manual.chunks(&[i_data(3, tsn + 2, 1, 0, 51, b"c")]).unwrap();
    manual.chunks(&[i_data(3, tsn, 1, 0xffff_fffe, 51, b"a")]).unwrap();
    let got: Vec<_> = std::iter::from_fn(|| manual.sctp.recv()).map(|m| m.payload).collect();
    assert_eq!(got, ["a", "b", "c"]);
}

//= rfc8260#2.3.1
//= type=test
#[test]
fn what_is_given_up_is_told_by_identifier_ordered_or_not() {
    let mut manual = open(Scheduler::RoundRobin);
    for ordered in [true, false] {
        let reliability = Reliability::Retransmits(0);
        manual.send(Outgoing { ordered, reliability, ..message(5, vec![1; 2300]) });
    }
    assert_eq!(manual.drain_kind(I_DATA).len(), 4);
    manual.wait(2 * SEC);
    let told = manual.drain_kind(I_FORWARD_TSN);
    let value = &told.last().unwrap().1;
    assert_eq!(be32(value, 0), manual.tsn.wrapping_add(3));
    assert_eq!(value[4..12], [0, 5, 0, 0, 0, 0, 0, 0]);
    assert_eq!(value[12..20], [0, 5, 0, 1, 0, 0, 0, 0]);
}

#[test]
fn a_skipped_message_is_dropped_and_those_after_it_are_delivered() {
    let mut manual = open(Scheduler::RoundRobin);
    manual.chunks(&[i_data(2, PEER_TSN, 1, 0, 51, b"half")]).unwrap();
    manual.chunks(&[i_data(3, PEER_TSN + 2, 1, 1, 51, b"next")]).unwrap();
    assert_eq!(manual.sctp.recv(), None);
    let mut value = (PEER_TSN + 1).to_be_bytes().to_vec();
    value.extend([0, 1, 0, 0, 0, 0, 0, 0]);
    manual.chunks(&[chunk(I_FORWARD_TSN, 0, &value)]).unwrap();
    assert_eq!(manual.sctp.recv().unwrap().payload, "next");
}

//= rfc8260#2.3.2
//= type=test
#[test]
fn after_a_reset_both_kinds_of_identifier_begin_at_zero() {
    let mut pair = connected(config(|_| {}), 5 * MS);
    for round in 0..3_u8 {
        for ordered in [true, false] {
            let now = pair.now();
            pair.a
                .machine
                .sctp
                .send(now, Outgoing { ordered, ..message(4, vec![round; 3000]) })
                .unwrap();
        }
        pair.run_for(SEC);
        assert_eq!(pair.b.machine.inbox.len(), 2 * (usize::from(round) + 1));
        let now = pair.now();
        pair.a.machine.sctp.reset_streams(now, &[4]).unwrap();
        pair.run_for(SEC);
    }
    let resets = pair.b.events.iter().filter(|(_, e)| matches!(e, Event::StreamReset { .. }));
    assert_eq!(resets.count(), 3);
}

//= rfc8260#3.1
//= type=test
#[test]
fn first_come_is_served_first_and_completely() {
    let mut manual = open(Scheduler::FirstCome);
    for stream in [3, 1, 2, 1] {
        send(&mut manual, stream, 2300);
    }
    assert_eq!(streams(&mut manual), [3, 3, 1, 1, 2, 2, 1, 1]);
}

//= rfc8260#3.2
//= type=test
#[test]
fn round_robin_takes_messages_without_and_chunks_with_interleaving() {
    let mut with = open(Scheduler::RoundRobin);
    let mut without = Manual::open(Config::default());
    for manual in [&mut with, &mut without] {
        for stream in [1, 2, 1, 2] {
            send(manual, stream, 2300);
        }
    }
    assert_eq!(streams(&mut with), [1, 2, 1, 2, 1, 2, 1, 2]);
    let order: Vec<u16> = without.drain_kind(0).iter().map(|(_, value)| stream(value)).collect();
    assert_eq!(order, [1, 1, 2, 2, 1, 1, 2, 2]);
}

//= rfc8260#3.3
//= type=test
#[test]
fn round_robin_per_packet_keeps_streams_apart() {
    let mut manual = open(Scheduler::RoundRobinPacket);
    for _ in 0..6 {
        send(&mut manual, 1, 300);
        send(&mut manual, 2, 300);
    }
    let packets: Vec<Vec<u16>> = manual
        .drain()
        .iter()
        .map(|parts| parts.iter().map(|(_, _, value)| stream(value)).collect())
        .collect();
    assert_eq!(packets, [vec![1; 3], vec![2; 3], vec![1; 3], vec![2; 3]]);
}

//= rfc8260#3.4
//= type=test
#[test]
fn a_higher_priority_does_not_wait_for_a_large_message_of_a_lower_one() {
    let mut manual = open(Scheduler::Priority);
    manual.sctp.set_priority(1, 100);
    manual.sctp.set_priority(2, 10);
    send(&mut manual, 1, 30_000);
    let first = manual.output().unwrap();
    assert_eq!(stream(&common::chunks(&first)[0].2), 1);
    send(&mut manual, 2, 100);
    assert_eq!(streams(&mut manual)[0], 2);
}

#[test]
fn priorities_change_while_messages_wait() {
    let mut manual = open(Scheduler::Priority);
    for stream in [1, 2, 3] {
        send(&mut manual, stream, 1000);
    }
    manual.sctp.set_priority(3, 1);
    manual.sctp.set_priority(1, 999);
    assert_eq!(streams(&mut manual), [3, 2, 1]);
}

/// Bytes of each of the streams 1 and 2 among the first `most` chunks.
fn share(manual: &mut Manual, sizes: [usize; 2]) -> [usize; 2] {
    for _ in 0..40 {
        send(manual, 1, sizes[0]);
        send(manual, 2, sizes[1]);
    }
    let mut bytes = [0; 2];
    for (_, value) in manual.drain_kind(I_DATA) {
        bytes[usize::from(stream(&value)) - 1] += value.len() - 16;
    }
    bytes
}

//= rfc8260#3.5
//= type=test
#[test]
fn fair_capacity_gives_each_stream_the_same_bytes() {
    let [small, large] = share(&mut open(Scheduler::FairBytes), [250, 1000]);
    assert!(small.abs_diff(large) <= 1100, "{small} and {large}");
}

//= rfc8260#3
//= type=test
//= rfc8260#3.6
//= type=test
#[test]
fn weighted_fair_queueing_gives_bytes_by_weight() {
    let mut manual = open(Scheduler::Weighted);
    manual.sctp.set_weight(1, 300);
    manual.sctp.set_weight(2, 100);
    let [heavy, light] = share(&mut manual, [500, 500]);
    let ratio = heavy as f64 / light as f64;
    assert!((2.4..=3.6).contains(&ratio), "{heavy} and {light}");
}

#[test]
fn the_scheduler_changes_while_messages_wait() {
    let mut manual = open(Scheduler::RoundRobin);
    for stream in [1, 1, 2] {
        send(&mut manual, stream, 1000);
    }
    manual.sctp.set_scheduler(Scheduler::FirstCome);
    assert_eq!(streams(&mut manual), [1, 1, 2]);
}

#[test]
fn every_scheduler_delivers_everything_over_a_lossy_path() {
    for scheduler in [
        Scheduler::FirstCome,
        Scheduler::RoundRobin,
        Scheduler::RoundRobinPacket,
        Scheduler::Priority,
        Scheduler::FairBytes,
        Scheduler::Weighted,
    ] {
        for interleaving in [true, false] {
            let config = config(|c| {
                c.scheduler = scheduler;
                c.interleaving = interleaving;
                c.initial_tsn = Some(0xffff_fffe);
            });
            let mut pair = connected(config, 10 * MS);
            pair.uplink(0).loss = 0.1;
            pair.uplink(1).loss = 0.1;
            for i in 0..200 {
                let len = [5, 900, 5000, 40_000][i as usize % 4];
                pair.a.machine.backlog.push_back(message((i % 7) as u16, numbered(i, len)));
            }
            let end = pair.elapsed() + 120 * SEC;
            assert!(
                pair.run_while(end, |pair| pair.b.machine.inbox.len() < 200),
                "{scheduler:?}, interleaving {interleaving}: {}",
                pair.b.machine.inbox.len()
            );
            for stream in 0..7 {
                let of_stream = pair.b.machine.inbox.iter().filter(|m| m.stream == stream);
                let numbers: Vec<u32> = of_stream.map(|m| number(&m.payload)).collect();
                assert!(numbers.is_sorted(), "{scheduler:?}: {numbers:?}");
            }
        }
    }
}
