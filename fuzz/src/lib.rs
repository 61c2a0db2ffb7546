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
pub mod dtls_connection;
pub mod ice_agent;
pub mod peerconnection_input;
pub mod rtcp_compound;
pub mod rtp_packet;
pub mod sctp_association;
pub mod sdp_session;
pub mod srtp_unprotect;
pub mod stun_message;

/// A fuzz target: its name, which is that of its file and of its corpus, and its body.
pub type Target = (&'static str, fn(&[u8]));

/// All targets.
pub const TARGETS: &[Target] = &[
    ("certificate", certificate::run),
    ("datachannel_table", datachannel_table::run),
    ("dtls_connection", dtls_connection::run),
    ("ice_agent", ice_agent::run),
    ("peerconnection_input", peerconnection_input::run),
    ("rtcp_compound", rtcp_compound::run),
    ("rtp_packet", rtp_packet::run),
    ("sctp_association", sctp_association::run),
    ("sdp_session", sdp_session::run),
    ("srtp_unprotect", srtp_unprotect::run),
    ("stun_message", stun_message::run),
];
