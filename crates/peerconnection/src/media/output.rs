//! What goes out by itself, and when.

use std::time::Duration;

use super::event::{BufferTooSmall, Output, OutputKind};
use super::machine::Media;
use crate::TransceiverId;

/// The buffer that [`Media::poll_output`] needs, in bytes.
pub(crate) const MAX_OUTPUT: usize = 1400;
/// RTCP keeps to this, so that no path has to split it.
pub(super) const MAX_COMPOUND: usize = 1150;
/// Retransmissions that wait at a time.
pub(super) const MAX_RESENDS: usize = 1024;

/// When something is due, since birth.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Timers {
    pub(super) report: Option<Duration>,
    /// A report is being written, one compound packet after the other.
    pub(super) reporting: bool,
    pub(super) feedback: Option<Duration>,
}

impl Timers {
    pub(super) fn next(&self) -> Option<Duration> {
        self.report.into_iter().chain(self.feedback).min()
    }

    /// Feedback is due at this time, or sooner.
    pub(super) fn feedback_by(&mut self, due: Option<Duration>) {
        self.feedback = self.feedback.into_iter().chain(due).min();
    }
}

/// A packet that the peer wants again.
#[derive(Clone, Copy, Debug)]
pub(super) struct Resend {
    pub(super) transceiver: TransceiverId,
    pub(super) number: u16,
}

impl Media {
    pub(super) fn next_output(
        &mut self,
        now: Duration,
        buf: &mut [u8],
    ) -> Result<Option<Output>, BufferTooSmall> {
        if buf.len() < MAX_OUTPUT {
            return Err(BufferTooSmall { need: MAX_OUTPUT });
        }
        let rtcp = |len| Output { len, kind: OutputKind::Rtcp };
        if let Some(len) = self.write_goodbye(buf) {
            return Ok(Some(rtcp(len)));
        }
        if let Some(len) = self.write_due_report(now, buf) {
            return Ok(Some(rtcp(len)));
        }
        if let Some(len) = self.write_due_feedback(now, buf) {
            return Ok(Some(rtcp(len)));
        }
        let resent = self.write_resend(now, buf);
        Ok(resent.map(|len| Output { len, kind: OutputKind::Rtp }))
    }

    fn write_resend(&mut self, now: Duration, buf: &mut [u8]) -> Option<usize> {
        while let Some(Resend { transceiver, number }) = self.resends.pop_front() {
            let stream = self.streams.get_mut(transceiver);
            if let Some(len) = stream.and_then(|stream| stream.resend(now, number, buf)) {
                return Some(len);
            }
        }
        None
    }
}
