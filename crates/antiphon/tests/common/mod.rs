//! Two peers in one process, connected over loopback.
#![allow(dead_code, reason = "each test takes what it needs")]

use std::time::Duration;

use antiphon::{Configuration, DataChannel, Error, Event, Events, PeerConnection, configuration};

/// A configuration that stays on this machine.
pub(crate) fn local() -> Configuration {
    let mut config = configuration();
    config.addresses = Some(vec![std::net::Ipv4Addr::LOCALHOST.into()]);
    config
}

/// Ten seconds are more than anything here takes.
pub(crate) async fn soon<T>(wait: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(10), wait).await.expect("it takes too long")
}

/// Carries one generation of candidates from one peer to the other.
pub(crate) async fn carry(mut from: Events, to: PeerConnection) {
    while let Some(event) = from.next().await {
        if let Event::IceCandidate(candidate) = event {
            let last = candidate.candidate.is_empty();
            let _ = to.add_ice_candidate(candidate).await;
            if last {
                return;
            }
        }
    }
}

/// Lets `alice` offer and `bob` answer.
pub(crate) async fn negotiate(alice: &PeerConnection, bob: &PeerConnection) -> Result<(), Error> {
    alice.set_local_description(None).await?;
    bob.set_remote_description(alice.local_description().expect("an offer")).await?;
    bob.set_local_description(None).await?;
    alice.set_remote_description(bob.local_description().expect("an answer")).await
}

/// As [`negotiate`], with the candidates, and waits until the peers are connected.
pub(crate) async fn connect(alice: &PeerConnection, bob: &PeerConnection) -> Result<(), Error> {
    negotiate(alice, bob).await?;
    tokio::join!(carry(alice.events(), bob.clone()), carry(bob.events(), alice.clone()));
    alice.connected().await?;
    bob.connected().await
}

/// Two connected peers, a channel of the first, and the other end of it.
pub(crate) async fn pair_with(
    config: impl Fn() -> Configuration,
) -> Result<(PeerConnection, PeerConnection, DataChannel, DataChannel), Error> {
    let (alice, bob) = (PeerConnection::new(config())?, PeerConnection::new(config())?);
    let (found, mut opened) = tokio::sync::mpsc::unbounded_channel();
    bob.on_data_channel(move |channel| drop(found.send(channel)));
    let ours = alice.create_data_channel("first", Default::default()).await?;
    connect(&alice, &bob).await?;
    ours.opened().await?;
    let theirs = opened.recv().await.expect("a channel");
    Ok((alice, bob, ours, theirs))
}

/// [`pair_with`] over IPv4.
pub(crate) async fn pair()
-> Result<(PeerConnection, PeerConnection, DataChannel, DataChannel), Error> {
    pair_with(local).await
}
