//! Negotiating again and again: glare, restarts, new sections, while data flow.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a failed expectation is a failed test"
)]

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use antiphon::{
    DataChannelInit, Error, Event, IceCandidate, Kind, Message, PeerConnection, SdpType,
    SessionDescription, SignalingState,
};
use common::{carry, local, negotiate, pair, soon};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

enum Signal {
    Description(SessionDescription),
    Candidate(IceCandidate),
}

/// One side of perfect negotiation, webrtc-pc section 10.7: the polite one gives way.
struct Side {
    connection: PeerConnection,
    polite: bool,
    ignores: bool,
    to_peer: UnboundedSender<Signal>,
    from_peer: UnboundedReceiver<Signal>,
    /// Offers of the peer that came while ours was under way.
    collisions: Arc<AtomicUsize>,
}

impl Side {
    async fn run(mut self) -> Result<(), Error> {
        let mut events = self.connection.events();
        loop {
            // Events first: offers that could meet do.
            tokio::select! {
                biased;
                event = events.next() => match event {
                    Some(event) => self.tell(event).await?,
                    None => return Ok(()),
                },
                Some(signal) = self.from_peer.recv() => self.hear(signal).await?,
            }
        }
    }

    async fn describe(&self) -> Result<(), Error> {
        self.connection.set_local_description(None).await?;
        let description = self.connection.local_description().expect("a description");
        let _ = self.to_peer.send(Signal::Description(description));
        Ok(())
    }

    async fn tell(&self, event: Event) -> Result<(), Error> {
        if let Event::IceCandidate(candidate) = event {
            let _ = self.to_peer.send(Signal::Candidate(candidate));
        } else if matches!(event, Event::NegotiationNeeded)
            // The peer's offer may have come first; the need for ours comes again then.
            && self.connection.signaling_state() == SignalingState::Stable
        {
            self.describe().await?;
        }
        Ok(())
    }

    async fn hear(&mut self, signal: Signal) -> Result<(), Error> {
        match signal {
            Signal::Description(description) => {
                let is_offer = description.kind == SdpType::Offer;
                let collides =
                    is_offer && self.connection.signaling_state() != SignalingState::Stable;
                self.collisions.fetch_add(usize::from(collides), Ordering::Relaxed);
                self.ignores = collides && !self.polite;
                if self.ignores {
                    return Ok(());
                }
                self.connection.set_remote_description(description).await?;
                if is_offer { self.describe().await } else { Ok(()) }
            }
            Signal::Candidate(candidate) => {
                let taken = self.connection.add_ice_candidate(candidate).await;
                if self.ignores { Ok(()) } else { taken }
            }
        }
    }
}

/// Two sides at work, and how often their offers met.
fn sides(alice: &PeerConnection, bob: &PeerConnection) -> Arc<AtomicUsize> {
    let (to_bob, from_alice) = unbounded_channel();
    let (to_alice, from_bob) = unbounded_channel();
    let collisions = Arc::new(AtomicUsize::new(0));
    for (connection, polite, to_peer, from_peer) in
        [(alice, true, to_bob, from_bob), (bob, false, to_alice, from_alice)]
    {
        let side = Side {
            connection: connection.clone(),
            polite,
            ignores: false,
            to_peer,
            from_peer,
            collisions: Arc::clone(&collisions),
        };
        tokio::spawn(async move { side.run().await.expect("perfect negotiation") });
    }
    collisions
}

async fn settled(alice: &PeerConnection, bob: &PeerConnection, transceivers: usize) {
    soon(async {
        let is_settled = |connection: &PeerConnection| {
            let all = connection.transceivers();
            connection.signaling_state() == SignalingState::Stable
                && all.len() == transceivers
                && all.iter().all(|transceiver| transceiver.current_direction().is_some())
        };
        while !(is_settled(alice) && is_settled(bob)) {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    })
    .await;
}

#[tokio::test]
async fn offers_that_meet_are_resolved_by_perfect_negotiation() -> Result<(), Error> {
    let (alice, bob) = (PeerConnection::new(local())?, PeerConnection::new(local())?);
    let collisions = sides(&alice, &bob);
    let init = || DataChannelInit { negotiated: Some(0), ..Default::default() };
    // Both need a negotiation at the same moment, before either has heard of the other.
    let ours = alice.create_data_channel("chat", init()).await?;
    let mut theirs = bob.create_data_channel("chat", init()).await?;
    soon(alice.connected()).await?;
    soon(bob.connected()).await?;
    soon(ours.send_text("hello")).await?;
    assert_eq!(soon(theirs.recv()).await, Some("hello".into()));
    assert!(collisions.load(Ordering::Relaxed) > 0, "no offers met");

    // And again, while connected.
    let before = collisions.load(Ordering::Relaxed);
    for kind in [Kind::Audio, Kind::Video, Kind::Audio] {
        alice.add_transceiver(kind, Default::default()).await?;
        bob.add_transceiver(kind, Default::default()).await?;
    }
    settled(&alice, &bob, 6).await;
    assert!(collisions.load(Ordering::Relaxed) > before, "no offers met");
    soon(ours.send_text("still here")).await?;
    assert_eq!(soon(theirs.recv()).await, Some("still here".into()));
    soon(alice.close()).await;
    soon(bob.close()).await;
    Ok(())
}

/// The user name fragment of a description.
fn ufrag(description: Option<SessionDescription>) -> String {
    let sdp = description.expect("a description").sdp;
    let line = sdp.lines().find(|line| line.starts_with("a=ice-ufrag:")).expect("a fragment");
    line.to_owned()
}

#[tokio::test]
async fn ice_restarts_while_data_flow() -> Result<(), Error> {
    let (alice, bob, ours, mut theirs) = soon(pair()).await?;
    let before = (ufrag(alice.local_description()), ufrag(bob.local_description()));
    let (stop, mut stopped) = tokio::sync::oneshot::channel();
    let sending = tokio::spawn(async move {
        let mut count = 0_u32;
        while stopped.try_recv().is_err() {
            ours.send(count.to_be_bytes().to_vec()).await?;
            count += 1;
            tokio::task::yield_now().await;
        }
        ours.send_text("end").await?;
        Ok::<_, Error>((ours, count))
    });
    let reading = tokio::spawn(async move {
        let mut count = 0_u32;
        while let Some(Message::Binary(bytes)) = theirs.recv().await {
            assert_eq!(*bytes, count.to_be_bytes());
            count += 1;
        }
        count
    });
    for _ in 0..3 {
        let mut events = alice.events();
        alice.restart_ice();
        while !matches!(soon(events.next()).await, Some(Event::NegotiationNeeded)) {}
        soon(negotiate(&alice, &bob)).await?;
        soon(async {
            tokio::join!(carry(events, bob.clone()), carry(bob.events(), alice.clone()))
        })
        .await;
        soon(alice.connected()).await?;
        soon(bob.connected()).await?;
    }
    stop.send(()).expect("the sender is at work");
    let (_ours, sent) = soon(sending).await.expect("no panic")?;
    assert_eq!(soon(reading).await.expect("no panic"), sent);
    let after = (ufrag(alice.local_description()), ufrag(bob.local_description()));
    assert!(before.0 != after.0 && before.1 != after.1, "{before:?} {after:?}");
    Ok(())
}

#[tokio::test]
async fn either_side_negotiates_anew_while_data_flow() -> Result<(), Error> {
    let (alice, bob, mut ours, mut theirs) = soon(pair()).await?;
    for round in 0..6_u8 {
        let (offering, answering) = if round % 2 == 0 { (&alice, &bob) } else { (&bob, &alice) };
        let kind = if round % 3 == 0 { Kind::Audio } else { Kind::Video };
        offering.add_transceiver(kind, Default::default()).await?;
        soon(negotiate(offering, answering)).await?;
        assert_eq!(alice.transceivers().len(), usize::from(round) + 1);
        assert_eq!(bob.transceivers().len(), usize::from(round) + 1);
        ours.send(vec![round]).await?;
        assert_eq!(soon(theirs.recv()).await, Some(vec![round].into()));
        theirs.send(vec![round]).await?;
        assert_eq!(soon(ours.recv()).await, Some(vec![round].into()));
    }
    Ok(())
}

#[tokio::test]
async fn an_offer_is_taken_back() -> Result<(), Error> {
    let (alice, bob, ours, mut theirs) = soon(pair()).await?;
    let video = alice.add_transceiver(Kind::Video, Default::default()).await?;
    alice.set_local_description(None).await?;
    assert_eq!(alice.signaling_state(), SignalingState::HaveLocalOffer);
    let rollback = SessionDescription { kind: SdpType::Rollback, sdp: String::new() };
    alice.set_local_description(rollback).await?;
    assert_eq!(alice.signaling_state(), SignalingState::Stable);
    assert_eq!(video.mid(), None);
    ours.send_text("as before").await?;
    assert_eq!(soon(theirs.recv()).await, Some("as before".into()));
    soon(negotiate(&alice, &bob)).await?;
    assert!(video.mid().is_some());
    Ok(())
}
