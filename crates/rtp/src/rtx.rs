//! Retransmission of packets in a stream of their own ([RFC 4588], SSRC-multiplexing).
//!
//! ```text
//! +------------------+-------------------------+------------------+
//! | RTP header (RTX) | original seq. number, 2 | original payload |
//! +------------------+-------------------------+------------------+
//! ```
//!
//! [RFC 4588]: https://www.rfc-editor.org/rfc/rfc4588

#![warn(clippy::arithmetic_side_effects)]

use std::ops::Range;

use thiserror::Error;

use crate::error::{ParseError, WriteError};
use crate::extension::{Element, Form};
use crate::packet::PacketView;
use crate::ssrc::Ssrc;
use crate::writer::{Header, PacketWriter};

/// Bytes of the original sequence number in front of the payload.
pub const OVERHEAD: usize = 2;

/// How a retransmission goes out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stream {
    /// The RTX payload type whose `apt` is the original's.
    pub payload_type: u8,
    /// The next one of the RTX stream, which counts by itself.
    pub sequence_number: u16,
    /// The SSRC of the RTX stream.
    pub ssrc: Ssrc,
}

/// What a retransmission is turned back into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Original {
    /// The payload type that the RTX one is associated with by `apt`.
    pub payload_type: u8,
    /// The SSRC of the stream that is repaired.
    pub ssrc: Ssrc,
}

/// Why a packet is no retransmission of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum UnwrapError {
    /// It is no RTP packet.
    #[error(transparent)]
    Parse(#[from] ParseError),
    /// Its payload has no original sequence number: a probe that is nothing but padding.
    #[error("no original packet in a payload of {len} bytes")]
    Empty {
        /// Bytes of payload.
        len: usize,
    },
}

/// Writes the retransmission of `original` into `buf` and returns its length.
///
/// With `extensions` the header extension is written anew (a new stream has to name its section
/// until the peer knows it); without, that of the original is taken over.
///
/// # Errors
///
/// Those of [`PacketWriter`].
pub fn wrap(
    original: &PacketView<'_>,
    stream: &Stream,
    extensions: Option<(Form, &[Element<'_>])>,
    buf: &mut [u8],
) -> Result<usize, WriteError> {
    //= rfc4588#4
    // The timestamp is the original's; the sequence number is that of the RTX stream.
    let header = Header {
        payload_type: stream.payload_type,
        marker: original.marker(),
        sequence_number: stream.sequence_number,
        timestamp: original.timestamp(),
        ssrc: stream.ssrc,
    };
    let mut writer = PacketWriter::new(buf, &header)?;
    let mut csrcs = [Ssrc::default(); 15];
    let mut count = 0_usize;
    for (slot, csrc) in csrcs.iter_mut().zip(original.csrcs()) {
        *slot = csrc;
        count = count.saturating_add(1);
    }
    writer.csrcs(csrcs.get(..count).unwrap_or(&[]))?;
    match (extensions, original.extension_form()) {
        (Some((form, elements)), _) => writer.extensions(form, elements)?,
        (None, Some(form)) => carry_extensions(&mut writer, form, original)?,
        (None, None) => {}
    }
    //= rfc4588#4
    // The original's padding does not belong to its payload.
    writer.payload(&original.sequence_number().to_be_bytes())?;
    writer.payload(original.payload())?;
    Ok(writer.finish())
}

fn carry_extensions(
    writer: &mut PacketWriter<'_>,
    form: Form,
    original: &PacketView<'_>,
) -> Result<(), WriteError> {
    const MOST: usize = 32;
    let mut elements = [Element { id: 0, value: &[] }; MOST];
    let mut count = 0_usize;
    for (slot, element) in elements.iter_mut().zip(original.extensions()) {
        *slot = element;
        count = count.saturating_add(1);
    }
    writer.extensions(form, elements.get(..count).unwrap_or(&[]))
}

/// Turns a retransmission in place into its original and returns where that lies in `packet`.
///
/// The original starts [`OVERHEAD`] bytes later: the header moves, the payload stays.
///
/// # Errors
///
/// [`UnwrapError`]; then `packet` is unchanged.
pub fn unwrap(packet: &mut [u8], original: &Original) -> Result<Range<usize>, UnwrapError> {
    let view = PacketView::parse(packet)?;
    let header = view.header_len();
    let &[high, low, ..] = view.payload() else {
        return Err(UnwrapError::Empty { len: view.payload().len() });
    };
    let ssrc = original.ssrc.0.to_be_bytes();
    let end = packet.len();
    packet.copy_within(..header, OVERHEAD);
    if let Some([_, second, s0, s1, _, _, _, _, ssrc0, ssrc1, ssrc2, ssrc3, ..]) =
        packet.get_mut(OVERHEAD..)
    {
        *second = *second & 0x80 | original.payload_type & 0x7f;
        (*s0, *s1) = (high, low);
        [*ssrc0, *ssrc1, *ssrc2, *ssrc3] = ssrc;
    }
    Ok(OVERHEAD..end)
}
