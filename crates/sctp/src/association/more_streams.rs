use super::reset::{Reset, What};
use super::tcb::{Context, Phase, Tcb};
use crate::event::ResetResult;
use crate::wire::Verdict;
use crate::{Event, ResetError};

/// Streams in one of our requests.
const MAX_STREAMS: usize = 256;

impl Reset {
    /// The next request that is not about our own streams beginning anew.
    pub(super) fn next_of_others(&mut self) -> Option<What> {
        if self.adds.outgoing > 0 {
            return Some(What::AddOutgoing(std::mem::take(&mut self.adds.outgoing)));
        }
        if self.adds.incoming > 0 {
            return Some(What::AddIncoming(std::mem::take(&mut self.adds.incoming)));
        }
        if self.asks.is_empty() {
            return None;
        }
        let count = self.asks.len().min(MAX_STREAMS);
        Some(What::Incoming { streams: self.asks.drain(..count).collect() })
    }
}

/// More streams for a live association, and streams the peer is asked to reset
/// ([RFC 6525 sections 5.1.3, 5.1.5 and 5.1.6]).
///
/// [RFC 6525 sections 5.1.3, 5.1.5 and 5.1.6]: https://www.rfc-editor.org/rfc/rfc6525#section-5.1.3
impl Tcb {
    fn may_reconfigure(&self) -> Result<(), ResetError> {
        if self.phase != Phase::Established {
            return Err(ResetError::NotConnected);
        }
        if !self.peer_can.reconfig {
            return Err(ResetError::Unsupported);
        }
        Ok(())
    }

    pub(crate) fn ask_for_reset(&mut self, streams: &[u16]) -> Result<(), ResetError> {
        self.may_reconfigure()?;
        let limit = self.incoming_streams;
        if let Some(&stream) = streams.iter().find(|stream| **stream >= limit) {
            return Err(ResetError::NoSuchStream { stream, limit });
        }
        for stream in streams {
            if !self.reset.asks.contains(stream) {
                self.reset.asks.push_back(*stream);
            }
        }
        self.request_if_possible();
        Ok(())
    }

    //= rfc6525#5.1.5
    // The sum of old and new streams has 16 bits.
    pub(crate) fn add_streams(&mut self, outgoing: u16, incoming: u16) -> Result<(), ResetError> {
        self.may_reconfigure()?;
        let adds = self.reset.adds;
        for (have, wanted, more) in [
            (self.outgoing_streams, adds.outgoing, outgoing),
            (self.incoming_streams, adds.incoming, incoming),
        ] {
            if have.checked_add(wanted).and_then(|sum| sum.checked_add(more)).is_none() {
                return Err(ResetError::TooManyStreams { have, more });
            }
        }
        self.reset.adds.outgoing = adds.outgoing.saturating_add(outgoing);
        self.reset.adds.incoming = adds.incoming.saturating_add(incoming);
        self.request_if_possible();
        Ok(())
    }

    //= rfc6525#5.2.5
    // The peer adds streams of its own: they are there from now on, or none is.
    pub(super) fn peer_adds(
        &mut self,
        request: u32,
        count: u16,
        context: &mut Context<'_>,
    ) -> Verdict {
        if let Err(verdict) = self.in_sequence(request) {
            return verdict;
        }
        let verdict = match self.incoming_streams.checked_add(count).filter(|_| count > 0) {
            Some(sum) => {
                self.incoming_streams = sum;
                context.inbox.event(Event::StreamsAdded { outgoing: 0, incoming: count });
                Verdict::Performed
            }
            None => Verdict::Denied,
        };
        self.advance(request, verdict);
        verdict
    }

    //= rfc6525#5.2.6
    // The peer wants us to add streams: our own request follows the answer.
    pub(super) fn peer_wants_more(&mut self, request: u32, count: u16) -> Verdict {
        if let Err(verdict) = self.in_sequence(request) {
            return verdict;
        }
        let verdict = match self.add_streams(count, 0) {
            Ok(()) if count > 0 => Verdict::Performed,
            Ok(()) | Err(_) => Verdict::Denied,
        };
        self.advance(request, verdict);
        verdict
    }

    /// The peer answered a request that is not about our streams beginning anew.
    pub(super) fn other_answered(
        &mut self,
        what: &What,
        result: ResetResult,
        context: &mut Context<'_>,
    ) {
        let done = matches!(result, ResetResult::Performed | ResetResult::NothingToDo);
        match what {
            What::AddOutgoing(count) if done => {
                self.outgoing_streams = self.outgoing_streams.saturating_add(*count);
                context.inbox.event(Event::StreamsAdded { outgoing: *count, incoming: 0 });
            }
            What::AddOutgoing(_) | What::AddIncoming(_) if !done => {
                context.inbox.event(Event::StreamsRefused(result));
            }
            // The peer's own request brings what was asked for.
            What::AddIncoming(_)
            | What::AddOutgoing(_)
            | What::Incoming { .. }
            | What::Outgoing { .. } => {}
        }
    }
}
