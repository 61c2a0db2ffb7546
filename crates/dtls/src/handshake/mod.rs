//! The handshake layer: messages out of fragments, flights out of messages, and the roles' state
//! machines, one folder per version.

mod dialogue;
mod failure;
mod flight;
mod machine;
mod reassembly;
mod transcript;
pub(crate) mod v12;

pub(crate) use failure::Failure;
pub(crate) use flight::Flight;
pub(crate) use machine::{Handshake, Step};
