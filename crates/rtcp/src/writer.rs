#![warn(clippy::arithmetic_side_effects)]

use crate::error::{BufferTooSmall, WriteError};
use crate::wire::{
    FirEntry, HEADER_LEN, MAX_BLOCKS, NackPair, ReportBlock, SdesItem, SenderInfo, chunk_len, kind,
    pack,
};

/// Writes a compound packet into the caller's buffer, packet by packet.
///
/// A packet that does not fit is not written at all, and those before it stand. The order is the
/// caller's: unless reduced size was negotiated, start with a report and add a description with a
/// CNAME (RFC 3550 section 6.1).
#[derive(Debug)]
pub struct CompoundWriter<'b> {
    buf: &'b mut [u8],
    len: usize,
}

/// The five-bit count.
const MAX_COUNT: usize = 31;

impl<'b> CompoundWriter<'b> {
    /// Starts with nothing.
    #[must_use]
    pub fn new(buf: &'b mut [u8]) -> Self {
        Self { buf, len: 0 }
    }

    /// Adds a sender report.
    ///
    /// # Errors
    ///
    /// [`WriteError::TooMany`] over 31 blocks, [`WriteError::BufferTooSmall`].
    pub fn sender_report(
        &mut self,
        info: &SenderInfo,
        blocks: &[ReportBlock],
    ) -> Result<(), WriteError> {
        let count = count_of(blocks.len())?;
        let [n0, n1, n2, n3, n4, n5, n6, n7] = info.ntp.0.to_be_bytes();
        let words = [
            info.ssrc.to_be_bytes(),
            [n0, n1, n2, n3],
            [n4, n5, n6, n7],
            info.rtp_timestamp.to_be_bytes(),
            info.packets.to_be_bytes(),
            info.octets.to_be_bytes(),
        ];
        let blocks = blocks.iter().flat_map(ReportBlock::write);
        self.words(kind::SR, count, words.into_iter().chain(blocks))
    }

    /// Adds a receiver report.
    ///
    /// # Errors
    ///
    /// [`WriteError::TooMany`] over 31 blocks, [`WriteError::BufferTooSmall`].
    pub fn receiver_report(&mut self, ssrc: u32, blocks: &[ReportBlock]) -> Result<(), WriteError> {
        let count = count_of(blocks.len())?;
        let blocks = blocks.iter().flat_map(ReportBlock::write);
        self.words(kind::RR, count, std::iter::once(ssrc.to_be_bytes()).chain(blocks))
    }

    /// Adds a description of one source.
    ///
    /// # Errors
    ///
    /// [`WriteError::TextTooLong`] over 255 bytes, [`WriteError::ItemKind`],
    /// [`WriteError::BufferTooSmall`].
    pub fn source_description(
        &mut self,
        ssrc: u32,
        items: &[SdesItem<'_>],
    ) -> Result<(), WriteError> {
        self.source_descriptions(&[(ssrc, items)])
    }

    /// Adds descriptions of several sources, in one packet.
    ///
    /// # Errors
    ///
    /// [`WriteError::TooMany`] over 31 sources, [`WriteError::TextTooLong`] over 255 bytes,
    /// [`WriteError::ItemKind`], [`WriteError::BufferTooSmall`].
    pub fn source_descriptions(
        &mut self,
        chunks: &[(u32, &[SdesItem<'_>])],
    ) -> Result<(), WriteError> {
        let count = count_of(chunks.len())?;
        for item in chunks.iter().flat_map(|(_, items)| items.iter()) {
            if item.value.len() > 255 {
                return Err(WriteError::TextTooLong(item.value.len()));
            }
            if item.kind.0 == 0 {
                return Err(WriteError::ItemKind);
            }
        }
        let body =
            chunks.iter().fold(0, |sum: usize, (_, items)| sum.saturating_add(chunk_len(items)));
        let mut room = self.packet(kind::SDES, count, body)?;
        for (ssrc, items) in chunks {
            let Some((chunk, rest)) = room.split_at_mut_checked(chunk_len(items)) else {
                break;
            };
            put_chunk(chunk, *ssrc, items);
            room = rest;
        }
        self.commit(body);
        Ok(())
    }

    /// Adds a farewell of some sources, with a reason unless that is empty.
    ///
    /// # Errors
    ///
    /// [`WriteError::TooMany`] over 31 sources, [`WriteError::TextTooLong`] over 255 bytes,
    /// [`WriteError::BufferTooSmall`].
    pub fn goodbye(&mut self, sources: &[u32], reason: &[u8]) -> Result<(), WriteError> {
        let count = count_of(sources.len())?;
        let len = u8::try_from(reason.len()).map_err(|_| WriteError::TextTooLong(reason.len()))?;
        let text = if len == 0 { 0 } else { reason.len().saturating_add(1).next_multiple_of(4) };
        let body = sources.len().saturating_mul(4).saturating_add(text);
        let room = self.packet(kind::BYE, count, body)?;
        let (words, rest) = room.as_chunks_mut::<4>();
        debug_assert!(rest.is_empty(), "the body is whole words");
        for (word, source) in words.iter_mut().zip(sources) {
            *word = source.to_be_bytes();
        }
        if let Some([count, text @ ..]) =
            words.get_mut(sources.len()..).map(<[_]>::as_flattened_mut)
        {
            *count = len;
            put(text, reason);
        }
        self.commit(body);
        Ok(())
    }

    /// Adds a request for lost packets; put the numbers in their order, so that they share pairs.
    ///
    /// # Errors
    ///
    /// [`WriteError::Empty`] without numbers, [`WriteError::BufferTooSmall`].
    pub fn nack(
        &mut self,
        sender: u32,
        media: u32,
        sequence_numbers: impl IntoIterator<Item = u16>,
    ) -> Result<(), WriteError> {
        let mut pairs = pack(sequence_numbers.into_iter()).peekable();
        if pairs.peek().is_none() {
            return Err(WriteError::Empty);
        }
        let pairs = pairs.map(|NackPair { first, following }| {
            let ([a, b], [c, d]) = (first.to_be_bytes(), following.to_be_bytes());
            [a, b, c, d]
        });
        let words = [sender.to_be_bytes(), media.to_be_bytes()];
        self.words(kind::RTPFB, kind::NACK, words.into_iter().chain(pairs))
    }

    /// Adds a request for a key frame.
    ///
    /// # Errors
    ///
    /// [`WriteError::BufferTooSmall`].
    pub fn pli(&mut self, sender: u32, media: u32) -> Result<(), WriteError> {
        let words = [sender.to_be_bytes(), media.to_be_bytes()];
        self.words(kind::PSFB, kind::PLI, words.into_iter())
    }

    /// Adds commands to send key frames.
    ///
    /// # Errors
    ///
    /// [`WriteError::Empty`] without entries, [`WriteError::BufferTooSmall`].
    pub fn fir(&mut self, sender: u32, entries: &[FirEntry]) -> Result<(), WriteError> {
        if entries.is_empty() {
            return Err(WriteError::Empty);
        }
        //= rfc5104#4.3.1.2
        // The SSRC of the media source in the header is 0.
        let words = [sender.to_be_bytes(), [0; 4]];
        let entries = entries.iter().flat_map(|e| [e.ssrc.to_be_bytes(), [e.number, 0, 0, 0]]);
        self.words(kind::PSFB, kind::FIR, words.into_iter().chain(entries))
    }

    /// Bytes that are left in the buffer.
    #[must_use]
    pub fn remaining(&self) -> usize {
        self.buf.len().saturating_sub(self.len)
    }

    /// Whether nothing was written yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The length of the compound packet.
    #[must_use]
    pub fn finish(self) -> usize {
        self.len
    }

    /// Adds a packet of words. Room is looked for word by word; the header, written last, makes
    /// it count.
    fn words(
        &mut self,
        packet_type: u8,
        count: u8,
        words: impl Iterator<Item = [u8; 4]>,
    ) -> Result<(), WriteError> {
        let start = self.len.saturating_add(HEADER_LEN);
        let mut at = start;
        let mut overflow = false;
        for word in words {
            let end = at.saturating_add(4);
            match self.buf.get_mut(at..end) {
                Some(slot) => slot.copy_from_slice(&word),
                None => overflow = true,
            }
            at = end;
        }
        if overflow {
            return Err(BufferTooSmall { need: at }.into());
        }
        let body = at.saturating_sub(start);
        self.packet(packet_type, count, body)?;
        self.commit(body);
        Ok(())
    }

    /// Writes a header in front of a body of that many bytes, which is returned.
    fn packet(&mut self, packet_type: u8, count: u8, body: usize) -> Result<&mut [u8], WriteError> {
        let limit = usize::from(u16::MAX).saturating_mul(4);
        let words = u16::try_from(body.div_ceil(4))
            .map_err(|_| WriteError::TooMany { count: body, limit })?;
        let need = self.len.saturating_add(HEADER_LEN).saturating_add(body);
        let room = self.buf.get_mut(self.len..need).ok_or(BufferTooSmall { need })?;
        let Some(([first, second, high, low], body)) = room.split_first_chunk_mut() else {
            return Err(BufferTooSmall { need }.into());
        };
        (*first, *second) = (2 << 6 | count, packet_type);
        [*high, *low] = words.to_be_bytes();
        Ok(body)
    }

    fn commit(&mut self, body: usize) {
        self.len = self.len.saturating_add(HEADER_LEN).saturating_add(body);
    }
}

fn count_of(count: usize) -> Result<u8, WriteError> {
    debug_assert_eq!(MAX_BLOCKS, MAX_COUNT, "both are the five-bit count");
    let too_many = WriteError::TooMany { count, limit: MAX_COUNT };
    u8::try_from(count).ok().filter(|count| usize::from(*count) <= MAX_COUNT).ok_or(too_many)
}

/// Copies `bytes` to the front and fills the rest with zeros.
fn put(room: &mut [u8], bytes: &[u8]) {
    if let Some((front, rest)) = room.split_at_mut_checked(bytes.len()) {
        front.copy_from_slice(bytes);
        rest.fill(0);
    }
}

fn put_chunk(chunk: &mut [u8], ssrc: u32, items: &[SdesItem<'_>]) {
    let Some((head, mut room)) = chunk.split_first_chunk_mut() else {
        return;
    };
    *head = ssrc.to_be_bytes();
    for SdesItem { kind, value } in items {
        let Some(([item, len], rest)) = room.split_first_chunk_mut() else {
            return;
        };
        *item = kind.0;
        *len = u8::try_from(value.len()).unwrap_or(0);
        let Some((text, rest)) = rest.split_at_mut_checked(value.len()) else {
            return;
        };
        text.copy_from_slice(value);
        room = rest;
    }
    room.fill(0);
}
