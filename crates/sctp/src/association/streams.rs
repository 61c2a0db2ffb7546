use std::time::Instant;

use super::{Association, State};
use crate::{ResetError, Scheduler};

/// What can be asked of streams and of the path while the association lives.
impl Association {
    /// Resets our direction of these streams, each after what is queued on it has gone out.
    /// [`Event::StreamResetDone`](crate::Event::StreamResetDone) follows; until then the streams take no messages.
    ///
    /// # Errors
    ///
    /// Says why not; nothing has changed then.
    pub fn reset_streams(&mut self, now: Instant, streams: &[u16]) -> Result<(), ResetError> {
        self.handle_timeout(now);
        let State::Open(tcb) = &mut self.state else { return Err(ResetError::NotConnected) };
        tcb.reset_streams(streams)
    }

    /// Asks the peer to reset its direction of these streams;
    /// [`Event::StreamReset`](crate::Event::StreamReset) follows when it does (RFC 6525 section 5.1.3).
    ///
    /// # Errors
    ///
    /// Says why not; nothing has changed then.
    pub fn ask_for_reset(&mut self, now: Instant, streams: &[u16]) -> Result<(), ResetError> {
        self.handle_timeout(now);
        let State::Open(tcb) = &mut self.state else { return Err(ResetError::NotConnected) };
        tcb.ask_for_reset(streams)
    }

    /// Asks for more streams in a live association: ours, and the peer's (RFC 6525 sections 5.1.5
    /// and 5.1.6). [`Event::StreamsAdded`](crate::Event::StreamsAdded) follows for each, or [`Event::StreamsRefused`](crate::Event::StreamsRefused).
    ///
    /// # Errors
    ///
    /// Says why not; nothing has changed then.
    pub fn add_streams(
        &mut self,
        now: Instant,
        outgoing: u16,
        incoming: u16,
    ) -> Result<(), ResetError> {
        self.handle_timeout(now);
        let State::Open(tcb) = &mut self.state else { return Err(ResetError::NotConnected) };
        tcb.add_streams(outgoing, incoming)
    }

    /// Changes which stream is served next, from the next chunk on; also what
    /// [`Config::scheduler`](crate::Config::scheduler) says for an association that is yet to come.
    pub fn set_scheduler(&mut self, scheduler: Scheduler) {
        self.config.scheduler = scheduler;
        if let State::Open(tcb) = &mut self.state {
            tcb.queue.set_scheduler(scheduler);
        }
    }

    /// Sets a stream's place under [`Scheduler::Priority`]: low goes first. Default 256. Takes
    /// effect from the next chunk on; has none before [`Event::Connected`](crate::Event::Connected).
    pub fn set_priority(&mut self, stream: u16, priority: u16) {
        if let State::Open(tcb) = &mut self.state
            && stream < tcb.outgoing_streams
        {
            tcb.queue.set_share(stream, |share| share.priority = priority);
        }
    }

    /// Sets a stream's share of the bytes under [`Scheduler::Weighted`], relative to the others'.
    /// Default 256; 0 counts as 1. Takes effect from the next chunk on; has none before
    /// [`Event::Connected`](crate::Event::Connected).
    pub fn set_weight(&mut self, stream: u16, weight: u16) {
        if let State::Open(tcb) = &mut self.state
            && stream < tcb.outgoing_streams
        {
            tcb.queue.set_share(stream, |share| share.weight = weight.max(1));
        }
    }

    /// The path has changed: it may take packets of so many bytes, at least
    /// [`Config::max_packet`](crate::Config::max_packet) and at most [`Config::packet_ceiling`](crate::Config::packet_ceiling). Packets are small again until
    /// the search has found more.
    pub fn set_packet_ceiling(&mut self, now: Instant, bytes: usize) {
        self.handle_timeout(now);
        let (state, context) = self.split();
        if let State::Open(tcb) = state {
            tcb.set_ceiling(bytes, &context);
        }
    }
}
