//! What both sides agreed on for one section of media.

use super::format::Format;
use super::section::{Section, Source};
use super::settings::Settings;
use super::transceiver::Transceiver;
use crate::{Direction, Kind, TransceiverId};

/// A header extension that both sides know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Extension {
    pub(crate) id: u16,
    pub(crate) uri: String,
    /// We may put it into packets.
    pub(crate) send: bool,
    /// The peer may.
    pub(crate) receive: bool,
}

/// What we send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SendSide {
    pub(crate) ssrc: u32,
    /// `None` when the peer takes no retransmissions.
    pub(crate) rtx_ssrc: Option<u32>,
    /// With the peer's payload types, the peer's favourite first, and the feedback it may send.
    pub(crate) formats: Vec<Format>,
}

/// What we receive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ReceiveSide {
    /// With our payload types, and the feedback we may send.
    pub(crate) formats: Vec<Format>,
    /// Sources that the peer announced; others may come all the same.
    pub(crate) sources: Vec<Source>,
    /// Encodings that the peer announced.
    pub(crate) rids: Vec<String>,
}

/// A negotiated section of media.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RtpSection {
    pub(crate) transceiver: TransceiverId,
    pub(crate) mid: String,
    pub(crate) kind: Kind,
    pub(crate) send: Option<SendSide>,
    pub(crate) receive: Option<ReceiveSide>,
    pub(crate) extensions: Vec<Extension>,
    /// RTCP packets may stand alone (RFC 5506).
    pub(crate) reduced_size: bool,
}

/// Puts together what `local` and `remote` say, for a transceiver that goes in `direction`.
pub(super) fn agreed(
    settings: &Settings,
    transceiver: &Transceiver,
    direction: Direction,
    local: &Section,
    remote: &Section,
) -> RtpSection {
    //= rfc9429#5.11
    // Payload types of outgoing packets are those of the remote description.
    let outgoing = common(&remote.formats, &local.formats);
    let incoming = common(&local.formats, &remote.formats);
    let rtx = outgoing.iter().any(|format| format.rtx.is_some());
    let extensions = local.extensions.iter().filter_map(|line| {
        // Each side announces what it does itself; the id is the same on both sides.
        let other = remote.extensions.iter().find(|other| other.uri == line.uri)?;
        let known = settings.extensions(transceiver.kind).contains(&line.uri);
        (known && other.id == line.id).then(|| Extension {
            id: line.id,
            uri: line.uri.clone(),
            send: line.direction.sends() && other.direction.receives(),
            receive: line.direction.receives() && other.direction.sends(),
        })
    });
    RtpSection {
        transceiver: transceiver.id,
        mid: transceiver.association.mid.clone().unwrap_or_default(),
        kind: transceiver.kind,
        extensions: extensions.collect(),
        send: direction.sends().then_some(SendSide {
            ssrc: transceiver.ssrc,
            rtx_ssrc: rtx.then_some(transceiver.rtx_ssrc),
            formats: outgoing,
        }),
        receive: direction.receives().then(|| ReceiveSide {
            formats: incoming,
            sources: remote.sources.clone(),
            rids: remote.rids.clone(),
        }),
        reduced_size: local.reduced_size && remote.reduced_size,
    }
}

/// The formats of `list` that `other` has too, with the feedback and RTX that both know.
fn common(list: &[Format], other: &[Format]) -> Vec<Format> {
    let in_both = |format: &Format| {
        let own = format.identity();
        // A peer may give one codec several payload types; ours to match is the same one, if any.
        let exact = other
            .iter()
            .find(|twin| twin.payload_type == format.payload_type && twin.identity().matches(own));
        let twin = exact.or_else(|| other.iter().find(|twin| twin.identity().matches(own)))?;
        let mut format = format.clone();
        format.feedback.retain(|feedback| twin.feedback.contains(feedback));
        format.rtx = format.rtx.filter(|_| twin.rtx.is_some());
        Some(format)
    };
    list.iter().filter_map(in_both).collect()
}
