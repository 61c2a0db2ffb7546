//! Stream resets (RFC 6525) and partial reliability (RFC 3758), against a hand-made peer.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "a failed expectation is a failed test"
)]

mod common;

use antiphon_sctp::{
    CloseReason, Config, Event, Outgoing, Reliability, ResetError, ResetResult, SendError,
    Violation,
};
use common::{
    MS, Manual, PEER_TAG, PEER_TSN, SEC, be32, chunk, data, message, numbered, packet, sack,
};

fn open() -> Manual {
    Manual::open(Config::default())
}

fn outgoing_reset(request: u32, last_tsn: u32, streams: &[u16]) -> Vec<u8> {
    let mut value = vec![0, 13];
    value.extend((16 + 2 * streams.len() as u16).to_be_bytes());
    value.extend(request.to_be_bytes());
    value.extend([0; 4]);
    value.extend(last_tsn.to_be_bytes());
    value.extend(streams.iter().flat_map(|stream| stream.to_be_bytes()));
    chunk(130, 0, &value)
}

fn response(request: u32, result: u32) -> Vec<u8> {
    let mut value = vec![0, 16, 0, 12];
    value.extend(request.to_be_bytes());
    value.extend(result.to_be_bytes());
    chunk(130, 0, &value)
}

/// The (request, result) of the RE-CONFIG response to send.
fn answer(manual: &mut Manual) -> Option<(u32, u32)> {
    let (_, value) = manual.drain_kind(130).pop()?;
    assert_eq!(value[..4], [0, 16, 0, 12]);
    Some((be32(&value, 4), be32(&value, 8)))
}

fn reset_event(streams: &[u16]) -> Event {
    Event::StreamReset { streams: streams.into() }
}

//= rfc6525#5.2.2
//= type=test
#[test]
fn a_reset_by_the_peer_starts_the_stream_at_zero() {
    let mut manual = open();
    manual.chunks(&[data(3, PEER_TSN, 1, 0, b"a")]).unwrap();
    manual.chunks(&[outgoing_reset(PEER_TSN, PEER_TSN, &[1])]).unwrap();
    assert_eq!(answer(&mut manual), Some((PEER_TSN, 1)));
    manual.chunks(&[data(3, PEER_TSN + 1, 1, 0, b"b")]).unwrap();
    // The event waits until what came before the reset has been read.
    assert_eq!(manual.events(), [Event::Readable]);
    assert_eq!(manual.sctp.recv().unwrap().payload, "a");
    assert_eq!(manual.events(), [reset_event(&[1])]);
    assert_eq!(manual.sctp.recv().unwrap().payload, "b");
}

//= rfc6525#5.2.2
//= type=test
#[test]
fn a_reset_waits_for_data_sent_before_it() {
    let mut manual = open();
    manual.chunks(&[outgoing_reset(PEER_TSN, PEER_TSN + 1, &[1])]).unwrap();
    assert_eq!(answer(&mut manual), Some((PEER_TSN, 6)), "in progress");
    // Data from after the reset comes first.
    manual.chunks(&[data(3, PEER_TSN + 2, 1, 0, b"new")]).unwrap();
    manual.chunks(&[data(3, PEER_TSN + 1, 1, 1, b"old 1")]).unwrap();
    assert!(manual.sctp.recv().is_none());
    // The same request again is still in progress.
    manual.chunks(&[outgoing_reset(PEER_TSN, PEER_TSN + 1, &[1])]).unwrap();
    assert_eq!(answer(&mut manual), Some((PEER_TSN, 6)));
    manual.chunks(&[data(3, PEER_TSN, 1, 0, b"old 0")]).unwrap();
    assert_eq!(answer(&mut manual), Some((PEER_TSN, 1)), "performed, unasked");
    let got: Vec<_> = (0..2).map(|_| manual.sctp.recv().unwrap().payload).collect();
    assert_eq!(got, ["old 0", "old 1"]);
    assert!(manual.events().contains(&reset_event(&[1])));
    assert_eq!(manual.sctp.recv().unwrap().payload, "new");
}

//= rfc6525#5.2.1
//= type=test
// attack: a RE-CONFIG replayed
#[test]
fn a_repeated_request_gets_the_same_answer_and_resets_nothing_twice() {
    let mut manual = open();
    let request = outgoing_reset(PEER_TSN, PEER_TSN - 1, &[1]);
    manual.chunks(std::slice::from_ref(&request)).unwrap();
    assert_eq!(answer(&mut manual), Some((PEER_TSN, 1)));
    manual.chunks(&[data(3, PEER_TSN, 1, 0, b"x")]).unwrap();
    manual.chunks(&[request]).unwrap();
    assert_eq!(answer(&mut manual), Some((PEER_TSN, 1)));
    manual.chunks(&[data(3, PEER_TSN + 1, 1, 1, b"y")]).unwrap();
    assert_eq!(manual.sctp.recv().unwrap().payload, "x");
    assert_eq!(manual.sctp.recv().unwrap().payload, "y");
    let resets = manual.events().into_iter().filter(|e| matches!(e, Event::StreamReset { .. }));
    assert_eq!(resets.count(), 1);
    // A number out of sequence is refused.
    manual.chunks(&[outgoing_reset(PEER_TSN + 9, PEER_TSN, &[1])]).unwrap();
    assert_eq!(answer(&mut manual), Some((PEER_TSN + 9, 5)));
}

// attack: resets the application never looks at
#[test]
fn resets_nobody_reads_make_the_peer_wait() {
    let mut manual = open();
    let mut performed = 0;
    for i in 0..1000 {
        manual.chunks(&[outgoing_reset(PEER_TSN + i, PEER_TSN - 1, &[1])]).unwrap();
        match answer(&mut manual) {
            Some((_, 1)) => performed += 1,
            other => assert!(matches!(other, Some((_, 5 | 6))), "{other:?}"),
        }
    }
    assert!(performed < 100);
    assert_eq!(manual.events().len(), performed);
}

//= rfc6525#5.1.1
//= type=test
#[test]
fn our_request_is_repeated_with_the_same_number_and_one_at_a_time() {
    let mut manual = open();
    manual.send(message(4, "before"));
    manual.sctp.reset_streams(manual.now, &[4]).unwrap();
    let late = manual.sctp.send(manual.now, message(4, "after"));
    assert_eq!(late, Err(SendError::Resetting { stream: 4 }));
    let first = manual.drain_kind(130);
    assert_eq!(first.len(), 1);
    let value = &first[0].1;
    assert_eq!(value[..4], [0, 13, 0, 18]);
    assert_eq!(be32(value, 4), manual.tsn, "requests are numbered from the initial TSN");
    assert_eq!(be32(value, 12), manual.tsn, "the last TSN assigned");
    assert_eq!(value[16..18], [0, 4]);
    manual.sctp.reset_streams(manual.now, &[5]).unwrap();
    assert!(manual.drain_kind(130).is_empty(), "one is in flight");
    manual.wait(SEC);
    assert_eq!(manual.drain_kind(130), first);
    // In progress: the same number again, without an end.
    for _ in 0..30 {
        manual.chunks(&[response(manual.tsn, 6)]).unwrap();
        manual.wait(10 * SEC);
        let before = manual.tsn.wrapping_sub(1);
        manual.chunks(&[sack(before, 100_000, &[])]).unwrap();
        let again = manual.drain_kind(130);
        assert!(again.iter().all(|part| *part == first[0]) && !again.is_empty());
        manual.chunks(&[sack(before, 100_000, &[])]).unwrap();
        if !manual.sctp.is_connected() {
            return; // its data was never acknowledged
        }
    }
}

//= rfc6525#5.2.7
//= type=test
#[test]
fn the_answer_ends_our_request_whatever_it_is() {
    for (result, told) in [
        (0, ResetResult::NothingToDo),
        (1, ResetResult::Performed),
        (2, ResetResult::Denied),
        (4, ResetResult::Failed(4)),
        (99, ResetResult::Failed(99)),
    ] {
        let mut manual = open();
        manual.send(message(4, "before"));
        manual.sctp.reset_streams(manual.now, &[4]).unwrap();
        manual.drain();
        manual.chunks(&[response(manual.tsn + 1, 1)]).unwrap();
        manual.chunks(&[response(manual.tsn, result)]).unwrap();
        let done = Event::StreamResetDone { streams: [4].into(), result: told };
        assert_eq!(manual.events(), [Event::BufferedLow(4), done]);
        manual.send(message(4, "after"));
        let (_, data) = manual.drain_kind(0).pop().unwrap();
        let ssn = u16::from_be_bytes([data[6], data[7]]);
        assert_eq!(ssn, u16::from(!matches!(result, 0 | 1)), "{result}");
    }
}

//= rfc6525#5.2.7
//= type=test
#[test]
fn a_request_in_progress_is_repeated_as_soon_as_the_data_has_arrived() {
    let mut manual = open();
    manual.send(message(4, "before"));
    manual.sctp.reset_streams(manual.now, &[4]).unwrap();
    let first = manual.drain_kind(130);
    manual.chunks(&[response(manual.tsn, 6)]).unwrap();
    assert!(manual.drain_kind(130).is_empty());
    manual.chunks(&[sack(manual.tsn, 100_000, &[])]).unwrap();
    assert_eq!(manual.drain_kind(130), first);
}

//= rfc6525#5.2.3
//= type=test
#[test]
fn the_peer_may_ask_for_a_reset_of_ours() {
    let mut manual = open();
    let mut value = vec![0, 14, 0, 10];
    value.extend(PEER_TSN.to_be_bytes());
    value.extend([0, 6]);
    manual.chunks(&[chunk(130, 0, &value)]).unwrap();
    let sent = manual.drain_kind(130);
    let request = sent.iter().find(|part| part.1[..2] == [0, 13]).expect("our own request");
    assert_eq!(be32(&request.1, 8), PEER_TSN, "it answers the peer's");
    assert_eq!(request.1[16..18], [0, 6]);
}

#[test]
fn a_peer_without_re_config_is_not_asked_and_may_not_ask() {
    let mut manual = Manual::fresh(Config::default());
    let mut init = common::init_value(PEER_TAG, 100_000, 10, 10, PEER_TSN);
    init.truncate(16);
    manual.give(&packet(0, &[chunk(1, 0, &init)])).unwrap();
    let answer = common::chunks(&manual.output().unwrap());
    manual.tag = be32(&answer[0].2, 0);
    let len = usize::from(answer[0].2[19]);
    let cookie = answer[0].2[20..16 + len].to_vec();
    manual.chunks(&[chunk(10, 0, &cookie)]).unwrap();
    assert_eq!(manual.sctp.reset_streams(manual.now, &[1]), Err(ResetError::Unsupported));
    assert_eq!(
        manual.sctp.send(manual.now, message(10, "x")),
        Err(SendError::NoSuchStream { stream: 10, limit: 10 })
    );
    manual.chunks(&[chunk(192, 0, &PEER_TSN.to_be_bytes())]).unwrap();
    let reason = CloseReason::PeerMisbehaved(Violation::NotNegotiated);
    assert_eq!(manual.events().last(), Some(&Event::Closed(reason)));
}

fn forward(cumulative: u32, skipped: &[(u16, u16)]) -> Vec<u8> {
    let mut value = cumulative.to_be_bytes().to_vec();
    for (stream, ssn) in skipped {
        value.extend(stream.to_be_bytes());
        value.extend(ssn.to_be_bytes());
    }
    chunk(192, 0, &value)
}

//= rfc3758#3.6
//= type=test
#[test]
fn forward_tsn_skips_fragments_and_releases_what_waited() {
    let mut manual = open();
    manual.chunks(&[data(2, PEER_TSN, 1, 0, b"begin of what never ends")]).unwrap();
    manual.chunks(&[data(3, PEER_TSN + 3, 1, 2, b"waits for 1")]).unwrap();
    manual.chunks(&[data(3, PEER_TSN + 4, 1, 3, b"too")]).unwrap();
    manual.drain();
    manual.chunks(&[forward(PEER_TSN + 2, &[(1, 1)])]).unwrap();
    manual.wait(200 * MS);
    let (_, sack) = manual.drain_kind(3).pop().unwrap();
    assert_eq!(be32(&sack, 0), PEER_TSN + 4, "and over what had arrived");
    assert_eq!(manual.sctp.recv().unwrap().payload, "waits for 1");
    assert_eq!(manual.sctp.recv().unwrap().payload, "too");
    // What was skipped and comes late is a duplicate.
    manual.chunks(&[data(3, PEER_TSN + 2, 1, 1, b"late")]).unwrap();
    assert!(manual.sctp.recv().is_none());
    // One from the past changes nothing and is answered.
    manual.chunks(&[forward(PEER_TSN, &[(1, 9)])]).unwrap();
    assert_eq!(be32(&manual.drain_kind(3).pop().unwrap().1, 0), PEER_TSN + 4);
    manual.chunks(&[data(3, PEER_TSN + 5, 1, 4, b"next")]).unwrap();
    assert_eq!(manual.sctp.recv().unwrap().payload, "next");
}

// attack: FORWARD TSN beyond any window
#[test]
fn forward_tsn_far_ahead_is_ignored() {
    let mut manual = open();
    for ahead in [70_000, 1 << 30, (1 << 31) - 1, 1 << 31, u32::MAX] {
        manual.chunks(&[forward(PEER_TSN.wrapping_add(ahead), &[])]).unwrap();
    }
    manual.chunks(&[data(3, PEER_TSN, 0, 0, b"x")]).unwrap();
    assert_eq!(manual.sctp.recv().unwrap().payload, "x");
}

fn unreliable(reliability: Reliability, len: usize) -> Outgoing {
    Outgoing { reliability, ..message(3, numbered(1, len)) }
}

//= rfc3758#3.5
//= type=test
#[test]
fn a_message_sent_once_is_forwarded_past_when_lost() {
    let mut manual = open();
    manual.send(unreliable(Reliability::Retransmits(0), 3000));
    assert_eq!(manual.drain_kind(0).len(), 3);
    manual.wait(SEC);
    let packets: Vec<_> = manual.drain().into_iter().flatten().collect();
    assert!(packets.iter().all(|part| part.0 != 0), "not sent again");
    let forward = packets.iter().find(|part| part.0 == 192).expect("FORWARD TSN");
    assert_eq!(be32(&forward.2, 0), manual.tsn + 2);
    assert_eq!(forward.2[4..], [0, 3, 0, 0]);
    assert_eq!(manual.sctp.stats().messages_abandoned, 1);
    // Lost as well: it is repeated with T3.
    manual.wait(2 * SEC);
    assert_eq!(manual.drain_kind(192).len(), 1);
    manual.chunks(&[sack(manual.tsn + 2, 100_000, &[])]).unwrap();
    manual.send(message(3, "goes on"));
    let (_, next) = manual.drain_kind(0).pop().unwrap();
    assert_eq!((be32(&next, 0), next[7]), (manual.tsn + 3, 1));
    // Nothing is left of the old one.
    manual.chunks(&[sack(manual.tsn + 3, 100_000, &[])]).unwrap();
    manual.wait(10 * SEC);
    assert!(manual.drain_kind(192).is_empty() && manual.drain_kind(0).is_empty());
}

//= rfc3758#3.5
//= type=test
#[test]
fn what_expires_unsent_leaves_no_trace() {
    let mut manual = Manual::open_with(Config::default(), 1500);
    manual.send(message(3, numbered(0, 1160)));
    manual.drain();
    manual.send(unreliable(Reliability::Lifetime(50 * MS), 1000));
    manual.send(message(3, "after it"));
    assert!(manual.drain_kind(0).is_empty(), "no window");
    manual.wait(60 * MS);
    manual.chunks(&[sack(manual.tsn, 1500, &[])]).unwrap();
    let sent = manual.drain_kind(0);
    assert_eq!(sent.len(), 1);
    assert_eq!(&sent[0].1[12..], b"after it");
    assert_eq!((be32(&sent[0].1, 0), sent[0].1[7]), (manual.tsn + 1, 1), "no hole in SSN or TSN");
    assert_eq!(manual.sctp.stats().messages_abandoned, 1);
}

//= rfc3758#3.5
//= type=test
#[test]
fn a_message_cut_short_gets_one_more_tsn_for_its_end() {
    let mut manual = Manual::open_with(Config::default(), 1500);
    manual.send(unreliable(Reliability::Lifetime(100 * MS), 5000));
    assert_eq!(manual.drain_kind(0).len(), 1, "the window holds one fragment");
    // The fragment is acknowledged, the rest runs out of time behind a closed window.
    manual.chunks(&[sack(manual.tsn, 0, &[])]).unwrap();
    manual.wait(200 * MS);
    manual.chunks(&[sack(manual.tsn, 100_000, &[])]).unwrap();
    let forward = manual.drain_kind(192);
    assert_eq!(be32(&forward[0].1, 0), manual.tsn + 1);
    assert_eq!(manual.sctp.buffered(3), 0);
}

/// The parameter of a request to add streams: 17 ours, 18 the other's.
fn add(kind: u8, request: u32, count: u16) -> Vec<u8> {
    let mut value = vec![0, kind, 0, 12];
    value.extend(request.to_be_bytes());
    value.extend(count.to_be_bytes());
    value.extend([0; 2]);
    chunk(130, 0, &value)
}

//= rfc6525#4.5
//= type=test
//= rfc6525#5.1.5
//= type=test
//= rfc6525#5.2.5
//= type=test
#[test]
fn streams_are_added_on_both_sides_and_carry_messages() {
    let mut pair = common::connected(common::config(|c| c.streams = 10), 5 * MS);
    let now = pair.now();
    let refused = pair.a.machine.sctp.send(now, message(10, "early"));
    assert!(refused.is_err());
    pair.a.machine.sctp.add_streams(now, 5, 7).unwrap();
    pair.run_for(SEC);
    assert_eq!(pair.a.machine.sctp.outgoing_streams(), Some(15));
    assert_eq!(pair.a.machine.sctp.incoming_streams(), Some(17));
    assert_eq!(pair.b.machine.sctp.incoming_streams(), Some(15));
    assert_eq!(pair.b.machine.sctp.outgoing_streams(), Some(17));
    let added = |outgoing, incoming| Event::StreamsAdded { outgoing, incoming };
    for (events, mine, theirs) in [(&pair.a.events, 5, 7), (&pair.b.events, 7, 5)] {
        assert!(events.iter().any(|(_, event)| *event == added(mine, 0)));
        assert!(events.iter().any(|(_, event)| *event == added(0, theirs)));
    }
    let now = pair.now();
    pair.a.machine.sctp.send(now, message(14, "there")).unwrap();
    pair.b.machine.sctp.send(now, message(16, "back")).unwrap();
    pair.run_for(SEC);
    assert_eq!((pair.b.machine.inbox.len(), pair.a.machine.inbox.len()), (1, 1));
}

//= rfc6525#4.6
//= type=test
//= rfc6525#5.2.6
//= type=test
#[test]
fn more_streams_than_sixteen_bits_hold_are_denied() {
    let mut manual = open();
    let full = manual.sctp.incoming_streams().unwrap();
    manual.chunks(&[add(17, PEER_TSN, u16::MAX - full + 1)]).unwrap();
    let answer = manual.drain_kind(130).remove(0).1;
    assert_eq!((be32(&answer, 4), be32(&answer, 8)), (PEER_TSN, 2));
    assert_eq!(manual.sctp.incoming_streams(), Some(full));
    let have = manual.sctp.outgoing_streams().unwrap();
    let more = u16::MAX - have + 1;
    let too_many = Err(ResetError::TooManyStreams { have, more });
    assert_eq!(manual.sctp.add_streams(manual.now, more, 0), too_many);
    // Answered again when it is asked again, and nothing is added twice.
    manual.chunks(&[add(17, PEER_TSN + 1, 3)]).unwrap();
    manual.chunks(&[add(17, PEER_TSN + 1, 3)]).unwrap();
    assert_eq!(manual.sctp.incoming_streams(), Some(full + 3));
    let answers = manual.drain_kind(130);
    assert_eq!(be32(&answers.last().unwrap().1, 8), 1);
    // A request for ours is followed by our own.
    manual.chunks(&[add(18, PEER_TSN + 2, 2)]).unwrap();
    let own = manual.drain_kind(130);
    assert!(own.iter().any(|(_, value)| value[..2] == [0, 17] && value[8..10] == [0, 2]));
}

//= rfc6525#5.1.3
//= type=test
#[test]
fn the_peer_resets_what_it_is_asked_to() {
    let mut pair = common::connected(Config::default(), 5 * MS);
    let now = pair.now();
    pair.b.machine.sctp.send(now, message(4, "before")).unwrap();
    pair.run_for(SEC);
    let now = pair.now();
    pair.a.machine.sctp.ask_for_reset(now, &[4]).unwrap();
    pair.run_for(SEC);
    let reset = Event::StreamReset { streams: Box::new([4]) };
    assert!(pair.a.events.iter().any(|(_, event)| *event == reset));
}
