//! DCEP messages and payload protocol identifiers: reading, writing, nothing else.

#![warn(clippy::arithmetic_side_effects)]

mod dcep;
pub mod ppid;

pub(crate) use dcep::ACK;
pub use dcep::{DcepView, OpenView};
