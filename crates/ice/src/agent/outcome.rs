//! What becomes of our requests: RFC 8445 section 7.2.5.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use antiphon_stun::{Class, ErrorCode, MessageView};

use crate::candidate::{CandidateKind, Protocol};
use crate::config::Role;
use crate::diagnosis::Trace;
use crate::error::InputError;
use crate::event::StunServerFailure;
use crate::message::{Check, KNOWN_IN_RESPONSES};
use crate::path::{Path, canonical};

use super::Agent;
use super::gather::LocalCandidate;
use super::generation::Nomination;
use super::pair::{State, Valid};
use super::transactions::{Entry, Purpose};

impl Agent {
    /// Takes a response. `path` is canonical.
    pub(super) fn handle_response(
        &mut self,
        path: Path,
        response: &MessageView<'_>,
    ) -> Result<(), InputError> {
        let id = response.transaction_id();
        let entry = *self.transactions.find(id).ok_or(InputError::UnknownTransaction)?;
        let (number, check, is_consent) = match entry.purpose {
            Purpose::Query | Purpose::Keepalive => {
                return self.handle_query_response(path, entry, response);
            }
            Purpose::Check { generation, check } => (generation, check, false),
            Purpose::Consent { generation, check } => (generation, check, true),
        };
        if !response.verify_fingerprint() {
            return Err(InputError::Fingerprint);
        }
        let remote = self.generation(number).and_then(|generation| generation.remote.as_ref());
        let remote = remote.ok_or(InputError::UnknownTransaction)?;
        //= rfc8489#9.1.4
        // A response that is not authentic is discarded as if it had never come, so that nobody
        // else can end the transaction.
        if response.verify_message_integrity(|parts| remote.key.tag(parts)).is_err() {
            self.note_unauthentic(path == entry.path, response);
            return Err(InputError::Unauthenticated);
        }
        self.transactions.take(id);
        self.counters.responses_received = self.counters.responses_received.saturating_add(1);
        //= rfc8445#7.2.5.2.1
        // The answer has to come back the way the check went.
        let symmetric = path == entry.path;
        let unknown = response.unknown_comprehension_required(&KNOWN_IN_RESPONSES).next();
        let mapped = response.xor_mapped_address().filter(|_| symmetric && unknown.is_none());
        let conflict =
            response.error_code().is_some_and(|error| error.code() == ErrorCode::ROLE_CONFLICT);
        match (response.class(), mapped) {
            (Class::Success, Some(mapped)) => {
                let round_trip = entry.complete(&self.clock);
                self.renew(number, path, canonical(mapped), round_trip);
                if !is_consent {
                    self.check_succeeded(number, path, check);
                }
            }
            (Class::Error, _) if conflict && symmetric => {
                self.role_was_refused(number, path, check);
            }
            _ if is_consent => {}
            _ => {
                let code = response.error_code().map(|error| error.code());
                self.check_failed(&entry, check, code);
            }
        }
        Ok(())
    }

    /// An answer that proves nothing, and may still tell something.
    fn note_unauthentic(&mut self, symmetric: bool, response: &MessageView<'_>) {
        let code = response.error_code().map(|error| error.code());
        let count = match code {
            // The peer, or somebody who says so, does not know our ufrag.
            Some(400 | 401) if symmetric => &mut self.evidence.refusals,
            _ => &mut self.evidence.unauthentic_answers,
        };
        *count = count.saturating_add(1);
    }

    /// Makes a pair valid, or renews its consent.
    fn renew(&mut self, number: u32, path: Path, mapped: SocketAddr, round_trip: Option<Duration>) {
        let now = self.clock.now();
        if let Some(sample) = round_trip {
            self.counters.total_round_trip = self.counters.total_round_trip.saturating_add(sample);
        }
        self.evidence.checks_answered = self.evidence.checks_answered.saturating_add(1);
        let consent_until = self.clock.after(self.config.consent_lifetime());
        let is_current = number == self.current.number;
        let Some(generation) = self.generation_mut(number) else { return };
        let local_kind = kind_of(&generation.local_candidates, path, mapped);
        let Some(pair) = generation.checklist.get_mut(path) else { return };
        pair.counters.responses_received = pair.counters.responses_received.saturating_add(1);
        if let Some(sample) = round_trip {
            pair.counters.measure(sample);
        }
        //= rfc8445#7.2.5.3.1
        // An address that is no candidate of ours is a peer-reflexive one; data uses its base.
        pair.local_kind = local_kind;
        match &mut pair.state {
            State::Succeeded(valid) => {
                valid.consent_until = consent_until;
                valid.last_sign = now;
            }
            //= rfc7675#5.1
            // Answers that come after consent was lost do not bring it back.
            State::Revoked => {}
            State::Frozen | State::Waiting | State::InProgress | State::Failed => {
                if is_current {
                    let valid =
                        Valid { consent_until, last_sign: now, next_consent: Duration::MAX };
                    generation.checklist.succeed(path, valid);
                    self.trace(Trace::CheckSucceeded { path, round_trip });
                }
            }
        }
    }

    fn check_succeeded(&mut self, number: u32, path: Path, check: Check) {
        if number != self.current.number {
            return;
        }
        let Some(pair) = self.current.checklist.get(path) else { return };
        if pair.valid().is_none() {
            return;
        }
        let nominated_by_peer = pair.nominated_by_peer;
        self.current.failed = false;
        let came_back = self.is_reconnecting() && self.current.concluded() == Some(path);
        //= rfc8445#7.2.5.3.4
        // An answer to USE-CANDIDATE nominates the pair.
        if check.use_candidate && self.current.is_asked(path) {
            self.conclude(path);
        } else if nominated_by_peer {
            self.nominated_by_peer(path);
        } else if came_back && self.role == Role::Controlling {
            // To the peer it is another connection, and so another pair.
            self.current.nomination = Nomination::Asked { path, sent: false, from: Some(path) };
        }
        // The pair is known to work: other checks of it are not sent again, except a nomination.
        if !self.current.is_asked(path) {
            self.transactions.stop_checks_of(&self.clock, number, path);
        }
    }

    /// The peer says that the role of this request is its own.
    fn role_was_refused(&mut self, number: u32, path: Path, check: Check) {
        self.evidence.role_conflicts = self.evidence.role_conflicts.saturating_add(1);
        //= rfc8445#7.2.5.1
        // We take the role opposite to that of the refused request, so that a second refusal does
        // not take us back; and a new tiebreaker, once per number that was refused.
        self.change_role(check.role.opposite());
        if check.tie_breaker == self.tie_breaker {
            self.tie_breaker = self.random.tie_breaker();
        }
        if number != self.current.number {
            return;
        }
        let pair = self.current.checklist.get(path);
        if pair.is_some_and(|pair| pair.is_pending() || matches!(pair.state, State::Failed)) {
            self.transactions.forget_checks_of(number, path);
            self.current.checklist.trigger(path);
        }
    }

    fn check_failed(&mut self, entry: &Entry, check: Check, code: Option<u16>) {
        let path = entry.path;
        let is_nomination = check.use_candidate && self.current.is_asked(path);
        // A check that a newer one replaced decides nothing.
        if self.current.checklist.get(path).is_none() || !entry.is_live_check() {
            return;
        }
        self.trace(Trace::CheckFailed { path, code });
        if is_nomination {
            //= rfc8445#7.2.5.3.4
            // A nomination that fails ends the pair and the checklist, unless another pair is
            // nominated still.
            self.evidence.nominations_failed = self.evidence.nominations_failed.saturating_add(1);
            self.current.checklist.fail(path);
            self.current.nomination.abandon(path);
            self.current.failed = self.current.concluded().is_none();
        } else if let Some(pair) = self.current.checklist.get_mut(path)
            && matches!(pair.state, State::InProgress)
        {
            pair.state = State::Failed;
        }
    }

    /// The network says that a path leads nowhere: a hard ICMP error, or the like. A check that is
    /// under way there has failed; a pair that works is left to its consent, as anybody can send
    /// such messages.
    pub fn path_unreachable(&mut self, now: Instant, path: Path) {
        self.handle_timeout(now);
        let path = path.canonical();
        let pair = self.current.checklist.get(path);
        if pair.is_some_and(|pair| matches!(pair.state, State::InProgress)) {
            //= rfc8445#7.2.5.2.3
            // A hard error of the network fails the check.
            self.transactions.forget_checks_of(self.current.number, path);
            self.evidence.unreachable = self.evidence.unreachable.saturating_add(1);
            self.trace(Trace::Unreachable { path });
            self.current.checklist.fail(path);
        }
        self.settle();
    }

    /// Ends the transactions that nobody answered.
    pub(super) fn expire_transactions(&mut self) {
        while let Some(entry) = self.transactions.poll_timed_out(&self.clock) {
            match entry.purpose {
                Purpose::Check { generation, check } if generation == self.current.number => {
                    self.evidence.checks_timed_out =
                        self.evidence.checks_timed_out.saturating_add(1);
                    self.check_failed(&entry, check, None);
                }
                Purpose::Check { .. } | Purpose::Consent { .. } | Purpose::Keepalive => {}
                Purpose::Query => self.report_server(entry.path, StunServerFailure::TimedOut),
            }
        }
    }
}

/// What the address that the peer saw is to us.
fn kind_of(candidates: &[LocalCandidate], path: Path, mapped: SocketAddr) -> CandidateKind {
    let own = || candidates.iter().filter(|known| known.base == path.base());
    //= rfc6544#7.1
    // The port of a connection is not that of its candidate.
    let is_here = |known: &&LocalCandidate| match path.protocol {
        Protocol::Udp => known.addr == mapped,
        Protocol::Tcp => known.addr.ip() == mapped.ip(),
    };
    own().find(is_here).map_or(CandidateKind::PeerReflexive, |known| known.candidate.kind)
}
