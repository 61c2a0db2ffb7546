//! Transceivers as negotiation sees them.

use super::codec::Codec;
use super::format::Format;
use super::parameters::RtpSection;
use crate::{Direction, Kind, TransceiverId};

/// How to make a transceiver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Init {
    pub(crate) direction: Direction,
    /// Ids of the streams that the sent track belongs to.
    pub(crate) streams: Vec<String>,
}

/// Who asked for a transceiver; only those of `add_track` meet the sections of a peer's offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    Track,
    Transceiver,
    Peer,
}

/// A sender and a receiver that share a section.
#[derive(Clone, Debug)]
pub(crate) struct Transceiver {
    pub(super) id: TransceiverId,
    pub(super) kind: Kind,
    pub(super) origin: Origin,
    pub(super) direction: Direction,
    pub(super) streams: Vec<String>,
    pub(super) track: String,
    pub(super) has_track: bool,
    /// It was once negotiated to send: its sender is not used again for another track.
    pub(super) has_sent: bool,
    pub(super) ssrc: u32,
    pub(super) rtx_ssrc: u32,
    /// Codecs in the application's order; empty for the default.
    pub(super) preferences: Vec<Codec>,
    /// Stopped by the application; the peer learns it with the next negotiation.
    pub(super) stopping: bool,
    pub(super) association: Association,
}

/// What negotiation decides about a transceiver, and a rollback takes back.
#[derive(Clone, Debug, Default)]
pub(super) struct Association {
    pub(super) mid: Option<String>,
    /// Index of its section.
    pub(super) index: Option<usize>,
    pub(super) current_direction: Option<Direction>,
    /// The application knows of the remote track.
    pub(super) receiving: bool,
    pub(super) remote_streams: Vec<String>,
    pub(super) rtp: Option<RtpSection>,
}

impl Transceiver {
    pub(crate) fn id(&self) -> TransceiverId {
        self.id
    }

    pub(crate) fn kind(&self) -> Kind {
        self.kind
    }

    pub(crate) fn mid(&self) -> Option<&str> {
        self.association.mid.as_deref()
    }

    /// What the application wants; inactive once it stopped the transceiver.
    pub(crate) fn direction(&self) -> Direction {
        self.direction
    }

    /// What was negotiated last.
    pub(crate) fn current_direction(&self) -> Option<Direction> {
        self.association.current_direction
    }

    /// The application stopped it; it is gone once the peer agreed.
    pub(crate) fn is_stopped(&self) -> bool {
        self.stopping
    }

    /// The negotiated formats, most preferred first: those we may send, or else those we take.
    pub(crate) fn formats(&self) -> &[Format] {
        let Some(rtp) = &self.association.rtp else { return &[] };
        match (&rtp.send, &rtp.receive) {
            (Some(send), _) => &send.formats,
            (None, Some(receive)) => &receive.formats,
            (None, None) => &[],
        }
    }
}
