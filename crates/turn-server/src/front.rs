//! The thread in front: it accepts stream connections for the shards, and serves metrics.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

use crate::metrics;
use crate::shard::{Command, Incoming};
use crate::shared::Shared;

/// How long to wait when no more files can be opened.
const EXHAUSTED: Duration = Duration::from_millis(50);

/// Serves until `stopped`.
pub(crate) async fn run(
    shared: Arc<Shared>,
    streams: Vec<(std::net::TcpListener, bool)>,
    metrics: Option<std::net::TcpListener>,
    stopped: oneshot::Receiver<()>,
) {
    for (listener, secure) in streams {
        match TcpListener::from_std(listener) {
            Ok(listener) => {
                tokio::task::spawn_local(accept(Arc::clone(&shared), listener, secure));
            }
            Err(error) => tracing::error!(%error, "a listening port cannot be served"),
        }
    }
    if let Some(listener) = metrics {
        tokio::task::spawn_local(metrics::serve(Arc::clone(&shared), listener));
    }
    let _ = stopped.await;
}

async fn accept(shared: Arc<Shared>, listener: TcpListener, secure: bool) {
    loop {
        match listener.accept().await {
            Ok((stream, client)) => welcome(&shared, stream, client, secure),
            Err(error) => {
                tracing::warn!(%error, "a connection cannot be accepted");
                tokio::time::sleep(EXHAUSTED).await;
            }
        }
    }
}

/// Passes a connection on to a shard, if there is a place for it.
fn welcome(shared: &Shared, stream: TcpStream, client: SocketAddr, secure: bool) {
    let live = shared.live();
    let limits = &live.config.limits;
    let (most, most_per_address) = (limits.connections, limits.connections_per_address);
    let Some(seat) = shared.doors.enter(client.ip(), most, most_per_address) else {
        tracing::debug!(%client, "too many connections");
        return;
    };
    let (Ok(server), Ok(stream)) = (stream.local_addr(), stream.into_std()) else { return };
    let deadline = Instant::now().checked_add(limits.idle);
    let Some(deadline) = deadline else { return };
    let bytes = BytesMut::new();
    let incoming = Incoming { stream, client, server, secure, bytes, seat, deadline };
    shared.tell(shared.home(client.ip()), Command::Stream(incoming));
}
