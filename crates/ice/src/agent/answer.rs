//! Requests of the peer: RFC 8445 section 7.3.

use antiphon_stun::{Class, MessageView, Method};

use crate::config::Role;
use crate::diagnosis::Trace;
use crate::error::InputError;
use crate::message::{Answer, nomination};
use crate::path::{Path, is_usable};

use super::Agent;
use super::base::Base;
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
        if !self.admits_remote(path.remote) {
            return Err(InputError::FilteredRemoteAddress);
        }
        //= rfc8489#9.1.3
        // Without integrity or user name a request is bad; with a foreign or wrong one it is not
        // authentic.
        let (Some(username), true) = (request.username(), request.has_message_integrity()) else {
            return self.refuse(path, request, Answer::BadRequest);
        };
        let Some((number, remote_ufrag)) = self.authenticate(username, request) else {
            self.note_stranger(path, username);
            return self.refuse(path, request, Answer::Unauthenticated);
        };
        let limit = self.config.max_replies;
        if self.outbox.is_full(limit) {
            return Err(InputError::TooManyReplies { limit });
        }
        self.counters.requests_received = self.counters.requests_received.saturating_add(1);
        if !self.connection_seen(path) {
            return Err(InputError::TooManyConnections { limit: self.config.max_connections });
        }
        self.note_request(number, path);
        let answer = self.answer(path, request);
        let reply = Reply { path, id: request.transaction_id(), answer, generation: Some(number) };
        self.outbox.push(reply);
        if let (Answer::Success(_), Some(priority)) = (answer, request.priority()) {
            let use_candidate = request.use_candidate();
            let nomination = nomination(request);
            if number == self.current.number {
                let ufrag = remote_ufrag;
                let early = false;
                self.take_check(Arrival {
                    path,
                    priority,
                    use_candidate,
                    nomination,
                    early,
                    ufrag,
                });
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

    /// Counts an authentic request. The pair may not exist yet.
    fn note_request(&mut self, number: u32, path: Path) {
        self.evidence.peer_checks = self.evidence.peer_checks.saturating_add(1);
        if self.base(path.base()).is_some_and(Base::is_relayed) {
            self.permission_seen(path.base(), path.remote.ip());
        }
        let generation = self.generation_mut(number);
        if let Some(pair) = generation.and_then(|known| known.checklist.get_mut(path)) {
            let counters = &mut pair.counters;
            counters.requests_received = counters.requests_received.saturating_add(1);
            counters.responses_sent = counters.responses_sent.saturating_add(1);
        }
    }

    /// Counts a request that is not authentic; the trace has the first few of them.
    fn note_stranger(&mut self, path: Path, username: &[u8]) {
        let ours = username.split(|byte| *byte == b':').next().unwrap_or_default();
        let ufrag_known = self.current.credentials.has_ufrag(ours);
        let count = match ufrag_known {
            true => &mut self.evidence.wrong_tag,
            false => &mut self.evidence.wrong_ufrag,
        };
        *count = count.saturating_add(1);
        if *count <= 2 {
            self.trace(Trace::Refused { from: path.remote, ufrag_known });
        }
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
        let (now, per_second) = (self.clock.now(), self.config.max_refusals_per_second);
        if !self.refusals.allow(now, path.remote.ip(), per_second) {
            return Err(InputError::Unauthenticated);
        }
        self.outbox.push(Reply { path, id: request.transaction_id(), answer, generation: None });
        Ok(())
    }

    /// What to say to an authentic request.
    fn answer(&mut self, path: Path, request: &MessageView<'_>) -> Answer {
        //= rfc8489#6.3.1
        // What is not understood and must be is named in a 420.
        if let Some(unknown) = Answer::unknown(request, self.config.renomination) {
            return unknown;
        }
        if request.priority().is_none() {
            return Answer::BadRequest;
        }
        //= rfc8445#6.1.1
        // A lite agent is controlled by a full one, whatever that one thinks.
        if self.config.lite && request.ice_controlled().is_some() {
            return Answer::RoleConflict;
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
        if conflict.is_some() {
            self.evidence.role_conflicts = self.evidence.role_conflicts.saturating_add(1);
        }
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
        self.trace(Trace::RoleChanged { role });
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
            // It knows our description, and we have another one of it.
            self.evidence.wrong_ufrag = self.evidence.wrong_ufrag.saturating_add(1);
            return;
        }
        let path = check.path;
        //= rfc8445#8.1.2
        // Once a pair is nominated the others get answers, but no more checks; unless the peer
        // nominates another one, or spares are kept.
        let nominates = self.accepts_nomination(&check);
        let settled = self.current.concluded().is_some_and(|selected| selected != path);
        if settled && !nominates && !self.keeps_spares() {
            self.note_sign(self.current.number, path);
            return;
        }
        if self.current.checklist.get(path).is_none() {
            let Some(end) = self.learn_remote(path, check.priority) else { return };
            self.insert_pair(path.base(), &end);
        }
        let heard = self.current.checklist.get(path).is_some_and(|pair| pair.heard);
        if !heard {
            self.trace(Trace::PeerChecked { path });
        }
        self.note_sign(self.current.number, path);
        if self.config.lite {
            self.answer_lite(path, nominates);
        } else {
            self.trigger(path, nominates);
        }
    }

    /// Whether the check nominates its pair, for us.
    fn accepts_nomination(&mut self, check: &Arrival<'_>) -> bool {
        if !check.use_candidate || self.role != Role::Controlled {
            return false;
        }
        // Where it was agreed on, a nomination has a number, and only a higher one than before
        // counts: what comes late or twice is ignored.
        match (self.renomination(), check.nomination) {
            (None, _) => true,
            // Before its description the peer cannot be told apart from one without the extension.
            (Some(_), None) => check.early,
            (Some(_), Some(number)) => {
                let known = self.current.nomination_number;
                self.current.nomination_number = known.max(Some(number));
                known < Some(number)
            }
        }
    }

    /// Checks a pair because the peer did.
    //= rfc8445#7.3.1.4
    // What a check from the peer does depends on how far our own check of the pair is.
    fn trigger(&mut self, path: Path, nominates: bool) {
        let number = self.current.number;
        let renominates = self.renomination().is_some() && nominates;
        if renominates {
            // The latest one counts, not those before it that wait for a check of ours.
            self.current.checklist.iter_mut().for_each(|pair| pair.nominated_by_peer = false);
        }
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
                // While a connection opens there is nothing to replace.
                if self.transactions.checks_of(number, path) < MAX_CHECKS_OF_PAIR
                    && self.is_connected(path)
                {
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
