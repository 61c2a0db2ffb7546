//! Bytes of messages: reading, writing, nothing else.

#![warn(clippy::arithmetic_side_effects)]

pub(crate) mod address;
pub(crate) mod algorithm;
pub mod attribute;
pub(crate) mod error_code;
pub(crate) mod header;
mod integrity;
pub(crate) mod lookup;
pub(crate) mod view;
mod write;
pub(crate) mod writer;
