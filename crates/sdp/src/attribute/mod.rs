//! Attributes: what a line that begins with `a=` says.

mod dtls;
mod ice;
mod rtp;
mod stream;

use std::borrow::Cow;
use std::fmt;

use nom::character::complete::{u16, u32, u64};

pub use self::dtls::{ConnectionUse, Fingerprint, Setup};
pub use self::ice::{Rtcp, RtcpFeedback, SctpMap};
pub use self::rtp::{Direction, ExtMap, Fmtp, RtpMap, Ssrc, SsrcGroup, fmtp_parameters};
pub use self::stream::{Group, Msid, Rid, RidDirection, Simulcast, SimulcastStreams};
use crate::error::ErrorKind;
use crate::grammar::{self, whole};
use crate::words::Words;

/// One attribute, of the session or of a media section.
///
/// Those that WebRTC uses are typed; any other is [`Other`](Self::Other), kept as written.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Attribute<'a> {
    /// `bundle-only`: nothing without the bundle (RFC 9143).
    BundleOnly,
    /// `candidate`: the value as written, checked against the grammar of RFC 8839.
    Candidate(Cow<'a, str>),
    /// `connection` (RFC 4145).
    Connection(ConnectionUse),
    /// `crypto`: SDES keys, which WebRTC must not use (RFC 4568).
    Crypto(Cow<'a, str>),
    /// `cryptex`: encrypted header extensions (RFC 9335).
    Cryptex,
    /// `sendrecv`, `sendonly`, `recvonly`, `inactive`.
    Direction(Direction),
    /// `end-of-candidates` (RFC 8840).
    EndOfCandidates,
    /// `extmap` (RFC 8285).
    ExtMap(ExtMap<'a>),
    /// `extmap-allow-mixed` (RFC 8285).
    ExtMapAllowMixed,
    /// `fingerprint` (RFC 8122).
    Fingerprint(Fingerprint<'a>),
    /// `fmtp` (RFC 8866).
    Fmtp(Fmtp<'a>),
    /// `framerate` in frames a second, as written (RFC 8866).
    FrameRate(Cow<'a, str>),
    /// `group` (RFC 5888).
    Group(Group<'a>),
    /// `ice-lite` (RFC 8839).
    IceLite,
    /// `ice-mismatch` (RFC 8839).
    IceMismatch,
    /// `ice-options` (RFC 8839).
    IceOptions(Words<'a>),
    /// `ice-pacing` in milliseconds (RFC 8839).
    IcePacing(u32),
    /// `ice-pwd` (RFC 8839).
    IcePwd(Cow<'a, str>),
    /// `ice-ufrag` (RFC 8839).
    IceUfrag(Cow<'a, str>),
    /// `identity` (RFC 8827).
    Identity(Cow<'a, str>),
    /// `imageattr`, as written (RFC 6236).
    ImageAttr(Cow<'a, str>),
    /// `maxptime` in milliseconds, as written (RFC 8866).
    MaxPtime(Cow<'a, str>),
    /// `max-message-size` in bytes, 0 for any (RFC 8841).
    MaxMessageSize(u64),
    /// `mid` (RFC 5888).
    Mid(Cow<'a, str>),
    /// `msid` (RFC 8830).
    Msid(Msid<'a>),
    /// `msid-semantic`, as written; obsolete.
    MsidSemantic(Cow<'a, str>),
    /// `ptime` in milliseconds, as written (RFC 8866).
    Ptime(Cow<'a, str>),
    /// `remote-candidates`, as written (RFC 8839).
    RemoteCandidates(Cow<'a, str>),
    /// `rid` (RFC 8851).
    Rid(Rid<'a>),
    /// `rtcp` (RFC 3605).
    Rtcp(Rtcp<'a>),
    /// `rtcp-fb` (RFC 4585).
    RtcpFeedback(RtcpFeedback<'a>),
    /// `rtcp-mux` (RFC 5761).
    RtcpMux,
    /// `rtcp-mux-only` (RFC 8858).
    RtcpMuxOnly,
    /// `rtcp-rsize` (RFC 5506).
    RtcpRsize,
    /// `rtpmap` (RFC 8866).
    RtpMap(RtpMap<'a>),
    /// `sctp-init`: the writer's INIT chunk in base64, so that SCTP needs no handshake
    /// (draft-hancke-tsvwg-snap).
    SctpInit(Cow<'a, str>),
    /// `sctpmap`, how old peers say `sctp-port`.
    SctpMap(SctpMap<'a>),
    /// `sctp-port` (RFC 8841).
    SctpPort(u16),
    /// `setup` (RFC 4145).
    Setup(Setup),
    /// `simulcast` (RFC 8853).
    Simulcast(Simulcast<'a>),
    /// `ssrc` (RFC 5576).
    Ssrc(Ssrc<'a>),
    /// `ssrc-group` (RFC 5576).
    SsrcGroup(SsrcGroup<'a>),
    /// `tls-id` (RFC 8842).
    TlsId(Cow<'a, str>),
    /// Whatever we have no type for.
    Other {
        /// The attribute's name.
        name: Cow<'a, str>,
        /// What follows the colon, if there is one.
        value: Option<Cow<'a, str>>,
    },
}

/// What the attribute holds when it is of this variant.
macro_rules! as_variant {
    ($attribute:expr, $variant:ident) => {
        if let Attribute::$variant(value) = $attribute { Some(value) } else { None }
    };
}
pub(crate) use as_variant;

/// A name that we know, and its value if that is well-formed.
type Known<'a> = (&'static str, Option<Attribute<'a>>);

impl<'a> Attribute<'a> {
    /// Reads what follows `a=`.
    pub(crate) fn parse(text: &'a str) -> Result<Self, ErrorKind> {
        let (name, value) = match text.split_once(':') {
            Some((name, value)) => (name, Some(value)),
            None => (text, None),
        };
        if let Some((known, attribute)) = property(name) {
            let ok = value.is_none();
            return ok.then_some(attribute).ok_or(ErrorKind::MalformedAttribute(known));
        }
        match transport_value(name, value.unwrap_or_default())
            .or_else(|| media_value(name, value.unwrap_or_default()))
        {
            //= rfc9429#5.8
            // A malformed line spoils the whole description; an unknown attribute does not.
            Some((known, attribute)) => {
                attribute.filter(|_| value.is_some()).ok_or(ErrorKind::MalformedAttribute(known))
            }
            None => {
                whole(grammar::token, name).ok_or(ErrorKind::Malformed('a'))?;
                Ok(Self::Other { name: name.into(), value: value.map(Cow::Borrowed) })
            }
        }
    }
}

/// Attributes without a value.
fn property(name: &str) -> Option<(&'static str, Attribute<'static>)> {
    Some(match name {
        "rtcp-mux" => ("rtcp-mux", Attribute::RtcpMux),
        "rtcp-rsize" => ("rtcp-rsize", Attribute::RtcpRsize),
        "extmap-allow-mixed" => ("extmap-allow-mixed", Attribute::ExtMapAllowMixed),
        "end-of-candidates" => ("end-of-candidates", Attribute::EndOfCandidates),
        "bundle-only" => ("bundle-only", Attribute::BundleOnly),
        "rtcp-mux-only" => ("rtcp-mux-only", Attribute::RtcpMuxOnly),
        "ice-lite" => ("ice-lite", Attribute::IceLite),
        "ice-mismatch" => ("ice-mismatch", Attribute::IceMismatch),
        "cryptex" => ("cryptex", Attribute::Cryptex),
        _ => ("direction", Attribute::Direction(Direction::parse(name)?)),
    })
}

/// Attributes of the transport and of the session as a whole.
fn transport_value<'a>(name: &str, value: &'a str) -> Option<Known<'a>> {
    use Attribute as A;
    Some(match name {
        "candidate" => ("candidate", ice::candidate(value).map(A::Candidate)),
        "fingerprint" => ("fingerprint", Fingerprint::parse(value).map(A::Fingerprint)),
        "ice-ufrag" => ("ice-ufrag", ice::ufrag(value).map(A::IceUfrag)),
        "ice-pwd" => ("ice-pwd", ice::password(value).map(A::IcePwd)),
        "ice-options" => ("ice-options", Words::parse(value).map(A::IceOptions)),
        "ice-pacing" => ("ice-pacing", whole(u32, value).map(A::IcePacing)),
        "setup" => ("setup", Setup::parse(value).map(A::Setup)),
        "mid" => ("mid", dtls::token_text(value).map(A::Mid)),
        "group" => ("group", Group::parse(value).map(A::Group)),
        "sctp-port" => ("sctp-port", whole(u16, value).map(A::SctpPort)),
        "max-message-size" => ("max-message-size", whole(u64, value).map(A::MaxMessageSize)),
        "sctp-init" => ("sctp-init", dtls::base64(value).map(A::SctpInit)),
        "sctpmap" => ("sctpmap", SctpMap::parse(value).map(A::SctpMap)),
        "tls-id" => ("tls-id", dtls::tls_id(value).map(A::TlsId)),
        "identity" => ("identity", dtls::identity(value).map(A::Identity)),
        "connection" => ("connection", ConnectionUse::parse(value).map(A::Connection)),
        "remote-candidates" => {
            ("remote-candidates", ice::remote_candidates(value).map(A::RemoteCandidates))
        }
        "crypto" => ("crypto", Some(A::Crypto(value.into()))),
        "msid-semantic" => ("msid-semantic", Some(A::MsidSemantic(value.into()))),
        _ => return None,
    })
}

/// Attributes of media.
fn media_value<'a>(name: &str, value: &'a str) -> Option<Known<'a>> {
    use Attribute as A;
    Some(match name {
        "rtcp-fb" => ("rtcp-fb", RtcpFeedback::parse(value).map(A::RtcpFeedback)),
        "rtpmap" => ("rtpmap", RtpMap::parse(value).map(A::RtpMap)),
        "fmtp" => ("fmtp", Fmtp::parse(value).map(A::Fmtp)),
        "extmap" => ("extmap", ExtMap::parse(value).map(A::ExtMap)),
        "ssrc" => ("ssrc", Ssrc::parse(value).map(A::Ssrc)),
        "ssrc-group" => ("ssrc-group", SsrcGroup::parse(value).map(A::SsrcGroup)),
        "msid" => ("msid", Msid::parse(value).map(A::Msid)),
        "rtcp" => ("rtcp", Rtcp::parse(value).map(A::Rtcp)),
        "rid" => ("rid", Rid::parse(value).map(A::Rid)),
        "simulcast" => ("simulcast", Simulcast::parse(value).map(A::Simulcast)),
        "ptime" => ("ptime", grammar::decimal(value).map(A::Ptime)),
        "maxptime" => ("maxptime", grammar::decimal(value).map(A::MaxPtime)),
        "framerate" => ("framerate", grammar::decimal(value).map(A::FrameRate)),
        "imageattr" => ("imageattr", Some(A::ImageAttr(value.into()))),
        _ => return None,
    })
}

impl fmt::Display for Attribute<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BundleOnly => f.write_str("bundle-only"),
            Self::Candidate(value) => write!(f, "candidate:{value}"),
            Self::Connection(value) => write!(f, "connection:{value}"),
            Self::Crypto(value) => write!(f, "crypto:{value}"),
            Self::Cryptex => f.write_str("cryptex"),
            Self::Direction(value) => value.fmt(f),
            Self::EndOfCandidates => f.write_str("end-of-candidates"),
            Self::ExtMap(value) => write!(f, "extmap:{value}"),
            Self::ExtMapAllowMixed => f.write_str("extmap-allow-mixed"),
            Self::Fingerprint(value) => write!(f, "fingerprint:{value}"),
            Self::Fmtp(value) => write!(f, "fmtp:{value}"),
            Self::FrameRate(value) => write!(f, "framerate:{value}"),
            Self::Group(value) => write!(f, "group:{value}"),
            Self::IceLite => f.write_str("ice-lite"),
            Self::IceMismatch => f.write_str("ice-mismatch"),
            Self::IceOptions(value) => write!(f, "ice-options:{value}"),
            Self::IcePacing(value) => write!(f, "ice-pacing:{value}"),
            Self::IcePwd(value) => write!(f, "ice-pwd:{value}"),
            Self::IceUfrag(value) => write!(f, "ice-ufrag:{value}"),
            Self::Identity(value) => write!(f, "identity:{value}"),
            Self::ImageAttr(value) => write!(f, "imageattr:{value}"),
            Self::MaxPtime(value) => write!(f, "maxptime:{value}"),
            Self::MaxMessageSize(value) => write!(f, "max-message-size:{value}"),
            Self::Mid(value) => write!(f, "mid:{value}"),
            Self::Msid(value) => write!(f, "msid:{value}"),
            Self::MsidSemantic(value) => write!(f, "msid-semantic:{value}"),
            Self::Ptime(value) => write!(f, "ptime:{value}"),
            Self::RemoteCandidates(value) => write!(f, "remote-candidates:{value}"),
            Self::Rid(value) => write!(f, "rid:{value}"),
            Self::Rtcp(value) => write!(f, "rtcp:{value}"),
            Self::RtcpFeedback(value) => write!(f, "rtcp-fb:{value}"),
            Self::RtcpMux => f.write_str("rtcp-mux"),
            Self::RtcpMuxOnly => f.write_str("rtcp-mux-only"),
            Self::RtcpRsize => f.write_str("rtcp-rsize"),
            Self::RtpMap(value) => write!(f, "rtpmap:{value}"),
            Self::SctpInit(value) => write!(f, "sctp-init:{value}"),
            Self::SctpMap(value) => write!(f, "sctpmap:{value}"),
            Self::SctpPort(value) => write!(f, "sctp-port:{value}"),
            Self::Setup(value) => write!(f, "setup:{value}"),
            Self::Simulcast(value) => write!(f, "simulcast:{value}"),
            Self::Ssrc(value) => write!(f, "ssrc:{value}"),
            Self::SsrcGroup(value) => write!(f, "ssrc-group:{value}"),
            Self::TlsId(value) => write!(f, "tls-id:{value}"),
            Self::Other { name, value: Some(value) } => write!(f, "{name}:{value}"),
            Self::Other { name, value: None } => f.write_str(name),
        }
    }
}
