#![warn(clippy::arithmetic_side_effects)]

use crate::error::{BufferTooSmall, WriteError};
use crate::extension::{Element, Form};
use crate::packet::{EXTENSION_HEADER_LEN, FIXED_LEN, VERSION};
use crate::ssrc::Ssrc;

/// The fields that every packet has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// 0 to 127.
    pub payload_type: u8,
    /// Its meaning depends on the payload format.
    pub marker: bool,
    /// Goes up by one with each packet, modulo 2^16.
    pub sequence_number: u16,
    /// In units of the media clock, modulo 2^32.
    pub timestamp: u32,
    /// The source.
    pub ssrc: Ssrc,
}

/// Writes one packet into the caller's buffer: [`new`](Self::new), then CSRCs, extensions, payload
/// and padding in this order, each of them or not, then [`finish`](Self::finish).
///
/// A part that does not fit is not written at all, and the packet without it stays good.
#[derive(Debug)]
pub struct PacketWriter<'b> {
    buf: &'b mut [u8],
    len: usize,
    stage: Stage,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    Fixed,
    Csrcs,
    Extensions,
    Payload,
    Padding,
}

/// A header extension counts its length in 16 bits of words.
const MAX_EXTENSION_LEN: usize = 0xffff * 4;

impl<'b> PacketWriter<'b> {
    /// Starts a packet.
    ///
    /// # Errors
    ///
    /// [`WriteError::PayloadType`], and [`WriteError::BufferTooSmall`] under 12 bytes.
    pub fn new(buf: &'b mut [u8], header: &Header) -> Result<Self, WriteError> {
        if header.payload_type > 127 {
            return Err(WriteError::PayloadType(header.payload_type));
        }
        let Some((fixed, _)) = buf.split_first_chunk_mut::<FIXED_LEN>() else {
            return Err(BufferTooSmall { need: FIXED_LEN }.into());
        };
        let [first, second, s0, s1, t0, t1, t2, t3, ssrc @ ..] = fixed;
        *first = VERSION << 6;
        *second = u8::from(header.marker) << 7 | header.payload_type;
        [*s0, *s1] = header.sequence_number.to_be_bytes();
        [*t0, *t1, *t2, *t3] = header.timestamp.to_be_bytes();
        *ssrc = header.ssrc.0.to_be_bytes();
        Ok(Self { buf, len: FIXED_LEN, stage: Stage::Fixed })
    }

    /// Adds the sources that were mixed together.
    ///
    /// # Errors
    ///
    /// [`WriteError::TooManyCsrcs`] over 15, [`WriteError::Order`], [`WriteError::BufferTooSmall`].
    pub fn csrcs(&mut self, csrcs: &[Ssrc]) -> Result<(), WriteError> {
        self.may_write(Stage::Csrcs, false)?;
        let count = u8::try_from(csrcs.len()).ok().filter(|count| *count <= 15);
        let count = count.ok_or(WriteError::TooManyCsrcs(csrcs.len()))?;
        let room = self.room(csrcs.len().saturating_mul(4))?;
        for (chunk, csrc) in room.as_chunks_mut::<4>().0.iter_mut().zip(csrcs) {
            *chunk = csrc.0.to_be_bytes();
        }
        self.commit(csrcs.len().saturating_mul(4), Stage::Csrcs);
        self.set_first(count);
        Ok(())
    }

    /// Adds the header extension; none at all when `elements` is empty.
    ///
    /// # Errors
    ///
    /// [`WriteError::Element`] for an element that the form cannot carry (see [`Form::needed`]),
    /// [`WriteError::ExtensionsTooLong`], [`WriteError::Order`], [`WriteError::BufferTooSmall`].
    pub fn extensions(&mut self, form: Form, elements: &[Element<'_>]) -> Result<(), WriteError> {
        self.may_write(Stage::Extensions, false)?;
        if elements.is_empty() {
            return Ok(());
        }
        let mut len = 0_usize;
        for element in elements {
            if !form.carries(element) {
                return Err(WriteError::Element { id: element.id, len: element.value.len() });
            }
            len = len.saturating_add(form.head()).saturating_add(element.value.len());
        }
        let too_long = WriteError::ExtensionsTooLong { len, limit: MAX_EXTENSION_LEN };
        let words = u16::try_from(len.div_ceil(4)).map_err(|_| too_long)?;
        let padded = usize::from(words).saturating_mul(4);
        let room = self.room(EXTENSION_HEADER_LEN.saturating_add(padded))?;
        let Some(([p0, p1, l0, l1], mut rest)) = room.split_first_chunk_mut() else {
            return Err(BufferTooSmall { need: padded }.into());
        };
        [*p0, *p1] = form.profile().to_be_bytes();
        [*l0, *l1] = words.to_be_bytes();
        for element in elements {
            rest = put_element(form, element, rest).ok_or(too_long)?;
        }
        rest.fill(0);
        self.commit(EXTENSION_HEADER_LEN.saturating_add(padded), Stage::Extensions);
        self.set_first(0x10);
        Ok(())
    }

    /// Adds bytes of payload; more calls append.
    ///
    /// # Errors
    ///
    /// [`WriteError::Order`] after padding, [`WriteError::BufferTooSmall`].
    pub fn payload(&mut self, bytes: &[u8]) -> Result<(), WriteError> {
        self.may_write(Stage::Payload, true)?;
        self.room(bytes.len())?.copy_from_slice(bytes);
        self.commit(bytes.len(), Stage::Payload);
        Ok(())
    }

    /// Adds `count` bytes of padding.
    ///
    /// # Errors
    ///
    /// [`WriteError::EmptyPadding`], [`WriteError::Order`], [`WriteError::BufferTooSmall`].
    pub fn padding(&mut self, count: u8) -> Result<(), WriteError> {
        self.may_write(Stage::Padding, false)?;
        if count == 0 {
            return Err(WriteError::EmptyPadding);
        }
        let room = self.room(usize::from(count))?;
        room.fill(0);
        if let Some(last) = room.last_mut() {
            *last = count;
        }
        self.commit(usize::from(count), Stage::Padding);
        self.set_first(0x20);
        Ok(())
    }

    /// Bytes that are left in the buffer.
    #[must_use]
    pub fn remaining(&self) -> usize {
        self.buf.len().saturating_sub(self.len)
    }

    /// The length of the packet.
    #[must_use]
    pub fn finish(self) -> usize {
        self.len
    }

    fn may_write(&self, stage: Stage, again: bool) -> Result<(), WriteError> {
        if self.stage < stage || (again && self.stage == stage) {
            Ok(())
        } else {
            Err(WriteError::Order)
        }
    }

    fn room(&mut self, len: usize) -> Result<&mut [u8], BufferTooSmall> {
        let end = self.len.saturating_add(len);
        self.buf.get_mut(self.len..end).ok_or(BufferTooSmall { need: end })
    }

    fn commit(&mut self, len: usize, stage: Stage) {
        self.len = self.len.saturating_add(len);
        self.stage = stage;
    }

    fn set_first(&mut self, bits: u8) {
        if let Some(first) = self.buf.first_mut() {
            *first |= bits;
        }
    }
}

/// Writes one element and returns what is behind it; `None` if there is no room.
fn put_element<'r>(form: Form, element: &Element<'_>, room: &'r mut [u8]) -> Option<&'r mut [u8]> {
    let len = u8::try_from(element.value.len()).ok()?;
    let (head, rest) = room.split_at_mut_checked(form.head())?;
    match (form, head) {
        (Form::OneByte, [head]) => *head = element.id << 4 | len.checked_sub(1)?,
        (Form::TwoByte, [id, count]) => (*id, *count) = (element.id, len),
        (Form::OneByte | Form::TwoByte, _) => return None,
    }
    let (value, rest) = rest.split_at_mut_checked(element.value.len())?;
    value.copy_from_slice(element.value);
    Some(rest)
}
