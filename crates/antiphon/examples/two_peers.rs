//! Both ends in one process: a data channel, and an echo over it.
//!
//! `cargo run -p antiphon --example two_peers`
#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use antiphon::{Event, Events, PeerConnection, configuration};

/// Carries candidates from one peer to the other: in real life, over your signalling.
async fn carry(mut from: Events, to: PeerConnection) {
    while let Some(event) = from.next().await {
        if let Event::IceCandidate(candidate) = event {
            let _ = to.add_ice_candidate(candidate).await;
        }
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut config = configuration();
    config.include_loopback = true;
    let alice = PeerConnection::new(config.clone())?;
    let bob = PeerConnection::new(config)?;

    bob.on_data_channel(|mut channel| {
        tokio::spawn(async move {
            while let Some(message) = channel.recv().await {
                println!("bob heard {message:?}");
                let _ = channel.send(message).await;
            }
        });
    });

    // Alice offers, Bob answers.
    let mut channel = alice.create_data_channel("echo", Default::default()).await?;
    alice.set_local_description(None).await?;
    let offer = alice.local_description().ok_or(antiphon::Error::Closed)?;
    bob.set_remote_description(offer).await?;
    tokio::spawn(carry(alice.events(), bob.clone()));
    bob.set_local_description(None).await?;
    let answer = bob.local_description().ok_or(antiphon::Error::Closed)?;
    alice.set_remote_description(answer).await?;
    tokio::spawn(carry(bob.events(), alice.clone()));

    channel.opened().await?;
    channel.send_text("Hallo Echo").await?;
    println!("alice heard {:?}", channel.recv().await);

    alice.close().await;
    Ok(())
}
