//! From what is written to what is meant, with an explanation for everything that is wrong.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use toml::Spanned;

use super::error::{ConfigError, Problems};
use super::raw;
use super::{
    Config, Drain, Limits, Listener, Log, LogFormat, Peers, Prefix, Relay, RelayAddress, Tls,
    Transport,
};
use super::{check_auth, check_discovery, value};

/// The realm and SOFTWARE have at most 763 bytes (RFC 8489 sections 14.9 and 14.14); long ones only
/// make answers long.
const LONGEST_NAME: usize = 127;
const MIB: usize = 1 << 20;

pub(super) fn file(file: &Path, text: &str) -> Result<Config, ConfigError> {
    let mut problems = Problems::new(file, text);
    let raw: raw::File = match toml::from_str(text) {
        Ok(raw) => raw,
        Err(error) => {
            problems.at(error.span(), error.message().to_owned());
            problems.finish()?;
            return Err(ConfigError { problems: Vec::new() });
        }
    };
    let folder = file.parent().unwrap_or(Path::new(""));
    let config = config(&mut problems, folder, &raw);
    problems.finish()?;
    Ok(config)
}

fn config(problems: &mut Problems<'_>, folder: &Path, raw: &raw::File) -> Config {
    name(problems, "realm", &raw.realm);
    if let Some(software) = &raw.software {
        name(problems, "software", software);
    }
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let shards = match number(problems, "shards", raw.shards.as_ref(), 0, 0..=256) {
        0 => cores,
        shards => shards,
    };
    let mut listeners = listeners(problems, raw);
    let discovery = raw
        .discovery
        .as_ref()
        .and_then(|raw| check_discovery::discovery(problems, raw, &mut listeners));
    let tls = raw.tls.as_ref().map(|tls| Tls {
        certificate: folder.join(tls.certificate.get_ref()),
        key: folder.join(tls.key.get_ref()),
    });
    let metrics = raw.metrics.as_ref().and_then(|metrics| {
        socket_address(problems, "metrics.listen", &metrics.listen, "127.0.0.1:9641")
    });
    Config {
        realm: raw.realm.get_ref().clone(),
        software: raw.software.as_ref().map(|software| software.get_ref().clone()),
        shards,
        listeners,
        relay: relay(problems, &raw.relay, shards),
        discovery,
        peers: Peers {
            allow: prefixes(problems, "peers.allow", &raw.peers.allow),
            deny: prefixes(problems, "peers.deny", &raw.peers.deny),
            relay_to_relay: raw.peers.relay_to_relay,
        },
        tls,
        auth: check_auth::auth(problems, folder, &raw.auth),
        limits: limits(problems, &raw.limits),
        metrics,
        log: log(problems, &raw.log),
        drain: drain(problems, &raw.drain),
    }
}

pub(super) fn name(problems: &mut Problems<'_>, key: &str, text: &Spanned<String>) {
    let len = text.get_ref().len();
    if len == 0 || len > LONGEST_NAME {
        problems.at(
            Some(text.span()),
            format!("{key}: {len} bytes; allowed: 1 to {LONGEST_NAME} bytes"),
        );
    } else if text.get_ref().contains(['"', '\\']) || text.get_ref().chars().any(char::is_control) {
        problems.at(
            Some(text.span()),
            format!("{key}: quotes, backslashes and control characters are not allowed"),
        );
    }
}

fn number<T>(
    problems: &mut Problems<'_>,
    key: &str,
    value: Option<&Spanned<T>>,
    default: T,
    allowed: std::ops::RangeInclusive<T>,
) -> T
where
    T: Copy + PartialOrd + std::fmt::Display,
{
    let Some(value) = value else { return default };
    if !allowed.contains(value.get_ref()) {
        problems.at(
            Some(value.span()),
            format!(
                "{key}: {}; allowed: {} to {}",
                value.get_ref(),
                allowed.start(),
                allowed.end()
            ),
        );
    }
    *value.get_ref()
}

pub(super) fn duration(
    problems: &mut Problems<'_>,
    key: &str,
    value: Option<&Spanned<String>>,
    default: Duration,
    allowed: std::ops::RangeInclusive<Duration>,
) -> Duration {
    let Some(text) = value else { return default };
    match value::duration(text.get_ref()) {
        Ok(duration) if allowed.contains(&duration) => duration,
        Ok(duration) => {
            problems.at(
                Some(text.span()),
                format!(
                    "{key}: {duration:?}; allowed: {:?} to {:?}",
                    allowed.start(),
                    allowed.end()
                ),
            );
            default
        }
        Err(what) => {
            problems.at(Some(text.span()), format!("{key}: {what}"));
            default
        }
    }
}

fn socket_address(
    problems: &mut Problems<'_>,
    key: &str,
    text: &Spanned<String>,
    example: &str,
) -> Option<SocketAddr> {
    let parsed = text.get_ref().parse().ok();
    if parsed.is_none() {
        problems.at(
            Some(text.span()),
            format!(
                "{key}: {:?} is no address with a port: write it as {example} or [::]:3478",
                text.get_ref()
            ),
        );
    }
    parsed
}

fn prefixes(problems: &mut Problems<'_>, key: &str, texts: &[Spanned<String>]) -> Vec<Prefix> {
    let mut prefixes = Vec::new();
    for text in texts {
        match value::prefix(text.get_ref()) {
            Ok(prefix) => prefixes.push(prefix),
            Err(what) => problems.at(Some(text.span()), format!("{key}: {what}")),
        }
    }
    prefixes
}

fn listeners(problems: &mut Problems<'_>, raw: &raw::File) -> Vec<Listener> {
    if raw.listen.is_empty() {
        problems.whole("no [[listen]]: nobody could reach the server; write one at least");
    }
    let mut listeners: Vec<Listener> = Vec::new();
    for listen in &raw.listen {
        let name = listen.transport.get_ref();
        let transport = Transport::ALL.into_iter().find(|transport| transport.name() == name);
        if transport.is_none() {
            problems.at(
                Some(listen.transport.span()),
                format!("listen.transport: {name:?}; allowed: \"udp\", \"tcp\", \"tls\", \"dtls\""),
            );
        }
        let address = socket_address(problems, "listen.address", &listen.address, "0.0.0.0:3478");
        let (Some(transport), Some(address)) = (transport, address) else { continue };
        if transport.is_secure() && raw.tls.is_none() {
            problems.at(
                Some(listen.transport.span()),
                format!("listen.transport: {name:?} needs a certificate: write a section [tls]"),
            );
        }
        let datagrams = |transport| matches!(transport, Transport::Udp | Transport::Dtls);
        let clash = listeners.iter().any(|other| {
            other.address == address && datagrams(other.transport) == datagrams(transport)
        });
        // Port 0 is a different port each time.
        if clash && address.port() != 0 {
            problems.at(
                Some(listen.address.span()),
                format!("listen.address: {address} is taken by an earlier [[listen]]"),
            );
        }
        listeners.push(Listener { transport, address });
    }
    listeners
}

fn relay(problems: &mut Problems<'_>, raw: &raw::Relay, shards: usize) -> Relay {
    let mut addresses: Vec<RelayAddress> = Vec::new();
    for text in raw.addresses.get_ref() {
        let span = Some(text.span());
        let Some(address) = relay_address(problems, text) else { continue };
        if addresses.iter().any(|other| other.local.is_ipv4() == address.local.is_ipv4()) {
            problems.at(span, "relay.addresses: one address per family at most");
            continue;
        }
        addresses.push(address);
    }
    if raw.addresses.get_ref().is_empty() {
        problems.at(
            Some(raw.addresses.span()),
            "relay.addresses: empty; allowed: an IPv4 address, an IPv6 address, or both",
        );
    }
    let mut ports = 49152..=65535;
    if let Some(text) = &raw.ports {
        match value::ports(text.get_ref()) {
            Ok(range) => ports = range,
            Err(what) => problems.at(Some(text.span()), format!("relay.ports: {what}")),
        }
    }
    let count = ports.len();
    if count < shards.saturating_mul(2) {
        problems.at(
            raw.ports.as_ref().map(Spanned::span),
            format!("relay.ports: {count} ports for {shards} shards; each needs two at least"),
        );
    }
    Relay {
        addresses,
        ports,
        tcp: raw.tcp,
        mobility: raw.mobility,
        wide_channels: raw.wide_channels,
        port_rest: duration(
            problems,
            "relay.port_rest",
            raw.port_rest.as_ref(),
            Duration::from_secs(120),
            Duration::ZERO..=Duration::from_secs(3600),
        ),
        socket_buffer_bytes: number(
            problems,
            "relay.socket_buffer_bytes",
            raw.socket_buffer_bytes.as_ref(),
            4 * MIB,
            64 * 1024..=256 * MIB,
        ),
    }
}

/// `192.0.2.1`, or `10.0.0.5 as 192.0.2.1` behind a NAT.
fn relay_address(problems: &mut Problems<'_>, text: &Spanned<String>) -> Option<RelayAddress> {
    let written = text.get_ref();
    let (local, public) = written.split_once(" as ").unwrap_or((written, written));
    let (Ok(local), Ok(public)) = (local.trim().parse::<IpAddr>(), public.trim().parse::<IpAddr>())
    else {
        problems.at(
            Some(text.span()),
            format!(
                "relay.addresses: {written:?} is no address: write it as 192.0.2.1, or as \
                 \"10.0.0.5 as 192.0.2.1\" where a NAT maps one to the other"
            ),
        );
        return None;
    };
    if local.is_ipv4() != public.is_ipv4() {
        problems.at(Some(text.span()), "relay.addresses: both have to be of one family");
        return None;
    }
    if public.is_unspecified() || public.is_multicast() {
        problems.at(
            Some(text.span()),
            format!("relay.addresses: {public} is no address that a peer can send to"),
        );
        return None;
    }
    Some(RelayAddress { local, public })
}

fn limits(problems: &mut Problems<'_>, raw: &raw::Limits) -> Limits {
    let many = 10_000_000;
    let kbit = number(
        problems,
        "limits.bandwidth_kbit_per_second",
        raw.bandwidth_kbit_per_second.as_ref(),
        0,
        0..=100_000_000,
    );
    Limits {
        allocations: number(
            problems,
            "limits.allocations",
            raw.allocations.as_ref(),
            100_000,
            1..=many,
        ),
        allocations_per_user: number(
            problems,
            "limits.allocations_per_user",
            raw.allocations_per_user.as_ref(),
            0,
            0..=many,
        ),
        bandwidth_bits_per_second: kbit.saturating_mul(1000),
        lifetime: duration(
            problems,
            "limits.lifetime",
            raw.lifetime.as_ref(),
            Duration::from_secs(3600),
            Duration::from_secs(600)..=Duration::from_secs(86_400),
        ),
        unauthenticated_per_second: number(
            problems,
            "limits.unauthenticated_per_second",
            raw.unauthenticated_per_second.as_ref(),
            50,
            1..=1_000_000,
        ),
        connections: number(
            problems,
            "limits.connections",
            raw.connections.as_ref(),
            100_000,
            1..=many,
        ),
        connections_per_address: number(
            problems,
            "limits.connections_per_address",
            raw.connections_per_address.as_ref(),
            1000,
            1..=many,
        ),
        idle: duration(
            problems,
            "limits.idle",
            raw.idle.as_ref(),
            Duration::from_secs(10),
            Duration::from_secs(1)..=Duration::from_secs(10),
        ),
    }
}

fn log(problems: &mut Problems<'_>, raw: &raw::Log) -> Log {
    let format = match raw.format.as_ref().map(|format| (format.get_ref().as_str(), format.span()))
    {
        None | Some(("text", _)) => LogFormat::Text,
        Some(("json", _)) => LogFormat::Json,
        Some((other, span)) => {
            problems.at(Some(span), format!("log.format: {other:?}; allowed: \"text\", \"json\""));
            LogFormat::Text
        }
    };
    let mut level = "info".to_owned();
    if let Some(text) = &raw.level {
        let parsed: Result<tracing_subscriber::EnvFilter, _> = text.get_ref().parse();
        if let Err(error) = parsed {
            problems.at(
                Some(text.span()),
                format!(
                    "log.level: {error}; allowed: \"error\", \"warn\", \"info\", \"debug\", \
                     \"trace\", or one of them per module"
                ),
            );
        }
        level.clone_from(text.get_ref());
    }
    Log { format, level }
}

fn drain(problems: &mut Problems<'_>, raw: &raw::Drain) -> Drain {
    let mut alternate: Vec<SocketAddr> = Vec::new();
    for text in &raw.alternate {
        let address = socket_address(problems, "drain.alternate", text, "192.0.2.2:3478");
        let Some(address) = address else { continue };
        if alternate.iter().any(|other| other.is_ipv4() == address.is_ipv4()) {
            problems.at(Some(text.span()), "drain.alternate: one address per family at most");
        }
        alternate.push(address);
    }
    let redirect = raw.redirect.unwrap_or(false);
    if redirect && alternate.is_empty() {
        problems.whole("drain.redirect: true, but drain.alternate names no server");
    }
    Drain {
        limit: duration(
            problems,
            "drain.limit",
            raw.limit.as_ref(),
            Duration::from_secs(300),
            Duration::ZERO..=Duration::from_secs(86_400),
        ),
        alternate,
        redirect,
    }
}
