use std::collections::VecDeque;
use std::time::{Duration, Instant};

use antiphon_sctp::{Association, Config, Event, InputError, Message, Outgoing, Reliability};
use antiphon_testkit::{Machine, Pair, Path, Sent, start};
use bytes::Bytes;

/// A path with a bottleneck of so many bits per second in one direction, and a queue of one
/// bandwidth-delay product before it.
#[derive(Clone, Copy, Debug)]
pub struct Course {
    /// Bits per second, headers of IP and UDP included.
    pub bits: u64,
    /// Of an empty path.
    pub round_trip: Duration,
    /// Probability that a datagram is lost.
    pub loss: f64,
}

#[derive(Debug)]
struct End {
    sctp: Association,
    inbox: VecDeque<Message>,
}

impl Machine for End {
    type Event = Event;
    type Error = InputError;

    fn handle_input(&mut self, now: Instant, _: Path, data: &mut [u8]) -> Result<(), InputError> {
        self.sctp.handle_input(now, data)?;
        while let Some(message) = self.sctp.recv() {
            self.inbox.push_back(message);
        }
        Ok(())
    }

    fn poll_output(&mut self, now: Instant, buf: &mut [u8]) -> Option<Sent> {
        self.sctp.poll_output(now, buf).ok()?.map(|sent| Sent::new(sent.len))
    }

    fn poll_event(&mut self) -> Option<Event> {
        self.sctp.poll_event()
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.sctp.handle_timeout(now);
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.sctp.poll_timeout()
    }
}

fn connected(config: Config, course: Course) -> Pair<End> {
    let end =
        |seed| End { sctp: Association::new(config, [seed; 32], start()), inbox: VecDeque::new() };
    let mut pair = Pair::new(start(), end(1), end(2)).with_delay(course.round_trip / 2);
    let product =
        course.bits / 8 * u64::try_from(course.round_trip.as_millis()).unwrap_or(0) / 1000;
    let link = pair.uplink(0);
    link.rate_bps = Some(course.bits);
    link.queue_bytes = usize::try_from(product).unwrap_or(usize::MAX).max(20_000);
    link.loss = course.loss;
    let now = pair.now();
    pair.a.machine.sctp.connect(now);
    let end = Duration::from_secs(10);
    pair.run_while(end, |pair| {
        !(pair.a.machine.sctp.is_connected() && pair.b.machine.sctp.is_connected())
    });
    pair
}

fn message(payload: Bytes) -> Outgoing {
    Outgoing { stream: 0, ppid: 53, payload, ordered: true, reliability: Reliability::Reliable }
}

/// Payload bits per second that arrive between `from` and `to` after the association is there.
#[must_use]
pub fn goodput(course: Course, from: Duration, to: Duration) -> f64 {
    let mut config = Config::default();
    config.send_buffer = 8 << 20;
    config.receive_buffer = 128 << 20;
    let mut pair = connected(config, course);
    let begin = pair.elapsed();
    let payload = Bytes::from(vec![7; 65_536]);
    let mut received = 0_usize;
    let mut first = None;
    pair.run_while(begin + to, |pair| {
        let now = pair.now();
        while pair.a.machine.sctp.buffered_total() < 4 << 20 {
            if pair.a.machine.sctp.send(now, message(payload.clone())).is_err() {
                break;
            }
        }
        received += pair.b.machine.inbox.drain(..).map(|m| m.payload.len()).sum::<usize>();
        let elapsed = pair.elapsed() - begin;
        if elapsed >= from {
            first.get_or_insert((received, elapsed));
        }
        true
    });
    let (before, since) = first.unwrap_or_default();
    let seconds = (pair.elapsed() - begin).saturating_sub(since).as_secs_f64();
    (received - before) as f64 * 8.0 / seconds
}

/// Of a hundred requests and answers at a round trip of 50 ms, one datagram with data lost in each,
/// the 99th by length, in round trips.
#[must_use]
pub fn longest_exchange() -> f64 {
    let round_trip = Duration::from_millis(50);
    let course = Course { bits: 100_000_000, round_trip, loss: 0.0 };
    let mut pair = connected(Config::default(), course);
    let mut times = Vec::new();
    for round in 0..120_usize {
        pair.clear_drop_rules();
        if round >= 20 {
            let mut left = 1;
            pair.drop_when(move |datagram| {
                let data = datagram.bytes.windows(4).any(|bytes| bytes == b"ping");
                let hit = datagram.from == round % 2 && data && left > 0;
                left -= i32::from(hit);
                hit
            });
        }
        let begin = pair.elapsed();
        let now = pair.now();
        let ping = || message(Bytes::from_static(b"ping"));
        let _ = pair.a.machine.sctp.send(now, ping());
        pair.run_while(begin + Duration::from_secs(5), |pair| pair.b.machine.inbox.is_empty());
        pair.b.machine.inbox.clear();
        let now = pair.now();
        let _ = pair.b.machine.sctp.send(now, ping());
        pair.run_while(begin + Duration::from_secs(5), |pair| pair.a.machine.inbox.is_empty());
        pair.a.machine.inbox.clear();
        if round >= 20 {
            times.push(pair.elapsed() - begin);
        }
        pair.run_for(Duration::from_millis(200));
    }
    times.sort();
    let at = times.len() * 99 / 100;
    times.get(at).map_or(f64::INFINITY, |time| time.as_secs_f64() / round_trip.as_secs_f64())
}
