use std::time::{Duration, Instant};

use antiphon_sctp::{Association, Config, Outgoing, Reliability};
use antiphon_testkit::start;
use bytes::Bytes;

use super::Stack;
use crate::held_bytes;

/// Two associations of ours.
#[derive(Debug)]
pub struct Ours {
    now: Instant,
    left: Association,
    right: Association,
}

impl Default for Ours {
    fn default() -> Self {
        let mut config = Config::default();
        config.max_send_message_size = 262_144;
        Self::new(config)
    }
}

impl Ours {
    /// Connected, with these options.
    #[must_use]
    pub fn new(config: Config) -> Self {
        let now = start();
        let mut left = Association::new(config, [1; 32], now);
        left.connect(now);
        let right = Association::new(config, [2; 32], now);
        let mut ours = Self { now, left, right };
        while !(ours.left.is_connected() && ours.right.is_connected()) {
            ours.exchange();
        }
        ours.exchange();
        ours
    }

    /// Uses so many streams once, so that all of them are open.
    pub fn open_streams(&mut self, count: u16) {
        for stream in 0..count {
            while !self.offer(stream, &Bytes::from_static(b"open")) {
                self.exchange();
            }
        }
        while self.exchange() > 0 {}
    }
}

impl Stack for Ours {
    fn offer(&mut self, stream: u16, payload: &Bytes) -> bool {
        let payload = payload.clone();
        let reliability = Reliability::Reliable;
        let message = Outgoing { stream, ppid: 53, payload, ordered: true, reliability };
        self.left.send(self.now, message).is_ok()
    }

    fn exchange(&mut self) -> usize {
        let mut buf = [0; 1200];
        let mut delivered = 0;
        for _ in 0..32 {
            let Ok(Some(sent)) = self.left.poll_output(self.now, &mut buf) else { break };
            feed(&mut self.right, self.now, &buf, sent.len);
        }
        while let Some(message) = self.right.recv() {
            delivered += std::hint::black_box(&message).payload.len();
        }
        while let Ok(Some(sent)) = self.right.poll_output(self.now, &mut buf) {
            feed(&mut self.left, self.now, &buf, sent.len);
        }
        while self.left.poll_event().is_some() || self.right.poll_event().is_some() {}
        self.now += Duration::from_micros(20);
        delivered
    }
}

fn feed(to: &mut Association, now: Instant, buf: &[u8], len: usize) {
    let Some(packet) = buf.get(..len) else { return };
    assert!(to.handle_input(now, packet).is_ok(), "a sound packet");
}

/// Bytes that one end of an association holds which has carried a message each way and is idle;
/// needs [`CountingHeap`](crate::CountingHeap).
#[must_use]
pub fn idle_bytes() -> f64 {
    const PAIRS: usize = 64;
    let mut all = Vec::with_capacity(PAIRS);
    let before = held_bytes();
    for _ in 0..PAIRS {
        let mut pair = Box::new(Ours::default());
        pair.offer(0, &Bytes::from_static(b"hello"));
        while pair.exchange() > 0 {}
        all.push(pair);
    }
    let held = held_bytes().saturating_sub(before);
    held as f64 / (2 * PAIRS) as f64
}
