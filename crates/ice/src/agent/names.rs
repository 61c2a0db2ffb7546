//! Candidates of the peer that hide behind names of mDNS: draft-ietf-mmusic-mdns-ice-candidates.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use crate::candidate::{Address, Candidate, is_mdns_name};
use crate::diagnosis::Trace;
use crate::error::CandidateError;
use crate::event::Event;

use super::Agent;

/// Candidates whose names are being looked up.
#[derive(Debug, Default)]
pub(crate) struct Names {
    waiting: Vec<Waiting>,
    /// Names that were asked for in this generation, found or not.
    asked: usize,
}

#[derive(Debug)]
struct Waiting {
    candidate: Candidate,
    until: Duration,
}

impl Names {
    /// When the owner has taken too long for the first of them.
    pub(crate) fn next_expiry(&self) -> Duration {
        self.waiting.iter().map(|waiting| waiting.until).min().unwrap_or(Duration::MAX)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Takes the candidates with this name.
    fn take(&mut self, wanted: &str) -> Vec<Candidate> {
        let mut found = Vec::new();
        self.waiting.retain(|waiting| match &waiting.candidate.addr {
            Address::Name { host, .. } if host.eq_ignore_ascii_case(wanted) => {
                found.push(waiting.candidate.clone());
                false
            }
            Address::Name { .. } | Address::Ip(_) => true,
        });
        found
    }
}

impl Agent {
    /// Asks the owner for the address behind a name.
    // attack: a description full of names, or with names of machines that are none of our business
    pub(super) fn look_up(&mut self, candidate: Candidate) -> Result<(), CandidateError> {
        let Address::Name { host, .. } = &candidate.addr else { return Ok(()) };
        if !is_mdns_name(host) {
            //= rfc8839#5.1
            // Candidates with names that are no names of mDNS are ignored.
            return Err(CandidateError::Name);
        }
        let limit = self.config.max_names;
        let names = &mut self.current.names;
        if names.asked >= limit {
            return Err(CandidateError::LimitReached { limit });
        }
        names.asked = names.asked.saturating_add(1);
        let known = names.waiting.iter().any(|waiting| waiting.candidate.addr == candidate.addr);
        let host = host.clone();
        let until = self.clock.after(self.config.name_timeout);
        self.current.names.waiting.push(Waiting { candidate, until });
        if !known {
            self.evidence.names_asked = self.evidence.names_asked.saturating_add(1);
            self.events.push(Event::ResolveName(host));
        }
        Ok(())
    }

    /// Answers [`Event::ResolveName`]; `None` when there is no such name. Of several addresses
    /// give one.
    pub fn name_resolved(&mut self, now: Instant, name: &str, address: Option<IpAddr>) {
        self.handle_timeout(now);
        let found = self.current.names.take(name);
        if found.is_empty() {
            return;
        }
        let Some(ip) = address else {
            self.name_failed();
            self.settle();
            return;
        };
        for candidate in found {
            let port = match candidate.addr {
                Address::Name { port, .. } => port,
                Address::Ip(addr) => addr.port(),
            };
            let addr = SocketAddr::new(ip, port);
            // What a filter or the lack of room excludes is as if it had not been found.
            if let Ok(addr) = self.check_remote_address(addr, candidate.tcp_type) {
                let _ = self.take_candidate(candidate, addr, true);
            }
        }
        self.settle();
    }

    fn name_failed(&mut self) {
        self.evidence.names_failed = self.evidence.names_failed.saturating_add(1);
        self.trace(Trace::NameUnresolved);
    }

    /// Forgets the names that the owner took too long for.
    pub(super) fn expire_names(&mut self) {
        let now = self.clock.now();
        let before = self.current.names.waiting.len();
        self.current.names.waiting.retain(|waiting| waiting.until > now);
        for _ in self.current.names.waiting.len()..before {
            self.name_failed();
        }
    }
}
