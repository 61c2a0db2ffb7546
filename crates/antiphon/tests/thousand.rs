//! A thousand connections, and what is left of them. Alone in its process, and on one thread, so
//! that memory and file descriptors can be counted.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a failed expectation is a failed test"
)]

mod common;

use antiphon::{Error, PeerConnection};
use antiphon_testkit::alloc::current_bytes;
use common::{local, pair, soon};

antiphon_testkit::install_counting_allocator!();

const BATCHES: usize = 20;
/// Pairs at a time.
const PAIRS: usize = 25;

/// What the process holds: bytes, file descriptors, tasks.
fn held() -> (i64, usize, usize) {
    let files = std::fs::read_dir("/proc/self/fd").map_or(0, Iterator::count);
    let tasks = tokio::runtime::Handle::current().metrics().num_alive_tasks();
    (current_bytes(), files, tasks)
}

/// Opens pairs beside each other, has each carry a message, and ends them in three ways.
async fn batch() -> Result<(), Error> {
    let pairs: Vec<_> = (0..PAIRS).map(|n| tokio::spawn(one(n))).collect();
    for pair in pairs {
        soon(pair).await.expect("no panic")?;
    }
    // The tasks of dropped connections say goodbye first.
    while tokio::runtime::Handle::current().metrics().num_alive_tasks() > 0 {
        tokio::task::yield_now().await;
    }
    Ok(())
}

async fn one(number: usize) -> Result<(), Error> {
    let (alice, bob, ours, mut theirs) = pair().await?;
    // A handler that holds its own connection does not keep it once it is closed.
    let cycle = alice.clone();
    alice.on_negotiation_needed(move || cycle.restart_ice());
    // Nobody reads these events: they hold channels, and keep nothing.
    let unread = bob.create_data_channel("unread", Default::default()).await?;
    unread.opened().await?;
    ours.send_text("hello").await?;
    assert_eq!(theirs.recv().await, Some("hello".into()));
    match number % 3 {
        0 => {
            alice.close().await;
            bob.close().await;
        }
        1 => {
            alice.close().await;
            drop(bob);
        }
        // The handler is replaced, and so `alice` is its only handle.
        _ => {
            alice.on_negotiation_needed(|| {});
            drop((alice, bob));
        }
    }
    // Channels outlive their connections, and see the end.
    assert_eq!(theirs.recv().await, None);
    Ok(())
}

// attack: connections opened and closed without end must not leak memory, sockets or tasks
#[tokio::test]
async fn a_thousand_connections_leave_nothing_behind() -> Result<(), Error> {
    // Buffers of the thread, of the provider and of the runtime come with the first ones.
    batch().await?;
    let (bytes, files, tasks) = held();
    for _ in 0..BATCHES {
        batch().await?;
    }
    let (bytes_after, files_after, tasks_after) = held();
    assert_eq!((files_after, tasks_after), (files, tasks), "file descriptors, tasks");
    let grown = bytes_after - bytes;
    assert!(grown < 16 << 10, "{grown} bytes more than before 1,000 connections");
    waits_that_are_given_up_leave_nothing().await
}

/// Called by the test above: two tests would count each other's file descriptors.
async fn waits_that_are_given_up_leave_nothing() -> Result<(), Error> {
    let connection = PeerConnection::new(local())?;
    let channel = connection.create_data_channel("never", Default::default()).await?;
    let wait_in_vain = async || {
        for _ in 0..1000 {
            let (connection, channel) = (connection.clone(), channel.clone());
            let waiting = tokio::spawn(async move {
                let mut events = connection.events();
                tokio::join!(
                    async { while events.next().await.is_some() {} },
                    connection.connected(),
                    async { channel.clone().recv().await },
                    channel.opened(),
                    channel.send("never"),
                    channel.closed(),
                )
            });
            tokio::task::yield_now().await;
            waiting.abort();
            assert!(waiting.await.is_err());
        }
    };
    wait_in_vain().await;
    let bytes = current_bytes();
    wait_in_vain().await;
    let grown = current_bytes() - bytes;
    assert!(grown < 4 << 10, "{grown} bytes more after 6,000 waits that were given up");
    Ok(())
}
