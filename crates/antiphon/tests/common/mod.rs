//! Two peers in one process, connected over loopback.

use antiphon::{Configuration, DataChannel, Error, Event, Events, PeerConnection, configuration};

/// A configuration that stays on this machine.
pub(crate) fn local() -> Configuration {
    let mut config = configuration();
    config.addresses = Some(vec![std::net::Ipv4Addr::LOCALHOST.into()]);
    config
}

/// Carries candidates from one peer to the other.
async fn carry(mut from: Events, to: PeerConnection) {
    while let Some(event) = from.next().await {
        if let Event::IceCandidate(candidate) = event {
            let _ = to.add_ice_candidate(candidate).await;
        }
    }
}

/// Lets `alice` offer and `bob` answer, and waits until they are connected.
pub(crate) async fn connect(alice: &PeerConnection, bob: &PeerConnection) -> Result<(), Error> {
    alice.set_local_description(None).await?;
    bob.set_remote_description(alice.local_description().expect("an offer")).await?;
    tokio::spawn(carry(alice.events(), bob.clone()));
    bob.set_local_description(None).await?;
    alice.set_remote_description(bob.local_description().expect("an answer")).await?;
    tokio::spawn(carry(bob.events(), alice.clone()));
    alice.connected().await?;
    bob.connected().await
}

/// Two connected peers, a channel of the first, and the other end of it.
pub(crate) async fn pair() -> Result<(PeerConnection, PeerConnection, DataChannel, DataChannel), Error> {
    let (alice, bob) = (PeerConnection::new(local())?, PeerConnection::new(local())?);
    let (found, mut opened) = tokio::sync::mpsc::unbounded_channel();
    bob.on_data_channel(move |channel| drop(found.send(channel)));
    let ours = alice.create_data_channel("first", Default::default()).await?;
    connect(&alice, &bob).await?;
    ours.opened().await?;
    let theirs = opened.recv().await.expect("a channel");
    Ok((alice, bob, ours, theirs))
}
