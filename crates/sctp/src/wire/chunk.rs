use super::bytes_at::{u16_at, u32_at};
use super::data::DataView;
use super::forward_tsn::ForwardTsnView;
use super::init::InitView;
use super::sack::SackView;

/// Chunk types ([RFC 9260 section 3.2], [RFC 3758 section 3.3.1], [RFC 4820 section 3],
/// [RFC 6525 section 3.1], [RFC 8260 section 2]).
///
/// [RFC 4820 section 3]: https://www.rfc-editor.org/rfc/rfc4820#section-3
/// [RFC 8260 section 2]: https://www.rfc-editor.org/rfc/rfc8260#section-2
///
/// [RFC 9260 section 3.2]: https://www.rfc-editor.org/rfc/rfc9260#section-3.2
/// [RFC 3758 section 3.3.1]: https://www.rfc-editor.org/rfc/rfc3758#section-3.3.1
/// [RFC 6525 section 3.1]: https://www.rfc-editor.org/rfc/rfc6525#section-3.1
pub(crate) mod kind {
    pub(crate) const DATA: u8 = 0;
    pub(crate) const INIT: u8 = 1;
    pub(crate) const INIT_ACK: u8 = 2;
    pub(crate) const SACK: u8 = 3;
    pub(crate) const HEARTBEAT: u8 = 4;
    pub(crate) const HEARTBEAT_ACK: u8 = 5;
    pub(crate) const ABORT: u8 = 6;
    pub(crate) const SHUTDOWN: u8 = 7;
    pub(crate) const SHUTDOWN_ACK: u8 = 8;
    pub(crate) const ERROR: u8 = 9;
    pub(crate) const COOKIE_ECHO: u8 = 10;
    pub(crate) const COOKIE_ACK: u8 = 11;
    pub(crate) const SHUTDOWN_COMPLETE: u8 = 14;
    pub(crate) const I_DATA: u8 = 64;
    pub(crate) const RECONFIG: u8 = 130;
    pub(crate) const PAD: u8 = 132;
    pub(crate) const FORWARD_TSN: u8 = 192;
    pub(crate) const I_FORWARD_TSN: u8 = 194;
}

/// One chunk, told apart by type; values are checked as far as their fixed parts go.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Chunk<'a> {
    Data(DataView<'a>),
    Init(InitView<'a>),
    InitAck(InitView<'a>),
    Sack(SackView<'a>),
    /// The value: parameters to send back untouched.
    Heartbeat(&'a [u8]),
    HeartbeatAck(&'a [u8]),
    Abort {
        /// The T bit: the tag is the sender's own.
        reflected: bool,
        causes: &'a [u8],
    },
    Shutdown {
        cumulative: u32,
    },
    ShutdownAck,
    /// The value: error causes.
    Error(&'a [u8]),
    CookieEcho(&'a [u8]),
    CookieAck,
    ShutdownComplete {
        reflected: bool,
    },
    /// The value: parameters.
    Reconfig(&'a [u8]),
    /// Filling, to be ignored (RFC 4820).
    Pad,
    ForwardTsn(ForwardTsnView<'a>),
    Unknown(Unknown<'a>),
    /// A known type too short for its fixed part.
    Malformed(u8),
}

/// A chunk of a type we do not know, and what its type asks us to do.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Unknown<'a> {
    pub(crate) kind: u8,
    /// The whole chunk, without padding.
    pub(crate) raw: &'a [u8],
}

impl Unknown<'_> {
    //= rfc9260#3.2
    // The highest bit of the type says whether the rest of the packet is worth reading.
    pub(crate) fn stops_packet(&self) -> bool {
        self.kind & 0x80 == 0
    }

    //= rfc9260#3.2
    // The second highest bit asks for a report.
    pub(crate) fn wants_report(&self) -> bool {
        self.kind & 0x40 != 0
    }
}

impl<'a> Chunk<'a> {
    /// Reads one chunk; `raw` is what [`Chunks`] returned.
    pub(super) fn parse(raw: &'a [u8]) -> Self {
        let kind = raw.first().copied().unwrap_or(0);
        let flags = raw.get(1).copied().unwrap_or(0);
        let value = raw.get(4..).unwrap_or(&[]);
        let chunk = match kind {
            kind::DATA => DataView::parse(flags, value).map(Self::Data),
            kind::I_DATA => DataView::parse_interleaved(flags, value).map(Self::Data),
            kind::INIT => InitView::parse(value).map(Self::Init),
            kind::INIT_ACK => InitView::parse(value).map(Self::InitAck),
            kind::SACK => SackView::parse(value).map(Self::Sack),
            kind::HEARTBEAT => Some(Self::Heartbeat(value)),
            kind::HEARTBEAT_ACK => Some(Self::HeartbeatAck(value)),
            kind::ABORT => Some(Self::Abort { reflected: flags & 1 == 1, causes: value }),
            kind::SHUTDOWN if value.len() == 4 => {
                Some(Self::Shutdown { cumulative: u32_at(value, 0) })
            }
            kind::SHUTDOWN => None,
            kind::SHUTDOWN_ACK => Some(Self::ShutdownAck),
            kind::ERROR => Some(Self::Error(value)),
            kind::COOKIE_ECHO => Some(Self::CookieEcho(value)),
            kind::COOKIE_ACK => Some(Self::CookieAck),
            kind::SHUTDOWN_COMPLETE => Some(Self::ShutdownComplete { reflected: flags & 1 == 1 }),
            kind::RECONFIG => Some(Self::Reconfig(value)),
            //= rfc4820#4
            // Filling is ignored, whatever it is.
            kind::PAD => Some(Self::Pad),
            kind::FORWARD_TSN => ForwardTsnView::parse(value).map(Self::ForwardTsn),
            kind::I_FORWARD_TSN => ForwardTsnView::parse_interleaved(value).map(Self::ForwardTsn),
            kind => Some(Self::Unknown(Unknown { kind, raw })),
        };
        chunk.unwrap_or(Self::Malformed(kind))
    }

    /// The chunk type.
    pub(crate) fn kind(&self) -> u8 {
        match self {
            Self::Data(data) if data.is_interleaved() => kind::I_DATA,
            Self::Data(_) => kind::DATA,
            Self::Init(_) => kind::INIT,
            Self::InitAck(_) => kind::INIT_ACK,
            Self::Sack(_) => kind::SACK,
            Self::Heartbeat(_) => kind::HEARTBEAT,
            Self::HeartbeatAck(_) => kind::HEARTBEAT_ACK,
            Self::Abort { .. } => kind::ABORT,
            Self::Shutdown { .. } => kind::SHUTDOWN,
            Self::ShutdownAck => kind::SHUTDOWN_ACK,
            Self::Error(_) => kind::ERROR,
            Self::CookieEcho(_) => kind::COOKIE_ECHO,
            Self::CookieAck => kind::COOKIE_ACK,
            Self::ShutdownComplete { .. } => kind::SHUTDOWN_COMPLETE,
            Self::Reconfig(_) => kind::RECONFIG,
            Self::Pad => kind::PAD,
            Self::ForwardTsn(forward) if forward.interleaved => kind::I_FORWARD_TSN,
            Self::ForwardTsn(_) => kind::FORWARD_TSN,
            Self::Unknown(unknown) => unknown.kind,
            Self::Malformed(kind) => *kind,
        }
    }
}

/// Splits a packet into raw chunks without their padding.
#[derive(Clone, Debug)]
pub(super) struct Chunks<'a> {
    rest: &'a [u8],
}

impl<'a> Chunks<'a> {
    pub(super) fn over(rest: &'a [u8]) -> Self {
        Self { rest }
    }
}

impl<'a> Iterator for Chunks<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        if self.rest.len() < 4 {
            return None;
        }
        let len = usize::from(u16_at(self.rest, 2));
        //= rfc9260#6.10
        // A chunk that is not completely in the packet is dropped, and with it the rest, whose
        // place is unknown. So is one shorter than its own header.
        let raw = if len < 4 { None } else { self.rest.get(..len) };
        let padded = len.checked_next_multiple_of(4).unwrap_or(len);
        self.rest = self.rest.get(padded..).unwrap_or(&[]);
        if raw.is_none() {
            self.rest = &[];
        }
        raw
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_chunk_may_lack_its_padding() {
        let bytes = [4, 0, 0, 5, 9, 0, 0, 0, 11, 0, 0, 5, 1];
        let raw: Vec<_> = Chunks::over(&bytes).collect();
        assert_eq!(raw, [&bytes[..5], &bytes[8..]]);
    }

    // attack: chunk lengths below 4 and beyond the packet
    #[test]
    fn lengths_that_lie_end_the_packet() {
        for len in 0..4 {
            assert_eq!(Chunks::over(&[11, 0, 0, len, 11, 0, 0, 4]).count(), 0);
        }
        assert_eq!(Chunks::over(&[11, 0, 0, 4, 11, 0, 0, 9, 0]).count(), 1);
        assert_eq!(Chunks::over(&[11, 0, 0xff, 0xff]).count(), 0);
    }

    #[test]
    fn the_type_says_what_to_do_with_the_unknown() {
        let unknown = |kind| Unknown { kind, raw: &[] };
        assert!(unknown(0x3f).stops_packet() && !unknown(0x3f).wants_report());
        assert!(unknown(0x7f).stops_packet() && unknown(0x7f).wants_report());
        assert!(!unknown(0xbf).stops_packet() && !unknown(0xbf).wants_report());
        assert!(!unknown(0xff).stops_packet() && unknown(0xff).wants_report());
    }
}
