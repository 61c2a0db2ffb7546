//! The handshake layer: messages out of fragments, flights out of messages, and the roles' state
//! machines. What follows the choice of a version lies in a folder per version.

mod acks;
mod client;
mod cookie;
mod delivery;
mod dialogue;
mod failure;
mod flight;
mod gate;
mod identity;
mod machine;
mod offer;
mod ranges;
mod reassembly;
mod secrets;
mod server;
mod terms;
mod transcript;
pub(crate) mod v12;
pub(crate) mod v13;

pub(crate) use delivery::{Delivery, Expiry, Received, Taken, fragments};
pub(crate) use dialogue::Step;
pub(crate) use failure::Failure;
pub(crate) use flight::Item;
pub use gate::{CookieGate, GateError, Verdict};
pub(crate) use machine::{Handshake, Remains};
pub(crate) use reassembly::Message;
pub(crate) use secrets::SessionSecrets;
