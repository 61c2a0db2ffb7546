//! Session descriptions, typed and lossless: the text that WebRTC peers exchange.
//!
//! This crate reads and writes the format. It knows every attribute that WebRTC uses, keeps those
//! it does not know as they are, and keeps the order of lines. It is no negotiation: which answer
//! fits an offer is the business of `antiphon-peerconnection`.
//!
//! | Specification | Where | Status |
//! |---|---|---|
//! | RFC 8866 lines, order, sections | [`SessionDescription`], [`Media`] | complete; text is UTF-8 whatever `a=charset` says |
//! | RFC 3605, 4585, 5506, 5761, 8858 RTCP | [`Rtcp`], [`RtcpFeedback`], [`Attribute`] | complete |
//! | RFC 4145, 8122, 8842, 8827 setup, connection, fingerprint, tls-id, identity | [`Setup`], [`Fingerprint`], [`Attribute`] | complete |
//! | RFC 5576 sources | [`Ssrc`], [`SsrcGroup`] | complete |
//! | RFC 5888, 9143 mid, group, bundle-only | [`Group`], [`Attribute`] | complete |
//! | RFC 8285, 9335 extmap, cryptex | [`ExtMap`] | complete |
//! | RFC 8830 msid | [`Msid`] | complete |
//! | RFC 8839, 8840 ICE | [`Attribute`] | complete; a candidate is checked and kept as text |
//! | RFC 8841 SCTP | [`Attribute`] | complete, and the older `sctpmap` |
//! | RFC 8851, 8853 rid, simulcast | [`Rid`], [`Simulcast`] | complete |
//! | RFC 6236 imageattr, RFC 4568 crypto | [`Attribute`] | kept as text |
//!
//! ```
//! use antiphon_sdp::{Attribute, SessionDescription};
//!
//! let text = "v=0\r\no=- 4611 2 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n\
//!             m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\na=rtpmap:111 opus/48000/2\r\n";
//! let mut description = SessionDescription::parse(text)?;
//! let audio = &mut description.media[0];
//! assert_eq!(audio.mid(), Some("0"));
//! assert_eq!(audio.rtp_maps().next().map(|map| map.clock_rate), Some(48_000));
//!
//! audio.attributes.push(Attribute::RtcpMux);
//! assert_eq!(description.to_string(), format!("{text}a=rtcp-mux\r\n"));
//! # Ok::<(), antiphon_sdp::ParseError>(())
//! ```

mod attribute;
mod error;
mod fields;
mod grammar;
mod lines;
mod media;
mod session;
mod words;
mod writer;

pub use attribute::{
    Attribute, ConnectionUse, Direction, ExtMap, Fingerprint, Fmtp, Group, Msid, Rid, RidDirection,
    Rtcp, RtcpFeedback, RtpMap, SctpMap, Setup, Simulcast, SimulcastStreams, Ssrc, SsrcGroup,
    fmtp_parameters,
};
pub use error::{ErrorKind, ParseError};
pub use fields::{Address, Bandwidth, Origin, Timing};
pub use lines::{MAX_ATTRIBUTES, MAX_LINE, MAX_SECTIONS, MAX_TEXT};
pub use media::{Media, MediaKind, ProtocolFamily};
pub use session::SessionDescription;
pub use words::Words;
