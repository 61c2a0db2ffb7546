//! Audio and video between two peers, through sockets.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a failed expectation is a failed test"
)]

mod common;

use antiphon::peerconnection::{Error as Refused, InvalidModification, OperationError};
use antiphon::{
    Codec, Direction, Error, Event, Events, Kind, PeerConnection, RtpOutgoing, RtpReceiver,
    RtpSender, TrackEvent, Transceiver, TransceiverInit,
};
use common::{carry, connect, local, negotiate, soon};

/// A call: Alice offers audio and video, Bob sends both back.
struct Call {
    alice: PeerConnection,
    bob: PeerConnection,
    /// Audio, video.
    ours: [Transceiver; 2],
    theirs: [Transceiver; 2],
    events: Events,
}

async fn call() -> Result<Call, Error> {
    let (alice, bob) = (PeerConnection::new(local())?, PeerConnection::new(local())?);
    let (found, mut track) = tokio::sync::mpsc::unbounded_channel();
    alice.on_track(move |event| drop(found.send(event)));
    let init = || TransceiverInit { stream_ids: vec!["camera".into()], ..Default::default() };
    let audio = alice.add_transceiver(Kind::Audio, init()).await?;
    let video = alice.add_transceiver(Kind::Video, init()).await?;
    alice.set_local_description(None).await?;
    bob.set_remote_description(alice.local_description().expect("an offer")).await?;
    let theirs: [Transceiver; 2] = bob.transceivers().try_into().expect("two transceivers");
    for transceiver in &theirs {
        assert_eq!(transceiver.direction(), Direction::RecvOnly);
        transceiver.set_direction(Direction::SendRecv)?;
    }
    bob.set_local_description(None).await?;
    alice.set_remote_description(bob.local_description().expect("an answer")).await?;
    let (mut tracks, mut from_bob) = (Vec::new(), bob.events());
    let carrying = async {
        while let Some(event) = from_bob.next().await {
            if let Event::IceCandidate(candidate) = event {
                let last = candidate.candidate.is_empty();
                alice.add_ice_candidate(candidate).await?;
                if last {
                    break;
                }
            } else if let Event::Track(track) = event {
                tracks.push(track);
            }
        }
        Ok::<_, Error>(from_bob)
    };
    let (_, events) = tokio::join!(carry(alice.events(), bob.clone()), carrying);
    let events = events?;
    alice.connected().await?;
    bob.connected().await?;
    for transceiver in [&audio, &video] {
        let track = track.recv().await.expect("a track of the answer");
        assert_eq!(track.transceiver.id(), transceiver.id());
    }
    let kinds: Vec<_> = tracks.iter().map(|track| track.transceiver.kind()).collect();
    assert_eq!(kinds, [Some(Kind::Audio), Some(Kind::Video)]);
    assert!(tracks.iter().all(|track| track.stream_ids == ["camera"]));
    Ok(Call { alice, bob, ours: [audio, video], theirs, events })
}

fn payload_type(transceiver: &Transceiver) -> u8 {
    transceiver.codecs().first().expect("a codec").payload_type
}

/// Sends, and lets the connections work when they hold all they may.
async fn send(sender: &RtpSender, payload_type: u8, number: u32) -> Result<(), Error> {
    let payload = number.to_be_bytes();
    let packet =
        RtpOutgoing { payload_type, marker: true, timestamp: number * 3000, payload: &payload };
    loop {
        match sender.send(packet) {
            Err(Error::Connection(Refused::Operation(OperationError::BufferFull { .. }))) => {
                tokio::task::yield_now().await;
            }
            result => return result,
        }
    }
}

/// Expects packets with these numbers.
async fn expect(receiver: &RtpReceiver, payload_type: u8, numbers: std::ops::Range<u32>) {
    for number in numbers {
        let packet = soon(receiver.recv()).await.expect("a packet");
        assert_eq!(*packet.payload, number.to_be_bytes());
        assert_eq!(packet.payload_type, payload_type);
        assert!(packet.marker);
    }
}

async fn next_track(events: &mut Events) -> TrackEvent {
    loop {
        if let Event::Track(track) = soon(events.next()).await.expect("an event") {
            return track;
        }
    }
}

#[tokio::test]
async fn audio_and_video_flow_both_ways() -> Result<(), Error> {
    let Call { alice: _alice, bob: _bob, ours, theirs, .. } = soon(call()).await?;
    for (ours, theirs) in ours.iter().zip(&theirs) {
        assert_eq!(ours.mid(), theirs.mid());
        assert_eq!(ours.current_direction(), Some(Direction::SendRecv));
        for (from, to) in [(ours, theirs), (theirs, ours)] {
            let (sender, receiver, number) = (from.sender(), to.receiver(), payload_type(from));
            let sending = async {
                for n in 0..200 {
                    send(&sender, number, n).await?;
                    tokio::task::yield_now().await;
                }
                Ok::<_, Error>(())
            };
            let (sent, ()) = tokio::join!(sending, expect(&receiver, number, 0..200));
            sent?;
            assert_eq!(receiver.missed(), 0);
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_key_frame_is_asked_for() -> Result<(), Error> {
    let Call { alice: _alice, bob, ours: [_, ours], theirs: [_, theirs], .. } =
        soon(call()).await?;
    let (sender, receiver) = (ours.sender(), theirs.receiver());
    send(&sender, payload_type(&ours), 0).await?;
    expect(&receiver, payload_type(&ours), 0..1).await;
    receiver.request_key_frame();
    assert!(soon(sender.key_frame_requested()).await);
    // Once is once.
    let waiting = tokio::spawn(async move { sender.key_frame_requested().await });
    tokio::task::yield_now().await;
    assert!(!waiting.is_finished());
    soon(bob.close()).await;
    assert!(!soon(waiting).await.expect("no panic"));
    Ok(())
}

// attack: an application that does not read must not make memory grow
#[tokio::test]
async fn a_reader_that_falls_behind_misses_the_oldest() -> Result<(), Error> {
    let Call { alice: _alice, bob: _bob, ours: [ours, _], theirs: [theirs, _], .. } =
        soon(call()).await?;
    let (sender, receiver, number) = (ours.sender(), theirs.receiver(), payload_type(&ours));
    for n in 0..1500 {
        send(&sender, number, n).await?;
        tokio::task::yield_now().await;
    }
    soon(async {
        while receiver.missed() < 1500 - 1024 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    expect(&receiver, number, 1500 - 1024..1500).await;
    assert_eq!(receiver.missed(), 1500 - 1024);
    Ok(())
}

#[tokio::test]
async fn receivers_of_a_track_share_it_and_keep_nothing_when_they_are_gone() -> Result<(), Error> {
    let Call { alice: _alice, bob, ours: [ours, _], theirs: [theirs, _], .. } =
        soon(call()).await?;
    let (sender, number) = (ours.sender(), payload_type(&ours));
    let (first, second) = (theirs.receiver(), theirs.receiver());
    for n in 0..2 {
        send(&sender, number, n).await?;
    }
    expect(&first, number, 0..1).await;
    expect(&second, number, 1..2).await;
    drop((first, second));
    // This one arrives while nobody could read it.
    send(&sender, number, 2).await?;
    soon(async {
        while bob.stats().inbound_rtp.iter().map(|stats| stats.packets_received).sum::<u64>() < 3 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let last = theirs.receiver();
    send(&sender, number, 3).await?;
    expect(&last, number, 3..4).await;
    // A wait that is given up takes no packet with it.
    assert!(tokio::time::timeout(std::time::Duration::ZERO, last.recv()).await.is_err());
    send(&sender, number, 4).await?;
    expect(&last, number, 4..5).await;
    Ok(())
}

#[tokio::test]
async fn a_transceiver_that_is_stopped_ends_on_both_sides() -> Result<(), Error> {
    let Call { alice, bob, ours: [ours, video], theirs: [theirs, _], mut events } =
        soon(call()).await?;
    let (receiver, sender) = (theirs.receiver(), theirs.sender());
    let reading = tokio::spawn(async move { receiver.recv().await });
    let asking = tokio::spawn(async move { sender.key_frame_requested().await });
    let (our_receiver, our_sender, number) = (ours.receiver(), ours.sender(), payload_type(&ours));
    ours.stop()?;
    assert_eq!(soon(our_receiver.recv()).await, None);
    assert!(!soon(our_sender.key_frame_requested()).await);
    soon(negotiate(&alice, &bob)).await?;
    assert_eq!(soon(reading).await.expect("no panic"), None);
    assert!(!soon(asking).await.expect("no panic"));
    assert_eq!(theirs.current_direction(), Some(Direction::Stopped));
    assert!(theirs.set_direction(Direction::SendRecv).is_err());
    assert!(send(&our_sender, number, 0).await.is_err());
    while !matches!(soon(events.next()).await.expect("an event"), Event::TrackRemoved(_)) {}
    // The other one goes on.
    send(&video.sender(), payload_type(&video), 7).await?;
    assert_eq!((alice.transceivers().len(), bob.transceivers().len()), (1, 1));
    Ok(())
}

#[tokio::test]
async fn a_direction_is_changed_by_another_negotiation() -> Result<(), Error> {
    let Call { alice, bob, ours: [ours, _], theirs: [theirs, _], mut events } =
        soon(call()).await?;
    let number = payload_type(&ours);
    ours.set_direction(Direction::RecvOnly)?;
    assert_eq!(ours.current_direction(), Some(Direction::SendRecv), "not negotiated yet");
    soon(negotiate(&alice, &bob)).await?;
    assert_eq!(ours.current_direction(), Some(Direction::RecvOnly));
    assert_eq!(theirs.current_direction(), Some(Direction::SendOnly));
    let refused = send(&ours.sender(), number, 0).await;
    let not_sending = Refused::Operation(OperationError::NotSending);
    assert!(matches!(refused, Err(Error::Connection(error)) if error == not_sending));
    while !matches!(soon(events.next()).await.expect("an event"), Event::TrackRemoved(_)) {}

    ours.set_direction(Direction::SendRecv)?;
    soon(negotiate(&alice, &bob)).await?;
    let track = next_track(&mut events).await;
    assert_eq!(track.transceiver.id(), theirs.id());
    send(&ours.sender(), number, 9).await?;
    expect(&track.receiver, number, 9..10).await;
    Ok(())
}

#[tokio::test]
async fn tracks_are_added_and_removed() -> Result<(), Error> {
    let (alice, bob) = (PeerConnection::new(local())?, PeerConnection::new(local())?);
    // A sender that waits for the peer's section is used for it.
    let theirs = bob.add_track(Kind::Video, Vec::new()).await?;
    let ours = alice.add_track(Kind::Video, vec!["screen".into()]).await?;
    soon(connect(&alice, &bob)).await?;
    assert_eq!(bob.transceivers().len(), 1);
    assert_eq!((theirs.mid(), ours.mid()), (ours.mid(), theirs.mid()));
    assert_eq!(theirs.current_direction(), Some(Direction::SendRecv));
    let number = payload_type(&ours);
    let receiver = theirs.receiver();
    send(&ours.sender(), number, 1).await?;
    expect(&receiver, number, 1..2).await;

    alice.remove_track(&ours).await?;
    soon(negotiate(&alice, &bob)).await?;
    assert_eq!(ours.current_direction(), Some(Direction::RecvOnly));
    assert!(send(&ours.sender(), number, 2).await.is_err());
    // A sender that has sent is not taken for another track.
    let second = alice.add_track(Kind::Video, Vec::new()).await?;
    assert_ne!(second.id(), ours.id());
    soon(negotiate(&alice, &bob)).await?;
    let theirs = bob.transceivers().pop().expect("a second one");
    assert_eq!(theirs.mid(), second.mid());
    let receiver = theirs.receiver();
    send(&second.sender(), payload_type(&second), 3).await?;
    expect(&receiver, payload_type(&second), 3..4).await;
    Ok(())
}

#[tokio::test]
async fn codec_preferences_decide_what_is_negotiated() -> Result<(), Error> {
    let Call { ours: [_, probe], .. } = soon(call()).await?;
    let media = |codec: &Codec| !["rtx", "red", "ulpfec"].contains(&codec.name.as_str());
    let mut wanted: Vec<Codec> = probe.codecs().into_iter().filter(media).collect();
    assert!(wanted.len() > 1, "{wanted:?}");
    wanted.reverse();
    wanted.truncate(2);

    let (alice, bob) = (PeerConnection::new(local())?, PeerConnection::new(local())?);
    let ours = alice.add_transceiver(Kind::Video, Default::default()).await?;
    ours.set_codec_preferences(&wanted)?;
    let foreign = Codec { name: "H266".into(), ..wanted[0].clone() };
    let unknown = Refused::InvalidModification(InvalidModification::Codec);
    let refused = ours.set_codec_preferences(&[foreign]);
    assert!(matches!(refused, Err(Error::Connection(error)) if error == unknown));
    soon(connect(&alice, &bob)).await?;
    let names = |codecs: Vec<Codec>| -> Vec<_> {
        codecs.into_iter().filter(media).map(|codec| (codec.name, codec.fmtp)).collect()
    };
    assert_eq!(names(ours.codecs()), names(wanted));
    Ok(())
}
