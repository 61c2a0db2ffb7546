//! A candidate as text: what is read is written so that it reads the same, whatever it was.

use antiphon_ice::{Address, Candidate, TcpType};

/// Runs the target over `data`: text, or what comes close to it.
pub fn run(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let Ok(candidate) = text.parse::<Candidate>() else { return };
    assert!((1..=256).contains(&candidate.component));
    assert!((1..=0x7fff_ffff).contains(&candidate.priority));
    assert!((1..=32).contains(&candidate.foundation.as_str().len()));
    let port = match &candidate.addr {
        Address::Ip(addr) => addr.port(),
        Address::Name { port, .. } => *port,
    };
    assert!(port != 0 || candidate.tcp_type == Some(TcpType::Active));
    let written = candidate.to_string();
    assert!(written.starts_with("candidate:") && !written.contains(['\r', '\n']));
    let again: Candidate = written.parse().unwrap();
    assert_eq!(again, candidate);
    assert_eq!(again.to_string(), written);
}
