//! From the parts to one batch of datagrams.

use std::net::SocketAddr;
use std::time::Instant;

use antiphon_ice as ice;
use antiphon_turn::client::HEADROOM;

use crate::media::OutputKind;
use crate::transport::relays::Base;
use crate::transport::{MAX_PACKET, Packet, streams};
use crate::{PeerConnection, StreamId, Transmit};

use super::Closing;

/// Datagrams in one batch at most: what Linux takes in one call.
const MAX_SEGMENTS: usize = 64;
/// Bytes in one batch at most: the length field of UDP, less its header and IP's.
const MAX_BATCH: usize = 65_000;

/// How datagrams get to the other end of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// As they are.
    Direct,
    /// Through the relay of that number.
    Relayed(usize),
    /// On a stream, each with its length.
    Stream(StreamId),
}

/// Where datagrams are written: behind what the way needs before them.
#[derive(Clone, Copy, Debug)]
struct Envelope {
    way: Way,
    remote: SocketAddr,
    headroom: usize,
}

impl PeerConnection {
    pub(super) fn put_out(&mut self, now: Instant, buf: &mut [u8]) -> Option<Transmit> {
        if let Some((index, len)) = self.transport.relays.poll_output(now, buf) {
            let relay = self.transport.relays.get(index)?;
            return Some(to_server(relay.base, relay.server, len, None));
        }
        while self.closing == Closing::Open {
            let sent = match self.transport.ice.poll_output(now, buf.get_mut(HEADROOM..)?) {
                Ok(Some(sent)) => sent,
                Ok(None) | Err(_) => break,
            };
            let Some(mut envelope) = self.envelope(sent.path) else { continue };
            // It lies as far behind as any way needs.
            envelope.headroom = HEADROOM;
            if let Some(len) = self.seal(envelope, buf, sent.len) {
                return Some(self.transmit(sent.path, envelope.way, len, None));
            }
        }
        let path = self.transport.ice.selected_path()?;
        let envelope = self.envelope(path)?;
        let batch = self.fill(now, buf, envelope)?;
        let counters = &mut self.transport.counters;
        counters.packets_sent = counters.packets_sent.saturating_add(batch.packets);
        let bytes = u64::try_from(batch.len).unwrap_or(u64::MAX);
        counters.bytes_sent = counters.bytes_sent.saturating_add(bytes);
        Some(self.transmit(path, envelope.way, batch.len, batch.segment_size))
    }

    fn envelope(&mut self, path: ice::Path) -> Option<Envelope> {
        let remote = path.remote;
        if path.protocol == ice::Protocol::Tcp {
            let way = Way::Stream(self.transport.streams.of(path)?);
            return Some(Envelope { way, remote, headroom: streams::LENGTH });
        }
        let Some(index) = self.transport.relays.lender(path.local) else {
            return Some(Envelope { way: Way::Direct, remote, headroom: 0 });
        };
        let headroom = self.transport.relays.get(index)?.headroom(remote);
        Some(Envelope { way: Way::Relayed(index), remote, headroom })
    }

    /// Makes the `len` bytes behind the headroom what the way takes, at the front of `buf`; `None`
    /// when it takes nothing now.
    fn seal(&mut self, envelope: Envelope, buf: &mut [u8], len: usize) -> Option<usize> {
        let Envelope { way, remote, headroom } = envelope;
        let end = headroom.saturating_add(len);
        let sealed = match way {
            Way::Direct => headroom..end,
            Way::Stream(_) => {
                let start = headroom.saturating_sub(streams::LENGTH);
                streams::put_length(buf.get_mut(start..)?, len)?;
                start..end
            }
            Way::Relayed(index) => {
                let relay = self.transport.relays.get(index)?;
                relay.client.wrap(remote, buf, headroom..end).ok()?
            }
        };
        let len = sealed.len();
        if sealed.start > 0 {
            buf.copy_within(sealed, 0);
        }
        Some(len)
    }

    fn transmit(
        &mut self,
        path: ice::Path,
        way: Way,
        len: usize,
        segment_size: Option<usize>,
    ) -> Transmit {
        let (local, remote) = (path.local, path.remote);
        match way {
            Way::Direct => Transmit { local, remote, len, segment_size, stream: None },
            Way::Stream(stream) => {
                Transmit { local, remote, len, segment_size: None, stream: Some(stream) }
            }
            Way::Relayed(index) => match self.transport.relays.get(index) {
                Some(relay) => to_server(relay.base, relay.server, len, segment_size),
                None => Transmit { local, remote, len: 0, segment_size: None, stream: None },
            },
        }
    }

    /// Fills a batch: datagrams of one size, of which only the last may be shorter.
    fn fill(&mut self, now: Instant, buf: &mut [u8], envelope: Envelope) -> Option<Batch> {
        let room = envelope.headroom;
        let first = self.next_datagram(now, buf.get_mut(room..)?)?;
        let size = self.seal(envelope, buf, first)?;
        let mut batch = Batch { len: size, packets: 1, segment_size: None };
        for _ in 1..MAX_SEGMENTS {
            let end = batch.len.saturating_add(MAX_PACKET).saturating_add(HEADROOM);
            if end > MAX_BATCH {
                break;
            }
            let Some(slot) = buf.get_mut(batch.len..end) else { break };
            // What cannot join the batch waits for the next one.
            if self.transport.outbox.next_len().is_some_and(|next| next > first) {
                break;
            }
            let Some(behind) = slot.get_mut(room..) else { break };
            let Some(next) = self.next_datagram(now, behind) else { break };
            if next > first {
                self.transport.outbox.push(behind.get(..next).unwrap_or_default());
                break;
            }
            let Some(len) = self.seal(envelope, slot, next) else { break };
            batch.len = batch.len.saturating_add(len);
            batch.packets = batch.packets.saturating_add(1);
            batch.segment_size = Some(size);
            if next < first {
                break;
            }
        }
        Some(batch)
    }

    /// The next datagram over the path, encrypted, at the front of `buf`.
    fn next_datagram(&mut self, now: Instant, buf: &mut [u8]) -> Option<usize> {
        if let Some(len) = self.transport.outbox.pop(buf) {
            return Some(len);
        }
        if let Ok(Some(sent)) = self.transport.dtls.poll_output(now, buf) {
            return Some(sent.len);
        }
        if self.transport.has_srtp() {
            // A packet that the keys refuse is left out; the ones after it are not.
            while let Some(packet) = self.next_media(now, buf) {
                if let Some(len) = self.transport.protect(buf, packet) {
                    return Some(len);
                }
            }
        }
        self.next_record(now, buf)
    }

    /// The next RTP or RTCP packet that media makes by itself: reports, requests, retransmissions.
    pub(super) fn next_media(&mut self, now: Instant, buf: &mut [u8]) -> Option<Packet> {
        let output = self.media.poll_output(now, buf).ok()??;
        Some(match output.kind {
            OutputKind::Rtp => Packet::Rtp(output.len),
            OutputKind::Rtcp => Packet::Rtcp(output.len),
        })
    }

    /// The next SCTP packet, as a DTLS record at the front of `buf`.
    pub(super) fn next_record(&mut self, now: Instant, buf: &mut [u8]) -> Option<usize> {
        let overhead = self.transport.dtls.overhead();
        let room = buf.len().saturating_sub(overhead.after);
        let plain = buf.get_mut(overhead.before..room)?;
        let len = self.data.poll_packet(now, plain)?;
        let end = overhead.before.saturating_add(len);
        let record = self.transport.dtls.protect(buf, overhead.before..end).ok()?;
        if record.start > 0 {
            buf.copy_within(record.clone(), 0);
        }
        Some(record.len())
    }
}

/// Datagrams, one after the other.
#[derive(Clone, Copy, Debug)]
struct Batch {
    len: usize,
    packets: u64,
    segment_size: Option<usize>,
}

fn to_server(base: Base, server: SocketAddr, len: usize, segment_size: Option<usize>) -> Transmit {
    match base {
        Base::Socket(local) => Transmit { local, remote: server, len, segment_size, stream: None },
        Base::Stream(stream) => Transmit {
            local: server,
            remote: server,
            len,
            segment_size: None,
            stream: Some(stream),
        },
    }
}
