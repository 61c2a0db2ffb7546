//! Random calls, and the two machines that they happen to.

use std::time::{Duration, Instant};

use super::MAX_BURST;
use crate::{Machine, Path, Random, start};

/// Datagrams kept for late delivery; beyond that the oldest is forgotten.
const KEPT: usize = 64;
/// Datagrams are cut to this size for keeping.
const MAX_DATAGRAM: usize = 64 * 1024;

/// One call of a script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Call {
    /// Time since the start; it may lie before that of an earlier call.
    pub(super) at: Duration,
    /// To which of the two machines.
    pub(super) side: usize,
    pub(super) verb: Verb,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verb {
    /// Delivers a datagram of the other side: the `pick`-th that is kept, perhaps damaged.
    Deliver {
        pick: u64,
        damage: Option<u64>,
        keep: bool,
    },
    /// Delivers bytes that nobody sent.
    Junk(Vec<u8>),
    PollOutput,
    PollEvent,
    HandleTimeout,
    PollTimeout,
    Command(u64),
    /// Everything a driver does: time, output until silence, events until silence.
    Drain,
}

impl Call {
    /// Whether the call tells the machine what time it is.
    pub(super) fn passes_time(&self) -> bool {
        match self.verb {
            Verb::Deliver { .. }
            | Verb::Junk(_)
            | Verb::PollOutput
            | Verb::HandleTimeout
            | Verb::Command(_)
            | Verb::Drain => true,
            Verb::PollEvent | Verb::PollTimeout => false,
        }
    }
}

/// What a call did, as far as one can see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Nothing,
    Accepted,
    Refused(String),
    Output(Option<(Path, Option<usize>, Vec<u8>)>),
    Event(Option<String>),
    Timeout(Option<Duration>),
    Drained {
        outputs: Vec<(Path, Option<usize>, Vec<u8>)>,
        events: Vec<String>,
        timeout: Option<Duration>,
    },
}

/// `len` random calls, the same for the same seed.
pub(super) fn script(seed: u64, len: usize, longest_pause: Duration) -> Vec<Call> {
    let mut random = Random::new(seed ^ 0x5c21_9700);
    let mut now = Duration::ZERO;
    (0..len)
        .map(|_| {
            // Mostly small steps, so that the two sides get somewhere; sometimes long silence.
            let pause = match random.below(20) {
                0 => longest_pause,
                1..=3 => Duration::from_secs(1).min(longest_pause),
                4..=9 => Duration::from_millis(30).min(longest_pause),
                _ => Duration::ZERO,
            };
            now = now.saturating_add(random.duration(pause));
            // One call in ten comes with an old time.
            let at = if random.chance(0.1) {
                now.saturating_sub(random.duration(Duration::from_secs(5)))
            } else {
                now
            };
            Call { at, side: random.index(2), verb: verb(&mut random) }
        })
        .collect()
}

fn verb(random: &mut Random) -> Verb {
    match random.below(100) {
        0..=34 => Verb::Deliver {
            // Mostly the oldest, so that protocols make progress.
            pick: if random.chance(0.8) { 0 } else { random.next_u64() },
            damage: random.chance(0.1).then(|| random.next_u64()),
            keep: random.chance(0.1),
        },
        35..=41 => {
            let len = random.index(200);
            let mut bytes = random.bytes(len);
            // A plausible first byte reaches deeper than a random one.
            if let Some(first) = bytes.first_mut() {
                *first = [0, 1, 20, 22, 23, 25, 64, 128, 200]
                    .get(random.index(12))
                    .copied()
                    .unwrap_or(*first);
            }
            Verb::Junk(bytes)
        }
        42..=61 => Verb::PollOutput,
        62..=66 => Verb::PollEvent,
        67..=71 => Verb::HandleTimeout,
        72..=75 => Verb::PollTimeout,
        76..=83 => Verb::Command(random.next_u64()),
        _ => Verb::Drain,
    }
}

/// Two machines and the datagrams between them.
pub(super) struct World<'c, M: Machine> {
    seed: u64,
    machines: [M; 2],
    command: &'c dyn Fn(&mut M, Instant, u64),
    /// What each side sent and the other has not taken.
    kept: [Vec<(Path, Vec<u8>)>; 2],
    latest: [Duration; 2],
    buf: Vec<u8>,
}

impl<'c, M: Machine> World<'c, M> {
    pub(super) fn new(
        seed: u64,
        machines: [M; 2],
        command: &'c dyn Fn(&mut M, Instant, u64),
    ) -> Self {
        Self {
            seed,
            machines,
            command,
            kept: [Vec::new(), Vec::new()],
            latest: [Duration::ZERO; 2],
            buf: vec![0; MAX_DATAGRAM],
        }
    }

    pub(super) fn timeout(&self, side: usize) -> Option<Duration> {
        self.machine_ref(side)
            .poll_timeout()
            .map(|moment| moment.saturating_duration_since(start()))
    }

    /// Bytes that the suite itself keeps, roughly.
    pub(super) fn own_bytes(&self) -> i64 {
        let kept: usize = self.kept.iter().flatten().map(|(_, bytes)| bytes.capacity()).sum();
        i64::try_from(kept).unwrap_or(i64::MAX)
    }

    pub(super) fn perform(&mut self, call: &Call) -> Outcome {
        let now = instant(call.at);
        if call.passes_time() {
            let latest = pick_mut(&mut self.latest, call.side);
            *latest = (*latest).max(call.at);
        }
        match &call.verb {
            Verb::Deliver { .. } | Verb::Junk(_) => match self.take_datagram(call) {
                None => {
                    // Nothing to deliver; time passes all the same.
                    self.machine(call.side).handle_timeout(now);
                    Outcome::Nothing
                }
                Some((path, mut bytes)) => {
                    match self.machine(call.side).handle_input(now, path, &mut bytes) {
                        Ok(()) => Outcome::Accepted,
                        Err(error) => Outcome::Refused(format!("{error:?}")),
                    }
                }
            },
            Verb::PollOutput => Outcome::Output(self.poll_output(call.side, now)),
            Verb::PollEvent => Outcome::Event(self.poll_event(call.side)),
            Verb::HandleTimeout => {
                self.machine(call.side).handle_timeout(now);
                Outcome::Nothing
            }
            Verb::PollTimeout => Outcome::Timeout(self.timeout(call.side)),
            Verb::Command(chance) => {
                let command = self.command;
                self.machine(call.side).handle_timeout(now);
                command(self.machine(call.side), now, *chance);
                Outcome::Nothing
            }
            Verb::Drain => self.drain_side(call.side, call.at),
        }
    }

    /// What [`perform`](Self::perform) does for a refused datagram, without showing it to the machine.
    pub(super) fn skip_input(&mut self, call: &Call) {
        drop(self.take_datagram(call));
        let latest = pick_mut(&mut self.latest, call.side);
        *latest = (*latest).max(call.at);
        self.machine(call.side).handle_timeout(instant(call.at));
    }

    /// Drains both sides at the latest time and checks that they are silent then.
    pub(super) fn drain(&mut self) {
        for side in 0..2 {
            let at = *pick_mut(&mut self.latest, side);
            self.drain_side(side, at);
        }
    }

    /// Polls both sides, which were drained, once more.
    pub(super) fn poll_idle(&mut self) {
        for side in 0..2 {
            let now = instant(*pick_mut(&mut self.latest, side));
            let World { machines, buf, .. } = self;
            let machine = pick_mut(machines, side);
            assert!(machine.poll_output(now, buf).is_none(), "rule 4: an idle machine sends");
            assert!(machine.poll_event().is_none(), "rule 4: an idle machine has an event");
            machine.handle_timeout(now);
        }
    }

    fn drain_side(&mut self, side: usize, at: Duration) -> Outcome {
        let now = instant(at);
        let mut outputs = Vec::new();
        let mut events = Vec::new();
        self.machine(side).handle_timeout(now);
        // An event may be read before all output is, and the other way round.
        for _ in 0..2 {
            while let Some(output) = self.poll_output(side, now) {
                outputs.push(output);
                assert!(
                    outputs.len() < MAX_BURST,
                    "rule 3: side {side} never stops sending at {at:?}"
                );
            }
            while let Some(event) = self.poll_event(side) {
                events.push(event);
                assert!(events.len() < MAX_BURST, "rule 3: side {side} never stops reporting");
            }
        }
        assert!(
            self.poll_output(side, now).is_none(),
            "rule 3: side {side} sends once more after it was drained at {at:?}"
        );
        let timeout = self.timeout(side);
        let latest = *pick_mut(&mut self.latest, side);
        assert!(
            timeout.is_none_or(|timeout| timeout > latest),
            "rule 3: side {side} was drained at {latest:?} and wants to be called at {timeout:?}"
        );
        Outcome::Drained { outputs, events, timeout }
    }

    fn poll_output(&mut self, side: usize, now: Instant) -> Option<(Path, Option<usize>, Vec<u8>)> {
        let World { machines, buf, .. } = self;
        let sent = pick_mut(machines, side).poll_output(now, buf)?;
        let Some(bytes) = buf.get(..sent.len) else {
            panic!("side {side} says it wrote {} bytes into {}", sent.len, buf.len());
        };
        let kept = pick_mut(&mut self.kept, side);
        for datagram in bytes.chunks(sent.segment_size.unwrap_or(sent.len).max(1)) {
            if kept.len() >= KEPT {
                kept.remove(0);
            }
            kept.push((sent.path.reversed(), datagram.to_vec()));
        }
        Some((sent.path, sent.segment_size, bytes.to_vec()))
    }

    fn poll_event(&mut self, side: usize) -> Option<String> {
        self.machine(side).poll_event().map(|event| format!("{event:?}"))
    }

    /// The datagram that `call` delivers.
    fn take_datagram(&mut self, call: &Call) -> Option<(Path, Vec<u8>)> {
        let other = 1_usize.saturating_sub(call.side);
        let kept = pick_mut(&mut self.kept, other);
        match &call.verb {
            Verb::Junk(bytes) => {
                let path = kept.first().map_or_else(Path::default, |(path, _)| *path);
                Some((path, bytes.clone()))
            }
            Verb::Deliver { pick, damage, keep } => {
                let place = usize::try_from(pick.checked_rem(kept.len() as u64)?).ok()?;
                let (path, mut bytes) =
                    if *keep { kept.get(place)?.clone() } else { kept.remove(place) };
                if let Some(damage) = damage {
                    harm(&mut bytes, self.seed ^ damage);
                }
                Some((path, bytes))
            }
            Verb::PollOutput
            | Verb::PollEvent
            | Verb::HandleTimeout
            | Verb::PollTimeout
            | Verb::Command(_)
            | Verb::Drain => None,
        }
    }

    fn machine(&mut self, side: usize) -> &mut M {
        pick_mut(&mut self.machines, side)
    }

    fn machine_ref(&self, side: usize) -> &M {
        let [first, second] = &self.machines;
        if side == 0 { first } else { second }
    }
}

/// Changes, cuts or lengthens a datagram.
fn harm(bytes: &mut Vec<u8>, chance: u64) {
    let mut random = Random::new(chance);
    match random.below(4) {
        0 => bytes.truncate(random.index(bytes.len())),
        1 => {
            let len = random.index(32);
            bytes.extend(random.bytes(len));
        }
        _ => {
            for _ in 0..=random.below(3) {
                let place = random.index(bytes.len());
                if let Some(byte) = bytes.get_mut(place) {
                    *byte ^= 1 << random.below(8);
                }
            }
        }
    }
}

fn pick_mut<T>(both: &mut [T; 2], side: usize) -> &mut T {
    let [first, second] = both;
    if side == 0 { first } else { second }
}

fn instant(at: Duration) -> Instant {
    start().checked_add(at).unwrap_or_else(start)
}
