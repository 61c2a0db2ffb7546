use std::collections::VecDeque;

use super::tcb::{Context, End, Phase, Tcb};
use crate::event::{ResetResult, Violation};
use crate::serial::Tsn;
use crate::timer::Timer;
use crate::wire::{PacketWriter, Reconfig, ReconfigParameter, Verdict};
use crate::{Event, ResetError};

/// Stream resets in both directions ([RFC 6525]).
///
/// [RFC 6525]: https://www.rfc-editor.org/rfc/rfc6525
#[derive(Debug)]
pub(crate) struct Reset {
    /// The number of our next request.
    next_request: u32,
    /// The number the peer's next request has.
    expected: u32,
    /// Streams to reset once what is queued on them has gone out.
    wanted: VecDeque<u16>,
    /// Streams the peer is to reset, and streams to add.
    pub(super) asks: VecDeque<u16>,
    pub(super) adds: More,
    /// Our request, of which there is one at a time.
    request: Option<Request>,
    /// Answers to the requests in the last RE-CONFIG; repeated when it is.
    answers: Vec<(u32, Verdict)>,
    /// The answers are to be sent.
    answer_due: bool,
    /// The peer's request that waits for data, by number.
    deferred: Option<u32>,
    /// The peer asked us to reset these, under this number of its.
    asked: Option<u32>,
}

/// Streams to add: ours and the peer's.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct More {
    pub(super) outgoing: u16,
    pub(super) incoming: u16,
}

/// What a request asks for.
#[derive(Debug)]
pub(super) enum What {
    /// Our streams begin anew.
    Outgoing { streams: Box<[u16]>, last_tsn: Tsn },
    /// The peer's streams should.
    Incoming { streams: Box<[u16]> },
    /// We want so many more streams.
    AddOutgoing(u16),
    /// The peer should have so many more.
    AddIncoming(u16),
}

#[derive(Debug)]
struct Request {
    number: u32,
    what: What,
    due: bool,
    sent: bool,
    in_progress: bool,
    /// It went out while the peer had not acknowledged all data before it.
    ahead_of_data: bool,
    attempts: u32,
}

/// Streams in one of our requests.
const MAX_STREAMS: usize = 256;

impl Reset {
    pub(crate) fn new(local_tsn: u32, peer_tsn: u32) -> Self {
        Self {
            next_request: local_tsn,
            expected: peer_tsn,
            wanted: VecDeque::new(),
            asks: VecDeque::new(),
            adds: More::default(),
            request: None,
            answers: Vec::new(),
            answer_due: false,
            deferred: None,
            asked: None,
        }
    }

    /// No request is under way or waits, in either direction.
    pub(crate) fn is_quiet(&self) -> bool {
        self.request.is_none()
            && self.wanted.is_empty()
            && self.asks.is_empty()
            && (self.adds.outgoing, self.adds.incoming) == (0, 0)
            && self.deferred.is_none()
            && !self.answer_due
    }

    /// The numbers of our next request and of the peer's.
    pub(crate) fn numbers(&self) -> (u32, u32) {
        (self.next_request, self.expected)
    }

    /// What [`numbers`](Self::numbers) returned.
    pub(crate) fn set_numbers(&mut self, next_request: u32, expected: u32) {
        self.next_request = next_request;
        self.expected = expected;
    }

    pub(crate) fn has_output(&self) -> bool {
        self.answer_due || self.request.as_ref().is_some_and(|request| request.due)
    }
}

impl Tcb {
    pub(crate) fn reset_streams(&mut self, streams: &[u16]) -> Result<(), ResetError> {
        if self.phase != Phase::Established {
            return Err(ResetError::NotConnected);
        }
        //= rfc6525#5.1.1
        // No request goes to a peer that has not announced RE-CONFIG.
        if !self.peer_can.reconfig {
            return Err(ResetError::Unsupported);
        }
        let limit = self.outgoing_streams;
        if let Some(&stream) = streams.iter().find(|stream| **stream >= limit) {
            return Err(ResetError::NoSuchStream { stream, limit });
        }
        for &stream in streams {
            self.want_reset(stream);
        }
        self.request_if_possible();
        Ok(())
    }

    //= rfc6525#5.1.2
    // A1: no new data is taken for these streams until the answer.
    fn want_reset(&mut self, stream: u16) {
        if !self.queue.is_resetting(stream) {
            self.queue.set_resetting(stream, true);
            self.reset.wanted.push_back(stream);
        }
    }

    /// Makes a request of the streams whose queues have emptied.
    //= rfc6525#5.1.1
    // One request is in flight at a time.
    pub(crate) fn request_if_possible(&mut self) {
        if self.reset.request.is_some() {
            return;
        }
        let Some(what) = self.next_request() else { return };
        //= rfc6525#5.1.2
        // A2: the next number.
        let number = self.reset.next_request;
        self.reset.next_request = number.wrapping_add(1);
        self.reset.request = Some(Request {
            number,
            what,
            due: true,
            sent: false,
            in_progress: false,
            ahead_of_data: false,
            attempts: 0,
        });
    }

    fn next_request(&mut self) -> Option<What> {
        if let Some(what) = self.reset.next_of_others() {
            return Some(what);
        }
        if self.reset.wanted.is_empty() {
            return None;
        }
        let mut streams = Vec::new();
        for _ in 0..self.reset.wanted.len() {
            let Some(stream) = self.reset.wanted.pop_front() else { break };
            if streams.len() < MAX_STREAMS && self.queue.buffered_on(stream) == 0 {
                streams.push(stream);
            } else {
                self.reset.wanted.push_back(stream);
            }
        }
        //= rfc6525#5.1.2
        // A3: the last TSN assigned.
        let last_tsn = self.outstanding.next_tsn().previous();
        (!streams.is_empty()).then(|| What::Outgoing { streams: streams.into(), last_tsn })
    }

    /// After data has been sent or acknowledged.
    pub(crate) fn reset_progress(&mut self) {
        if let Some(request) = &mut self.reset.request
            && request.in_progress
            && request.ahead_of_data
            && let What::Outgoing { last_tsn, .. } = request.what
            && last_tsn <= self.outstanding.cumulative()
        {
            // What the peer waited for has arrived there: it need not wait for the timer.
            request.in_progress = false;
            request.due = true;
        }
        self.request_if_possible();
    }

    pub(crate) fn write_reconfig(&mut self, packet: &mut PacketWriter<'_>, context: &Context<'_>) {
        if self.reset.answer_due && Reconfig::write_responses(packet, &self.reset.answers) {
            self.reset.answer_due = false;
        }
        let room = Reconfig::outgoing_capacity(packet.room());
        let response = self.reset.asked.unwrap_or_else(|| self.reset.expected.wrapping_sub(1));
        let Some(request) = &mut self.reset.request else { return };
        if !request.due {
            return;
        }
        let number = request.number;
        let written = match &request.what {
            What::Outgoing { streams, last_tsn } => {
                streams.len() <= room
                    && Reconfig::write_outgoing(packet, number, response, *last_tsn, streams)
            }
            What::Incoming { streams } => Reconfig::write_incoming(packet, number, streams),
            What::AddOutgoing(count) => Reconfig::write_add(packet, true, number, *count),
            What::AddIncoming(count) => Reconfig::write_add(packet, false, number, *count),
        };
        if written {
            request.due = false;
            request.sent = true;
            request.ahead_of_data = matches!(&request.what, What::Outgoing { last_tsn, .. }
                if *last_tsn > self.outstanding.cumulative());
            let backoff = 1_u32 << request.attempts.min(16);
            let wait = self.rtt.rto().saturating_mul(backoff).min(context.config.rto_max);
            self.timers.start(Timer::Reconfig, context.now.saturating_add(wait));
        }
    }

    //= rfc6525#5.1.1
    // When the timer fires the same request is sent again and counts as an error; one in
    // progress does not count.
    pub(crate) fn reset_timeout(&mut self, context: &Context<'_>) -> Result<(), End> {
        let Some(request) = &mut self.reset.request else { return Ok(()) };
        request.due = true;
        if request.in_progress {
            request.in_progress = false;
            return Ok(());
        }
        request.attempts = request.attempts.saturating_add(1);
        self.count_error(context)
    }

    /// A RE-CONFIG chunk from the peer.
    pub(crate) fn reconfig(
        &mut self,
        chunk: Reconfig<'_>,
        context: &mut Context<'_>,
    ) -> Result<(), End> {
        if !self.peer_can.reconfig {
            return Err(End::violation(Violation::NotNegotiated));
        }
        let mut answers = Vec::new();
        for parameter in chunk.parameters() {
            match parameter {
                // Its response number would answer an incoming request of ours: we send none.
                ReconfigParameter::Outgoing { request, last_tsn, streams } => {
                    let streams: Box<[u16]> = streams.iter().collect();
                    answers.push((request, self.peer_resets(request, last_tsn, streams, context)));
                }
                ReconfigParameter::Incoming { request, streams } => {
                    let streams: Vec<u16> = streams.iter().collect();
                    if let Some(verdict) = self.peer_asks(request, &streams) {
                        answers.push((request, verdict));
                    }
                }
                ReconfigParameter::AddOutgoing { request, count } => {
                    answers.push((request, self.peer_adds(request, count, context)));
                }
                ReconfigParameter::AddIncoming { request, count } => {
                    answers.push((request, self.peer_wants_more(request, count)));
                }
                ReconfigParameter::Other { request } => {
                    let verdict = self.in_sequence(request).err().unwrap_or(Verdict::Denied);
                    self.advance(request, verdict);
                    answers.push((request, verdict));
                }
                ReconfigParameter::Response { response, verdict } => {
                    self.answered(response, verdict, context);
                }
            }
        }
        if !answers.is_empty() {
            self.reset.answers = answers;
            self.reset.answer_due = true;
            //= rfc6525#5.2.1
            // A SACK goes along with the answer.
            self.received.acknowledge_now();
        }
        Ok(())
    }

    /// Whether a request has the expected number; otherwise what to answer: the same as before
    /// to a repetition, an error to anything else.
    pub(super) fn in_sequence(&self, request: u32) -> Result<(), Verdict> {
        if request == self.reset.expected {
            return Ok(());
        }
        let repeated = self.reset.answers.iter().find(|(number, _)| *number == request);
        Err(repeated.map_or(Verdict::BadSequence, |(_, verdict)| *verdict))
    }

    pub(super) fn advance(&mut self, request: u32, verdict: Verdict) {
        if request == self.reset.expected && verdict != Verdict::InProgress {
            self.reset.expected = request.wrapping_add(1);
        }
    }

    /// The peer resets its outgoing streams: our incoming ones.
    fn peer_resets(
        &mut self,
        request: u32,
        last_tsn: u32,
        streams: Box<[u16]>,
        context: &mut Context<'_>,
    ) -> Verdict {
        if let Err(verdict) = self.in_sequence(request) {
            return verdict;
        }
        let last_tsn = self.received.cumulative().near(last_tsn);
        let verdict = if streams.iter().any(|stream| *stream >= self.incoming_streams) {
            Verdict::WrongSsn
        } else if !context.inbox.has_room_for_reset() {
            // The application has not looked at earlier ones: the peer asks again.
            Verdict::InProgress
        } else if last_tsn > self.received.cumulative() {
            //= rfc6525#5.2.2
            // E2: data sent before the request is still missing.
            self.inbound.defer_reset(last_tsn, streams);
            self.reset.deferred = Some(request);
            Verdict::InProgress
        } else {
            self.inbound.reset(streams, context.inbox);
            Verdict::Performed
        };
        self.advance(request, verdict);
        verdict
    }

    /// Data has arrived: a deferred reset may be possible now.
    pub(crate) fn finish_deferred_reset(&mut self, context: &mut Context<'_>) {
        let cumulative = self.received.cumulative();
        if !self.inbound.finish_reset(cumulative, context.inbox) {
            return;
        }
        if let Some(request) = self.reset.deferred.take() {
            self.advance(request, Verdict::Performed);
            //= rfc6525#5.2.2
            // E5: the final answer follows the preliminary one.
            self.reset.answers = vec![(request, Verdict::Performed)];
            self.reset.answer_due = true;
        }
    }

    /// The peer asks us to reset our outgoing streams.
    //= rfc6525#5.2.3
    // F1: our own outgoing request is the answer.
    fn peer_asks(&mut self, request: u32, streams: &[u16]) -> Option<Verdict> {
        if let Err(verdict) = self.in_sequence(request) {
            return Some(verdict);
        }
        let own = self.reset.request.as_ref();
        let covered = own.is_some_and(|own| match &own.what {
            What::Outgoing { streams: own, .. } => streams.iter().all(|id| own.contains(id)),
            What::Incoming { .. } | What::AddOutgoing(_) | What::AddIncoming(_) => false,
        });
        let valid = !streams.is_empty() && streams.iter().all(|id| *id < self.outgoing_streams);
        let verdict = if !valid {
            // All streams at once is more than any application asks for.
            Verdict::Denied
        } else if covered {
            //= rfc6525#5.2.3
            // Our request under way covers what is asked for.
            Verdict::NothingToDo
        } else {
            for &stream in streams {
                self.want_reset(stream);
            }
            self.reset.asked = Some(request);
            self.request_if_possible();
            Verdict::Performed
        };
        self.advance(request, verdict);
        Some(verdict)
    }

    /// The peer answers the request with this number.
    //= rfc6525#5.2.7
    // H1: an answer to anything but the request in flight is ignored.
    fn answered(&mut self, number: u32, verdict: Verdict, context: &mut Context<'_>) {
        let request = self.reset.request.as_ref();
        if !request.is_some_and(|request| request.number == number && request.sent) {
            return;
        }
        self.errors = 0;
        if verdict == Verdict::InProgress {
            //= rfc6525#5.2.7
            // H2: the timer runs again; the same request, with the same number, is repeated.
            if let Some(request) = &mut self.reset.request {
                request.in_progress = true;
                request.attempts = 0;
            }
            let at = context.now.saturating_add(self.rtt.rto());
            self.timers.start(Timer::Reconfig, at);
            self.reset_progress();
            return;
        }
        self.timers.stop(Timer::Reconfig);
        let Some(request) = self.reset.request.take() else { return };
        self.reset.asked = None;
        let result = verdict.result();
        let What::Outgoing { streams, .. } = request.what else {
            self.other_answered(&request.what, result, context);
            self.request_if_possible();
            return;
        };
        for &stream in &streams {
            //= rfc6525#5.2.7
            // H4: after success numbers start at 0; in any case data may be sent again.
            if matches!(result, ResetResult::Performed | ResetResult::NothingToDo) {
                self.queue.reset(stream);
            }
            self.queue.set_resetting(stream, false);
        }
        context.inbox.event(Event::StreamResetDone { streams, result });
        self.request_if_possible();
    }
}
