use std::fmt;

use super::Nat;

/// What a home has of IPv6.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ipv6 {
    /// Nothing.
    #[default]
    None,
    /// Addresses that everybody reaches, behind a filter that lets answers in.
    Working,
    /// Addresses, but a router that swallows everything: the network that makes others wait.
    Broken,
}

/// A home with a router, and one host or two.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Home {
    /// The router's NAT.
    pub nat: Nat,
    /// Whether there is IPv4 at all.
    pub ipv4: bool,
    /// What there is of IPv6.
    pub ipv6: Ipv6,
    /// Whether UDP is dropped, in both families.
    pub blocks_udp: bool,
    /// The only TCP port that the router lets out; `None`: all.
    pub only_tcp_port: Option<u16>,
}

impl Home {
    /// IPv4 behind a NAT.
    #[must_use]
    pub const fn behind(nat: Nat) -> Self {
        Self { nat, ipv4: true, ipv6: Ipv6::None, blocks_udp: false, only_tcp_port: None }
    }

    /// Without UDP.
    #[must_use]
    pub fn without_udp(self) -> Self {
        Self { blocks_udp: true, ..self }
    }

    /// Without UDP, and with TCP to that port only.
    #[must_use]
    pub fn only_tcp_to(self, port: u16) -> Self {
        Self { blocks_udp: true, only_tcp_port: Some(port), ..self }
    }

    /// With IPv6 besides.
    #[must_use]
    pub fn with_ipv6(self, ipv6: Ipv6) -> Self {
        Self { ipv6, ..self }
    }

    /// Without IPv4.
    #[must_use]
    pub fn without_ipv4(self) -> Self {
        Self { ipv4: false, ..self }
    }

    /// The IPv4 address of the router (`place` 1) and of the hosts (from 2 on), and the length of the
    /// network's prefix.
    pub(super) fn ipv4(&self, number: usize, place: usize) -> (String, u8) {
        match self.nat {
            Nat::Open => (format!("198.51.100.{}", 16 * number + place), 28),
            Nat::FullCone | Nat::AddressRestricted | Nat::PortRestricted | Nat::Symmetric => {
                (format!("10.{number}.0.{place}"), 24)
            }
        }
    }

    /// The router's rules.
    pub(super) fn rules(&self, number: usize) -> String {
        let mut rules = self.nat.rules(number);
        let udp = if self.blocks_udp { "meta l4proto udp drop;" } else { "" };
        let tcp = self.only_tcp_port.map_or_else(String::new, |port| {
            format!("iifname lan meta l4proto tcp tcp dport != {port} drop;")
        });
        let broken = match self.ipv6 {
            Ipv6::Broken => "meta nfproto ipv6 drop;",
            Ipv6::None | Ipv6::Working => "",
        };
        rules.push_str(&format!(
            "table inet wall {{\n\
             chain pass {{ type filter hook forward priority 10; {udp} {tcp} {broken}\n\
             meta nfproto ipv6 iifname wan ct state new drop; }}\n\
             }}\n"
        ));
        rules
    }
}

impl fmt::Display for Home {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut words = Vec::new();
        if self.ipv4 {
            words.push(self.nat.to_string());
        }
        match (self.ipv6, self.ipv4) {
            (Ipv6::None, _) => {}
            (Ipv6::Working, true) => words.push("and IPv6".to_owned()),
            (Ipv6::Working, false) => words.push("IPv6 only".to_owned()),
            (Ipv6::Broken, _) => words.push("and broken IPv6".to_owned()),
        }
        if self.blocks_udp {
            words.push("no UDP".to_owned());
        }
        if let Some(port) = self.only_tcp_port {
            words.push(format!("TCP to {port} only"));
        }
        f.pad(&words.join(", "))
    }
}
