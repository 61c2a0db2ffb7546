use antiphon_crypto::CryptoProvider;

use crate::derivation::Derivation;
use crate::header::{RtpHeader, rtcp_ssrc};
use crate::index::{self, RTCP_MAX};
use crate::position::{self, Position};
use crate::streams::Streams;
use crate::suite::Suite;
use crate::window::{ReplayWindow, Verdict, WindowSize};
use crate::{Config, Profile, ProtectError, ResumeError, SenderStats, SetupError, rtcp, rtp};

/// Protects what we send: RTP and RTCP under one master key.
///
/// For every SSRC it remembers which indices are used up, so that no two packets are ever
/// encrypted with the same one.
#[derive(Debug)]
pub struct SrtpSender {
    profile: Profile,
    rtp: Suite,
    rtcp: Suite,
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
    /// [`SetupError::KeyLength`], [`SetupError::SaltLength`], [`SetupError::ReplayWindow`], and
    /// [`SetupError::Crypto`] when the provider lacks an algorithm.
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
            window: WindowSize::new(config.replay_window)?,
            rtp_limit: profile.rtp_lifetime().min(limit),
            rtcp_limit: profile.rtcp_lifetime().min(limit),
            streams: Streams::new(config.max_streams),
            stats: SenderStats::default(),
        })
    }

    /// Protects the RTP packet `packet[..len]` in place and returns its new length, which is
    /// [`Profile::rtp_overhead`] more. The rest of `packet` is room for that.
    ///
    /// Packets of one SSRC may come out of order, within the
    /// [`replay_window`](Config::replay_window), but each sequence number only once. Sequence
    /// numbers should start below 2^15: a receiver that misses the first packets guesses then.
    ///
    /// # Errors
    ///
    /// See [`ProtectError`]; nothing has been used up then.
    pub fn protect(&mut self, packet: &mut [u8], len: usize) -> Result<usize, ProtectError> {
        let (body, tag) = split_room(packet, len, self.profile.rtp_overhead())?;
        let header = RtpHeader::parse(body)?;
        let RtpHeader { ssrc, sequence_number, .. } = header;
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
        let limit = self.streams.limit();
        if !self.streams.has_room(place) {
            return Err(ProtectError::TooManyStreams { limit });
        }
        rtp::seal(&self.rtp, &header, index, body, tag).map_err(|_| ProtectError::Cipher)?;
        let window = self.window;
        let stream = self
            .streams
            .enter(place, ssrc, || SendStream::new(window))
            .ok_or(ProtectError::TooManyStreams { limit })?;
        stream.rtp.mark(index);
        self.stats.rtp_packets = self.stats.rtp_packets.saturating_add(1);
        Ok(len.saturating_add(self.profile.rtp_overhead()))
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
        let limit = self.streams.limit();
        if !self.streams.has_room(place) {
            return Err(ProtectError::TooManyStreams { limit });
        }
        rtcp::seal(&self.rtcp, ssrc, index, body, trailer).map_err(|_| ProtectError::Cipher)?;
        let window = self.window;
        let stream = self
            .streams
            .enter(place, ssrc, || SendStream::new(window))
            .ok_or(ProtectError::TooManyStreams { limit })?;
        stream.next_rtcp = index.saturating_add(1);
        self.stats.rtcp_packets = self.stats.rtcp_packets.saturating_add(1);
        Ok(len.saturating_add(self.profile.rtcp_overhead()))
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
        let (window, limit) = (self.window, self.streams.limit());
        let place = self.streams.find(ssrc);
        let stream = self
            .streams
            .enter(place, ssrc, || SendStream::new(window))
            .ok_or(ResumeError::TooManyStreams { limit })?;
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
fn next_index(window: &ReplayWindow, ssrc: u32, sequence_number: u16) -> Result<u64, ProtectError> {
    let Some(highest) = window.highest() else { return Ok(u64::from(sequence_number)) };
    let index = index::estimate(highest, sequence_number)
        .map_err(|index::Exhausted| ProtectError::KeyLimitReached { packets: index::RTP_MAX })?;
    match window.check(index) {
        Verdict::Fresh => Ok(index),
        Verdict::Seen => Err(ProtectError::IndexReused { ssrc, index }),
        Verdict::Old => Err(ProtectError::IndexTooOld { ssrc, index }),
    }
}
