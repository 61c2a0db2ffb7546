use crate::event::ResetResult;
use crate::serial::Tsn;

use super::bytes_at::{Fields, len16, u16_at, u32_at};
use super::chunk::kind as chunk_kind;
use super::packet::PacketWriter;
use super::parameter::{Parameters, padded_len};

const OUTGOING: u16 = 13;
const INCOMING: u16 = 14;
const SSN_TSN: u16 = 15;
const RESPONSE: u16 = 16;
const ADD_OUTGOING: u16 = 17;
const ADD_INCOMING: u16 = 18;

/// A parameter of RE-CONFIG ([RFC 6525 section 4]).
///
/// [RFC 6525 section 4]: https://www.rfc-editor.org/rfc/rfc6525#section-4
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ReconfigParameter<'a> {
    /// "I reset my outgoing streams."
    Outgoing { request: u32, last_tsn: u32, streams: Streams<'a> },
    /// "Reset the streams I receive from you."
    Incoming { request: u32, streams: Streams<'a> },
    /// "I add so many outgoing streams."
    AddOutgoing { request: u32, count: u16 },
    /// "Add so many streams to those you send on."
    AddIncoming { request: u32, count: u16 },
    /// SSN/TSN reset: known by its number, and denied.
    Other { request: u32 },
    /// The answer to a request of ours.
    Response { response: u32, verdict: Verdict },
}

/// Stream ids of a request; none means all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Streams<'a>(&'a [u8]);

impl<'a> Streams<'a> {
    pub(crate) fn iter(&self) -> impl Iterator<Item = u16> + use<'a> {
        self.0.chunks_exact(2).map(|id| u16_at(id, 0))
    }
}

/// The result field of a response ([RFC 6525 section 4.4]).
///
/// [RFC 6525 section 4.4]: https://www.rfc-editor.org/rfc/rfc6525#section-4.4
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    NothingToDo,
    Performed,
    Denied,
    WrongSsn,
    AlreadyInProgress,
    BadSequence,
    InProgress,
    Other(u32),
}

impl Verdict {
    fn from_wire(value: u32) -> Self {
        match value {
            0 => Self::NothingToDo,
            1 => Self::Performed,
            2 => Self::Denied,
            3 => Self::WrongSsn,
            4 => Self::AlreadyInProgress,
            5 => Self::BadSequence,
            6 => Self::InProgress,
            other => Self::Other(other),
        }
    }

    fn wire(self) -> u32 {
        match self {
            Self::NothingToDo => 0,
            Self::Performed => 1,
            Self::Denied => 2,
            Self::WrongSsn => 3,
            Self::AlreadyInProgress => 4,
            Self::BadSequence => 5,
            Self::InProgress => 6,
            Self::Other(other) => other,
        }
    }

    /// What the application is told.
    pub(crate) fn result(self) -> ResetResult {
        match self {
            Self::NothingToDo => ResetResult::NothingToDo,
            Self::Performed => ResetResult::Performed,
            Self::Denied => ResetResult::Denied,
            Self::WrongSsn
            | Self::AlreadyInProgress
            | Self::BadSequence
            | Self::InProgress
            | Self::Other(_) => ResetResult::Failed(self.wire()),
        }
    }
}

/// A RE-CONFIG chunk: one or two parameters ([RFC 6525 section 3.1]).
///
/// ```text
///  0                   1                   2                   3
/// +---------------+---------------+-------------------------------+
/// |  type = 130   |       0       |            length             |
/// +---------------+---------------+-------------------------------+
/// | parameter, and perhaps a second                               |
/// +---------------------------------------------------------------+
/// ```
///
/// [RFC 6525 section 3.1]: https://www.rfc-editor.org/rfc/rfc6525#section-3.1
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reconfig<'a>(pub(crate) &'a [u8]);

impl<'a> Reconfig<'a> {
    /// The parameters, two at most; ends at what is unknown or malformed.
    pub(crate) fn parameters(&self) -> impl Iterator<Item = ReconfigParameter<'a>> + use<'a> {
        Parameters::over(self.0).take(2).map_while(|parameter| {
            let value = parameter.value;
            let streams = |at: usize| value.get(at..).map(Streams);
            match parameter.kind {
                OUTGOING => Some(ReconfigParameter::Outgoing {
                    request: u32_at(value, 0),
                    last_tsn: u32_at(value, 8),
                    streams: streams(12)?,
                }),
                INCOMING => Some(ReconfigParameter::Incoming {
                    request: u32_at(value, 0),
                    streams: streams(4)?,
                }),
                SSN_TSN if value.len() >= 4 => {
                    Some(ReconfigParameter::Other { request: u32_at(value, 0) })
                }
                ADD_OUTGOING if value.len() >= 8 => Some(ReconfigParameter::AddOutgoing {
                    request: u32_at(value, 0),
                    count: u16_at(value, 4),
                }),
                ADD_INCOMING if value.len() >= 8 => Some(ReconfigParameter::AddIncoming {
                    request: u32_at(value, 0),
                    count: u16_at(value, 4),
                }),
                RESPONSE if value.len() >= 8 => Some(ReconfigParameter::Response {
                    response: u32_at(value, 0),
                    verdict: Verdict::from_wire(u32_at(value, 4)),
                }),
                _ => None,
            }
        })
    }

    /// Appends a chunk with an outgoing reset request; `false` when it does not fit.
    pub(crate) fn write_outgoing(
        packet: &mut PacketWriter<'_>,
        request: u32,
        response: u32,
        last_tsn: Tsn,
        streams: &[u16],
    ) -> bool {
        let len = streams.len().saturating_mul(2).saturating_add(12);
        let len = len.saturating_add(4);
        let Some(value) = packet.chunk(chunk_kind::RECONFIG, 0, len) else {
            return false;
        };
        let mut fields = Fields(value);
        fields.u16(OUTGOING).u16(len16(len)).u32(request).u32(response).u32(last_tsn.wire());
        for stream in streams {
            fields.u16(*stream);
        }
        true
    }

    /// Appends a chunk that asks for more streams, ours or the peer's; `false` when it does not
    /// fit.
    pub(crate) fn write_add(
        packet: &mut PacketWriter<'_>,
        outgoing: bool,
        request: u32,
        count: u16,
    ) -> bool {
        let Some(value) = packet.chunk(chunk_kind::RECONFIG, 0, padded_len(8)) else {
            return false;
        };
        let kind = if outgoing { ADD_OUTGOING } else { ADD_INCOMING };
        let [high, low] = count.to_be_bytes();
        Fields(value).parameter(kind, &[&request.to_be_bytes(), &[high, low, 0, 0]]);
        true
    }

    /// Appends a chunk that asks the peer to reset its outgoing streams; `false` when it does not
    /// fit.
    pub(crate) fn write_incoming(
        packet: &mut PacketWriter<'_>,
        request: u32,
        streams: &[u16],
    ) -> bool {
        let len = streams.len().saturating_mul(2).saturating_add(8);
        let Some(value) = packet.chunk(chunk_kind::RECONFIG, 0, len) else {
            return false;
        };
        let mut fields = Fields(value);
        fields.u16(INCOMING).u16(len16(len)).u32(request);
        for stream in streams {
            fields.u16(*stream);
        }
        true
    }

    /// Streams an outgoing request can list in a chunk of `room` bytes.
    pub(crate) fn outgoing_capacity(room: usize) -> usize {
        room.saturating_sub(20).wrapping_div(2)
    }

    /// Appends a chunk with the answers to one or two requests; `false` when it does not fit.
    pub(crate) fn write_responses(
        packet: &mut PacketWriter<'_>,
        responses: &[(u32, Verdict)],
    ) -> bool {
        let len = responses.len().saturating_mul(padded_len(8));
        let Some(value) = packet.chunk(chunk_kind::RECONFIG, 0, len) else {
            return false;
        };
        let mut fields = Fields(value);
        for (request, verdict) in responses {
            fields.parameter(RESPONSE, &[&request.to_be_bytes(), &verdict.wire().to_be_bytes()]);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Chunk, Header, PacketView};
    use super::*;

    const HEADER: Header = Header { source_port: 1, destination_port: 2, tag: 3 };

    #[test]
    fn an_outgoing_request_has_the_bytes_of_the_diagram() {
        let mut buf = [0; 256];
        let mut packet = PacketWriter::new(&mut buf, HEADER);
        assert!(Reconfig::write_outgoing(&mut packet, 1, 2, Tsn::initial(3), &[4, 5, 6]));
        let len = packet.finish();
        #[rustfmt::skip]
        assert_eq!(buf[12..len], [
            130, 0, 0, 26, 0, 13, 0, 22, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3,
            0, 4, 0, 5, 0, 6, 0, 0,
        ]);
        let view = PacketView::parse(&buf[..len]).expect("sound");
        let Some(Chunk::Reconfig(value)) = view.chunks().next() else { panic!("wrong type") };
        let parameters: Vec<_> = Reconfig(value).parameters().collect();
        let [ReconfigParameter::Outgoing { request: 1, last_tsn: 3, streams }] = parameters[..]
        else {
            panic!("{parameters:?}")
        };
        assert_eq!(streams.iter().collect::<Vec<_>>(), [4, 5, 6]);
    }

    #[test]
    fn the_capacity_is_what_fits() {
        let mut buf = [0; 256];
        let mut packet = PacketWriter::new(&mut buf, HEADER);
        let capacity = Reconfig::outgoing_capacity(packet.room());
        let streams = vec![1; capacity];
        assert!(Reconfig::write_outgoing(&mut packet, 1, 2, Tsn::initial(3), &streams));
        assert!(packet.room() < 4);
    }

    #[test]
    fn two_responses_share_a_chunk() {
        let mut buf = [0; 256];
        let mut packet = PacketWriter::new(&mut buf, HEADER);
        let responses = [(9, Verdict::InProgress), (10, Verdict::Denied)];
        assert!(Reconfig::write_responses(&mut packet, &responses));
        let len = packet.finish();
        let view = PacketView::parse(&buf[..len]).expect("sound");
        let Some(Chunk::Reconfig(value)) = view.chunks().next() else { panic!("wrong type") };
        let read: Vec<_> = Reconfig(value).parameters().collect();
        assert_eq!(
            read,
            responses.map(|(response, verdict)| ReconfigParameter::Response { response, verdict })
        );
    }
}
