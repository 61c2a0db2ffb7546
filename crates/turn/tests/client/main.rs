//! The client, against the server of this crate on a simulated network, and against scripts.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::cast_possible_truncation,
    clippy::wildcard_enum_match_arm,
    reason = "a failed expectation is a failed test"
)]

mod allocate;
mod data;
mod errors;
mod hosts;
mod mobility;
mod properties;
mod script;
mod tcp;
mod uri;
