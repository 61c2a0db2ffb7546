//! Keys by their ids.

use std::fmt::{self, Debug};

use crate::KeyError;

/// At most `limit` keys, in the order of their ids.
pub(crate) struct Store<K> {
    keys: Vec<(u64, K)>,
    limit: usize,
}

impl<K> Store<K> {
    pub(crate) fn new(limit: usize) -> Self {
        Self { keys: Vec::new(), limit }
    }

    pub(crate) fn len(&self) -> usize {
        self.keys.len()
    }

    pub(crate) fn limit(&self) -> usize {
        self.limit
    }

    pub(crate) fn has_room(&self) -> bool {
        self.keys.len() < self.limit
    }

    pub(crate) fn get(&self, key_id: u64) -> Option<&K> {
        let at = self.find(key_id).ok()?;
        self.keys.get(at).map(|(_, key)| key)
    }

    pub(crate) fn get_mut(&mut self, key_id: u64) -> Option<&mut K> {
        let at = self.find(key_id).ok()?;
        self.keys.get_mut(at).map(|(_, key)| key)
    }

    /// Whether a key with that id could be added.
    pub(crate) fn check(&self, key_id: u64) -> Result<(), KeyError> {
        match self.find(key_id) {
            Ok(_) => Err(KeyError::InUse { key_id }),
            Err(_) if self.has_room() => Ok(()),
            Err(_) => Err(KeyError::TooMany { limit: self.limit }),
        }
    }

    pub(crate) fn insert(&mut self, key_id: u64, key: K) -> Result<(), KeyError> {
        self.check(key_id)?;
        let at = self.find(key_id).unwrap_or_else(|at| at);
        self.keys.insert(at.min(self.keys.len()), (key_id, key));
        Ok(())
    }

    pub(crate) fn remove(&mut self, key_id: u64) -> bool {
        match self.find(key_id) {
            Ok(at) if at < self.keys.len() => {
                self.keys.remove(at);
                true
            }
            _ => false,
        }
    }

    pub(crate) fn retain(&mut self, mut keep: impl FnMut(u64) -> bool) {
        self.keys.retain(|(key_id, _)| keep(*key_id));
    }

    fn find(&self, key_id: u64) -> Result<usize, usize> {
        self.keys.binary_search_by_key(&key_id, |(known, _)| *known)
    }
}

impl<K> Debug for Store<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of at most {}", self.keys.len(), self.limit)
    }
}
