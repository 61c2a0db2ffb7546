//! Bytes of messages: reading, writing, nothing else.

#![warn(clippy::arithmetic_side_effects)]

pub(crate) mod address;
pub mod attribute;
pub(crate) mod error_code;
pub(crate) mod header;
mod integrity;
pub(crate) mod view;
pub(crate) mod writer;
