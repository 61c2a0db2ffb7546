use std::collections::BTreeSet;

use crate::DtlsRole;

/// Hands out stream ids of our parity, the lowest first.
#[derive(Debug)]
pub(super) struct Ids {
    role: Option<DtlsRole>,
    /// The lowest id that was never handed out.
    next: u32,
    /// Ids below `next` that are free again, or were when they got here.
    returned: BTreeSet<u16>,
    /// How many streams there are.
    streams: u16,
}

impl Ids {
    pub(super) fn new() -> Self {
        Self { role: None, next: 0, returned: BTreeSet::new(), streams: u16::MAX }
    }

    pub(super) fn streams(&self) -> u16 {
        self.streams
    }

    pub(super) fn set_streams(&mut self, streams: u16) {
        self.streams = streams;
    }

    pub(super) fn is_role_known(&self) -> bool {
        self.role.is_some()
    }

    //= rfc8832#6
    // The DTLS client's channels are even, the server's odd.
    pub(super) fn set_role(&mut self, role: DtlsRole) {
        self.role = Some(role);
        self.next = match role {
            DtlsRole::Client => 0,
            DtlsRole::Server => 1,
        };
    }

    /// Whether the id is one that we, not the peer, may give to a channel.
    pub(super) fn is_ours(&self, stream: u16) -> bool {
        match self.role {
            Some(DtlsRole::Client) => stream.is_multiple_of(2),
            Some(DtlsRole::Server) => !stream.is_multiple_of(2),
            None => false,
        }
    }

    /// The lowest id that is ours and, by `is_free`, not in use.
    pub(super) fn allocate(&mut self, is_free: impl Fn(u16) -> bool) -> Option<u16> {
        self.role?;
        while let Some(id) = self.returned.pop_first() {
            if id < self.streams && is_free(id) {
                return Some(id);
            }
        }
        while self.next < u32::from(self.streams) {
            let id = u16::try_from(self.next).ok()?;
            self.next = self.next.saturating_add(2);
            if is_free(id) {
                return Some(id);
            }
        }
        None
    }

    /// Takes note that a stream is free again.
    pub(super) fn release(&mut self, stream: u16) {
        if self.is_ours(stream) && u32::from(stream) < self.next {
            self.returned.insert(stream);
        }
    }
}
