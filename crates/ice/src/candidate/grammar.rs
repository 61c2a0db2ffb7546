//! The `candidate` attribute as text: RFC 8839 section 5.1, RFC 6544 section 4.5.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

use thiserror::Error;

use super::{Address, Candidate, CandidateKind, Protocol, TcpType, is_ice_char};

/// Longer lines are refused unread.
const MAX_LEN: usize = 1024;
/// The longest name in DNS.
const MAX_NAME: usize = 255;
/// What hides a related address (RFC 8839 section 5.1).
const HIDDEN_PORT: u16 = 9;

/// Why a text is not a candidate that we understand. Ignore the candidate, not its description.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ParseCandidateError {
    /// The text is too long to be a candidate.
    #[error("{len} bytes are too long for a candidate, the limit is {limit}")]
    TooLong {
        /// Bytes given.
        len: usize,
        /// Bytes allowed.
        limit: usize,
    },
    /// The text ends before this field.
    #[error("the candidate ends before its {field}")]
    Missing {
        /// The field's name.
        field: &'static str,
    },
    /// A foundation is 1 to 32 letters, digits, `+` and `/`.
    #[error("a foundation of {len} bytes that is too long, empty or has other characters")]
    Foundation {
        /// Bytes of the foundation.
        len: usize,
    },
    /// Components go from 1 to 256.
    #[error("the component is no number from 1 to 256")]
    Component,
    /// Neither UDP nor TCP.
    #[error("unknown transport protocol")]
    Protocol,
    /// Priorities go from 1 to 2^31-1.
    #[error("the priority is no number from 1 to 2^31-1")]
    Priority,
    /// Neither an IP address nor a name.
    #[error("neither an IP address nor a name")]
    Address,
    /// Ports go from 1 to 65535; 0 is for active TCP candidates only.
    #[error("the port is no number from 1 to 65535")]
    Port,
    /// Not `host`, `srflx`, `prflx` or `relay`.
    #[error("unknown candidate type")]
    Kind,
    /// `raddr` or `rport` without a value.
    #[error("the related address is incomplete")]
    Related,
    /// Not `active`, `passive` or `so`.
    #[error("unknown TCP type")]
    TcpType,
    /// Not 4 to 256 letters, digits, `+` and `/`.
    #[error("a ufrag of {len} bytes that is too long, too short or has other characters")]
    Ufrag {
        /// Bytes of the ufrag.
        len: usize,
    },
}

impl FromStr for Candidate {
    type Err = ParseCandidateError;

    fn from_str(text: &str) -> Result<Self, ParseCandidateError> {
        if text.len() > MAX_LEN {
            return Err(ParseCandidateError::TooLong { len: text.len(), limit: MAX_LEN });
        }
        let text = text.strip_prefix("a=").unwrap_or(text);
        let text = text.strip_prefix("candidate:").unwrap_or(text);
        let mut words = text.split_ascii_whitespace();
        let mut next = |field| words.next().ok_or(ParseCandidateError::Missing { field });

        let foundation = next("foundation")?.parse()?;
        let component = number(next("component")?)
            .filter(|component| (1..=256).contains(component))
            .and_then(|component| u16::try_from(component).ok())
            .ok_or(ParseCandidateError::Component)?;
        let protocol = protocol(next("transport")?)?;
        let priority = number(next("priority")?)
            .filter(|priority| (1..=0x7fff_ffff).contains(priority))
            .ok_or(ParseCandidateError::Priority)?;
        let host = next("address")?;
        let port = number(next("port")?)
            .and_then(|port| u16::try_from(port).ok())
            .ok_or(ParseCandidateError::Port)?;
        if next("type")? != "typ" {
            return Err(ParseCandidateError::Missing { field: "type" });
        }
        let kind = kind(next("type")?)?;
        let extensions = Extensions::parse(words)?;
        if port == 0 && extensions.tcp_type != Some(TcpType::Active) {
            return Err(ParseCandidateError::Port);
        }
        Ok(Self {
            foundation,
            component,
            protocol,
            priority,
            addr: address(host, port)?,
            kind,
            related: extensions.related(),
            tcp_type: extensions.tcp_type,
            ufrag: extensions.ufrag,
        })
    }
}

/// What follows the type, in any order.
#[derive(Default)]
struct Extensions {
    related_ip: Option<IpAddr>,
    related_port: Option<u16>,
    tcp_type: Option<TcpType>,
    ufrag: Option<String>,
}

impl Extensions {
    fn parse<'a>(mut words: impl Iterator<Item = &'a str>) -> Result<Self, ParseCandidateError> {
        let mut found = Self::default();
        while let Some(name) = words.next() {
            let value = words.next();
            match (name, value) {
                ("raddr", Some(value)) => found.related_ip = value.parse().ok(),
                ("rport", Some(value)) => {
                    let port = number(value).and_then(|port| u16::try_from(port).ok());
                    found.related_port = Some(port.ok_or(ParseCandidateError::Related)?);
                }
                ("raddr" | "rport", None) => return Err(ParseCandidateError::Related),
                ("tcptype", Some(value)) => found.tcp_type = Some(tcp_type(value)?),
                ("tcptype", None) => return Err(ParseCandidateError::TcpType),
                ("ufrag", Some(value)) => found.ufrag = Some(ufrag(value)?),
                //= rfc8839#5.1
                // An agent ignores extensions that it does not understand.
                _ => {}
            }
        }
        Ok(found)
    }

    /// The related address, unless it is absent or hidden.
    fn related(&self) -> Option<SocketAddr> {
        let ip = self.related_ip.filter(|ip| !ip.is_unspecified())?;
        Some(SocketAddr::new(ip, self.related_port?))
    }
}

/// Up to ten digits.
fn number(text: &str) -> Option<u32> {
    if text.len() > 10 || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    text.parse().ok()
}

fn protocol(text: &str) -> Result<Protocol, ParseCandidateError> {
    if text.eq_ignore_ascii_case("udp") {
        Ok(Protocol::Udp)
    } else if text.eq_ignore_ascii_case("tcp") {
        Ok(Protocol::Tcp)
    } else {
        Err(ParseCandidateError::Protocol)
    }
}

fn kind(text: &str) -> Result<CandidateKind, ParseCandidateError> {
    [
        CandidateKind::Host,
        CandidateKind::ServerReflexive,
        CandidateKind::PeerReflexive,
        CandidateKind::Relayed,
    ]
    .into_iter()
    .find(|kind| kind.name() == text)
    .ok_or(ParseCandidateError::Kind)
}

fn tcp_type(text: &str) -> Result<TcpType, ParseCandidateError> {
    [TcpType::Active, TcpType::Passive, TcpType::SimultaneousOpen]
        .into_iter()
        .find(|tcp_type| tcp_type.name() == text)
        .ok_or(ParseCandidateError::TcpType)
}

fn ufrag(text: &str) -> Result<String, ParseCandidateError> {
    if (4..=256).contains(&text.len()) && text.bytes().all(is_ice_char) {
        Ok(text.to_owned())
    } else {
        Err(ParseCandidateError::Ufrag { len: text.len() })
    }
}

fn address(host: &str, port: u16) -> Result<Address, ParseCandidateError> {
    if let Ok(ip) = host.parse::<IpAddr>() {
        return Ok(Address::Ip(SocketAddr::new(ip, port)));
    }
    let is_name = host.len() <= MAX_NAME
        && host
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_'))
        && host.bytes().any(|byte| byte.is_ascii_alphabetic());
    if is_name {
        Ok(Address::Name { host: host.to_owned(), port })
    } else {
        Err(ParseCandidateError::Address)
    }
}

/// Whether `host` is a name that hides an address: a random UUID and `.local`, nothing else.
///
/// Other names of the local network belong to machines that have nothing to do with us; a peer must
/// not make us look for them.
pub(crate) fn is_mdns_name(host: &str) -> bool {
    let Some((uuid, local)) = host.split_at_checked(36) else { return false };
    local.eq_ignore_ascii_case(".local")
        && uuid.bytes().enumerate().all(|(place, byte)| match place {
            8 | 13 | 18 | 23 => byte == b'-',
            14 => byte == b'4',
            19 => matches!(byte.to_ascii_lowercase(), b'8' | b'9' | b'a' | b'b'),
            _ => byte.is_ascii_hexdigit(),
        })
}

impl fmt::Display for Candidate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { foundation, component, priority, .. } = self;
        let protocol = match self.protocol {
            Protocol::Udp => "udp",
            Protocol::Tcp => "tcp",
        };
        write!(f, "candidate:{foundation} {component} {protocol} {priority} ")?;
        match &self.addr {
            Address::Ip(addr) => write!(f, "{} {}", addr.ip(), addr.port())?,
            Address::Name { host, port } => write!(f, "{host} {port}")?,
        }
        write!(f, " typ {}", self.kind.name())?;
        match (self.kind, self.related) {
            (CandidateKind::Host, None) => {}
            (_, Some(related)) => write!(f, " raddr {} rport {}", related.ip(), related.port())?,
            //= rfc8839#5.1
            // Reflexive and relayed candidates always carry a related address; one that is hidden
            // is all zeros with port 9.
            (_, None) => write!(f, " raddr {} rport {HIDDEN_PORT}", self.hidden())?,
        }
        if let Some(tcp_type) = self.tcp_type {
            write!(f, " tcptype {}", tcp_type.name())?;
        }
        if let Some(ufrag) = &self.ufrag {
            write!(f, " ufrag {ufrag}")?;
        }
        Ok(())
    }
}

impl Candidate {
    /// The unspecified address of this candidate's family.
    fn hidden(&self) -> IpAddr {
        match self.addr.socket_addr() {
            Some(SocketAddr::V6(_)) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
            Some(SocketAddr::V4(_)) | None => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_random_uuids_are_names_of_mdns() {
        for name in [
            "1f4712db-ea17-4bcf-a596-105139dfd8bf.local",
            "1F4712DB-EA17-4BCF-A596-105139DFD8BF.LOCAL",
        ] {
            assert!(is_mdns_name(name), "{name}");
        }
        for name in [
            "printer.local",
            "1f4712db-ea17-1bcf-a596-105139dfd8bf.local", // version 1 tells the machine's address
            "1f4712db-ea17-4bcf-c596-105139dfd8bf.local",
            "1f4712db-ea17-4bcf-a596-105139dfd8bf.example",
            "a.1f4712db-ea17-4bcf-a596-105139dfd8bf.local",
            "1f4712db-ea17-4bcf-a596-105139dfd8bf.local.",
            "1f4712dbea174bcfa596105139dfd8bf----.local",
            "",
        ] {
            assert!(!is_mdns_name(name), "{name}");
        }
    }
}
