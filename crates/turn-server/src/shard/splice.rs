//! A client's data connection joined with one to a peer (RFC 6062 section 5.4).

use std::io;
use std::rc::Rc;
use std::time::{Duration, Instant};

use antiphon_turn::server::{ConnectionId, Direction, FiveTuple};
use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::sync::Notify;

use super::outbox::Outbox;
use super::{Peer, Shard};

/// What is read at once.
const CHUNK: usize = 16 * 1024;
/// How long a stream pauses that has used up its bandwidth.
const PAUSE: Duration = Duration::from_millis(20);

/// Copies both ways until both sides have ended, or the machine says that it is over.
pub(super) async fn run<S: AsyncRead + AsyncWrite + Unpin>(
    shard: &Rc<Shard>,
    client: FiveTuple,
    outbox: &Outbox,
    begun: &mut BytesMut,
    stream: S,
) {
    let Some((connection, peer)) = outbox.take_splice() else { return };
    let over = Rc::new(Notify::new());
    shard.core.borrow_mut().peers.insert(connection, Peer::Spliced(Rc::clone(&over)));
    let (client_reader, client_writer) = tokio::io::split(stream);
    let (peer_reader, peer_writer) = peer.into_split();
    let to_peer = Way { shard, connection, direction: Direction::ToPeer };
    let to_client = Way { shard, connection, direction: Direction::ToClient };
    // What the client sent behind its ConnectionBind belongs to the peer.
    let begun = begun.split();
    let both = async {
        let _ = tokio::join!(
            to_peer.copy(&begun, client_reader, peer_writer),
            to_client.copy(&[], peer_reader, client_writer),
        );
    };
    tokio::select! {
        () = both => {}
        () = over.notified() => {}
    }
    tracing::debug!(client = %client.client, "data connection ended");
    let now = Instant::now();
    let mut core = shard.core.borrow_mut();
    if core.peers.remove(&connection).is_some() {
        core.server.peer_closed(now, connection);
        core.drain(shard, now);
        core.settle(shard);
    }
}

/// One direction of a pair.
struct Way<'a> {
    shard: &'a Rc<Shard>,
    connection: ConnectionId,
    direction: Direction,
}

impl Way<'_> {
    async fn copy<R, W>(&self, begun: &[u8], mut reader: R, mut writer: W) -> io::Result<()>
    where
        R: AsyncRead + Unpin,
        W: AsyncWrite + Unpin,
    {
        self.write(begun, &mut writer).await?;
        let mut chunk = vec![0; CHUNK];
        loop {
            let len = reader.read(&mut chunk).await?;
            if len == 0 {
                // The other direction may go on.
                return writer.shutdown().await;
            }
            self.write(chunk.get(..len).unwrap_or_default(), &mut writer).await?;
            writer.flush().await?;
        }
    }

    async fn write<W: AsyncWrite + Unpin>(
        &self,
        mut bytes: &[u8],
        writer: &mut W,
    ) -> io::Result<()> {
        while !bytes.is_empty() {
            let now = Instant::now();
            let allowed = {
                let mut core = self.shard.core.borrow_mut();
                core.server.transfer(now, self.connection, self.direction, bytes.len())
            };
            if allowed == 0 {
                tokio::time::sleep(PAUSE).await;
                continue;
            }
            let (part, rest) = bytes.split_at(allowed.min(bytes.len()));
            writer.write_all(part).await?;
            bytes = rest;
        }
        Ok(())
    }
}
