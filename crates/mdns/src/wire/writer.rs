use std::net::IpAddr;

use super::{A, AAAA, AUTHORITATIVE, INTERNET, NSEC, RESPONSE, TOP_BIT};
use crate::Name;
use crate::error::BufferTooSmall;
use crate::name::{LOCAL, UUID_LEN};

/// Bytes of a name: two labels and the root.
const NAME_LEN: usize = 1 + UUID_LEN + 1 + LOCAL.len() + 1;

/// Bytes of a record without name and data.
const RECORD_LEN: usize = 10;

/// Bytes of the data of a NSEC record: a pointer, and a bitmap up to type 28.
const MAX_NSEC: usize = 2 + 2 + 4;

/// Bytes that the records of one name take at most.
pub(crate) const MAX_RECORDS_LEN: usize = NAME_LEN + RECORD_LEN + 16 + 2 + RECORD_LEN + MAX_NSEC;

/// Bytes of the header of a message.
pub(crate) const HEADER_LEN: usize = 12;

/// Bytes of the longest message about one name: header, question, records.
pub(crate) const MAX_REPLY_LEN: usize = HEADER_LEN + NAME_LEN + 4 + MAX_RECORDS_LEN;

/// What a name of ours has, and for how long.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Address {
    pub(crate) address: IpAddr,
    /// Seconds; 0 takes the record back.
    pub(crate) ttl: u32,
    /// Whether others forget what they knew.
    pub(crate) flush: bool,
    /// Whether the address is the answer and the absence of other types an addition, or the other
    /// way round.
    pub(crate) positive: bool,
}

impl Address {
    fn kind(&self) -> u16 {
        if self.address.is_ipv4() { A } else { AAAA }
    }

    fn class(&self) -> u16 {
        if self.flush { INTERNET | TOP_BIT } else { INTERNET }
    }
}

/// Writes one message. Answers go first, so additions are kept back until the end.
#[derive(Debug)]
pub(crate) struct Writer<'b> {
    buf: &'b mut [u8],
    len: usize,
    counts: [u16; 4],
}

impl<'b> Writer<'b> {
    /// A query: nothing set but the number of questions.
    pub(crate) fn query(buf: &'b mut [u8]) -> Result<Self, BufferTooSmall> {
        //= rfc6762#18.2
        // A query has the bit QR clear.
        //= rfc6762#18.3
        // The operation is a standard query.
        //= rfc6762#18.4
        // A query has no authority.
        Self::new(buf, 0, 0)
    }

    /// A response. `id` is 0 but in legacy replies.
    pub(crate) fn response(buf: &'b mut [u8], id: u16) -> Result<Self, BufferTooSmall> {
        //= rfc6762#18.1
        // A multicast response has no identifier; a legacy reply has its query's.
        //= rfc6762#18.4
        // A response about a name of ours is authoritative.
        //= rfc6762#18.5
        // No response is truncated: what does not fit goes into another.
        Self::new(buf, id, RESPONSE | AUTHORITATIVE)
    }

    fn new(buf: &'b mut [u8], id: u16, flags: u16) -> Result<Self, BufferTooSmall> {
        //= rfc6762#18.6
        //= rfc6762#18.7
        //= rfc6762#18.8
        //= rfc6762#18.9
        //= rfc6762#18.10
        // The bits RD, RA, Z, AD and CD are never set, and nobody looks at them in what arrives.
        let mut writer = Self { buf, len: 0, counts: [0; 4] };
        writer.u16(id)?;
        writer.u16(flags)?;
        for _ in 0..4 {
            writer.u16(0)?;
        }
        Ok(writer)
    }

    /// Finishes the message and tells its length.
    pub(crate) fn finish(self) -> usize {
        let counts = self.counts.map(u16::to_be_bytes);
        if let Some(header) = self.buf.get_mut(4..12) {
            for (to, from) in header.iter_mut().zip(counts.as_flattened()) {
                *to = *from;
            }
        }
        self.len
    }

    /// Asks; returns where the name is.
    pub(crate) fn question(
        &mut self,
        name: Place,
        kind: u16,
        class: u16,
    ) -> Result<Place, BufferTooSmall> {
        let place = self.name(name)?;
        self.u16(kind)?;
        self.u16(class)?;
        self.count(0);
        Ok(place)
    }

    /// Writes what is the answer.
    pub(crate) fn answer(
        &mut self,
        record: &Address,
        name: Place,
    ) -> Result<Place, BufferTooSmall> {
        self.count(1);
        self.record(record, name, record.positive)
    }

    /// Writes what is the addition.
    pub(crate) fn addition(&mut self, record: &Address, name: Place) -> Result<(), BufferTooSmall> {
        self.count(3);
        self.record(record, name, !record.positive).map(|_| ())
    }

    fn record(
        &mut self,
        record: &Address,
        name: Place,
        address: bool,
    ) -> Result<Place, BufferTooSmall> {
        let place = self.name(name)?;
        self.u16(if address { record.kind() } else { NSEC })?;
        self.u16(record.class())?;
        self.bytes(&record.ttl.to_be_bytes())?;
        if address {
            match record.address {
                IpAddr::V4(v4) => self.data(&v4.octets())?,
                IpAddr::V6(v6) => self.data(&v6.octets())?,
            }
            return Ok(place);
        }
        //= rfc6762#6.1
        // The name has no records but the one type: its own name is next, and the bitmap says so.
        let [high, low] = (POINTER | place.at()).to_be_bytes();
        if record.address.is_ipv4() {
            self.data(&[high, low, 0, 1, 0x40])?;
        } else {
            self.data(&[high, low, 0, 4, 0, 0, 0, 0x08])?;
        }
        Ok(place)
    }

    fn data(&mut self, data: &[u8]) -> Result<(), BufferTooSmall> {
        self.u16(u16::try_from(data.len()).unwrap_or(u16::MAX))?;
        self.bytes(data)
    }

    /// Writes the name, or points at where it already is.
    fn name(&mut self, name: Place) -> Result<Place, BufferTooSmall> {
        if let Some(at) = name.at {
            self.u16(POINTER | at)?;
            return Ok(name);
        }
        let at = u16::try_from(self.len).unwrap_or(0);
        self.label(&name.name.label())?;
        self.label(LOCAL)?;
        self.bytes(&[0])?;
        Ok(Place { at: Some(at), ..name })
    }

    fn label(&mut self, label: &[u8]) -> Result<(), BufferTooSmall> {
        self.bytes(&[u8::try_from(label.len()).unwrap_or(u8::MAX)])?;
        self.bytes(label)
    }

    fn count(&mut self, section: usize) {
        if let Some(count) = self.counts.get_mut(section) {
            *count = count.saturating_add(1);
        }
    }

    fn u16(&mut self, value: u16) -> Result<(), BufferTooSmall> {
        self.bytes(&value.to_be_bytes())
    }

    fn bytes(&mut self, bytes: &[u8]) -> Result<(), BufferTooSmall> {
        let need = self.len.saturating_add(bytes.len());
        let to = self.buf.get_mut(self.len..need).ok_or(BufferTooSmall { need: MAX_REPLY_LEN })?;
        to.copy_from_slice(bytes);
        self.len = need;
        Ok(())
    }
}

/// The two highest bits of a compression pointer.
const POINTER: u16 = 0xc000;

/// A name, and where the message has it already.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    name: Name,
    at: Option<u16>,
}

impl Place {
    /// A name that the message does not have yet.
    pub(crate) fn new(name: Name) -> Self {
        Self { name, at: None }
    }

    fn at(self) -> u16 {
        self.at.unwrap_or(0)
    }
}
