//! Being lite (RFC 8445 section 2.5): we answer, and never check.

use std::time::Duration;

use crate::config::Role;
use crate::path::Path;

use super::Agent;
use super::generation::Nomination;
use super::pair::{State, Valid};

impl Agent {
    //= rfc8445#6.1.1
    // A lite agent is controlled by a full one; between two lite ones the offerer controls.
    pub(super) fn take_lite_role(&mut self) {
        if self.config.lite && !self.remote_lite && self.current.remote.is_some() {
            self.change_role(Role::Controlled);
        }
    }

    /// Takes an authentic check. The full peer has done the checking; its requests renew the
    /// consent that we could not ask for.
    pub(super) fn answer_lite(&mut self, path: Path, nominates: bool) {
        let consent_until = self.clock.after(self.config.consent_lifetime());
        let last_sign = self.clock.now();
        let Some(pair) = self.current.checklist.get_mut(path) else { return };
        match &mut pair.state {
            State::Succeeded(valid) => valid.consent_until = consent_until,
            State::Revoked => return,
            //= rfc8445#12.1.1
            // Nothing is sent before the peer has nominated a pair.
            _ if !nominates => return,
            State::Frozen | State::Waiting | State::InProgress | State::Failed => {
                let valid = Valid { consent_until, last_sign, next_consent: Duration::MAX };
                self.current.failed = false;
                self.current.checklist.succeed(path, valid);
            }
        }
        //= rfc8445#8.2
        // What the full peer nominates is selected.
        if nominates {
            self.nominated_by_peer(path);
        }
    }

    /// Two lite agents check nothing: the best pair of the two lists is used.
    pub(super) fn settle_lite(&mut self) {
        if !(self.config.lite && self.remote_lite && self.current.remote_complete) {
            return;
        }
        if !matches!(self.current.nomination, Nomination::Open) || self.current.remote.is_none() {
            return;
        }
        //= rfc8445#8.2
        // Where both are lite each side takes the pair with the highest priority, which is the same
        // on both.
        let best = self.current.checklist.iter().max_by_key(|pair| pair.priority);
        let Some(path) = best.map(|pair| pair.path) else { return };
        let valid = Valid {
            consent_until: Duration::MAX,
            last_sign: self.clock.now(),
            next_consent: Duration::MAX,
        };
        self.current.checklist.succeed(path, valid);
        self.conclude(path);
    }
}
