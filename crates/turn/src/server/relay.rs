//! From the client to a peer.

use std::net::SocketAddr;

use antiphon_stun::MessageView;

use super::Server;
use super::error::InputError;
use super::stats::{add, bump};
use super::types::{FiveTuple, Input, Relay, RelayId, Run, Step};
use crate::wire::attribute::{self, Family, Protocol};
use crate::wire::{CHANNEL_DATA_HEADER_LEN, ChannelData, TurnMessage as _};

/// What a datagram costs of the bandwidth at least: empty ones are not free.
pub(crate) const LEAST_COST: usize = 64;

/// What a Send indication may carry that must be understood (RFC 8656 section 11.1).
const KNOWN: [u16; 3] = [attribute::XOR_PEER_ADDRESS, attribute::DATA, attribute::DONT_FRAGMENT];

impl Server {
    /// As many ChannelData messages as begin like the first one.
    #[inline]
    pub(crate) fn channel_run(
        &mut self,
        from: FiveTuple,
        bytes: &[u8],
        stride: usize,
    ) -> Step<Input> {
        let stride = if stride == 0 { bytes.len() } else { stride };
        let first_len = stride.min(bytes.len());
        let message = match ChannelData::parse(bytes.get(..first_len).unwrap_or_default()) {
            Ok(message) => message,
            Err(error) => {
                bump(&mut self.stats.malformed);
                return Step { consumed: first_len, outcome: Err(error.into()) };
            }
        };
        let len = message.data.len();
        let mut run =
            Run { segments: 1, stride, offset: CHANNEL_DATA_HEADER_LEN, len, last_len: len };
        let mut consumed = first_len;
        let mut rest = bytes.get(first_len..).unwrap_or_default();
        let head = bytes.first_chunk::<CHANNEL_DATA_HEADER_LEN>();
        while !rest.is_empty() {
            let take = stride.min(rest.len());
            let next = rest.get(..take).unwrap_or_default();
            if next.first_chunk() == head && take >= len.saturating_add(CHANNEL_DATA_HEADER_LEN) {
                run.segments = run.segments.saturating_add(1);
                consumed = consumed.saturating_add(take);
                rest = rest.get(take..).unwrap_or_default();
                continue;
            }
            // A shorter message of the same channel may end the run.
            if let Ok(last) = ChannelData::parse(next)
                && last.number == message.number
                && last.data.len() < len
            {
                run.segments = run.segments.saturating_add(1);
                run.last_len = last.data.len();
                consumed = consumed.saturating_add(take);
            }
            break;
        }
        Step { consumed, outcome: self.channel_relay(from, message.number.number(), run) }
    }

    #[inline]
    fn channel_relay(
        &mut self,
        from: FiveTuple,
        number: u16,
        run: Run,
    ) -> Result<Input, InputError> {
        let now = self.clock.now();
        let Some(slot) = self.source(&from) else {
            return Err(self.drop_to_peer(run, InputError::NoAllocation));
        };
        let Some(allocation) = self.table.get(slot) else {
            return Err(self.drop_to_peer(run, InputError::NoAllocation));
        };
        //= rfc8656#12.6
        // What comes over a channel that is not bound is dropped, and nothing is refreshed.
        let Some(channel) = allocation.peers.channel(number, now) else {
            return Err(self.drop_to_peer(run, InputError::Unbound { number }));
        };
        if !channel.is_permitted(now) {
            return Err(self.drop_to_peer(run, InputError::NoPermission));
        }
        let peer = channel.peer;
        self.send_on(slot, peer, run, false)
    }

    /// A Send indication (RFC 8656 section 11.2).
    pub(crate) fn handle_send(
        &mut self,
        from: FiveTuple,
        view: &MessageView<'_>,
        bytes: &[u8],
    ) -> Result<Input, InputError> {
        let now = self.clock.now();
        let refused = |server: &mut Self, error| {
            bump(&mut server.stats.dropped_to_peer);
            Err(error)
        };
        let Some(slot) = self.source(&from) else {
            return refused(self, InputError::NoAllocation);
        };
        //= rfc8656#11.2
        // Without both an address and data, or with something unknown, it is dropped.
        let (Ok(Some(peer)), Some(data)) = (view.xor_peer_address(), view.data()) else {
            return refused(self, InputError::Indication);
        };
        let dont_fragment = view.dont_fragment();
        let has_unknown = view.unknown_comprehension_required(&KNOWN).next().is_some();
        if has_unknown || (dont_fragment && !self.config.dont_fragment) {
            return refused(self, InputError::Indication);
        }
        let Some(peer) = self.admit(peer) else {
            return refused(self, InputError::Forbidden);
        };
        //= rfc8656#11.2
        // A permission must be there, and is not refreshed by this.
        let permits = |allocation: &super::Allocation| allocation.peers.permits(peer.ip(), now);
        if !self.table.get(slot).is_some_and(permits) {
            return refused(self, InputError::NoPermission);
        }
        //= rfc8656#13.1
        //= rfc8656#13.2
        //= rfc8656#13.3
        // Between datagrams of which one is IPv6, DONT-FRAGMENT is ignored.
        let is_v4 = from.client.is_ipv4() && peer.is_ipv4();
        let dont_fragment = dont_fragment && (is_v4 || from.transport.is_stream());
        let offset = data.as_ptr().addr().wrapping_sub(bytes.as_ptr().addr());
        self.send_on(slot, peer, Run::one(offset, data.len()), dont_fragment)
    }

    /// The allocation that data comes for; data from a new 5-tuple completes a move.
    #[inline]
    fn source(&mut self, from: &FiveTuple) -> Option<u32> {
        let slot = self.table.find(from)?;
        let is_new = |allocation: &super::Allocation| {
            allocation.mobility.as_ref().is_some_and(|mobility| mobility.moving == Some(*from))
        };
        if self.table.get(slot).is_some_and(is_new) {
            self.complete_move(slot);
        }
        Some(slot)
    }

    #[inline]
    fn send_on(
        &mut self,
        slot: u32,
        peer: SocketAddr,
        mut run: Run,
        dont_fragment: bool,
    ) -> Result<Input, InputError> {
        let now = self.clock.now();
        let generation = self.table.generation(slot);
        let closed = InputError::RelayClosed;
        let Some(allocation) = self.table.get_mut(slot) else { return Err(closed) };
        let family = Family::of(peer.ip());
        let is_udp = allocation.protocol == Protocol::Udp;
        let Some(relay) = allocation.relay(family).filter(|relay| is_udp && relay.is_open).copied()
        else {
            return Err(self.drop_to_peer(run, closed));
        };
        let passed = allocation.bandwidth.take(now, run.segments, run.len.max(LEAST_COST));
        if passed < run.segments {
            add(&mut self.stats.over_bandwidth, run.segments.saturating_sub(passed));
            let bytes = run.total();
            run.segments = passed;
            run.last_len = run.len;
            if passed == 0 {
                return Err(InputError::Bandwidth { bytes });
            }
        }
        let total = run.total();
        add(&mut allocation.traffic.packets_to_peer, run.segments);
        add(&mut allocation.traffic.bytes_to_peer, total);
        add(&mut self.stats.packets_to_peer, run.segments);
        add(&mut self.stats.bytes_to_peer, total);
        let v6 = family == Family::V6;
        let id = RelayId { slot, generation, v6, attempt: relay.attempt };
        Ok(Input::Relay(Relay { relay: id, relayed: relay.local, to: peer, run, dont_fragment }))
    }

    #[cold]
    fn drop_to_peer(&mut self, run: Run, error: InputError) -> InputError {
        add(&mut self.stats.dropped_to_peer, run.segments);
        error
    }
}
