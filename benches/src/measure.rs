use std::time::Duration;

use cpu_time::ThreadTime;

/// How many times each candidate is measured; the fastest round counts.
const ROUNDS: usize = 60;
/// How long one round takes, about.
const ROUND: Duration = Duration::from_millis(4);

/// The CPU time that this thread spends in `code`. Time in which it waits or is preempted does not
/// count, so that a busy machine disturbs little.
pub fn thread_time<T>(code: impl FnOnce() -> T) -> (T, Duration) {
    let begin = ThreadTime::now();
    let result = code();
    (result, begin.elapsed())
}

/// Uses a value up, so that the compiler has to compute it.
pub fn consume<T>(value: T) {
    drop(std::hint::black_box(value));
}

/// The nanoseconds that one call of each candidate takes, in their order.
///
/// The candidates take turns, so that all of them see the same machine, and the minimum over all
/// rounds counts: noise only ever adds.
pub fn interleaved(candidates: &mut [&mut dyn FnMut()]) -> Vec<f64> {
    let calls: Vec<u32> = candidates.iter_mut().map(|candidate| calibrate(candidate)).collect();
    let mut best = vec![f64::INFINITY; candidates.len()];
    for _ in 0..ROUNDS {
        for ((candidate, calls), best) in candidates.iter_mut().zip(&calls).zip(&mut best) {
            let nanos = round(candidate, *calls).as_nanos() as f64 / f64::from(*calls);
            *best = best.min(nanos);
        }
    }
    best
}

fn round(candidate: &mut dyn FnMut(), calls: u32) -> Duration {
    let ((), time) = thread_time(|| {
        for _ in 0..calls {
            candidate();
        }
    });
    time
}

/// How many calls fill a round. It warms the candidate up, too.
fn calibrate(candidate: &mut dyn FnMut()) -> u32 {
    let mut calls = 1_u32;
    loop {
        let time = round(candidate, calls);
        if time >= ROUND / 4 || calls >= 1 << 28 {
            let wanted = ROUND.as_secs_f64() / time.as_secs_f64().max(1e-9);
            let scaled = f64::from(calls) * wanted;
            // Within 1..2^30, so that nothing is cut off.
            #[expect(clippy::cast_possible_truncation, reason = "clamped just before")]
            return scaled.clamp(1.0, 1_073_741_824.0) as u32;
        }
        calls = calls.saturating_mul(4);
    }
}
