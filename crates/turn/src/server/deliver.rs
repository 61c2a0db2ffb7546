//! From a peer to the client.

use std::net::SocketAddr;
use std::ops::Range;
use std::time::Instant;

use antiphon_stun::{BufferTooSmall, Class, MAGIC_COOKIE, Method, TransactionId};
use rand_core::Rng as _;

use super::Server;
use super::error::InputError;
use super::relay::LEAST_COST;
use super::stats::add;
use super::types::{FiveTuple, IcmpError, RelayId, Run, Step};
use crate::wire::attribute::{self, Family, Icmp};
use crate::wire::{CHANNEL_DATA_HEADER_LEN, TurnWriter as _};

/// Bytes in front of a payload that a [`Deliver`] may need: a Data indication with an IPv6 peer.
pub const HEADROOM: usize = 48;

/// A peer's data, and what goes in front of it on the way to the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deliver {
    /// The client.
    pub to: FiveTuple,
    /// Where the data lies in the bytes that came in.
    pub run: Run,
    front: [u8; HEADROOM],
    front_len: usize,
    /// The header of the last ChannelData message, where it is shorter.
    last: [u8; CHANNEL_DATA_HEADER_LEN],
    is_padded: bool,
}

impl Deliver {
    /// What goes in front of payload number `index`: 4 bytes of ChannelData, or 36 or 48 of a Data
    /// indication.
    #[must_use]
    #[inline]
    pub fn prefix(&self, index: usize) -> &[u8] {
        let is_last = index.saturating_add(1) >= self.run.segments;
        if is_last && self.front_len == CHANNEL_DATA_HEADER_LEN {
            return &self.last;
        }
        self.front.get(..self.front_len).unwrap_or_default()
    }

    //= rfc8656#12.5
    // On a stream ChannelData is padded to whole words.
    /// How many zeros go behind payload number `index`: on a stream, or behind DATA.
    #[must_use]
    #[inline]
    pub fn padding(&self, index: usize) -> usize {
        if !self.is_padded {
            return 0;
        }
        let len = self.run.payload_len(index);
        len.next_multiple_of(4).saturating_sub(len)
    }

    /// Bytes of each message but the last, for a send with segmentation offload.
    #[must_use]
    #[inline]
    pub fn segment_len(&self) -> usize {
        self.front_len.saturating_add(self.run.len).saturating_add(self.padding(0))
    }

    /// Bytes of all messages.
    #[must_use]
    pub fn total(&self) -> usize {
        let last = self.run.segments.saturating_sub(1);
        let last_len = self.front_len.saturating_add(self.run.last_len);
        self.segment_len()
            .saturating_mul(last)
            .saturating_add(last_len)
            .saturating_add(self.padding(last))
    }

    /// Writes all messages one after the other: `bytes` is what came in.
    ///
    /// # Errors
    ///
    /// [`BufferTooSmall`] when `out` is shorter than [`total`](Self::total).
    pub fn write(&self, bytes: &[u8], out: &mut [u8]) -> Result<usize, BufferTooSmall> {
        let too_small = BufferTooSmall { need: self.total() };
        let mut rest = out;
        let mut written = 0_usize;
        for index in 0..self.run.segments {
            let (prefix, padding) = (self.prefix(index), self.padding(index));
            let payload = bytes.get(self.run.payload(index)).unwrap_or_default();
            let (front, tail) = rest.split_at_mut_checked(prefix.len()).ok_or(too_small)?;
            front.copy_from_slice(prefix);
            let (middle, tail) = tail.split_at_mut_checked(payload.len()).ok_or(too_small)?;
            middle.copy_from_slice(payload);
            let (zeros, tail) = tail.split_at_mut_checked(padding).ok_or(too_small)?;
            zeros.fill(0);
            rest = tail;
            written = written
                .saturating_add(prefix.len())
                .saturating_add(payload.len())
                .saturating_add(padding);
        }
        Ok(written)
    }

    /// Puts prefix and padding around one datagram that was received at `buf[at..]`; where the
    /// message lies then. `None` when `at` is below [`HEADROOM`] and too little, or when three
    /// bytes behind the datagram are missing.
    #[inline]
    pub fn write_in_place(&self, buf: &mut [u8], at: usize) -> Option<Range<usize>> {
        let prefix = self.prefix(0);
        let start = at.checked_sub(prefix.len())?;
        buf.get_mut(start..at)?.copy_from_slice(prefix);
        let end = at.checked_add(self.run.last_len)?;
        let padded = end.checked_add(self.padding(0))?;
        buf.get_mut(end..padded)?.fill(0);
        Some(start..padded)
    }
}

impl Server {
    /// Takes what came to a relay's socket from `peer`: datagrams of `stride` bytes one after the
    /// other, the last perhaps shorter. One step covers all that go the same way.
    #[inline]
    pub fn handle_relayed(
        &mut self,
        now: Instant,
        relay: RelayId,
        peer: SocketAddr,
        bytes: &[u8],
        stride: usize,
    ) -> Step<Deliver> {
        self.clock.advance(now);
        let run = Run::of(bytes.len(), stride);
        match self.deliver(relay, peer, run) {
            Ok(deliver) if deliver.front_len != CHANNEL_DATA_HEADER_LEN => {
                // Indications go one by one.
                let consumed = if run.segments > 1 { run.len } else { bytes.len() };
                Step { consumed, outcome: Ok(deliver) }
            }
            outcome => Step { consumed: bytes.len(), outcome },
        }
    }

    #[inline]
    fn deliver(
        &mut self,
        relay: RelayId,
        peer: SocketAddr,
        mut run: Run,
    ) -> Result<Deliver, InputError> {
        let now = self.clock.now();
        let peer = SocketAddr::new(super::canonical(peer.ip()), peer.port());
        let Some(allocation) = self.table.get_same(relay.slot, relay.generation) else {
            return Err(InputError::RelayClosed);
        };
        let is_open = allocation.relay(relay.family()).is_some_and(|relay| relay.is_open);
        if !is_open || !allocation.is_live() || Family::of(peer.ip()) != relay.family() {
            return Err(InputError::RelayClosed);
        }
        let channel = allocation.peers.channel_of(peer, now);
        //= rfc8656#9
        // Without a permission nothing reaches the client, channel or not.
        let (is_permitted, number) = match channel {
            Some(channel) => (channel.is_permitted(now), Some(channel.number)),
            None => (allocation.peers.permits(peer.ip(), now), None),
        };
        if !is_permitted {
            add(&mut self.stats.dropped_to_client, run.segments);
            return Err(InputError::NoPermission);
        }
        if number.is_none() && run.segments > 1 {
            run = Run { segments: 1, last_len: run.len, ..run };
        }
        let passed = allocation.bandwidth.take(now, run.segments, run.len.max(LEAST_COST));
        if passed < run.segments {
            add(&mut self.stats.over_bandwidth, run.segments.saturating_sub(passed));
            let bytes = run.total();
            run = Run { segments: passed, last_len: run.len, ..run };
            if passed == 0 {
                return Err(InputError::Bandwidth { bytes });
            }
        }
        add(&mut allocation.traffic.packets_to_client, run.segments);
        add(&mut allocation.traffic.bytes_to_client, run.total());
        let to = allocation.tuple;
        add(&mut self.stats.packets_to_client, run.segments);
        add(&mut self.stats.bytes_to_client, run.total());
        match number {
            //= rfc8656#12.5
            // The server uses the channel where there is one.
            Some(number) => channel_data(to, number, run),
            None => {
                let mut id = [0; 12];
                self.random.fill_bytes(&mut id);
                data_indication(to, peer, TransactionId(id), run)
            }
        }
        .ok_or(InputError::Answer)
    }

    /// Takes an ICMP error that the network sent for a datagram from `relay`.
    ///
    /// # Errors
    ///
    /// Says why it was dropped.
    pub fn handle_icmp(
        &mut self,
        now: Instant,
        relay: RelayId,
        error: IcmpError,
    ) -> Result<(), InputError> {
        self.clock.advance(now);
        let dropped = InputError::Icmp { kind: error.kind };
        let now = self.clock.now();
        let peer = SocketAddr::new(super::canonical(error.peer.ip()), error.peer.port());
        //= rfc8656#11.5
        // Unreachable, too big and time exceeded go on to the client; nothing else does.
        let (is_wanted, is_too_big) = match (peer, error.kind) {
            (SocketAddr::V4(_), 3) => (true, error.code == 4),
            (SocketAddr::V4(_), 11) | (SocketAddr::V6(_), 1 | 3) => (true, false),
            (SocketAddr::V6(_), 2) => (true, true),
            (SocketAddr::V4(_) | SocketAddr::V6(_), _) => (false, false),
        };
        let Some(allocation) = self.table.get_same(relay.slot, relay.generation) else {
            return Err(InputError::RelayClosed);
        };
        //= rfc8656#11.5
        // The permission that counts is that of the peer, not of whoever sent the error.
        if !is_wanted || !allocation.is_live() || !allocation.peers.permits(peer.ip(), now) {
            return Err(dropped);
        }
        let to = allocation.tuple;
        let mut id = [0; 12];
        self.random.fill_bytes(&mut id);
        //= rfc8656#18.13
        // The data is an MTU or zero.
        let data = if is_too_big { error.data } else { 0 };
        let icmp = Icmp { kind: error.kind, code: error.code, data };
        let sent = self.out.push(to, Class::Indication, Method::DATA, TransactionId(id), |w| {
            w.xor_peer_address(peer)?.icmp(icmp).map(drop)
        });
        if sent { Ok(()) } else { Err(self.output_full()) }
    }
}

impl Run {
    fn of(len: usize, stride: usize) -> Self {
        if stride == 0 || len <= stride {
            return Self::one(0, len);
        }
        let segments = len.div_ceil(stride);
        let last_len = len.saturating_sub(segments.saturating_sub(1).saturating_mul(stride));
        Self { segments, stride, offset: 0, len: stride, last_len }
    }
}

#[inline]
fn channel_data(to: FiveTuple, number: u16, run: Run) -> Option<Deliver> {
    let [n0, n1] = number.to_be_bytes();
    let header = |len: usize| {
        let [l0, l1] = u16::try_from(len).ok()?.to_be_bytes();
        Some([n0, n1, l0, l1])
    };
    let mut front = [0; HEADROOM];
    *front.first_chunk_mut()? = header(run.len)?;
    let last = header(run.last_len)?;
    let is_padded = to.transport.is_stream();
    Some(Deliver { to, run, front, front_len: CHANNEL_DATA_HEADER_LEN, last, is_padded })
}

/// Header, XOR-PEER-ADDRESS, and the front of DATA, whose value is the payload itself.
//= rfc8656#11.3
// A Data indication says whom the data came from.
fn data_indication(
    to: FiveTuple,
    peer: SocketAddr,
    TransactionId(id): TransactionId,
    run: Run,
) -> Option<Deliver> {
    let mut front = [0; HEADROOM];
    let len = run.last_len;
    let front_len = if peer.is_ipv4() { 36_usize } else { HEADROOM };
    let body = len.checked_next_multiple_of(4)?.checked_add(front_len.saturating_sub(20))?;
    let [b0, b1] = u16::try_from(body).ok()?.to_be_bytes();
    let [c0, c1, c2, c3] = MAGIC_COOKIE.to_be_bytes();
    let [p0, p1] = peer.port().to_be_bytes();
    let [k0, k1] = attribute::XOR_PEER_ADDRESS.to_be_bytes();
    let [d0, d1] = attribute::DATA.to_be_bytes();
    let [l0, l1] = u16::try_from(len).ok()?.to_be_bytes();
    let family = Family::of(peer.ip()).number();
    let mut at = front.iter_mut();
    let mut put = |bytes: &[u8]| {
        // The shorter one first: a zip takes from its left before it looks to the right.
        for (from, to) in bytes.iter().zip(at.by_ref()) {
            *to = *from;
        }
    };
    put(&[0x00, 0x17, b0, b1, c0, c1, c2, c3]);
    put(&id);
    let value_len = if peer.is_ipv4() { 8 } else { 20 };
    put(&[k0, k1, 0, value_len, 0, family, p0 ^ c0, p1 ^ c1]);
    match peer {
        SocketAddr::V4(peer) => put(&(peer.ip().to_bits() ^ MAGIC_COOKIE).to_be_bytes()),
        SocketAddr::V6(peer) => {
            let [a, b, c, d, e, f, g, h, i, j, k, l] = id;
            let mask = u128::from_be_bytes([c0, c1, c2, c3, a, b, c, d, e, f, g, h, i, j, k, l]);
            put(&(peer.ip().to_bits() ^ mask).to_be_bytes());
        }
    }
    put(&[d0, d1, l0, l1]);
    let last = [0; CHANNEL_DATA_HEADER_LEN];
    Some(Deliver { to, run, front, front_len, last, is_padded: true })
}
