use std::fmt::Debug;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Instant;

/// Where a datagram goes or came from, seen by the machine that sends or receives it.
///
/// The [`default`](Path::default) path is for machines that know no addresses (DTLS, SCTP): the
/// network puts the addresses of the two hosts in its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Path {
    /// The address of the machine.
    pub local: SocketAddr,
    /// The address of the other end.
    pub remote: SocketAddr,
}

impl Path {
    /// A path between two addresses.
    #[must_use]
    pub const fn new(local: SocketAddr, remote: SocketAddr) -> Self {
        Self { local, remote }
    }

    /// The same path, seen from the other end.
    #[must_use]
    pub const fn reversed(self) -> Self {
        Self { local: self.remote, remote: self.local }
    }

    /// Whether this is the [`default`](Path::default) path, which names nobody.
    #[must_use]
    pub fn is_unspecified(&self) -> bool {
        *self == Self::default()
    }
}

impl Default for Path {
    fn default() -> Self {
        let nobody = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);
        Self { local: nobody, remote: nobody }
    }
}

/// A datagram, or a batch of them, that a machine wrote into the buffer it was offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sent {
    /// Where to.
    pub path: Path,
    /// Bytes written.
    pub len: usize,
    /// With `Some(size)` the bytes are several datagrams of `size` bytes each, the last perhaps
    /// shorter.
    pub segment_size: Option<usize>,
}

impl Sent {
    /// One datagram of a machine that knows no addresses.
    #[must_use]
    pub fn new(len: usize) -> Self {
        Self::to(Path::default(), len)
    }

    /// One datagram along `path`.
    #[must_use]
    pub const fn to(path: Path, len: usize) -> Self {
        Self { path, len, segment_size: None }
    }
}

/// What the test kit needs from a machine; each crate's tests implement it in a dozen lines.
///
/// The verbs are those of every machine of the workspace. [`conformance`](crate::conformance)
/// lists the rules they keep.
pub trait Machine {
    /// What [`poll_event`](Self::poll_event) reports.
    type Event: Debug;
    /// Why a datagram was dropped.
    type Error: Debug;

    /// Takes one datagram that arrived at `now`.
    ///
    /// # Errors
    ///
    /// When the datagram was dropped; the machine is unchanged then.
    fn handle_input(
        &mut self,
        now: Instant,
        path: Path,
        datagram: &mut [u8],
    ) -> Result<(), Self::Error>;

    /// Writes the next datagram or batch into `buf`, which holds 64 KiB.
    fn poll_output(&mut self, now: Instant, buf: &mut [u8]) -> Option<Sent>;

    /// Returns the next event, oldest first.
    fn poll_event(&mut self) -> Option<Self::Event>;

    /// Lets time pass until `now`.
    fn handle_timeout(&mut self, now: Instant);

    /// When the machine wants to be called next; `None` when nothing is pending.
    fn poll_timeout(&self) -> Option<Instant>;
}
