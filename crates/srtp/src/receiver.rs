use antiphon_crypto::CryptoProvider;

use crate::derivation::Derivation;
use crate::header::{RtpHeader, rtcp_ssrc};
use crate::index;
use crate::position::{self, Position};
use crate::streams::{Place, Streams};
use crate::suite::Suite;
use crate::window::{ReplayWindow, Verdict, WindowSize};
use crate::{Config, Profile, ReceiverStats, ResumeError, SetupError, UnprotectError, rtcp, rtp};

/// First packets up to this size are tried with a second roll-over counter.
const SECOND_TRY_LEN: usize = 2048;

/// Sequence numbers below this one follow a wrap rather than precede one.
const HALF: u16 = 1 << 15;

/// Checks and decrypts what we receive: RTP and RTCP under one master key.
///
/// Order of work, for every packet: lengths, SSRC, index, replay, tag, decryption, and only then
/// any change of state. A packet that is not authentic changes nothing but a counter.
#[derive(Debug)]
pub struct SrtpReceiver {
    profile: Profile,
    rtp: Suite,
    rtcp: Suite,
    windows: Windows,
    streams: Streams<ReceiveStream>,
    stats: ReceiverStats,
}

#[derive(Clone, Copy, Debug)]
struct Windows {
    rtp: WindowSize,
    rtcp: WindowSize,
}

/// One SSRC.
struct ReceiveStream {
    rtp: ReplayWindow,
    rtcp: ReplayWindow,
}

impl SrtpReceiver {
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
        Ok(Self {
            profile,
            rtp: Suite::rtp(provider, profile, &master)?,
            rtcp: Suite::rtcp(provider, profile, &master)?,
            windows: Windows {
                rtp: WindowSize::new(config.replay_window)?,
                rtcp: WindowSize::new(config.rtcp_replay_window)?,
            },
            streams: Streams::new(config.max_streams),
            stats: ReceiverStats::default(),
        })
    }

    /// Checks and decrypts the SRTP packet `packet` in place and returns the length of the RTP
    /// packet, at its front.
    ///
    /// # Errors
    ///
    /// See [`UnprotectError`]. The packet is to be dropped then; what `packet` holds is
    /// unspecified.
    pub fn unprotect(&mut self, packet: &mut [u8]) -> Result<usize, UnprotectError> {
        let verdict = self.unprotect_rtp(packet);
        match &verdict {
            Ok(_) => self.stats.rtp_packets = self.stats.rtp_packets.saturating_add(1),
            Err(error) => self.stats.count(error),
        }
        verdict
    }

    /// Checks and decrypts the SRTCP packet `packet` in place and returns the length of the RTCP
    /// packet, at its front.
    ///
    /// # Errors
    ///
    /// See [`UnprotectError`]. The packet is to be dropped then; what `packet` holds is
    /// unspecified.
    pub fn unprotect_rtcp(&mut self, packet: &mut [u8]) -> Result<usize, UnprotectError> {
        let verdict = self.unprotect_rtcp_uncounted(packet);
        match &verdict {
            Ok(_) => self.stats.rtcp_packets = self.stats.rtcp_packets.saturating_add(1),
            Err(error) => self.stats.count(error),
        }
        verdict
    }

    #[inline]
    fn unprotect_rtp(&mut self, packet: &mut [u8]) -> Result<usize, UnprotectError> {
        let header = RtpHeader::parse(packet)?;
        let (ssrc, tag_len) = (header.ssrc, self.profile.rtp_overhead());
        let (need, len) = (header.len.saturating_add(tag_len), packet.len());
        if len < need {
            return Err(UnprotectError::Truncated { need, len });
        }
        let place = self.streams.find(ssrc);
        let index = match self.streams.get(place).and_then(|stream| stream.rtp.highest()) {
            Some(highest) => {
                let index = index::estimate(highest, header.sequence_number)
                    .map_err(|index::Exhausted| UnprotectError::KeyExhausted)?;
                self.check_rtp(place, ssrc, index)?;
                rtp::open(&self.rtp, &header, index, packet, tag_len)
                    .map_err(|rtp::Failed| UnprotectError::NotAuthentic)?;
                index
            }
            None => {
                self.check_room(place)?;
                open_first(&self.rtp, &header, packet, tag_len)
                    .map_err(|rtp::Failed| UnprotectError::NotAuthentic)?
            }
        };
        self.enter(place, ssrc)?.rtp.mark(index);
        Ok(len.saturating_sub(tag_len))
    }

    fn unprotect_rtcp_uncounted(&mut self, packet: &mut [u8]) -> Result<usize, UnprotectError> {
        let ssrc = rtcp_ssrc(packet)?;
        let parts = rtcp::Parts::split(&self.rtcp, packet, self.profile.rtcp_tag_len())?;
        let index = u64::from(parts.index());
        let place = self.streams.find(ssrc);
        match self.streams.get(place) {
            Some(stream) => judge(stream.rtcp.check(index), ssrc, index)?,
            None => self.check_room(place)?,
        }
        let len =
            parts.open(&self.rtcp, ssrc).map_err(|rtp::Failed| UnprotectError::NotAuthentic)?;
        self.enter(place, ssrc)?.rtcp.mark(index);
        Ok(len)
    }

    /// The profile in use.
    #[must_use]
    pub fn profile(&self) -> Profile {
        self.profile
    }

    /// Counters.
    #[must_use]
    pub fn stats(&self) -> ReceiverStats {
        self.stats
    }

    /// How many SSRCs are followed.
    #[must_use]
    pub fn streams(&self) -> usize {
        self.streams.len()
    }

    /// How far the stream of `ssrc` has come; `None` when nothing authentic came from it.
    #[must_use]
    pub fn position(&self, ssrc: u32) -> Option<Position> {
        let stream = self.streams.get(self.streams.find(ssrc))?;
        let rtcp = stream.rtcp.highest().and_then(|index| u32::try_from(index).ok());
        Some(Position::new(stream.rtp.highest(), rtcp))
    }

    /// Goes on where another receiver with the same keys stopped, or where signalling says that
    /// the stream is: everything up to `to` counts as received.
    ///
    /// # Errors
    ///
    /// See [`ResumeError`].
    pub fn resume(&mut self, ssrc: u32, to: Position) -> Result<(), ResumeError> {
        to.check()?;
        let at = self.position(ssrc).unwrap_or_default();
        let to_rtcp = to.rtcp.map(u64::from);
        position::forward(at.rtp, to.rtp)?;
        position::forward(at.rtcp.map(u64::from), to_rtcp)?;
        let limit = self.streams.limit();
        let stream = self
            .enter(self.streams.find(ssrc), ssrc)
            .map_err(|_| ResumeError::TooManyStreams { limit })?;
        position::advance(&mut stream.rtp, to.rtp);
        position::advance(&mut stream.rtcp, to_rtcp);
        Ok(())
    }

    #[inline]
    fn check_rtp(&self, place: Place, ssrc: u32, index: u64) -> Result<(), UnprotectError> {
        match self.streams.get(place) {
            Some(stream) => judge(stream.rtp.check(index), ssrc, index),
            None => Ok(()),
        }
    }

    fn check_room(&self, place: Place) -> Result<(), UnprotectError> {
        if self.streams.has_room(place) {
            Ok(())
        } else {
            Err(UnprotectError::TooManyStreams { limit: self.streams.limit() })
        }
    }

    /// The state of an SSRC from which something authentic came.
    #[inline]
    fn enter(&mut self, place: Place, ssrc: u32) -> Result<&mut ReceiveStream, UnprotectError> {
        let (windows, limit) = (self.windows, self.streams.limit());
        self.streams
            .enter(place, ssrc, || ReceiveStream {
                rtp: ReplayWindow::new(windows.rtp),
                rtcp: ReplayWindow::new(windows.rtcp),
            })
            .ok_or(UnprotectError::TooManyStreams { limit })
    }
}

#[inline]
fn judge(verdict: Verdict, ssrc: u32, index: u64) -> Result<(), UnprotectError> {
    match verdict {
        Verdict::Fresh => Ok(()),
        Verdict::Seen => Err(UnprotectError::Replayed { ssrc, index }),
        Verdict::Old => Err(UnprotectError::TooOld { ssrc, index }),
    }
}

/// Opens the first packet that comes from an SSRC, and returns its index.
///
/// The roll-over counter starts at zero. Where the packets before the first wrap were lost,
/// though, or arrived before our keys did, it is one already: a low sequence number is tried with
/// that too, and the tag tells which was right.
#[cold]
fn open_first(
    suite: &Suite,
    header: &RtpHeader,
    packet: &mut [u8],
    tag_len: usize,
) -> Result<u64, rtp::Failed> {
    //= rfc3711#3.3.1
    // Nobody signals the counter in WebRTC, so it starts at zero.
    let index = index::join(0, header.sequence_number);
    let mut copy = [0; SECOND_TRY_LEN];
    let copy = copy.get_mut(..packet.len()).filter(|_| header.sequence_number < HALF);
    let Some(copy) = copy else {
        return rtp::open(suite, header, index, packet, tag_len).map(|()| index);
    };
    // A provider may leave anything behind where a tag was wrong.
    copy.copy_from_slice(packet);
    if rtp::open(suite, header, index, packet, tag_len).is_ok() {
        return Ok(index);
    }
    packet.copy_from_slice(copy);
    let index = index::join(1, header.sequence_number);
    rtp::open(suite, header, index, packet, tag_len).map(|()| index)
}
