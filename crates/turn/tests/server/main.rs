//! The server against clients that are scripts.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "a failed expectation is a failed test"
)]

mod allocate;
mod auth;
mod common;
mod mobility;
mod peers;
mod reconfigure;
mod relay;
mod tcp;
