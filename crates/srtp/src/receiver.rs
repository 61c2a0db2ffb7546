use antiphon_crypto::CryptoProvider;

use crate::cryptex::Layout;
use crate::derivation::Derivation;
use crate::header::{RtpHeader, rtcp_ssrc};
use crate::index;
use crate::options::Options;
use crate::position::{self, Position};
use crate::rtp::Sealing;
use crate::streams::{Place, Streams};
use crate::suite::Suite;
use crate::window::{ReplayWindow, Verdict, WindowSize};
use crate::{
    Config, Cryptex, ExtensionIds, Profile, ReceiverStats, ResumeError, SetupError, UnprotectError,
    rtcp, rtp,
};

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
    options: Options,
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
        Ok(Self {
            profile,
            rtp: Suite::rtp(provider, profile, &master)?,
            rtcp: Suite::rtcp(provider, profile, &master)?,
            options: Options::new(provider, profile, &master, config)?,
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

    /// Checks and decrypts several SRTP packets, each as [`unprotect`](Self::unprotect) does, and
    /// tells `each` of them its number in `packets` and the length of the RTP packet.
    ///
    /// Keys and the table of SSRCs stay in the processor's cache meanwhile; nothing is allocated.
    pub fn unprotect_batch<'p>(
        &mut self,
        packets: impl IntoIterator<Item = &'p mut [u8]>,
        mut each: impl FnMut(usize, Result<usize, UnprotectError>),
    ) {
        for (at, packet) in packets.into_iter().enumerate() {
            each(at, self.unprotect(packet));
        }
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
        if !self.options.is_plain() {
            return self.unprotect_with_options(packet, &header);
        }
        let (body, tag) = split_tag(packet, &header, self.profile.rtp_overhead())?;
        self.open(&header, Layout::plain(&header), None, body, tag)?;
        Ok(body.len())
    }

    /// Opens a packet for which there is more to do than to decrypt it.
    #[inline(never)]
    fn unprotect_with_options(
        &mut self,
        packet: &mut [u8],
        header: &RtpHeader,
    ) -> Result<usize, UnprotectError> {
        let trailer = self.options.carriage.trailer(header.sequence_number);
        let (body, behind) = split_tag(packet, header, trailer.len())?;
        let (layout, is_cryptex) = self.options.layout(header)?;
        let (tag, counter) = trailer.read(behind);
        let index = self.open(header, layout, counter, body, tag)?;
        self.options.undress(body, header, index, is_cryptex);
        Ok(body.len())
    }

    /// Checks and decrypts a packet, notes that it came, and returns its index.
    #[inline]
    fn open(
        &mut self,
        header: &RtpHeader,
        layout: Layout,
        counter: Option<u32>,
        body: &mut [u8],
        tag: &[u8],
    ) -> Result<u64, UnprotectError> {
        let ssrc = header.ssrc;
        let place = self.streams.find(ssrc);
        let not_authentic = |rtp::Failed| UnprotectError::NotAuthentic;
        let index = match self.index(place, header, counter)? {
            Some(index) => {
                let sealing = Sealing { ssrc, index, layout };
                sealing.open(&self.rtp, body, tag).map_err(not_authentic)?;
                index
            }
            None => open_first(header.sequence_number, body, |index, body| {
                Sealing { ssrc, index, layout }.open(&self.rtp, body, tag)
            })
            .map_err(not_authentic)?,
        };
        self.enter(place, ssrc)?.rtp.mark(index);
        Ok(index)
    }

    /// The index of an RTP packet, if it may still come; `None` when nothing tells its roll-over
    /// counter.
    #[inline]
    fn index(
        &self,
        place: Place,
        header: &RtpHeader,
        counter: Option<u32>,
    ) -> Result<Option<u64>, UnprotectError> {
        let (ssrc, sequence_number) = (header.ssrc, header.sequence_number);
        let stream = self.streams.get(place);
        let index = match (counter, stream.and_then(|stream| stream.rtp.highest())) {
            //= rfc4771#2
            // A packet that carries its counter is judged by that, and the tag tells whether it is
            // the right one.
            (Some(counter), _) => index::join(u64::from(counter), sequence_number),
            (None, Some(highest)) => index::estimate(highest, sequence_number)
                .map_err(|index::Exhausted| UnprotectError::KeyExhausted)?,
            (None, None) => {
                self.check_room(place)?;
                return Ok(None);
            }
        };
        match stream {
            Some(stream) => judge(stream.rtp.check(index), ssrc, index)?,
            None => self.check_room(place)?,
        }
        Ok(Some(index))
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

/// Splits a packet into what is protected and the `trailer` bytes behind it.
#[inline]
fn split_tag<'a>(
    packet: &'a mut [u8],
    header: &RtpHeader,
    trailer: usize,
) -> Result<(&'a mut [u8], &'a [u8]), UnprotectError> {
    let (need, len) = (header.len.saturating_add(trailer), packet.len());
    let truncated = UnprotectError::Truncated { need, len };
    if len < need {
        return Err(truncated);
    }
    let (body, tag) = packet.split_at_mut_checked(len.saturating_sub(trailer)).ok_or(truncated)?;
    Ok((body, tag))
}

#[inline]
pub(crate) fn judge(verdict: Verdict, ssrc: u32, index: u64) -> Result<(), UnprotectError> {
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
pub(crate) fn open_first(
    sequence_number: u16,
    packet: &mut [u8],
    mut open: impl FnMut(u64, &mut [u8]) -> Result<(), rtp::Failed>,
) -> Result<u64, rtp::Failed> {
    //= rfc3711#3.3.1
    // Nobody signals the counter in WebRTC, so it starts at zero.
    let index = index::join(0, sequence_number);
    let mut copy = [0; SECOND_TRY_LEN];
    let copy = copy.get_mut(..packet.len()).filter(|_| sequence_number < HALF);
    let Some(copy) = copy else {
        return open(index, packet).map(|()| index);
    };
    // A provider may leave anything behind where a tag was wrong.
    copy.copy_from_slice(packet);
    if open(index, packet).is_ok() {
        return Ok(index);
    }
    packet.copy_from_slice(copy);
    let index = index::join(1, sequence_number);
    open(index, packet).map(|()| index)
}
