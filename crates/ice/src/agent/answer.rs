//! Requests of the peer: RFC 8445 section 7.3.

use antiphon_stun::{Class, MessageView, Method};

use crate::config::Role;
use crate::error::InputError;
use crate::message::Answer;
use crate::path::{Path, is_usable};

use super::Agent;
use super::early::Arrival;
use super::outbox::Reply;
use super::pair::{Pair, State};

/// So many unanswered checks of one pair are enough.
const MAX_CHECKS_OF_PAIR: usize = 8;

impl Agent {
    /// Sorts a message to what it is for. `path` is canonical.
    pub(super) fn handle_message(
        &mut self,
        path: Path,
        message: &MessageView<'_>,
    ) -> Result<(), InputError> {
        if message.method() != Method::BINDING {
            return Err(InputError::Unexpected { method: message.method().number() });
        }
        match message.class() {
            Class::Request => self.handle_request(path, message),
            Class::Success | Class::Error => self.handle_response(path, message),
            //= rfc8445#11
            // A Binding indication keeps NATs awake and asks for nothing.
            Class::Indication => Ok(()),
        }
    }

    fn handle_request(&mut self, path: Path, request: &MessageView<'_>) -> Result<(), InputError> {
        if !request.verify_fingerprint() {
            return Err(InputError::Fingerprint);
        }
        // attack: a request with a forged source makes us knock at somebody's port
        if !is_usable(path.remote) {
            return Err(InputError::UnusableRemoteAddress);
        }
        //= rfc8489#9.1.3
        // Without integrity or user name a request is bad; with a foreign or wrong one it is not
        // authentic.
        let (Some(username), true) = (request.username(), request.has_message_integrity()) else {
            return self.refuse(path, request, Answer::BadRequest);
        };
        let Some((number, remote_ufrag)) = self.authenticate(username, request) else {
            return self.refuse(path, request, Answer::Unauthenticated);
        };
        let limit = self.config.max_replies;
        if self.outbox.is_full(limit) {
            return Err(InputError::TooManyReplies { limit });
        }
        self.counters.requests_received = self.counters.requests_received.saturating_add(1);
        let answer = self.answer(path, request);
        let reply = Reply { path, id: request.transaction_id(), answer, generation: Some(number) };
        self.outbox.push(reply);
        if let (Answer::Success(_), Some(priority)) = (answer, request.priority()) {
            let use_candidate = request.use_candidate();
            if number == self.current.number {
                let ufrag = remote_ufrag;
                self.take_check(Arrival { path, priority, use_candidate, ufrag });
            } else {
                self.note_sign(number, path);
            }
        }
        Ok(())
    }

    /// The generation whose password protects the request, and the peer's ufrag.
    fn authenticate<'r>(
        &self,
        username: &'r [u8],
        request: &MessageView<'_>,
    ) -> Option<(u32, &'r [u8])> {
        let colon = username.iter().position(|byte| *byte == b':')?;
        let (ours, rest) = username.split_at(colon);
        let (_, theirs) = rest.split_first()?;
        let previous = self.previous.as_ref().map(|previous| &previous.generation);
        let generation = std::iter::once(&self.current)
            .chain(previous)
            .find(|generation| generation.credentials.has_ufrag(ours))?;
        let verified = request.verify_message_integrity(|parts| generation.key.tag(parts));
        verified.ok().map(|()| (generation.number, theirs))
    }

    /// Answers a stranger, if not too many were answered lately. Nothing else remains of it.
    //= rfc8489#9.1.3
    // The errors to requests that are not authentic carry no integrity.
    fn refuse(
        &mut self,
        path: Path,
        request: &MessageView<'_>,
        answer: Answer,
    ) -> Result<(), InputError> {
        let limit = self.config.max_replies;
        if self.outbox.is_full(limit) {
            return Err(InputError::TooManyReplies { limit });
        }
        // attack: forged requests make us send errors to their victim
        if !self.refusals.allow(self.clock.now(), self.config.max_refusals_per_second) {
            return Err(InputError::Unauthenticated);
        }
        self.outbox.push(Reply { path, id: request.transaction_id(), answer, generation: None });
        Ok(())
    }

    /// What to say to an authentic request.
    fn answer(&mut self, path: Path, request: &MessageView<'_>) -> Answer {
        //= rfc8489#6.3.1
        // What is not understood and must be is named in a 420.
        if let Some(unknown) = Answer::unknown(request) {
            return unknown;
        }
        if request.priority().is_none() {
            return Answer::BadRequest;
        }
        let conflict = match (self.role, request.ice_controlling(), request.ice_controlled()) {
            (_, Some(_), Some(_)) => return Answer::BadRequest,
            (Role::Controlling, Some(theirs), None) => Some(self.tie_breaker >= theirs),
            (Role::Controlled, None, Some(theirs)) => Some(self.tie_breaker < theirs),
            (Role::Controlling, None, _) | (Role::Controlled, _, None) => None,
        };
        //= rfc8445#7.3.1.1
        // When both claim one role the larger tiebreaker controls: either the peer is told to
        // change its role, or we change ours.
        match conflict {
            Some(true) => return Answer::RoleConflict,
            Some(false) => self.change_role(self.role.opposite()),
            None => {}
        }
        Answer::Success(path.remote)
    }

    /// Takes our role in a conflict, or from outside.
    pub(super) fn change_role(&mut self, role: Role) {
        if role == self.role {
            return;
        }
        self.role = role;
        //= rfc8445#7.3.1.1
        // The priorities of all pairs depend on the role.
        self.current.checklist.rank(role);
        self.reopen_nomination();
    }

    /// Lets an authentic check of the current generation count.
    pub(super) fn take_check(&mut self, check: Arrival<'_>) {
        let Some(remote) = &self.current.remote else {
            let limit = self.config.max_early_checks;
            self.current.keep_early(check, limit);
            return;
        };
        if remote.credentials.ufrag().as_bytes() != check.ufrag {
            return;
        }
        let path = check.path;
        //= rfc8445#8.1.2
        // Once a pair is nominated the others get answers, but no more checks; unless the peer
        // nominates another one.
        let nominates = check.use_candidate && self.role == Role::Controlled;
        if !nominates && self.current.concluded().is_some_and(|selected| selected != path) {
            self.note_sign(self.current.number, path);
            return;
        }
        if self.current.checklist.get(path).is_none() {
            let Some(end) = self.learn_remote(path.remote, check.priority) else { return };
            self.insert_pair(path.local, &end);
        }
        self.note_sign(self.current.number, path);
        self.trigger(path, check.use_candidate);
    }

    /// Checks a pair because the peer did.
    //= rfc8445#7.3.1.4
    // What a check from the peer does depends on how far our own check of the pair is.
    fn trigger(&mut self, path: Path, use_candidate: bool) {
        let number = self.current.number;
        let nominates = use_candidate && self.role == Role::Controlled;
        let Some(pair) = self.current.checklist.get_mut(path) else { return };
        //= rfc8445#7.3.1.5
        // A nomination holds once our own check of the pair has succeeded.
        pair.nominated_by_peer |= nominates;
        match pair.state {
            State::Succeeded(_) if nominates => self.nominated_by_peer(path),
            State::Succeeded(_) | State::Revoked => {}
            State::Frozen | State::Waiting | State::Failed => {
                self.current.failed = false;
                self.current.checklist.trigger(path);
            }
            State::InProgress => {
                if self.transactions.checks_of(number, path) < MAX_CHECKS_OF_PAIR {
                    self.transactions.stop_checks_of(&self.clock, number, path);
                    self.current.checklist.trigger(path);
                }
            }
        }
    }

    /// The peer was heard on this path.
    pub(super) fn note_sign(&mut self, generation: u32, path: Path) {
        let now = self.clock.now();
        let generation = self.generation_mut(generation);
        if let Some(pair) = generation.and_then(|known| known.checklist.get_mut(path)) {
            pair.heard = true;
            if let Some(valid) = Pair::valid_mut(pair) {
                valid.last_sign = now;
            }
        }
    }
}
