use std::time::Instant;

use bytes::Bytes;

use super::handshake::unusable;
use super::tcb::{Identity, Tcb};
use super::{Association, State};
use crate::wire::{Chunk, Header, PACKET_HEADER, PacketView, PacketWriter};
use crate::{Event, SnapError};

/// Bytes of an INIT of ours at most.
const MAX_INIT: usize = 128;

/// Setting up without a handshake: the INIT chunks travel in the session descriptions
/// ([draft-hancke-tsvwg-snap]), and data goes out with the first packet.
///
/// [draft-hancke-tsvwg-snap]: https://datatracker.ietf.org/doc/draft-hancke-tsvwg-snap/
impl Association {
    /// Our INIT chunk, for `a=sctp-init` (which wants it in base64). The same each time.
    ///
    /// A peer that does not know the attribute is answered as usual: [`connect`](Self::connect)
    /// sends this INIT.
    #[must_use = "the peer needs it"]
    pub fn snap_init(&mut self) -> Bytes {
        let identity = match self.promised {
            Some(identity) => identity,
            None => Identity::draw(&self.config, &mut self.random),
        };
        self.promised = Some(identity);
        let mut buf = [0; MAX_INIT];
        let header = Header { source_port: 0, destination_port: 0, tag: 0 };
        let mut packet = PacketWriter::new(&mut buf, header);
        identity.init(&self.config).write(&mut packet, self.config.capabilities());
        let len = packet.finish();
        Bytes::copy_from_slice(buf.get(PACKET_HEADER..len).unwrap_or(&[]))
    }

    /// Sets the association up from the peer's INIT chunk, out of its `a=sctp-init`, after our own
    /// was given to it. [`Event::Connected`] follows at once.
    ///
    /// # Errors
    ///
    /// Says why not; nothing has changed then, and [`connect`](Self::connect) still works.
    pub fn connect_snap(&mut self, now: Instant, peer_init: &[u8]) -> Result<(), SnapError> {
        self.handle_timeout(now);
        if !matches!(self.state, State::Closed) {
            return Err(SnapError::NotFresh);
        }
        let local = self.promised.ok_or(SnapError::NotExported)?;
        let len = peer_init.len();
        let Some(Chunk::Init(view)) = PacketView::lone_chunk(peer_init) else {
            return Err(SnapError::NotInit { len });
        };
        if view.init.tag == 0 || unusable(&view).is_some() {
            return Err(SnapError::BadInit);
        }
        let (state, mut context) = self.split();
        let mut tcb = Tcb::new(local, view.init, view.capabilities(), &mut context);
        tcb.start(&mut context);
        context.inbox.event(Event::Connected);
        *state = State::Open(Box::new(tcb));
        Ok(())
    }
}
