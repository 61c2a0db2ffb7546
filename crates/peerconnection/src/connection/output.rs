//! From the parts to one batch of datagrams.

use std::time::Instant;

use crate::media::OutputKind;
use crate::transport::{MAX_PACKET, Packet};
use crate::{PeerConnection, Transmit};

use super::Closing;

/// Datagrams in one batch at most: what Linux takes in one call.
const MAX_SEGMENTS: usize = 64;
/// Bytes in one batch at most: the length field of UDP, less its header and IP's.
const MAX_BATCH: usize = 65_000;

impl PeerConnection {
    pub(super) fn put_out(&mut self, now: Instant, buf: &mut [u8]) -> Option<Transmit> {
        if self.closing == Closing::Open
            && let Ok(Some(sent)) = self.transport.ice.poll_output(now, buf)
        {
            let (local, remote) = (sent.path.local, sent.path.remote);
            return Some(Transmit { local, remote, len: sent.len, segment_size: None });
        }
        let path = self.transport.ice.selected_path()?;
        let (len, segment_size) = self.fill(now, buf)?;
        let counters = &mut self.transport.counters;
        let packets = segment_size.map_or(1, |size| len.div_ceil(size.max(1)));
        counters.packets_sent =
            counters.packets_sent.saturating_add(u64::try_from(packets).unwrap_or(u64::MAX));
        counters.bytes_sent =
            counters.bytes_sent.saturating_add(u64::try_from(len).unwrap_or(u64::MAX));
        Some(Transmit { local: path.local, remote: path.remote, len, segment_size })
    }

    /// Fills a batch: datagrams of one size, of which only the last may be shorter.
    fn fill(&mut self, now: Instant, buf: &mut [u8]) -> Option<(usize, Option<usize>)> {
        let size = self.next_datagram(now, buf)?;
        let mut len = size;
        for _ in 1..MAX_SEGMENTS {
            let end = len.saturating_add(MAX_PACKET);
            if end > MAX_BATCH {
                break;
            }
            let Some(slot) = buf.get_mut(len..end) else { break };
            // What cannot join the batch waits for the next one.
            if self.transport.outbox.next_len().is_some_and(|next| next > size) {
                break;
            }
            let Some(next) = self.next_datagram(now, slot) else { break };
            if next > size {
                self.transport.outbox.push(slot.get(..next).unwrap_or_default());
                break;
            }
            len = len.saturating_add(next);
            if next < size {
                break;
            }
        }
        Some((len, (len > size).then_some(size)))
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
