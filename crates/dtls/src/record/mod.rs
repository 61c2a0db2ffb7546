//! The record layer: epochs, sequence numbers, protection, replays, and what comes too early.

mod epochs;
mod frame;
mod held;
mod keys;
mod layer;
mod open;
mod replay;
mod seal;

pub(crate) use epochs::{APPLICATION, HANDSHAKE, PLAIN};
pub(crate) use frame::{Incoming, frame};
pub(crate) use held::Held;
pub(crate) use keys::{DirectionKeys, SALT_LEN};
pub(crate) use layer::{OpenError, Opened, RecordLayer};
