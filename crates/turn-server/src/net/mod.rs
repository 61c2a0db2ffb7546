//! Sockets: datagrams in batches, listeners that several threads share.

mod batch;
mod socket;
mod udp;

pub(crate) use batch::Batch;
pub(crate) use socket::{
    bind_relay_tcp, bind_relay_udp, bind_tcp, bind_udp, can_bind, connect_tcp, prepare_stream,
};
pub(crate) use udp::{Received, Receiver, Sent, UdpPort};
