//! The hot path: payloads to and from peers, in place.

use std::net::SocketAddr;
use std::ops::Range;

use antiphon_stun::{Class, HEADER_LEN, MessageWriter, Method, TransactionId};
use rand_chacha::rand_core::Rng as _;

use super::Client;
use super::config::Framing;
use super::error::WrapError;
use crate::wire::attribute;
use crate::wire::{
    CHANNEL_DATA_HEADER_LEN, TurnWriter as _, padded_len, write_channel_data_header,
};

/// Room that [`Client::wrap`] may need before a payload, in bytes: a Send indication for IPv6.
pub const HEADROOM: usize = 52;

/// Room that it may need after it: the padding.
pub const TAILROOM: usize = 3;

/// The longest payload: what a Send indication for IPv6 can carry.
const MAX_PAYLOAD: usize = 65_535 - HEADROOM - TAILROOM;

impl Client {
    /// Makes `buf[payload]` a message for `peer`, in place: returns the range to send on the
    /// control connection. Through a channel that is four bytes before the payload; without one it
    /// is a Send indication, up to [`HEADROOM`] bytes before and [`TAILROOM`] behind.
    ///
    /// Allocates nothing and copies nothing.
    ///
    /// # Errors
    ///
    /// See [`WrapError`].
    pub fn wrap(
        &mut self,
        peer: SocketAddr,
        buf: &mut [u8],
        payload: Range<usize>,
    ) -> Result<Range<usize>, WrapError> {
        if !self.is_allocated() {
            return Err(WrapError::NotAllocated);
        }
        let Range { start, end } = payload;
        let len = end.saturating_sub(start);
        if len > MAX_PAYLOAD {
            return Err(WrapError::TooLong { len, limit: MAX_PAYLOAD });
        }
        if end > buf.len() {
            return Err(WrapError::NoRoom { need: end, have: buf.len() });
        }
        if let Some(header) = self.channel_header(peer, len) {
            return self.wrap_channel_data(header, buf, start..end);
        }
        if !self.permissions.is_active(peer.ip()) {
            return Err(WrapError::NoPermission);
        }
        self.wrap_indication(peer, buf, start..end)
    }

    /// The four bytes in front of `len` bytes for `peer`, if a channel is bound: for drivers that
    /// put many payloads together. On streams the payload is padded to a multiple of four.
    #[must_use]
    pub fn channel_header(&self, peer: SocketAddr, len: usize) -> Option<[u8; 4]> {
        write_channel_data_header(self.channels.bound_number(peer)?, len)
    }

    fn wrap_channel_data(
        &mut self,
        header: [u8; CHANNEL_DATA_HEADER_LEN],
        buf: &mut [u8],
        payload: Range<usize>,
    ) -> Result<Range<usize>, WrapError> {
        let Range { start, end } = payload;
        let first = start
            .checked_sub(CHANNEL_DATA_HEADER_LEN)
            .ok_or(WrapError::NoRoom { need: CHANNEL_DATA_HEADER_LEN, have: start })?;
        let len = end.saturating_sub(start);
        //= rfc8656#12.5
        // On a stream messages begin at whole words; over UDP padding would be a waste.
        let last = match self.config.framing {
            Framing::Datagram => end,
            Framing::Stream => start.saturating_add(padded_len(len)),
        };
        let have = buf.len();
        let Some(padding) = buf.get_mut(end..last) else {
            return Err(WrapError::NoRoom { need: last, have });
        };
        padding.fill(0);
        if let Some(room) = buf.get_mut(first..start) {
            room.copy_from_slice(&header);
        }
        self.stats.channel_data_sent = self.stats.channel_data_sent.saturating_add(1);
        Ok(first..last)
    }

    fn wrap_indication(
        &mut self,
        peer: SocketAddr,
        buf: &mut [u8],
        payload: Range<usize>,
    ) -> Result<Range<usize>, WrapError> {
        let Range { start, end } = payload;
        let address = if peer.is_ipv4() { 12 } else { 24 };
        let front = HEADER_LEN + address + 4 + if self.dont_fragment { 4 } else { 0 };
        let first =
            start.checked_sub(front).ok_or(WrapError::NoRoom { need: front, have: start })?;
        let len = end.saturating_sub(start);
        let last = start.saturating_add(padded_len(len));
        let have = buf.len();
        let Some(padding) = buf.get_mut(end..last) else {
            return Err(WrapError::NoRoom { need: last, have });
        };
        padding.fill(0);
        let mut id = [0; 12];
        self.random.fill_bytes(&mut id);
        let room = WrapError::NoRoom { need: front, have: start };
        let message = buf.get_mut(first..start).ok_or(room)?;
        let mut writer =
            MessageWriter::new(message, Class::Indication, Method::SEND, TransactionId(id))
                .map_err(|_| room)?;
        writer.xor_peer_address(peer).map_err(|_| room)?;
        if self.dont_fragment {
            //= rfc8656#11.1
            // Asked for once more with each datagram.
            writer.dont_fragment().map_err(|_| room)?;
        }
        let written = writer.finish();
        // DATA's value is in its place already: its header, and the message's length, follow.
        let body = last.saturating_sub(first).saturating_sub(HEADER_LEN);
        let too_long = WrapError::TooLong { len, limit: MAX_PAYLOAD };
        let body = u16::try_from(body).map_err(|_| too_long)?.to_be_bytes();
        let [l0, l1] = u16::try_from(len).map_err(|_| too_long)?.to_be_bytes();
        let [k0, k1] = attribute::DATA.to_be_bytes();
        if let Some([_, _, b0, b1]) = message.first_chunk_mut() {
            [*b0, *b1] = body;
        }
        if let Some(header) = message.get_mut(written..) {
            header.copy_from_slice(&[k0, k1, l0, l1]);
        }
        self.stats.indications_sent = self.stats.indications_sent.saturating_add(1);
        Ok(first..last)
    }
}
