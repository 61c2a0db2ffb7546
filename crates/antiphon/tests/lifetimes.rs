//! How connections end, and what their handles say afterwards.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a failed expectation is a failed test"
)]

mod common;

use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use antiphon::peerconnection::{Error as Refused, InvalidState};
use antiphon::{
    ConnectionState, DataChannelState, Error, Event, Events, IceServer, Kind, PeerConnection,
    ServerError, SignalingState, configuration,
};
use common::{carry, connect, local, negotiate, pair, pair_with, soon};

fn is_closed<T>(result: Result<T, Error>) -> bool {
    matches!(result, Err(Error::Connection(Refused::InvalidState(InvalidState::Closed))))
}

#[tokio::test]
async fn the_last_handle_that_goes_closes_both_sides() -> Result<(), Error> {
    let (alice, bob, ours, mut theirs) = soon(pair()).await?;
    let second = alice.clone();
    drop(alice);
    ours.send_text("still here").await?;
    assert_eq!(soon(theirs.recv()).await, Some("still here".into()));
    drop(second);
    assert_eq!(soon(theirs.recv()).await, None);
    soon(ours.closed()).await;
    // The peer was told: it does not have to find out by silence.
    let mut events = bob.events();
    soon(async { while events.next().await.is_some() {} }).await;
    assert_eq!(bob.connection_state(), ConnectionState::Closed);
    assert_eq!(theirs.ready_state(), DataChannelState::Closed);
    Ok(())
}

#[tokio::test]
async fn whoever_waits_is_told_of_the_end() -> Result<(), Error> {
    let alice = PeerConnection::new(local())?;
    let channel = alice.create_data_channel("never", Default::default()).await?;
    let transceiver = alice.add_transceiver(Kind::Video, Default::default()).await?;
    let (sender, receiver) = (transceiver.sender(), transceiver.receiver());
    let mut events = alice.events();
    let (mut reader, writer) = (channel.clone(), channel.clone());
    let waiting = [
        tokio::spawn(async move { assert_eq!(reader.recv().await, None) }),
        tokio::spawn(async move { assert!(writer.send("never").await.is_err()) }),
        tokio::spawn(async move { assert!(channel.opened().await.is_err()) }),
        tokio::spawn(async move { while events.next().await.is_some() {} }),
        tokio::spawn(async move { assert_eq!(receiver.recv().await, None) }),
        tokio::spawn(async move { assert!(!sender.key_frame_requested().await) }),
    ];
    tokio::task::yield_now().await;
    assert!(waiting.iter().all(|task| !task.is_finished()));
    drop(alice);
    for task in waiting {
        soon(task).await.expect("the expected end");
    }
    Ok(())
}

#[tokio::test]
async fn waits_for_a_connection_end_when_it_is_closed() -> Result<(), Error> {
    let alice = PeerConnection::new(local())?;
    let other = alice.clone();
    let waiting = tokio::spawn(async move { other.connected().await });
    tokio::task::yield_now().await;
    alice.close().await;
    assert!(matches!(soon(waiting).await.expect("no panic"), Err(Error::Closed)));
    assert!(matches!(alice.connected().await, Err(Error::Closed)));
    Ok(())
}

#[tokio::test]
async fn closing_twice_changes_nothing() -> Result<(), Error> {
    let (alice, bob, ..) = soon(pair()).await?;
    soon(alice.close()).await;
    soon(alice.close()).await;
    let (first, second) = (bob.clone(), bob);
    soon(async { tokio::join!(first.close(), second.close()) }).await;
    assert_eq!(first.signaling_state(), SignalingState::Closed);
    Ok(())
}

#[tokio::test]
async fn a_closed_connection_refuses_calls_by_w3cs_names() -> Result<(), Error> {
    let (alice, bob, ours, mut theirs) = soon(pair()).await?;
    let offer = alice.create_offer(Default::default()).await?;
    let transceiver = alice.add_transceiver(Kind::Audio, Default::default()).await?;
    soon(alice.close()).await;
    assert_eq!(alice.connection_state(), ConnectionState::Closed);
    assert!(is_closed(alice.create_offer(Default::default()).await));
    assert!(is_closed(alice.create_answer().await));
    assert!(is_closed(alice.set_local_description(None).await));
    assert!(is_closed(alice.set_remote_description(offer).await));
    assert!(is_closed(alice.create_data_channel("late", Default::default()).await));
    assert!(is_closed(alice.add_transceiver(Kind::Audio, Default::default()).await));
    assert!(is_closed(alice.add_track(Kind::Audio, Vec::new()).await));
    assert!(is_closed(alice.remove_track(&transceiver).await));
    assert!(is_closed(transceiver.stop()));
    let error = alice.create_answer().await.unwrap_err();
    assert_eq!(error.name(), "InvalidStateError");
    assert_eq!(error.to_string(), "InvalidStateError: the connection is closed");
    assert!(matches!(ours.send_text("late").await, Err(Error::Closed)));
    assert!(ours.try_send("late").is_err());
    soon(ours.close()).await;
    assert_eq!(soon(theirs.recv()).await, None);
    // What only asks still answers.
    assert!(alice.transceivers().len() <= 1 && alice.stats() != bob.stats());
    alice.restart_ice();
    Ok(())
}

#[test]
fn a_runtime_that_is_shut_down_closes_its_connections() -> Result<(), Error> {
    let runtime = || tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let first = runtime();
    let (alice, bob, ours, mut theirs) = first.block_on(async { soon(pair()).await })?;
    drop(first);
    assert_eq!(alice.connection_state(), ConnectionState::Closed);
    assert_eq!(ours.ready_state(), DataChannelState::Closed);
    assert!(ours.try_send("nobody carries this").is_err());
    // No call hangs, in whatever runtime.
    runtime().block_on(async {
        assert!(matches!(alice.connected().await, Err(Error::Closed)));
        assert!(is_closed(alice.create_offer(Default::default()).await));
        soon(alice.close()).await;
        assert_eq!(soon(theirs.recv()).await, None);
        let mut events = alice.events();
        soon(async { while events.next().await.is_some() {} }).await;
    });
    // Handles are dropped outside of any.
    drop((alice, bob, ours, theirs));
    Ok(())
}

#[test]
fn there_is_no_connection_without_a_runtime() {
    let error = PeerConnection::new(local()).unwrap_err();
    assert!(matches!(error, Error::NoRuntime));
}

#[tokio::test]
async fn an_error_names_its_source() {
    let mut config = local();
    let urls = vec!["stun:example.org".into(), "stun:".into()];
    config.ice_servers.push(IceServer { urls, ..IceServer::default() });
    let error = PeerConnection::new(config).unwrap_err();
    assert!(matches!(error, Error::Server { index: 0, url: 1, error: ServerError::Url(_) }));
    assert_eq!(error.name(), "SyntaxError");
    let source = std::error::Error::source(&error).expect("a source");
    assert_eq!(source.to_string(), "no host");
}

#[tokio::test]
async fn events_are_kept_until_they_are_read_and_end() -> Result<(), Error> {
    let (alice, bob, ..) = soon(pair()).await?;
    let extra = alice.create_data_channel("extra", Default::default()).await?;
    soon(extra.opened()).await?;
    soon(alice.close()).await;
    soon(bob.close()).await;
    let mut events = alice.events();
    let mut connected = 0;
    while let Some(event) = soon(events.next()).await {
        connected +=
            usize::from(matches!(event, Event::ConnectionStateChange(ConnectionState::Connected)));
    }
    assert_eq!(connected, 1);
    assert!(soon(alice.events().next()).await.is_none());
    Ok(())
}

#[tokio::test]
async fn a_handler_is_called_instead_of_the_event() -> Result<(), Error> {
    let (alice, bob) = (PeerConnection::new(local())?, PeerConnection::new(local())?);
    let states = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&states);
    alice.on_connection_state_change(move |state| seen.lock().unwrap().push(state));
    let needed = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&needed);
    alice.on_negotiation_needed(move || {
        count.fetch_add(1, Ordering::Relaxed);
    });
    let (tracks, mut track) = tokio::sync::mpsc::unbounded_channel();
    bob.on_track(move |event| drop(tracks.send(event)));

    alice.add_transceiver(Kind::Audio, Default::default()).await?;
    soon(connect(&alice, &bob)).await?;
    assert_eq!(soon(track.recv()).await.expect("a track").transceiver.kind(), Some(Kind::Audio));
    soon(alice.close()).await;
    soon(bob.close()).await;
    assert_eq!(needed.load(Ordering::Relaxed), 1);
    assert_eq!(*states.lock().unwrap(), [ConnectionState::Connecting, ConnectionState::Connected]);
    for connection in [alice, bob] {
        let mut events = connection.events();
        while let Some(event) = soon(events.next()).await {
            assert!(!matches!(event, Event::Track(_)), "{event:?}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_handler_may_call_its_connection_and_set_handlers() -> Result<(), Error> {
    let alice = PeerConnection::new(local())?;
    let (done, mut is_done) = tokio::sync::mpsc::unbounded_channel();
    let inner = alice.clone();
    alice.on_negotiation_needed(move || {
        let done = done.clone();
        assert_eq!(inner.signaling_state(), SignalingState::Stable);
        inner.on_negotiation_needed(|| {});
        inner.on_ice_candidate(move |_| done.send(()).unwrap_or_default());
    });
    alice.create_data_channel("any", Default::default()).await?;
    // The handler runs in the connection's task.
    while alice.local_description().is_none() {
        tokio::task::yield_now().await;
        alice.set_local_description(None).await?;
    }
    soon(is_done.recv()).await.expect("a candidate");
    Ok(())
}

#[tokio::test]
async fn handlers_go_with_their_connection() -> Result<(), Error> {
    let alice = PeerConnection::new(local())?;
    let held = Arc::new(());
    let (cycle, kept) = (alice.clone(), Arc::clone(&held));
    alice.on_track(move |_| drop((cycle.clone(), Arc::clone(&kept))));
    assert_eq!(Arc::strong_count(&held), 2);
    soon(alice.close()).await;
    soon(async {
        while Arc::strong_count(&held) > 1 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let kept = Arc::clone(&held);
    alice.on_track(move |_| drop(Arc::clone(&kept)));
    assert_eq!(Arc::strong_count(&held), 1, "nothing will call it");
    Ok(())
}

#[tokio::test]
async fn a_handler_that_panics_ends_the_connection() -> Result<(), Error> {
    let (alice, bob, ours, mut theirs) = soon(pair()).await?;
    bob.on_data_channel(|_| panic!("this is expected"));
    alice.create_data_channel("fatal", Default::default()).await?;
    assert_eq!(soon(theirs.recv()).await, None);
    assert!(matches!(bob.connected().await, Err(Error::Closed)));
    drop(ours);
    Ok(())
}

/// The addresses of all candidates of a connection.
async fn candidates(mut events: Events) -> Vec<IpAddr> {
    let mut addresses = Vec::new();
    while let Some(event) = soon(events.next()).await {
        let Event::IceCandidate(candidate) = event else { continue };
        match candidate.candidate.split(' ').nth(4) {
            Some(address) => addresses.push(address.parse().unwrap()),
            None => break,
        }
    }
    addresses
}

#[tokio::test]
async fn loopback_is_no_candidate_unless_it_is_asked_for() -> Result<(), Error> {
    let mut config = configuration();
    let connection = PeerConnection::new(config.clone())?;
    connection.create_data_channel("any", Default::default()).await?;
    connection.set_local_description(None).await?;
    let by_default = candidates(connection.events()).await;
    let loopback = by_default.iter().filter(|address| address.is_loopback()).count();
    // Where there is nothing else, there is nothing else.
    assert!(loopback == 0 || loopback == by_default.len(), "{by_default:?}");

    config.include_loopback = true;
    let connection = PeerConnection::new(config)?;
    connection.create_data_channel("any", Default::default()).await?;
    connection.set_local_description(None).await?;
    let asked = candidates(connection.events()).await;
    assert!(asked.iter().any(IpAddr::is_loopback), "{asked:?}");
    Ok(())
}

#[tokio::test]
async fn only_named_addresses_are_bound() -> Result<(), Error> {
    let mut config = configuration();
    // The second cannot be bound here, and does not keep the first from being used.
    config.addresses = Some(["127.0.0.1", "192.0.2.1"].map(|ip| ip.parse().unwrap()).into());
    let connection = PeerConnection::new(config)?;
    connection.create_data_channel("any", Default::default()).await?;
    connection.set_local_description(None).await?;
    let found = candidates(connection.events()).await;
    assert_eq!(found, ["127.0.0.1".parse::<IpAddr>().unwrap()]);
    Ok(())
}

#[tokio::test]
async fn peers_meet_over_ipv6() -> Result<(), Error> {
    let v6 = || {
        let mut config = configuration();
        config.addresses = Some(vec![Ipv6Addr::LOCALHOST.into()]);
        config
    };
    if std::net::UdpSocket::bind((Ipv6Addr::LOCALHOST, 0)).is_err() {
        return Ok(());
    }
    let (_alice, _bob, ours, mut theirs) = soon(pair_with(v6)).await?;
    ours.send_text("six").await?;
    assert_eq!(soon(theirs.recv()).await, Some("six".into()));
    Ok(())
}

// attack: a datagram to a port where nobody listens comes back as an ICMP error
#[tokio::test]
async fn unreachable_candidates_do_no_harm() -> Result<(), Error> {
    let (alice, bob) = (PeerConnection::new(local())?, PeerConnection::new(local())?);
    let ours = alice.create_data_channel("first", Default::default()).await?;
    negotiate(&alice, &bob).await?;
    for (port, address) in [(9, "127.0.0.1"), (9, "240.0.0.1"), (9, "2001:db8::1")] {
        let candidate = format!("candidate:1 1 udp 2130706431 {address} {port} typ host");
        let candidate = antiphon::IceCandidate {
            candidate,
            sdp_mid: None,
            sdp_m_line_index: Some(0),
            username_fragment: None,
        };
        alice.add_ice_candidate(candidate).await?;
    }
    tokio::join!(carry(alice.events(), bob.clone()), carry(bob.events(), alice.clone()));
    soon(alice.connected()).await?;
    soon(ours.opened()).await?;
    Ok(())
}
