//! Data channels between two peers, through sockets.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a failed expectation is a failed test"
)]

mod common;

use std::time::Duration;

use antiphon::{DataChannelInit, DataChannelState, Error, Message, PeerConnection};
use bytes::Bytes;
use common::{carry, local, pair, pair_with, soon};
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

#[tokio::test]
async fn text_bytes_and_nothing_arrive_as_they_were_sent() -> Result<(), Error> {
    let (_alice, _bob, mut ours, mut theirs) = soon(pair()).await?;
    for message in [
        Message::from("Grüße"),
        Message::from(""),
        Message::from(vec![0, 255]),
        Message::from(Bytes::new()),
    ] {
        ours.send(message.clone()).await?;
        assert_eq!(soon(theirs.recv()).await, Some(message.clone()));
        theirs.send(message.clone()).await?;
        assert_eq!(soon(ours.recv()).await, Some(message));
    }
    Ok(())
}

#[tokio::test]
async fn every_mode_opens_and_carries_messages() -> Result<(), Error> {
    let (alice, bob, _ours, _theirs) = soon(pair()).await?;
    let (found, mut opened) = tokio::sync::mpsc::unbounded_channel();
    bob.on_data_channel(move |channel| drop(found.send(channel)));
    for ordered in [true, false] {
        for (max_retransmits, life_time) in
            [(None, None), (Some(0), None), (Some(3), None), (None, Some(5)), (None, Some(5000))]
        {
            let init = DataChannelInit {
                ordered,
                max_retransmits,
                max_packet_life_time: life_time.map(Duration::from_millis),
                ..Default::default()
            };
            let mut ours = alice.create_data_channel("mode", init.clone()).await?;
            let mut theirs = soon(opened.recv()).await.expect("a channel");
            assert_eq!(theirs.init(), init);
            theirs.send_text("hello").await?;
            assert_eq!(soon(ours.recv()).await, Some("hello".into()));
            ours.send_text("hello back").await?;
            assert_eq!(soon(theirs.recv()).await, Some("hello back".into()));
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_channel_is_a_stream_and_a_sink() -> Result<(), Error> {
    let (_alice, _bob, mut ours, theirs) = soon(pair()).await?;
    let messages: Vec<Message> = (0..1000).map(|n| Message::from(n.to_string())).collect();
    let all = messages.clone();
    let sending = tokio::spawn(async move {
        let mut all = futures_util::stream::iter(all.into_iter().map(Ok));
        ours.send_all(&mut all).await?;
        futures_util::SinkExt::<Message>::close(&mut ours).await
    });
    let received: Vec<Message> = soon(theirs.collect()).await;
    assert_eq!(received, messages);
    soon(sending).await.expect("no panic")
}

#[tokio::test]
async fn bytes_are_read_as_they_were_written() -> std::io::Result<()> {
    let (_alice, _bob, mut ours, mut theirs) = soon(pair()).await.map_err(std::io::Error::other)?;
    let written: Vec<u8> =
        (0..3_000_000_u32).map(|n| n.to_le_bytes()[0] ^ n.to_le_bytes()[1]).collect();
    let copy = written.clone();
    let writing = tokio::spawn(async move {
        ours.write_all(&copy).await?;
        ours.shutdown().await
    });
    let mut read = Vec::new();
    soon(theirs.read_to_end(&mut read)).await?;
    assert!(read == written, "{} of {} bytes", read.len(), written.len());
    soon(writing).await.expect("no panic")
}

#[tokio::test]
async fn a_slow_reader_stops_the_sender_and_loses_nothing() -> Result<(), Error> {
    let (_alice, _bob, ours, mut theirs) = soon(pair()).await?;
    let block = Bytes::from(vec![7; 65_536]);
    let sent = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let counter = std::sync::Arc::clone(&sent);
    let sending = tokio::spawn(async move {
        for _ in 0..400 {
            ours.send(block.clone()).await?;
            counter.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        }
        Ok::<_, Error>(ours)
    });
    tokio::time::sleep(Duration::from_millis(500)).await;
    let stopped_at = sent.load(std::sync::atomic::Ordering::Relaxed);
    assert!(stopped_at < 200, "{stopped_at} blocks of 64 KiB went out, and nobody read");
    for _ in 0..400 {
        assert_eq!(soon(theirs.recv()).await.map(|m| m.into_bytes().len()), Some(65_536));
    }
    soon(sending).await.expect("no panic")?;
    Ok(())
}

#[tokio::test]
async fn messages_over_half_of_the_send_buffer_wait_for_their_turn() -> Result<(), Error> {
    let config = || {
        let mut config = local();
        config.send_buffer_bytes = 100_000;
        config
    };
    let (_alice, _bob, ours, mut theirs) = soon(pair_with(config)).await?;
    let second = ours.clone();
    let sending = tokio::spawn(async move {
        for _ in 0..20 {
            let (first, second) = tokio::join!(
                ours.send(vec![7; 60_000]),
                // Longer than the whole buffer: its turn is when that is empty.
                second.send(vec![7; 150_000]),
            );
            first.and(second)?;
        }
        Ok::<_, Error>(ours)
    });
    let mut received = 0;
    for _ in 0..40 {
        received += soon(theirs.recv()).await.map_or(0, |message| message.into_bytes().len());
    }
    assert_eq!(received, 20 * (60_000 + 150_000));
    soon(sending).await.expect("no panic")?;
    Ok(())
}

#[tokio::test]
async fn dropping_a_handle_closes_what_it_owns() -> Result<(), Error> {
    let (alice, bob, ours, mut theirs) = soon(pair()).await?;
    drop(ours);
    assert_eq!(soon(theirs.recv()).await, None);
    assert_eq!(theirs.ready_state(), DataChannelState::Closed);
    let mut other = alice.create_data_channel("other", Default::default()).await?;
    soon(other.opened()).await?;
    soon(bob.close()).await;
    assert_eq!(soon(other.recv()).await, None);
    soon(alice.close()).await;
    assert!(matches!(other.send_text("too late").await, Err(Error::Closed)));
    Ok(())
}

#[tokio::test]
async fn a_sender_is_told_when_little_is_left_to_send() -> Result<(), Error> {
    let (_alice, _bob, ours, mut theirs) = soon(pair()).await?;
    for _ in 0..40 {
        ours.try_send(vec![1; 65_536])?;
    }
    assert!(ours.buffered_amount() > 500_000, "{}", ours.buffered_amount());
    let reading = tokio::spawn(async move {
        for _ in 0..40 {
            soon(theirs.recv()).await.expect("a message");
        }
        theirs
    });
    soon(ours.buffered_amount_low(100_000)).await?;
    assert!(ours.buffered_amount() <= 100_000, "{}", ours.buffered_amount());
    soon(ours.buffered_amount_low(0)).await?;
    assert_eq!(ours.buffered_amount(), 0);
    reading.await.expect("no panic");
    Ok(())
}

#[tokio::test]
async fn a_reader_is_sent_to_its_end_with_little_in_memory() -> std::io::Result<()> {
    let (_alice, _bob, ours, mut theirs) = soon(pair()).await.map_err(std::io::Error::other)?;
    // Four times what waits at most; the last message is not full.
    let all: Vec<u8> =
        (0..4_200_001_u32).map(|n| n.to_le_bytes()[0] ^ n.to_le_bytes()[1]).collect();
    let (reader, mut writer) = tokio::io::duplex(10_000);
    let copy = all.clone();
    let written = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let counter = std::sync::Arc::clone(&written);
    let writing = tokio::spawn(async move {
        for part in copy.chunks(7_777) {
            writer.write_all(part).await?;
            counter.fetch_add(part.len(), std::sync::atomic::Ordering::Relaxed);
        }
        writer.shutdown().await
    });
    let sending = tokio::spawn(async move {
        let sent = ours.send_stream(reader).await?;
        ours.close().await;
        Ok::<_, std::io::Error>(sent)
    });
    tokio::time::sleep(Duration::from_millis(500)).await;
    let stopped_at = written.load(std::sync::atomic::Ordering::Relaxed);
    assert!(stopped_at < 4_100_000, "{stopped_at} bytes were read, and nobody takes them");
    let (mut read, mut messages) = (Vec::new(), 0);
    while let Some(message) = soon(theirs.recv()).await {
        read.extend_from_slice(&message.into_bytes());
        messages += 1;
    }
    assert!(read == all, "{} of {} bytes", read.len(), all.len());
    assert_eq!(messages, all.len().div_ceil(65_536), "messages are full");
    assert_eq!(soon(sending).await.expect("no panic")?, all.len() as u64);
    soon(writing).await.expect("no panic")
}

#[tokio::test]
async fn a_stream_is_cut_to_what_the_peer_takes() -> std::io::Result<()> {
    let other = std::io::Error::other::<Error>;
    let (alice, bob) = (
        PeerConnection::new(local()).map_err(other)?,
        PeerConnection::new(local()).map_err(other)?,
    );
    let (found, mut opened) = tokio::sync::mpsc::unbounded_channel();
    bob.on_data_channel(move |channel| drop(found.send(channel)));
    let ours = alice.create_data_channel("file", Default::default()).await.map_err(other)?;
    let limited = async {
        alice.set_local_description(None).await?;
        bob.set_remote_description(alice.local_description().expect("an offer")).await?;
        bob.set_local_description(None).await?;
        let mut answer = bob.local_description().expect("an answer");
        answer.sdp = answer.sdp.replace("a=max-message-size:262144", "a=max-message-size:10000");
        alice.set_remote_description(answer).await?;
        tokio::join!(carry(alice.events(), bob.clone()), carry(bob.events(), alice.clone()));
        ours.opened().await
    };
    soon(limited).await.map_err(other)?;
    let mut theirs = soon(opened.recv()).await.expect("a channel");
    assert_eq!(soon(ours.send_stream(&[7; 100_001][..])).await?, 100_001);
    assert_eq!(soon(ours.send_stream(tokio::io::empty())).await?, 0);
    let mut lens = Vec::new();
    while lens.iter().sum::<usize>() < 100_001 {
        lens.push(soon(theirs.recv()).await.expect("a message").into_bytes().len());
    }
    assert!(lens.iter().all(|len| (1..=10_000).contains(len)), "{lens:?}");
    soon(theirs.close()).await;
    let error = soon(ours.send_stream(&[7; 100][..])).await.expect_err("closed");
    assert_eq!(error.kind(), std::io::ErrorKind::BrokenPipe);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn larger_messages_and_an_opening_without_a_handshake_are_options() -> Result<(), Error> {
    let (alice, _bob, ours, mut theirs) = pair_with(|| {
        let mut config = local();
        config.max_message_bytes = 1 << 20;
        config.sctp_snap = true;
        config
    })
    .await?;
    let offer = alice.local_description().expect("an offer").sdp;
    assert!(offer.contains("a=max-message-size:1048576"), "{offer}");
    assert!(offer.contains("a=sctp-init:"), "{offer}");
    let message = Bytes::from(vec![7; 1 << 20]);
    soon(ours.send(message.clone())).await?;
    assert_eq!(soon(theirs.recv()).await, Some(Message::Binary(message)));
    Ok(())
}
