use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Counts the allocations of each user; clones share the count, so that all machines of a server
/// can.
#[derive(Clone, Debug, Default)]
pub struct Quotas {
    shared: Arc<Mutex<BTreeMap<User, u32>>>,
    per_user: Option<u32>,
}

/// Who made an allocation: an identity within a realm.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct User {
    pub(crate) realm: u16,
    pub(crate) name: Arc<[u8]>,
}

impl Quotas {
    /// At most `per_user` allocations at one time for each user; `None` is no limit. An
    /// [`Account`](super::Account) can say otherwise.
    #[must_use]
    pub fn new(per_user: Option<u32>) -> Self {
        Self { shared: Arc::default(), per_user }
    }

    /// The same counts with another's limit.
    pub(crate) fn with_limit_of(&self, other: &Self) -> Self {
        Self { shared: Arc::clone(&self.shared), per_user: other.per_user }
    }

    /// Counts one more, unless that is too many.
    pub(crate) fn take(&self, user: &User, limit: Option<u32>) -> bool {
        let limit = limit.or(self.per_user).unwrap_or(u32::MAX);
        let mut users = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        match users.get_mut(user) {
            Some(count) if *count < limit => {
                *count = count.saturating_add(1);
                true
            }
            Some(_) => false,
            None if limit == 0 => false,
            None => {
                users.insert(user.clone(), 1);
                true
            }
        }
    }

    pub(crate) fn give_back(&self, user: &User) {
        let mut users = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = users.get_mut(user) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                users.remove(user);
            }
        }
    }

    /// Users with at least one allocation.
    #[must_use]
    pub fn users(&self) -> usize {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner).len()
    }
}
