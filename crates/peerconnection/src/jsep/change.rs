//! What applying a description asks of the rest of the connection.

use super::settings::DtlsRole;
use super::transport::{RemoteTransport, Sctp};
use crate::TransceiverId;

/// A remote track that has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TrackAdded {
    pub(crate) transceiver: TransceiverId,
    /// Ids of the streams it belongs to.
    pub(crate) streams: Vec<String>,
    /// Its id, where the peer says it.
    pub(crate) track: Option<String>,
}

/// What changed with a description.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Change {
    /// Pending descriptions are gone. When none is current either, so are the transports.
    pub(crate) rolled_back: bool,
    /// An answer was applied, for good or for the time being: `rtp_sections` changed.
    pub(crate) negotiated: bool,
    pub(crate) transceivers_created: Vec<TransceiverId>,
    /// Stopped for good.
    pub(crate) transceivers_removed: Vec<TransceiverId>,
    pub(crate) tracks_added: Vec<TrackAdded>,
    pub(crate) tracks_removed: Vec<TransceiverId>,
    /// The peer's side of the transport, when a remote description with a section in use came.
    pub(crate) remote: Option<RemoteTransport>,
    /// Our part in DTLS, once an answer decided it.
    pub(crate) dtls_role: Option<DtlsRole>,
    /// The peer's side of SCTP while a data section is in use.
    pub(crate) sctp: Option<Sctp>,
    /// The answer refused the data section.
    pub(crate) data_refused: bool,
}
