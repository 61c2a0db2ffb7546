//! Bytes to views and values to bytes: one chunk or parameter per file.
//!
//! Views borrow and are checked once; writers put a chunk into a [`PacketWriter`].

#![warn(clippy::arithmetic_side_effects)]

mod abort;
mod bytes_at;
mod cause;
mod chunk;
mod cookie;
mod data;
mod forward_tsn;
mod heartbeat;
mod init;
mod packet;
mod parameter;
mod reconfig;
mod sack;
mod shutdown;

pub(crate) use abort::{write_abort, write_error};
pub(crate) use cause::{Cause, first_cause};
pub(crate) use chunk::{Chunk, kind};
pub(crate) use cookie::Cookie;
pub(crate) use data::{DATA_HEADER, DataHeader, DataView, I_DATA_HEADER, Number};
pub(crate) use forward_tsn::{
    ForwardTsnView, Skipped, SkippedView, forward_capacity, write_forward_tsn,
};
pub(crate) use heartbeat::{HeartbeatInfo, write_heartbeat, write_heartbeat_ack, write_pad};
pub(crate) use init::{Capabilities, Init, InitView};
pub(crate) use packet::{Header, PACKET_HEADER, PacketView, PacketWriter};
pub(crate) use reconfig::{Reconfig, ReconfigParameter, Verdict};
pub(crate) use sack::{SackView, write_sack};
pub(crate) use shutdown::{
    write_cookie_ack, write_cookie_echo, write_shutdown, write_shutdown_ack,
    write_shutdown_complete,
};
