//! From evidence to causes.

use std::time::{Duration, Instant};

use crate::candidate::Protocol;
use crate::config::Role;
use crate::diagnosis::{Diagnosis, IceFailure, ServerError, ServerErrorKind, Trace, TraceEntry};
use crate::event::ConnectionState;

use super::Agent;
use super::pair::State;

/// Checks begin to take long after this time.
const LONG: Duration = Duration::from_secs(5);
/// So many role conflicts are no accident.
const MANY_CONFLICTS: u64 = 8;

impl Agent {
    /// Notes an error of a server that the owner talks to. It changes nothing but what
    /// [`diagnose`](Self::diagnose) says.
    pub fn report_server_error(&mut self, now: Instant, error: ServerError) {
        self.handle_timeout(now);
        self.trace(Trace::ServerFailed { server: error.server, kind: error.kind });
        self.evidence.note_server(error);
    }

    /// Why the connection failed; `None` unless it has.
    #[must_use]
    pub fn failure(&self) -> Option<IceFailure> {
        if self.state == ConnectionState::Failed { self.failure } else { None }
    }

    /// How things stand and why, at any time.
    #[must_use]
    pub fn diagnose(&self, now: Instant) -> Diagnosis {
        let now = self.clock.moment(now).max(self.clock.now());
        let mut pairs = [0; 4];
        for pair in self.current.checklist.iter() {
            let slot = match pair.state {
                State::Frozen | State::Waiting => 0,
                State::InProgress => 1,
                State::Succeeded(_) => 2,
                State::Failed | State::Revoked => 3,
            };
            if let Some(count) = pairs.get_mut(slot) {
                *count = usize::saturating_add(*count, 1);
            }
        }
        Diagnosis {
            state: self.state,
            since: now.saturating_sub(self.state_since),
            causes: self.causes(now),
            pairs,
            local: self.bases.len(),
            remote: self.current.remote_candidates.len(),
        }
    }

    /// What happened lately, oldest first. It is for logs of ours: it has addresses that names of
    /// mDNS hide from a page.
    pub fn trace_entries(&self) -> impl Iterator<Item = &TraceEntry> {
        self.trace_log.iter()
    }

    pub(super) fn trace(&mut self, what: Trace) {
        let at = self.clock.now();
        self.trace_log.push(TraceEntry { at, what }, self.config.max_trace);
    }

    /// The most telling cause; there is always one.
    pub(super) fn main_cause(&self) -> IceFailure {
        let now = self.clock.now();
        let fallback = || IceFailure::AllChecksTimedOut {
            pairs: self.current.checklist.len(),
            requests: self.evidence.checks_sent,
        };
        self.causes(now).first().copied().unwrap_or_else(fallback)
    }

    fn causes(&self, now: Duration) -> Vec<IceFailure> {
        let mut causes = Vec::new();
        match self.state {
            ConnectionState::Connected | ConnectionState::Completed | ConnectionState::Closed => {
                self.nomination_causes(now, &mut causes);
                return causes;
            }
            ConnectionState::New
            | ConnectionState::Checking
            | ConnectionState::Disconnected
            | ConnectionState::Failed => {}
        }
        self.loss_causes(now, &mut causes);
        self.credential_causes(&mut causes);
        if self.bases.is_empty() {
            // Without an address, what the servers said that should have lent one tells more.
            self.server_causes(&mut causes);
            self.candidate_causes(&mut causes);
        } else {
            self.candidate_causes(&mut causes);
            self.server_causes(&mut causes);
        }
        self.check_causes(now, &mut causes);
        causes
    }

    /// It was connected.
    fn loss_causes(&self, now: Duration, causes: &mut Vec<IceFailure>) {
        if self.evidence.address_lost {
            causes.push(IceFailure::LocalAddressLost);
        }
        if let Some(silent) = self.evidence.consent_lost {
            causes.push(IceFailure::ConsentLost { silent });
        } else if let Some(valid) = self.selected_pair().and_then(|(_, pair)| pair.valid()) {
            let silent = now.saturating_sub(valid.last_sign);
            causes.push(IceFailure::ConsentLost { silent });
        }
    }

    fn credential_causes(&self, causes: &mut Vec<IceFailure>) {
        let seen = &self.evidence;
        if seen.role_conflicts >= MANY_CONFLICTS {
            causes.push(IceFailure::RoleConflictLoop { conflicts: seen.role_conflicts });
        }
        // A stranger can cause all of this; so it counts only while nothing authentic comes.
        if seen.checks_answered > 0 {
            return;
        }
        if seen.wrong_tag > 0 || seen.unauthentic_answers > 0 {
            let (requests, responses) = (seen.wrong_tag, seen.unauthentic_answers);
            causes.push(IceFailure::IntegrityMismatch { requests, responses });
        }
        if seen.wrong_ufrag > 0 || seen.refusals > 0 {
            let (received, refused) = (seen.wrong_ufrag, seen.refusals);
            causes.push(IceFailure::UfragMismatch { received, refused });
        }
    }

    fn candidate_causes(&self, causes: &mut Vec<IceFailure>) {
        let (seen, remotes) = (&self.evidence, &self.current.remote_candidates);
        if self.bases.is_empty() {
            causes.push(IceFailure::NoLocalCandidates);
        }
        if self.current.remote.is_none() {
            causes.push(IceFailure::NoRemoteDescription);
        }
        if remotes.is_empty() && self.current.remote.is_some() {
            if seen.names_failed > 0 {
                let (names, failed) = (seen.names_asked, seen.names_failed);
                causes.push(IceFailure::MdnsUnresolved { names, failed });
            } else if seen.filtered > 0 {
                causes.push(IceFailure::AllFiltered { filtered: seen.filtered });
            } else if self.current.names.is_empty() {
                causes.push(IceFailure::NoRemoteCandidates { ignored: self.ignored });
            }
        }
        let no_pairs = self.current.checklist.len() == 0 && !self.config.lite;
        if self.bases.is_empty() || remotes.is_empty() || !no_pairs {
            return;
        }
        let split = |v4: usize, all: usize| (v4, all.saturating_sub(v4));
        let ours = self.bases.iter().filter(|base| base.id.addr.is_ipv4()).count();
        let theirs = remotes.iter().filter(|known| known.end.addr.is_ipv4()).count();
        let (local, remote) = (split(ours, self.bases.len()), split(theirs, remotes.len()));
        causes.push(if (local.0 == 0 || remote.0 == 0) && (local.1 == 0 || remote.1 == 0) {
            IceFailure::NoCommonFamily { local, remote }
        } else {
            IceFailure::NothingPairable { local: self.bases.len(), remote: remotes.len() }
        });
    }

    fn check_causes(&self, now: Duration, causes: &mut Vec<IceFailure>) {
        let seen = &self.evidence;
        let Some(remote) = &self.current.remote else { return };
        let since = now.saturating_sub(remote.since);
        let pending = self.current.checklist.iter().filter(|pair| pair.is_pending()).count();
        if seen.nominations_failed > 0 {
            causes.push(IceFailure::NominationFailed { count: seen.nominations_failed });
        }
        if seen.permissions_refused > 0 {
            causes.push(IceFailure::PermissionRefused { count: seen.permissions_refused });
        }
        if seen.connections_failed > 0 && !self.has_udp_pairs() {
            causes.push(IceFailure::TcpConnectFailed { count: seen.connections_failed });
        }
        let silent = seen.checks_answered == 0 && seen.checks_sent > 0;
        let overdue = self.current.failed || since >= LONG;
        if self.config.lite && seen.peer_checks == 0 && overdue {
            causes.push(IceFailure::RemoteNeverChecked { requests: 0 });
        }
        if silent && overdue {
            self.silence_causes(causes);
        }
        if pending > 0 && overdue {
            causes.push(IceFailure::TakesLong { since, pending });
        }
    }

    fn silence_causes(&self, causes: &mut Vec<IceFailure>) {
        let seen = &self.evidence;
        let requests = seen.checks_sent;
        if seen.unreachable > 0 {
            causes.push(IceFailure::Unreachable { count: seen.unreachable });
        }
        if seen.peer_checks > 0 && seen.signalled == 0 {
            causes.push(IceFailure::OnlyOneSideTrickled { received: seen.peer_checks });
        } else if seen.peer_checks > 0 {
            let received = seen.peer_checks;
            causes.push(IceFailure::OneWay { received, unanswered: requests });
        } else if seen.stun_failures > 0 && seen.stun_answers == 0 {
            causes.push(IceFailure::UdpBlocked { queries: seen.stun_failures, requests });
        }
        let pairs = self.current.checklist.len();
        causes.push(IceFailure::AllChecksTimedOut { pairs, requests });
        if seen.stun_failures > 0 && seen.stun_answers == 0 {
            causes.push(IceFailure::StunServerUnreachable { queries: seen.stun_failures });
        }
        if seen.peer_checks == 0 {
            causes.push(IceFailure::RemoteNeverChecked { requests });
        }
    }

    fn server_causes(&self, causes: &mut Vec<IceFailure>) {
        let seen = &self.evidence;
        for error in &seen.server_errors {
            let server = error.server;
            causes.push(match error.kind {
                ServerErrorKind::Unauthorized { code } => {
                    IceFailure::TurnUnauthorized { server, code }
                }
                ServerErrorKind::Forbidden => IceFailure::TurnForbidden { server },
                ServerErrorKind::QuotaReached => IceFailure::TurnQuota { server },
                ServerErrorKind::Unreachable | ServerErrorKind::TimedOut => {
                    IceFailure::TurnUnreachable { server }
                }
                ServerErrorKind::TlsFailed => IceFailure::TlsFailed { server },
                ServerErrorKind::DnsFailed => IceFailure::DnsFailed,
                ServerErrorKind::Other { code } => IceFailure::TurnError { server, code },
            });
        }
    }

    /// A pair works and data can flow, but nobody concludes.
    fn nomination_causes(&self, now: Duration, causes: &mut Vec<IceFailure>) {
        let Some(remote) = &self.current.remote else { return };
        let since = now.saturating_sub(remote.since.max(self.state_since));
        let open = self.current.concluded().is_none() && self.state != ConnectionState::Closed;
        if open && self.role == Role::Controlled && since >= LONG {
            causes.push(IceFailure::NeverNominated { waiting: since });
        }
    }

    fn has_udp_pairs(&self) -> bool {
        self.current.checklist.iter().any(|pair| pair.path.protocol == Protocol::Udp)
    }
}
