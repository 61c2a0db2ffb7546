//! The checklist: RFC 8445 section 6.1.2, with the changes of RFC 8838 sections 10 to 12.

use std::collections::VecDeque;
use std::time::Duration;

use crate::config::Role;
use crate::path::Path;

use super::pair::{Pair, State, Valid};

/// All pairs of one generation, and the queue of triggered checks.
#[derive(Debug, Default)]
pub(crate) struct Checklist {
    pairs: Vec<Pair>,
    triggered: VecDeque<Path>,
}

impl Checklist {
    pub(crate) fn len(&self) -> usize {
        self.pairs.len()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Pair> {
        self.pairs.iter()
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Pair> {
        self.pairs.iter_mut()
    }

    /// The pair with this canonical path.
    pub(crate) fn get(&self, path: Path) -> Option<&Pair> {
        self.pairs.iter().find(|pair| pair.path == path)
    }

    pub(crate) fn get_mut(&mut self, path: Path) -> Option<&mut Pair> {
        self.pairs.iter_mut().find(|pair| pair.path == path)
    }

    /// Adds a pair, frozen or waiting as its foundation demands.
    ///
    /// When the list is full a failed pair makes room, or else the worst one that was not checked
    /// yet, if it is worse; otherwise the new pair is dropped.
    pub(crate) fn insert(&mut self, mut pair: Pair, limit: usize) -> bool {
        //= rfc8445#6.1.2.4
        // Of two pairs with the same base and remote address one is redundant.
        if self.get(pair.path).is_some() {
            return false;
        }
        //= rfc8445#6.1.2.5
        // The number of pairs is limited.
        if self.pairs.len() >= limit && !self.make_room(pair.priority) {
            return false;
        }
        //= rfc8838#12
        // A new pair waits when it is the best of its foundation, or one of them has succeeded.
        let mut others = self.pairs.iter().filter(|other| other.foundation == pair.foundation);
        let succeeded = others.clone().any(|other| other.valid().is_some());
        let frozen = !succeeded && others.any(|other| other.priority >= pair.priority);
        pair.state = if frozen { State::Frozen } else { State::Waiting };
        self.pairs.push(pair);
        true
    }

    //= rfc8838#10
    // Room is made by failed pairs first, then by worse ones; never by pairs under check.
    fn make_room(&mut self, priority: u64) -> bool {
        let failed = self.pairs.iter().position(|pair| matches!(pair.state, State::Failed));
        let worst = || {
            let unchecked = self.pairs.iter().enumerate().filter(|(_, pair)| {
                matches!(pair.state, State::Frozen | State::Waiting) && pair.priority < priority
            });
            unchecked.min_by_key(|(_, pair)| pair.priority).map(|(index, _)| index)
        };
        let Some(index) = failed.or_else(worst) else { return false };
        let gone = self.pairs.swap_remove(index);
        self.triggered.retain(|path| *path != gone.path);
        true
    }

    /// Puts a check of this pair in front of all ordinary ones.
    //= rfc8445#7.3.1.4
    // A triggered check waits in a queue of its own, once per pair.
    pub(crate) fn trigger(&mut self, path: Path) {
        if let Some(pair) = self.get_mut(path) {
            pair.state = State::Waiting;
            if !self.triggered.contains(&path) {
                self.triggered.push_back(path);
            }
        }
    }

    pub(crate) fn has_triggered(&self) -> bool {
        self.triggered.iter().any(|path| self.is_open(*path))
    }

    /// The next triggered check; one that waits for its relay stays.
    pub(crate) fn pop_triggered(&mut self) -> Option<Path> {
        let index = self.triggered.iter().position(|path| self.is_open(*path))?;
        self.triggered.remove(index)
    }

    fn is_open(&self, path: Path) -> bool {
        self.get(path).is_none_or(|pair| !pair.blocked)
    }

    /// The pair to check next of those that nobody asked for.
    //= rfc8445#6.1.4.2
    // The best waiting pair; without one, the best frozen pair of a foundation that nothing else
    // is being checked for.
    pub(crate) fn next_ordinary(&self) -> Option<Path> {
        let best_of = |wanted: fn(&State) -> bool| {
            self.pairs.iter().filter(move |pair| wanted(&pair.state) && !pair.blocked)
        };
        let waiting = best_of(|state| matches!(state, State::Waiting))
            .filter(|pair| !self.triggered.contains(&pair.path))
            .max_by_key(|pair| pair.priority);
        let thawing = || {
            best_of(|state| matches!(state, State::Frozen))
                .filter(|pair| {
                    !self.pairs.iter().any(|other| {
                        other.foundation == pair.foundation
                            && !other.blocked
                            && matches!(other.state, State::Waiting | State::InProgress)
                    })
                })
                .max_by_key(|pair| pair.priority)
        };
        waiting.or_else(thawing).map(|pair| pair.path)
    }

    /// A check of this pair succeeded; all frozen pairs of its foundation wait now.
    pub(crate) fn succeed(&mut self, path: Path, valid: Valid) {
        let Some(pair) = self.get_mut(path) else { return };
        pair.state = State::Succeeded(valid);
        pair.heard = true;
        let foundation = pair.foundation;
        self.triggered.retain(|queued| *queued != path);
        //= rfc8445#7.2.5.3.3
        // Success unfreezes the pairs with the same foundation.
        for pair in &mut self.pairs {
            if pair.foundation == foundation && matches!(pair.state, State::Frozen) {
                pair.state = State::Waiting;
            }
        }
    }

    /// The best pair that is kept alive beside the nominated one.
    pub(crate) fn best_spare(&self) -> Option<&Pair> {
        let kept =
            |pair: &&Pair| pair.valid().is_some_and(|valid| valid.next_consent != Duration::MAX);
        self.pairs.iter().filter(kept).max_by_key(|pair| pair.priority)
    }

    /// The best pair that data may go over.
    pub(crate) fn best_valid(&self) -> Option<&Pair> {
        self.pairs.iter().filter(|pair| pair.valid().is_some()).max_by_key(|pair| pair.priority)
    }

    /// Whether a pair better than `priority` may still turn out to work.
    pub(crate) fn better_is_pending(&self, priority: u64) -> bool {
        self.pairs.iter().any(|pair| pair.priority > priority && pair.is_pending())
    }

    pub(crate) fn is_pending(&self) -> bool {
        self.pairs.iter().any(Pair::is_pending)
    }

    /// How many checks are under way or ready to go, for the RTO.
    pub(crate) fn active(&self) -> usize {
        let active = |pair: &&Pair| matches!(pair.state, State::Waiting | State::InProgress);
        self.pairs.iter().filter(active).count()
    }

    /// Sorts by a new role.
    pub(crate) fn rank(&mut self, role: Role) {
        for pair in &mut self.pairs {
            pair.rank(role);
        }
    }

    /// Keeps only pairs for which `keep` holds.
    pub(crate) fn retain(&mut self, keep: impl Fn(&Pair) -> bool) {
        self.pairs.retain(|pair| keep(pair));
        let Self { pairs, triggered } = self;
        triggered.retain(|path| pairs.iter().any(|pair| pair.path == *path));
        self.pairs.shrink_to_fit();
        self.triggered.shrink_to_fit();
    }

    /// When consent for the first of the valid pairs ends.
    pub(crate) fn next_expiry(&self) -> Duration {
        let ends = self.pairs.iter().filter_map(|pair| pair.valid());
        ends.map(|valid| valid.consent_until).min().unwrap_or(Duration::MAX)
    }

    /// When the next spare pair wants a consent request.
    pub(crate) fn next_spare_consent(&self) -> Duration {
        let spares = self.pairs.iter().filter_map(|pair| pair.valid());
        spares.map(|valid| valid.next_consent).min().unwrap_or(Duration::MAX)
    }

    /// Gives a check up for good, or until the peer asks for it.
    pub(crate) fn fail(&mut self, path: Path) {
        self.triggered.retain(|queued| *queued != path);
        if let Some(pair) = self.get_mut(path) {
            pair.state = State::Failed;
        }
    }
}
