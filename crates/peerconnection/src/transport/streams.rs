//! Streams: those to TURN servers, and those that are ICE candidates themselves (RFC 6544).

use std::collections::BTreeMap;

use antiphon_ice as ice;

use crate::StreamId;

/// Bytes of the length before each datagram on a stream between peers (RFC 4571 section 2).
pub(crate) const LENGTH: usize = 2;

/// What a stream is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Use {
    /// The relay of that number.
    Relay(usize),
    /// The path itself.
    Path(ice::Path),
}

/// All streams of a connection that are open, or on their way to it.
#[derive(Debug, Default)]
pub(crate) struct Streams {
    next: u32,
    uses: BTreeMap<StreamId, Use>,
}

impl Streams {
    /// A new name.
    pub(crate) fn name(&mut self) -> StreamId {
        let id = StreamId(self.next);
        self.next = self.next.wrapping_add(1);
        id
    }

    /// A new stream.
    pub(crate) fn open(&mut self, usage: Use) -> StreamId {
        let id = self.name();
        self.uses.insert(id, usage);
        id
    }

    pub(crate) fn insert(&mut self, id: StreamId, usage: Use) {
        self.uses.insert(id, usage);
    }

    pub(crate) fn get(&self, id: StreamId) -> Option<Use> {
        self.uses.get(&id).copied()
    }

    pub(crate) fn close(&mut self, id: StreamId) -> Option<Use> {
        self.uses.remove(&id)
    }

    pub(crate) fn len(&self) -> usize {
        self.uses.len()
    }

    /// The stream that is this path.
    pub(crate) fn of(&self, path: ice::Path) -> Option<StreamId> {
        self.uses.iter().find(|(_, usage)| **usage == Use::Path(path)).map(|(id, _)| *id)
    }
}

/// Where the first datagram of a stream between peers lies; `None` while it is not all there.
///
/// The length has two bytes, so no peer can make its owner keep more than 64 KiB.
pub(crate) fn frame(stream: &[u8]) -> Option<std::ops::Range<usize>> {
    let length = stream.first_chunk::<LENGTH>()?;
    let end = LENGTH.saturating_add(usize::from(u16::from_be_bytes(*length)));
    (stream.len() >= end).then_some(LENGTH..end)
}

/// Writes the length of `len` bytes that lie at `buf[LENGTH..]` before them; returns the whole.
pub(crate) fn put_length(buf: &mut [u8], len: usize) -> Option<usize> {
    let length = u16::try_from(len).ok()?.to_be_bytes();
    *buf.first_chunk_mut()? = length;
    Some(LENGTH.saturating_add(len))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_found_whatever_the_cut() {
        let stream = [0, 3, 1, 2, 3, 0, 0, 0, 1, 9];
        for cut in 0..5 {
            assert_eq!(frame(&stream[..cut]), None, "{cut}");
        }
        assert_eq!(frame(&stream), Some(2..5));
        assert_eq!(frame(&stream[5..]), Some(2..2));
        assert_eq!(frame(&stream[7..]), Some(2..3));
        let mut buf = [0, 0, 7, 7];
        assert_eq!(put_length(&mut buf, 2), Some(4));
        assert_eq!(buf, [0, 2, 7, 7]);
        assert_eq!(put_length(&mut buf, 70_000), None);
    }
}
