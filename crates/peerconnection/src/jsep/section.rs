//! One media section of a description, reduced to what negotiation needs.

use std::collections::{HashMap, HashSet};

use antiphon_sdp::{Attribute, Media, MediaKind, ProtocolFamily, RidDirection, Setup, Words};

use super::format::{self, Format};
use crate::{Direction, Kind};

/// Sources of one section that we remember.
const MAX_SOURCES: usize = 64;

/// Streams of one section that we remember.
const MAX_STREAMS: usize = 64;

/// What a section is to us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    /// Audio or video over DTLS-SRTP.
    Rtp(Kind),
    /// Data channels.
    Data,
    /// Nothing that we can use.
    Unknown,
}

/// An RTP header extension as a section announces it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ExtensionLine {
    pub(super) id: u16,
    pub(super) uri: String,
    pub(super) direction: Direction,
}

/// A source that a peer announces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Source {
    pub(crate) ssrc: u32,
    /// The source of its retransmissions.
    pub(crate) rtx: Option<u32>,
    pub(crate) cname: Option<String>,
}

/// A media section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Section {
    pub(super) what: What,
    /// First word of the media line.
    pub(super) kind: String,
    pub(super) protocol: String,
    /// The formats as written.
    pub(super) words: String,
    pub(super) port: u16,
    pub(super) bundle_only: bool,
    pub(super) mid: Option<String>,
    pub(super) direction: Direction,
    pub(super) formats: Vec<Format>,
    pub(super) extensions: Vec<ExtensionLine>,
    /// Stream and track of each `a=msid`.
    pub(super) msids: Vec<(String, Option<String>)>,
    pub(super) sources: Vec<Source>,
    /// Encodings that the writer sends.
    pub(super) rids: Vec<String>,
    pub(super) ufrag: Option<String>,
    pub(super) pwd: Option<String>,
    pub(super) fingerprints: Vec<String>,
    pub(super) setup: Option<Setup>,
    pub(super) trickle: bool,
    pub(super) rtcp_mux: bool,
    pub(super) rtcp_mux_only: bool,
    pub(super) reduced_size: bool,
    pub(super) candidates: Vec<String>,
    pub(super) end_of_candidates: bool,
    pub(super) tls_id: Option<String>,
    pub(super) sctp_port: Option<u16>,
    pub(super) max_message_size: Option<u64>,
    /// In base64.
    pub(super) sctp_init: Option<String>,
}

/// The section contradicts itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BadSection;

impl Section {
    /// Whether it is refused or switched off.
    pub(super) fn is_rejected(&self) -> bool {
        self.port == 0 && !self.bundle_only
    }

    /// Reads a section; `session` holds what the whole session says for sections that do not.
    pub(super) fn read(session: &[Attribute<'_>], media: &Media<'_>) -> Result<Self, BadSection> {
        let what = what(media);
        let formats = match what {
            What::Rtp(_) if media.port != 0 || media.has(&Attribute::BundleOnly) => {
                format::read(media).map_err(|format::BadFormats| BadSection)?
            }
            // A refused section may hold any formats at all.
            What::Rtp(_) => format::read(media).unwrap_or_default(),
            What::Data | What::Unknown => Vec::new(),
        };
        let mut section = Self {
            what,
            kind: media.kind.to_string(),
            protocol: media.protocol.to_string(),
            words: media.formats.to_string(),
            port: media.port,
            bundle_only: false,
            mid: None,
            direction: Direction::SendRecv,
            formats,
            extensions: Vec::new(),
            msids: Vec::new(),
            sources: Vec::new(),
            rids: Vec::new(),
            ufrag: None,
            pwd: None,
            fingerprints: Vec::new(),
            setup: None,
            trickle: false,
            rtcp_mux: false,
            rtcp_mux_only: false,
            reduced_size: false,
            candidates: Vec::new(),
            end_of_candidates: false,
            tls_id: None,
            sctp_port: None,
            max_message_size: None,
            sctp_init: None,
        };
        for attribute in session {
            section.take_transport(attribute);
        }
        let inherited = std::mem::take(&mut section.fingerprints);
        for attribute in &media.attributes {
            section.take_transport(attribute);
            section.take(attribute);
        }
        //= rfc8122#5
        // A fingerprint of the session holds for the sections that have none of their own.
        if section.fingerprints.is_empty() {
            section.fingerprints = inherited;
        }
        section.check(media)?;
        section.sources = sources(media);
        Ok(section)
    }

    /// Attributes that the session may carry for all of its sections.
    #[expect(clippy::wildcard_enum_match_arm, reason = "all others are of no interest here")]
    fn take_transport(&mut self, attribute: &Attribute<'_>) {
        match attribute {
            Attribute::IceUfrag(text) => self.ufrag = Some(text.to_string()),
            Attribute::IcePwd(text) => self.pwd = Some(text.to_string()),
            Attribute::IceOptions(words) => {
                self.trickle |= options(words).any(|one| one == "trickle")
            }
            Attribute::Fingerprint(print) => self.fingerprints.push(print.to_string()),
            Attribute::Setup(setup) => self.setup = Some(*setup),
            Attribute::Direction(direction) => {
                self.direction = Direction::of(direction.sends(), direction.receives());
            }
            Attribute::EndOfCandidates => self.end_of_candidates = true,
            Attribute::TlsId(text) => self.tls_id = Some(text.to_string()),
            _ => {}
        }
    }

    /// Attributes of a section only.
    #[expect(clippy::wildcard_enum_match_arm, reason = "all others are of no interest here")]
    fn take(&mut self, attribute: &Attribute<'_>) {
        match attribute {
            Attribute::BundleOnly => self.bundle_only = true,
            Attribute::Mid(mid) => self.mid = Some(mid.to_string()),
            Attribute::ExtMap(map) => self.extensions.push(ExtensionLine {
                id: map.id,
                uri: map.uri.to_string(),
                direction: map.direction.map_or(Direction::SendRecv, |direction| {
                    Direction::of(direction.sends(), direction.receives())
                }),
            }),
            Attribute::Msid(msid) if self.msids.len() < MAX_STREAMS => {
                let track = msid.track.as_ref().map(ToString::to_string);
                self.msids.push((msid.stream.to_string(), track));
            }
            Attribute::Rid(rid) if rid.direction == RidDirection::Send => {
                self.rids.push(rid.id.to_string());
            }
            Attribute::RtcpMux => self.rtcp_mux = true,
            Attribute::RtcpMuxOnly => self.rtcp_mux_only = true,
            Attribute::RtcpRsize => self.reduced_size = true,
            Attribute::Candidate(text) => self.candidates.push(text.to_string()),
            Attribute::SctpPort(port) => self.sctp_port = Some(*port),
            Attribute::SctpMap(map) => self.sctp_port = self.sctp_port.or(Some(map.port)),
            Attribute::SctpInit(text) => self.sctp_init = Some(text.to_string()),
            Attribute::MaxMessageSize(size) => self.max_message_size = Some(*size),
            _ => {}
        }
    }

    /// What must not occur twice, and what must not be missing.
    fn check(&self, media: &Media<'_>) -> Result<(), BadSection> {
        let mids = media.attributes.iter().filter(|line| matches!(line, Attribute::Mid(_)));
        let mut ids = HashSet::new();
        let mut rids = HashSet::new();
        let known: HashSet<_> = media
            .attributes
            .iter()
            .filter_map(|line| if let Attribute::Rid(rid) = line { Some(&*rid.id) } else { None })
            .collect();
        //= rfc9429#5.8.3
        // Every encoding that simulcast names exists, and each id is there once.
        let simulcast_ok = media.attributes.iter().all(|line| {
            let Attribute::Simulcast(simulcast) = line else { return true };
            [RidDirection::Send, RidDirection::Recv]
                .into_iter()
                .filter_map(|direction| simulcast.streams(direction))
                .flat_map(|streams| streams.iter().flatten())
                .all(|(id, _)| known.contains(id))
        });
        let ok = mids.count() <= 1
            && self.extensions.iter().all(|line| ids.insert(line.id))
            && self.rids.iter().all(|rid| rids.insert(rid))
            && simulcast_ok
            && (!self.rtcp_mux_only || self.rtcp_mux);
        ok.then_some(()).ok_or(BadSection)
    }
}

/// The options of ICE; some peers part them by commas.
pub(super) fn options<'a>(words: &'a Words<'_>) -> impl Iterator<Item = &'a str> {
    words.as_str().split([' ', ','])
}

fn what(media: &Media<'_>) -> What {
    match (&media.kind, media.protocol_family()) {
        (MediaKind::Audio, ProtocolFamily::Rtp) => What::Rtp(Kind::Audio),
        (MediaKind::Video, ProtocolFamily::Rtp) => What::Rtp(Kind::Video),
        //= rfc8841#4.3
        // The one format of a data section, or in its older spelling a port.
        (MediaKind::Application, ProtocolFamily::Sctp)
            if media.formats.as_str() == "webrtc-datachannel" =>
        {
            What::Data
        }
        (MediaKind::Application, ProtocolFamily::OldSctp) => What::Data,
        _ => What::Unknown,
    }
}

/// The sources of a section; those that repeat others are told apart by `a=ssrc-group:FID`.
fn sources(media: &Media<'_>) -> Vec<Source> {
    let mut all: Vec<Source> = Vec::new();
    let mut places = HashMap::new();
    let mut repeated = HashMap::new();
    for attribute in &media.attributes {
        if let Attribute::SsrcGroup(group) = attribute
            && group.semantics == "FID"
        {
            let mut ssrcs = group.ssrcs();
            if let (Some(ssrc), Some(rtx)) = (ssrcs.next(), ssrcs.next()) {
                repeated.insert(ssrc, rtx);
            }
        } else if let Attribute::Ssrc(line) = attribute {
            let place = *places.entry(line.ssrc).or_insert(all.len());
            if place == all.len() && place < MAX_SOURCES {
                all.push(Source { ssrc: line.ssrc, rtx: None, cname: None });
            }
            if let Some(source) = all.get_mut(place).filter(|_| line.name == "cname") {
                source.cname = line.value.as_ref().map(ToString::to_string);
            }
        }
    }
    let copies: HashSet<u32> = repeated.values().copied().collect();
    all.retain(|source| !copies.contains(&source.ssrc));
    for source in &mut all {
        source.rtx = repeated.get(&source.ssrc).copied();
    }
    all
}
