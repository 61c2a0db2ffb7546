use antiphon_crypto::CryptoProvider;

use crate::cryptex::Layout;
use crate::derivation::Derivation;
use crate::header::{RtpHeader, rtcp_ssrc};
use crate::index::{self, RTCP_MAX, rollover_counter};
use crate::options::Options;
use crate::position::{self, Position};
use crate::rtp::Sealing;
use crate::streams::{Place, Streams};
use crate::suite::Suite;
use crate::window::{ReplayWindow, Verdict, WindowSize};
use crate::{
    Config, Cryptex, ExtensionIds, Profile, ProtectError, ResumeError, SenderStats, SetupError,
    rtcp,
};

/// Protects what we send: RTP and RTCP under one master key.
///
/// For every SSRC it remembers which indices are used up, so that no two packets are ever
/// encrypted with the same one.
#[derive(Debug)]
pub struct SrtpSender {
    profile: Profile,
    rtp: Suite,
    rtcp: Suite,
    options: Options,
    window: WindowSize,
    rtp_limit: u64,
    rtcp_limit: u64,
    streams: Streams<SendStream>,
    stats: SenderStats,
}

/// One SSRC.
struct SendStream {
    rtp: ReplayWindow,
    /// The index of the next SRTCP packet, 2^31 when there is none left.
    next_rtcp: u32,
}

impl SrtpSender {
    /// Derives all session keys from a master key and salt, whose lengths are
    /// [`Profile::key_len`] and [`Profile::salt_len`].
    ///
    /// # Errors
    ///
    /// [`SetupError::KeyLength`], [`SetupError::SaltLength`], [`SetupError::ReplayWindow`],
    /// [`SetupError::NoRoomForCounter`], and [`SetupError::Crypto`] when the provider lacks an
    /// algorithm.
    pub fn new(
        provider: &dyn CryptoProvider,
        profile: Profile,
        master_key: &[u8],
        master_salt: &[u8],
        config: &Config,
    ) -> Result<Self, SetupError> {
        let master = Derivation::new(provider, profile, master_key, master_salt)?;
        let limit = config.packet_limit.unwrap_or(u64::MAX);
        Ok(Self {
            profile,
            rtp: Suite::rtp(provider, profile, &master)?,
            rtcp: Suite::rtcp(provider, profile, &master)?,
            options: Options::new(provider, profile, &master, config)?,
            window: WindowSize::new(config.replay_window)?,
            rtp_limit: profile.rtp_lifetime().min(limit),
            rtcp_limit: profile.rtcp_lifetime().min(limit),
            streams: Streams::new(config.max_streams),
            stats: SenderStats::default(),
        })
    }

    /// Protects the RTP packet `packet[..len]` in place and returns its new length, which is
    /// [`Profile::rtp_overhead`] more, and at most [`MAX_TRAILER`](crate::MAX_TRAILER). The rest of
    /// `packet` is room for that.
    ///
    /// Packets of one SSRC may come out of order, within the
    /// [`replay_window`](Config::replay_window), but each sequence number only once. Sequence
    /// numbers should start below 2^15: a receiver that misses the first packets guesses then.
    ///
    /// # Errors
    ///
    /// See [`ProtectError`]; nothing has been used up then.
    pub fn protect(&mut self, packet: &mut [u8], len: usize) -> Result<usize, ProtectError> {
        let have = packet.len();
        let too_small = |need| ProtectError::BufferTooSmall { need, len: have };
        let body = packet
            .get(..len)
            .ok_or_else(|| too_small(len.saturating_add(self.profile.rtp_overhead())))?;
        let header = RtpHeader::parse(body)?;
        if self.options.is_plain() {
            let need = len.saturating_add(self.profile.rtp_overhead());
            let packet = packet.get_mut(..need).ok_or_else(|| too_small(need))?;
            let (place, index) = self.next_rtp(header.ssrc, header.sequence_number)?;
            let (body, tag) = packet.split_at_mut_checked(len).ok_or_else(|| too_small(need))?;
            let sealing = Sealing { ssrc: header.ssrc, index, layout: Layout::plain(&header) };
            self.seal(place, &sealing, body, tag)?;
            return Ok(need);
        }
        self.protect_with_options(packet, len, &header)
    }

    /// Protects a packet for which there is more to do than to encrypt it.
    #[inline(never)]
    fn protect_with_options(
        &mut self,
        packet: &mut [u8],
        len: usize,
        header: &RtpHeader,
    ) -> Result<usize, ProtectError> {
        let RtpHeader { ssrc, sequence_number, .. } = *header;
        let (plan, growth) = self.options.plan(header)?;
        let trailer = self.options.carriage.trailer(sequence_number);
        let grown = len.saturating_add(growth);
        let need = grown.saturating_add(trailer.len());
        let too_small = ProtectError::BufferTooSmall { need, len: packet.len() };
        let packet = packet.get_mut(..need).ok_or(too_small)?;
        let (place, index) = self.next_rtp(ssrc, sequence_number)?;
        let layout = self.options.dress(plan, packet, len, header, index)?;
        let (body, behind) = packet.split_at_mut_checked(grown).ok_or(too_small)?;
        let tag = trailer.write(behind, rollover_counter(index));
        self.seal(place, &Sealing { ssrc, index, layout }, body, tag)?;
        Ok(need)
    }

    /// Encrypts a packet, and notes that its index is used up.
    #[inline]
    fn seal(
        &mut self,
        place: Place,
        sealing: &Sealing,
        body: &mut [u8],
        tag: &mut [u8],
    ) -> Result<(), ProtectError> {
        sealing.seal(&self.rtp, body, tag).map_err(|_| ProtectError::Cipher)?;
        self.enter(place, sealing.ssrc)?.rtp.mark(sealing.index);
        self.stats.rtp_packets = self.stats.rtp_packets.saturating_add(1);
        Ok(())
    }

    /// Protects several RTP packets, each as [`protect`](Self::protect) does, and tells `each` of
    /// them its number in `packets` and its new length.
    ///
    /// Keys and the table of SSRCs stay in the processor's cache meanwhile; nothing is allocated.
    /// A packet that fails does not keep the next ones back.
    ///
    /// ```
    /// # use antiphon_crypto_rust::RustCrypto;
    /// # use antiphon_srtp::{Config, Profile, SrtpSender};
    /// # let (profile, config) = (Profile::AeadAes128Gcm, Config::default());
    /// # let mut sender = SrtpSender::new(&RustCrypto::new(), profile, &[1; 16], &[2; 12], &config)?;
    /// let mut buffers = [[0x80; 64]; 4];
    /// for (sequence_number, packet) in (1..).zip(&mut buffers) {
    ///     packet[3] = sequence_number;
    /// }
    /// let mut lens = [0; 4];
    /// let packets = buffers.iter_mut().map(|buf| (&mut buf[..], 40));
    /// sender.protect_batch(packets, |at, len| lens[at] = len.unwrap_or(0));
    /// assert_eq!(lens, [56; 4]);
    /// # Ok::<(), antiphon_srtp::SetupError>(())
    /// ```
    pub fn protect_batch<'p>(
        &mut self,
        packets: impl IntoIterator<Item = (&'p mut [u8], usize)>,
        mut each: impl FnMut(usize, Result<usize, ProtectError>),
    ) {
        for (at, (packet, len)) in packets.into_iter().enumerate() {
            each(at, self.protect(packet, len));
        }
    }

    /// The place and the index of the next RTP packet, if both can be had.
    #[inline]
    fn next_rtp(&self, ssrc: u32, sequence_number: u16) -> Result<(Place, u64), ProtectError> {
        //= rfc3711#9.2
        // The sender counts what a key protects, over all its streams, and stops in time.
        if self.stats.rtp_packets >= self.rtp_limit {
            return Err(ProtectError::KeyLimitReached { packets: self.stats.rtp_packets });
        }
        let place = self.streams.find(ssrc);
        let index = match self.streams.get(place).map(|stream| &stream.rtp) {
            Some(window) => next_index(window, ssrc, sequence_number)?,
            None => u64::from(sequence_number),
        };
        if !self.streams.has_room(place) {
            return Err(ProtectError::TooManyStreams { limit: self.streams.limit() });
        }
        Ok((place, index))
    }

    #[inline]
    fn enter(&mut self, place: Place, ssrc: u32) -> Result<&mut SendStream, ProtectError> {
        let (window, limit) = (self.window, self.streams.limit());
        self.streams
            .enter(place, ssrc, || SendStream::new(window))
            .ok_or(ProtectError::TooManyStreams { limit })
    }

    /// Protects the RTCP packet `packet[..len]`, a compound as a whole, in place and returns its
    /// new length, which is [`Profile::rtcp_overhead`] more. The rest of `packet` is room for
    /// that.
    ///
    /// # Errors
    ///
    /// See [`ProtectError`]; nothing has been used up then.
    pub fn protect_rtcp(&mut self, packet: &mut [u8], len: usize) -> Result<usize, ProtectError> {
        let (body, trailer) = split_room(packet, len, self.profile.rtcp_overhead())?;
        let ssrc = rtcp_ssrc(body)?;
        let exhausted = ProtectError::KeyLimitReached { packets: self.stats.rtcp_packets };
        if self.stats.rtcp_packets >= self.rtcp_limit {
            return Err(exhausted);
        }
        let place = self.streams.find(ssrc);
        //= rfc3711#3.4
        // The index starts at zero and grows by one with each packet.
        let index = self.streams.get(place).map_or(0, |stream| stream.next_rtcp);
        if index > RTCP_MAX {
            return Err(exhausted);
        }
        if !self.streams.has_room(place) {
            return Err(ProtectError::TooManyStreams { limit: self.streams.limit() });
        }
        rtcp::seal(&self.rtcp, ssrc, index, body, trailer).map_err(|_| ProtectError::Cipher)?;
        self.enter(place, ssrc)?.next_rtcp = index.saturating_add(1);
        self.stats.rtcp_packets = self.stats.rtcp_packets.saturating_add(1);
        Ok(len.saturating_add(self.profile.rtcp_overhead()))
    }

    /// Takes up what was negotiated about cryptex, from the next packet on.
    pub fn set_cryptex(&mut self, cryptex: Cryptex) {
        self.options.cryptex = cryptex;
    }

    /// Takes up which header extension elements are encrypted, from the next packet on.
    ///
    /// # Errors
    ///
    /// [`SetupError::NoExtensionKeys`] when the configuration had no
    /// [`encrypted_extensions`](Config::encrypted_extensions).
    pub fn set_encrypted_extensions(&mut self, ids: ExtensionIds) -> Result<(), SetupError> {
        self.options.set_encrypted_extensions(ids)
    }

    /// The profile in use.
    #[must_use]
    pub fn profile(&self) -> Profile {
        self.profile
    }

    /// Counters.
    #[must_use]
    pub fn stats(&self) -> SenderStats {
        self.stats
    }

    /// How many SSRCs are followed.
    #[must_use]
    pub fn streams(&self) -> usize {
        self.streams.len()
    }

    /// How far the stream of `ssrc` has come; `None` when nothing was sent with it.
    #[must_use]
    pub fn position(&self, ssrc: u32) -> Option<Position> {
        let stream = self.streams.get(self.streams.find(ssrc))?;
        Some(Position::new(stream.rtp.highest(), stream.next_rtcp.checked_sub(1)))
    }

    /// Goes on where another sender with the same keys stopped: every index up to `to` counts as
    /// used. What the other one sent does not count towards this one's
    /// [`packet_limit`](Config::packet_limit).
    ///
    /// # Errors
    ///
    /// See [`ResumeError`].
    pub fn resume(&mut self, ssrc: u32, to: Position) -> Result<(), ResumeError> {
        to.check()?;
        let at = self.position(ssrc).unwrap_or_default();
        position::forward(at.rtp, to.rtp)?;
        position::forward(at.rtcp.map(u64::from), to.rtcp.map(u64::from))?;
        let limit = self.streams.limit();
        let stream = self
            .enter(self.streams.find(ssrc), ssrc)
            .map_err(|_| ResumeError::TooManyStreams { limit })?;
        position::advance(&mut stream.rtp, to.rtp);
        if let Some(rtcp) = to.rtcp {
            stream.next_rtcp = rtcp.saturating_add(1);
        }
        Ok(())
    }
}

impl SendStream {
    fn new(window: WindowSize) -> Self {
        Self { rtp: ReplayWindow::new(window), next_rtcp: 0 }
    }
}

/// Splits `packet` into the packet of `len` bytes and the `trailer` bytes behind it.
#[inline]
fn split_room(
    packet: &mut [u8],
    len: usize,
    trailer: usize,
) -> Result<(&mut [u8], &mut [u8]), ProtectError> {
    let need = len.saturating_add(trailer);
    let too_small = ProtectError::BufferTooSmall { need, len: packet.len() };
    packet.get_mut(..need).and_then(|packet| packet.split_at_mut_checked(len)).ok_or(too_small)
}

/// The index of the packet with `sequence_number`, if it was not used yet.
#[inline]
pub(crate) fn next_index(
    window: &ReplayWindow,
    ssrc: u32,
    sequence_number: u16,
) -> Result<u64, ProtectError> {
    let Some(highest) = window.highest() else { return Ok(u64::from(sequence_number)) };
    let index = index::estimate(highest, sequence_number)
        .map_err(|index::Exhausted| ProtectError::KeyLimitReached { packets: index::RTP_MAX })?;
    match window.check(index) {
        Verdict::Fresh => Ok(index),
        Verdict::Seen => Err(ProtectError::IndexReused { ssrc, index }),
        Verdict::Old => Err(ProtectError::IndexTooOld { ssrc, index }),
    }
}
