use std::net::IpAddr;

use super::{
    A, AAAA, ANY, HEADER_LEN, INTERNET, MAX_LEN, RESPONSE, TOP_BIT, TRUNCATED, name, u16_at,
};
use crate::Name;
use crate::error::ParseError;

/// A message, checked once ([RFC 1035] section 4.1).
///
/// ```text
/// +--------+--------+----------+----------+----------+----------+
/// |   ID   |  flags | questions|  answers | authority|additional|  2 bytes each
/// +--------+--------+----------+----------+----------+----------+
/// | questions: name, type 2, class 2                            |
/// | records: name, type 2, class 2, TTL 4, length 2, data       |
/// +-------------------------------------------------------------+
/// ```
///
/// [RFC 1035]: https://www.rfc-editor.org/rfc/rfc1035#section-4.1
#[derive(Clone, Copy, Debug)]
pub(crate) struct MessageView<'a> {
    bytes: &'a [u8],
    id: u16,
    flags: u16,
    questions: u16,
    answers: u16,
    authority: u16,
    additional: u16,
    /// Where the records begin.
    records_at: usize,
}

impl<'a> MessageView<'a> {
    pub(crate) fn parse(bytes: &'a [u8]) -> Result<Self, ParseError> {
        if bytes.len() > MAX_LEN {
            return Err(ParseError::TooLong { len: bytes.len(), limit: MAX_LEN });
        }
        let mut view = Self {
            bytes,
            id: u16_at(bytes, 0)?,
            flags: u16_at(bytes, 2)?,
            questions: u16_at(bytes, 4)?,
            answers: u16_at(bytes, 6)?,
            authority: u16_at(bytes, 8)?,
            additional: u16_at(bytes, 10)?,
            records_at: HEADER_LEN,
        };
        for _ in 0..view.questions {
            (_, view.records_at) = QuestionView::read(bytes, view.records_at)?;
        }
        let mut at = view.records_at;
        for _ in 0..view.record_count() {
            (_, at) = RecordView::read(bytes, at)?;
        }
        Ok(view)
    }

    fn record_count(&self) -> u32 {
        [self.answers, self.authority, self.additional]
            .into_iter()
            .fold(0, |sum: u32, count| sum.saturating_add(count.into()))
    }

    pub(crate) fn id(&self) -> u16 {
        self.id
    }

    pub(crate) fn is_response(&self) -> bool {
        self.flags & RESPONSE != 0
    }

    /// More known answers follow in another message.
    pub(crate) fn is_truncated(&self) -> bool {
        self.flags & TRUNCATED != 0
    }

    pub(crate) fn opcode(&self) -> u8 {
        u8::try_from((self.flags >> 11) & 0x0f).unwrap_or(0)
    }

    pub(crate) fn rcode(&self) -> u8 {
        u8::try_from(self.flags & 0x0f).unwrap_or(0)
    }

    /// A query with records that its sender wants to have (RFC 6762 section 8.1).
    pub(crate) fn is_probe(&self) -> bool {
        !self.is_response() && self.authority > 0
    }

    pub(crate) fn question_count(&self) -> u16 {
        self.questions
    }

    pub(crate) fn questions(&self) -> impl Iterator<Item = QuestionView> + use<'a> {
        let (bytes, mut at) = (self.bytes, HEADER_LEN);
        (0..self.questions).map_while(move |_| {
            let (question, next) = QuestionView::read(bytes, at).ok()?;
            at = next;
            Some(question)
        })
    }

    /// The records of all sections.
    pub(crate) fn records(&self) -> impl Iterator<Item = RecordView> + use<'a> {
        let (bytes, mut at) = (self.bytes, self.records_at);
        (0..self.record_count()).map_while(move |_| {
            let (record, next) = RecordView::read(bytes, at).ok()?;
            at = next;
            Some(record)
        })
    }

    /// The records of the answer section: in a query, what the querier knows already.
    pub(crate) fn answers(&self) -> impl Iterator<Item = RecordView> + use<'a> {
        self.records().take(self.answers.into())
    }
}

/// A question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct QuestionView {
    /// Whose, if a candidate's.
    pub(crate) name: Option<Name>,
    pub(crate) kind: u16,
    /// With the bit that asks for a unicast response.
    pub(crate) class: u16,
}

impl QuestionView {
    fn read(message: &[u8], at: usize) -> Result<(Self, usize), ParseError> {
        let (name, at) = name::read(message, at)?;
        let (kind, class) = (u16_at(message, at)?, u16_at(message, at.saturating_add(2))?);
        Ok((Self { name, kind, class }, at.saturating_add(4)))
    }

    pub(crate) fn wants_unicast(&self) -> bool {
        self.class & TOP_BIT != 0
    }

    pub(crate) fn is_internet(&self) -> bool {
        matches!(self.class & !TOP_BIT, INTERNET | ANY)
    }
}

/// A record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RecordView {
    /// Whose, if a candidate's.
    pub(crate) name: Option<Name>,
    pub(crate) kind: u16,
    /// With the bit that flushes caches.
    pub(crate) class: u16,
    /// Seconds.
    pub(crate) ttl: u32,
    /// The address, if the type has one.
    pub(crate) address: Option<IpAddr>,
}

impl RecordView {
    fn read(message: &[u8], at: usize) -> Result<(Self, usize), ParseError> {
        let (name, at) = name::read(message, at)?;
        let kind = u16_at(message, at)?;
        let class = u16_at(message, at.saturating_add(2))?;
        let high = u16_at(message, at.saturating_add(4))?;
        let low = u16_at(message, at.saturating_add(6))?;
        let len = usize::from(u16_at(message, at.saturating_add(8))?);
        let data_at = at.saturating_add(10);
        let end = data_at.saturating_add(len);
        let truncated = ParseError::Truncated { need: end, have: message.len() };
        let data = message.get(data_at..end).ok_or(truncated)?;
        // Data of other types is stepped over: one that cannot be read spoils nothing.
        let address = match (kind, class & !TOP_BIT) {
            (A, INTERNET) => Some(IpAddr::from(fixed::<4>(kind, data)?)),
            (AAAA, INTERNET) => Some(IpAddr::from(fixed::<16>(kind, data)?)),
            (_, _) => None,
        };
        let ttl = (u32::from(high) << 16) | u32::from(low);
        Ok((Self { name, kind, class, ttl, address }, end))
    }

    pub(crate) fn is_internet(&self) -> bool {
        self.class & !TOP_BIT == INTERNET
    }
}

fn fixed<const N: usize>(kind: u16, data: &[u8]) -> Result<[u8; N], ParseError> {
    data.try_into().map_err(|_| ParseError::Data { kind, len: data.len() })
}
