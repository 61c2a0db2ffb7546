//! Negotiation of session descriptions (RFC 9429): a pure engine without time and network.
//!
//! | Subject | Where |
//! |---|---|
//! | the operations | [`Negotiation`] |
//! | options, and what our transport contributes | [`Settings`], [`LocalTransport`] |
//! | what an applied description asks of the connection | [`Change`] |
//! | what media has to know | [`RtpSection`] |
//!
//! One transport carries everything. Our offers bundle all sections; of a peer's offer the group
//! of the first usable section is accepted, and sections outside of it are refused.

mod answer;
mod candidates;
mod change;
mod codec;
mod conclude;
mod description;
mod format;
mod h264;
mod local;
mod needed;
mod negotiation;
mod offer;
mod parameters;
mod registry;
mod remote;
mod section;
mod settings;
mod state;
mod transceiver;
mod transport;
mod write;

#[cfg(test)]
mod tests;

pub(crate) use self::candidates::CandidateUse;
pub(crate) use self::change::Change;
pub(crate) use self::codec::Codec;
pub(crate) use self::format::Format;
pub(crate) use self::negotiation::Negotiation;
pub(crate) use self::parameters::RtpSection;
pub(crate) use self::settings::{DtlsRole, LocalTransport, Settings};
pub(crate) use self::transceiver::{Init, Transceiver};
pub(crate) use self::transport::{RemoteTransport, Sctp};
