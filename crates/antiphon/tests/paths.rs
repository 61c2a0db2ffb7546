//! Other ways than UDP between addresses: TCP, and addresses behind names.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::wildcard_enum_match_arm,
    reason = "a failed expectation is a failed test"
)]

mod common;

use std::time::Duration;

use antiphon::{Configuration, Error, Event, Events, Mdns, PeerConnection, configuration};
use bytes::Bytes;
use common::{local, negotiate, soon};

/// Carries those candidates of one generation that `wanted` holds for, and tells all.
async fn carry_some(mut from: Events, to: PeerConnection, wanted: fn(&str) -> bool) -> Vec<String> {
    let mut all = Vec::new();
    while let Some(event) = from.next().await {
        if let Event::IceCandidate(candidate) = event {
            let text = candidate.candidate.clone();
            if text.is_empty() || wanted(&text) {
                let _ = to.add_ice_candidate(candidate).await;
            }
            if text.is_empty() {
                return all;
            }
            all.push(text);
        }
    }
    all
}

/// Connects two peers by the candidates that `wanted` holds for, and exchanges a megabyte.
async fn call(
    configs: [Configuration; 2],
    wanted: fn(&str) -> bool,
) -> Result<[Vec<String>; 2], Error> {
    let [alice, bob] = configs.map(|config| PeerConnection::new(config).expect("a connection"));
    bob.on_data_channel(|mut channel| {
        tokio::spawn(async move {
            while let Some(message) = channel.recv().await {
                let _ = channel.send(message).await;
            }
        });
    });
    let mut channel = alice.create_data_channel("data", Default::default()).await?;
    negotiate(&alice, &bob).await?;
    let (ours, theirs) = soon(async {
        tokio::join!(
            carry_some(alice.events(), bob.clone(), wanted),
            carry_some(bob.events(), alice.clone(), wanted)
        )
    })
    .await;
    for peer in [&alice, &bob] {
        let connected = tokio::time::timeout(Duration::from_secs(20), peer.connected()).await;
        assert!(
            matches!(connected, Ok(Ok(()))),
            "{connected:?}: {}\n{:#?}",
            peer.diagnose(),
            peer.ice_trace()
        );
    }
    let message = Bytes::from(vec![7; 100_000]);
    for _ in 0..10 {
        soon(channel.send(message.clone())).await?;
    }
    for _ in 0..10 {
        let echo = soon(channel.recv()).await.expect("an echo");
        assert_eq!(echo.into_bytes(), message);
    }
    soon(alice.close()).await;
    Ok([ours, theirs])
}

fn tcp() -> Configuration {
    let mut config = local();
    config.ice_tcp = true;
    config
}

#[tokio::test]
async fn peers_meet_over_tcp_where_udp_is_not_told_of() -> Result<(), Error> {
    for all in call([tcp(), tcp()], |text| text.contains(" tcp ")).await? {
        assert!(all.iter().any(|text| text.contains("tcptype passive")), "{all:?}");
        assert!(all.iter().any(|text| text.contains("tcptype active")), "{all:?}");
    }
    Ok(())
}

fn hidden() -> Configuration {
    let mut config = configuration();
    config.mdns = Mdns::Hide;
    config
}

#[tokio::test]
async fn peers_that_hide_their_addresses_meet_by_their_names() -> Result<(), Error> {
    // On a machine that has no address but loopback there is nothing to hide.
    let probe = PeerConnection::new(configuration())?;
    probe.create_data_channel("data", Default::default()).await?;
    probe.set_local_description(None).await?;
    let mut events = probe.events();
    let mut hosts = Vec::new();
    while let Some(event) = soon(events.next()).await {
        match event {
            Event::IceCandidate(candidate) if candidate.candidate.is_empty() => break,
            Event::IceCandidate(candidate) => {
                hosts.push(candidate.candidate.split(' ').nth(4).unwrap().to_owned());
            }
            _ => {}
        }
    }
    if hosts.iter().all(|host| host.starts_with("127.") || host == "::1") {
        eprintln!("SKIPPED: no address but loopback");
        return Ok(());
    }
    let shown = call([hidden(), hidden()], |_| true).await?;
    for candidate in shown.iter().flatten() {
        let host = candidate.split(' ').nth(4).unwrap();
        assert!(host.ends_with(".local"), "{candidate}");
        assert!(!hosts.iter().any(|host| candidate.contains(host.as_str())), "{candidate}");
    }
    assert!(shown.iter().all(|shown| !shown.is_empty()));
    assert!(shown[0].iter().all(|one| !shown[1].contains(one)), "a name links two connections");

    // One that hides, and one that does not; the names are resolved by default.
    call([hidden(), configuration()], |_| true).await?;
    Ok(())
}

#[tokio::test]
async fn without_names_one_that_hides_is_not_found() -> Result<(), Error> {
    let mut config = configuration();
    config.mdns = Mdns::Off;
    let connection = PeerConnection::new(config)?;
    let hidden = PeerConnection::new(hidden())?;
    hidden.create_data_channel("data", Default::default()).await?;
    negotiate(&hidden, &connection).await?;
    soon(carry_some(hidden.events(), connection.clone(), |_| true)).await;
    assert_eq!(connection.diagnose().remote, 0, "{}", connection.diagnose());
    Ok(())
}
