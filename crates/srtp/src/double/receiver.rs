use antiphon_crypto::CryptoProvider;

use super::DoubleProfile;
use super::header_block::HeaderBlock;
use super::inner::{Inner, InnerHeader};
use crate::header::RtpHeader;
use crate::receiver::{SrtpReceiver, judge, open_first};
use crate::streams::Streams;
use crate::window::{ReplayWindow, WindowSize};
use crate::{Config, SetupError, UnprotectError, index};

/// Why a packet was dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DoubleUnprotectError {
    /// Between neighbours: the packet is not from the media distributor.
    #[error("hop by hop: {0}")]
    Outer(#[source] UnprotectError),
    /// Between the endpoints: the distributor delivered what no endpoint sent, or sent it before.
    #[error("end to end: {0}")]
    Inner(#[source] UnprotectError),
    /// No original header block, or no inner tag.
    #[error("{len} bytes of payload hold no inner packet")]
    NoInnerPacket {
        /// Bytes of the payload without the outer tag.
        len: usize,
    },
}

/// A packet that came from an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Opened {
    /// Bytes of the RTP packet. Its payload type and its sequence number are the distributor's, for
    /// matching and for order; its marker is the endpoint's; its extension is nobody's word but the
    /// distributor's.
    pub len: usize,
    /// The payload type that the endpoint sent.
    pub payload_type: u8,
    /// The sequence number that the endpoint sent.
    pub sequence_number: u16,
}

/// Decrypts hop by hop and end to end ([RFC 8723] section 5.3).
///
/// [RFC 8723]: https://www.rfc-editor.org/rfc/rfc8723#section-5.3
#[derive(Debug)]
pub struct DoubleReceiver {
    inner: Inner,
    seen: Streams<ReplayWindow>,
    window: WindowSize,
    outer: SrtpReceiver,
}

impl DoubleReceiver {
    /// Derives all session keys. Key and salt have the lengths [`DoubleProfile::key_len`] and
    /// [`DoubleProfile::salt_len`]; their first halves are for the inner algorithm.
    ///
    /// # Errors
    ///
    /// As [`SrtpReceiver::new`]; lengths are those of a half.
    pub fn new(
        provider: &dyn CryptoProvider,
        profile: DoubleProfile,
        master_key: &[u8],
        master_salt: &[u8],
        config: &Config,
    ) -> Result<Self, SetupError> {
        let (inner_key, outer_key) = DoubleProfile::split(master_key);
        let (inner_salt, outer_salt) = DoubleProfile::split(master_salt);
        Ok(Self {
            inner: Inner::new(provider, profile.inner(), inner_key, inner_salt)?,
            seen: Streams::new(config.max_streams),
            window: WindowSize::new(config.replay_window)?,
            outer: SrtpReceiver::new(provider, profile.outer(), outer_key, outer_salt, config)?,
        })
    }

    /// Checks and decrypts a packet in place.
    ///
    /// # Errors
    ///
    /// See [`DoubleUnprotectError`]; the packet is to be dropped then.
    pub fn unprotect(&mut self, packet: &mut [u8]) -> Result<Opened, DoubleUnprotectError> {
        let len = self.outer.unprotect(packet).map_err(DoubleUnprotectError::Outer)?;
        let packet = packet.get_mut(..len).unwrap_or_default();
        let header = RtpHeader::parse(packet)
            .map_err(|error| DoubleUnprotectError::Outer(UnprotectError::Header(error)))?;
        let none = DoubleUnprotectError::NoInnerPacket { len: len.saturating_sub(header.len) };
        let payload = packet.get(header.len..).ok_or(none)?;
        let (block, block_len) = HeaderBlock::parse(payload).ok_or(none)?;
        let end = payload.len().checked_sub(block_len).ok_or(none)?;
        let payload_len = end.checked_sub(antiphon_crypto::TAG_LEN).ok_or(none)?;
        let tag = *payload.get(payload_len..end).and_then(<[u8]>::first_chunk).ok_or(none)?;
        //= rfc8723#5.3
        // The inner header is the received one with its original fields, and without extension.
        let mut inner_header = InnerHeader::new(packet, &header).ok_or(none)?;
        let [second, high, low] = inner_header.fields().ok_or(none)?;
        let marker = block.marker.unwrap_or(*second & 0x80 != 0);
        let payload_type = block.payload_type.unwrap_or(*second & 0x7f);
        *second = payload_type | if marker { 0x80 } else { 0 };
        let sequence_number = block.sequence_number.unwrap_or(header.sequence_number);
        [*high, *low] = sequence_number.to_be_bytes();
        let end = header.len.saturating_add(payload_len);
        let text = packet.get_mut(header.len..end).ok_or(none)?;
        self.open(&inner_header, header.ssrc, sequence_number, text, &tag)
            .map_err(DoubleUnprotectError::Inner)?;
        if let Some(second) = packet.get_mut(1) {
            //= rfc8723#5.3
            // Payload type and sequence number stay the distributor's; the marker does not.
            *second = (*second & 0x7f) | if marker { 0x80 } else { 0 };
        }
        Ok(Opened { len: end, payload_type, sequence_number })
    }

    /// Checks and decrypts a packet that carries repair data, and returns its length: only the
    /// outer encryption is taken off.
    ///
    /// # Errors
    ///
    /// See [`UnprotectError`]; the packet is to be dropped then.
    pub fn unprotect_repair(&mut self, packet: &mut [u8]) -> Result<usize, UnprotectError> {
        self.outer.unprotect(packet)
    }

    /// Checks and decrypts an RTCP packet, hop by hop.
    ///
    /// # Errors
    ///
    /// See [`UnprotectError`]; the packet is to be dropped then.
    pub fn unprotect_rtcp(&mut self, packet: &mut [u8]) -> Result<usize, UnprotectError> {
        self.outer.unprotect_rtcp(packet)
    }

    /// The outer algorithm, for its options and counters.
    pub fn outer(&mut self) -> &mut SrtpReceiver {
        &mut self.outer
    }

    fn open(
        &mut self,
        header: &InnerHeader,
        ssrc: u32,
        sequence_number: u16,
        text: &mut [u8],
        tag: &[u8; antiphon_crypto::TAG_LEN],
    ) -> Result<(), UnprotectError> {
        let place = self.seen.find(ssrc);
        let limit = self.seen.limit();
        let not_authentic = |_| UnprotectError::NotAuthentic;
        let index = match self.seen.get(place) {
            Some(window) => {
                let highest = window.highest().unwrap_or(0);
                let index = index::estimate(highest, sequence_number)
                    .map_err(|index::Exhausted| UnprotectError::KeyExhausted)?;
                judge(window.check(index), ssrc, index)?;
                self.inner.open(header, ssrc, index, text, tag).map_err(not_authentic)?;
                index
            }
            None if !self.seen.has_room(place) => {
                return Err(UnprotectError::TooManyStreams { limit });
            }
            None => open_first(sequence_number, text, |index, text| {
                self.inner.open(header, ssrc, index, text, tag)
            })
            .map_err(not_authentic)?,
        };
        let window = self.window;
        self.seen
            .enter(place, ssrc, || ReplayWindow::new(window))
            .ok_or(UnprotectError::TooManyStreams { limit })?
            .mark(index);
        Ok(())
    }
}
