use std::collections::VecDeque;
use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use super::Fate;

/// How many datagrams the log remembers.
const KEPT: usize = 256;
/// How many of them a failing test prints.
const PRINTED: usize = 60;
/// How many bytes of each it keeps.
const HEAD: usize = 24;

/// One line of the network's log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Time since the start.
    pub at: Duration,
    /// The number of the host that sent it; `usize::MAX` for an injected datagram.
    pub from: usize,
    /// The source address at that place of the way.
    pub source: SocketAddr,
    /// The destination address at that place of the way.
    pub destination: SocketAddr,
    /// Bytes of the datagram.
    pub len: usize,
    /// The first of them.
    pub head: Vec<u8>,
    /// What became of it.
    pub fate: Fate,
}

impl Entry {
    pub(super) fn new(
        at: Duration,
        from: usize,
        source: SocketAddr,
        destination: SocketAddr,
        bytes: &[u8],
        fate: Fate,
    ) -> Self {
        let head = bytes.iter().take(HEAD).copied().collect();
        Self { at, from, source, destination, len: bytes.len(), head, fate }
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = self.at.as_secs_f64() * 1000.0;
        write!(f, "{millis:12.3} ms  ")?;
        if self.from == usize::MAX {
            f.write_str("injected")?;
        } else {
            write!(f, "host {:<3}", self.from)?;
        }
        write!(f, " {} > {} {:9}", self.source, self.destination, format!("{:?}", self.fate))?;
        write!(f, " {:5} bytes ", self.len)?;
        for byte in &self.head {
            write!(f, "{byte:02x}")?;
        }
        if self.len > self.head.len() {
            f.write_str("..")?;
        }
        Ok(())
    }
}

/// The last datagrams of a network, as a failing test prints them.
#[derive(Debug, Default)]
pub(super) struct Log {
    entries: VecDeque<Entry>,
}

impl Log {
    pub(super) fn push(&mut self, entry: Entry) {
        if self.entries.len() >= KEPT {
            self.entries.pop_front();
        }
        self.entries.push_back(entry);
    }

    pub(super) fn entries(&self) -> &VecDeque<Entry> {
        &self.entries
    }
}

impl fmt::Display for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let skipped = self.entries.len().saturating_sub(PRINTED);
        for entry in self.entries.iter().skip(skipped) {
            writeln!(f, "{entry}")?;
        }
        Ok(())
    }
}
