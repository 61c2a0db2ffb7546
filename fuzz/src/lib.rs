//! The bodies of the fuzz targets: one function each, from any bytes to no panic.

pub mod stun_message;
pub mod ice_agent;
pub mod dtls_connection;
pub mod certificate;
pub mod srtp_unprotect;
pub mod rtp_packet;
pub mod rtcp_compound;
pub mod sctp_association;
pub mod datachannel_table;
pub mod sdp_session;
pub mod peerconnection_input;
