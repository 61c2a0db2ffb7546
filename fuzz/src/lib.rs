//! The bodies of the fuzz targets: one function each, from any bytes to no panic.
//!
//! They are plain functions, so that `tests/replay.rs` runs them over the committed corpora on the
//! stable toolchain. `cargo xtask fuzz TARGET` runs one under libFuzzer. A target is added in four
//! places: its module here, its line in [`TARGETS`], its file in `fuzz_targets/` with a `[[bin]]`
//! in `Cargo.toml`, and its first inputs in `corpus/`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    clippy::wildcard_enum_match_arm,
    reason = "a fuzz target reports by panicking, and looks at what it wants to"
)]

pub mod certificate;
pub mod datachannel_table;
pub mod dtls_client;
pub mod dtls_connection;
pub mod dtls_handshake;
pub mod dtls_record;
pub mod dtls_server;
pub mod ice_agent;
pub mod ice_candidate;
pub mod mdns_packet;
pub mod peerconnection_input;
pub mod rtcp_compound;
pub mod rtp_packet;
pub mod sctp_association;
pub mod sctp_packet;
pub mod sdp_session;
pub mod sframe;
pub mod srtp_unprotect;
pub mod stun_message;
pub mod turn_client;
pub mod turn_server;
pub mod turn_wire;

/// A fuzz target: its name, which is that of its file and of its corpus, and its body.
pub type Target = (&'static str, fn(&[u8]));

/// All targets.
pub const TARGETS: &[Target] = &[
    ("certificate", certificate::run),
    ("datachannel_table", datachannel_table::run),
    ("dtls_client", dtls_client::run),
    ("dtls_connection", dtls_connection::run),
    ("dtls_handshake", dtls_handshake::run),
    ("dtls_record", dtls_record::run),
    ("dtls_server", dtls_server::run),
    ("ice_agent", ice_agent::run),
    ("ice_candidate", ice_candidate::run),
    ("mdns_packet", mdns_packet::run),
    ("peerconnection_input", peerconnection_input::run),
    ("rtcp_compound", rtcp_compound::run),
    ("rtp_packet", rtp_packet::run),
    ("sctp_association", sctp_association::run),
    ("sctp_packet", sctp_packet::run),
    ("sdp_session", sdp_session::run),
    ("sframe", sframe::run),
    ("srtp_unprotect", srtp_unprotect::run),
    ("stun_message", stun_message::run),
    ("turn_client", turn_client::run),
    ("turn_server", turn_server::run),
    ("turn_wire", turn_wire::run),
];
