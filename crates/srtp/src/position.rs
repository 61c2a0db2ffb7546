use crate::index::{RTCP_MAX, RTP_MAX};
use crate::{ResumeError, window::ReplayWindow};

/// How far a stream has come: the highest indices so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Position {
    /// Roll-over counter (32 bits) and sequence number (16 bits) of the newest RTP packet; `None`
    /// before the first.
    pub rtp: Option<u64>,
    /// Index of the newest SRTCP packet, 31 bits; `None` before the first.
    pub rtcp: Option<u32>,
}

impl Position {
    /// A position from its two parts.
    #[must_use]
    pub const fn new(rtp: Option<u64>, rtcp: Option<u32>) -> Self {
        Self { rtp, rtcp }
    }

    /// Whether both parts are indices at all.
    pub(crate) fn check(&self) -> Result<(), ResumeError> {
        let limits = [(self.rtp, RTP_MAX), (self.rtcp.map(u64::from), u64::from(RTCP_MAX))];
        for (index, limit) in limits {
            if let Some(index) = index.filter(|index| *index > limit) {
                return Err(ResumeError::OutOfRange { index, limit });
            }
        }
        Ok(())
    }
}

/// Whether `to` is no step back from `at`.
pub(crate) fn forward(at: Option<u64>, to: Option<u64>) -> Result<(), ResumeError> {
    match (at, to) {
        (Some(at), Some(to)) if to < at => Err(ResumeError::Backwards { at, to }),
        _ => Ok(()),
    }
}

/// Moves `window` to `to`, if that is a step ahead.
pub(crate) fn advance(window: &mut ReplayWindow, to: Option<u64>) {
    match (window.highest(), to) {
        (_, None) => {}
        (Some(at), Some(to)) if to <= at => {}
        (_, Some(to)) => window.resume(to),
    }
}
