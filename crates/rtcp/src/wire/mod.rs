//! The packets, one kind per file.

#![warn(clippy::arithmetic_side_effects)]

mod feedback;
mod goodbye;
mod header;
mod report;
mod sdes;

pub(crate) use feedback::pack;
pub use feedback::{Fir, FirEntry, Nack, NackPair, Pli};
pub use goodbye::Goodbye;
pub(crate) use header::{HEADER_LEN, Header, kind};
pub use header::{Malformed, Other};
pub use report::{MAX_BLOCKS, ReceiverReport, ReportBlock, SenderInfo, SenderReport};
pub(crate) use sdes::chunk_len;
pub use sdes::{SdesChunk, SdesItem, SdesItems, SdesKind, SourceDescription};
