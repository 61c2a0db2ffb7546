//! Writes sections and descriptions.

use std::net::IpAddr;

use antiphon_sdp::{
    Address, Attribute, ExtMap, Fingerprint, Fmtp, Group, Media, MediaKind, Msid, Origin, Rtcp,
    RtcpFeedback, RtpMap, SctpMap, SessionDescription, Setup, Ssrc, SsrcGroup, Words,
};

use super::format::Format;
use super::section::{ExtensionLine, What};
use super::settings::{LocalTransport, Settings};
use super::transceiver::Transceiver;
use crate::{Direction, Kind};

/// What all sections of one description share.
#[derive(Debug)]
pub(super) struct Shared<'a> {
    pub(super) settings: &'a Settings,
    pub(super) transport: &'a LocalTransport,
    pub(super) setup: Setup,
    pub(super) default: (u16, Address<'static>),
}

/// Where one section stands towards the transport.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// It carries the transport, candidates included.
    Tag,
    /// It shares it.
    Bundled,
    /// It shares it or is nothing.
    BundleOnly,
}

/// The negotiable part of an RTP section.
#[derive(Debug)]
pub(super) struct RtpLines<'a> {
    pub(super) transceiver: &'a Transceiver,
    pub(super) mid: Option<&'a str>,
    pub(super) protocol: &'a str,
    pub(super) direction: Direction,
    pub(super) formats: &'a [Format],
    pub(super) extensions: &'a [ExtensionLine],
    pub(super) reduced_size: bool,
    pub(super) mux_only: bool,
}

impl<'a> Shared<'a> {
    pub(super) fn new(settings: &'a Settings, transport: &'a LocalTransport, setup: Setup) -> Self {
        Self { settings, transport, setup, default: default_candidate(transport) }
    }

    /// A section of audio or video.
    pub(super) fn rtp(&self, place: Place, lines: &RtpLines<'_>) -> Media<'static> {
        let kind = match lines.transceiver.kind {
            Kind::Audio => MediaKind::Audio,
            Kind::Video => MediaKind::Video,
        };
        let mut numbers: Vec<String> = Vec::new();
        for format in lines.formats {
            numbers.push(format.payload_type.to_string());
            numbers.extend(format.rtx.map(|rtx| rtx.to_string()));
        }
        let words = numbers.into_iter().collect();
        let mut media = self.media(place, kind, lines.protocol, words);
        let out = &mut media.attributes;
        if place != Place::BundleOnly {
            out.push(Attribute::Rtcp(Rtcp { port: 9, address: Some(Address::ANY) }));
        }
        self.transport_lines(place, out);
        out.extend(lines.mid.map(|mid| Attribute::Mid(mid.to_owned().into())));
        for line in lines.extensions {
            let direction = (line.direction != Direction::SendRecv).then(|| wire(line.direction));
            let uri = line.uri.clone().into();
            out.push(Attribute::ExtMap(ExtMap { id: line.id, direction, uri, attributes: None }));
        }
        out.push(Attribute::Direction(wire(lines.direction)));
        if lines.direction.sends() {
            out.extend(msids(lines.transceiver).map(Attribute::Msid));
        }
        out.push(Attribute::RtcpMux);
        if lines.mux_only {
            out.push(Attribute::RtcpMuxOnly);
        }
        if lines.reduced_size {
            out.push(Attribute::RtcpRsize);
        }
        lines.formats.iter().for_each(|format| write_format(format, out));
        if lines.direction.sends() {
            let rtx = lines.formats.iter().any(|format| format.rtx.is_some());
            self.sources(lines.transceiver, rtx, out);
        }
        media
    }

    /// A section of data channels; `protocol` and `words` are those of the offer. `init` is our
    /// INIT chunk, where the peer may do without a handshake.
    pub(super) fn data(
        &self,
        place: Place,
        mid: Option<&str>,
        [protocol, words]: [&str; 2],
        init: Option<&str>,
    ) -> Media<'static> {
        let words = words.split(' ').collect();
        let mut media = self.media(place, MediaKind::Application, protocol, words);
        let out = &mut media.attributes;
        self.transport_lines(place, out);
        out.extend(mid.map(|mid| Attribute::Mid(mid.to_owned().into())));
        let port = self.settings.sctp_port;
        if media.formats.as_str() == "webrtc-datachannel" {
            out.push(Attribute::SctpPort(port));
        } else {
            let application = "webrtc-datachannel".into();
            out.push(Attribute::SctpMap(SctpMap { port, application, streams: Some(65_535) }));
        }
        out.push(Attribute::MaxMessageSize(self.settings.max_message_size));
        out.extend(init.map(|init| Attribute::SctpInit(init.to_owned().into())));
        media
    }

    fn media(
        &self,
        place: Place,
        kind: MediaKind<'static>,
        protocol: &str,
        words: Words<'static>,
    ) -> Media<'static> {
        let (port, address) = match place {
            Place::Tag | Place::Bundled => self.default.clone(),
            Place::BundleOnly => (0, Address::ANY),
        };
        let mut media = Media::new(kind, port, protocol.to_owned(), words);
        media.connections.push(address);
        media
    }

    /// Credentials and certificates are repeated in bundled and in bundle-only sections, against
    /// RFC 9429 section 5.2.1: Chromium refuses what follows a bundle-only section without a
    /// fingerprint, and Firefox takes credentials that appear later for an ICE restart. Candidates
    /// are not repeated.
    fn transport_lines(&self, place: Place, out: &mut Vec<Attribute<'static>>) {
        let transport = self.transport;
        if place == Place::Tag {
            out.extend(transport.candidates.iter().map(|candidate| {
                Attribute::Candidate(bare_candidate(candidate).to_owned().into())
            }));
            if transport.end_of_candidates {
                out.push(Attribute::EndOfCandidates);
            }
        }
        if place == Place::BundleOnly {
            out.push(Attribute::BundleOnly);
        }
        out.push(Attribute::IceUfrag(transport.ufrag.clone().into()));
        out.push(Attribute::IcePwd(transport.pwd.clone().into()));
        for fingerprint in &self.settings.fingerprints {
            if let Some((hash, digest)) = fingerprint.split_once(' ') {
                let hash = hash.to_owned().into();
                let digest = digest.to_ascii_uppercase().into();
                out.push(Attribute::Fingerprint(Fingerprint { hash, digest }));
            }
        }
        out.push(Attribute::Setup(self.setup));
    }

    /// Announces our sources, for peers that wait for it.
    fn sources(&self, sender: &Transceiver, rtx: bool, out: &mut Vec<Attribute<'static>>) {
        let mut ssrcs = vec![sender.ssrc];
        if rtx {
            ssrcs.push(sender.rtx_ssrc);
            let sources = ssrcs.iter().map(u32::to_string).collect();
            out.push(Attribute::SsrcGroup(SsrcGroup { semantics: "FID".into(), sources }));
        }
        let msid = msids(sender).next().map(|msid| msid.to_string());
        for ssrc in ssrcs {
            let mut line = |name: &'static str, value: String| {
                out.push(Attribute::Ssrc(Ssrc {
                    ssrc,
                    name: name.into(),
                    value: Some(value.into()),
                }));
            };
            line("cname", self.settings.cname.clone());
            if let Some(msid) = &msid {
                line("msid", msid.clone());
            }
        }
    }
}

/// The `a=msid` lines of a sender: one for each stream, or `-` for a track of no stream. The
/// track's id is repeated for peers older than RFC 9429.
fn msids(sender: &Transceiver) -> impl Iterator<Item = Msid<'static>> {
    let none = sender.streams.is_empty().then_some("-");
    sender.streams.iter().map(String::as_str).chain(none).map(|stream| Msid {
        stream: stream.to_owned().into(),
        track: Some(sender.track.clone().into()),
    })
}

fn write_format(format: &Format, out: &mut Vec<Attribute<'static>>) {
    let payload_type = format.payload_type;
    let map = |payload_type, encoding: &str, channels| {
        let encoding = encoding.to_owned().into();
        let clock_rate = format.clock_rate;
        Attribute::RtpMap(RtpMap { payload_type, encoding, clock_rate, channels })
    };
    let fmtp = |payload_type: u8, parameters: String| {
        let format = payload_type.to_string().into();
        Attribute::Fmtp(Fmtp { format, parameters: parameters.into() })
    };
    out.push(map(payload_type, &format.name, format.channels));
    for feedback in &format.feedback {
        let feedback = feedback.clone().into();
        let payload_type = Some(payload_type);
        out.push(Attribute::RtcpFeedback(RtcpFeedback { payload_type, feedback }));
    }
    if !format.fmtp.is_empty() {
        out.push(fmtp(payload_type, format.fmtp.clone()));
    }
    if let Some(rtx) = format.rtx {
        out.push(map(rtx, "rtx", None));
        out.push(fmtp(rtx, format!("apt={payload_type}")));
    }
}

/// A section that is refused or switched off.
pub(super) fn dead(kind: &str, protocol: &str, words: &str, mid: Option<&str>) -> Media<'static> {
    let kind = match kind {
        "audio" => MediaKind::Audio,
        "video" => MediaKind::Video,
        "application" => MediaKind::Application,
        other => MediaKind::Other(other.to_owned().into()),
    };
    let is_rtp = kind != MediaKind::Application;
    let words: Words<'static> = words.split(' ').collect();
    let mut media = Media::new(kind, 0, protocol.to_owned(), words);
    media.connections.push(Address::ANY);
    media.attributes.extend(mid.map(|mid| Attribute::Mid(mid.to_owned().into())));
    if is_rtp {
        media.attributes.push(Attribute::Direction(antiphon_sdp::Direction::Inactive));
    }
    media
}

/// Puts sections into a description.
pub(super) fn session(
    settings: &Settings,
    version: u64,
    bundle: &[String],
    ice_options: &[&str],
    media: Vec<Media<'static>>,
) -> String {
    let mut session = SessionDescription::new(Origin {
        username: "-".into(),
        session_id: settings.session_id.to_string().into(),
        session_version: version.to_string().into(),
        //= rfc9429#5.2.1
        // No address here that means something.
        address: Address::ANY,
    });
    if !bundle.is_empty() {
        let mids = bundle.iter().collect();
        session.attributes.push(Attribute::Group(Group { semantics: "BUNDLE".into(), mids }));
    }
    if settings.ice_lite {
        session.attributes.push(Attribute::IceLite);
    }
    if !ice_options.is_empty() {
        session.attributes.push(Attribute::IceOptions(ice_options.iter().collect()));
    }
    session.media = media;
    session.to_string()
}

/// The direction as the sdp crate writes it.
fn wire(direction: Direction) -> antiphon_sdp::Direction {
    antiphon_sdp::Direction::new(direction.sends(), direction.receives())
}

/// The candidate without the name of the attribute.
pub(super) fn bare_candidate(candidate: &str) -> &str {
    let candidate = candidate.strip_prefix("a=").unwrap_or(candidate);
    candidate.strip_prefix("candidate:").unwrap_or(candidate).trim()
}

/// The address that a peer without ICE would use: that of a relay before a reflexive one before a
/// host's, IPv4 first (RFC 8839 section 4.2.1.2). Without one port 9 stands for "not known yet".
fn default_candidate(transport: &LocalTransport) -> (u16, Address<'static>) {
    let mut best: Option<((u8, bool), u16, IpAddr)> = None;
    for candidate in &transport.candidates {
        let words: Vec<&str> = bare_candidate(candidate).split(' ').collect();
        let [_, "1", protocol, _, address, port, "typ", kind, ..] = words.as_slice() else {
            continue;
        };
        let (Ok(address), Ok(port)) = (address.parse::<IpAddr>(), port.parse::<u16>()) else {
            continue;
        };
        let rank = match *kind {
            "relay" => 3_u8,
            "srflx" | "prflx" => 2,
            _ => 1,
        };
        let rank = (rank, address.is_ipv4());
        if protocol.eq_ignore_ascii_case("udp") && best.is_none_or(|(other, ..)| rank > other) {
            best = Some((rank, port, address));
        }
    }
    let Some((_, port, address)) = best else { return (9, Address::ANY) };
    let kind = if address.is_ipv4() { "IP4" } else { "IP6" };
    let address = address.to_string().into();
    (port, Address { network: "IN".into(), kind: kind.into(), address })
}

/// Whether RTP of this kind can stand in such a section.
pub(super) fn fits(kind: Kind, what: What) -> bool {
    what == What::Rtp(kind)
}
