//! Both sides negotiate when they like: the polite and the impolite peer of webrtc-pc section 10.7.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::cast_possible_truncation,
    clippy::wildcard_enum_match_arm,
    reason = "a failed expectation is a failed test"
)]

mod common;

use std::time::Duration;

use antiphon_peerconnection::{
    ConnectionState, DataChannelId, DataChannelInit, DataChannelState, Direction, Event, Kind,
    OfferOptions, SdpType, SessionDescription, SignalingState,
};
use antiphon_testkit::{Random, seed};
use common::{Call, MS, SECOND, Signal};

/// The application of one side, as W3C's example has it.
#[derive(Default)]
struct App {
    ignores_offer: bool,
    /// Events that were looked at.
    seen: usize,
}

struct World {
    call: Call,
    apps: [App; 2],
    random: Random,
    channels: Vec<(usize, DataChannelId)>,
    tracks: [usize; 2],
    glares: usize,
}

const POLITE: usize = 1;

impl World {
    fn new(seed: u64) -> Self {
        Self {
            call: Call::new(1000 + seed).with_delay(10 * MS),
            apps: Default::default(),
            random: Random::new(seed),
            channels: Vec::new(),
            tracks: [0; 2],
            glares: 0,
        }
    }

    /// `onnegotiationneeded`.
    fn look_at_events(&mut self) {
        for side in 0..2 {
            let events = self.call.events(side);
            let new = &events[self.apps[side].seen..];
            let needed = new.contains(&Event::NegotiationNeeded);
            self.apps[side].seen = events.len();
            if needed && self.call.pc(side).signaling_state() == SignalingState::Stable {
                self.vary_signalling();
                self.call.offer(side);
            }
        }
    }

    fn vary_signalling(&mut self) {
        self.call.signalling = self.random.duration(60 * MS);
    }

    fn deliver(&mut self, side: usize, signal: Signal) {
        let now = self.call.now();
        match signal {
            Signal::Candidate(candidate) => {
                let taken = self.call.pc(side).add_ice_candidate(now, candidate);
                assert!(taken.is_ok() || self.apps[side].ignores_offer, "{taken:?}");
            }
            Signal::Description(description) => self.take(side, description),
        }
    }

    fn take(&mut self, side: usize, description: SessionDescription) {
        let now = self.call.now();
        let is_offer = description.kind == SdpType::Offer;
        let state = self.call.pc(side).signaling_state();
        let collision = is_offer && state != SignalingState::Stable;
        self.glares += usize::from(collision);
        self.apps[side].ignores_offer = collision && side != POLITE;
        if self.apps[side].ignores_offer {
            return;
        }
        self.call.pc(side).set_remote_description(now, description).unwrap();
        if is_offer {
            self.call.pc(side).set_local_description(now, None).unwrap();
            let answer = self.call.pc(side).local_description().unwrap();
            assert_eq!(answer.kind, SdpType::Answer);
            self.vary_signalling();
            self.call.signal(1 - side, Signal::Description(answer));
        }
    }

    /// Something that needs a negotiation.
    fn act(&mut self) {
        let side = self.random.index(2);
        match self.random.below(4) {
            0 => {
                let init = DataChannelInit::default();
                let id = self.call.pc(side).create_data_channel("more", init).unwrap();
                self.channels.push((side, id));
            }
            1 | 2 => {
                let kind = if self.random.chance(0.5) { Kind::Audio } else { Kind::Video };
                self.call.pc(side).add_track(kind, vec!["s".into()]).unwrap();
                self.tracks[side] += 1;
            }
            _ => self.call.pc(side).restart_ice(),
        }
    }

    fn run_for(&mut self, time: Duration) {
        let end = self.call.pair.elapsed() + time;
        loop {
            self.call.pair.exchange();
            self.look_at_events();
            let mut arrived = Vec::new();
            self.call.run_with(
                (self.call.pair.elapsed() + 5 * MS).min(end),
                |_, side, signal| arrived.push((side, signal)),
                |_| false,
            );
            for (side, signal) in arrived {
                self.deliver(side, signal);
            }
            if self.call.pair.elapsed() >= end {
                break;
            }
        }
    }

    fn check(&mut self, seed: u64) {
        assert_eq!(self.call.states(), [ConnectionState::Connected; 2], "seed {seed}");
        for side in 0..2 {
            assert_eq!(self.call.pc(side).signaling_state(), SignalingState::Stable, "seed {seed}");
        }
        for (side, id) in self.channels.clone() {
            let state = self.call.pc(side).data_channel_state(id);
            assert_eq!(state, DataChannelState::Open, "seed {seed}");
        }
        for side in 0..2 {
            // Every track that was added is received by the other side.
            let pc = self.call.pc(1 - side);
            let infos = pc.transceivers().into_iter().map(|id| pc.transceiver(id).unwrap());
            let receives =
                |direction| matches!(direction, Some(Direction::SendRecv | Direction::RecvOnly));
            let received = infos.filter(|info| receives(info.current_direction)).count();
            assert_eq!(received, self.tracks[side], "seed {seed}, of side {side}");
        }
    }
}

#[test]
fn both_sides_negotiate_at_random_and_end_in_agreement() {
    let first = seed(1);
    let mut glares = 0;
    for seed in first..first + 300 {
        let mut world = World::new(seed);
        world.call.pc(0).create_data_channel("first", DataChannelInit::default()).unwrap();
        for _ in 0..6 {
            world.act();
            let pause = world.random.duration(150 * MS);
            world.run_for(pause);
        }
        world.run_for(4 * SECOND);
        world.check(seed);
        glares += world.glares;
    }
    eprintln!("{glares} collisions in 300 calls");
    assert!(glares > 50, "{glares}");
}

#[test]
fn an_offer_that_is_taken_back_changes_nothing() {
    for restart in [false, true] {
        for early in [false, true] {
            let mut call = Call::new(5).with_delay(20 * MS);
            let id = call.pc(0).create_data_channel("chat", DataChannelInit::default()).unwrap();
            call.offer(0);
            // Early: before ICE has found a path.
            call.run_for(if early { 30 * MS } else { SECOND });
            let before = call.pc(1).local_description();
            let now = call.now();
            let offer =
                call.pc(1).create_offer(now, OfferOptions { ice_restart: restart }).unwrap();
            call.pc(1).set_local_description(now, Some(offer)).unwrap();
            call.lenient = true;
            call.run_for(30 * MS);
            let now = call.now();
            call.pc(1).set_local_description(now, Some(SessionDescription::rollback())).unwrap();
            assert_eq!(call.pc(1).local_description(), before);
            call.run_for(100 * MS);
            call.await_channel(id);
            // And the next negotiation of either side works.
            for side in 0..2 {
                call.pc(side).add_track(Kind::Audio, Vec::new()).unwrap();
                call.offer(side);
                call.run_for(SECOND);
            }
            call.run_for(40 * SECOND);
            assert_eq!(call.states(), [ConnectionState::Connected; 2], "{restart} {early}");
        }
    }
}

#[test]
fn a_first_offer_that_meets_another_gives_way() {
    let mut call = Call::new(6).with_delay(20 * MS);
    let now = call.now();
    call.lenient = true;
    for side in 0..2 {
        call.pc(side).create_data_channel("chat", DataChannelInit::default()).unwrap();
    }
    call.pc(1).set_local_description(now, None).unwrap();
    call.run_for(10 * MS);
    call.offer(0);
    let open = |call: &mut Call| {
        (0..2).all(|side| {
            call.events(side).iter().any(|event| matches!(event, Event::DataChannel(_)))
        })
    };
    assert!(call.run_until(SECOND, open), "{:?}", call.states());
}
