#![warn(clippy::arithmetic_side_effects)]

use crate::error::ParseError;
use crate::wire::{
    Fir, Goodbye, HEADER_LEN, Header, Malformed, Nack, Other, Pli, ReceiverReport, SenderReport,
    SourceDescription, kind,
};

/// What was negotiated about compound packets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    /// `a=rtcp-rsize`: packets need not start with a report (RFC 5506). Default: they must.
    pub reduced_size: bool,
}

/// A datagram of one or more RTCP packets, checked once. [RFC 3550 section 6.1].
///
/// The first packet has been checked as appendix A.2 says; where the chain of lengths breaks later,
/// that packet and the rest are left out and [`is_cut_off`](Self::is_cut_off) says so.
///
/// [RFC 3550 section 6.1]: https://www.rfc-editor.org/rfc/rfc3550#section-6.1
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CompoundView<'a> {
    bytes: &'a [u8],
    cut_off: bool,
}

/// One packet of a compound packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Packet<'a> {
    /// What a sender sent, and how it receives others.
    SenderReport(SenderReport<'a>),
    /// How a receiver receives.
    ReceiverReport(ReceiverReport<'a>),
    /// Who the sources are.
    SourceDescription(SourceDescription<'a>),
    /// Sources that leave.
    Goodbye(Goodbye<'a>),
    /// Packets that were lost and are wanted again.
    Nack(Nack<'a>),
    /// The picture is lost: a key frame, please.
    Pli(Pli),
    /// A key frame on command.
    Fir(Fir<'a>),
    /// A type or format that this crate does not read.
    Other(Other<'a>),
    /// A packet that is too short for what it says it holds.
    Malformed(Malformed),
}

impl<'a> CompoundView<'a> {
    /// Checks a decrypted datagram.
    ///
    /// # Errors
    ///
    /// [`ParseError`] if the first packet is none, or may not be the first.
    pub fn parse(bytes: &'a [u8], rules: Rules) -> Result<Self, ParseError> {
        let header = Header::first(bytes)?;
        //= rfc3550#A.2
        // The first packet is a report, unless reduced size was negotiated (RFC 5506).
        if !rules.reduced_size && !matches!(header.packet_type, kind::SR | kind::RR) {
            return Err(ParseError::FirstPacket(header.packet_type));
        }
        if header.padded && bytes.len() > header.len() {
            return Err(ParseError::FirstPadded);
        }
        let mut end = header.len();
        while let Some(next) = bytes.get(end..).and_then(Header::next) {
            let after = end.saturating_add(next.len());
            // Padding belongs to the last packet: what follows it cannot be trusted.
            if next.padded && after < bytes.len() {
                break;
            }
            end = after;
        }
        let (bytes, rest) = bytes.split_at_checked(end).unwrap_or((bytes, &[]));
        Ok(Self { bytes, cut_off: !rest.is_empty() })
    }

    /// The packets in their order.
    #[must_use]
    pub fn packets(&self) -> Packets<'a> {
        Packets { rest: self.bytes }
    }

    /// Whether something at the end made no sense and was left out.
    #[must_use]
    pub fn is_cut_off(&self) -> bool {
        self.cut_off
    }

    /// The bytes of the packets that make sense.
    #[must_use]
    pub fn as_bytes(&self) -> &'a [u8] {
        self.bytes
    }
}

impl<'a> IntoIterator for CompoundView<'a> {
    type Item = Packet<'a>;
    type IntoIter = Packets<'a>;

    fn into_iter(self) -> Packets<'a> {
        self.packets()
    }
}

/// The packets of a compound packet.
#[derive(Clone, Debug)]
pub struct Packets<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Packets<'a> {
    type Item = Packet<'a>;

    fn next(&mut self) -> Option<Packet<'a>> {
        let header = Header::next(self.rest)?;
        let (packet, rest) = self.rest.split_at_checked(header.len())?;
        self.rest = rest;
        let malformed =
            Packet::Malformed(Malformed { packet_type: header.packet_type, len: packet.len() });
        let body = packet.get(HEADER_LEN..).and_then(|body| header.without_padding(body));
        Some(body.and_then(|body| read(&header, body)).unwrap_or(malformed))
    }
}

fn read<'a>(header: &Header, body: &'a [u8]) -> Option<Packet<'a>> {
    let count = header.count;
    Some(match (header.packet_type, count) {
        (kind::SR, _) => Packet::SenderReport(SenderReport::read(count, body)?),
        (kind::RR, _) => Packet::ReceiverReport(ReceiverReport::read(count, body)?),
        (kind::SDES, _) => Packet::SourceDescription(SourceDescription::read(count, body)?),
        (kind::BYE, _) => Packet::Goodbye(Goodbye::read(count, body)?),
        (kind::RTPFB, kind::NACK) => Packet::Nack(Nack::read(body)?),
        (kind::PSFB, kind::PLI) => Packet::Pli(Pli::read(body)?),
        (kind::PSFB, kind::FIR) => Packet::Fir(Fir::read(body)?),
        //= rfc3550#6.1
        // Types that are not known here are passed over.
        (packet_type, format) => Packet::Other(Other { packet_type, format, body }),
    })
}
