//! RTP packets: a checked view, a writer, header extensions, and what a receiver counts.
//!
//! This crate reads and writes packets and keeps the few numbers that RTP itself asks for. It has
//! no socket, no clock and no encryption; it allocates nothing. A [`PacketView`] is checked once
//! and its accessors cannot fail; a [`PacketWriter`] fills the caller's buffer.
//!
//! | Specification | Where | Status |
//! |---|---|---|
//! | RFC 3550 section 5.1, 5.3.1 (header, extension) | [`PacketView`], [`PacketWriter`] | complete |
//! | RFC 3550 appendix A.1, A.3, A.8 (sequence, loss, jitter) | [`SequenceUnwrapper`], [`Reception`] | complete |
//! | RFC 8285 (header extensions, both forms) | [`Elements`], [`Form`], [`ExtensionMap`] | complete; appbits are ignored |
//! | RFC 9143 section 16, RFC 8852 (mid, rid) | [`ExtensionKind`], [`ExtensionValue`] | complete |
//! | RFC 6464, RFC 6465 (audio levels) | [`AudioLevel`] | complete |
//! | RFC 5450 section 2 (transmission offset) | [`ExtensionValue::TransmissionOffset`] | complete |
//! | 3GPP TS 26.114 (video orientation) | [`VideoOrientation`] | complete |
//! | abs-send-time, transport-wide-cc-01, playout-delay | [`ExtensionValue`] | complete |
//! | RFC 4588 (retransmission) | [`rtx`] | SSRC-multiplexing only |
//! | RFC 5761 section 4 (RTP or RTCP) | [`is_rtcp`] | complete |
//! | RFC 6184, 7741, 9628, AV1, 7587, 4733, 2198, 8627 (payload formats) | | not yet |
//!
//! ```
//! use antiphon_rtp::{Element, Form, Header, PacketView, PacketWriter, Ssrc};
//!
//! let mut buf = [0; 1200];
//! let header = Header {
//!     payload_type: 111,
//!     marker: true,
//!     sequence_number: 7,
//!     timestamp: 960,
//!     ssrc: Ssrc(0xfeed_beef),
//! };
//! let mut writer = PacketWriter::new(&mut buf, &header)?;
//! writer.extensions(Form::OneByte, &[Element { id: 4, value: b"audio" }])?;
//! writer.payload(b"opus")?;
//! let len = writer.finish();
//!
//! let packet = PacketView::parse(&buf[..len]).expect("what was written reads back");
//! assert_eq!(packet.ssrc(), Ssrc(0xfeed_beef));
//! assert_eq!(packet.extension(4), Some(&b"audio"[..]));
//! assert_eq!(packet.payload(), b"opus");
//! # Ok::<(), antiphon_rtp::WriteError>(())
//! ```

mod demux;
mod error;
mod extension;
mod packet;
mod reception;
pub mod rtx;
mod sequence;
mod ssrc;
mod writer;

pub use demux::{header_len, is_rtcp};
pub use error::{BufferTooSmall, MapError, ParseError, WriteError};
pub use extension::{
    AudioLevel, Element, Elements, ExtensionKind, ExtensionMap, ExtensionValue, Form, Rotation,
    VideoOrientation,
};
pub use packet::{PacketView, VERSION};
pub use reception::{Arrival, Reception, ReceptionReport};
pub use sequence::SequenceUnwrapper;
pub use ssrc::Ssrc;
pub use writer::{Header, PacketWriter};
