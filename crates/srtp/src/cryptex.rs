//! Encrypted CSRCs and header extensions: cryptex ([RFC 9335]).
//!
//! [RFC 9335]: https://www.rfc-editor.org/rfc/rfc9335

#![warn(clippy::arithmetic_side_effects)]

use crate::extension::{ONE_BYTE, TWO_BYTES};
use crate::header::{RTP_FIXED_LEN, RtpHeader};
use crate::profile::WORD_LEN;

/// [`ONE_BYTE`], encrypted.
const ONE_BYTE_CRYPTEX: u16 = 0xc0de;

/// [`TWO_BYTES`], encrypted.
const TWO_BYTES_CRYPTEX: u16 = 0xc2de;

/// The bit of the first byte that says that there is an extension.
const EXTENSION: u8 = 0x10;

/// Whether CSRCs and header extensions are encrypted, too ([RFC 9335]).
///
/// [RFC 9335]: https://www.rfc-editor.org/rfc/rfc9335
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Cryptex {
    /// A sender does not encrypt them. A receiver takes packets that look like cryptex for plain
    /// SRTP with an unknown kind of extension.
    #[default]
    Off,
    /// Negotiated: a sender encrypts them, a receiver takes packets with and without. Extensions
    /// that RFC 8285 does not know, and those with `appbits`, are sent in the clear.
    On,
    /// As [`On`](Self::On), but a receiver refuses packets with CSRCs or extensions in the clear,
    /// and a sender refuses an extension that cannot be encrypted.
    Required,
}

/// How a packet is laid out for encryption.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Layout {
    /// Bytes at the front that stay clear, once they are [arranged](Self::arrange).
    pub(crate) clear: usize,
    /// Where the extension's preamble begins that is moved before the CSRCs; 0 when nothing moves.
    preamble_at: usize,
}

impl Layout {
    /// The header stays clear.
    #[inline]
    pub(crate) fn plain(header: &RtpHeader) -> Self {
        Self { clear: header.len, preamble_at: 0 }
    }

    /// Only the fixed header and the preamble of the extension stay clear.
    fn cryptex(header: &RtpHeader) -> Self {
        let preamble_at = if header.has_csrcs() { header.extension_at } else { 0 };
        Self { clear: RTP_FIXED_LEN.saturating_add(WORD_LEN), preamble_at }
    }

    //= rfc9335#6.1
    //= rfc9335#6.2
    // What stays clear is the fixed header and the preamble; the CSRCs between them change places
    // with the preamble for as long as the cipher works.
    #[inline]
    pub(crate) fn arrange(&self, packet: &mut [u8]) {
        if let Some(range) = self.range(packet) {
            range.rotate_right(WORD_LEN);
        }
    }

    /// Undoes [`arrange`](Self::arrange).
    #[inline]
    pub(crate) fn restore(&self, packet: &mut [u8]) {
        if let Some(range) = self.range(packet) {
            range.rotate_left(WORD_LEN);
        }
    }

    #[inline]
    fn range<'a>(&self, packet: &'a mut [u8]) -> Option<&'a mut [u8]> {
        if self.preamble_at == 0 {
            return None;
        }
        let end = self.preamble_at.saturating_add(WORD_LEN);
        packet.get_mut(RTP_FIXED_LEN..end).filter(|range| range.len() >= WORD_LEN)
    }
}

/// What a sender does with a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Plan {
    /// Protects it as SRTP does.
    Plain,
    /// Encrypts CSRCs and extension, whose form becomes this one.
    Encrypt(u16),
    /// Adds an empty extension first.
    Extend,
    /// Refuses it: the extension cannot be encrypted.
    Refuse,
}

impl Cryptex {
    /// What to do with a packet to be sent.
    #[inline]
    pub(crate) fn plan(self, header: &RtpHeader) -> Plan {
        match (self, header.extension) {
            (Self::Off, _) => Plan::Plain,
            (_, None) if !header.has_csrcs() => Plan::Plain,
            (_, None) => Plan::Extend,
            //= rfc9335#5.1
            // The form says that the extension is encrypted, and of which kind it was.
            (_, Some(ONE_BYTE)) => Plan::Encrypt(ONE_BYTE_CRYPTEX),
            (_, Some(TWO_BYTES)) => Plan::Encrypt(TWO_BYTES_CRYPTEX),
            // A receiver would take it for encrypted.
            (_, Some(ONE_BYTE_CRYPTEX | TWO_BYTES_CRYPTEX)) => Plan::Refuse,
            //= rfc9335#5.1
            // Extensions that are not those of RFC 8285 are left alone.
            (Self::On, Some(_)) => Plan::Plain,
            (Self::Required, Some(_)) => Plan::Refuse,
        }
    }

    /// Whether a received packet uses cryptex; `None` when it ought to and does not.
    #[inline]
    pub(crate) fn judge(self, header: &RtpHeader) -> Option<bool> {
        let uses = matches!(header.extension, Some(ONE_BYTE_CRYPTEX | TWO_BYTES_CRYPTEX));
        match self {
            Self::Off => Some(false),
            //= rfc9335#5.2
            // Anything but the two forms is for those to handle who defined it.
            Self::On => Some(uses),
            //= rfc9335#5.2
            // Where cryptex is mandatory, an extension of another form stops the packet.
            Self::Required if !uses && (header.has_csrcs() || header.extension.is_some()) => None,
            Self::Required => Some(uses),
        }
    }
}

/// Marks the extension of a packet to be sent; the header has been parsed from it.
pub(crate) fn mark(packet: &mut [u8], header: &RtpHeader, form: u16) -> Layout {
    write_form(packet, header, form);
    Layout::cryptex(header)
}

/// Makes room for an empty extension behind the CSRCs of `packet[..len]`, and marks it. `packet`
/// is longer than `len` by [`WORD_LEN`] at least.
pub(crate) fn extend(packet: &mut [u8], len: usize, header: &RtpHeader) -> Layout {
    //= rfc9335#5.1
    // A packet with CSRCs alone gets an empty extension, or the receiver would not notice.
    let behind = header.extension_at.saturating_add(WORD_LEN);
    packet.copy_within(header.extension_at..len, behind);
    if let Some(preamble) = packet.get_mut(header.extension_at..behind) {
        preamble.copy_from_slice(&[0; WORD_LEN]);
    }
    if let Some(first) = packet.first_mut() {
        *first |= EXTENSION;
    }
    mark(packet, header, ONE_BYTE_CRYPTEX)
}

/// The layout of a received packet that uses cryptex.
pub(crate) fn received(header: &RtpHeader) -> Layout {
    Layout::cryptex(header)
}

/// Gives the extension of a decrypted packet the form that it had.
pub(crate) fn unmark(packet: &mut [u8], header: &RtpHeader) {
    let form = if header.extension == Some(TWO_BYTES_CRYPTEX) { TWO_BYTES } else { ONE_BYTE };
    write_form(packet, header, form);
}

fn write_form(packet: &mut [u8], header: &RtpHeader, form: u16) {
    let end = header.extension_at.saturating_add(2);
    if let Some(to) = packet.get_mut(header.extension_at..end) {
        to.copy_from_slice(&form.to_be_bytes());
    }
}
