use antiphon_crypto::CryptoProvider;

use super::DoubleProfile;
use super::inner::{Inner, InnerHeader};
use crate::header::RtpHeader;
use crate::sender::{SrtpSender, next_index};
use crate::streams::Streams;
use crate::window::{ReplayWindow, WindowSize};
use crate::{Config, ProtectError, SetupError};

/// Bytes of an original header block that says that nothing was changed.
const EMPTY_BLOCK_LEN: usize = 1;

/// Bytes of the inner tag.
const TAG_LEN: usize = antiphon_crypto::TAG_LEN;

/// Encrypts end to end and hop by hop ([RFC 8723] section 5.1).
///
/// [RFC 8723]: https://www.rfc-editor.org/rfc/rfc8723#section-5.1
#[derive(Debug)]
pub struct DoubleSender {
    inner: Inner,
    used: Streams<ReplayWindow>,
    window: WindowSize,
    outer: SrtpSender,
}

impl DoubleSender {
    /// Derives all session keys. Key and salt have the lengths [`DoubleProfile::key_len`] and
    /// [`DoubleProfile::salt_len`]; their first halves are for the inner algorithm.
    ///
    /// # Errors
    ///
    /// As [`SrtpSender::new`]; lengths are those of a half.
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
            used: Streams::new(config.max_streams),
            window: WindowSize::new(config.replay_window)?,
            outer: SrtpSender::new(provider, profile.outer(), outer_key, outer_salt, config)?,
        })
    }

    /// Protects the RTP packet `packet[..len]` in place and returns its new length, which is 33
    /// more, plus what options of the outer algorithm add. The rest of `packet` is room for that:
    /// [`MAX_DOUBLE_TRAILER`](super::MAX_DOUBLE_TRAILER) suffices.
    ///
    /// # Errors
    ///
    /// See [`ProtectError`].
    pub fn protect(&mut self, packet: &mut [u8], len: usize) -> Result<usize, ProtectError> {
        let have = packet.len();
        let need = len
            .saturating_add(TAG_LEN)
            .saturating_add(EMPTY_BLOCK_LEN)
            .saturating_add(self.outer.profile().rtp_overhead());
        let too_small = ProtectError::BufferTooSmall { need, len: have };
        if have < need {
            return Err(too_small);
        }
        let header = RtpHeader::parse(packet.get(..len).ok_or(too_small)?)?;
        let ssrc = header.ssrc;
        let place = self.used.find(ssrc);
        //= rfc8723#3
        // Sequence number and roll-over counter of the inner algorithm are its own.
        let index = match self.used.get(place) {
            Some(window) => next_index(window, ssrc, header.sequence_number)?,
            None => u64::from(header.sequence_number),
        };
        let limit = self.used.limit();
        let inner_header = InnerHeader::new(packet, &header).ok_or(too_small)?;
        let window = self.window;
        let used = self
            .used
            .enter(place, ssrc, || ReplayWindow::new(window))
            .ok_or(ProtectError::TooManyStreams { limit })?;
        // Whatever the outer algorithm says, this index is used up.
        used.mark(index);
        let payload = packet.get_mut(header.len..len).ok_or(too_small)?;
        let tag = self
            .inner
            .seal(&inner_header, ssrc, index, payload)
            .map_err(|_| ProtectError::Cipher)?;
        //= rfc8723#5.1
        // An empty block follows the inner tag: nothing has been changed yet.
        let end = len.saturating_add(TAG_LEN);
        packet.get_mut(len..end).ok_or(too_small)?.copy_from_slice(&tag);
        *packet.get_mut(end).ok_or(too_small)? = 0;
        self.outer.protect(packet, end.saturating_add(EMPTY_BLOCK_LEN))
    }

    /// Protects a packet with the outer algorithm alone: one of RTX or FEC, whose payload are
    /// packets that were protected already, in full ([RFC 8723] section 7).
    ///
    /// # Errors
    ///
    /// See [`ProtectError`].
    ///
    /// [RFC 8723]: https://www.rfc-editor.org/rfc/rfc8723#section-7
    pub fn protect_repair(&mut self, packet: &mut [u8], len: usize) -> Result<usize, ProtectError> {
        //= rfc8723#7.1
        // A retransmission carries what was sent, so only the hop is encrypted.
        self.outer.protect(packet, len)
    }

    /// Protects an RTCP packet, hop by hop.
    ///
    /// # Errors
    ///
    /// See [`ProtectError`].
    pub fn protect_rtcp(&mut self, packet: &mut [u8], len: usize) -> Result<usize, ProtectError> {
        self.outer.protect_rtcp(packet, len)
    }

    /// The outer algorithm, for its options and counters.
    pub fn outer(&mut self) -> &mut SrtpSender {
        &mut self.outer
    }
}
