use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use cpu_time::ProcessTime;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{Barrier, Semaphore, oneshot, watch};
use tokio::task::{LocalSet, spawn_local};
use tokio::time::{sleep, timeout};

use antiphon_testkit::netem::Link;

use super::detour::Detour;
use super::{End, Failure, PATIENCE, Settings};
use crate::heap::held_bytes;

/// The way between the two ends, and when to count on it.
#[derive(Clone, Debug)]
pub struct Course {
    /// What each direction does to datagrams; `None` is loopback itself.
    pub link: Option<Link>,
    /// What the ends are made with.
    pub settings: Settings,
    /// How long data flows before it is counted.
    pub warm_up: Duration,
    /// How long it is counted.
    pub window: Duration,
}

impl Course {
    /// Loopback, counted for `window` after half a second.
    #[must_use]
    pub const fn loopback(window: Duration, settings: Settings) -> Self {
        Self { link: None, settings, warm_up: Duration::from_millis(500), window }
    }
}

/// Pairs that connect at one time while the heap is filled.
const CONNECTING: usize = 10;

/// What a data channel carried.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Throughput {
    /// Megabytes per second.
    pub per_second: f64,
    /// Megabytes per second of CPU time, that of both ends together, the kernel's part included.
    pub per_cpu_second: f64,
}

fn runtime() -> Result<Runtime, Failure> {
    Ok(Builder::new_current_thread().enable_all().build()?)
}

/// Where an end hands its description over, and where that of the peer comes.
#[derive(Debug)]
struct Signalling {
    ours: oneshot::Sender<String>,
    theirs: oneshot::Receiver<String>,
}

fn signalling() -> (Signalling, Signalling) {
    let (offer, to_answerer) = oneshot::channel();
    let (answer, to_offerer) = oneshot::channel();
    (
        Signalling { ours: offer, theirs: to_offerer },
        Signalling { ours: answer, theirs: to_answerer },
    )
}

async fn connect_offerer<E: End>(
    end: &mut E,
    signalling: Signalling,
    detour: &Detour,
) -> Result<(), Failure> {
    let offer = detour.towards_far(end.offer().await?)?;
    signalling.ours.send(offer).map_err(|_| "the answerer is gone")?;
    end.accept(signalling.theirs.await?).await?;
    end.open().await
}

async fn connect_answerer<E: End>(
    end: &mut E,
    signalling: Signalling,
    detour: &Detour,
) -> Result<(), Failure> {
    let answer = end.answer(signalling.theirs.await?).await?;
    signalling.ours.send(detour.towards_near(answer)?).map_err(|_| "the offerer is gone")?;
    end.open().await
}

/// Runs `work` with an end on a thread of its own until it is done or `stop` says so.
fn on_thread<E: End, T: Default + Send + 'static>(
    settings: Settings,
    mut stop: watch::Receiver<bool>,
    work: impl AsyncFnOnce(E) -> Result<T, Failure> + Send + 'static,
) -> JoinHandle<Result<T, Failure>> {
    thread::spawn(move || {
        runtime()?.block_on(async {
            tokio::select! {
                biased;
                _ = stop.wait_for(|stop| *stop) => Ok(T::default()),
                result = async { work(E::new(settings).await?).await } => result,
            }
        })
    })
}

fn join<T>(thread: JoinHandle<Result<T, Failure>>) -> Result<T, Failure> {
    thread.join().map_err(|_| "an end panicked")?
}

/// Sends messages of `size` bytes from one end to the other over `course`, as fast as the stack
/// takes them. Each end has a thread of its own.
///
/// # Errors
///
/// When the stack fails, or nothing arrives.
pub fn throughput<E: End>(size: usize, course: &Course) -> Result<Throughput, Failure> {
    let detour = Arc::new(Detour::new(course.link.as_ref())?);
    let other = Arc::clone(&detour);
    let (stop, stopped) = watch::channel(false);
    let (offerer, answerer) = signalling();
    let received = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&received);
    let receiver = on_thread::<E, ()>(course.settings, stopped.clone(), async move |mut end: E| {
        timeout(PATIENCE, connect_answerer(&mut end, answerer, &other)).await??;
        loop {
            let bytes = end.receive().await?;
            counter.fetch_add(bytes as u64, Ordering::Relaxed);
        }
    });
    let (opened, open) = std::sync::mpsc::channel();
    let sender = on_thread::<E, ()>(course.settings, stopped, async move |mut end: E| {
        timeout(PATIENCE, connect_offerer(&mut end, offerer, &detour)).await??;
        opened.send(())?;
        let message = vec![0x5a; size];
        loop {
            end.send(&message).await?;
        }
    });
    let measured = open.recv_timeout(PATIENCE).map(|()| {
        thread::sleep(course.warm_up);
        let (begin, cpu) = (Instant::now(), ProcessTime::now());
        let before = received.load(Ordering::Relaxed);
        thread::sleep(course.window);
        let bytes = received.load(Ordering::Relaxed).saturating_sub(before);
        let megabytes = bytes as f64 / 1e6;
        Throughput {
            per_second: megabytes / begin.elapsed().as_secs_f64(),
            per_cpu_second: megabytes / cpu.elapsed().as_secs_f64().max(1e-9),
        }
    });
    stop.send_replace(true);
    let (sent, received) = (join(sender), join(receiver));
    let () = sent.and(received)?;
    let measured = measured?;
    if measured.per_second > 0.0 { Ok(measured) } else { Err("nothing arrived".into()) }
}

/// The time from the offer until the offerer's channel is open. Each end has a thread of its own;
/// both are made, certificates included, before the clock starts.
///
/// # Errors
///
/// When the stack fails, or the channel does not open.
pub fn setup_time<E: End>() -> Result<Duration, Failure> {
    // Nobody stops them: the sender stays.
    let (_stop, stopped) = watch::channel(false);
    let (offerer, answerer) = signalling();
    let barrier = Arc::new(Barrier::new(2));
    let other = Arc::clone(&barrier);
    let receiver = on_thread(Settings::default(), stopped.clone(), async move |mut end: E| {
        other.wait().await;
        timeout(PATIENCE, connect_answerer(&mut end, answerer, &Detour::default())).await??;
        linger(&mut end, &other).await
    });
    let sender = on_thread(Settings::default(), stopped, async move |mut end: E| {
        barrier.wait().await;
        let begin = Instant::now();
        timeout(PATIENCE, connect_offerer(&mut end, offerer, &Detour::default())).await??;
        let time = begin.elapsed();
        linger(&mut end, &barrier).await?;
        Ok(time)
    });
    let (time, received) = (join(sender), join(receiver));
    received.and(time)
}

/// Keeps an end alive until the other end is open, too.
async fn linger<E: End>(end: &mut E, barrier: &Barrier) -> Result<(), Failure> {
    let both = tokio::select! {
        _ = barrier.wait() => true,
        _ = end.receive() => false,
        () = sleep(PATIENCE) => false,
    };
    if both { Ok(()) } else { Err("one end is open, the other is not".into()) }
}

/// The bytes of heap that one connected end holds when nothing happens, by the average over
/// `pairs` pairs after `idle`. All of them live on one thread. The first pair of the process is
/// not counted: what stays is the cost of one more.
///
/// # Errors
///
/// When the stack fails, or [`CountingHeap`](crate::CountingHeap) is not installed.
pub fn idle_bytes<E: End>(pairs: usize, idle: Duration) -> Result<f64, Failure> {
    let local = LocalSet::new();
    local.block_on(&runtime()?, async {
        fill::<E>(1).await?;
        sleep(idle).await;
        let before = held_bytes();
        fill::<E>(pairs).await?;
        sleep(idle).await;
        let bytes = held_bytes().saturating_sub(before);
        if bytes == 0 {
            return Err("nothing counts the heap".into());
        }
        Ok(bytes as f64 / (2 * pairs) as f64)
    })
}

/// Connects pairs, and leaves them to tasks that keep them alive.
async fn fill<E: End>(pairs: usize) -> Result<(), Failure> {
    let turns = Arc::new(Semaphore::new(CONNECTING));
    let connecting: Vec<_> = (0..pairs)
        .map(|_| {
            let turns = Arc::clone(&turns);
            spawn_local(async move {
                let _turn = turns.acquire().await?;
                let settings = Settings::default();
                let (mut offerer, mut answerer) =
                    (E::new(settings).await?, E::new(settings).await?);
                let answer = answerer.answer(offerer.offer().await?).await?;
                offerer.accept(answer).await?;
                timeout(PATIENCE, async { tokio::try_join!(offerer.open(), answerer.open()) })
                    .await??;
                spawn_local(stay(offerer));
                spawn_local(stay(answerer));
                Ok::<(), Failure>(())
            })
        })
        .collect();
    for pair in connecting {
        pair.await??;
    }
    Ok(())
}

async fn stay<E: End>(mut end: E) {
    while end.receive().await.is_ok() {}
}
