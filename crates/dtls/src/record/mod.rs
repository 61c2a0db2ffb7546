//! The record layer: epochs, sequence numbers, protection, replays, and what comes too early.

mod held;
mod layer;
mod protection;
mod replay;

pub(crate) use held::Held;
pub(crate) use layer::{Incoming, RecordLayer};
pub(crate) use protection::{DirectionKeys, PROTECTION_AFTER, PROTECTION_BEFORE, SALT_LEN};
