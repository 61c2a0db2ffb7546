//! RTCP: a reader and a writer of compound packets.
//!
//! This crate reads and writes bytes. It has no state and no clock, decides nothing about when to
//! report what, and allocates nothing: a [`CompoundView`] borrows, a [`CompoundWriter`] fills the
//! caller's buffer.
//!
//! | Specification | Where | Status |
//! |---|---|---|
//! | RFC 3550 section 6.4 (SR, RR) | [`SenderReport`], [`ReceiverReport`], [`ReportBlock`] | complete; profile-specific extensions are skipped |
//! | RFC 3550 section 6.5, RFC 8852, RFC 9143 (SDES, with mid and rid) | [`SourceDescription`], [`SdesItem`] | complete |
//! | RFC 3550 section 6.6 (BYE) | [`Goodbye`] | complete |
//! | RFC 3550 section 6.7 (APP) | [`Other`] | skipped |
//! | RFC 3550 appendix A.2, RFC 5506 (validity, reduced size) | [`CompoundView`], [`Rules`] | complete |
//! | RFC 4585 section 6.2.1, 6.3.1 (NACK, PLI) | [`Nack`], [`Pli`] | complete |
//! | RFC 5104 section 4.3.1 (FIR) | [`Fir`] | complete |
//! | RFC 5104 (TMMBR, TMMBN), RFC 8888, RFC 3611, transport-cc, REMB, RFC 9627 | [`Other`] | skipped by length; not yet read |
//!
//! ```
//! use antiphon_rtcp::{CompoundView, CompoundWriter, Packet, Rules, SdesItem, SdesKind};
//!
//! let mut buf = [0; 1200];
//! let mut writer = CompoundWriter::new(&mut buf);
//! writer.receiver_report(7, &[])?;
//! writer.source_description(7, &[SdesItem { kind: SdesKind::CNAME, value: b"antiphon" }])?;
//! writer.nack(7, 9, [100, 101, 117])?;
//! let len = writer.finish();
//!
//! let compound = CompoundView::parse(&buf[..len], Rules::default()).expect("a compound packet");
//! let lost: Vec<u16> = compound
//!     .packets()
//!     .filter_map(|packet| if let Packet::Nack(nack) = packet { Some(nack) } else { None })
//!     .flat_map(|nack| nack.sequence_numbers())
//!     .collect();
//! assert_eq!(lost, [100, 101, 117]);
//! # Ok::<(), antiphon_rtcp::WriteError>(())
//! ```

mod compound;
mod error;
mod ntp;
mod wire;
mod writer;

pub use compound::{CompoundView, Packet, Packets, Rules};
pub use error::{BufferTooSmall, ParseError, WriteError};
pub use ntp::NtpTime;
pub use wire::{
    Fir, FirEntry, Goodbye, MAX_BLOCKS, Malformed, Nack, NackPair, Other, Pli, ReceiverReport,
    ReportBlock, SdesChunk, SdesItem, SdesItems, SdesKind, SenderInfo, SenderReport,
    SourceDescription,
};
pub use writer::CompoundWriter;
